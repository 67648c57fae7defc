"""The WSGI driver: called as PEP 3333 says, it carries an exchange through engine and application.

Knows what a wrapper is made of, and which stacks it can't take. Must never know what happens in an
exchange: that is `dualware.wsgi.call`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ParamSpec, Protocol

from dualware.core.problems import Problem, SettingsError
from dualware.core.stack import Stack
from dualware.core.wrapper import Wrapper
from dualware.effects import REAL
from dualware.wsgi.call import call

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from dualware.core.effects import Effects
    from dualware.core.middleware import Middleware

__all__ = ["WSGIWrapper", "refuse_questions", "wrapper"]

_P = ParamSpec("_P")


class WSGIWrapper(Wrapper):
    """A WSGI application around another, see `Wrapper`."""

    _inner: WSGIApplication

    def __init__(self, app: WSGIApplication, stack: Stack, *, effects: Effects = REAL) -> None:
        super().__init__(app, stack, effects, driver=WSGIWrapper)
        refuse_questions(stack)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """PEP 3333, "The Application/Framework Side"."""
        # All that follows can be compiled. This can't: who asks for its signature shall get it.
        return call(self._inner, self._plan, self._effects, environ, start_response)


def refuse_questions(stack: Stack) -> None:
    """Raise SettingsError if middleware of ``stack`` have something to await."""
    if stack.asking:
        raise SettingsError([_unanswerable(each) for each in stack.asking])


def _unanswerable(each: Middleware) -> Problem:
    sentence = f"{type(each).__name__} has a coroutine function to call, and WSGI awaits nothing"
    return Problem("DW205", each.name or type(each).__name__, sentence, "a plain function works")


class _Factory(Protocol[_P]):
    """What `wrapper` makes, as type checkers see it."""

    def __call__(
        self, app: WSGIApplication, *args: _P.args, **kwargs: _P.kwargs
    ) -> WSGIWrapper: ...


def wrapper(middleware: Callable[_P, Middleware]) -> _Factory[_P]:
    """Make the WSGI wrapper of a middleware class of your own.

    The result is a class whose instances are WSGI applications: ``Wrapper(app, *args, **kwargs)``
    with what the middleware's constructor takes, checked by type checkers too.

    >>> AddHeader = dualware.wsgi.wrapper(AddHeaderPolicy)  # doctest: +SKIP
    >>> app.wsgi_app = AddHeader(app.wsgi_app, name="X-Team", value="blue")  # doctest: +SKIP
    """

    class Made(WSGIWrapper):
        def __init__(self, app: WSGIApplication, *args: _P.args, **kwargs: _P.kwargs) -> None:
            super().__init__(app, Stack([middleware(*args, **kwargs)]))

    functools.update_wrapper(Made, middleware, updated=())
    # Its constructor is our own: signature() must not look through to the middleware's.
    del Made.__wrapped__  # type: ignore[attr-defined]
    return Made
