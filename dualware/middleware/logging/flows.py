"""What the access log does during an exchange: it takes down what there is, and tells it once.

Knows when there is a line, at which level, and who takes it. Must never know a renderer, what a
line looks like, or what a setting may be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, cast

from werkzeug.utils import import_string

from dualware.core.compiling import mypyc_attr
from dualware.core.effects import Effects
from dualware.core.exchange import END, FAILURE, RESPONSE, Exchange, Flow
from dualware.core.logging.client import Client
from dualware.core.logging.levels import ERROR, INFO
from dualware.core.logging.line import MOST, Lines
from dualware.core.logging.presets import PRESETS
from dualware.core.logging.query import SECRET_PARAMS, Redaction
from dualware.core.logging.seen import Seen
from dualware.core.logging.selection import Exclusion, Selection
from dualware.core.logging.shown_headers import SECRET_HEADERS
from dualware.core.logging.sinks import CallableSink, Sink, StdlibSink, StructlogSink
from dualware.core.middleware import Middleware
from dualware.middleware.logging.settings import LoggingSettings

__all__ = ["Logging"]

_SESSION: Final = "websocket.session"


# What the middleware is compiled from


def _compiled_sink(settings: LoggingSettings, lines: Lines) -> Sink:
    sink = settings.sink
    if sink == "structlog":
        return StructlogSink(settings.logger)
    if sink == "stdlib":
        return StdlibSink(settings.logger, lines.message)
    return CallableSink(import_string(sink) if isinstance(sink, str) else sink)


def _compiled_query(settings: LoggingSettings) -> Callable[[str], str] | None:
    if settings.query == "omit":
        return None
    if settings.query == "raw":
        return str
    names = settings.redact_params
    return Redaction(SECRET_PARAMS if names is None else names)


def _compiled_extra(settings: LoggingSettings) -> Callable[[Exchange], Mapping[str, Any]] | None:
    extra: Any = settings.extra
    return (lambda _: cast("Any", extra)) if isinstance(extra, Mapping) else extra


def _compiled_lines(settings: LoggingSettings) -> Lines:
    client = Client(settings.client_ip, anonymised=settings.anonymise_ip)
    secret = frozenset(name.lower() for name in settings.redact_headers)
    return Lines(
        PRESETS[settings.preset],
        query=_compiled_query(settings),
        most={**MOST, **(settings.max_lengths or {})},
        request_headers=tuple(settings.request_headers),
        response_headers=tuple(settings.response_headers),
        secret_headers=secret if settings.allow_sensitive else secret | {*SECRET_HEADERS},
        client=client,
        counts=settings.count_request_body,
        chosen=None if settings.fields is None else tuple(settings.fields),
    )


def _compiled_selection(settings: LoggingSettings, effects: Effects) -> Selection:
    exclusion = Exclusion(
        settings.exclude,
        settings.exclude_prefixes,
        settings.exclude_regex,
        settings.exclude_when,
        effects,
        errors=settings.exclude_errors,
    )
    levels, sample = settings.levels or {}, settings.sample or {}
    return Selection(levels, settings.slow_ms, sample, exclusion, effects)


@mypyc_attr(allow_interpreted_subclasses=True)
class Logging(Middleware):
    """Write one line for every exchange."""

    name = "logging"
    observes = True
    Settings: ClassVar[type[LoggingSettings]] = LoggingSettings

    def __init__(self, settings: LoggingSettings, effects: Effects) -> None:
        self.settings = settings
        self.effects = effects
        self.websocket = settings.websocket
        self.receives = settings.count_request_body
        self._clock = effects.clock
        self._lines = _compiled_lines(settings)
        self._sink = _compiled_sink(settings, self._lines)
        self._selection = _compiled_selection(settings, effects)
        self._highest = self._selection.highest
        self._least = self._selection.least
        self._completed = self._selection.completed
        self._event = settings.event
        self._tells_start = settings.start_event
        self._tells_exceptions = settings.log_exceptions
        self._status_for_abort = settings.status_for_abort
        self._extra = _compiled_extra(settings)
        self._plain = self._lines.plain and not (self._lines.headers.any or self._extra)
        self._times_head = self._lines.tells_ttfb
        self._route = settings.route

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.settings, self.effects)

    def __call__(self, exchange: Exchange) -> Flow:
        # Asked before anything is looked up: an exchange that can have no line costs nothing more.
        wanted = self._sink.settled or self._sink.wanted()
        completed = None
        if not wanted[self._least]:
            if not wanted[self._highest]:
                return
            # Most exchanges have no line then, and their head tells which.
            completed = self._completed
        clock = self._clock
        # What was asked is taken now: applications may move on in their scope or environ.
        started_at, target, responded_at = clock(), exchange.target(), 0
        if self._tells_start and wanted[INFO]:
            self._start(exchange, Seen(started_at, target))
        status, followed = None, True
        try:
            yield RESPONSE
            if self._times_head:
                responded_at = clock()
            if completed is not None:
                status = exchange.status
                followed = wanted[completed[status]]
            if followed:
                yield END
        finally:
            # Whatever happens, and once: an exception, a head that never came, the END.
            if followed:
                self._end(exchange, Seen(started_at, target, responded_at, clock()), wanted)
        if not followed:
            # What goes well has no line then, unless it got another status on its way out.
            yield FAILURE
            if exchange.outcome != "completed" or exchange.status != status:
                self._end(exchange, Seen(started_at, target, responded_at, clock()), wanted)

    def _start(self, exchange: Exchange, seen: Seen) -> None:
        seen.paths = exchange.request.paths(seen.target)
        self._emit(INFO, f"{self._name(exchange)}.start", self._lines.start(exchange, seen))

    def on_late_error(self, exchange: Exchange, error: Exception) -> None:
        """Tell of a failure after END, in background work or in `close()`."""
        seen = Seen(self._clock(), exchange.target())
        if self._sink.wanted()[ERROR]:
            self._tell_exception(exchange, seen, error, "background")

    def _end(self, exchange: Exchange, seen: Seen, wanted: Mapping[int, bool]) -> None:
        seen.status = exchange.status
        if seen.status is None:
            self._infer_status(exchange, seen)
        if exchange.error is not None and self._tells_exceptions and wanted[ERROR]:
            self._tell_exception(exchange, seen, exchange.error, "request")
        selection = self._selection
        level = selection.level(exchange, seen)
        # Before the fields are built, which cost more than all the rest.
        if not wanted[level]:
            return
        paths = seen.paths = exchange.request.paths(seen.target)
        # Most exchanges are told to be in the log without a call.
        doubtful = selection.asks_further or paths[2] in selection.excluded
        if doubtful and not selection.takes(exchange, seen, level):
            return
        record = exchange.noted
        if self._route is not None or (record is not None and record.timing is not None):
            self._settle_route(exchange)
            record = exchange.noted
        lines = self._lines
        fields = lines.end(exchange, seen, record)
        noted = None if record is None else record.fields
        if noted or not self._plain:
            shown = lines.headers(exchange) if lines.headers.any else None
            fields = lines.finished(fields, level, shown, self._added(exchange), noted)
        name = self._event if exchange.session is None else _SESSION
        self._sink.emit(level, name, fields)

    def _infer_status(self, exchange: Exchange, seen: Seen) -> None:
        """The status that the server makes of what happened, where nobody said one."""
        if exchange.session is not None:
            return
        if exchange.outcome == "error":
            seen.status, seen.status_inferred = 500, True
        elif exchange.outcome == "aborted" and self._status_for_abort is not None:
            seen.status, seen.status_inferred = self._status_for_abort, True

    def _settle_route(self, exchange: Exchange) -> None:
        record = exchange.record
        if self._route is None:
            if record.route is None and record.timing is not None:
                record.route = record.timing.route
            return
        try:
            route = self._route(exchange.request)
        except Exception as error:  # noqa: BLE001 - the line goes on without
            self.effects.report("the route of logging could not be told", error)
        else:
            record.route = route if isinstance(route, str) else None

    # Events

    def _name(self, exchange: Exchange) -> str:
        return self._event if exchange.session is None else _SESSION

    def _emit(self, level: int, event: str, fields: dict[str, Any]) -> None:
        """Hand an event that is not the line to the sink."""
        self._sink.emit(level, event, self._lines.finished(fields, level))

    def _added(self, exchange: Exchange) -> Mapping[str, Any] | None:
        extra = self._extra
        try:
            return None if extra is None else dict(extra(exchange))
        except Exception as error:  # noqa: BLE001 - the line goes on without
            self.effects.report(f"extra of logging, {extra!r}, failed", error)
            return None

    def _tell_exception(
        self, exchange: Exchange, seen: Seen, error: BaseException, phase: str
    ) -> None:
        seen.paths = exchange.request.paths(seen.target)
        trace = self._tells_exceptions
        fields = self._lines.exception(exchange, seen, error, phase, trace=trace)
        self._emit(ERROR, f"{self._name(exchange)}.exception", fields)
