"""How everything here is measured: interleaved batches, CPU time of this thread, minima.

Knows callables only. Must never know what they do.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from random import Random
from threading import Thread

__all__ = ["Cost", "above", "interleaved", "on_own_stack"]


class Cost(float):
    """What one call costs in us: the minimum over all batches, which is what ratios are made of."""

    median: float
    """The median over all batches. Where it is far above, the machine had other things to do."""

    @classmethod
    def of(cls, batches: list[float]) -> Cost:
        """The cost that some batches show."""
        cost = cls(min(batches))
        cost.median = statistics.median(batches)
        return cost


def interleaved(
    cases: Mapping[str, Callable[[], object]], *, batch: int = 1000, rounds: int = 150
) -> dict[str, Cost]:
    """The cost of one call of each case in us, over ``rounds`` batches of each.

    The cases take turns batch by batch, so that a slow spell of the machine hits all of them; in
    another order each round, the same in every run, since what a case leaves in memory and caches
    is the next one's to begin with: behind zlib, a batch of isal takes up to 4 % longer.
    """
    batches: dict[str, list[float]] = {name: [] for name in cases}
    order, shuffle = list(cases.items()), Random(0).shuffle
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            shuffle(order)
            for name, case in order:
                started = time.thread_time_ns()
                for _ in range(batch):
                    case()
                batches[name].append((time.thread_time_ns() - started) / batch / 1000)
    finally:
        gc.enable()
    return {name: Cost.of(each) for name, each in batches.items()}


def above(cost: Mapping[str, Cost], name: str, other: str, bare: str = "bare") -> tuple[float, ...]:
    """What ``name`` adds to ``bare``, over what ``other`` adds: by minima, and by medians."""
    medians = (cost[name].median - cost[bare].median) / (cost[other].median - cost[bare].median)
    return (cost[name] - cost[bare]) / (cost[other] - cost[bare]), medians


def on_own_stack(function: Callable[[], None]) -> None:
    """Call ``function`` in a thread of its own, and wait for it.

    CPython keeps frames in chunks of 16 KiB. What is called over and over across the border of
    two of them pays for a new chunk each time, two or three times its own cost: a figure must not
    depend on how deep its caller stands.
    """
    raised: list[BaseException] = []

    def call() -> None:
        try:
            function()
        except BaseException as error:  # noqa: BLE001 - the caller raises it again
            raised.append(error)

    thread = Thread(target=call)
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
