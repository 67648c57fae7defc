"""Write one line for every exchange: what was asked, what came of it, how long it took.

Exactly one terminal event, whatever happens: an answer, an exception before or after the head, a
client that goes away, a task that is cancelled, an application that never answers. Its fields
carry OpenTelemetry's names unless a preset says otherwise, and are the same under both protocols.

    dualware.wrap(app, {"logging": {"client_ip": ["10.0.0.0/8"], "slow_ms": 500}})

Place it inside request_id, whose id it shows, and outside what changes the response, so that sizes
are those on the wire.

Knows when there is a line, at which level, and who takes it. Must never know a protocol or a
renderer, read a body, or let a sink change what the client gets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from werkzeug.utils import import_string

from dualware.core import checks
from dualware.core.client import Client
from dualware.core.effects import Effects
from dualware.core.exchange import END, RESPONSE, Exchange, Flow, Middleware
from dualware.core.levels import ERROR, INFO, LEVEL_NAMES, LEVELS, SILENT
from dualware.core.line import MOST, SECRET_HEADERS, Lines, Seen
from dualware.core.message import Request
from dualware.core.presets import PRESETS
from dualware.core.query import SECRET_PARAMS, Redaction
from dualware.core.selection import Exclusion, Selection
from dualware.core.sinks import CallableSink, Sink, StdlibSink, StructlogSink
from dualware.middleware.model import Settings, checked, fault, fit

__all__ = ["MOST", "SECRET_HEADERS", "SECRET_PARAMS", "Logging", "LoggingSettings"]

_SESSION: Final = "websocket.session"


# What the settings may say


def _sink(sink: Any) -> Any:
    if isinstance(sink, str) and ":" not in sink:
        return fit(checks.one_of, sink, ("structlog", "stdlib"), "or 'package.module:function'")
    made = fit(checks.imported, sink) if isinstance(sink, str) else sink
    fit(checks.no_class, made)
    fit(checks.usable, made, 1, "'structlog', 'stdlib', 'package.module:function', or a callable")
    return sink


def _limits(table: dict[str, int] | None) -> dict[str, int] | None:
    for kind, most in (table or {}).items():
        fit(checks.one_of, kind, MOST)
        if not 16 <= most <= 65536:
            raise fault(
                "DW106", f"{most!r} characters of {kind}", "write a number from 16 to 65536"
            )
    return table


def _client_ip(source: Any) -> Any:
    return fit(checks.client_ip, source)


def _extra(extra: Any) -> Any:
    if extra is None or isinstance(extra, Mapping):
        return cast("Any", extra)
    fit(checks.no_class, extra)
    return fit(checks.usable, extra, 1, "a mapping, or a callable that returns one")


_NO_CLASS: Final = checked(checks.no_class)
_CALLED: Final = checked(checks.usable, 1, "a callable")
_KEYS: Final = checked(checks.result_keys)
_HEADER: Final = checked(checks.readable)
_Header = Annotated[str, _HEADER]
_Path = Annotated[str, checked(checks.plain_path)]
_Level = Annotated[str, checked(checks.one_of, LEVELS)]
_Rate = Annotated[float, checked(checks.share)]
_Verdict = Callable[[Request, int | None, str], bool]
_Added = Mapping[str, Any] | Callable[[Exchange], Mapping[str, Any]]


class LoggingSettings(Settings):
    """Settings of the logging middleware."""

    preset: Literal["otel", "ecs", "gcp", "flat"] = "otel"
    """Whose names the fields carry: OpenTelemetry's, Elastic's, Google Cloud's, or plain short
    ones."""

    sink: Annotated[str | Callable[[dict[str, Any]], object], BeforeValidator(_sink)] = "structlog"
    """Who takes the events. `"structlog"`: a structlog logger, as `structlog.configure` says.
    `"stdlib"`: a logger of `logging`, each field an attribute of the record. A callable, or
    `"package.module:function"`: called with one dictionary for each event."""

    logger: str = Field(default="dualware.access", min_length=1)
    """Name of that logger."""

    event: Annotated[str, Field(min_length=1, max_length=64), checked(checks.one_line)] = (
        "http.server.request"
    )
    """Name of the event with which a request ends. Others begin with it: `.start`,
    `.exception`. Those of websocket sessions begin with `websocket.session`."""

    start_event: bool = False
    """True tells of the beginning of a request too, at level `info`."""

    levels: Annotated[dict[str, _Level] | None, _KEYS] = None
    """Level by result: `{"404": "debug", "4xx": "info", "aborted": "warning"}`. A status counts
    before its class, that before the outcome, and `"default"` last. Levels are `"debug"`, `"info"`,
    `"warning"`, `"error"`, `"critical"` and `"silent"`, which drops the line. What is not named
    keeps its default: `error` for 5xx and for what the application failed to answer, else
    `info`."""

    slow_ms: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """ms from which on a request is slow: its line is at least a `warning`, and never sampled
    out."""

    exclude: list[_Path] | tuple[_Path, ...] = ("/healthz",)
    """Paths without a line: exactly these, decoded, as the application routes by them. A failure is
    told all the same, unless `exclude_errors`."""

    exclude_prefixes: list[_Path] | tuple[_Path, ...] = ()
    """Beginnings of such paths, such as `"/static/"`."""

    exclude_regex: Annotated[str | re.Pattern[str], checked(checks.pattern)] | None = None
    """A regular expression for the whole of such a path."""

    exclude_when: Annotated[_Verdict, _NO_CLASS, checked(checks.usable, 3, "a callable")] | None = (
        None
    )
    """Says of any other exchange whether it goes without a line: a callable that takes the
    `Request`, the status (None if there is none) and the outcome."""

    exclude_errors: bool = False
    """True excludes such paths whatever comes of them. Otherwise only what was completed with a
    status below 400 goes without a line."""

    sample: Annotated[dict[str, _Rate] | None, _KEYS] = None
    """Share of lines to keep, by result as in `levels`: `{"2xx": 0.1}` keeps a tenth. Decided by
    the request id, so that all services keep the same requests; warnings, errors, slow and aborted
    requests are always kept. Kept lines say so in `sample_rate`."""

    query: Literal["redacted", "omit", "raw"] = "redacted"
    """What is shown of the query: without its secrets, nothing, or all."""

    redact_params: list[str] | tuple[str, ...] | None = None
    """Names of the query parameters whose values are secrets, in any case. None means those of
    `dualware.middleware.logging.SECRET_PARAMS`."""

    request_headers: list[_Header] | tuple[_Header, ...] = ()
    """Names of the request headers to show. None by default; `Referer` carries queries."""

    response_headers: list[_Header] | tuple[_Header, ...] = ()
    """Names of the response headers to show."""

    redact_headers: list[_Header] | tuple[_Header, ...] = ()
    """Names of headers whose value is never shown, beside those that carry credentials by nature:
    `dualware.middleware.logging.SECRET_HEADERS`."""

    allow_sensitive: bool = False
    """True shows even those, if they are listed."""

    client_ip: Annotated[str | int | list[str] | tuple[str, ...], BeforeValidator(_client_ip)] = (
        "peer"
    )
    """Who the client is. `"peer"`: the other end of the socket. A list of the networks of your
    proxies, and `"unix"`: the last address of X-Forwarded-For that is not one of them. A number:
    that many proxies are yours. The name of a header: the last value of it."""

    anonymise_ip: bool = False
    """True shows the network of an address only: /24 of IPv4, /48 of IPv6."""

    max_lengths: Annotated[dict[str, int] | None, AfterValidator(_limits)] = None
    """Characters of the longest `path`, `query`, `user_agent`, `header` and `field` that are shown.
    What is not named keeps its default: 2048, 1024, 256, 256 and 2048."""

    count_request_body: bool = False
    """True tells how many bytes of the request body the application took in, instead of what
    Content-Length says."""

    status_for_abort: Annotated[int, Field(ge=400, le=599)] | None = None
    """Status of a line whose client went away before there was one, such as 499."""

    log_exceptions: bool = False
    """True tells of an exception in an event of its own, with its traceback. Servers print one
    already."""

    websocket: bool = True
    """False logs no websocket sessions."""

    fields: list[str] | tuple[str, ...] | None = None
    """The fields of the line, in order, by the names of the preset. None means all there are.
    Headers, `extra` and `dualware.add_fields` come on top."""

    extra: Annotated[_Added, BeforeValidator(_extra)] | None = None
    """More fields for every line: a mapping, or a callable that takes the `Exchange` when it is
    over, and returns one. Names that loggers use themselves, such as `event`, get a `_` behind
    them."""

    route: Annotated[Callable[[Request], str | None], _NO_CLASS, _CALLED] | None = None
    """Tells the template of the path, `"/items/{id}"`, where `dualware.frameworks` do not: a
    callable that takes the `Request` at the end, and returns None where there is none."""

    @model_validator(mode="after")
    def _together(self) -> LoggingSettings:
        known = PRESETS[self.preset].known
        for name in self.fields or ():
            if name not in known:
                raise fault(
                    "DW207",
                    f"fields: {name!r} is no field of the preset {self.preset!r}",
                    checks.near(name, sorted(known)),
                )
        if self.exclude_errors and not (
            self.exclude or self.exclude_prefixes or self.exclude_regex or self.exclude_when
        ):
            sentence = "exclude_errors says what becomes of excluded paths, and none is excluded"
            raise fault("DW203", sentence, "name paths in exclude, or leave exclude_errors out")
        return self


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
        self._event = settings.event
        self._tells_start = settings.start_event
        self._tells_exceptions = settings.log_exceptions
        self._status_for_abort = settings.status_for_abort
        self._chosen = None if settings.fields is None else tuple(settings.fields)
        self._extra = _compiled_extra(settings)
        self._route = settings.route

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.settings, self.effects)

    def __call__(self, exchange: Exchange) -> Flow | None:
        # Asked before anything is looked up: an exchange that can have no line costs nothing more.
        return self._flow(exchange) if self._sink.enabled(self._highest) else None

    def _flow(self, exchange: Exchange) -> Flow:
        request = exchange.request
        # What was asked is taken now: applications may move on in their scope or environ.
        seen = Seen(self._clock(), request.method, request.raw_path)
        if self._tells_start and self._sink.enabled(INFO):
            self._emit(INFO, f"{self._name(exchange)}.start", self._lines.start(exchange, seen))
        try:
            yield RESPONSE
            seen.responded_at = self._clock()
            yield END
        finally:
            # Whatever happens, and once: an exception, a head that never came, the END.
            seen.ended_at = self._clock()
            self._end(exchange, seen)

    def on_late_error(self, exchange: Exchange, error: Exception) -> None:
        """Tell of a failure after END, in background work or in `close()`."""
        seen = Seen(self._clock(), exchange.request.method, exchange.request.raw_path)
        self._tell_exception(exchange, seen, error, "background")

    def _end(self, exchange: Exchange, seen: Seen) -> None:
        seen.status = exchange.response.status
        if seen.status is None:
            self._infer_status(exchange, seen)
        if self._tells_exceptions and exchange.error is not None:
            self._tell_exception(exchange, seen, exchange.error, "request")
        level = self._selection.level(exchange, seen)
        # Before the fields are built, which cost more than all the rest.
        if level == SILENT or not self._sink.enabled(level):
            return
        if self._selection.takes(exchange, seen, level):
            self._settle_route(exchange)
            self._emit(level, self._name(exchange), self._lines.end(exchange, seen), exchange)

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

    def _emit(
        self, level: int, event: str, fields: dict[str, Any], exchange: Exchange | None = None
    ) -> None:
        """Hand an event to the sink; given an ``exchange`` it is the line, with what users add."""
        lines, word = self._lines, LEVEL_NAMES[level]
        if exchange is None:
            fields = lines.finished(fields, word, None)
        else:
            more = lines.headers(exchange), self._added(exchange), exchange.record.fields
            fields = lines.finished(fields, word, self._chosen, *more)
        self._sink.emit(level, event, fields)

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
        if self._sink.enabled(ERROR):
            trace = self._tells_exceptions
            fields = self._lines.exception(exchange, seen, error, phase, trace=trace)
            self._emit(ERROR, f"{self._name(exchange)}.exception", fields)
