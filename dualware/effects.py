"""The real clocks, the real randomness, and the one place where swallowed failures are told.

The only file of the package that touches them. It must never know a middleware: everything here
reaches the rest as an `Effects` value.
"""

from __future__ import annotations

import logging
import os
import time

from dualware.core.effects import Effects

__all__ = ["REAL", "RateLimitedReport"]


class RateLimitedReport:
    """Count every failure, and log at most one a second on the stdlib logger ``dualware``.

    A hostile client must not be able to flood the log through a sink that fails (compare
    CVE-2025-47287), so what was left out is told as a number on the next line.
    """

    __slots__ = ("_logger", "_muted_until", "_unsaid", "count")

    INTERVAL_NS = 1_000_000_000

    def __init__(self) -> None:
        self.count = 0
        """Failures since the process started, logged or not."""
        self._unsaid = 0
        self._muted_until = 0
        self._logger = logging.getLogger("dualware")

    def __call__(self, sentence: str, error: BaseException | None) -> None:
        """Log ``sentence`` with the traceback of ``error``. Never raises (`logging` does not)."""
        self.count += 1
        now = time.monotonic_ns()
        if now < self._muted_until:
            self._unsaid += 1
            return
        unsaid, self._unsaid = self._unsaid, 0
        self._muted_until = now + self.INTERVAL_NS
        more = f" ({unsaid} more since the last such line)" if unsaid else ""
        self._logger.error("%s%s", sentence, more, exc_info=error)


REAL = Effects(
    clock=time.perf_counter_ns,
    cpu_clock=time.thread_time_ns,
    now=time.time_ns,
    random=os.urandom,
    report=RateLimitedReport(),
)
"""The effects that every wrapper uses unless it is given others."""
