"""The ASGI driver: called with `scope`, `receive` and `send`, it carries an exchange through.

Knows which scopes are exchanges. Must never know a policy, make a task or a queue, import an
event loop's library, or keep anything of a loop, thread or exchange on the wrapper.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from types import MethodType
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol

from dualware.asgi.exchange import ASGIExchange
from dualware.asgi.marking import SEND
from dualware.asgi.place import PLAIN
from dualware.asgi.websocket import WebSocketExchange
from dualware.core.nesting import Member
from dualware.core.stack import Stack
from dualware.core.wrapper import Wrapper
from dualware.effects import REAL

if TYPE_CHECKING:
    from dualware.core.effects import Effects
    from dualware.core.middleware import Middleware

__all__ = ["ASGIApp", "ASGIWrapper", "ask", "wrapper"]

_P = ParamSpec("_P")

ASGIApp = Callable[[Any, Any, Any], Awaitable[Any]]
"""``async app(scope, receive, send)``. `Any` fits every framework's own types."""


class ASGIWrapper(Wrapper):
    """An ASGI application around another, see `Wrapper`."""

    _inner: ASGIApp

    def __init__(self, app: ASGIApp, stack: Stack, *, effects: Effects = REAL) -> None:
        if _is_double_callable(app):
            raise TypeError(
                f"{app!r} takes the scope alone, as ASGI 2 applications did; dualware needs "
                "app(scope, receive, send). asgiref.compatibility.guarantee_single_callable(app) "
                "makes one of the other"
            )
        super().__init__(app, stack, effects, driver=ASGIWrapper)
        sessions = Stack(each for each in self._plan if each.websocket)
        # Lifespan, and what is not known yet, is between the server and the application.
        self._kinds = {
            kind: (plan, make)
            for kind, plan, make in (
                ("http", self._plan, ASGIExchange),
                ("websocket", sessions, WebSocketExchange),
            )
            if plan.middleware
        }

    # The parameters have exactly these names: daphne passes them by keyword (protocols A1).
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI, "Applications"."""
        found = self._kinds.get(scope["type"])
        if found is None:
            await self._inner(scope, receive, send)
            return
        whole, make = found
        exchange = make(scope, send, self._effects, receive)
        plan = exchange.enter(whole)
        if plan is None:
            await self._inner(scope, receive, send)
            return
        if plan.asking:
            await ask(plan, exchange)
        late: BaseException | None = None
        try:
            answer = exchange.start(plan)
            if answer is not None:
                await exchange.answer(answer)
            else:
                request = exchange._request
                # The server's object, unless a flow changed it for the application.
                seen = scope if request is None else request.scope  # type: ignore[attr-defined]
                taken = exchange.send if SEND is None else MethodType(SEND, exchange)
                await self._inner(seen, exchange.receive, taken)
                if exchange._place < PLAIN and exchange.outcome is None:
                    await exchange.finish()
        except BaseException as error:
            if exchange.outcome is not None:
                late = error
                raise
            if not await exchange.failed(error):
                raise
        finally:
            exchange.release(late)


async def ask(plan: Stack, exchange: Member) -> None:
    """Await what the middleware of ``plan`` ask, and keep the answers, or the failures."""
    answers: dict[str | int, Any] = {}
    try:
        for each in plan.asking:
            try:
                question = each.asks and each.asks(exchange.request)
                if question is not None:
                    answers[each.key] = await question
            except Exception as error:
                # What a failure means is for the flow to say.
                answers[each.key] = error
    except BaseException:
        # Cancelled before any flow started: nobody is to be told, and nothing is left behind.
        exchange.release()
        raise
    exchange.asked = answers


class _Factory(Protocol[_P]):
    """What `wrapper` makes, as type checkers and Starlette's `add_middleware` see it."""

    def __call__(self, app: ASGIApp, *args: _P.args, **kwargs: _P.kwargs) -> ASGIWrapper: ...


def wrapper(middleware: Callable[_P, Middleware]) -> _Factory[_P]:
    """Make the ASGI wrapper of a middleware class of your own.

    The result is a class whose instances are ASGI applications: ``Wrapper(app, *args, **kwargs)``
    with what the middleware's constructor takes, checked by type checkers too.

    >>> AddHeader = dualware.asgi.wrapper(AddHeaderPolicy)  # doctest: +SKIP
    >>> app.add_middleware(AddHeader, name="X-Team", value="blue")  # doctest: +SKIP
    """

    class Made(ASGIWrapper):
        def __init__(self, app: ASGIApp, *args: _P.args, **kwargs: _P.kwargs) -> None:
            super().__init__(app, Stack([middleware(*args, **kwargs)]))

    functools.update_wrapper(Made, middleware, updated=())
    # Its constructor is our own: signature() must not look through to the middleware's.
    del Made.__wrapped__  # type: ignore[attr-defined]
    return Made


def _is_double_callable(app: ASGIApp) -> bool:
    """Whether ``app`` is an ASGI 2 application: ``app(scope)(receive, send)``."""
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        return False
    required = [each for each in parameters if each.default is each.empty]
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return len(required) == 1 == len(parameters) and required[0].kind in positional
