"""Give every request an id: taken from its headers where they may be believed, or made here.

The id goes into the record, back to the client in one response header, to the application, and
on to whatever the application calls (`dualware.outbound`). On the way in everything is settled;
on the way out one header is written. Place it outermost: everything inside may log.

    dualware.wrap(app, {"request_id": {"trust": ["10.0.0.0/8"], "generator": "uuid7"}})

Knows what a request id is and who may give one. Must never know a protocol, repair an id that
came in, or make a request fail because an id could not be had.
"""

from __future__ import annotations

import difflib
import inspect
import logging
import re
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final, Literal, cast

import structlog.contextvars
from pydantic import Field, ValidationInfo, field_validator, model_validator
from werkzeug.utils import import_string

from dualware.core.effects import Effects
from dualware.core.exchange import END, RESPONSE, Exchange, Flow, Middleware
from dualware.core.headers import Headers, StrHeaders
from dualware.core.ids import NAMED, Generate, hex_ids, is_request_id, well_formed
from dualware.core.message import Request
from dualware.core.outbound import Outbound, host_pattern
from dualware.core.peers import UNIX, Peers, network
from dualware.core.record import CURRENT, Record
from dualware.core.trace import EXTRACTORS
from dualware.middleware.model import HeaderName, Settings, fault

__all__ = ["RequestID", "RequestIDSettings"]

_LOGGER: Final = logging.getLogger("dualware")
_BLANK: Final = " \t"
"""RFC 9110 §5.5: whitespace around a value is not part of it."""
_EXPOSED: Final = "Access-Control-Expose-Headers"
_TEXT: Final = ("Content-Type", "text/plain; charset=utf-8")

# What could at least be written into a header under both protocols, and does nothing to a
# terminal: RFC 9110 §5.5's field-value without tabs and without the controls of Latin-1.
_HARMLESS: Final = re.compile(r"[!-~\xa0-\xff](?:[ -~\xa0-\xff]*[!-~\xa0-\xff])?")


class RequestIDSettings(Settings):
    """Settings of the request_id middleware."""

    header: HeaderName = "X-Request-ID"
    """Name of the header: what is written, and what is read unless `inbound` says otherwise."""

    inbound: list[str] | tuple[str, ...] | None = Field(default=None, validate_default=True)
    """Names of the headers that may bring an id, in order: the first valid one counts. None means
    `header` alone, an empty list none at all. A header on several lines is never valid."""

    response_header: str | Literal[False] | None = None
    """Name of the response header. None means `header`; False writes none."""

    trust: (
        Literal["validated", "never"] | list[str] | tuple[str, ...] | Callable[[Request], bool]
    ) = "validated"
    """Whose ids are taken over. `"validated"`: everybody's, if they are valid. `"never"`: nobody's,
    for the edge of a network. A list of networks, and `"unix"` for peers behind a Unix socket:
    theirs whose socket is in one of them. A callable: theirs for whose `Request` it returns True.
    A valid id that is not trusted is kept as `request_id_upstream` of the record."""

    validator: str | re.Pattern[str] | Callable[[str], bool] | None = None
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

    generator: str | Callable[[], str] = "hex"
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

    traceparent: Literal["log", "id", "off", False] = "log"
    """What becomes of W3C trace context. `"log"`: its ids are in the record, for the log line.
    `"id"`: besides, the trace id is the request id where no valid id came in. `"off"` or False:
    it is not read."""

    trace_headers: list[str] | tuple[str, ...] = ()
    """Other trace headers to read, in order, where there is no valid traceparent:
    `"x-amzn-trace-id"`, `"x-cloud-trace-context"`, `"b3"`."""

    bind_contextvars: bool = False
    """True binds `request_id` with `structlog.contextvars`, for processors that merge those.
    `dualware.log.merge_record` does the same for less."""

    clear_structlog: Literal["start", "never"] = "start"
    """`"start"` clears structlog's context variables where an exchange begins, since some servers
    leave those of the request before. `"never"` leaves them alone."""

    outbound_hosts: list[str] | tuple[str, ...] | None = None
    """Hosts to which `dualware.outbound_headers` gives the id: `"api.example.com"`, or
    `"*.example.com"` for every name below. None means all."""

    error_response: bool = False
    """True answers an exception that leaves the application with a short 500 response that carries
    the id. The exception is raised again all the same."""

    @field_validator("header")
    @classmethod
    def _header(cls, name: str) -> str:
        return _writable(name)

    @field_validator("response_header", mode="before")
    @classmethod
    def _response_header(cls, name: Any) -> Any:
        if isinstance(name, str):
            return _writable(name)
        if name is not None and name is not False:
            raise fault("DW104", f"{name!r} is not a header name", "None stands for `header`")
        return name

    @field_validator("inbound")
    @classmethod
    def _inbound(cls, names: Any, info: ValidationInfo) -> Any:
        if names is None:
            # `header` is missing where it was at fault itself.
            return [name.lower() for name in (info.data.get("header"),) if name]
        return [_readable(name) for name in names]

    @field_validator("trust", mode="before")
    @classmethod
    def _trust(cls, trust: Any) -> Any:
        _check_trust(trust)
        return trust

    @field_validator("validator", mode="before")
    @classmethod
    def _validator(cls, validator: Any) -> Any:
        _check_validator(validator)
        return validator

    @field_validator("generator", mode="before")
    @classmethod
    def _generator(cls, generator: Any) -> Any:
        if isinstance(generator, str) and ":" not in generator:
            _choice(generator, NAMED, "or 'package.module:function'")
        else:
            made = _imported(generator) if isinstance(generator, str) else generator
            _usable(made, 0, "'hex', another name, 'package.module:function', or a callable")
        return generator

    @field_validator("traceparent", mode="before")
    @classmethod
    def _traceparent(cls, mode: Any) -> Any:
        if mode is True:
            raise fault("DW104", "True does not say what for", "write 'log' or 'id'")
        return mode

    @field_validator("trace_headers")
    @classmethod
    def _trace_headers(cls, names: Any) -> Any:
        for name in names:
            _choice(name, tuple(EXTRACTORS)[1:], "in lower case")
        return names

    @field_validator("outbound_hosts")
    @classmethod
    def _outbound_hosts(cls, hosts: Any) -> Any:
        for host in hosts or ():
            _check_host(host)
        return hosts

    @model_validator(mode="after")
    def _together(self) -> RequestIDSettings:
        if self.allow_unsafe and self.validator is None:
            raise fault(
                "DW203",
                "allow_unsafe leaves the decision to a validator, and there is none",
                "give a validator, or leave allow_unsafe out",
            )
        if self.expose and self.response_header is False:
            raise fault(
                "DW203",
                "expose names a response header, and response_header=False writes none",
                "leave one of them out",
            )
        return self


# What the settings may say


def _writable(name: str) -> str:
    """The name under which both protocols write a response header, and that no server relies on."""
    try:
        StrHeaders().append(name, "")
    except ValueError as error:
        raise fault("DW201", str(error)) from error
    # RFC 9110 §8.6: an id in its place would break the framing.
    if name.lower() == "content-length":
        raise fault("DW201", f"{name!r} is the length of the body", "write 'X-Request-ID'")
    return _readable(name, keep=True)


def _readable(name: str, *, keep: bool = False) -> str:
    """A name that a request header has under both protocols, in lower case unless told to keep."""
    if re.fullmatch(r"[!#$%&'*+.^`|~0-9A-Za-z-]*[!#$%&'*+.^`|~0-9A-Za-z]", name) is None:
        # WSGI can't tell X_Request_Id from X-Request-Id, and ASGI must not (CVE-2026-3902).
        raise fault(
            "DW201",
            f"{name!r} is not a header name that both protocols can tell",
            f"write {name.replace('_', '-')!r}" if "_" in name else "write 'x-request-id'",
        )
    return name if keep else name.lower()


def _choice(value: Any, choices: Iterable[str], besides: str) -> None:
    known = list(choices)
    if value not in known:
        near = difflib.get_close_matches(str(value), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"write {_listed(known)}, {besides}"
        raise fault("DW106", f"{value!r} is not one of the choices", hint)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(map(repr, words))


def _check_trust(trust: Any) -> None:
    if isinstance(trust, list | tuple):
        for each in cast("list[Any]", trust):
            _check_network(each)
    elif not isinstance(trust, str):
        _usable(trust, 1, "'validated', 'never', a list of networks, or a callable")
    elif trust == UNIX or "." in trust or ":" in trust:
        raise fault("DW104", "networks come in a list", f"write [{trust!r}]")
    else:
        _choice(trust, ("validated", "never"), "or a list of networks")


def _check_network(text: Any) -> None:
    """Refuse what is neither a network nor ``"unix"``."""
    if not isinstance(text, str):
        raise fault("DW104", f"{text!r} is not a network", "write '10.0.0.0/8' or 'unix'")
    try:
        if text != UNIX:
            network(text)
    except ValueError as error:
        raise fault("DW202", str(error), "write '10.0.0.0/8' or 'unix'") from error


def _check_host(text: str) -> None:
    try:
        host_pattern(text)
    except ValueError as error:
        raise fault(
            "DW202",
            str(error),
            "write 'api.example.com' or '*.example.com': no scheme, port or path; letters beyond "
            "ASCII as 'xn--…'",
        ) from error


def _imported(name: str) -> Any:
    try:
        return import_string(name)
    except Exception as error:
        # Importing runs a module, which may raise anything.
        raise fault("DW205", f"{name!r} can't be imported: {error}") from error


def _check_validator(validator: Any) -> None:
    if isinstance(validator, re.Pattern):
        # A pattern of bytes would fail at the first request.
        validator = cast("Any", validator).pattern
        if not isinstance(validator, str):
            raise fault("DW206", f"{validator!r} is bytes, and ids are str", "compile a str")
    elif isinstance(validator, str):
        try:
            re.compile(validator)
        except re.error as error:
            sentence = f"{validator!r} is not a regular expression: {error}"
            raise fault("DW206", sentence) from error
    elif validator is not None:
        _usable(validator, 1, "a regular expression, or a callable")


def _usable(function: Any, arguments: int, instead: str) -> None:
    """Refuse what can't be called with so many arguments, or would have to be awaited."""
    if not callable(function):
        raise fault("DW104", f"{function!r} can't be called", f"write {instead}")
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - the method itself, not whether it is there
    ):
        raise fault("DW205", f"{function!r} is a coroutine function", "a plain function works")
    try:
        inspect.signature(function).bind(*range(arguments))
    except TypeError as error:
        sentence = f"{function!r} is called with {arguments} arguments: {error}"
        raise fault("DW205", sentence) from error
    except ValueError:
        # Some builtins have no signature to look at.
        return


# What the middleware is compiled from


class Complaints:
    """Tell of invalid ids, at most once a second: a client must not be able to fill the log."""

    INTERVAL: Final = 1_000_000_000
    """Silence after a line, in ns."""
    SHOWN: Final = 64
    """Characters of an invalid value that are shown, quotes and escapes included."""

    __slots__ = ("_clock", "_unsaid", "_until")

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._until: int | None = None
        self._unsaid = 0

    def __call__(self, name: str, value: str) -> None:
        now = self._clock()
        if self._until is not None and now < self._until:
            self._unsaid += 1
            return
        self._until = now + self.INTERVAL
        unsaid, self._unsaid = self._unsaid, 0
        # The client's doing, not ours: no warning. repr leaves no control character.
        _LOGGER.info(
            "invalid request id in %s: %s, %d characters%s",
            name,
            repr(value[: self.SHOWN])[: self.SHOWN],
            len(value),
            f" ({unsaid} more since the last such line)" if unsaid else "",
        )


def _compiled_validator(settings: RequestIDSettings, effects: Effects) -> Callable[[str], Any]:
    """What is true for a valid inbound id; the common case is one C call."""
    usual = well_formed(settings.max_length).fullmatch
    validator = settings.validator
    if validator is None:
        return usual
    if isinstance(validator, str | re.Pattern):
        narrow: Callable[[str], Any] = re.compile(validator).fullmatch
    else:
        narrow = _asked(validator, effects, "validator")
    if not settings.allow_unsafe:
        return lambda text: usual(text) and narrow(text)
    most = settings.max_length
    return lambda text: len(text) <= most and _HARMLESS.fullmatch(text) and narrow(text)


def _compiled_generator(settings: RequestIDSettings, effects: Effects) -> Generate:
    generator = settings.generator
    if not isinstance(generator, str):
        return _guarded(generator, settings, effects)
    if generator in NAMED:
        return NAMED[generator](effects.random, effects.now)
    return _guarded(import_string(generator), settings, effects)


def _guarded(
    generator: Callable[[], Any], settings: RequestIDSettings, effects: Effects
) -> Generate:
    """The user's generator, with ``hex`` to stand in where it fails or makes no valid id."""
    instead = hex_ids(effects.random)
    valid = _HARMLESS.fullmatch if settings.allow_unsafe else is_request_id

    def generate() -> str:
        try:
            made = generator()
        except Exception as error:  # noqa: BLE001 - whatever it raises, there is an id
            effects.report(f"the request id generator {generator!r} failed", error)
            return instead()
        if isinstance(made, str) and valid(made):
            return made
        shown = repr(made)[: Complaints.SHOWN] if isinstance(made, str) else f"a {type(made)}"
        effects.report(f"the request id generator {generator!r} made {shown}, no valid id", None)
        return instead()

    return generate


def _compiled_trust(settings: RequestIDSettings, effects: Effects) -> Callable[[Request], Any]:
    trust: Any = settings.trust
    if trust == "validated":
        return lambda _: True
    if trust == "never":
        return lambda _: False
    if isinstance(trust, list | tuple):
        return Peers(cast("list[str]", trust))
    return _asked(trust, effects, "trust")


def _asked(
    function: Callable[[Any], bool], effects: Effects, setting: str
) -> Callable[[Any], bool]:
    """The user's predicate, whose failure is reported and means no."""

    def ask(value: Any) -> bool:
        try:
            return bool(function(value))
        except Exception as error:  # noqa: BLE001 - whatever it raises, the answer is no
            effects.report(f"the {setting} of request_id, {function!r}, failed", error)
            return False

    return ask


def _compiled_traces(
    settings: RequestIDSettings,
) -> tuple[tuple[str, Callable[[str], dict[str, str] | None]], ...]:
    """The trace headers to read, in order, each with what reads it."""
    first = ("traceparent",) if settings.traceparent in ("log", "id") else ()
    return tuple((name, EXTRACTORS[name]) for name in (*first, *settings.trace_headers))


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
        self._traces = _compiled_traces(settings)
        self._inbound = tuple(settings.inbound or ())
        self._valid = _compiled_validator(settings, effects)
        self._complain = Complaints(effects.clock)
        self._rejects = settings.on_invalid == "reject"
        self._trace_is_id = settings.traceparent == "id"
        self._trusts = _compiled_trust(settings, effects)
        self._generate = _compiled_generator(settings, effects)
        # What becomes of the id
        self._outbound = Outbound(settings.header, settings.outbound_hosts)
        own = settings.header.lower()
        self._shown_in = tuple(dict.fromkeys((own, *self._inbound)))
        self._shows = settings.set_request_header
        self._binds = settings.bind_contextvars
        # On the way out
        written = settings.response_header
        self._written = settings.header if written is None else written or None
        self._keeps = settings.on_conflict == "keep"
        self._exposes = settings.expose
        self._answers = settings.error_response
        self._waits = self._written is not None or self._answers or self._binds

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.settings, self.effects)

    def __call__(self, exchange: Exchange) -> Flow | None:
        if self._clears and CURRENT.get() is exchange:
            _clear_structlog()
        record = exchange.record
        request = exchange.request
        if record.trace is None:
            record.trace = self._trace(request)
        # A record that has an id already belongs to an exchange around this one.
        if record.request_id is None and not self._identify(record, request):
            self._refuse(exchange, 400, "Bad Request: the request id is not valid")
            return None
        value = cast("str", record.request_id)
        record.outbound = self._outbound
        request.expose("request_id", value)
        if self._shows:
            self._show(request, value)
        return self._flow(exchange, value) if self._waits else None

    # On the way in

    def _identify(self, record: Record, request: Request) -> bool:
        """Give the record an id. Returns False where the request is to be refused."""
        inbound = None
        for name in self._inbound:
            text = request.header(name)
            if text is None:
                continue
            text = text.strip(_BLANK)
            if self._valid(text):
                inbound = text
                break
            self._complain(name, text)
            if self._rejects:
                record.request_id = self._generate()
                record.request_id_source = "generated"
                return False
        given = inbound
        if given is None and self._trace_is_id and record.trace is not None:
            given = record.trace["trace_id"]
        if given is not None and self._trusts(request):
            record.request_id = given
            record.request_id_source = "inbound"
        else:
            record.request_id_upstream = inbound
            record.request_id = self._generate()
            record.request_id_source = "generated"
        return True

    def _trace(self, request: Request) -> dict[str, str] | None:
        """What the first valid trace header says. Nobody reads tracestate (W3C §3.3)."""
        for name, extract in self._traces:
            text = request.header(name)
            if text is not None and (trace := extract(text)) is not None:
                return trace
        return None

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
            _bind(exchange, value)
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
        if self._exposes:
            _expose(headers, name)

    def _refuse(self, exchange: Exchange, status: int, sentence: str) -> None:
        """Answer in a line of text, with the id."""
        value = cast("str", exchange.record.request_id)
        headers = [_TEXT] if self._written is None else [_TEXT, (self._written, value)]
        exchange.respond(status, headers, f"{sentence}\nRequest id: {value}\n".encode())


def _expose(headers: Headers[Any], name: str) -> None:
    """Name the header among those that scripts may read (Fetch §3.2.3), in a CORS response."""
    if "Access-Control-Allow-Origin" not in headers:
        return
    members = ",".join(headers.get_all(_EXPOSED)).split(",")
    listed = dict.fromkeys(member for part in members if (member := part.strip(_BLANK)))
    if name.lower() not in {member.lower() for member in listed}:
        headers.set(_EXPOSED, ", ".join([*listed, name]))


def _clear_structlog() -> None:
    # structlog's own function looks at every variable of the context, up to a microsecond.
    # Where nobody has ever bound one there is nothing to find.
    if getattr(structlog.contextvars, "_CONTEXT_VARS", True):
        structlog.contextvars.clear_contextvars()


def _bind(exchange: Exchange, value: str) -> None:
    """Bind the id with structlog until the application is over."""
    tokens = structlog.contextvars.bind_contextvars(request_id=value)

    def unbind(_error: BaseException | None) -> None:
        try:
            structlog.contextvars.reset_contextvars(**tokens)
        except (ValueError, RuntimeError):
            # Closed in another context than it began in (asgiref): that one was never bound.
            return

    exchange.on_exit(unbind)
