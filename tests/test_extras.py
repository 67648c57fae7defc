"""Extras: here all of them are installed, so that no test is left out unnoticed.

``make test`` runs the tests of compression once more where none is. Must never import a library.
"""

import re
from importlib.metadata import requires
from pathlib import Path

import pytest

from dualware.core.compression import gzip
from tests.compression.parts import LIBRARIES, is_here

ROOT = Path(__file__).parent.parent
EXTRAS = {"isal": "fast", "zlib-ng": "fast", "libdeflate": "small", "zstd": "zstd", "br": "brotli"}


@pytest.mark.parametrize("name", LIBRARIES)
def test_everything_is_here(name):
    """Each library that a coding could use."""
    # compression 13
    assert is_here(name)


def test_extras_are_named_as_told():
    """The hint of a problem names the extra that brings the library."""
    # compression 13
    assert gzip.EXTRAS.items() <= EXTRAS.items()
    brought = {}
    for line in requires("dualware"):
        found = re.match(r"([\w.-]+).*extra == ['\"](\w+)", line)
        if found:
            brought.setdefault(found[2], set()).add(found[1].lower())

    assert {"isal", "zlib-ng", "orjson"} == brought["fast"]
    assert ({"deflate"}, {"brotli"}) == (brought["small"], brought["brotli"])
    assert brought["zstd"] <= {"backports.zstd", "backports-zstd"}


def test_the_bare_environment_has_none():
    """What `make test` makes for it pins no library of an extra."""
    # compression 13
    pinned = (ROOT / "requirements" / "bare.txt").read_text("utf-8").lower()

    for name in ("isal", "zlib-ng", "deflate", "backports", "brotli", "orjson"):
        assert name not in pinned
