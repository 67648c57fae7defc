"""How everything here is measured: interleaved batches, CPU time of this thread, minima.

Knows callables only. Must never know what they do.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping

__all__ = ["interleaved"]


def interleaved(
    cases: Mapping[str, Callable[[], object]], *, batch: int = 1000, rounds: int = 150
) -> dict[str, float]:
    """The cost of one call of each case in us: the minimum over ``rounds`` batches of each.

    The cases take turns batch by batch, so that a slow spell of the machine hits all of them.
    """
    best = dict.fromkeys(cases, float("inf"))
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, case in cases.items():
                started = time.thread_time_ns()
                for _ in range(batch):
                    case()
                best[name] = min(best[name], (time.thread_time_ns() - started) / batch / 1000)
    finally:
        gc.enable()
    return best
