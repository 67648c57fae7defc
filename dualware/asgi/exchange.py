"""One HTTP exchange under ASGI: the engine, with `receive` and `send` as methods.

Knows the order of the messages of a response, and which of them are ours to touch. Must never
change a message of the application, make one up in its place, or call `receive` on its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from dualware.asgi.following import Message
from dualware.asgi.place import BEFORE, CODED, FOLLOWED, GUARDED, HELD, OPEN, OVER, PLAIN
from dualware.asgi.work import Working
from dualware.core.compiling import mypyc_attr
from dualware.core.ending import outcome_of
from dualware.core.headers import BytesHeaders, Fields
from dualware.core.message import Chunk, has_no_body

if TYPE_CHECKING:
    from dualware.core.exchange import Answer

__all__ = ["ASGIExchange", "Message", "Receive", "Send"]

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

# May pass a held head: early hints come before it by nature, debug at any time (protocols A19).
_PASSING: Final = frozenset({"http.response.early_hint", "http.response.debug"})


async def _nothing() -> None:
    """What `send` returns where the message is kept back."""


@mypyc_attr(allow_interpreted_subclasses=True)
class ASGIExchange(Working):
    """What the application gets as `receive` and `send`, and what the driver moves on."""

    __slots__ = ()

    _upstream: Send

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

    def send(self, message: Message) -> Awaitable[None]:
        """ASGI `send`. Returns the server's own awaitable wherever nobody has to see it end.

        A plain function for that reason: a coroutine around every message makes a stack that
        only looks at heads 6 to 8 % dearer, and a stream pays it for every chunk.
        """
        place = self._place
        if place >= PLAIN:
            return self._upstream(message)
        if place == BEFORE:
            if message["type"] == "http.response.start":
                return self._head(message)
            # Informational messages, and what we do not know.
            return self._watched(message)
        if place == OPEN and message["type"] == "http.response.body":
            return self._open_body(message)
        turns = self._turns
        if turns is not None:
            return self._in_turn(turns, partial(self._step, message))
        if place == HELD:
            return self._release(message)
        if place == GUARDED:
            return self._guarded(message)
        return self._step(message)

    def _step(self, message: Message) -> Awaitable[None]:
        """What becomes of a message after the first, when it is its turn."""
        place = self._place
        if place == OPEN:
            if message["type"] == "http.response.body":
                return self._open_body(message)
            # Trailers, a file: from here on nothing is taken for granted.
            place = self._place = FOLLOWED
        if place == FOLLOWED:
            if message["type"] == "http.response.body":
                return self._body(message)
            return self._on(message)
        if place == CODED:
            if message["type"] == "http.response.body":
                return self._coded_body(message)
            return self._on(message)
        if self.broken is not None:
            raise self.broken
        return self._upstream(message)

    # Head

    def _head(self, message: Message) -> Awaitable[None]:
        self._held = message
        trails = "trailers" in message and message["trailers"]
        if trails:
            self._trailers_to_come = True
        try:
            through = self.head()
        except BaseException as error:
            # A policy fails closed: no later message gets through.
            self._break(error)
            raise
        if not through:
            self._place = HELD
            return _nothing()
        if self._response is not None or trails:
            return self._send_head()
        # As there, for a head at which nobody looked closely.
        self.committed = True
        if self.watched or self._exits is not None:
            self._follow(message["status"])
            return self._watched(self._held)
        if self._guards:
            self._place = GUARDED
            return self._sent(self._held)
        self._place = PLAIN
        return self._upstream(self._held)

    def _send_head(self) -> Awaitable[None]:
        """Send the head that the flows left, as the application's own message if they could."""
        self.committed = True
        message = self._held
        response = self._response
        trails = self._trailers_to_come
        status = message["status"]
        if response is not None:
            if response._trailers and not trails:
                message = {**message, "trailers": True}
                trails = True
            headers = response.headers
            if headers._own or response.status != status:
                # granian needs the key, daphne and gunicorn a list (protocols A15).
                status = response.status
                message = {**message}
                message["status"] = status
                message["headers"] = headers._pairs
            if self._guards:
                # Its status may be another than the one that they saw.
                self.watch()
        coded = response is not None and response._codecs
        needed = coded or self.watched or self._guards or self._exits is not None or trails
        # Who waits for a failure alone gets here only where somebody else needs the rest. And where
        # messages wait for their turn, none may go past them (compression 44).
        if not needed and self._turns is None:
            self._place = PLAIN
            return self._upstream(message)
        self._follow(status, trails=trails)
        if coded:
            self._place = CODED
        return self._watched(message)

    def _follow(self, status: int | None, *, trails: bool = False) -> None:
        """The head was sent, and the rest is followed."""
        special = trails or self._plan.measures or self._turns is not None
        if trails:
            self._trails = True
        method = self._source.get("method")
        if (status != 200 or method == "HEAD") and has_no_body(method, status):
            self._counts = False
            special = True
        self._place = FOLLOWED if special else OPEN

    def _release(self, message: Message) -> Awaitable[None]:
        """The head was held; ``message`` is what ends that (protocols A18)."""
        kind = message["type"]
        if kind != "http.response.body":
            return self._watched(message) if kind in _PASSING else self._unseen(message)
        chunk = message.get("body", b"")
        complete = not message.get("more_body", False)
        if not complete and chunk:
            # Some frameworks send the whole body, then an empty last message.
            complete = self.response.headers.get("Content-Length") == str(len(chunk))
        data = self._reach_body(chunk, complete=complete)
        if self.work is None:
            return self._send_first(message, chunk, data)
        worked = partial(self._send_worked, message, chunk, data)
        return worked() if self._turns is not None else self._take_turns(worked)

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

    def _onward(self, message: Message) -> Awaitable[None]:
        """A body message right behind the head, that has passed every codec."""
        place = self._place
        if place == PLAIN:
            return self._upstream(message)
        return self._open_body(message) if place == OPEN else self._body(message)

    async def _guarded(self, message: Message) -> None:
        """The first message of a body that is followed for failures alone."""
        # Most servers take, and drop, what is sent to a client that is gone (protocols A28).
        if message["type"] != "http.response.body" or message.get("more_body") or self.gone:
            self.watch()
            self._follow(self._held["status"])
            await self._step(message)
            return
        # The whole of the body. If the server takes it, nobody is there to be told.
        try:
            await self._upstream(message)
        except OSError:
            if message.get("body"):
                self.first_at = self.effects.clock()
            self.gone = True
            raise
        self._place = OVER
        self.outcome = "completed"
        self.spare()
        if self._record is not None:
            self.seal()

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
