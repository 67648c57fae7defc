"""What follows the head of a response under ASGI: its body, trailers, or a file in its place.

Knows what is counted of them, and when the exchange is over. Must never know what becomes of a
head, nor change a body: what comes here goes out as it is.
"""

from __future__ import annotations

from typing import Any

from dualware.asgi.place import OVER
from dualware.asgi.sending import Message, Send, Sending
from dualware.core.fields import length_of
from dualware.core.headers import BytesHeaders
from dualware.core.message import ExchangeError

__all__ = ["Following", "Message"]


class Following(Sending):
    """The side of an exchange that hands on what comes after the head."""

    __slots__ = ()

    async def _open_body(self, upstream: Send, message: Message) -> None:
        """As `_body`, where nothing is out of the ordinary: every chunk comes by here."""
        data = message.get("body", b"")
        if data and not self.first_at:
            self.first_at = self.effects.clock()
        try:
            await upstream(message)
        except OSError:
            self.gone = True
            raise
        if data:
            self.sent += len(data)  # type: ignore[operator]
        if not message.get("more_body", False):
            # As `_complete`, less one call.
            self._place = OVER
            self.end("aborted" if self.gone else "completed")

    async def _body(self, message: Message) -> None:
        """A body message as it goes out: counted when the server has taken it."""
        data = message.get("body", b"")
        if data and not self.first_at:
            self.first_at = self.effects.clock()
        if self._plan.measures:
            await self._watched(message)
        else:
            # As there, without a coroutine more.
            try:
                await self._upstream(message)
            except OSError:
                self.gone = True
                raise
        if data and self._counts:
            self.sent = (self.sent or 0) + len(data)
        if not message.get("more_body", False):
            if self._trails:
                await self._body_sent()
            else:
                self._complete()

    async def _opaque(self, message: Message) -> None:
        """pathsend or zerocopysend: the server sends what we do not see (protocols A22)."""
        if self.coded:
            raise ExchangeError(
                f"{message['type']} cannot pass a codec that was given at RESPONSE; "
                "a flow that encodes waits for BODY, where response.opaque is known"
            )
        await self._watched(message)
        # Only now: headers that can be read once are the server's until it took a body.
        self.response.opaque = True
        more = message.get("more_body", False)
        if not self.response.bodiless:
            declared = None if more else self.response.headers.get("Content-Length")
            self.sent = length_of(declared)
            self._counts = self.sent is not None
        if not more and self._trails:
            await self._body_sent()
        elif not more:
            self._complete()

    async def _trailers(self, message: Message) -> None:
        last = not message.get("more_trailers", False)
        if last and self.response.announces_trailers:
            message = {**message, "headers": [*message.get("headers", ()), *self._own_trailers()]}
        await self._watched(message)
        if last:
            self._complete()

    async def _body_sent(self) -> None:
        """The last of the body is out; trailers may follow (ASGI, "HTTP Trailers")."""
        if not self._trailers_to_come:
            trailers = list(self._own_trailers())
            await self._watched({"type": "http.response.trailers", "headers": trailers})
            self._complete()

    def _own_trailers(self) -> list[Any]:
        fields = BytesHeaders()
        for name, value in self.response.trailers:
            fields.append(name, value)
        return fields.pairs

    # What is sent by, given so that nothing has to be looked up in here: of what is compiled that
    # costs interpreted code more than of its own.

    async def _sent(self, upstream: Send, message: Message) -> None:
        """Send, and take note of a client that is gone."""
        try:
            await upstream(message)
        except OSError:
            self.gone = True
            raise

    async def _measured(self, upstream: Send, message: Message) -> None:
        """The same, and take note of the time that the server took."""
        started = self.effects.clock()
        await self._sent(upstream, message)
        self.send_wait += self.effects.clock() - started

    def _complete(self) -> None:
        self._place = OVER
        # Most servers take, and drop, what is sent to a client that is gone (protocols A28).
        self.end("aborted" if self.gone else "completed")
