"""Guards: what users' functions and clients do wrong is told, and goes no further.

Knows whom to tell, through the effects. Must never let a failure through, or a flood.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from dualware.core.effects import Effects

__all__ = ["SHOWN", "Complaints", "asked", "making"]

_T = TypeVar("_T")

SHOWN: Final = 64
"""Characters of a wrong value that are shown, quotes and escapes included."""


def asked(function: Callable[[_T], object], effects: Effects, what: str) -> Callable[[_T], bool]:
    """The user's predicate ``what``, whose failure is reported and means no."""

    def ask(value: _T) -> bool:
        try:
            return bool(function(value))
        except Exception as error:
            effects.report(f"{what}, {function!r}, failed", error)
            return False

    return ask


def making(
    function: Callable[[], Any],
    valid: Callable[[str], object],
    instead: Callable[[], str],
    effects: Effects,
    what: str,
) -> Callable[[], str]:
    """The user's function ``what``, with ``instead`` where it fails or makes nothing valid."""

    def make() -> str:
        try:
            made = function()
        except Exception as error:
            effects.report(f"{what}, {function!r}, failed", error)
            return instead()
        if isinstance(made, str) and valid(made):
            return made
        shown = repr(made)[:SHOWN] if isinstance(made, str) else f"an object of {type(made)!r}"
        effects.report(f"{what}, {function!r}, made {shown}, which is not valid", None)
        return instead()

    return make


class Complaints:
    """Tell of invalid values, at most once a second: a client must not be able to fill a log."""

    INTERVAL: Final = 1_000_000_000
    """Silence after a line, in ns."""

    __slots__ = ("_clock", "_tell", "_unsaid", "_until", "_what")

    def __init__(self, what: str, clock: Callable[[], int], tell: Callable[[str], object]) -> None:
        self._what = what
        self._clock = clock
        self._tell = tell
        self._until: int | None = None
        self._unsaid = 0

    def __call__(self, name: str, value: str) -> None:
        """``value`` came in the header ``name``."""
        now = self._clock()
        if self._until is not None and now < self._until:
            self._unsaid += 1
            return
        self._until = now + self.INTERVAL
        unsaid, self._unsaid = self._unsaid, 0
        # repr leaves no control character; of a long value it need not see the rest.
        shown = repr(value[:SHOWN])[:SHOWN]
        more = f" ({unsaid} more since the last such line)" if unsaid else ""
        self._tell(f"invalid {self._what} in {name}: {shown}, {len(value)} characters{more}")
