"""Selection: which exchanges get a line, and at which level.

Knows a result, a path and a share. Must never look at a header or a body, nor know who takes the
line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from dualware.core.effects import Effects
from dualware.core.exchange import Exchange
from dualware.core.logging.levels import (
    DEFAULT_LEVELS,
    ERROR,
    INFO,
    LEVELS,
    SILENT,
    WARNING,
    ByResult,
    kept,
)
from dualware.core.logging.seen import Seen
from dualware.core.memo import Memo
from dualware.core.message import Request

__all__ = ["Exclusion", "Selection"]

_MILLISECOND: Final = 1_000_000


class Exclusion:
    """Exchanges without a line, by the decoded path as the application routes by it.

    ``paths``, ``prefixes``, ``expression``
        Any of them is enough; the expression is for the whole path.
    ``when``
        Asked last: called with the request, the status and the outcome.
    ``errors``
        True: whatever came of them. False: only if they went well.
    """

    __slots__ = (
        "_effects",
        "_errors",
        "_expression",
        "_prefixes",
        "_when",
        "asks_further",
        "paths",
    )

    def __init__(
        self,
        paths: Iterable[str],
        prefixes: Iterable[str],
        expression: str | re.Pattern[str] | None,
        when: Callable[[Request, int | None, str], object] | None,
        effects: Effects,
        *,
        errors: bool,
    ) -> None:
        self.paths = frozenset(paths)
        self._prefixes = tuple(prefixes)
        self._expression = None if expression is None else re.compile(expression)
        self._when = when
        self.asks_further = bool(prefixes or expression or when)
        """Whether another path than one of `paths` may be excluded."""
        self._errors = errors
        self._effects = effects

    def __call__(
        self, request: Request, status: int | None, outcome: str, path: str | None = None
    ) -> bool:
        """Whether ``request``, of which came this, goes without a line.

        ``path`` is its `Request.route_path` as it was before the application ran, if it was taken.
        """
        if (outcome != "completed" or status is None or status >= 400) and not self._errors:
            return False
        if path is None:
            path = request.route_path
        if path in self.paths:
            return True
        return self.asks_further and self._further(request, path, status, outcome)

    def _further(self, request: Request, path: str, status: int | None, outcome: str) -> bool:
        if self._prefixes and path.startswith(self._prefixes):
            return True
        if self._expression is not None and self._expression.fullmatch(path):
            return True
        return self._when is not None and self._asked(self._when, request, status, outcome)

    def _asked(self, when: Any, request: Request, status: int | None, outcome: str) -> bool:
        try:
            return bool(when(request, status, outcome))
        except Exception as error:
            # Who can't say so excludes nothing.
            self._effects.report(f"exclude_when of logging, {when!r}, failed", error)
            return False


class Selection:
    """The level of an exchange's line, `SILENT` for none.

    ``levels``, ``sample``
        By result, see `ByResult`: words of `LEVELS`, and shares from 0 to 1.
    ``slow_ms``
        From so many ms on a request is worth a warning.
    """

    __slots__ = (
        "_effects",
        "_exclusion",
        "_levels",
        "_rate",
        "_slow",
        "asks_further",
        "completed",
        "excluded",
        "highest",
        "least",
    )

    def __init__(
        self,
        levels: Mapping[str, str],
        slow_ms: float | None,
        sample: Mapping[str, float],
        exclusion: Exclusion,
        effects: Effects,
    ) -> None:
        table = {key: LEVELS[word] for key, word in {**DEFAULT_LEVELS, **levels}.items()}
        by_result = ByResult(table, INFO)
        self._levels = Memo[tuple[int | None, str], int](lambda result: by_result(*result))
        self.completed = Memo[int | None, int](self._most_of)
        """By status, the highest level that the line of an exchange which completes may have."""
        self._slow = None if slow_ms is None else int(slow_ms * _MILLISECOND)
        self._rate = ByResult(sample, 1.0) if sample else None
        self._exclusion = exclusion
        self.excluded = exclusion.paths
        """Paths of which some exchanges go without a line."""
        self.asks_further = exclusion.asks_further or self._rate is not None
        """Whether `takes` may leave out an exchange of another path than those."""
        self._effects = effects
        self.highest = max(*by_result.values, ERROR)
        """No event of an exchange has a higher level."""
        self.least = min(by_result.values)
        """No line has a lower level; `SILENT` where some exchanges have none."""

    def _most_of(self, status: int | None) -> int:
        level = self._levels[status, "completed"]
        return max(level, WARNING) if self._slow is not None and level != SILENT else level

    def level(self, exchange: Exchange, seen: Seen) -> int:
        """What the result alone says."""
        outcome = exchange.outcome or ""
        if self._slow is None and outcome == "completed":
            # Nearly all of them, without a key that has to be made.
            return self.completed[seen.status]
        level = self._levels[seen.status, outcome]
        # A session lasts as long as somebody stays.
        if (
            self._slow is not None
            and SILENT < level < WARNING
            and exchange.session is None
            and seen.ended_at - seen.started_at >= self._slow
        ):
            return WARNING
        return level

    def takes(self, exchange: Exchange, seen: Seen, level: int) -> bool:
        """Whether an exchange of that level gets its line; notes the share of those that do."""
        outcome = exchange.outcome or ""
        if self._exclusion(exchange.request, seen.status, outcome, seen.paths[2]):
            return False
        # What tells of trouble is never sampled out.
        if self._rate is None or level >= WARNING or outcome == "aborted":
            return True
        rate = self._rate(seen.status, outcome)
        if rate >= 1:
            return True
        seen.rate = rate
        identity = exchange.record.request_id
        # Without an id nobody else can decide the same.
        return kept(self._effects.random(8) if identity is None else identity.encode(), rate)
