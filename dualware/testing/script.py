"""A neutral description of an application, and the two applications it describes.

This file knows both protocols well enough to play an application in each. It
must never know a server or middleware.

A `Script` says what an application does: which head, which chunks, where it
fails. `Script.wsgi` and `Script.asgi` do exactly that, and `Script.probe` tells
what was done to them.

>>> script = Script(status=404, chunks=[b"not ", b"here"])
>>> script.status_line
'404 Not Found'
"""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from io import BytesIO
from typing import Any, Literal

from . import asgi as _asgi
from . import wsgi as _wsgi
from .rules import Ledger, current_ledger

Moment = Literal["call", "head", "close"] | int
"""Where a script fails: before the head, after it, after so many chunks, at the close."""

BodyKind = Literal["list", "iterator", "iterable", "generator", "write", "file"]
"""What a WSGI script returns."""

Head = tuple[int, Sequence[tuple[str, str]]]
"""A status and header pairs."""


class HeadReplaced(Exception):  # noqa: N818 - it stands for any error of an application
    """The error a script had when it replaced its head (``replace_head``)."""


@dataclass(slots=True)
class Probe:
    """What happened to a script; shared by its WSGI and ASGI side.

    calls
        How often it was called for an exchange.
    handed
        The very objects of each call.
    seen
        What ``on_request`` returned, call by call.
    bodies
        The request bodies (``read_body=True``), call by call.
    received
        Every client message the script received (ASGI).
    returned
        What it returned, the very objects (WSGI).
    iterations, pulled, closed
        How often iter() was called, how many chunks were taken, how often
        close() was called. A list can not count: its numbers stay 0. A real
        generator counts as closed when it was closed before its end.
    raised
        What the script saw raised by the callables it was handed.
    finished
        How often it ran to its end.
    threads
        The identifiers of the threads it ran in.
    """

    calls: int = 0
    handed: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    seen: list[Any] = field(default_factory=list[Any])
    bodies: list[bytes] = field(default_factory=list[bytes])
    received: list[Any] = field(default_factory=list[Any])
    returned: list[Any] = field(default_factory=list[Any])
    iterations: int = 0
    pulled: int = 0
    closed: int = 0
    raised: list[BaseException] = field(default_factory=list[BaseException])
    finished: int = 0
    threads: set[int] = field(default_factory=set[int])

    def call(self, *handed: Any) -> None:
        """The script is being called."""
        self.calls += 1
        self.handed.append(handed)
        self.threads.add(threading.get_ident())

    def pull(self) -> None:
        """A chunk is being taken."""
        self.pulled += 1
        self.threads.add(threading.get_ident())


@dataclass(frozen=True)
class Script:
    """What an application does, in words that are neither protocol's.

    status, reason, headers
        The head; the reason is that of the status when not given, and headers
        are pairs of str.
    chunks
        The body. A script does not send it to HEAD requests (``head_body=True``
        does), nor with 1xx, 204 and 304.
    declare_length
        Add the Content-Length of the chunks.
    error, error_at
        Raise `error` at this moment: "call" is before the head, "head" after it
        and before any chunk, a number after so many chunks, "close" is close()
        under WSGI and after the final message under ASGI.
    lazy
        WSGI: start_response is called inside the first next().
    body
        WSGI: what is returned. "iterator" is its own iterator, "iterable" has a
        separate one, and close() is on the iterable only; both count. "write"
        sends every chunk through write(), "file" uses the server's file wrapper.
        A list can neither fail half-way nor count its closing: "list" with an
        error there becomes "iterator", and "generator" when lazy.
    replace_head, replace_at
        WSGI: after so many chunks call start_response again, with exc_info and
        this (status, headers). ASGI has nothing of the kind: before any chunk
        the script sends the new head only, later it raises `HeadReplaced`.
    end
        ASGI: False never sends the final message.
    final_empty
        ASGI: False makes the last chunk the final message; True sends an empty
        one after it.
    read_body
        Read the whole request body before answering.
    on_request
        Called inside the application; its answers are in ``probe.seen``.
    headers_key
        ASGI: False leaves the key out of a start message without headers.

    The list and the messages a script hands out are made once and used in every
    exchange, as a static response would be: who changes them is found out.
    """

    status: int = 200
    reason: str | None = None
    headers: Sequence[tuple[str, str]] = (("Content-Type", "text/plain"),)
    chunks: Sequence[bytes] = (b"hello",)
    declare_length: bool = False
    error: BaseException | None = None
    error_at: Moment | None = None
    lazy: bool = False
    body: BodyKind = "list"
    replace_head: Head | None = None
    replace_at: int = 0
    end: bool = True
    final_empty: bool = True
    read_body: bool = False
    head_body: bool = False
    headers_key: bool = True
    on_request: Callable[[], Any] | None = None
    probe: Probe = field(default_factory=Probe, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse what describes no application."""
        if (self.error is None) != (self.error_at is None):
            msg = "error and error_at come together"
            raise ValueError(msg)
        if self.lazy and self.body in ("write", "file"):
            # PEP 3333, The write() Callable: not "from within their return iterable"
            msg = f"lazy excludes body={self.body!r}: its iterable runs no code of the application"
            raise ValueError(msg)

    @property
    def wsgi(self) -> _ScriptWSGI:
        """The WSGI application."""
        return _ScriptWSGI(self)

    @property
    def asgi(self) -> _ScriptASGI:
        """The ASGI application."""
        return _ScriptASGI(self)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The header pairs, with the Content-Length when it is declared."""
        return self.with_length(self.headers)

    def with_length(self, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """`headers`, with the Content-Length when it is declared."""
        size = [("Content-Length", str(sum(map(len, self.chunks))))] if self.declare_length else []
        return [*headers, *size]

    @property
    def status_line(self) -> str:
        """The status with its reason: ``"404 Not Found"``."""
        return _status_line(self.status, self.reason)

    def body_for(self, method: str) -> Sequence[bytes]:
        """The chunks the answer to this method has (RFC 9110 §6.4.1, §9.3.2)."""
        silent = method == "HEAD" or 100 <= self.status < 200 or self.status in (204, 304)
        return () if silent and not self.head_body else self.chunks

    def fail(self, moment: Moment) -> None:
        """Raise the error if this is its moment."""
        # A bool is no moment, and 1 == True: only the very kind counts.
        if self.error is not None and self.error_at == moment:
            raise self.error


def _status_line(status: int, reason: str | None = None) -> str:
    if reason is None:
        reason = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"
    return f"{status} {reason}"


# WSGI


class _ScriptWSGI:
    """The WSGI application of a script."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.head = (script.status_line, script.pairs)
        self.inside = _wsgi.Inside(self._answer)

    # PEP 3333, Specification Details: positional arguments
    def __call__(self, environ: dict[str, Any], start_response: Any, /) -> Any:
        self.script.probe.call(environ, start_response)
        return self.inside(environ, start_response)

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Any:
        returned = _Answer(self, environ, start_response).returned()
        self.script.probe.returned.append(returned)
        return returned


class _Answer:
    """One answer of the WSGI application."""

    def __init__(self, app: _ScriptWSGI, environ: dict[str, Any], start_response: Any) -> None:
        self.app = app
        self.script = app.script
        self.probe = app.script.probe
        self.environ = environ
        self.start_response = start_response
        self.ledger = current_ledger()
        self.chunks = self.script.body_for(environ.get("REQUEST_METHOD", "GET"))

    def returned(self) -> Any:
        """Do what happens during the call, and return what the application returns."""
        script = self.script
        write = None if script.lazy else self.begin()
        kind = script.body
        if kind == "list":
            later = (
                isinstance(script.error_at, int) or script.error_at == "close" or script.replace_at
            )
            kind = "generator" if script.lazy else "iterator" if later else "list"
        return getattr(self, f"_{kind}")(write)

    def begin(self) -> Any:
        """Everything up to the head, and its replacement."""
        script, probe = self.script, self.probe
        if script.read_body:
            length = int(self.environ.get("CONTENT_LENGTH") or 0)
            probe.bodies.append(self.environ["wsgi.input"].read(length))
        if script.on_request is not None:
            probe.seen.append(script.on_request())
        script.fail("call")
        write = self.start(*self.app.head)
        if script.replace_at == 0:
            write = self.replace() or write
        script.fail("head")
        return write

    def start(self, *arguments: Any) -> Any:
        """Call start_response and remember what it raises."""
        try:
            return self.start_response(*arguments)
        except BaseException as error:
            self.probe.raised.append(error)
            raise

    def replace(self) -> Any:
        """Start again with the other head, if there is one (PEP 3333, Error Handling)."""
        if self.script.replace_head is None:
            return None
        status, headers = self.script.replace_head
        try:
            raise HeadReplaced
        except HeadReplaced:
            return self.start(
                _status_line(status), self.script.with_length(headers), sys.exc_info()
            )

    def items(self) -> Iterator[bytes]:
        """The chunks, and what happens between them."""
        if self.script.lazy:
            self.begin()
        for count, chunk in enumerate(self.chunks):
            self._between(count)
            self.probe.pull()
            self.ledger.pulled += 1
            yield chunk
        self._between(len(self.chunks))
        self.probe.finished += 1

    def _between(self, count: int) -> None:
        self.script.fail(count)
        if count and count == self.script.replace_at:
            self.replace()

    def _list(self, _write: Any) -> list[bytes]:
        return list(self.chunks)

    def _iterator(self, _write: Any) -> _Iterator:
        return _Iterator(self)

    def _iterable(self, _write: Any) -> _Iterable:
        return _Iterable(self)

    def _generator(self, _write: Any) -> Iterator[bytes]:
        try:
            yield from self.items()
        except GeneratorExit:
            self.probe.closed += 1
            raise
        finally:
            self.script.fail("close")

    def _write(self, write: Any) -> list[bytes]:
        for count, chunk in enumerate(self.chunks):
            self._between(count)
            write(chunk)
        self._between(len(self.chunks))
        return []

    def _file(self, _write: Any) -> Any:
        # PEP 3333, Optional Platform-Specific File Handling
        return self.environ["wsgi.file_wrapper"](BytesIO(b"".join(self.chunks)))


class _Closing:
    """A body that counts its closing, and has it checked when the exchange is over."""

    def __init__(self, answer: _Answer) -> None:
        self.answer = answer
        self.closed = 0
        answer.ledger.afterwards.append(self._check)

    def close(self) -> None:
        """PEP 3333: called "upon completion of the current request"."""
        self.closed += 1
        self.answer.probe.closed += 1
        self.answer.script.fail("close")

    def _check(self) -> None:
        ledger: Ledger = self.answer.ledger
        if ledger.closes and self.closed != 1:
            ledger.note("close-once", f"it was called {self.closed} times")


class _Iterator(_Closing):
    """A body that is its own iterator."""

    def __init__(self, answer: _Answer) -> None:
        super().__init__(answer)
        self.items = answer.items()

    def __iter__(self) -> Iterator[bytes]:
        self.answer.probe.iterations += 1
        return self

    def __next__(self) -> bytes:
        return next(self.items)


class _Iterable(_Closing):
    """A body whose iterator is another object, without close() of its own."""

    def __iter__(self) -> Iterator[bytes]:
        self.answer.probe.iterations += 1
        return map(bytes, self.answer.items())


# ASGI

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]


def _pairs(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Header pairs as ASGI has them: bytes, names in lower case (ASGI www, Response Start)."""
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


class _ScriptASGI:
    """The ASGI application of a script.

    It answers lifespan, and takes websocket sessions: a status below 300 accepts
    and sends the chunks, any other one denies.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self.head = _start_message(script)
        self.messages = list(_body_messages(script, script.chunks))
        self.silent = list(_body_messages(script, ()))
        self.inside = _asgi.Inside(self._answer)

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


def _start_message(script: Script) -> dict[str, Any]:
    """The head of a script as a message."""
    status, headers = script.status, script.headers
    if script.replace_head is not None and script.replace_at == 0:
        status, headers = script.replace_head
    message: dict[str, Any] = {"type": "http.response.start", "status": status}
    pairs = _pairs(script.with_length(headers))
    if pairs or script.headers_key:
        message["headers"] = pairs
    return message


def _body_messages(script: Script, chunks: Sequence[bytes]) -> Iterator[dict[str, Any]]:
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
