"""One request, one application, one stack of middleware: under either protocol.

This file knows which client and which application belong to a protocol. It must
never speak one: the clients do. The library under test is imported when it is
first needed, so that installing the plugin costs nothing.

>>> from dualware.testing import Dual, Script
>>> [Dual(protocol).request(Script()).body for protocol in ("wsgi", "asgi")]
[b'hello', b'hello']
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, cast

from . import asgi as _asgi
from . import wsgi as _wsgi
from .result import Result
from .script import Script

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .request import RequestOptions

Protocol = Literal["wsgi", "asgi"]

PROTOCOLS: tuple[Protocol, ...] = ("wsgi", "asgi")
"""Every protocol a test runs under."""

AnyApp = Any
"""A `Script`, a pair ``(wsgi_app, asgi_app)``, or an application of the protocol in use."""

AnyStack = Any
"""Middleware in order, outermost first; a `dualware.Stack`; or a settings mapping."""

_ROOMS: Mapping[Protocol, ModuleType] = {"wsgi": _wsgi, "asgi": _asgi}


class Dual:
    """Drives the same test under one protocol or the other.

    protocol
        "wsgi" or "asgi".
    lint
        Hold every exchange to the protocol (see `WSGIClient` and `ASGIClient`).
    backend
        The event loop for ASGI applications that are no `Script`; None steps
        them by hand. Scripts never need one.
    """

    def __init__(
        self,
        protocol: Protocol,
        *,
        lint: bool = True,
        backend: _asgi.Backend | None = "asyncio",
    ) -> None:
        self.protocol: Protocol = protocol
        self.lint = lint
        self.backend = backend

    def __repr__(self) -> str:
        return f"Dual({self.protocol!r})"

    # Requests

    def request(
        self,
        app: AnyApp,
        middleware: AnyStack = (),
        method: str = "GET",
        path: str = "/",
        *,
        wsgi: Mapping[str, Any] | None = None,
        asgi: Mapping[str, Any] | None = None,
        **options: Unpack[RequestOptions],
    ) -> Result:
        """Wrap the application by the middleware, once, and make one request.

        app, middleware
            See `AnyApp` and `AnyStack`.
        wsgi, asgi
            Options for this protocol's client only, for its construction or its
            request: ``wsgi={"eager_status": True}``.
        options
            See `RequestOptions`.

        >>> Dual("asgi").request(Script(status=204)).status
        204
        """
        extra = {"wsgi": wsgi, "asgi": asgi}
        return self._drive(app, self.wrap(app, middleware), method, path, options, extra)

    def nested(
        self,
        app: AnyApp,
        middleware: AnyStack,
        method: str = "GET",
        path: str = "/",
        *,
        wsgi: Mapping[str, Any] | None = None,
        asgi: Mapping[str, Any] | None = None,
        **options: Unpack[RequestOptions],
    ) -> Result:
        """Like `request`, with one wrapper for each middleware; the library fuses them."""
        wrapped = self.wrap_nested(app, middleware)
        return self._drive(app, wrapped, method, path, options, {"wsgi": wsgi, "asgi": asgi})

    def separate(
        self,
        app: AnyApp,
        middleware: AnyStack,
        method: str = "GET",
        path: str = "/",
        *,
        wsgi: Mapping[str, Any] | None = None,
        asgi: Mapping[str, Any] | None = None,
        **options: Unpack[RequestOptions],
    ) -> Result:
        """Like `nested`, with foreign middleware between the wrappers, so that none are fused."""
        wrapped = self.wrap_separate(app, middleware)
        return self._drive(app, wrapped, method, path, options, {"wsgi": wsgi, "asgi": asgi})

    # Applications

    def app(self, app: AnyApp) -> Any:
        """The application of this protocol, with the inner checks around it."""
        if isinstance(app, Script):
            return app.wsgi if self.protocol == "wsgi" else app.asgi
        index = PROTOCOLS.index(self.protocol)
        own = cast("tuple[Any, Any]", app)[index] if isinstance(app, tuple) else app
        return _ROOMS[self.protocol].Inside(own)

    def wrap(self, app: AnyApp, middleware: AnyStack) -> Any:
        """The application of this protocol within one wrapper; bare when there is no middleware."""
        stack = _stack(middleware)
        return self.app(app) if stack is None else self._wrap(stack, self.app(app))

    def wrap_nested(self, app: AnyApp, middleware: AnyStack) -> Any:
        """The application of this protocol within one wrapper for each middleware."""
        return self._onion(self.app(app), _members(middleware), lambda inner: inner)

    def wrap_separate(self, app: AnyApp, middleware: AnyStack) -> Any:
        """The application of this protocol within wrappers and foreign middleware, by turns."""
        return self._onion(self.app(app), _members(middleware), _ROOMS[self.protocol].PassThrough)

    def _onion(self, app: Any, members: Sequence[Any], between: Callable[[Any], Any]) -> Any:
        for member in reversed(members):
            app = self._wrap(_stack((member,)), between(app))
        return app

    def _wrap(self, stack: Any, app: Any) -> Any:
        return getattr(stack, self.protocol)(app)

    def _drive(
        self,
        app: AnyApp,
        wrapped: Any,
        method: str,
        path: str,
        options: Any,
        extra: Mapping[str, Mapping[str, Any] | None],
    ) -> Result:
        """Make the request with this protocol's client."""
        room = _ROOMS[self.protocol]
        mine: dict[str, Any] = {"lint": self.lint, **(extra[self.protocol] or {})}
        construction = {name: mine.pop(name) for name in room.CLIENT_OPTIONS & mine.keys()}
        if self.protocol == "wsgi":
            return _wsgi.WSGIClient(wrapped, **construction).request(
                method, path, **options, **mine
            )
        mine.setdefault("backend", None if isinstance(app, Script) else self.backend)
        return _asgi.ASGIClient(wrapped, **construction).request_sync(
            method, path, **options, **mine
        )


def _stack(middleware: AnyStack) -> Any:
    """What can wrap an application; None when there is nothing to wrap it with."""
    if isinstance(middleware, Mapping):
        from dualware import load

        return load(cast("Mapping[str, Any]", middleware))
    if hasattr(middleware, "wsgi") and hasattr(middleware, "asgi"):
        return middleware
    members = tuple(middleware)
    if not members:
        return None
    from dualware import Stack

    return Stack(members)


def _members(middleware: AnyStack) -> tuple[Any, ...]:
    """The middleware one by one, outermost first."""
    return tuple(_stack(middleware) if isinstance(middleware, Mapping) else middleware)


# Chunkings: the same body, cut in other places


def whole(chunks: Iterable[bytes]) -> tuple[bytes, ...]:
    """Everything in one chunk."""
    return (b"".join(chunks),)


def byte_by_byte(chunks: Iterable[bytes]) -> tuple[bytes, ...]:
    """Every byte a chunk of its own."""
    return tuple(bytes([byte]) for byte in b"".join(chunks))


def with_empty(chunks: Iterable[bytes]) -> tuple[bytes, ...]:
    """The chunks as they are, with an empty one before, between and after them."""
    return (b"", *(part for chunk in chunks for part in (chunk, b"")))


CHUNKINGS: Mapping[str, Callable[[Iterable[bytes]], tuple[bytes, ...]]] = {
    "whole": whole,
    "byte_by_byte": byte_by_byte,
    "with_empty": with_empty,
}
"""Ways to cut a body, by name: each takes chunks and gives chunks of the same bytes."""
