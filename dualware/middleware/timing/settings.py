"""The settings of timing, and what can be wrong with them.

Knows what each setting may be. Must never know what becomes of it in an exchange.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from dualware.core.checks import metric_sink, no_class, origin, peer, readable, token, usable
from dualware.core.message import Request
from dualware.middleware.model import HeaderName, Settings, checked, fault, fit

__all__ = ["SINKS", "TAO", "TimingSettings"]

TAO: Final = "Timing-Allow-Origin"

_NO_CLASS: Final = checked(no_class)
_USABLE: Final = checked(usable, 1, "a callable")
_Origin = Annotated[str, checked(origin)]
_Peer = Annotated[str, checked(peer)]

SINKS: Final = {
    "prometheus": "dualware.metrics.prometheus:PrometheusSink",
    "otel": "dualware.metrics.otel:OpenTelemetrySink",
}
"""Where the sinks are that have a word of their own: each needs a library that few have."""


def _metric(given: Any) -> Any:
    fit(metric_sink, given, SINKS)
    # As it was given, so that wrappers with a word or a name in their settings can be pickled.
    return given


_Metric = Annotated[str | Callable[[Any], object], BeforeValidator(_metric)]


class TimingSettings(Settings):
    """Settings of the timing middleware."""

    header: HeaderName = "Server-Timing"
    """Name of the response header. A field of that name that the application wrote stays: this
    is one more line of it."""

    metric: Annotated[str, checked(token, "app")] = Field(
        default="app", min_length=1, max_length=64
    )
    """What the time until the response started is called in the header."""

    expose_spans: bool | Annotated[Callable[[Request], bool], _NO_CLASS, _USABLE] = False
    """Who sees more than that: the spans of `dualware.span`, the CPU and the queue time. False:
    nobody. True: everybody who can read the response. A callable: requests for which it returns
    True, such as those of staff."""

    auto_end: bool = False
    """True sends spans that still run too, with the time they took so far."""

    legacy_header: HeaderName | None = None
    """Name of an older header with the same time alone, in seconds: `"X-Process-Time"`,
    `"X-Runtime"`. One that the application wrote stays as it is."""

    trailers: bool = False
    """True sends `total` and `stream` after the body, to clients that take trailers, under
    servers that can send them (ASGI). Elsewhere it does nothing."""

    max_entries: int = Field(default=32, ge=1, le=1024)
    """Metrics of the longest header; those after them are left out."""

    max_bytes: int = Field(default=2048, ge=128, le=65536)
    """Bytes of the longest header; metrics that no longer fit are left out."""

    timing_allow_origin: Literal["*"] | list[_Origin] | tuple[_Origin, ...] | None = None
    """Origins whose scripts may read these times, and all other times of Resource Timing:
    `["https://shop.example"]`, or `"*"` for all. It is written as Timing-Allow-Origin unless the
    application did."""

    metrics: list[_Metric] | tuple[_Metric, ...] | None = None
    """Metric sinks: `"prometheus"`, `"otel"`, `"package.module:NAME"`, or callables that take the
    finished `Figures` of an exchange, once each. They run before the server sends the next
    response on that thread or loop, so they must be fast."""

    duration_until: Literal["end", "start"] = "end"
    """Until when `Figures.duration` counts: `"end"`, the last of the body, or `"start"`, the
    head of the response."""

    route: Annotated[Callable[[Request], str | None], _NO_CLASS, _USABLE] | None = None
    """Tells metric sinks the template of the path, `"/items/{id}"`, where `dualware.frameworks` do
    not: a callable that takes the `Request` when the exchange is over, and returns None where there
    is none."""

    queue_header: Annotated[str, checked(readable)] | None = None
    """Name of the request header in which a proxy says when it took the request in, as
    `X-Request-Start: t=1700000000.123`: seconds, ms or µs since 1970. The time since then is the
    queue time, if it is less than a minute."""

    queue_trusted: list[_Peer] | tuple[_Peer, ...] = ()
    """Networks of the proxies whose stamp counts, such as `["10.0.0.0/8"]`; `"unix"` for peers
    behind a Unix socket."""

    thread_cpu: bool = False
    """True measures the CPU time that the thread spent until the response started, under WSGI
    servers with real threads or one: such a thread does nothing else meanwhile. Where greenlets
    share it the figure means nothing, and under ASGI there is none."""

    @model_validator(mode="after")
    def _together(self) -> TimingSettings:
        written = [self.header.lower(), TAO.lower()]
        if self.legacy_header is not None:
            written.append(self.legacy_header.lower())
        if len(set(written)) < len(written):
            hint = "give each of them a name of its own"
            raise fault("DW203", "header, legacy_header and Timing-Allow-Origin collide", hint)
        if self.queue_header is not None and not self.queue_trusted:
            hint = "name the networks of your proxies in queue_trusted"
            raise fault("DW103", "queue_header without proxies that may be believed", hint)
        return self
