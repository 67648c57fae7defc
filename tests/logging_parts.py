"""What the tests of the access log share: a world with clocks moved by hand, and a log to look at.

Knows how to make a logging middleware whose events are kept. Must never know what a test expects.
"""

from dualware.middleware.logging import Logging, LoggingSettings
from dualware.middleware.request_id import RequestID, RequestIDSettings
from dualware.testing import ASGIClient
from tests.timing_parts import World

__all__ = ["Log", "LogWorld", "session"]


class Log:
    """A sink that keeps the events.

    events
        Every event, as given.
    """

    def __init__(self):
        self.events = []

    def __call__(self, event):
        self.events.append(event)

    @property
    def only(self):
        """The one event that there was."""
        (event,) = self.events
        return event

    def named(self, name):
        """The events of that name."""
        return [event for event in self.events if event["event"] == name]


class LogWorld(World):
    """A world with a log.

    log
        Takes the events of `logging`.
    """

    def __init__(self):
        super().__init__()
        self.log = Log()

    def logging(self, **settings):
        """A logging middleware in this world."""
        return Logging(LoggingSettings(**{"sink": self.log, **settings}), self.effects)

    def request_id(self, **settings):
        """A request_id middleware in this world, where all randomness is zeros."""
        return RequestID(RequestIDSettings(**settings), self.effects)

    def logged(self, **settings):
        """A stack of that alone."""
        return self.stack(self.logging(**settings))


def session(world, app, *middleware, **options):
    """One websocket session (ASGI: WSGI has none)."""
    stack = world.stack(*middleware) if middleware else world.logged()
    return ASGIClient(stack.asgi(app)).websocket_sync(**options)
