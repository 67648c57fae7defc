"""The outside world as one value: clocks, randomness and the place where failures are told.

Knows only the *types* of the effects that the engine and the middleware need. Must never hold a
real clock: `dualware.effects` does, and tests pass their own, so that every figure is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Effects"]


@dataclass(frozen=True, slots=True)
class Effects:
    """What a driver lends to the engine and to the middleware."""

    clock: Callable[[], int]
    """Monotonic time in ns; only differences mean anything (`time.perf_counter_ns`)."""

    cpu_clock: Callable[[], int]
    """CPU time of the calling thread in ns (`time.thread_time_ns`)."""

    now: Callable[[], int]
    """Wall-clock time in ns since the Unix epoch (`time.time_ns`)."""

    random: Callable[[int], bytes]
    """``n`` bytes of randomness that is safe to share across forks (`os.urandom`)."""

    report: Callable[[str, BaseException | None], None]
    """Tell about a failure that must not reach the response: a sentence, and what was raised.

    Implementations limit their rate and never raise.
    """
