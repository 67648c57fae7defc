# pyright: basic
"""One exchange inside Django: the engine, between a request and a response that are objects.

A response whose body is there is over with that; a stream is followed to its end, or to the
`close` that every handler of Django's calls. Knows both kinds of response. Must never pull a
stream before the server asks for it, or close a response: that is the handler's, and closes
connections to the database.
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

from dualware.asgi.offload import in_thread
from dualware.core.ending import outcome_of
from dualware.core.engine import Engine
from dualware.core.exchange import NO_RESPONSE, Outcome
from dualware.core.fields import length_of
from dualware.core.headers import StrHeaders
from dualware.core.message import Chunk, Request, Response
from dualware.core.stack import Stack
from dualware.frameworks.django.configured import tell_route
from dualware.frameworks.django.head import fields_of, response_of, write_back
from dualware.frameworks.django.request import viewed
from dualware.wsgi.input import CountedInput

__all__ = ["AwaitedExchange", "DjangoExchange"]


class DjangoExchange(Engine):
    """What the middleware moves on. `_source` is the request, `_held` the response."""

    _source: Any

    plan: Stack
    """What of the stack takes part."""
    _handed_at: int = 0
    _flushed: bool = False

    def _make_request(self) -> Request:
        return viewed(self._source)

    def _make_response(self) -> Response:
        response = self._held
        if response is None:
            return NO_RESPONSE
        headers = StrHeaders(fields_of(response))
        return Response(self.request.method, response.status_code, headers)

    # What the middleware calls

    @property
    def meta(self) -> dict[str, Any]:
        """``request.META``."""
        meta: dict[str, Any] = self._source.META
        return meta

    def count_received(self) -> None:
        """Count in `received` what the application reads of the request body."""
        self._source._stream = CountedInput(self._source._stream, self)

    def answer_early(self) -> Any:
        """Start the flows. Returns the response that one of them gave, None if none did."""
        answer = self.start(self.plan)
        return None if answer is None else response_of(answer)

    def taken(self, response: Any) -> Chunk:
        """Pass the head of ``response`` through the flows, with the body where it is there.

        Returns what they left of the body; with `work` to do first, that is not the last word.
        """
        tell_route(self._source)
        self._held = response
        if response.streaming:
            if self._is_for_server(response):
                self.response.opaque = True
            # PEP 3333, "Block Boundaries": a stream is not pulled before the server asks.
            return b"" if self.head() else self.body(None, complete=False)
        content: bytes = response.content
        if not self.head():
            return self.body(content, complete=True)
        return self.response.through(content, last=True) if self.coded else content

    async def worked(self, data: bytes) -> bytes:
        """Have the work that flows wait for done in a thread. Returns what is left of the body."""
        while self.work is not None:
            work, self.work = self.work, None
            await in_thread(work.run)
            data = self.resume()
        return data

    def passed(self, response: Any, data: bytes) -> Any:
        """``response`` as the flows left it, ``data`` in place of a body that was there."""
        self._commit(response)
        if response.streaming:
            self._follow(response)
            return response
        if data is not response.content:
            response.content = data
        if self.watched:
            self._count(len(data))
        # With the body at hand the exchange is over, as with a list under WSGI.
        self.end("completed")
        self.release()
        return response

    def failed(self, error: BaseException) -> Any:
        """The application raised, or a policy did. Returns a flow's answer, or raises again."""
        late = error if self.outcome is not None else None
        response = self._answer_to(error)
        self.release(late)
        if response is None or self.reraise is not None:
            raise error
        return response

    def _answer_to(self, error: BaseException) -> Any:
        answer = None
        if self.outcome is None:
            answer = self.fail(error, _outcome_of(error), sent=False)
        if answer is None:
            return None
        try:
            response = response_of(answer)
            data = self.taken(response)
            while self.work is not None:
                # An answer to an exception is short as a rule, and nobody awaits here.
                work, self.work = self.work, None
                work.run()
                data = self.resume()
            return self.passed(response, data)
        except BaseException as late:  # noqa: BLE001 - it masks no error of the application
            self.effects.report("the answer to an exception failed", late)
            return self._answer_to(late)

    # Head and body

    def _is_for_server(self, response: Any) -> bool:
        """Whether Django hands a file to the server, to be sent by itself.

        PEP 3333, "Optional Platform-Specific File Handling".
        """
        file = getattr(response, "file_to_stream", None)
        return file is not None and self.meta.get("wsgi.file_wrapper") is not None

    def _follow(self, response: Any) -> None:
        """A stream goes to the server, and is followed if anybody wants to know."""
        if self.watched and self.response.opaque:
            declared = length_of(self.response.headers.get("Content-Length"))
            self.sent = 0 if self.response.bodiless else declared
            response._resource_closers.append(self.close)
            # No code of the application runs in there.
            self.leave()
        elif self.watched or self.coded:
            self.running = False
            follow = _AsyncFollowed if response.is_async else _Followed
            response.streaming_content = follow(self, response.streaming_content)
        else:
            self._linger(response)

    def _commit(self, held: Any) -> None:
        """Give the response the head that the flows left."""
        self.committed = True
        if self._guards:
            self.watch()
        response = self._response
        if response is None:
            return
        if response.headers.changed:
            write_back(held, response.headers)
        if response.status != held.status_code:
            held.status_code = response.status
            # A phrase of its own was that of the former status.
            held.reason_phrase = None

    def _linger(self, response: Any) -> None:
        """Keep the record current for a body that nobody follows, see `WSGIExchange.linger`."""
        self.end("completed")
        self.running = False
        self.lingers_for = weakref.ref(response)
        response._resource_closers.append(self.release)
        # What is left of us must not keep the response, whose end it waits for.
        self._source = self._held = self._request = None

    def _count(self, size: int) -> None:
        if not size:
            return
        if not self.first_at:
            self.first_at = self.effects.clock()
        if not self.response.bodiless:
            self.sent = (self.sent or 0) + size

    # What a followed body tells

    def pulled(self) -> None:
        """The server asks for a chunk: code of the application runs now."""
        self.running = True
        if self._handed_at:
            self.send_wait += self.effects.clock() - self._handed_at

    def through(self, chunk: bytes) -> bytes:
        """A chunk of the application, as it goes out."""
        # Closed already: nobody is there to be told.
        over = self.outcome is not None
        return chunk if over or not self.coded else self.response.through(chunk)

    def is_long(self, chunk: bytes) -> bool:
        """Whether that may take longer than an event loop should stand still."""
        return self.coded and len(chunk) >= self.response.slow_from

    def handed(self, data: bytes) -> bytes:
        """The server is given ``data``."""
        if self.outcome is None:
            self._count(len(data))
            if self._plan.measures:
                self._handed_at = self.effects.clock()
            self.running = False
        return data

    def exhausted(self) -> Chunk:
        """What codecs kept back of a body that is over; nothing may be left, and then it ended."""
        if self.coded and not self._flushed:
            self._flushed = True
            try:
                tail = self.response.through(b"", last=True)
            except BaseException as error:
                self.broke(error)
                raise
            if tail:
                self._count(len(tail))
                self.running = False
                return tail
        self.end("completed")
        self.release()
        return b""

    def broke(self, error: BaseException) -> None:
        """The body raised: too late for any other answer."""
        if self.outcome is None:
            self.fail(error, _outcome_of(error), sent=True)
        self.release()

    def close(self) -> None:
        """Django closed the response. If nothing else did, that ends the exchange."""
        if self.outcome is None:
            # Of a file nobody saw how much was sent, so nobody is said to be cut off.
            response = self.response
            self.end("completed" if response.bodiless or response.opaque else "aborted")
        self.release()

    def release(self, error: BaseException | None = None) -> None:
        """The application is over: let go of Django's objects too."""
        super().release(error)
        # protocols W11: a leaked context may keep us, but not the request.
        self._source = self._held = self._request = None


class AwaitedExchange(DjangoExchange):
    """The same where Django awaits: long work is left to a thread."""

    __slots__ = ()
    defers = True


class _Followed:
    """A stream that is followed. No generator: it has to close without ever being iterated."""

    def __init__(self, exchange: DjangoExchange, body: Iterator[bytes]) -> None:
        self._exchange = exchange
        self._body = body
        self.close = exchange.close

    def __iter__(self) -> _Followed:
        return self

    def __next__(self) -> Chunk:
        self._exchange.pulled()
        try:
            return self._exchange.handed(self._exchange.through(next(self._body)))
        except StopIteration:
            if tail := self._exchange.exhausted():
                return tail
            raise
        except BaseException as error:
            self._exchange.broke(error)
            raise


class _AsyncFollowed:
    """The same where Django awaits the chunks."""

    def __init__(self, exchange: DjangoExchange, body: AsyncIterator[bytes]) -> None:
        self._exchange = exchange
        self._body = body
        self.close = exchange.close

    def __aiter__(self) -> _AsyncFollowed:
        return self

    async def __anext__(self) -> Chunk:
        self._exchange.pulled()
        try:
            chunk = await self._body.__anext__()
            code = partial(self._exchange.through, chunk)
            data = await in_thread(code) if self._exchange.is_long(chunk) else code()
            return self._exchange.handed(data)
        except StopAsyncIteration:
            if tail := self._exchange.exhausted():
                return tail
            raise
        except BaseException as error:
            self._exchange.broke(error)
            raise


def _outcome_of(error: BaseException) -> Outcome:
    # Django cancels a view and its stream when the client has gone (`ASGIHandler.handle`).
    return "aborted" if isinstance(error, asyncio.CancelledError) else outcome_of(error)
