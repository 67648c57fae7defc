"""Figures: how long one exchange took, as moments and the times between them.

Knows which moments there are, and what metric systems want to know of an exchange. Must never
read a clock: moments are handed to it.

    started_at ── response_at ── first_at ──── ended_at ──── left_at
    │ flow begins │ head is known │ first byte   │ last byte    │ application over
    └──── app ────┴─────────── stream ───────────┘              │
    └──────────── ttfb ───────────┘              └─ background ─┘
    └─────────────────── total ──────────────────┘
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dualware.core.exchange import Exchange, Outcome
from dualware.core.message import Request

__all__ = ["ACTIVE_LABELS", "LABELS", "METHODS", "Figures", "Labels", "error_type"]

Labels = Mapping[str, str | int]
"""What tells the series of a metric apart."""

ACTIVE_LABELS: Final = ("http.request.method", "url.scheme")
"""Every label there may be of an exchange that has only begun."""

LABELS: Final = (
    *ACTIVE_LABELS,
    "http.response.status_code",
    "http.route",
    "error.type",
    "network.protocol.version",
)
"""Every label there may be of one that is over."""

_SECOND: Final = 1_000_000_000
_MILLISECOND: Final = 1_000_000


class Figures:
    """What is known of how long one exchange took, and of what kind it was.

    Moments are ns of the exchange's clock, of which only differences mean anything; figures are
    ns, or ms and s where their name ends so. None stands for what is not known yet, or never.
    """

    __slots__ = (
        "_until_start",
        "cpu",
        "cpu_from",
        "ended_at",
        "error_type",
        "first_at",
        "http_version",
        "kind",
        "left_at",
        "method",
        "outcome",
        "queue",
        "response_at",
        "route",
        "scheme",
        "send_wait",
        "sent",
        "started_at",
        "status",
        "status_inferred",
    )

    def __init__(self, started_at: int, request: Request, *, until_start: bool = False) -> None:
        self.started_at = started_at
        """When the flow began: the request is here."""
        self.response_at: int | None = None
        """When status and headers were known; None if they never were."""
        self.first_at: int | None = None
        """When the first non-empty body chunk was handed on; None for an empty body."""
        self.ended_at: int | None = None
        """When the last of the body was handed on, or the exchange ended without."""
        self.left_at: int | None = None
        """When the application itself was over, background tasks and all."""
        self.queue: int | None = None
        """ns between the proxy's stamp on the request and `started_at`, by two wall clocks."""
        self.cpu: int | None = None
        """ns of CPU time that the thread spent until `response_at` (WSGI)."""
        self.cpu_from: tuple[int, int] | None = None
        """The thread that it began on, and the CPU time of that thread then, in ns."""
        self.send_wait = 0
        """ns that the server took for what it was sent: slow clients, as far as it shows them."""
        self.sent: int | None = None
        """Body bytes handed on; see `Exchange.sent`."""
        self.kind = request.kind
        """``"http"`` or ``"websocket"``."""
        self.method = request.method
        """The method as sent; any text a client may think of (see `labels`)."""
        self.scheme = request.scheme
        self.http_version = request.http_version
        """``"1.1"``, ``"2"``…"""
        self.route: str | None = None
        """The template of the path, if the setting `route` knows it; never the path."""
        self.status: int | None = None
        """The status code, 101 for an accepted websocket; None if nothing was answered."""
        self.status_inferred = False
        """Whether nobody said the status: an exception came first, and servers make it 500."""
        self.outcome: Outcome | None = None
        """How it ended; None until then."""
        self.error_type: str | None = None
        """OpenTelemetry's ``error.type``: the qualified class of what was raised, the status of
        another 5xx answer, ``"no_response"`` or ``"incomplete"``. None where nothing went wrong
        on our side, and so for clients that went away."""
        self._until_start = until_start

    def end(self, exchange: Exchange, now: int) -> None:
        """The exchange is over: take down what it knows, all but `route` and `left_at`."""
        if self.ended_at is None:
            # Trailers, if there were any, told it before.
            self.ended_at = now
        self.first_at = exchange.first_at or None
        self.send_wait = exchange.send_wait
        self.sent = exchange.sent
        self.outcome = exchange.outcome
        if self.response_at is not None:
            # Flows outside may have changed it, and an application may replace its head.
            self.status = exchange.response.status
        # A head that a failure kept from the server is dropped, and has no status either.
        if self.status is None and exchange.outcome == "error" and exchange.session is None:
            self.status, self.status_inferred = 500, True
        # Where a flow answered in the application's place, only the record has the exception.
        error = exchange.error or exchange.record.error
        self.error_type = error_type(exchange.outcome, self.status, error)

    def __repr__(self) -> str:
        return f"Figures({self.method} {self.status}, {self.outcome}, total={self.total_ms} ms)"

    @property
    def app(self) -> int | None:
        """ns until the head was known."""
        return _between(self.started_at, self.response_at)

    @property
    def ttfb(self) -> int | None:
        """ns until the first byte of the body; of an empty body, until the head."""
        first_at = self.response_at if self.first_at is None else self.first_at
        return _between(self.started_at, first_at)

    @property
    def stream(self) -> int | None:
        """ns from the head to the last of the body."""
        return _between(self.response_at, self.ended_at)

    @property
    def total(self) -> int | None:
        """ns until the last of the body."""
        return _between(self.started_at, self.ended_at)

    @property
    def background(self) -> int | None:
        """ns that the application went on after the last of the body. Not known to sinks."""
        return _between(self.ended_at, self.left_at)

    @property
    def duration(self) -> int | None:
        """ns of ``http.server.request.duration``: `total`, or `app` as `duration_until` says.

        An exchange without a head has no `app`, so its `total` counts either way.
        """
        return self.app if self._until_start and self.response_at is not None else self.total

    @property
    def app_ms(self) -> float | None:
        """`app` in ms."""
        return _in(self.app, _MILLISECOND)

    @property
    def ttfb_ms(self) -> float | None:
        """`ttfb` in ms."""
        return _in(self.ttfb, _MILLISECOND)

    @property
    def stream_ms(self) -> float | None:
        """`stream` in ms."""
        return _in(self.stream, _MILLISECOND)

    @property
    def total_ms(self) -> float | None:
        """`total` in ms."""
        return _in(self.total, _MILLISECOND)

    @property
    def background_ms(self) -> float | None:
        """`background` in ms."""
        return _in(self.background, _MILLISECOND)

    @property
    def ttfb_s(self) -> float | None:
        """`ttfb` in s."""
        return _in(self.ttfb, _SECOND)

    @property
    def duration_s(self) -> float | None:
        """`duration` in s, the unit of OpenTelemetry and Prometheus."""
        return _in(self.duration, _SECOND)

    @property
    def labels(self) -> dict[str, str | int]:
        """The attributes of OpenTelemetry's HTTP server metrics; what is not known is absent.

        Each takes few values, whatever clients send: a method that is not one of the known is
        ``_OTHER``, an unknown scheme or protocol version is absent, and there is no path.
        """
        version = self.http_version if self.http_version in _VERSIONS else None
        values = (*self._begun, self.status, self.route, self.error_type, version)
        return _known(LABELS, values)

    @property
    def active_labels(self) -> dict[str, str | int]:
        """Those of `labels` that are known from the start, for what counts running exchanges."""
        return _known(ACTIVE_LABELS, self._begun)

    @property
    def _begun(self) -> tuple[str, str | None]:
        method = self.method if self.method in METHODS else "_OTHER"
        return method, self.scheme if self.scheme in _SCHEMES else None


METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
)
"""The methods that OpenTelemetry knows: RFC 9110 §9 and PATCH (RFC 5789)."""

_SCHEMES: Final = frozenset({"http", "https", "ws", "wss"})
_VERSIONS: Final = frozenset({"0.9", "1.0", "1.1", "2", "3"})
"""Some servers take any number after ``HTTP/1.`` (wsgiref)."""


def _known(names: tuple[str, ...], values: tuple[str | int | None, ...]) -> dict[str, str | int]:
    pairs = zip(names, values, strict=True)
    return {name: value for name, value in pairs if value is not None}


def _between(start: int | None, end: int | None) -> int | None:
    return None if start is None or end is None else end - start


def _in(figure: int | None, unit: int) -> float | None:
    return None if figure is None else figure / unit


def error_type(
    outcome: Outcome | None, status: int | None, error: BaseException | None
) -> str | None:
    """OpenTelemetry's ``error.type``: few values, and None for what is not an error of ours.

    A client that goes away is none, whatever that raised; an exception that a flow turned into
    a 5xx answer is one.
    """
    if outcome == "aborted":
        return None
    answered = outcome == "completed"
    if answered and (status is None or status < 500):
        return None
    if error is not None:
        kind = type(error)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        return module + kind.__qualname__
    return str(status) if answered else outcome
