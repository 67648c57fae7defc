# pyright: basic
"""The entry in `MIDDLEWARE`: a third driver, for what calls Django past ``wsgi.py``.

Django has made a response of every `Exception` before it comes here, so flows see that response,
and the record knows the exception. Knows how Django calls its middleware, with and without
``await``. Must never know a policy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

from dualware.asgi.driver import ask
from dualware.core.current import CURRENT
from dualware.core.nesting import enclosing
from dualware.core.stack import Stack
from dualware.effects import REAL
from dualware.frameworks.django.configured import configured, tell_errors
from dualware.frameworks.django.exchange import AwaitedExchange, DjangoExchange
from dualware.wsgi.driver import refuse_questions
from dualware.wsgi.request import WSGIRequest

__all__ = ["DualwareMiddleware"]


class DualwareMiddleware:
    """The stack of `settings.DUALWARE` around every middleware listed after it.

    List it first. Raises SettingsError with every problem when Django builds its handler.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        self.stack = configured()
        tell_errors()
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        else:
            refuse_questions(self.stack)

    def __call__(self, request: Any) -> Any:
        """Answer the request: with a response, or with an awaitable of one."""
        if self._is_async:
            return self._answered_later(request)
        exchange = _begun(DjangoExchange(request, None, REAL), self.stack)
        try:
            response = exchange.answer_early()
            if response is None:
                response = self.get_response(request)
            return exchange.passed(response, exchange.taken(response))
        except BaseException as error:  # noqa: BLE001 - flows hear of it, then it is raised again
            return exchange.failed(error)

    async def _answered_later(self, request: Any) -> Any:
        """The same, where Django awaits."""
        exchange = _begun(AwaitedExchange(request, None, REAL), self.stack)
        if exchange.plan.asking:
            await ask(exchange.plan, exchange)
        try:
            response = exchange.answer_early()
            if response is None:
                response = await self.get_response(request)
            return exchange.passed(response, await exchange.worked(exchange.taken(response)))
        except BaseException as error:  # noqa: BLE001 - flows hear of it, then it is raised again
            return exchange.failed(error)


def _begun(exchange: DjangoExchange, stack: Stack) -> DjangoExchange:
    """``exchange`` among others, with what of ``stack`` does not run around it already."""
    outer = CURRENT.get() and (
        enclosing(exchange.request)
        # Django has replaced the path in the environ by text, which a stack outside reads as is.
        or enclosing(WSGIRequest(exchange.meta))
    )
    if outer is None:
        exchange.token = CURRENT.set(exchange)
    else:
        stack = stack.without(outer.ran)
        outer.join(stack)
        exchange.outer = outer
    exchange.plan = stack
    if stack.receives:
        exchange.count_received()
    return exchange
