"""Give every request an id: taken from its headers where they may be believed, or made here.

The id goes into the record, back to the client in one response header, to the application, and
on to whatever the application calls (`dualware.outbound`). On the way in everything is settled;
on the way out one header is written. Place it outermost: everything inside may log.

    dualware.wrap(app, {"request_id": {"trust": ["10.0.0.0/8"], "generator": "uuid7"}})

Knows what a request id is and who may give one. Must never know a protocol, repair an id that
came in, or make a request fail because an id could not be had.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Final, Literal, cast

import structlog.contextvars
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator
from werkzeug.utils import import_string

from dualware.core import checks
from dualware.core.bindings import bind
from dualware.core.effects import Effects
from dualware.core.exchange import END, RESPONSE, Exchange, Flow, Middleware
from dualware.core.guards import Complaints, asked, making
from dualware.core.header_names import HeaderName
from dualware.core.headers import FieldName, Headers
from dualware.core.ids import NAMED, Generate, hex_ids, is_harmless, is_request_id, matcher
from dualware.core.lists import add_member
from dualware.core.message import Request
from dualware.core.outbound import Outbound
from dualware.core.peers import Peers
from dualware.core.record import CURRENT, Record
from dualware.core.trace import EXTRACTORS
from dualware.middleware.model import Settings, fault, fit

__all__ = ["RequestID", "RequestIDSettings"]

_BLANK: Final = " \t"  # RFC 9110 §5.5: what is around a value is not part of it
_TEXT: Final = ("Content-Type", "text/plain; charset=utf-8")


# What the settings may say


def _header(name: str) -> Any:
    fit(checks.readable, name)
    return fit(checks.writable, name)


def _response_header(name: Any) -> Any:
    if isinstance(name, str):
        return fit(checks.writable, name)
    if name is not None and name is not False:
        raise fault("DW104", f"{name!r} is not a header name", "None stands for `header`")
    return name


def _inbound(names: Any, info: ValidationInfo) -> Any:
    if names is None:
        # `header` is missing where it was at fault itself.
        return [name.lower() for name in (info.data.get("header"),) if name]
    return [fit(checks.readable, name) for name in names]


def _trust(trust: Any) -> Any:
    if isinstance(trust, list | tuple):
        return [fit(checks.peer, each) for each in cast("list[Any]", trust)]
    if not isinstance(trust, str):
        return fit(checks.usable, trust, 1, "'validated', 'never', networks, or a callable")
    fit(checks.no_network, trust)
    return fit(checks.one_of, trust, ("validated", "never"), "or a list of networks")


def _validator(validator: Any) -> Any:
    if validator is None or isinstance(validator, str | re.Pattern):
        return cast("Any", validator and fit(checks.pattern, validator))
    return fit(checks.usable, validator, 1, "a regular expression, or a callable")


def _generator(generator: Any) -> Any:
    if isinstance(generator, str) and ":" not in generator:
        return fit(checks.one_of, generator, NAMED, "or 'package.module:function'")
    made = fit(checks.imported, generator) if isinstance(generator, str) else generator
    fit(checks.usable, made, 0, "'hex', another name, 'package.module:function', or a callable")
    return generator


def _traceparent(mode: Any) -> Any:
    if mode is True:
        raise fault("DW104", "True does not say what for", "write 'log' or 'id'")
    return mode


def _trace_headers(names: Any) -> Any:
    return [fit(checks.one_of, name, tuple(EXTRACTORS)[1:], "in lower case") for name in names]


def _outbound_hosts(hosts: Any) -> Any:
    return hosts and [fit(checks.host, each) for each in hosts]


class RequestIDSettings(Settings):
    """Settings of the request_id middleware."""

    header: Annotated[str, AfterValidator(_header)] = "X-Request-ID"
    """Name of the header: what is written, and what is read unless `inbound` says otherwise."""

    inbound: Annotated[list[str] | tuple[str, ...] | None, AfterValidator(_inbound)] = Field(
        default=None, validate_default=True
    )
    """Names of the headers that may bring an id, in order: the first valid one counts. None means
    `header` alone, an empty list none at all. A header on several lines is never valid."""

    response_header: Annotated[str | Literal[False] | None, BeforeValidator(_response_header)] = (
        None
    )
    """Name of the response header. None means `header`; False writes none."""

    trust: Annotated[
        Literal["validated", "never"] | list[str] | tuple[str, ...] | Callable[[Request], bool],
        BeforeValidator(_trust),
    ] = "validated"
    """Whose ids are taken over. `"validated"`: everybody's, if they are valid. `"never"`: nobody's,
    for the edge of a network. A list of networks, and `"unix"` for peers behind a Unix socket:
    theirs whose socket is in one of them. A callable: theirs for whose `Request` it returns True.
    A valid id that is not trusted is kept as `request_id_upstream` of the record."""

    validator: Annotated[
        str | re.Pattern[str] | Callable[[str], bool] | None, BeforeValidator(_validator)
    ] = None
    """What an inbound id must match beyond the usual alphabet `[A-Za-z0-9+/=_.:~@-]`: a regular
    expression for the whole id, or a callable that takes it and returns a bool."""

    allow_unsafe: bool = False
    """True lets `validator` decide alone, so that other characters may come in. Whatever it says,
    control characters, tabs and surrounding spaces stay out."""

    max_length: int = Field(default=200, ge=1, le=1024)
    """Characters of the longest inbound id that is taken; longer ones are invalid, never cut."""

    on_invalid: Literal["replace", "reject"] = "replace"
    """What becomes of a request with an invalid id: `"replace"` makes a new one, `"reject"`
    answers 400, and refuses a websocket handshake."""

    generator: Annotated[str | Callable[[], str], BeforeValidator(_generator)] = "hex"
    """What makes new ids: `"hex"` (32 hex digits), `"uuid4"`, `"nanoid"`; `"uuid7"` and `"ulid"`,
    which sort by time and so tell it; `"package.module:function"`, or a callable without
    parameters that returns a str. One that fails is reported, and `"hex"` stands in."""

    on_conflict: Literal["replace", "keep"] = "replace"
    """Whose response header it is if the application wrote one too: ours, or the application's.
    Either way there is exactly one."""

    set_request_header: bool = False
    """True lets the application find the id in its request headers, in place of what came in."""

    expose: bool = False
    """True lets scripts of other origins read the response header: it is named in
    Access-Control-Expose-Headers of CORS responses."""

    traceparent: Annotated[Literal["log", "id", "off", False], BeforeValidator(_traceparent)] = (
        "log"
    )
    """What becomes of W3C trace context. `"log"`: its ids are in the record, for the log line.
    `"id"`: besides, the trace id is the request id where no valid id came in. `"off"` or False:
    it is not read."""

    trace_headers: Annotated[list[str] | tuple[str, ...], AfterValidator(_trace_headers)] = ()
    """Other trace headers to read, in order, where there is no valid traceparent:
    `"x-amzn-trace-id"`, `"x-cloud-trace-context"`, `"b3"`."""

    bind_contextvars: bool = False
    """True binds `request_id` with `structlog.contextvars`, for processors that merge those.
    `dualware.log.merge_record` does the same for less."""

    clear_structlog: Literal["start", "never"] = "start"
    """`"start"` clears structlog's context variables where an exchange begins, since some servers
    leave those of the request before. `"never"` leaves them alone."""

    outbound_hosts: Annotated[
        list[str] | tuple[str, ...] | None, AfterValidator(_outbound_hosts)
    ] = None
    """Hosts to which `dualware.outbound_headers` gives the id: `"api.example.com"`, or
    `"*.example.com"` for every name below. None means all."""

    error_response: bool = False
    """True answers an exception that leaves the application with a short 500 response that carries
    the id. The exception is raised again all the same."""

    @model_validator(mode="after")
    def _together(self) -> RequestIDSettings:
        if self.allow_unsafe and self.validator is None:
            sentence = "allow_unsafe leaves the decision to a validator, and there is none"
            raise fault("DW203", sentence, "give a validator, or leave allow_unsafe out")
        if self.expose and self.response_header is False:
            sentence = "expose names a response header, and response_header=False writes none"
            raise fault("DW203", sentence, "leave one of them out")
        return self


# What the middleware is compiled from


def _compiled_validator(settings: RequestIDSettings, effects: Effects) -> Callable[[str], object]:
    validator: Any = settings.validator
    if isinstance(validator, str | re.Pattern):
        validator = cast("Any", re.compile(cast("Any", validator))).fullmatch
    elif validator is not None:
        validator = asked(validator, effects, "the validator of request_id")
    return matcher(settings.max_length, validator, unsafe=settings.allow_unsafe)


def _compiled_generator(settings: RequestIDSettings, effects: Effects) -> Generate:
    generator = settings.generator
    if isinstance(generator, str):
        if generator in NAMED:
            return NAMED[generator](effects.random, effects.now)
        generator = cast("Generate", import_string(generator))
    valid = is_harmless if settings.allow_unsafe else is_request_id
    instead = hex_ids(effects.random)
    return making(generator, valid, instead, effects, "the generator of request_id")


def _compiled_trust(
    settings: RequestIDSettings, effects: Effects
) -> Callable[[Request], bool] | None:
    """Whose ids are believed; None: everybody's."""
    trust: Any = settings.trust
    if trust == "validated":
        return None
    if trust == "never":
        return lambda _: False
    if isinstance(trust, list | tuple):
        return Peers(cast("list[str]", trust))
    return asked(trust, effects, "the trust of request_id")


class RequestID(Middleware):
    """Give every request an id, and tell everybody."""

    name = "request_id"
    observes = True
    websocket = True
    Settings: ClassVar[type[RequestIDSettings]] = RequestIDSettings

    def __init__(self, settings: RequestIDSettings, effects: Effects) -> None:
        self.settings = settings
        self.effects = effects
        # On the way in
        self._clears = settings.clear_structlog == "start"
        first = ("traceparent",) if settings.traceparent in ("log", "id") else ()
        traces = (*first, *settings.trace_headers)
        self._traces = tuple((HeaderName(name), EXTRACTORS[name]) for name in traces)
        self._inbound = tuple(map(HeaderName, settings.inbound or ()))
        self._valid = _compiled_validator(settings, effects)
        # The client's doing, not ours: no warning.
        self._complain = Complaints("request id", effects.clock, logging.getLogger("dualware").info)
        self._rejects = settings.on_invalid == "reject"
        self._trace_is_id = settings.traceparent == "id"
        self._trusts = _compiled_trust(settings, effects)
        self._generate = _compiled_generator(settings, effects)
        # What becomes of the id
        self._outbound = Outbound(settings.header, settings.outbound_hosts)
        self._shown_in = tuple(dict.fromkeys((settings.header.lower(), *(settings.inbound or ()))))
        self._shows = settings.set_request_header
        self._binds = settings.bind_contextvars
        # On the way out
        written = settings.response_header
        self._written = settings.header if written is None else written or None
        self._keeps = settings.on_conflict == "keep"
        self._exposes = settings.expose
        self._answers = settings.error_response
        self._waits = self._written is not None or self._answers or self._binds
        # The field, where it is all that there is to do, and the id is of the usual alphabet.
        more = self._keeps or self._exposes or self._answers or self._binds
        plain = self._written is not None and not (more or settings.allow_unsafe)
        self._field = FieldName(cast("str", self._written)) if plain else None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.settings, self.effects)

    def __call__(self, exchange: Exchange) -> Flow | None:
        # structlog's own function looks at every variable of the context, up to a microsecond.
        # Where nobody has ever bound one there is nothing to find.
        bound = self._clears and getattr(structlog.contextvars, "_CONTEXT_VARS", True)
        if bound and CURRENT.get() is exchange:
            structlog.contextvars.clear_contextvars()
        record = exchange.record
        request = exchange.request
        # What the first valid trace header says. Nobody reads tracestate (W3C §3.3).
        for name, extract in self._traces if record.trace is None else ():
            text = exchange.peek(name)
            if text is not None and (trace := extract(text)) is not None:
                record.trace = trace
                break
        field = self._field
        value = record.request_id
        if value is None:
            value = self._identify(exchange, record, request)
            if value is None:
                self._refuse(exchange, 400, "Bad Request: the request id is not valid")
                return None
        else:
            # That of an exchange around this one, or of whoever wrote it: `put` checks no value.
            field = None
        record.outbound = self._outbound
        request.expose("request_id", value)
        if self._shows:
            self._show(request, value)
        if field is not None:
            return _put(exchange, field, value)
        return self._flow(exchange, value) if self._waits else None

    # On the way in

    def _identify(self, exchange: Exchange, record: Record, request: Request) -> str | None:
        """Give the record an id, and return it; None where the request is to be refused."""
        inbound = None
        for name in self._inbound:
            text = exchange.peek(name)
            if text is None:
                continue
            text = text.strip(_BLANK)
            if self._valid(text):
                inbound = text
                break
            self._complain(name.text, text)
            if self._rejects:
                record.request_id = self._generate()
                record.request_id_source = "generated"
                return None
        given = inbound
        if given is None and self._trace_is_id and record.trace is not None:
            given = record.trace["trace_id"]
        if given is not None and (self._trusts is None or self._trusts(request)):
            record.request_id = given
            record.request_id_source = "inbound"
            return given
        if inbound is not None:
            record.request_id_upstream = inbound
        made = record.request_id = self._generate()
        record.request_id_source = "generated"
        return made

    def _show(self, request: Request, value: str) -> None:
        """Put the id where the application looks, and leave no other beside it."""
        own, *others = self._shown_in
        request.set_header(own, value)
        for name in others:
            if request.header(name) is not None:
                request.set_header(name, value)

    # On the way out

    def _flow(self, exchange: Exchange, value: str) -> Flow:
        if self._binds:
            bind(exchange, request_id=value)
        try:
            yield RESPONSE
        except Exception:
            # A client that is gone has no use for an answer; a session can't be given one.
            if self._answers and exchange.outcome == "error" and exchange.session is None:
                self._refuse(exchange, 500, "Internal Server Error")
            raise
        if self._written is not None:
            self._echo(exchange.response.headers, self._written, value)
        if self._binds:
            # Who waits is followed to the end of the body, so that its code finds the binding.
            yield END

    def _echo(self, headers: Headers[Any], name: str, value: str) -> None:
        """Exactly one header."""
        if not self._keeps:
            headers.set(name, value)
        elif len(given := headers.get_all(name)) != 1:
            headers.set(name, given[0] if given else value)
        # Fetch §3.2.3: what scripts may read; it means something in CORS responses only.
        if self._exposes and "Access-Control-Allow-Origin" in headers:
            add_member(headers, "Access-Control-Expose-Headers", name)

    def _refuse(self, exchange: Exchange, status: int, sentence: str) -> None:
        """Answer in a line of text, with the id."""
        value = cast("str", exchange.record.request_id)
        headers = [_TEXT] if self._written is None else [_TEXT, (self._written, value)]
        exchange.respond(status, headers, f"{sentence}\nRequest id: {value}\n".encode())


def _put(exchange: Exchange, field: FieldName, value: str) -> Flow:
    """All of the flow that nearly every exchange needs."""
    yield RESPONSE
    exchange.put(field, value)
