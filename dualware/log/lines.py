"""One event as one line of JSON: the last processor of a structlog chain, and the only one needed.

It does at once what a chain does step by step: merge context variables, add the ids of the
exchange, level and time, and render. A step costs a call and a lookup or two, and an access log
pays them for every request; the whole costs a third of the usual chain.

Knows JSON, and the names that a preset gives to what every event has. Must never fail for a value:
what JSON can't say is said as text.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import re
import time
from collections.abc import Callable, Mapping, MutableMapping
from importlib import import_module
from typing import Any, Final, cast

import structlog
from structlog.contextvars import merge_contextvars
from structlog.processors import ExceptionRenderer, StackInfoRenderer

from dualware.core.current import live_record
from dualware.core.logging.presets import PRESETS
from dualware.core.request_id.trace import current_span
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
        # Of a level of the user's own, the name.
        self._other: Callable[[str], str] = str.upper if names.severity else str
        self._levels = {method: self._other(level) for method, level in _METHODS.items()}
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
            self._level: self._levels.get(method) or self._other(method),
            self._time: self._stamp(),
            **event,
        }
        try:
            made = self._dumps(line, _shown)
        except Exception:  # noqa: BLE001 - a lone surrogate, a number too large, a str() that raises
            made = json.dumps(_mended(line)).encode()
        # By its number: bytes in bytes are looked for in a roundabout way.
        if made.isascii() and _DELETE not in made:
            return made
        return _UNSAFE.sub(_escaped, made)

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


# What JSON leaves as it is, and some reader takes for the end of a line or an order (CVE-2024-1681,
# CVE-2009-4487): DEL, C1, the separators, what turns the direction of the text. As UTF-8.
_DELETE: Final = 0x7F
_UNSAFE: Final = re.compile(rb"\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]")


def _escaped(match: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(match[0].decode())


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
        found: Dumps = import_module("orjson").dumps
    except ImportError:
        return standard
    return found


def _shown(value: Any) -> Any:
    """What JSON has no form for, as what it is made of or as text; the same as orjson does."""
    if isinstance(value, Mapping):
        return dict(cast("Any", value))
    if isinstance(value, set | frozenset | tuple):
        return list(cast("Any", value))
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in dataclasses.fields(value))
        return {name: getattr(value, name) for name in names if not name.startswith("_")}
    if hasattr(value, "isoformat"):
        return cast("Any", value).isoformat()
    return str(cast("object", value))


_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_shown
)


def standard(value: Any, _: object = None) -> bytes:
    """The same by the standard library, with nothing made anew for each line."""
    return _ENCODER.encode(value).encode()


def _mended(value: Any, around: tuple[int, ...] = ()) -> Any:
    """A copy of ``value`` that JSON can say, for all that no encoder takes as it is.

    ``around`` has the identities of what the value is a part of.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if id(value) in around:
        return f"<{type(value).__qualname__} that contains itself>"
    inside = (*around, id(value))
    try:
        if isinstance(value, int):
            # Raises for one that is too long to be written down (CVE-2020-10735).
            int.__repr__(value)
            return value
        if len(inside) > _DEEPEST:
            return str(cast("object", value))
        if isinstance(value, dict):
            pairs: Any = cast("Any", value).items()
            return {_name(name): _mended(each, inside) for name, each in pairs}
        if isinstance(value, list):
            return [_mended(each, inside) for each in cast("Any", value)]
        return _mended(_shown(value), inside)
    except Exception:  # noqa: BLE001 - a value that can't be shown costs the line nothing else
        return _unsaid(cast("object", value))


def _name(name: Any) -> str:
    """The name of a member, as `json` makes text of it where it can."""
    if isinstance(name, str):
        return name
    if name is None or isinstance(name, bool | int | float):
        return json.dumps(cast("Any", name))
    try:
        return str(name)
    except Exception:  # noqa: BLE001 - its value is shown all the same
        return _unsaid(name)


def _unsaid(value: object) -> str:
    return f"<{type(value).__qualname__} that can't be shown>"
