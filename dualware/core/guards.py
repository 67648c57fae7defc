"""Guards: what users' functions and clients do wrong is told, and goes no further.

Knows whom to tell, through the effects. Must never let a failure through, or a flood.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from dualware.core.effects import Effects

__all__ = ["SHOWN", "Complaints", "Once", "Pace", "asked", "escaped", "making", "shown"]

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
            # No subclass: what goes into headers under WSGI is exactly str (PEP 3333).
            return str.__str__(made)
        seen = shown(made) if isinstance(made, str) else f"an object of {type(made)!r}"
        effects.report(f"{what}, {function!r}, made {seen}, which is not valid", None)
        return instead()

    return make


def shown(value: str) -> str:
    """``value`` in quotes as a log may show it: escaped, and cut (CVE-2024-1681)."""
    # repr leaves no control character; of a long value it need not see the rest.
    return repr(value[:SHOWN])[:SHOWN]


def escaped(value: str) -> str:
    """The same without the quotes, for a field of its own."""
    return repr(value[:SHOWN])[1:-1][:SHOWN]


class Pace:
    """Lets one line a second through: a client must not be able to fill a log (CVE-2025-47287)."""

    INTERVAL: Final = 1_000_000_000
    """Silence after a line, in ns."""

    __slots__ = ("_clock", "_unsaid", "_until")

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._until: int | None = None
        self._unsaid = 0

    def __call__(self) -> str | None:
        """What the line says of those left out before it; None: it is left out itself."""
        now = self._clock()
        if self._until is not None and now < self._until:
            self._unsaid += 1
            return None
        self._until = now + self.INTERVAL
        unsaid, self._unsaid = self._unsaid, 0
        return f" ({unsaid} more since the last such line)" if unsaid else ""


class Complaints:
    """Tell of invalid values, at most once a second."""

    INTERVAL: Final = Pace.INTERVAL
    """Silence after a line, in ns."""

    __slots__ = ("_pace", "_tell", "_what")

    def __init__(self, what: str, clock: Callable[[], int], tell: Callable[[str], object]) -> None:
        self._what = what
        self._pace = Pace(clock)
        self._tell = tell

    def __call__(self, name: str, value: str) -> None:
        """``value`` came in the header ``name``."""
        more = self._pace()
        if more is not None:
            size = f"{len(value)} characters{more}"
            self._tell(f"invalid {self._what} in {name}: {shown(value)}, {size}")


class Once:
    """Tell something the first time that it happens, and never again."""

    __slots__ = ("_tell", "told")

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self.told = False
        """Whether it was told. Threads that race may tell it twice; nobody is harmed."""

    def __call__(self, sentence: str) -> None:
        """Tell ``sentence`` if nothing was told before."""
        if not self.told:
            self.told = True
            self._tell(sentence)
