"""The ASGI driver: called with `scope`, `receive` and `send`, it carries an exchange through.

Knows which scopes are exchanges. Must never know a policy, make a task or a queue, import an
event loop's library, or keep anything of a loop, thread or exchange on the wrapper.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from dualware.asgi.exchange import ASGIExchange
from dualware.asgi.websocket import WebSocketExchange
from dualware.core.engine import enclosing
from dualware.core.record import CURRENT
from dualware.effects import REAL

if TYPE_CHECKING:
    from dualware.core.effects import Effects
    from dualware.core.stack import Stack

__all__ = ["ASGIApp", "ASGIWrapper"]

ASGIApp = Callable[[Any, Any, Any], Awaitable[Any]]
"""``async app(scope, receive, send)``. `Any` fits every framework's own types."""


class ASGIWrapper:
    """An ASGI application around another: the middleware of a stack, then ``app``.

    A wrapper directly around a wrapper runs as one. Holds no state of any exchange, no lock, loop
    or thread: it can be imported by name, pickled, and used in several event loops at once.
    """

    app: ASGIApp
    """The application that was wrapped, as given."""

    def __init__(self, app: ASGIApp, stack: Stack, *, effects: Effects = REAL) -> None:
        if not callable(app):
            raise TypeError(f"an ASGI application must be callable, not {app!r}")
        if _is_double_callable(app):
            raise TypeError(
                f"{app!r} takes the scope alone, as ASGI 2 applications did; dualware needs "
                "app(scope, receive, send). asgiref.compatibility.guarantee_single_callable(app) "
                "makes one of the other"
            )
        self.app = app
        self.stack = stack
        self._effects = effects
        self._plan = stack
        self._inner = app
        # Neighbours are fused: one exchange, one pass over the head, however many wrappers. One
        # that overrides __call__ does something of its own there, and stays apart.
        if (
            isinstance(app, ASGIWrapper)
            and type(app).__call__ is ASGIWrapper.__call__
            and app._effects is effects
        ):
            self._plan = stack + app._plan
            self._inner = app._inner

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.app!r})"

    # The parameters have exactly these names: daphne passes them by keyword (protocols A1).
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI, "Applications"."""
        kind = scope["type"]
        plan = self._plan
        if kind == "http":
            middleware = plan.middleware
            make = ASGIExchange
        elif kind == "websocket":
            middleware = plan.websocket
            make = WebSocketExchange
        else:
            # Lifespan, and what is not known yet, is between the server and the application.
            middleware = ()
        if not middleware:
            await self._inner(scope, receive, send)
            return
        starts = plan.starts
        exchange = make(scope, receive, send, self._effects)
        if CURRENT.get() is not None and (outer := enclosing(exchange.request)) is not None:
            exchange.outer = outer
            middleware = tuple(each for each in middleware if each.key not in outer.ran)
            outer.join(plan)
            if not middleware:
                await self._inner(scope, receive, send)
                return
        else:
            exchange.token = CURRENT.set(exchange)
        if middleware is not plan.middleware:
            starts = tuple(each.__call__ for each in middleware)
        if plan.measures:
            exchange.measures = True
        late: BaseException | None = None
        try:
            answer = exchange.start(plan, middleware, starts)
            if answer is None:
                await self._inner(exchange.scope, exchange.receive, exchange.send)
                await exchange.finish()
            else:
                await exchange.answer(answer)
        except BaseException as error:
            if exchange.outcome is not None:
                late = error
            if not await exchange.failed(error):
                raise
        finally:
            if exchange._exits is not None:
                exchange.over(late)
            if exchange.token is not None:
                exchange.leave()


def _is_double_callable(app: ASGIApp) -> bool:
    """Whether ``app`` is an ASGI 2 application: ``app(scope)(receive, send)``."""
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        return False
    required = [each for each in parameters if each.default is each.empty]
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return len(required) == 1 == len(parameters) and required[0].kind in positional
