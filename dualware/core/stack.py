"""Stack: which middleware, in which order, and what becomes of two stacks around each other.

Knows middleware as values. Must never know what they do, nor a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import MethodType
from typing import TYPE_CHECKING, Any

from dualware.core.compiling import mypyc_attr
from dualware.core.middleware import Middleware, Starts

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from dualware.asgi.driver import ASGIApp, ASGIWrapper
    from dualware.core.exchange import Exchange
    from dualware.wsgi.driver import WSGIWrapper

__all__ = ["Stack"]


def _start_of(each: Middleware) -> Callable[[Exchange], Any]:
    """What starts a flow of ``each``, by the shortest way: see `Starts`."""
    bound = each.__call__
    return bound if isinstance(bound, MethodType) else each


@mypyc_attr(allow_interpreted_subclasses=True)
class Stack:
    """An ordered, immutable tuple of middleware, outermost first.

    >>> stack = Stack([Outer(), Inner()])  # doctest: +SKIP
    >>> app = stack.asgi(app)              # doctest: +SKIP
    """

    __slots__ = (
        "alone", "asking", "keys", "late", "measures", "middleware", "receives", "starts",
    )  # fmt: skip

    def __init__(self, middleware: Iterable[Middleware] = ()) -> None:
        listed: tuple[Any, ...] = tuple(middleware)
        for each in listed:
            if not isinstance(each, Middleware):
                hint = "; call the class" if isinstance(each, type) else ""
                raise TypeError(f"a Stack takes instances of Middleware, not {each!r}{hint}")
        # Law 9 for neighbours, settled once: of two with the same key the outer one runs.
        once: dict[str | int, Middleware] = {}
        for each in listed:
            if once.setdefault(each.key, each) is not each:
                each.superseded()
        self.middleware = tuple(once.values())
        """Those that run, outermost first."""
        self.starts: Starts = tuple(map(_start_of, self.middleware))
        """How they are started."""
        self.alone = len(self.middleware) == 1
        """Whether there is but one of them."""
        self.measures = any(each.measures for each in self.middleware)
        """Whether any of them wants `Exchange.send_wait`."""
        self.receives = any(each.receives for each in self.middleware)
        """Whether any of them wants `Exchange.received`."""
        self.late = tuple(
            each.on_late_error
            for each in self.middleware
            if type(each).on_late_error is not Middleware.on_late_error
        )
        """Whom to tell of failures after END."""
        self.asking = tuple(each for each in self.middleware if each.asks is not None)
        """Those that have something to ask before the flows start."""
        self.keys = frozenset(once)
        """What `Engine.ran` remembers of this stack."""

    def without(self, ran: frozenset[str | int]) -> Stack:
        """What is left of this stack inside an exchange in which ``ran`` took part already."""
        if ran.isdisjoint(self.keys):
            # The commonest by far: other middleware than those outside.
            return self
        for each in self.middleware:
            if each.key in ran:
                each.superseded()
        return Stack(each for each in self.middleware if each.key not in ran)

    def __iter__(self) -> Iterator[Middleware]:
        return iter(self.middleware)

    def __len__(self) -> int:
        return len(self.middleware)

    def __add__(self, inner: Stack) -> Stack:
        """This stack around ``inner``, as one."""
        return Stack((*self.middleware, *inner.middleware))

    def __repr__(self) -> str:
        return f"Stack([{', '.join(type(each).__name__ for each in self.middleware)}])"

    def __reduce__(self) -> tuple[Any, ...]:
        return Stack, (self.middleware,)

    # The front door's convenience: the one place where core names a driver's room, and only when
    # called, so that a WSGI process never loads the ASGI one.

    def asgi(self, app: ASGIApp) -> ASGIWrapper:
        """Wrap an ASGI application: ``async app(scope, receive, send)``."""
        from dualware.asgi.driver import ASGIWrapper

        return ASGIWrapper(app, self)

    def wsgi(self, app: WSGIApplication) -> WSGIWrapper:
        """Wrap a WSGI application: ``app(environ, start_response)`` (PEP 3333)."""
        from dualware.wsgi.driver import WSGIWrapper

        return WSGIWrapper(app, self)
