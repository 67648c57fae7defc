"""One HTTP exchange under ASGI: the engine, with `receive` and `send` as methods.

Knows the order of the messages of a response, and which of them are ours to touch. Must never
change a message of the application, make one up in its place, or await anything here: a compiled
coroutine throws into what it awaits in a way that Python 3.12 warns of.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, ClassVar, Final

from dualware.asgi import answering, following, work
from dualware.asgi.answering import no_request, no_send
from dualware.asgi.place import (
    BEFORE,
    BROKEN,
    CODED,
    FOLLOWED,
    GUARDED,
    HELD,
    OPEN,
    OVER,
    PLAIN,
)
from dualware.asgi.quick import QuickEngine
from dualware.asgi.request import ZERO_COPY
from dualware.core.compiling import mypyc_attr
from dualware.core.exchange import Answer
from dualware.core.headers import BytesHeaders
from dualware.core.message import Chunk, ExchangeError, has_no_body

__all__ = ["ASGIExchange", "Awaited", "Message", "Receive", "Send"]

Message = Any
"""A message. The methods below that look into one name its type: ASGI, "Events" has it a `dict`."""
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Awaited = Any
"""An awaitable of None."""

# May pass a held head: early hints come before it by nature, debug at any time (protocols A19).
_PASSING: Final = frozenset({"http.response.early_hint", "http.response.debug"})
_OPAQUE: Final = frozenset({"http.response.pathsend", ZERO_COPY})


async def _nothing() -> None:
    """What `send` returns where the message is kept back."""


@mypyc_attr(allow_interpreted_subclasses=True)
class ASGIExchange(QuickEngine):
    """What the application gets as `receive` and `send`, and what the driver moves on."""

    __slots__ = ()

    _upstream: Send

    defers = True

    _counts: bool = True
    """Whether what is sent counts as body."""
    _trails: bool = False
    """Whether there will be trailers, its or ours."""
    _turns: AbstractAsyncContextManager[Any] | None = None
    """Held while a message is on its way, in an exchange that had something done in a thread:
    none overtakes another (compression 44)."""
    _torn: bool = False
    """Whether a chunk that a codec has taken did not reach the server (compression 39)."""

    # Methods that await, and so are not compiled. In a subclass they would make every call of the
    # compiled ones a look-up by name.
    receive: ClassVar[Any] = answering.receive
    answer: ClassVar[Any] = answering.answer
    finish: ClassVar[Any] = answering.finish
    failed: ClassVar[Any] = answering.failed
    _unseen: ClassVar[Any] = answering.unseen
    _send_first: ClassVar[Any] = answering.send_first
    _send_worked: ClassVar[Any] = answering.send_worked
    _open_body: ClassVar[Any] = following.open_body
    _body: ClassVar[Any] = following.body
    _opaque: ClassVar[Any] = following.opaque
    _trailers: ClassVar[Any] = following.trailers
    _body_sent: ClassVar[Any] = following.body_sent
    _sent: ClassVar[Any] = following.sent
    _measured: ClassVar[Any] = following.measured
    _guarded: ClassVar[Any] = following.guarded
    _take_turns: ClassVar[Any] = work.take_turns
    _in_turn: ClassVar[Any] = work.in_turn
    _worked: ClassVar[Any] = work.worked
    _coded_body: ClassVar[Any] = work.coded_body

    def send(self, message: Message) -> Awaited:
        """ASGI `send`. Returns the server's own awaitable wherever nobody has to see it end.

        A plain function for that reason: a coroutine around every message makes a stack that
        only looks at heads 6 to 8 % dearer, and a stream pays it for every chunk.
        """
        place = self._place
        if place >= PLAIN:
            return self._upstream(message)
        kind: str = message["type"]
        if place == BEFORE:
            if kind == "http.response.start":
                return self._head(message)
            # Informational messages, and what we do not know.
            return self._watched(message)
        if place == OPEN and kind == "http.response.body":
            # As `_open`, less one call.
            event: dict[str, Any] = message
            data = event.get("body", b"")
            if data and not self.first_at:
                self.first_at = self.effects.clock()
            more = event.get("more_body", False)
            return self._open_body(self._upstream, message, len(data), more)
        turns = self._turns
        if turns is not None:
            return self._in_turn(turns, partial(self._step, message))
        if place == HELD:
            return self._release(message)
        if place == GUARDED:
            return self._guarded(self._upstream, message)
        return self._step(message)

    def _step(self, message: Message) -> Awaited:
        """What becomes of a message after the first, when it is its turn."""
        place = self._place
        if place == OPEN:
            if message["type"] == "http.response.body":
                return self._open(message)
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

    def _head(self, message: Message) -> Awaited:
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
            # As `_watched`, less one call.
            if self._plan.measures:
                return self._measured(self._upstream, self._held)
            return self._sent(self._upstream, self._held)
        if self._guards:
            self._place = GUARDED
            return self._sent(self._upstream, self._held)
        self._place = PLAIN
        return self._upstream(self._held)

    def _send_head(self) -> Awaited:
        """Send the head that the flows left."""
        message = self._leave()
        return self._upstream(message) if self._place == PLAIN else self._watched(message)

    def _leave(self) -> Message:
        """The head that the flows left, the application's own message if they could."""
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
            return message
        self._follow(status, trails=trails)
        if coded:
            self._place = CODED
        return message

    def _follow(self, status: int | None, *, trails: bool = False) -> None:
        """The head was sent, and the rest is followed."""
        special = trails or self._plan.measures or self._turns is not None
        if trails:
            self._trails = True
        scope: dict[str, Any] = self._source
        method = scope.get("method")
        if (status != 200 or method == "HEAD") and has_no_body(method, status):
            self._counts = False
            special = True
        self._place = FOLLOWED if special else OPEN

    def _take(self, answer: Answer) -> Chunk:
        """Hold a flow's own answer, and let it go as far as it goes at once. Returns its body."""
        data, pairs = answer.body, answer.written(BytesHeaders())
        self._held = {"type": "http.response.start", "status": answer.status, "headers": pairs}
        self._pairs = pairs
        if self._trailers_to_come:
            self._trailers_to_come = False
        if not self.head():
            return self.body(data, complete=True)
        return self.response.through(data, last=True) if self.coded else data

    def _release(self, message: Message) -> Awaited:
        """The head was held; ``message`` is what ends that (protocols A18)."""
        kind = message["type"]
        if kind != "http.response.body":
            return self._watched(message) if kind in _PASSING else self._unseen(message)
        event: dict[str, Any] = message
        chunk = event.get("body", b"")
        complete = not event.get("more_body", False)
        if not complete and chunk:
            # Some frameworks send the whole body, then an empty last message.
            complete = self.response.headers.get("Content-Length") == str(len(chunk))
        data = self._reach_body(chunk, complete=complete)
        if self.work is None:
            return self._send_first(message, chunk, data)
        worked = partial(self._send_worked, message, chunk, data)
        return worked() if self._turns is not None else self._take_turns(worked)

    def _onward(self, message: Message) -> Awaited:
        """A body message right behind the head, that has passed every codec."""
        place = self._place
        if place == PLAIN:
            return self._upstream(message)
        return self._open(message) if place == OPEN else self._body(message)

    def _open(self, message: Message) -> Awaited:
        """A body message where nothing is out of the ordinary."""
        event: dict[str, Any] = message
        data = event.get("body", b"")
        if data and not self.first_at:
            self.first_at = self.effects.clock()
        return self._open_body(self._upstream, message, len(data), event.get("more_body", False))

    def _on(self, message: Message) -> Awaited:
        """A message that is no body, after the head, while somebody follows the response."""
        kind = message["type"]
        if kind == "http.response.trailers":
            return self._trailers(message)
        if kind in _OPAQUE:
            return self._opaque(message)
        return self._watched(message)

    def _watched(self, message: Message) -> Awaited:
        """Send, and take note of a client that is gone, and of the time if it is wanted."""
        if self._plan.measures:
            return self._measured(self._upstream, message)
        return self._sent(self._upstream, message)

    def _break(self, error: BaseException) -> None:
        """From here on nothing that the application sends gets through."""
        # What asks a task to stop is no failure that could be told of later.
        told = isinstance(error, Exception)
        self.broken = error if told else ExchangeError("a part of this response was cancelled")
        self._place = BROKEN

    def _reach_body(self, chunk: Chunk | None, *, complete: bool) -> Chunk:
        """BODY. Fails closed."""
        try:
            return self.body(chunk, complete=complete)
        except BaseException as error:
            self._break(error)
            raise

    def release(self, error: BaseException | None = None) -> None:
        """The application is over: let go of the server's `send` and `receive` too."""
        QuickEngine.release(self, error)
        # For who was left behind: a leaked context may keep us.
        self._upstream, self._receive = no_send, no_request

    def _own_trailers(self) -> list[Any]:
        fields = BytesHeaders()
        for name, value in self.response.trailers:
            fields.append(name, value)
        return fields.pairs

    def _complete(self) -> None:
        self._place = OVER
        # Most servers take, and drop, what is sent to a client that is gone (protocols A28).
        self.end("aborted" if self.gone else "completed")
