"""The real effects: the right clocks, and a report that no client can flood.

Knows `dualware.effects`. Must never wait: time is what the test says.
"""

import logging
import os
import threading
import time

import pytest

import dualware.effects as effects_module
from dualware.effects import REAL, RateLimitedReport


@pytest.fixture
def clock(monkeypatch):
    """The time in ns, as a list of one number."""
    now = [1]
    monkeypatch.setattr(effects_module.time, "monotonic_ns", lambda: now[0])
    return now


def test_the_real_effects():
    """The standard library's own functions: nothing of ours stands between."""
    assert (time.perf_counter_ns, time.thread_time_ns, time.time_ns, os.urandom) == (
        REAL.clock,
        REAL.cpu_clock,
        REAL.now,
        REAL.random,
    )
    assert RateLimitedReport is type(REAL.report)


def test_a_report(clock, caplog):
    """One line with the traceback, on the logger "dualware"."""
    report = RateLimitedReport()
    error = ValueError("sink")
    report("the middleware X failed", error)
    ((name, level, message),) = caplog.record_tuples

    assert ("dualware", logging.ERROR, "the middleware X failed") == (name, level, message)
    assert error is caplog.records[0].exc_info[1]
    assert 1 == report.count


def test_a_report_without_an_error(clock, caplog):
    """There need not be one; no traceback is made up."""
    RateLimitedReport()("something is odd", None)

    assert ["something is odd"] == caplog.messages
    assert not caplog.records[0].exc_info


def test_reports_are_limited(clock, caplog):
    """One line a second; the next one says how many were left out; all are counted."""
    report = RateLimitedReport()
    report("a", None)
    for moment in (1, 2, RateLimitedReport.INTERVAL_NS):
        clock[0] = moment
        report("b", None)
    clock[0] += 1
    report("c", None)
    clock[0] += RateLimitedReport.INTERVAL_NS
    report("d", None)

    assert ["a", "c (3 more since the last such line)", "d"] == caplog.messages
    assert 6 == report.count


def test_reports_of_many_threads_are_all_counted(clock, caplog):
    """No lock is needed for a number that is only told."""
    report = RateLimitedReport()
    threads = [threading.Thread(target=report, args=("a", None)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 8 == report.count
    assert ["a"] == caplog.messages
