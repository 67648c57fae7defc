"""The client: one method for each kind of exchange, in a loop or without one.

This file knows which scope and which server belong to an exchange. It must
never know a message: the servers do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dualware.testing.asgi.driving import Backend, drive
from dualware.testing.asgi.http import HTTPServer
from dualware.testing.asgi.lifespan import LifespanServer
from dualware.testing.asgi.options import ASGIOptions, WebSocketOptions
from dualware.testing.asgi.scope import build_scope
from dualware.testing.asgi.websocket import WebSocketServer
from dualware.testing.request import RequestBody, RequestHeaders
from dualware.testing.result import LifespanResult, Result, SessionResult

if TYPE_CHECKING:
    from typing_extensions import Unpack


CLIENT_OPTIONS = frozenset({"lint", "keyword", "checkpoints", "patience"})
"""What `ASGIClient` takes besides the application."""


class ASGIClient:
    """A raw ASGI server and the client behind it.

    app
        The application to drive.
    lint
        True raises `ProtocolError` when the exchange broke a rule, False leaves
        the broken rules in ``result.violations``.
    keyword
        Call the application by keyword, as daphne does.
    checkpoints
        Let other tasks run at every message; needs an event loop.
    patience
        Seconds after which the client goes away when the application waits for
        a message that can not come; in an event loop only, else at once.

    `last` is the result of the last exchange, also when it was cancelled or
    raised `ProtocolError`.
    """

    def __init__(
        self,
        app: Callable[..., Awaitable[Any]],
        lint: bool = True,
        *,
        keyword: bool = False,
        checkpoints: bool = False,
        patience: float = 5.0,
    ) -> None:
        self.app = app
        self.lint = lint
        self.keyword = keyword
        self.checkpoints = checkpoints
        self.patience = patience
        self.last: Result | SessionResult | LifespanResult | None = None

    def _http(
        self,
        method: str,
        path: str,
        *,
        body: RequestBody = b"",
        read: int | None = None,
        disconnect_after: int | None = None,
        send_error: tuple[int, BaseException] | None = None,
        **options: Any,
    ) -> HTTPServer:
        scope = build_scope(method=method, path=path, body=body, **options)
        return HTTPServer(
            self, scope, body, read=read, disconnect_after=disconnect_after, send_error=send_error
        )

    async def request(
        self, method: str = "GET", path: str = "/", **options: Unpack[ASGIOptions]
    ) -> Result:
        """Make one request in the caller's event loop and return what came of it.

        The options are those of `ASGIOptions`. An error of the application is
        no exception here (see ``result.error``), except for a cancellation of
        the caller's own task.
        """
        return await self._http(method, path, **options).run(loop=True, shared=True)

    def request_sync(
        self,
        method: str = "GET",
        path: str = "/",
        *,
        backend: Backend | None = None,
        **options: Unpack[ASGIOptions],
    ) -> Result:
        """Like `request`, from synchronous code.

        backend
            None steps the coroutine by hand, without an event loop; "asyncio"
            and "trio" run one for applications that need it.
        """
        return drive(self._http(method, path, **options), backend)

    def _websocket(
        self,
        path: str = "/",
        headers: RequestHeaders = (),
        subprotocols: Sequence[str] = (),
        *,
        messages: Sequence[str | bytes | Mapping[str, Any]] = (),
        close_code: int = 1000,
        **options: Any,
    ) -> WebSocketServer:
        options = {"scheme": "ws", **options}
        scope = build_scope(
            "websocket", path=path, headers=headers, subprotocols=list(subprotocols), **options
        )
        return WebSocketServer(self, scope, messages, close_code)

    async def websocket(
        self, path: str = "/", **options: Unpack[WebSocketOptions]
    ) -> SessionResult:
        """Open one websocket session, send the client's messages, close it.

        The options are those of `WebSocketOptions`.
        """
        return await self._websocket(path, **options).run(loop=True, shared=True)

    def websocket_sync(
        self,
        path: str = "/",
        *,
        backend: Backend | None = None,
        **options: Unpack[WebSocketOptions],
    ) -> SessionResult:
        """Like `websocket`, from synchronous code; for `backend` see `request_sync`."""
        return drive(self._websocket(path, **options), backend)

    def _lifespan(self) -> LifespanServer:
        # ASGI lifespan, Scope
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        return LifespanServer(self, scope)

    async def lifespan(self) -> LifespanResult:
        """Start the application up and shut it down at once."""
        return await self._lifespan().run(loop=True, shared=True)

    def lifespan_sync(self, *, backend: Backend | None = None) -> LifespanResult:
        """Like `lifespan`, from synchronous code; for `backend` see `request_sync`."""
        return drive(self._lifespan(), backend)
