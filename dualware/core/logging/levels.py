"""Log levels, and which exchange gets which.

Knows the numbers of the standard library's `logging`, and how a status and an outcome are looked
up in a table that users write. Must never know a logger.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Final, Generic, TypeVar

__all__ = [
    "BROKEN",
    "CRITICAL",
    "DEBUG",
    "DEFAULT_LEVELS",
    "ERROR",
    "INFO",
    "LEVELS",
    "LEVEL_NAMES",
    "OUTCOMES",
    "SILENT",
    "WARNING",
    "ByResult",
    "is_key",
    "kept",
]

_T = TypeVar("_T")

SILENT: Final = 0
DEBUG: Final = 10
INFO: Final = 20
WARNING: Final = 30
ERROR: Final = 40
CRITICAL: Final = 50

LEVELS: Final[Mapping[str, int]] = {
    "debug": DEBUG,
    "info": INFO,
    "warning": WARNING,
    "error": ERROR,
    "critical": CRITICAL,
    "silent": SILENT,
}
"""What users write → what `logging` counts with. ``silent`` drops the line."""
LEVEL_NAMES: Final[Mapping[int, str]] = {number: name for name, number in LEVELS.items()}

OUTCOMES: Final = ("completed", "error", "aborted", "cancelled", "no_response", "incomplete")
"""Every `Outcome`."""
BROKEN: Final = frozenset({"error", "no_response", "incomplete"})
"""The outcomes that are a fault of the application."""

DEFAULT_LEVELS: Final[Mapping[str, str]] = {
    "4xx": "info",
    "5xx": "error",
    "error": "error",
    "no_response": "error",
    "incomplete": "error",
    "aborted": "info",
    "cancelled": "info",
    "default": "info",
}

_WORDS: Final = frozenset({"1xx", "2xx", "3xx", "4xx", "5xx", *OUTCOMES, "default"})


def is_key(text: str) -> bool:
    """Whether ``text`` may stand in a table: ``"404"``, ``"4xx"``, an outcome, ``"default"``."""
    code = text.isascii() and text.isdigit() and len(text) == 3
    return code or text in _WORDS


class ByResult(Generic[_T]):
    """A table by status and outcome: exact code, else class, else outcome, else default.

    A response that broke after a good head is looked up by its outcome: a setting for ``2xx``
    must not hide that. Verdicts are remembered; there are few pairs of status and outcome.
    """

    _MOST: Final = 1024

    __slots__ = ("_default", "_known", "_table")

    def __init__(self, table: Mapping[str, _T], default: _T) -> None:
        self._table = dict(table)
        self._default = self._table.get("default", default)
        self._known: dict[tuple[int | None, str], _T] = {}

    def __call__(self, status: int | None, outcome: str) -> _T:
        """What stands in the table for this result."""
        result = status, outcome
        try:
            return self._known[result]
        except KeyError:
            found = self._look_up(status, outcome)
            if len(self._known) < self._MOST:
                self._known[result] = found
            return found

    def _look_up(self, status: int | None, outcome: str) -> _T:
        keys = [outcome]
        if status is not None and (outcome not in BROKEN or status >= 500):
            keys = [str(status), f"{status // 100}xx", outcome]
        return next((self._table[key] for key in keys if key in self._table), self._default)

    @property
    def values(self) -> frozenset[_T]:
        """Everything that a lookup may give."""
        return frozenset({*self._table.values(), self._default})


def kept(identity: bytes, rate: float) -> bool:
    """Whether a line of which ``rate`` (0 to 1) are kept is one of those.

    Decided by CRC-32 (ISO 3309) of the request id, so that every service, in whatever language,
    keeps the lines of the same requests.

    >>> kept(b"f9ed4675f1c53513c61a3b3b4e25b4c0", 1.0)
    True
    """
    return zlib.crc32(identity) < rate * 4294967296
