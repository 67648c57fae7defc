"""Metrics: which instruments there are, and what may stand behind them.

A sink takes the finished `Figures` of an exchange. The two that come with the package measure
the same by the same names, which are OpenTelemetry's where it has one; a sink of one's own is
any callable. Neither library is imported before its sink is made.

Knows names, units and buckets. Must never know a library, nor when a sink is called: that is
`dualware.middleware.timing`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from dualware.core.timing.figures import Figures, Labels

__all__ = [
    "ACTIVE",
    "BODY_SIZE",
    "DURATION",
    "SESSION",
    "Instrument",
    "Instruments",
    "Sink",
    "missing",
]


class Sink(Protocol):
    """What the setting `metrics` of timing takes. May also have `start`, see below.

    A method ``start(figures)`` is called when an exchange begins, before anything but method,
    scheme and protocol version is known. Each start is followed by exactly one call.
    """

    def __call__(self, figures: Figures, /) -> object:
        """Take the figures of an exchange that is over.

        Called before the server sends anything else on that thread or loop, so it must be fast;
        what it raises is reported and goes no further.
        """
        ...


@dataclass(frozen=True, slots=True)
class Instrument:
    """What is measured."""

    name: str
    """In dots, as OpenTelemetry writes it."""
    unit: str
    """In the UCUM spelling of OpenTelemetry: ``s``, ``By``, ``{request}``."""
    description: str
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram."""


DURATION: Final = Instrument(
    "http.server.request.duration",
    "s",
    "Duration of HTTP server requests.",
    # OpenTelemetry, "HTTP metrics": the advised boundaries.
    (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
)
"""`Figures.duration` of every request."""

SESSION: Final = Instrument(
    "websocket.session.duration",
    "s",
    "Duration of websocket sessions.",
    (0.1, 1, 5, 15, 60, 300, 900, 3600, 14400, 86400),
)
"""`Figures.duration` of every websocket session. OpenTelemetry has no name for it; among the
requests, sessions of hours would make their figures worthless."""

ACTIVE: Final = Instrument(
    "http.server.active_requests",
    "{request}",
    "Number of active HTTP server requests.",
)
"""Exchanges that began and are not over. Open websocket sessions count, under ``ws`` or ``wss``."""

BODY_SIZE: Final = Instrument(
    "http.server.response.body.size",
    "By",
    "Size of HTTP server response bodies, as sent.",
    (0, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864),
)
"""`Figures.sent` of every request, where it is known."""


Record = Callable[[float, Labels], object]
"""Takes a value, and the labels of its series."""


class Instruments:
    """A sink that measures every exchange with the instruments above.

    ``counter`` makes what counts up and down, ``histogram`` what takes single values; each
    instrument is made once.
    """

    def __init__(
        self,
        counter: Callable[[Instrument], Record],
        histogram: Callable[[Instrument], Record],
        *,
        body_size: bool,
    ) -> None:
        self._active = counter(ACTIVE)
        self._requests = histogram(DURATION)
        self._sessions = histogram(SESSION)
        self._sizes = histogram(BODY_SIZE) if body_size else None

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def start(self, figures: Figures) -> None:
        """An exchange began."""
        self._active(1, figures.active_labels)

    def __call__(self, figures: Figures) -> None:
        """An exchange is over."""
        # First, so that it goes down whatever becomes of the rest.
        self._active(-1, figures.active_labels)
        labels, duration = figures.labels, figures.duration_s or 0.0
        if figures.kind == "websocket":
            self._sessions(duration, labels)
            return
        self._requests(duration, labels)
        if self._sizes is not None and figures.sent is not None:
            self._sizes(figures.sent, labels)


def missing(library: str, extra: str) -> ImportError:
    """The error for a library that is not installed; ``extra`` of the package brings it."""
    return ImportError(f"{library} is not installed; run pip install 'dualware[{extra}]'")
