"""What the benchmark over loopback counts with: wrk's output, the processes of a server, ratios.

Must never start a server, nor load anything.
"""

import os
import subprocess
import sys
import time

import pytest

from tests.benchmarks import processes, wrk
from tests.benchmarks.loopback import Slices

CLEAN = """\
Running 1s test @ http://127.0.0.1:8000/small
  1 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   551.11us  100.50us   2.19ms   85.17%
    Req/Sec    14.54k     0.86k   16.01k    70.00%
  14490 requests in 1.00s, 2.10MB read
Requests/sec:  14486.32
Transfer/sec:      2.10MB
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="read from Linux's /proc")


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("1.00s", 1.0), ("998.50ms", 0.9985), ("2.50m", 150.0), ("120.00us", 0.00012)],
)
def test_what_wrk_counted(told, seconds):
    """Answers, and their time in seconds, whatever unit wrk finds fit."""
    load = wrk.parse(CLEAN.replace("1.00s", told))

    assert load.requests == 14490
    assert load.seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    "told",
    [
        "",
        "unable to connect to 127.0.0.1:8000 Connection refused\n",
        CLEAN.replace("14490 requests", "0 requests"),
        CLEAN + "  Non-2xx or 3xx responses: 3\n",
        CLEAN + "  Socket errors: connect 0, read 2, write 0, timeout 0\n",
    ],
)
def test_errors_are_no_answers(told):
    """A run with an error in it counts nothing: what would be measured is the error."""
    with pytest.raises(ValueError, match="No clean run of wrk"):
        wrk.parse(told)


def test_family_is_all_that_descend(tmp_path):
    """A server's workers are children of whichever thread of it forked them."""
    for process, thread, children in [
        (10, 10, "20 "),
        (10, 11, "21 22 "),
        (20, 20, ""),
        (21, 21, "30"),
        (30, 30, ""),
    ]:
        folder = tmp_path / str(process) / "task" / str(thread)
        folder.mkdir(parents=True)
        (folder / "children").write_text(children, encoding="ascii")

    # 22 ended meanwhile.
    assert sorted(processes.family(10, tmp_path)) == [10, 20, 21, 30]
    assert processes.family(99, tmp_path) == []


@linux
def test_cpu_time_is_that_of_the_process():
    """In ns, and the same time that the process itself sees."""
    before = processes.cpu_ns(os.getpid())
    started = time.process_time_ns()
    while (own := time.process_time_ns() - started) < 20_000_000:
        pass
    found = processes.cpu_ns(os.getpid()) - before

    # One reading stands around the other.
    assert own <= found < 2 * own
    assert os.getpid() in processes.family(os.getpid())


@linux
def test_cpu_time_of_nobody():
    """A process that has ended is an error, not a time of zero."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    with pytest.raises(ProcessLookupError):
        processes.cpu_ns(ended.pid)


def test_ratios():
    """Whole, above the bare application, and of requests per second."""
    slices = Slices()
    for side, costs in {"bare": (9, 10, 12), "ours": (25, 30, 21), "peers": (60, 50, 42)}.items():
        for cost in costs:
            slices.add(side, cost * 100, wrk.Load(100, cost / 1000))

    assert slices.minima() == pytest.approx((21 / 42, (21 - 9) / (42 - 9), 42 / 21))
    # Of each figure the median turn: the last, the first, the last.
    assert slices.medians() == pytest.approx((21 / 42, (25 - 9) / (60 - 9), 42 / 21))
