"""The server's side of one websocket session.

This file knows what the messages of a session mean to a client, the denial of
its handshake among them. It must never know http or lifespan, nor how the
application is run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dualware.testing.asgi.server import Client, Server
from dualware.testing.messages import WEBSOCKET_ORDER
from dualware.testing.result import SessionResult


class WebSocketServer(Server[SessionResult]):
    """The server's side of one websocket session."""

    order = WEBSOCKET_ORDER

    def __init__(
        self,
        client: Client,
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
