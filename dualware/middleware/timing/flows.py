"""What timing does in an exchange: it takes moments, and tells of them at the head and after END.

Knows when events happen. Must never know a protocol, or what a setting may be, read or delay a
body, or let a sink or a predicate of the user change what the client gets.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, ClassVar, Final

from dualware.core.checks import metric_sink
from dualware.core.compiling import mypyc_attr
from dualware.core.effects import Effects
from dualware.core.exchange import END, RESPONSE, Exchange, Flow
from dualware.core.guards import asked
from dualware.core.headers import FieldName, StrHeaders
from dualware.core.message import Request
from dualware.core.middleware import Middleware
from dualware.core.peers import Peers
from dualware.core.timing.figures import Figures
from dualware.core.timing.server_timing import joined, metric, milliseconds, stamp
from dualware.middleware.timing.settings import SINKS, TAO, TimingSettings

__all__ = ["Timing"]

_SECOND: Final = 1_000_000_000


@mypyc_attr(allow_interpreted_subclasses=True)
class Timing(Middleware):
    """Tell the browser how long the application took."""

    name = "timing"
    observes = True
    websocket = True
    Settings: ClassVar[type[TimingSettings]] = TimingSettings

    def __init__(self, settings: TimingSettings, effects: Effects) -> None:
        self.settings = settings
        self.effects = effects
        self._clock = effects.clock
        # The response header
        self._header = settings.header
        self._field = FieldName(settings.header)
        self._prefix = f"{settings.metric};dur="
        exposed = settings.expose_spans
        if not isinstance(exposed, bool):
            exposed = asked(exposed, effects, "expose_spans of timing")
        self._exposed = exposed
        self._auto_end = settings.auto_end
        self._join = partial(joined, entries=settings.max_entries, size=settings.max_bytes)
        self._legacy = settings.legacy_header
        origins = settings.timing_allow_origin
        # Resource Timing, "Timing-Allow-Origin": a list of origins, or "*".
        self._origins = ", ".join(origins or ()) if origins != "*" else "*"
        self._trailers = settings.trailers
        # Figures
        self._queue_header = settings.queue_header
        self._trusts = Peers(settings.queue_trusted)
        self._thread_cpu = settings.thread_cpu
        self._until_start = settings.duration_until == "start"
        self._route = settings.route
        self._sinks: tuple[Any, ...] = tuple(
            metric_sink(each, SINKS) for each in settings.metrics or ()
        )
        self._starts = tuple(each.start for each in self._sinks if hasattr(each, "start"))
        self.measures = bool(self._sinks)
        head = (self._exposed, self._legacy, self._origins, self._trailers)
        self._is_plain = not any((*head, self._thread_cpu, self._queue_header, self._sinks))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.settings, self.effects)

    def __call__(self, exchange: Exchange) -> Flow:
        # The defaults, and so nearly every exchange: one field, no record, no END.
        if self._is_plain and exchange.session is None:
            clock = self._clock
            started_at = clock()
            yield RESPONSE
            exchange.append(self._field, self._prefix + milliseconds(clock() - started_at))
        elif self._sinks or exchange.session is not None:
            # A session is followed anyway, and is told of in one line at its end.
            yield from self._followed(exchange)
        else:
            yield from self._noted(exchange)

    # The other flows

    def _noted(self, exchange: Exchange) -> Flow:
        """What is known at the head stands in the record; nobody waits for the rest."""
        figures = self._begin(exchange)
        yield RESPONSE
        self._respond(exchange, figures)

    def _followed(self, exchange: Exchange) -> Flow:
        figures = self._begin(exchange)
        exchange.on_exit(partial(self._leave, figures))
        self._tell(self._starts, figures)
        try:
            yield RESPONSE
            self._respond(exchange, figures)
            yield END
        finally:
            # Whatever happens, and once: an exception, a head that never came, the END.
            self._finish(exchange, figures)

    # Moments

    def _begin(self, exchange: Exchange) -> Figures:
        started_at = self._clock()
        request = exchange.request
        figures = Figures(started_at, request, until_start=self._until_start)
        if self._queue_header:
            figures.queue = self._queued(request, self._queue_header)
        if self._thread_cpu:
            figures.cpu_from = threading.get_ident(), self.effects.cpu_clock()
        exchange.record.timing = figures
        return figures

    def _respond(self, exchange: Exchange, figures: Figures) -> None:
        figures.response_at = self._clock()
        figures.status = exchange.response.status
        if figures.cpu_from is not None:
            figures.cpu = self._spent(exchange, *figures.cpu_from)
        if exchange.session is not None:
            # The handshake shows nothing: scripts can't read its headers.
            return
        try:
            self._write(exchange, figures, figures.response_at)
        except Exception as error:  # noqa: BLE001 - the figures go on without the header
            self.effects.report("the timing header could not be written", error)

    def _finish(self, exchange: Exchange, figures: Figures) -> None:
        figures.end(exchange, self._clock())
        figures.route = self._routed(exchange)
        self._tell(self._sinks, figures)

    def _leave(self, figures: Figures, _error: BaseException | None) -> None:
        figures.left_at = self._clock()

    # What is found out on the way

    def _queued(self, request: Request, header: str) -> int | None:
        """ns since the proxy's stamp, if it comes from a trusted peer and makes sense."""
        text = request.header(header)
        if text is None or not self._trusts(request):
            return None
        sent = stamp(text)
        if sent is None:
            return None
        queue = self.effects.now() - sent
        # Clocks that are apart make it negative, stamps of something else large.
        return queue if 0 <= queue < 60 * _SECOND else None

    def _spent(self, exchange: Exchange, thread: int, spent: int) -> int | None:
        """CPU time since ``spent``, where it was all spent on this exchange.

        An event loop's thread serves others in between. Native strings in the head tell that a
        WSGI server called (PEP 3333), whose thread is ours until the head is there; a body that
        starts late may be asked for its first item on another one.
        """
        if thread != threading.get_ident() or not isinstance(exchange.response.headers, StrHeaders):
            return None
        return self.effects.cpu_clock() - spent

    def _routed(self, exchange: Exchange) -> str | None:
        if self._route is None:
            # What the application told, if it did (`dualware.frameworks`).
            return exchange.record.route
        try:
            route = self._route(exchange.request)
        except Exception as error:  # noqa: BLE001 - no route, and the figures go on
            self.effects.report("the route of timing could not be told", error)
            return None
        return route if isinstance(route, str) else None

    def _tell(self, listeners: Iterable[Callable[[Figures], object]], figures: Figures) -> None:
        for each in listeners:
            try:
                each(figures)
            except Exception as error:  # noqa: BLE001 - the next one is told all the same
                self.effects.report(f"the metric sink {each!r} failed", error)

    # The head

    def _write(self, exchange: Exchange, figures: Figures, now: int) -> None:
        app = now - figures.started_at
        headers = exchange.response.headers
        value = self._prefix + milliseconds(app)
        exposed = self._exposed
        if exposed is True or (exposed and exposed(exchange.request)):
            value = self._join([value, *self._more(exchange, figures, now)])
        # W3C Server Timing: a list, so another line adds to what stands there.
        headers.append(self._header, value)
        if self._legacy is not None:
            headers.setdefault(self._legacy, f"{app / _SECOND:.6f}")
        if self._origins:
            headers.setdefault(TAO, self._origins)
        if self._trailers and _takes_trailers(exchange):
            # RFC 9110 §6.6.2
            headers.append("Trailer", self._header)
            exchange.response.add_trailer(self._header, partial(self._trailer, figures, now))

    def _more(self, exchange: Exchange, figures: Figures, now: int) -> Iterator[str]:
        """What only some may see."""
        if figures.queue is not None:
            yield metric("queue", figures.queue)
        if figures.cpu is not None:
            yield metric("cpu", figures.cpu)
        # A copy: threads of the application may still add to it.
        for span in tuple(exchange.record.spans or ()):
            ended = now if span.ended is None and self._auto_end else span.ended
            if ended is not None:
                yield metric(span.name, ended - span.started, span.description)

    def _trailer(self, figures: Figures, response_at: int) -> str:
        # The last of the body went before its trailers, and before END.
        figures.ended_at = ended_at = self._clock()
        total = metric("total", ended_at - figures.started_at)
        return joined([total, metric("stream", ended_at - response_at)])


def _takes_trailers(exchange: Exchange) -> bool:
    """Whether what is known only after the body can be sent then."""
    response, request = exchange.response, exchange.request
    if not request.trailers or response.bodiless:
        return False
    # RFC 9112 §7.1.2: HTTP/1.1 has trailers in the chunked coding only.
    http_1 = (request.http_version or "1").startswith("1")
    return not http_1 or "Content-Length" not in response.headers
