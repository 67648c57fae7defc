"""The server's side of one http request.

This file knows what the messages of http mean to a client. It must never know
websocket or lifespan, nor how the application is run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dualware.testing.asgi.server import Client, Server
from dualware.testing.messages import HTTP_ORDER
from dualware.testing.request import RequestBody, body_parts
from dualware.testing.result import Result
from dualware.testing.rules import length_faults


class ClientDisconnected(OSError):  # noqa: N818 - it says what happened
    """What the server raises to who sends to a client that went away.

    ASGI www, Disconnected Client: "a server-specific subclass of OSError".
    """


class HTTPServer(Server[Result]):
    """The server's side of one request."""

    order = HTTP_ORDER

    def __init__(
        self,
        client: Client,
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
