"""The engine on the bench: an exchange of no protocol, moved on by hand.

Knows how a driver calls the engine. Must never decide anything that a driver decides: a test says
each step itself.
"""

import itertools

from dualware.core.effects import Effects
from dualware.core.engine import Engine
from dualware.core.exchange import NO_RESPONSE
from dualware.core.headers import StrHeaders
from dualware.core.message import Request, Response
from dualware.core.middleware import Middleware
from dualware.core.stack import Stack


class BenchRequest(Request):
    """A request as plain values."""

    kind = "http"
    method = path = route_path = query = None

    def __init__(self, method="GET", path="/", query="", route_path=None):
        self.method = method
        self.path = path
        self.query = query
        self.route_path = path if route_path is None else route_path


class Of(Middleware):
    """A middleware made of one flow function."""

    def __init__(self, flow, *, observes=False, name=None):
        self.flow = flow
        self.observes = observes
        self.name = name

    def __call__(self, exchange):
        return self.flow(exchange)


class Watching(Of):
    """The same as an observer: what it fails at is reported."""

    def __init__(self, flow, *, name=None):
        super().__init__(flow, observes=True, name=name)


class Bench(Engine):
    """An exchange whose head and body are what the test says."""

    def __init__(self, *middleware, request=None, outer=None):
        self.reports = []
        ticks = itertools.count(1)
        super().__init__(
            request or BenchRequest(),
            None,
            Effects(
                clock=lambda: next(ticks),
                cpu_clock=lambda: 0,
                now=lambda: 0,
                random=bytes,
                report=lambda sentence, error: self.reports.append((sentence, error)),
            ),
        )
        self.outer = outer
        self.stack = Stack(middleware)

    def _make_request(self):
        return self._source

    def _make_response(self):
        if self._held is None:
            return NO_RESPONSE
        status, pairs = self._held
        return Response(self._source.method, status, StrHeaders(pairs))

    def go(self):
        """Start the flows; the answer, if one gave it."""
        return self.start(self.stack)

    def give(self, status=200, *pairs):
        """The application gives its head. False where a flow holds it for the first chunk."""
        self._held = (status, list(pairs))
        return self.head()

    def give_answer(self, answer):
        """What drivers do with an answer: its head, then its body."""
        self._held = (answer.status, answer.headers)
        self._response = None
        if self.head():
            return answer.body
        return self.body(answer.body, complete=True)


def begun(*middleware, **options):
    """An exchange whose flows were started and did not answer."""
    exchange = Bench(*middleware, **options)
    assert exchange.go() is None
    return exchange
