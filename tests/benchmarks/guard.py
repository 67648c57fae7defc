"""The stack of five, cheap enough to be looked at with every change: calls, and a coarse ratio.

How many functions of ours one exchange calls is the same in every run, on every machine, and says
most of what the exchange costs. ``python -m tests.benchmarks.guard`` tells both as JSON, in a
process in which nothing else is traced. Knows the cases. Must never judge: `tests/test_cost.py`
does.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import structlog

import dualware
from tests.benchmarks.exchanges import CASES
from tests.benchmarks.measure import above, interleaved, on_own_stack
from tests.benchmarks.recipe import recipe
from tests.benchmarks.stacks import SIDES

__all__ = ["RATIOS", "calls", "ratios"]

RATIOS = ("small", "preflight", "stream, identity", "10 KB, gzip")
"""The cases of which a ratio is taken."""

_OURS = str(Path(dualware.__file__).parent)


def calls() -> dict[str, dict[str, int]]:
    """Protocol → case → calls of our functions in one exchange, resumed generators included."""
    found: dict[str, dict[str, int]] = {}
    for side in SIDES:
        counts = found[side.name] = {}
        for name, case in CASES.items():
            call = side.call(side.stack(side.app(case)), case)
            # What is looked up for the first time is remembered then.
            call()
            call()
            counts[name] = _counted(call)
    return found


def _counted(call: Any) -> int:
    count = 0

    def profile(frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        if event == "call" and frame.f_code.co_filename.startswith(_OURS):
            count += 1

    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(None)
    return count


def ratios() -> dict[str, dict[str, float]]:
    """Protocol → case → what the stack adds, over what the function fused by hand adds."""
    found: dict[str, dict[str, float]] = {}
    for side in SIDES:
        told = found[side.name] = {}
        for name in RATIOS:
            case = CASES[name]
            app = side.app(case)
            made = {"bare": app, "ours": side.stack(app), "limit": side.limited(app)}
            ready = {each: side.call(made[each], case) for each in made}
            batch = max(5, case.batch // 5)
            told[name] = above(interleaved(ready, batch=batch, rounds=20), "ours", "limit")[0]
    return found


def main() -> None:
    """Tell both."""
    recipe()
    told: dict[str, Any] = {}

    def run() -> None:
        told.update(calls=calls(), ratios=ratios())

    on_own_stack(run)
    structlog.reset_defaults()
    print(json.dumps(told))


if __name__ == "__main__":
    main()
