"""Settings: what is refused, in which words, and that all of it is told at once.

Knows problems as values. Must never make a request.
"""

import pytest

import dualware.asgi
import dualware.wsgi
from dualware import SettingsError, load
from dualware.core import checks
from dualware.core.compression import gzip
from dualware.middleware.compression import CODINGS, Compression, GZip
from dualware.middleware.compression.settings import LIBRARIES
from tests.compression.parts import World


def problems(settings):
    """What is wrong with these settings: code, place, sentence, hint."""
    with pytest.raises(SettingsError) as raised:
        load(settings)
    return [(each.code, each.path, each.sentence, each.hint) for each in raised.value.problems]


@pytest.mark.parametrize(
    ("word", "options", "code", "path"),
    [
        ("gzip", {"minimum_size": -1}, "DW106", "minimum_size"),
        ("gzip", {"minimum_size": "500"}, "DW104", "minimum_size"),
        ("gzip", {"compresslevel": 0}, "DW106", "compresslevel"),
        ("gzip", {"compresslevel": 10}, "DW106", "compresslevel"),
        ("gzip", {"backend": "zlibng"}, "DW106", "backend"),
        ("gzip", {"preset": "tiny"}, "DW106", "preset"),
        ("gzip", {"max_block_ms": 0}, "DW106", "max_block_ms"),
        ("gzip", {"max_block_ms": float("inf")}, "DW106", "max_block_ms"),
        ("gzip", {"breach_padding": 257}, "DW106", "breach_padding"),
        ("gzip", {"breach_padding": -1}, "DW106", "breach_padding"),
        ("gzip", {"exclude_content_types": "image/*"}, "DW104", "exclude_content_types"),
        ("gzip", {"exclude_content_types": ["image"]}, "DW209", "exclude_content_types[0]"),
        ("gzip", {"live_content_types": ["a/b", "*"]}, "DW209", "live_content_types[1]"),
        ("gzip", {"codings": ["gzip"]}, "DW101", "codings"),
        ("gzip", {"minimumsize": 1}, "DW101", "minimumsize"),
        ("compression", {"codings": []}, "DW106", "codings"),
        ("compression", {"codings": ["brotli"]}, "DW106", "codings[0]"),
        ("compression", {"codings": "gzip"}, "DW104", "codings"),
        ("compression", {"zstd_level": 20}, "DW106", "zstd_level"),
        ("compression", {"zstd_level": 0}, "DW106", "zstd_level"),
        ("compression", {"brotli_quality": 12}, "DW106", "brotli_quality"),
        ("compression", {"brotli_quality": -1}, "DW106", "brotli_quality"),
    ],
)
def test_refused(word, options, code, path):
    """Out of range, unknown or of another type: at construction, by its name."""
    # compression 13
    assert [(code, f"{word}.{path}")] == [each[:2] for each in problems({word: options})]


def test_all_at_once():
    """Each problem of each middleware."""
    # compression 13
    found = problems(
        {
            "compression": {"codings": ["gzp"], "minimum_size": -1, "zstd_level": 99},
            "timing": {"metrc": "a"},
        }
    )

    assert ["DW106", "DW106", "DW106", "DW101"] == sorted(
        (each[0] for each in found), key=lambda code: code != "DW106"
    )
    assert any("did you mean 'gzip'?" in hint for *_, hint in found)


def test_both_words():
    """gzip is a form of compression."""
    assert [
        (
            "DW203",
            "gzip",
            "gzip and compression exclude each other",
            "gzip is a form of compression: name one of them",
        )
    ] == problems({"gzip": True, "compression": {}})


@pytest.mark.parametrize("more", [{"backend": "zlib"}, {"compresslevel": 9}])
def test_a_preset_stands_alone(more):
    """It is a backend and a level."""
    # compression decision 2
    ((code, path, _, hint),) = problems({"gzip": {"preset": "small", **more}})

    assert ("DW203", "gzip") == (code, path)
    assert "leave backend and compresslevel out" in hint


@pytest.mark.parametrize(
    ("backend", "extra"), [("isal", "fast"), ("zlib-ng", "fast"), ("libdeflate", "small")]
)
def test_a_backend_that_is_missing(monkeypatch, backend, extra):
    """Whoever pins a library is told how to get it."""
    # compression 13, compression decision 1
    monkeypatch.setattr(checks, "is_installed", lambda _: False)

    assert [
        (
            "DW208",
            "gzip.backend",
            f"{backend} is not installed",
            f"pip install 'dualware[{extra}]', or write 'auto'",
        )
    ] == problems({"gzip": {"backend": backend}})


@pytest.mark.parametrize("backend", gzip.EXTRAS)
def test_a_backend_that_is_there(monkeypatch, backend):
    """It is taken; what is installed is what can be imported."""
    # compression 13
    assert gzip.is_installed("zlib")
    monkeypatch.setattr(gzip, "optional", lambda name: name)
    monkeypatch.setattr(checks, "is_installed", gzip.is_installed)

    assert backend == checks.installed(backend)


@pytest.mark.parametrize("codings", [["br"], ["zstd"], ["br", "zstd"]])
def test_no_coding_left(monkeypatch, codings):
    """A middleware that could never do anything is a mistake."""
    # compression 13
    for name in ("br", "zstd"):
        monkeypatch.setitem(LIBRARIES, name, lambda: None)
    ((code, path, sentence, hint),) = problems({"compression": {"codings": codings}})

    assert ("DW208", "compression") == (code, path)
    assert "none of the codings is installed" == sentence
    assert "dualware[zstd,brotli]" in hint


@pytest.mark.parametrize("word", ["compression", "gzip"])
def test_defaults(word):
    """True and {} mean them."""
    (one,), (other,) = load({word: True}), load({word: {}})

    assert one.settings == other.settings
    assert (500, 100, 1.0) == (
        one.settings.minimum_size,
        one.settings.breach_padding,
        one.settings.max_block_ms,
    )


def test_order_of_preference():
    """zstd gives most for its time, brotli least."""
    # compression 8, compression decision 3
    assert ("zstd", "br", "gzip") == CODINGS


def test_gzip_is_gzip():
    """Whatever else is installed."""
    assert ["gzip"] == [coding.token for coding in World().gzip()._codings]
    assert "gzip" not in GZip.Settings.model_fields
    assert issubclass(GZip, Compression)


@pytest.mark.parametrize("room", [dualware.asgi, dualware.wsgi])
def test_wrappers(room):
    """Starlette's names where it has them."""

    def app(*_):
        """Nobody calls it."""

    made = room.GZipMiddleware(
        app, minimum_size=1000, compresslevel=5, exclude_content_types=("a/b",)
    )
    (middleware,) = made.stack

    assert (1000, 5, ("a/b",)) == (
        middleware.settings.minimum_size,
        middleware.settings.compresslevel,
        middleware.settings.exclude_content_types,
    )
    assert ["Compression"] == [
        type(each).__name__ for each in room.CompressionMiddleware(app).stack
    ]
