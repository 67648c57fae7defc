"""What a middleware is: the base class of those that come with the package, and of users' own.

Knows what a stack and a driver ask of a policy. Must never know any policy, nor an exchange from
within.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from dualware.core.exchange import Exchange, Flow
    from dualware.core.message import Request

__all__ = ["Middleware", "Starts"]


class Middleware:
    """A frozen, compiled policy. Calling it with an exchange starts a flow.

    Subclasses keep nothing of an exchange on ``self``: one instance serves every thread and
    event loop of the process. A plain function body without ``yield`` is a flow that is over at
    once.
    """

    name: ClassVar[str | None] = None
    """Two middleware of the same name run once in an exchange, the outer one; None: each runs."""
    observes: ClassVar[bool] = False
    """True: the middleware only watches, so its failures are reported and change nothing.
    False: it is a policy, and an exchange in which it fails gets no response but an error."""
    websocket: bool = False
    """Whether the flow also runs for websocket sessions (ASGI)."""
    measures: bool = False
    """Whether `Exchange.send_wait` is wanted: it costs two clock readings for each chunk."""
    receives: bool = False
    """Whether `Exchange.received` is wanted: under WSGI it puts an object around ``wsgi.input``."""

    asks: Callable[[Request], Awaitable[Any] | None] | None = None
    """What has to be awaited before the flow starts: for each request an awaitable, or None where
    there is nothing to ask. Its result is in `Exchange.asked`. Possible under ASGI only; a WSGI
    wrapper refuses a middleware that has it."""

    @property
    def key(self) -> str | int:
        """What tells this middleware from others inside one exchange."""
        return self.name or id(self)

    def superseded(self) -> None:
        """Hear that another of the same name, further out, runs in this one's place."""

    def __call__(self, exchange: Exchange) -> Flow | None:
        """Start the flow of one exchange."""
        raise NotImplementedError

    def on_late_error(self, exchange: Exchange, error: Exception) -> None:
        """Take note of what the application raised after END: in background work, or in `close()`.

        The driver raises it again all the same. A failure in here is reported.
        """


Starts = Sequence[Callable[["Exchange"], Any]]
"""What starts each flow: the bound `__call__` of an interpreted class, a third cheaper than calling
the instance; of a compiled one the instance itself, whose `__call__` is bound to a slot."""
