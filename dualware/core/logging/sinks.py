"""Sinks: where log events go.

Knows structlog's and the standard library's loggers, and how each tells whether it wants a level.
Must never render, configure or filter by itself: that is the user's, in the place that users know.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, cast

import structlog

from dualware.core.compiling import mypyc_attr
from dualware.core.logging.levels import LEVEL_NAMES, SILENT

__all__ = ["CallableSink", "Sink", "StdlibSink", "StructlogSink"]


class Sink(Protocol):
    """Takes events."""

    settled: Mapping[int, bool] | None
    """What `wanted` says from now on, come what may; None while that can change."""

    def wanted(self) -> Mapping[int, bool]:
        """Whether an event of each level would be kept now, `SILENT` never.

        Asked once for each exchange, and looked into before fields are looked up.
        """
        ...

    def emit(self, level: int, event: str, fields: dict[str, Any]) -> None:
        """Take one event. ``fields`` is the sink's to keep."""
        ...


@mypyc_attr(native_class=False)
class _Asked(dict[int, bool]):
    """Levels and whether they are wanted, each asked for when somebody looks."""

    __slots__ = ("_ask",)

    def __init__(self, ask: Callable[[int], object]) -> None:
        super().__init__(_NEVER)
        self._ask = ask

    def __missing__(self, level: int) -> bool:
        wanted = self[level] = bool(self._ask(level))
        return wanted


_NEVER: Final = {SILENT: False}
_ALWAYS: Final = {level: level != SILENT for level in LEVEL_NAMES}


class _Bound:
    """A structlog logger as it was configured at some moment."""

    __slots__ = ("ask", "config", "lasting", "logger", "methods", "plain", "take", "wanted")

    def __init__(self, name: str) -> None:
        self.config = structlog.get_config()
        """What it was made from."""
        self.lasting: bool = self.config["cache_logger_on_first_use"]
        """Whether the user wants loggers to stay as they are first used."""
        logger: Any = structlog.get_logger(name).bind()
        self.logger = logger
        self.methods: dict[int, Callable[..., Any]] = {
            level: _method(logger, place) for place, level in enumerate(_LEVELS)
        }
        # Asked of the class: structlog's generic logger makes a log method of every name.
        kind = cast("type[object]", type(logger))
        asks = hasattr(kind, "isEnabledFor")
        self.ask: Callable[[int], object] | None = getattr(logger, "isEnabledFor") if asks else None  # noqa: B009
        """Tells whether a level is wanted, where that may change: a logger of `logging`."""
        told = {level: _is_wanted(method) for level, method in self.methods.items()}
        self.wanted = {**told, **_NEVER}
        """Whether each level is wanted, where it is settled when the logger is made."""
        own = kind in _OWN
        self.plain = frozenset(level for level in _LEVELS if own and told[level])
        """Levels whose method is structlog's own, and so does nothing but run the processors."""
        # A class made from ours may have other methods; then it has no such one of its own.
        takes = vars(kind).get("take_event")
        self.take: Callable[[Any, str, dict[str, Any]], Any] | None = takes
        """Takes an event as a dictionary of its own, where `configure_logging` made the logger."""


_LEVELS: Final = sorted(level for level in LEVEL_NAMES if level != SILENT)
_OWN: Final = frozenset(map(structlog.make_filtering_bound_logger, [0, *_LEVELS]))
"""The loggers that structlog itself makes for what filters by level."""


def _method(logger: object, place: int) -> Callable[..., Any]:
    """The logger's method for a level, or for the next above it, or for the next below.

    A wrapper class of the user's own need not have them all.
    """
    for level in [*_LEVELS[place:], *reversed(_LEVELS[:place])]:
        if hasattr(logger, LEVEL_NAMES[level]):
            return getattr(logger, LEVEL_NAMES[level])  # type: ignore[no-any-return]
    raise TypeError(f"{type(logger)!r} has no method to log with: debug, info, warning…")


def _is_wanted(method: Callable[..., Any]) -> bool:
    """Whether a method of structlog's own filtering logger does anything."""
    return getattr(method, "__name__", "") != "_nop"


class StructlogSink:
    """The structlog logger ``name``, with whatever `structlog.configure` says.

    It is bound when it is first asked. Where ``cache_logger_on_first_use`` is on, it stays so, as
    every structlog logger does then; elsewhere a later `structlog.configure` is followed.
    """

    __slots__ = ("_bound", "_name", "settled")

    settled: Mapping[int, bool] | None

    def __init__(self, name: str) -> None:
        self._name = name
        self._bound: _Bound | None = None
        self.settled = None

    def wanted(self) -> Mapping[int, bool]:
        """Which levels the logger's filter lets through."""
        bound = self._bound
        if bound is None or not bound.lasting:
            bound = self._current()
        return bound.wanted if bound.ask is None else _Asked(bound.ask)

    def emit(self, level: int, event: str, fields: dict[str, Any]) -> None:
        """Call the logger's method of ``level``."""
        bound = self._bound or self._current()
        if bound.take is not None and bound.wanted[level]:
            fields["event"] = event
            bound.take(bound.logger, LEVEL_NAMES[level], fields)
        elif level in bound.plain:
            # Past the method, by what structlog's wrapper classes are made of: it would copy the
            # fields three times, a tenth of what a line costs.
            method, logger = LEVEL_NAMES[level], bound.logger
            try:
                args, named = logger._process_event(method, event, fields)
                getattr(logger._logger, method)(*args, **named)
            except structlog.DropEvent:
                # What a processor raises to say that there is no line.
                return
        else:
            bound.methods[level](event, **fields)

    def _current(self) -> _Bound:
        bound = self._bound
        # A race makes one more logger, which does the same.
        if bound is None or bound.config != structlog.get_config():
            bound = self._bound = _Bound(self._name)
            self.settled = bound.wanted if bound.lasting and bound.ask is None else None
        return bound


_RECORD: Final = frozenset({*vars(logging.makeLogRecord({})), "asctime", "message", "taskName"})
"""What a `logging.LogRecord` has itself: `logging` raises KeyError for an ``extra`` so called."""


class StdlibSink:
    """The standard library's logger ``name``; every field is an attribute of the record.

    The message is a short line for people, ``GET /items/42 200``, the event is in ``event``. A
    field that has the name of an attribute which every record has gets a ``_`` behind it.
    """

    __slots__ = ("_logger", "_message")

    settled: Mapping[int, bool] | None = None

    def __init__(self, name: str, message: Callable[[Mapping[str, Any]], str]) -> None:
        self._logger = logging.getLogger(name)
        self._message = message

    def wanted(self) -> Mapping[int, bool]:
        """Which levels the logger wants."""
        return _Asked(self._logger.isEnabledFor)

    def emit(self, level: int, event: str, fields: dict[str, Any]) -> None:
        """Log one record."""
        extra = {f"{name}_" if name in _RECORD else name: each for name, each in fields.items()}
        extra["event"] = event
        self._logger.log(level, "%s", self._message(fields) or event, extra=extra)


class CallableSink:
    """A function that takes each event as one dictionary, with its ``event`` and ``level``."""

    __slots__ = ("_function",)

    settled: Mapping[int, bool] | None = _ALWAYS

    def __init__(self, function: Callable[[dict[str, Any]], object]) -> None:
        self._function = function

    def wanted(self) -> Mapping[int, bool]:
        """All of them."""
        return _ALWAYS

    def emit(self, level: int, event: str, fields: dict[str, Any]) -> None:
        """Call the function."""
        self._function({"event": event, "level": LEVEL_NAMES[level], **fields})
