"""Settings of `request_id`, documented field by field.

Knows what a setting may be, and which go together. Must never know what is done with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from dualware.core import checks
from dualware.core.message import Request
from dualware.core.request_id.ids import (
    NAMED,
)
from dualware.core.request_id.trace import EXTRACTORS
from dualware.middleware.model import Settings, fault, fit

__all__ = ["RequestIDSettings"]


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
