"""The settings of the access log, and what can be wrong with them.

Knows what a setting may be, and which do not go together. Must never know what becomes of them:
`dualware.middleware.logging` compiles them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from dualware.core import checks
from dualware.core.exchange import Exchange
from dualware.core.logging.levels import LEVELS
from dualware.core.logging.line import MOST
from dualware.core.logging.presets import PRESETS
from dualware.core.message import Request
from dualware.middleware.model import Settings, checked, fault, fit

__all__ = ["LoggingSettings"]


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
