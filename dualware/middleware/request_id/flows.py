"""What `request_id` does in an exchange: on the way in an id is found, on the way out it is told.

Knows an id and who may give one. Must never know what a setting may be, nor make a request fail
because an id could not be had.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any, ClassVar, Final, cast

import structlog.contextvars
from werkzeug.utils import import_string

from dualware.core.compiling import mypyc_attr
from dualware.core.current import CURRENT
from dualware.core.effects import Effects
from dualware.core.exchange import END, RESPONSE, Exchange, Flow
from dualware.core.guards import Complaints, asked, making
from dualware.core.header_names import HeaderName
from dualware.core.headers import FieldName, Headers
from dualware.core.lists import add_member
from dualware.core.message import Request
from dualware.core.middleware import Middleware
from dualware.core.peers import Peers
from dualware.core.record import Record
from dualware.core.request_id.bindings import bind
from dualware.core.request_id.ids import (
    NAMED,
    Generate,
    hex_ids,
    is_harmless,
    is_request_id,
    matcher,
)
from dualware.core.request_id.outbound import Outbound
from dualware.core.request_id.trace import EXTRACTORS
from dualware.middleware.request_id.settings import RequestIDSettings

__all__ = ["RequestID"]

_BLANK: Final = " \t"  # RFC 9110 §5.5: what is around a value is not part of it
_TEXT: Final = ("Content-Type", "text/plain; charset=utf-8")


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
        generator = import_string(generator)
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
        return Peers(cast("Any", trust))
    return asked(trust, effects, "the trust of request_id")


@mypyc_attr(allow_interpreted_subclasses=True)
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
        self._plain = not settings.allow_unsafe
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
        # What the first valid trace header says. Nobody reads tracestate (W3C §3.3).
        for name, extract in self._traces if record.trace is None else ():
            text = exchange.peek(name)
            if text is not None and (trace := extract(text)) is not None:
                record.trace = trace
                break
        field = self._field
        value = record.request_id
        if value is None:
            value = self._identify(exchange, record)
            if value is None:
                self._refuse(exchange, 400, "Bad Request: the request id is not valid")
                return None
            if self._plain:
                record.request_id_plain = value
        else:
            # That of an exchange around this one, or of whoever wrote it: `put` checks no value.
            field = None
        record.outbound = self._outbound
        exchange.expose("request_id", value)
        if self._shows:
            self._show(exchange.request, value)
        if field is not None:
            return _put(exchange, field, value)
        return self._flow(exchange, value) if self._waits else None

    # On the way in

    def _identify(self, exchange: Exchange, record: Record) -> str | None:
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
        if given is not None and (self._trusts is None or self._trusts(exchange.request)):
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
