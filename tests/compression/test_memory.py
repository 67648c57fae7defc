"""Memory of open streams, by the benchmark that the docs quote: a bound, not a figure.

Knows Linux's account of a process. Must never measure in the process that runs the tests.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.compression.parts import each

pytest.importorskip("starlette", reason="the benchmark compares with Starlette's")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux tells")
@pytest.mark.parametrize("coding", each("gzip", "zstd"))
def test_live_streams(coding):
    """A hundred take little each, and one that does not end takes no more in time."""
    # compression 33, compression decision 7
    command = [sys.executable, "-m", "tests.benchmarks.compression", coding, "100"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    each_kib, added_kib = map(int, done.stdout.split())

    assert each_kib < 150
    assert added_kib < 2048
