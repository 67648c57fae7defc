"""What the ASGI tests are made of: middleware of every kind, servers and applications by hand.

This file knows how the ways through the driver are reached: plain (nobody needs the rest), followed
(somebody waits for END), held (somebody waits for BODY) and coded. It must never hold a rule of
the protocol: the tests do.
"""

import zlib
from types import coroutine

from dualware import BODY, END, RESPONSE, Middleware, Stack
from dualware.asgi.driver import ASGIWrapper
from dualware.core.effects import Effects
from dualware.testing.asgi import build_scope

# Middleware


class Head(Middleware):
    """Header-only: nobody needs what comes after the head."""

    def __init__(self, name="X-Head", value="1"):
        self.pair = (name, value)

    def __call__(self, exchange):
        """Add one field."""
        yield RESPONSE
        exchange.response.headers.append(*self.pair)


class Observer(Middleware):
    """Waits for END, and notes each exchange's in `seen`."""

    observes = True
    websocket = True

    def __init__(self, seen, name="END"):
        self.seen = seen
        self.label = name

    def __call__(self, exchange):
        """Note how it ended, or that the flow was closed or thrown at."""
        try:
            yield END
        finally:
            self.seen.append((self.label, exchange.outcome))


class Ends(Observer):
    """Keeps the exchanges themselves."""

    def __call__(self, exchange):
        """Keep it when it is over."""
        try:
            yield RESPONSE
            yield END
        finally:
            self.seen.append(exchange)


class Hold(Middleware):
    """Waits for BODY, so that the head is held."""

    def __call__(self, exchange):
        """Hold the head, change nothing."""
        yield BODY


class HoldAndMark(Middleware):
    """Waits for BODY, and adds a field then."""

    def __call__(self, exchange):
        """Hold the head, add one field."""
        yield BODY
        exchange.response.headers.append("X-Held", "1")


class Deflate(Middleware):
    """A codec, given at RESPONSE or at BODY."""

    def __init__(self, event):
        self.event = event

    def __call__(self, exchange):
        """Encode what can be encoded."""
        yield self.event
        if exchange.response.encodable:
            exchange.response.headers.append("Content-Encoding", "deflate")
            exchange.response.encode(zlib.compressobj())


class Trailing(Middleware):
    """Adds a trailer field of its own, made when the body has been sent."""

    def __call__(self, exchange):
        """Say how many bytes were sent."""
        yield RESPONSE
        exchange.response.headers.append("Trailer", "X-Sent")
        exchange.response.add_trailer("X-Sent", lambda: str(exchange.sent))


class Answering(Middleware):
    """Answers in the application's place."""

    def __init__(self, status=200, headers=(), body=b""):
        self.answer = (status, headers, body)

    def __call__(self, exchange):
        """Answer at once."""
        exchange.respond(*self.answer)
        return
        yield


class Rescue(Middleware):
    """Answers when the application fails."""

    def __init__(self, status=500, body=b"rescued", *, caught=Exception, again=False, late=None):
        self.answer = (status, (), body)
        self.caught = caught
        self.again = again
        self.late = late

    def __call__(self, exchange):
        """Answer, then raise again, wait for END or return."""
        try:
            yield RESPONSE
            yield END
        except self.caught:
            exchange.respond(*self.answer)
            if self.again:
                raise
        if self.late is not None:
            yield END
            self.late.append(exchange.outcome)


class Broken(Middleware):
    """A policy that fails when its event is there."""

    websocket = True

    def __init__(self, error, event=RESPONSE):
        self.error = error
        self.event = event

    def __call__(self, exchange):
        """Fail."""
        if self.event is not None:
            yield self.event
        raise self.error


class Asking(Middleware):
    """Calls `ask` with the exchange on the way in."""

    websocket = True

    def __init__(self, ask):
        self.ask = ask

    def __call__(self, exchange):
        """Ask, and be over."""
        self.ask(exchange)


# The ways through the driver; `seen` takes what an observer notes. The plain way has none, since
# an observer is what makes it another one.

PATHS = {
    "plain": lambda seen: [Head()],
    "followed": lambda seen: [Observer(seen), Head()],
    "held": lambda seen: [Observer(seen), HoldAndMark()],
    "coded": lambda seen: [Observer(seen), Deflate(BODY)],
    "coded at once": lambda seen: [Observer(seen), Deflate(RESPONSE)],
}

UNTOUCHED = {
    "plain": lambda seen: [Asking(lambda exchange: None)],
    "followed": lambda seen: [Observer(seen)],
    "held": lambda seen: [Observer(seen), Hold()],
}
"""The ways on which nothing is changed."""


# Applications and servers


def start(status=200, headers=(), **more):
    """The head of a response."""
    return {"type": "http.response.start", "status": status, "headers": list(headers), **more}


def body(data=b"", **more):
    """One body message."""
    return {"type": "http.response.body", "body": data, **more}


def sending(*messages, then=None):
    """An application that sends these very messages, then raises ``then``."""

    async def app(scope, receive, send):
        for message in messages:
            await send(message)
        if then is not None:
            raise then

    return app


class Server:
    """`receive` and `send` by hand: the very objects, in `messages`.

    fails
        ``{k: error}``: what sending message number k (from 1) raises.
    log
        Where the types of the messages that were taken are noted too.
    """

    def __init__(self, *incoming, fails=None, log=None):
        self.incoming = list(incoming)
        self.messages = []
        self.fails = fails or {}
        self.calls = 0
        self.log = log

    async def receive(self):
        """The next of the incoming messages."""
        return self.incoming.pop(0)

    async def send(self, message):
        """Take a message, or fail."""
        self.calls += 1
        if self.calls in self.fails:
            raise self.fails[self.calls]
        self.messages.append(message)
        if self.log is not None:
            self.log.append(message["type"])

    @property
    def types(self):
        """The last word of each message's type."""
        return [message["type"].rpartition(".")[2] for message in self.messages]

    @property
    def body(self):
        """Every body byte."""
        return b"".join(message.get("body", b"") for message in self.messages)

    def run(self, app, **scope):
        """Call ``app`` as a server does; returns what it raised."""
        return self.call(app, build_scope(**scope))

    def call(self, app, scope):
        """Call ``app`` with this very scope."""
        try:
            step(app(scope, self.receive, self.send))
        except BaseException as error:  # noqa: BLE001 - whatever leaves the application
            return error
        return None


def step(awaitable):
    """Run a coroutine that never waits for anything."""
    try:
        awaitable.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("it waits")


@coroutine
def pause():
    """Wait once, for whoever steps the coroutine by hand."""
    yield


def wrap(app, *middleware):
    """``app`` within one wrapper."""
    return Stack(middleware).asgi(app)


def reporting(app, *middleware):
    """``app`` within one wrapper, and the list of what it reports."""
    reports = []
    effects = Effects(
        clock=counter(),
        cpu_clock=counter(),
        now=counter(),
        random=bytes,
        report=lambda sentence, error: reports.append(error),
    )
    return ASGIWrapper(app, Stack(middleware), effects=effects), reports


def counter():
    """A clock that moves on by one whenever it is read."""
    time = 0

    def read():
        nonlocal time
        time += 1
        return time

    return read
