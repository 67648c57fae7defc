"""One HTTP exchange under ASGI: the engine, with `receive` and `send` as methods.

Knows what is awaited where a head is held, answered or never came. Must never change a message of
the application, make one up in its place, or call `receive` on its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from dualware.asgi.place import BEFORE, CODED, HELD, OVER
from dualware.asgi.sending import Message, Send
from dualware.asgi.work import Working
from dualware.core.ending import outcome_of
from dualware.core.headers import BytesHeaders, Fields
from dualware.core.message import Chunk, has_no_body

if TYPE_CHECKING:
    from dualware.core.exchange import Answer

__all__ = ["ASGIExchange", "Message", "Receive", "Send"]

Receive = Callable[[], Awaitable[Any]]


class ASGIExchange(Working):
    """What the application gets as `receive` and `send`, and what the driver moves on."""

    __slots__ = ()

    # What the application calls

    async def receive(self) -> Message:
        """ASGI `receive`: every message passes as it is; what it brings is taken note of."""
        message = await self._receive()
        if message["type"] == "http.request":
            self.received += len(message.get("body") or b"")
        elif message["type"] == "http.disconnect" and self.outcome is None:
            # Most servers swallow what is sent after it, and say nothing (protocols A28).
            self.gone = True
        return message

    # Head

    async def _unseen(self, message: Message) -> None:
        """What passes now is no body that a codec could take; a push is none at all."""
        self.response.opaque = message["type"] != "http.response.push"
        await self._worked(self._reach_body(None, complete=False))
        await self._send_head()
        await self._step(message)

    async def _send_worked(self, message: Message, chunk: Chunk, data: Chunk) -> None:
        await self._send_first(message, chunk, await self._worked(data))

    async def _send_first(self, message: Message, chunk: Chunk, data: Chunk) -> None:
        """The head, and behind it ``data``, which the first chunk became."""
        await self._send_head()
        if not data and self._place == CODED and message.get("more_body", False):
            # The codec keeps all back.
            return
        if data is not chunk:
            message = {**message}
            message["body"] = data
        await self._onward(message)

    # Body

    async def _guarded(self, upstream: Send, message: Message) -> None:
        """The first message of a body that is followed for failures alone."""
        # Most servers take, and drop, what is sent to a client that is gone (protocols A28).
        if message["type"] != "http.response.body" or message.get("more_body") or self.gone:
            self.watch()
            self._follow(self._held["status"])
            await self._step(message)
            return
        # The whole of the body. If the server takes it, nobody is there to be told.
        try:
            await upstream(message)
        except OSError:
            if message.get("body"):
                self.first_at = self.effects.clock()
            self.gone = True
            raise
        self._place = OVER
        self.spare()

    # What the driver calls

    async def answer(self, answer: Answer) -> None:
        """Send a flow's own answer."""
        data, status, fields = answer.body, answer.status, answer.headers
        if status in (204, 304) and isinstance(fields, Fields):
            # Those of most preflights are ready.
            pairs = fields.wire.copy()
        else:
            headers = BytesHeaders()
            headers.extend(fields)
            if status not in (204, 304):
                headers.set("Content-Length", str(len(data)))
            pairs = headers.pairs
        self._held = {"type": "http.response.start", "status": status, "headers": pairs}
        self._pairs = pairs
        if self._trailers_to_come:
            self._trailers_to_come = False
        if not self.head():
            data = await self._worked(self.body(data, complete=True))
        elif self.coded:
            data = self.response.through(data, last=True)
        if data and has_no_body(self._source.get("method"), self.status):
            data = b""
        await self._send_head()
        await self._onward({"type": "http.response.body", "body": data})

    async def finish(self) -> None:
        """The application returned, and left something open."""
        if self.broken is not None:
            # It took the failure of a policy for one of the server's, and went on.
            raise self.broken
        if self._place == HELD:
            # The server reports what it would report of the bare application (protocols A20).
            self.response.opaque = True
            await self._worked(self._reach_body(None, complete=False))
            await self._send_head()
        if self.gone:
            self.end("aborted")
        else:
            self.end("no_response" if self._place == BEFORE else "incomplete")

    async def failed(self, error: BaseException) -> bool:
        """The application raised. Returns whether a flow answered and dealt with it."""
        outcome = "aborted" if self.gone else outcome_of(error)
        answer = self.fail(error, outcome, sent=self.committed)
        if answer is None:
            return False
        try:
            await self.answer(answer)
        except BaseException as raised:
            # There is no second answer: this is what the exchange ends with, if it has not yet.
            if self.outcome is None:
                outcome = "aborted" if self.gone else outcome_of(raised)
                self.fail(raised, outcome, sent=True)
            raise
        return self.reraise is None
