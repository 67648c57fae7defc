"""The ASGI application that a description is of.

This file knows the messages of every kind of exchange as an application sends
them. It must never know a server or middleware.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any

from dualware.testing.asgi.inside import Inside
from dualware.testing.description import Description, HeadReplaced

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]


def _pairs(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Header pairs as ASGI has them: bytes, names in lower case (ASGI www, Response Start)."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


class ScriptASGI:
    """The ASGI application of a script.

    It answers lifespan, and takes websocket sessions: a status below 300 accepts
    and sends the chunks, any other one denies.
    """

    def __init__(self, script: Description) -> None:
        self.script = script
        self.head = _start_message(script)
        self.messages = list(_body_messages(script, script.chunks))
        self.silent = list(_body_messages(script, ()))
        self.inside = Inside(self._answer)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            self.script.probe.call(scope, receive, send)
        else:
            self.script.probe.handed.append((scope, receive, send))
        await self.inside(scope, receive, send)

    async def _answer(self, scope: Any, receive: Receive, send: Send) -> None:
        answer = {"http": self._http, "websocket": self._websocket, "lifespan": self._lifespan}
        await answer[scope["type"]](scope, self._recorded(receive), self._guarded(send))
        self.script.probe.finished += 1

    def _recorded(self, receive: Receive) -> Receive:
        async def recorded() -> Any:
            message = await receive()
            self.script.probe.received.append(message)
            return message

        return recorded

    def _guarded(self, send: Send) -> Send:
        async def guarded(message: Any) -> None:
            try:
                await send(message)
            except BaseException as error:
                self.script.probe.raised.append(error)
                raise

        return guarded

    async def _begin(self, receive: Receive) -> None:
        script = self.script
        if script.read_body:
            script.probe.bodies.append(b"".join([part async for part in _body(receive)]))
        if script.on_request is not None:
            script.probe.seen.append(script.on_request())
        script.fail("call")

    async def _http(self, scope: Any, receive: Receive, send: Send) -> None:
        script = self.script
        await self._begin(receive)
        await send(self.head)
        script.fail("head")
        messages = self.messages if script.body_for(scope["method"]) else self.silent
        for count, message in enumerate(messages):
            self._between(count)
            if count < len(script.chunks):
                script.probe.pull()
            await send(message)
        self._between(len(messages))
        script.fail("close")

    def _between(self, count: int) -> None:
        self.script.fail(count)
        if count and count == self.script.replace_at and self.script.replace_head is not None:
            raise HeadReplaced

    async def _websocket(self, scope: Any, receive: Receive, send: Send) -> None:
        script = self.script
        await receive()
        await self._begin_session()
        if script.status >= 300:
            await self._deny(scope, send)
            return
        await send({"type": "websocket.accept", "headers": self.head.get("headers", [])})
        script.fail("head")
        for count, chunk in enumerate(script.chunks):
            script.fail(count)
            await send({"type": "websocket.send", "bytes": chunk})
        script.fail(len(script.chunks))
        if script.end:
            await send({"type": "websocket.close", "code": 1000})
        script.fail("close")

    async def _begin_session(self) -> None:
        script = self.script
        if script.on_request is not None:
            script.probe.seen.append(script.on_request())
        script.fail("call")

    async def _deny(self, scope: Any, send: Send) -> None:
        """Refuse the handshake, with an answer when the server takes one (ASGI extensions)."""
        kind = "websocket.http.response"
        if kind not in (scope.get("extensions") or {}):
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({**self.head, "type": f"{kind}.start"})
        for message in self.messages:
            await send({**message, "type": f"{kind}.body"})

    async def _lifespan(self, _scope: Any, receive: Receive, send: Send) -> None:
        for stage in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{stage}.complete"})


def _start_message(script: Description) -> dict[str, Any]:
    """The head of a script as a message."""
    status, headers = script.status, script.headers
    if script.replace_head is not None and script.replace_at == 0:
        status, headers = script.replace_head
    message: dict[str, Any] = {"type": "http.response.start", "status": status}
    pairs = _pairs(script.with_length(headers))
    if pairs or script.headers_key:
        message["headers"] = pairs
    return message


def _body_messages(script: Description, chunks: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    """The body of a script as messages."""
    # A script that fails between chunks, or never ends, has not sent its last one.
    unfinished = isinstance(script.error_at, int) or not script.end
    inline = bool(chunks) and not script.final_empty and not unfinished
    for number, chunk in enumerate(chunks, 1):
        more = not (inline and number == len(chunks))
        yield {"type": "http.response.body", "body": chunk, "more_body": more}
    if script.end and not inline:
        yield {"type": "http.response.body", "body": b"", "more_body": False}


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    """The parts of the request body (ASGI www, Request)."""
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
        yield message.get("body", b"")
