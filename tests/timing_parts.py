"""What the tests of timing and spans share: a world with clocks that are moved by hand.

Knows how to wrap an application with other effects than the real ones, and one application that
takes its time under either protocol. Must never know what a test expects.
"""

from dualware.asgi.driver import ASGIWrapper
from dualware.core.effects import Effects
from dualware.core.stack import Stack
from dualware.middleware.timing import Timing, TimingSettings
from dualware.wsgi.driver import WSGIWrapper

MS = 1_000_000
"""One millisecond in ns."""


class World:
    """Clocks that stand still until told, and the failures that were reported.

    ns, cpu, wall
        What the clocks show.
    reports
        Every report as (sentence, what was raised).
    """

    def __init__(self):
        self.ns = 5_000_000_000
        self.cpu = 70_000_000
        self.wall = 1_700_000_000_000_000_000
        self.reports = []
        self.effects = Effects(
            clock=lambda: self.ns,
            cpu_clock=lambda: self.cpu,
            now=lambda: self.wall,
            random=bytes,
            report=lambda sentence, error: self.reports.append((sentence, error)),
        )

    def tick(self, ms):
        """Let so many ms go by; returns nothing, so that it may stand in for anything."""
        self.ns += round(ms * MS)

    def timing(self, **settings):
        """A timing middleware in this world."""
        return Timing(TimingSettings(**settings), self.effects)

    def stack(self, *middleware):
        """What a `Dual` can wrap an application by, in this world."""
        return _Stack(self, middleware)


class _Stack:
    """Looks like a `Stack`, and hands other effects to the drivers."""

    def __init__(self, world, middleware):
        self.world = world
        self.middleware = middleware

    def wsgi(self, app):
        """Wrap a WSGI application."""
        return WSGIWrapper(app, Stack(self.middleware), effects=self.world.effects)

    def asgi(self, app):
        """Wrap an ASGI application."""
        return ASGIWrapper(app, Stack(self.middleware), effects=self.world.effects)


class Acted:
    """An application that takes so many ms for everything it does, under both protocols.

    before
        Until it starts its response.
    chunks
        Pairs of (ms, bytes): how long each chunk takes.
    after
        From the last chunk to the end of the body.
    background
        From there until the application is over: close() under WSGI, what follows the final
        message under ASGI.
    """

    def __init__(self, world, before=0, chunks=(), after=0, background=0):
        self.world = world
        self.before = before
        self.chunks = chunks
        self.after = after
        self.background = background

    @property
    def apps(self):
        """The pair that a `Dual` takes."""
        return self.wsgi, self.asgi

    def wsgi(self, environ, start_response):
        """The WSGI application."""
        self.world.tick(self.before)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return _Body(self)

    async def asgi(self, scope, receive, send):
        """The ASGI application."""
        self.world.tick(self.before)
        head = [(b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        for ms, chunk in self.chunks:
            self.world.tick(ms)
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        self.world.tick(self.after)
        await send({"type": "http.response.body", "body": b""})
        self.world.tick(self.background)


class _Body:
    def __init__(self, acted):
        self.acted = acted

    def __iter__(self):
        for ms, chunk in self.acted.chunks:
            self.acted.world.tick(ms)
            yield chunk
        self.acted.world.tick(self.acted.after)

    def close(self):
        self.acted.world.tick(self.acted.background)
