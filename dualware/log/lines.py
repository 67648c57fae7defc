"""One event as one line of JSON: the last processor of a structlog chain, and the only one needed.

It does at once what a chain does step by step: merge context variables, add the ids of the
exchange, level and time, and render. A step costs a call and a lookup or two, and an access log
pays them for every request; the whole costs a third of the usual chain.

Knows JSON, and the names that a preset gives to what every event has. Must never fail for a value:
what JSON can't say is said as text.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final, cast

import structlog
from structlog.contextvars import merge_contextvars
from structlog.processors import ExceptionRenderer, StackInfoRenderer

from dualware.core.presets import PRESETS
from dualware.core.record import live_record
from dualware.core.trace import current_span
from dualware.effects import REAL

__all__ = ["JSONLine", "fastest", "standard", "timestamps"]

Dumps = Callable[[Any, Callable[[Any], Any]], bytes]

_DEEPEST: Final = 16
_SECOND: Final = 1_000_000_000

_HEADS: Final[Mapping[str, tuple[str, str, str]]] = {
    "otel": ("event", "level", "timestamp"),
    "ecs": ("message", "log.level", "@timestamp"),
    # Cloud Logging, "Structured logging": special fields.
    "gcp": ("message", "severity", "time"),
    "flat": ("event", "level", "timestamp"),
}
"""What event, level and time are called."""

_METHODS: Final = {
    "debug": "debug",
    "info": "info",
    "msg": "info",
    "warning": "warning",
    "warn": "warning",
    "error": "error",
    "exception": "error",
    "critical": "critical",
    "fatal": "critical",
}
"""The level of each method of a logger."""


class JSONLine:
    """Renders an event as UTF-8 JSON.

    ``preset``
        Whose names event, level, time and the ids carry: see the setting of the logging middleware.
    ``dumps``
        Makes `bytes` of a dictionary, as `orjson.dumps`, whose second argument shows what JSON has
        no form for; None takes orjson if it is there, else the standard library.
    ``now``
        Wall-clock time in ns.

    >>> structlog.configure(
    ...     processors=[JSONLine()], logger_factory=structlog.BytesLoggerFactory()
    ... )  # doctest: +SKIP
    """

    def __init__(
        self,
        preset: str = "otel",
        *,
        dumps: Dumps | None = None,
        now: Callable[[], int] = REAL.now,
    ) -> None:
        names = PRESETS[preset].names
        self._event, self._level, self._time = _HEADS[preset]
        shown = str.upper if names.severity else str
        self._levels = {method: shown(level) for method, level in _METHODS.items()}
        self._id = names.request_id
        self._trace_id, self._span_id = names.trace_id, names.span_id
        self._trace = names.exception_trace
        self._stamp = timestamps(now)
        self._dumps = dumps or fastest()

    def __call__(self, _logger: Any, method: str, event: MutableMapping[str, Any]) -> bytes:
        """Render the event; a structlog processor."""
        # Before the first variable is bound there is nothing to merge; then all are looked at.
        if _bound():
            merge_contextvars(_logger, method, event)
        if self._id not in event:
            self._add_ids(event)
        if "exc_info" in event or "stack_info" in event:
            self._add_traces(_logger, method, event)
        name = self._event
        if name not in event:
            event[name] = event.pop("event", "")
        # First what is read first. The line of an exchange may have a message beside its event.
        line = {
            name: event[name],
            self._level: self._levels.get(method, method),
            self._time: self._stamp(),
            **event,
        }
        try:
            return self._dumps(line, _shown)
        except Exception:  # noqa: BLE001 - a lone surrogate, a number too large, a str() that raises
            return json.dumps(_mended(line)).encode()

    def _add_ids(self, event: MutableMapping[str, Any]) -> None:
        record = live_record()
        if record is None:
            return
        if record.request_id is not None:
            event[self._id] = record.request_id
        trace = current_span() or record.trace
        if trace is not None:
            event.setdefault(self._trace_id, trace["trace_id"])
            if "span_id" in trace:
                event.setdefault(self._span_id, trace["span_id"])

    def _add_traces(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> None:
        """Tracebacks and stacks as text in one field, whose line feeds JSON escapes."""
        stack = event.get("stack_info")
        if isinstance(stack, str):
            # The standard library has made text of it already.
            del event["stack_info"]
            event["stack"] = stack
        rendered = _STACKS(logger, method, _EXCEPTIONS(logger, method, cast("Any", event)))
        texts = [rendered.pop(key) for key in ("exception", "stack") if key in rendered]
        if texts:
            event[self._trace] = "\n".join(texts)


def _bound() -> object:
    """Whether any context variable was ever bound with structlog; true where that can't be told."""
    return getattr(structlog.contextvars, "_CONTEXT_VARS", True)


_EXCEPTIONS: Final = ExceptionRenderer()
_STACKS: Final = StackInfoRenderer()


def timestamps(now: Callable[[], int]) -> Callable[[], str]:
    """Make a function that tells the time as ISO 8601 in UTC, to the microsecond.

    Nearly all of it is the same for a whole second, and formatting that costs most of the time.

    >>> timestamps(lambda: 1_700_000_000_123_456_789)()
    '2023-11-14T22:13:20.123456Z'
    """
    known = (-1, "")

    def stamp() -> str:
        nonlocal known
        second, rest = divmod(now(), _SECOND)
        # One tuple, so that no thread sees the second of one and the text of another.
        last, text = known
        if last != second:
            text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
            known = second, text
        return f"{text}{rest // 1000:06d}Z"

    return stamp


def fastest() -> Dumps:
    """orjson's dumps if it is installed (the extra ``fast``), the standard library's otherwise."""
    try:
        from orjson import dumps
    except ImportError:
        return standard
    return dumps


def _shown(value: Any) -> Any:
    """What JSON has no form for, as text."""
    if isinstance(value, Mapping):
        return dict(cast("Any", value))
    if isinstance(value, set | frozenset | tuple):
        return list(cast("Any", value))
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)


_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_shown
)


def standard(value: Any, _: object = None) -> bytes:
    """The same by the standard library, with nothing made anew for each line."""
    return _ENCODER.encode(value).encode()


def _mended(value: Any, depth: int = 0) -> Any:
    """A copy of ``value`` that JSON can say, for all that no encoder takes as it is."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return value
    if depth < _DEEPEST and isinstance(value, Mapping):
        pairs: Any = cast("Any", value).items()
        return {str(name): _mended(each, depth + 1) for name, each in pairs}
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [_mended(each, depth + 1) for each in cast("Any", value)]
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a value that can't be shown costs the line nothing else
        return f"<{type(value).__qualname__} that can't be shown>"
