"""One websocket session under ASGI: the handshake answer is RESPONSE, the close is END.

Knows the messages of the websocket protocol. Must never touch what is said in the session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dualware.asgi.answering import no_send, no_session
from dualware.asgi.exchange import Message, Receive, Send
from dualware.asgi.request import ASGIRequest, Scope
from dualware.core.ending import outcome_of
from dualware.core.engine import Engine
from dualware.core.exchange import NO_RESPONSE, Session
from dualware.core.headers import BytesHeaders
from dualware.core.message import Response

if TYPE_CHECKING:
    from dualware.core.effects import Effects
    from dualware.core.exchange import Answer

__all__ = ["WebSocketExchange"]

_SWITCHING: Final = 101
"""RFC 6455 §4.2.2: the status of an accepted handshake."""
_DENIED: Final = 403
"""What a server answers to a close before accept (ASGI, "Close")."""
_POLICY_VIOLATION: Final = 1008
"""RFC 6455 §7.4.1."""
_ABNORMAL: Final = 1006
"""RFC 6455 §7.4.1: the connection went away without a close frame."""
_DENIAL: Final = "websocket.http.response"


class WebSocketExchange(Engine):
    """What the application gets as `receive` and `send` of a session."""

    session: Session

    def __init__(self, scope: Scope, send: Send, effects: Effects, receive: Receive) -> None:
        super().__init__(scope, send, effects, receive)
        # Never None here, as it may be of a request.
        self.session = Session()  # pyright: ignore[reportIncompatibleVariableOverride]

    def _make_request(self) -> ASGIRequest:
        return ASGIRequest(self._source)

    def _make_response(self) -> Response:
        return NO_RESPONSE

    def release(self, error: BaseException | None = None) -> None:
        """The application is over: let go of the server's `send` and `receive` too."""
        super().release(error)
        self._upstream, self._receive = no_send, no_session

    # What the application calls

    async def receive(self) -> Message:
        """ASGI `receive`: every message passes as it is."""
        message = await self._receive()
        session = self.session
        if message["type"] == "websocket.receive":
            session.messages_in += 1
            session.bytes_in += _size(message)
        elif message["type"] == "websocket.disconnect" and self.outcome is None:
            code = message.get("code")
            session.close_code = 1005 if code is None else code
            session.closed_by = "client"
            whole = session.accepted and session.close_code != _ABNORMAL
            self.end("completed" if whole else "aborted")
        return message

    async def send(self, message: Message) -> None:
        """ASGI `send`: only the head of a handshake's answer is ever changed."""
        if self.broken is not None:
            raise self.broken
        kind = message["type"]
        if kind == "websocket.accept" and self.response.status is None:
            message = self._accepted(message)
        elif kind == f"{_DENIAL}.start" and self.response.status is None:
            message = self._headed(message, message["status"])
        elif kind == "websocket.close" and self.response.status is None:
            # The server makes the head of this answer; nothing that a flow adds can be sent.
            self._head(_DENIED, ())
        try:
            await self._upstream(message)
        except OSError:
            self.gone = True
            raise
        self._sent(kind, message)

    def _sent(self, kind: str, message: Message) -> None:
        session = self.session
        if kind == "websocket.send":
            session.messages_out += 1
            session.bytes_out += _size(message)
        elif kind == f"{_DENIAL}.body":
            self.sent = (self.sent or 0) + len(message.get("body", b""))
            if not message.get("more_body", False):
                self.end("completed")
        elif kind == "websocket.close" and self.outcome is None:
            session.close_code = message.get("code", 1000)
            session.closed_by = "server"
            self.end("completed")

    def _accepted(self, message: Message) -> Message:
        given = message.get("headers", ())
        changed = self._headed(message, _SWITCHING)
        self.session.accepted = True
        self.session.subprotocol = message.get("subprotocol")
        if changed is message:
            return message
        # ASGI, "Accept": headers came with version 2.1; the subprotocol has a key of its own.
        spoken: dict[str, str] = self._source.get("asgi") or {}
        if tuple(map(int, spoken.get("spec_version", "2.0").split("."))) < (2, 1):
            return message
        legal = [
            pair
            for pair in changed["headers"]
            if pair[0].lower() != b"sec-websocket-protocol" or pair in given
        ]
        return {**message, "headers": legal}

    def _headed(self, message: Message, status: int) -> Message:
        """RESPONSE, and the message with the head that the flows left."""
        # A list of our own where there is none: only what a flow adds makes another message.
        response = self._head(status, message.get("headers", []))
        headers = response.headers
        if not headers.changed and response.status == status:
            return message
        changed = {**message, "headers": headers.pairs}
        return changed if status == _SWITCHING else {**changed, "status": response.status}

    def _head(self, status: int, pairs: Any) -> Response:
        response = self._response = Response("GET", status, BytesHeaders(pairs))
        # What follows is no body: a codec would break the frames.
        response.opaque = True
        try:
            if not self.head():
                self.body(None, complete=False)
            if self._guards:
                self.watch()
        except BaseException as error:
            self.broken = error
            raise
        return response

    # What the driver calls

    async def answer(self, answer: Answer) -> None:
        """Refuse the handshake as a flow's answer says.

        The application never runs, so the one message that waits for it is taken here: a server
        may demand that (ASGI, "Connect").
        """
        await self._receive()
        if _DENIAL not in (self._source.get("extensions") or ()):
            await self.send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        headers = BytesHeaders()
        headers.extend(answer.headers)
        headers.set("Content-Length", str(len(answer.body)))
        await self.send(
            {"type": f"{_DENIAL}.start", "status": answer.status, "headers": headers.pairs}
        )
        await self.send({"type": f"{_DENIAL}.body", "body": answer.body})

    async def finish(self) -> None:
        """The application returned, and left the session open."""
        if self.broken is not None:
            raise self.broken
        if self.gone:
            self.session.closed_by = "client"
            self.end("aborted")
        else:
            self.end("no_response" if self.response.status is None else "incomplete")

    async def failed(self, error: BaseException) -> bool:
        """The application raised. A handshake that was not answered yet may still be refused."""
        self.session.closed_by = "client" if self.gone else "error"
        outcome = "aborted" if self.gone else outcome_of(error)
        # The application may or may not have taken the connect message, so nobody can answer
        # in its place any more: the server does, with a 500 or by dropping the connection.
        self.fail(error, outcome, sent=True)
        return False


def _size(message: Message) -> int:
    data = message.get("bytes")
    if data is not None:
        return len(data)
    return len((message.get("text") or "").encode("utf-8", "surrogatepass"))
