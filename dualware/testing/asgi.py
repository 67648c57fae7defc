"""A raw, strict ASGI server and its client in one object, for tests.

This file knows the ASGI specification and holds applications to it. It must
never know which middleware it drives, nor the other protocol.

`ASGIClient` plays the server: it stands *outside* the application under test
and checks what comes out. `Inside` stands between middleware and the
application and checks what goes in.

No event loop is needed where the application awaits nothing but the two
callables it is handed: `ASGIClient.request_sync` then steps the coroutine by
hand, which is exact and fast.

>>> async def application(scope, receive, send):
...     await send({"type": "http.response.start", "status": 200, "headers": []})
...     await send({"type": "http.response.body", "body": b"hello"})
>>> ASGIClient(application).request_sync(path="/greeting").body
b'hello'
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import (
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    MutableMapping,
    Sequence,
)
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypedDict, TypeVar, cast
from urllib.parse import quote

from .messages import (
    HTTP_ORDER,
    LIFESPAN_ORDER,
    WEBSOCKET_ORDER,
    Conversation,
    OrderTable,
    form_faults,
    header_faults,
    is_message,
    is_pair,
    message_headers,
)
from .request import (
    RequestBody,
    RequestHeaders,
    RequestOptions,
    body_parts,
    leaked_names,
    overlay,
    request_fields,
)
from .result import LifespanResult, Result, SessionResult, lower_pairs
from .rules import CURRENT, Ledger, current_ledger, length_faults

if TYPE_CHECKING:
    from typing_extensions import Unpack

Backend = Literal["asyncio", "trio"]

R = TypeVar("R", bound=Result | SessionResult | LifespanResult)


class ASGIOptions(RequestOptions, total=False):
    """What `ASGIClient.request` takes besides method and path.

    scope
        Keys laid over the scope; the value `ABSENT` takes a key out.
    root_path
        A root_path of which the path knows nothing (see `build_scope`).
    raw_path, http_version, spec_version, extensions, state
        The values of these keys; extensions and state are absent when None.
    disconnect_after
        The client goes away after so many messages; what is sent later is
        silently dropped, as most servers do.
    send_error
        ``(k, error)``: sending message number k raises this very error.
    """

    scope: Mapping[str, Any] | None
    root_path: str
    raw_path: bytes | None
    http_version: str
    spec_version: str
    extensions: Mapping[str, Any] | None
    state: dict[str, Any] | None
    disconnect_after: int | None
    send_error: tuple[int, BaseException] | None


class WebSocketOptions(TypedDict, total=False):
    """What `ASGIClient.websocket` takes besides the path.

    subprotocols
        What the client offers.
    messages
        What the client sends once accepted: str, bytes, or whole messages.
    close_code
        What the client closes the session with in the end.

    The others are those of `ASGIOptions`.
    """

    headers: RequestHeaders
    subprotocols: Sequence[str]
    messages: Sequence[str | bytes | Mapping[str, Any]]
    close_code: int
    query: str
    scheme: str
    scope: Mapping[str, Any] | None
    script_name: str
    root_path: str
    raw_path: bytes | None
    http_version: str
    spec_version: str
    extensions: Mapping[str, Any] | None
    state: dict[str, Any] | None


class ClientDisconnected(OSError):  # noqa: N818 - it says what happened
    """What the server raises to who sends to a client that went away.

    ASGI www, Disconnected Client: "a server-specific subclass of OSError".
    """


class NeedsEventLoop(RuntimeError):  # noqa: N818 - a statement about the application
    """The application awaits more than its two callables: name a backend."""

    def __init__(self) -> None:
        super().__init__("the application awaits an event loop: pass backend='asyncio' or 'trio'")


# What the server hands over


def _snapshot(value: Any) -> Any:
    """A copy of the containers in `value`, to compare with later."""
    if isinstance(value, MutableMapping):
        return {key: _snapshot(part) for key, part in cast("Any", value).items()}
    if isinstance(value, list | tuple):
        return type(cast("Any", value)), [_snapshot(part) for part in cast("list[Any]", value)]
    return value


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The keys under which two snapshots differ."""
    missing = object()
    keys = {*before, *after}
    return sorted(key for key in keys if before.get(key, missing) != after.get(key, missing))


def _fields(headers: RequestHeaders, body: RequestBody) -> list[tuple[bytes, bytes]]:
    """Request fields as ASGI has them (ASGI www, HTTP Connection Scope)."""
    fields = request_fields(headers, body)
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]


def build_scope(
    kind: str = "http",
    *,
    path: str = "/",
    query: str = "",
    headers: RequestHeaders = (),
    body: RequestBody = b"",
    scheme: str = "http",
    script_name: str = "",
    root_path: str = "",
    raw_path: bytes | None = None,
    http_version: str = "1.1",
    spec_version: str = "2.4",
    extensions: Mapping[str, Any] | None = None,
    state: dict[str, Any] | None = None,
    scope: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The scope of one exchange, as a server would hand it over.

    script_name
        The mount point in the sense of the specification: it becomes the
        root_path *and* the beginning of the path (ASGI www, HTTP Connection Scope).
    root_path
        A root_path of which the path knows nothing, as from ``--root-path``.
    scope
        Keys laid over the rest; the value `ABSENT` takes a key out.
    more
        Keys of this kind of exchange: ``method``, ``subprotocols``.
    """
    full = script_name + path
    base: dict[str, Any] = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": spec_version},
        "http_version": http_version,
        "scheme": scheme,
        "path": full,
        "raw_path": quote(full).encode("ascii") if raw_path is None else raw_path,
        "query_string": query.encode("latin-1"),
        "root_path": root_path or script_name,
        "headers": _fields(headers, body),
        "client": ("127.0.0.1", 50000),
        "server": ("localhost", 443 if scheme in ("https", "wss") else 80),
        **more,
    }
    base.update({} if extensions is None else {"extensions": dict(extensions)})
    base.update({} if state is None else {"state": state})
    return overlay(base, scope)


# The server's side


class _Server(ABC, Generic[R]):
    """The server's side of one exchange; one subclass for each kind."""

    order: OrderTable

    def __init__(self, client: ASGIClient, scope: dict[str, Any], result: R) -> None:
        self.client = client
        self.scope = scope
        self.result = result
        self.loop = self.shared = False  # see `run`
        self.ledger = Ledger()
        self.conversation = Conversation(self.order, scope.get("extensions") or ())
        self.gone = False
        self.news: Any = None  # an event; what is waited for may have come

    async def receive(self) -> dict[str, Any]:
        """The next message of the client (ASGI main, Applications)."""
        await self._checkpoint()
        return await self.next_message()

    @abstractmethod
    async def next_message(self) -> dict[str, Any]:
        """The next message of the client, when there is one."""

    async def send(self, message: Any) -> None:
        """Take one message of the application (ASGI main, Applications)."""
        await self._checkpoint()
        self.before_taking()
        self.result.messages.append(message)
        self._read(message)
        self.after_taking()
        self._tell()

    def _read(self, message: Any) -> None:
        """Check a message; one that is wrong, or comes when the client is gone, means nothing."""
        faults = list(form_faults(message))
        if is_message(message) and not faults:
            headers = message_headers(message)
            self.note(header_faults(headers, self.ledger.exempt))
            faults += self.conversation.step(message)
            if not self.gone and all(rule != "message-order" for rule, _ in faults):
                self.take(message, lower_pairs(headers))
        self.note(faults)

    def note(self, faults: Iterable[tuple[str, str]]) -> None:
        """Write violations down."""
        for rule, detail in faults:
            self.ledger.note(rule, detail)

    def before_taking(self) -> None:
        """Raise what the server raises instead of taking a message."""

    @abstractmethod
    def take(self, message: Mapping[str, Any], headers: list[tuple[str, str]]) -> None:
        """What the message means to the client."""

    def after_taking(self) -> None:
        """What the server does when it has taken a message."""

    def finish(self) -> None:
        """The checks that need the whole exchange."""

    # Waiting

    async def _checkpoint(self) -> None:
        if self.loop and self.client.checkpoints:
            from anyio.lowlevel import checkpoint

            await checkpoint()

    def _tell(self) -> None:
        """Wake who waits."""
        if self.news is not None:
            self.news.set()
            self.news = None

    async def until(self, ready: Callable[[], bool]) -> None:
        """Wait for the application to get there; the client goes away when it does not.

        Without an event loop nothing else can run while the application waits,
        so that there is nothing to wait for.
        """
        if self.loop:
            await self._until(ready)
        self.gone = self.gone or not ready()

    async def _until(self, ready: Callable[[], bool]) -> None:
        from anyio import Event, move_on_after

        with move_on_after(self.client.patience):
            while not ready():
                self.news = self.news or Event()
                await self.news.wait()

    # The exchange

    async def run(self, *, loop: bool, shared: bool) -> R:
        """Play the server from the call to the return.

        loop
            There is an event loop to wait in.
        shared
            It is the caller's: a cancellation is meant for the caller too.
        """
        self.loop, self.shared = loop, shared
        pristine, before = _snapshot(self.scope), copy_context()
        token = CURRENT.set(self.ledger)
        try:
            self.result.returned = await self._call()
        except BaseException as error:
            self.result.error = error
            if self._cancelled(error):
                raise
        finally:
            CURRENT.reset(token)
            self._settle(pristine)
            self.result.leaked = leaked_names(before)
        if self.client.lint:
            self.ledger.judge()
        return self.result

    def _call(self) -> Awaitable[Any]:
        scope, receive, send = self.result.handed = (self.scope, self.receive, self.send)
        if self.client.keyword:  # as daphne does
            return self.client.app(scope=scope, receive=receive, send=send)
        return self.client.app(scope, receive, send)

    def _cancelled(self, error: BaseException) -> bool:
        """Whether `error` is the cancellation of the task the caller runs in."""
        return self.shared and isinstance(error, _cancellations()) and error is not self.planned

    @property
    def planned(self) -> BaseException | None:
        """The error the server itself was told to raise."""
        return None

    def _settle(self, pristine: Mapping[str, Any]) -> None:
        self.ledger.settle()
        self.finish()
        if self.result.returned is not None:
            self.ledger.note("returned", f"{self.result.returned!r}")
        for key in _changed(pristine, _snapshot(self.scope)):
            # ASGI lifespan, Lifespan State: the state is there to be written to.
            if key != "state" and ("key", key) not in self.ledger.exempt:
                self.ledger.note("connection-mutated", f"{key!r} became {self.scope.get(key)!r}")
        self.result.violations = self.ledger.violations
        self.client.last = self.result


def _cancellations() -> tuple[type[BaseException], ...]:
    """What cancellation is, in the event loops that are in use."""
    modules = (("asyncio", "CancelledError"), ("trio", "Cancelled"))
    return tuple(
        getattr(sys.modules[module], name) for module, name in modules if module in sys.modules
    )


class _HTTPServer(_Server[Result]):
    """The server's side of one request."""

    order = HTTP_ORDER

    def __init__(
        self,
        client: ASGIClient,
        scope: dict[str, Any],
        body: RequestBody,
        *,
        read: int | None,
        disconnect_after: int | None,
        send_error: tuple[int, BaseException] | None,
    ) -> None:
        super().__init__(client, scope, Result())
        self.parts = body_parts(body)
        self.read = read
        self.disconnect_after = disconnect_after
        self.send_error = send_error
        self.sends = 0
        self.committed = False
        self.head: tuple[int, list[tuple[str, str]]] | None = None
        self.gone = disconnect_after == 0

    @property
    def planned(self) -> BaseException | None:
        return self.send_error[1] if self.send_error else None

    async def next_message(self) -> dict[str, Any]:
        """ASGI www, Request and Disconnect."""
        if self.parts and not self.gone:
            part = self.parts.pop(0)
            self.result.reads.append("receive()")
            return {"type": "http.request", "body": part, "more_body": bool(self.parts)}
        await self.until(lambda: self.gone or self.conversation.over)
        return {"type": "http.disconnect"}

    def before_taking(self) -> None:
        self.sends += 1
        if self.send_error is not None and self.sends == self.send_error[0]:
            raise self.send_error[1]
        if self.read is not None and self.head is not None and len(self.result.chunks) >= self.read:
            self.gone = True
            raise ClientDisconnected

    def after_taking(self) -> None:
        self.gone = self.gone or self.sends == self.disconnect_after

    def take(self, message: Mapping[str, Any], headers: list[tuple[str, str]]) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self.head = (message["status"], headers)
            self.result.starts.append(self.head)
        elif kind == "http.response.trailers":
            self.result.trailers += headers
        else:
            self._take_body(kind, message)

    def _take_body(self, kind: str, message: Mapping[str, Any]) -> None:
        if kind == "http.response.body":
            self._chunk(message.get("body", b""))
        elif kind == "http.response.pathsend":
            self.result.opaque = True
            self._chunk(Path(message["path"]).read_bytes())
        elif kind == "http.response.zerocopysend":
            self.result.opaque = True
            self._chunk(_file_part(message))

    def _chunk(self, data: bytes) -> None:
        self._commit()
        self.result.chunks.append(data)

    def _commit(self) -> None:
        """The head goes out with the first body message (ASGI www, Response Start)."""
        if not self.committed and self.head is not None:
            self.committed = True
            self.result.status, self.result.headers = self.head

    def finish(self) -> None:
        if self.result.error is None or self.gone:
            self._commit()
        self.result.disconnected = self.gone and not self.conversation.over
        if self.result.error is None and not self.result.disconnected:
            self._check_end()

    def _check_end(self) -> None:
        if not self.conversation.over:
            self.ledger.note("incomplete", f"the application returned {self.conversation.at}")
            return
        method, size = self.scope.get("method", "GET"), len(self.result.body)
        self.note(length_faults(method, self.result.status or 0, self.result.headers, size))


def _file_part(message: Mapping[str, Any]) -> bytes:
    """The part of a file a zerocopysend message names (ASGI extensions)."""
    file, offset, count = message["file"], message.get("offset"), message.get("count")
    if offset is not None:
        file.seek(offset)
    data: bytes = file.read(-1 if count is None else count)
    return data


class _WebSocketServer(_Server[SessionResult]):
    """The server's side of one websocket session."""

    order = WEBSOCKET_ORDER

    def __init__(
        self,
        client: ASGIClient,
        scope: dict[str, Any],
        messages: Sequence[str | bytes | Mapping[str, Any]],
        close_code: int,
    ) -> None:
        super().__init__(client, scope, SessionResult())
        self.waiting = [{"type": "websocket.connect"}, *map(_incoming, messages)]
        self.close_code = close_code

    async def next_message(self) -> dict[str, Any]:
        """ASGI www, Connect, Receive and Disconnect."""
        if self.waiting and self.waiting[0]["type"] == "websocket.connect":
            return self.waiting.pop(0)
        await self.until(lambda: self.conversation.at != "before the answer")
        if self.waiting and self.conversation.at == "open":
            return self.waiting.pop(0)
        self.gone = True
        return {"type": "websocket.disconnect", "code": self.close_code, "reason": ""}

    def take(self, message: Mapping[str, Any], headers: list[tuple[str, str]]) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            self._accept(message, headers)
        elif kind == "websocket.close":
            self._close(message)
        elif kind == "websocket.send":
            text = message.get("text")
            self.result.received.append(message["bytes"] if text is None else text)
        else:
            self._deny(kind, message, headers)

    def _accept(self, message: Mapping[str, Any], headers: list[tuple[str, str]]) -> None:
        self._answer(101, headers)
        self.result.accepted = True
        self.result.subprotocol = message.get("subprotocol")
        versions: Mapping[str, Any] = self.scope.get("asgi") or {}
        spec_version = str(versions.get("spec_version", "2.0"))
        # ASGI www, Accept: headers came with 2.1, and the subprotocol has a field of its own.
        if headers and spec_version < "2.1":
            self.ledger.note("accept-headers", f"spec_version is {spec_version}")
        if self.result.header_all("sec-websocket-protocol"):
            self.ledger.note("accept-headers", f"{self.result.headers}")

    def _close(self, message: Mapping[str, Any]) -> None:
        if not self.result.accepted:
            self._answer(403, [])  # ASGI www, Close
        self.result.close_code = message.get("code", 1000)
        self.result.close_reason = message.get("reason") or ""

    def _deny(self, kind: str, message: Mapping[str, Any], headers: list[tuple[str, str]]) -> None:
        """ASGI extensions, Websocket Denial Response."""
        if kind == "websocket.http.response.start":
            self._answer(message.get("status"), headers)
        elif kind == "websocket.http.response.body":
            self.result.body += message.get("body", b"")

    def _answer(self, status: int | None, headers: list[tuple[str, str]]) -> None:
        self.result.status = status
        self.result.headers = headers

    def finish(self) -> None:
        unanswered = self.conversation.at in ("before the answer", "in the denial")
        if unanswered and self.result.error is None and not self.gone:
            self.ledger.note("incomplete", f"the application returned {self.conversation.at}")


def _incoming(message: str | bytes | Mapping[str, Any]) -> dict[str, Any]:
    """What the client sends as a message (ASGI www, Receive)."""
    if isinstance(message, str):
        return {"type": "websocket.receive", "text": message}
    if isinstance(message, bytes):
        return {"type": "websocket.receive", "bytes": message}
    return dict(message)


class _LifespanServer(_Server[LifespanResult]):
    """The server's side of one lifespan."""

    order = LIFESPAN_ORDER

    def __init__(self, client: ASGIClient, scope: dict[str, Any]) -> None:
        super().__init__(client, scope, LifespanResult(state=scope["state"]))
        self.stages = ["startup"]

    async def next_message(self) -> dict[str, Any]:
        """ASGI lifespan, Startup and Shutdown."""
        stage = self.stages.pop() if self.stages else "shutdown"
        return {"type": f"lifespan.{stage}"}

    def take(self, message: Mapping[str, Any], headers: list[tuple[str, str]]) -> None:  # noqa: ARG002 - it has none
        _, stage, outcome = message["type"].split(".")
        setattr(self.result, stage, outcome)


# The client


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
    ) -> _HTTPServer:
        scope = build_scope(method=method, path=path, body=body, **options)
        return _HTTPServer(
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
        return _drive(self._http(method, path, **options), backend)

    def _websocket(
        self,
        path: str = "/",
        headers: RequestHeaders = (),
        subprotocols: Sequence[str] = (),
        *,
        messages: Sequence[str | bytes | Mapping[str, Any]] = (),
        close_code: int = 1000,
        **options: Any,
    ) -> _WebSocketServer:
        options = {"scheme": "ws", **options}
        scope = build_scope(
            "websocket", path=path, headers=headers, subprotocols=list(subprotocols), **options
        )
        return _WebSocketServer(self, scope, messages, close_code)

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
        return _drive(self._websocket(path, **options), backend)

    def _lifespan(self) -> _LifespanServer:
        # ASGI lifespan, Scope
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        return _LifespanServer(self, scope)

    async def lifespan(self) -> LifespanResult:
        """Start the application up and shut it down at once."""
        return await self._lifespan().run(loop=True, shared=True)

    def lifespan_sync(self, *, backend: Backend | None = None) -> LifespanResult:
        """Like `lifespan`, from synchronous code; for `backend` see `request_sync`."""
        return _drive(self._lifespan(), backend)


def _drive(server: _Server[R], backend: Backend | None) -> R:
    """Run an exchange from synchronous code."""
    if backend is None:
        return _step(server.run(loop=False, shared=False))
    from anyio import run

    return run(partial(server.run, loop=True, shared=False), backend=backend)


def _step(coroutine: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine that never has to wait."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: R = stop.value
    else:
        with suppress(AssertionError):
            coroutine.close()
        raise NeedsEventLoop
    if isinstance(result.error, RuntimeError) and "event loop" in str(result.error):
        raise NeedsEventLoop from result.error
    return result


# Inside


class Inside:
    """The checks between middleware and the application, which is called as it is.

    It checks what reaches the application, and that no message of its own is
    changed behind its back. What the application itself does wrong is written
    down as its own, so that middleware is not blamed for it.

    Without an `ASGIClient` around it, it checks nothing. What is neither http
    nor websocket passes with the very same objects.
    """

    def __init__(self, app: Callable[..., Awaitable[Any]]) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        ledger = current_ledger()
        ledger.called()
        if type(scope) is not dict:
            ledger.note("connection-type", f"it is {type(scope).__name__}")
        before = _snapshot(scope)
        try:
            await self.app(scope, _checked(receive, ledger), _Guard(send, ledger).send)
        finally:
            ledger.exempt.update(("key", key) for key in _changed(before, _snapshot(scope)))


def _checked(receive: Any, ledger: Ledger) -> Callable[[], Awaitable[Any]]:
    """`receive`, checking what comes."""

    async def checked() -> Any:
        message = await receive()
        for _, detail in form_faults(message):
            ledger.note("incoming-form", detail)
        return message

    return checked


class _Guard:
    """`send`, checking that the application's messages stay as they are.

    A start may be held back and changed when the first chunk comes, so it is
    looked at again then.
    """

    def __init__(self, send: Any, ledger: Ledger) -> None:
        self.outer = send
        self.ledger = ledger
        self.start: Any = None

    async def send(self, message: Any) -> None:
        if is_message(message):
            self._know(message)
        watched: list[Any] = [self.start, message]
        before = _snapshot(watched)
        try:
            await self.outer(message)
        finally:
            if _snapshot(watched) != before:
                self.ledger.note("headers-mutated", f"{before} became {watched}")

    def _know(self, message: dict[str, Any]) -> None:
        """Remember the start, and how the application spells its names."""
        headers: Any = message.get("headers")
        if message["type"] == "http.response.start":
            self.start = message
        if type(headers) in (list, tuple):  # a generator can be read only once
            self.ledger.exempt.update(pair[0] for pair in headers if is_pair(pair))


class PassThrough:
    """Foreign middleware that changes nothing: it keeps neighbours from being fused."""

    def __init__(self, app: Callable[..., Awaitable[Any]]) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)
