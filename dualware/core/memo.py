"""What was made of values that come again and again: a look into a dictionary, and no call.

Knows a bound. Must never know what is made of what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

__all__ = ["Memo", "all_short", "is_short"]

_K = TypeVar("_K")
_V = TypeVar("_V")

LONGEST: Final = 512
"""Characters of the longest text that is remembered: no client may fill the memory."""


def is_short(text: str | None) -> bool:
    """Whether ``text`` may be remembered."""
    return text is None or len(text) <= LONGEST


def all_short(texts: Iterable[str | None]) -> bool:
    """Whether every one of ``texts`` may be."""
    return all(map(is_short, texts))


class Memo(dict[_K, _V]):
    """``function`` of one argument as a dictionary: ``memo[value]``, found or made.

    ``fits``
        Says of a value whether it may be remembered; None remembers all, a bounded number.

    >>> Memo(len, is_short)["abc"]
    3
    """

    _MOST: Final = 1024

    __slots__ = ("_fits", "_function")

    def __init__(
        self, function: Callable[[_K], _V], fits: Callable[[_K], bool] | None = None
    ) -> None:
        super().__init__()
        self._function = function
        self._fits = fits

    def __missing__(self, value: _K) -> _V:
        made = self._function(value)
        if self._fits is None or self._fits(value):
            if len(self) >= self._MOST:
                # Begun anew rather than closed: what comes today is not what came last month.
                self.clear()
            self[value] = made
        return made
