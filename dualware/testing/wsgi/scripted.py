"""The WSGI application that a description is of.

This file knows every way in which PEP 3333 lets an application answer. It must
never know a server or middleware.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from dualware.testing.description import Description, HeadReplaced, status_line
from dualware.testing.rules import Ledger, current_ledger
from dualware.testing.wsgi.inside import Inside


class ScriptWSGI:
    """The WSGI application of a script."""

    def __init__(self, script: Description) -> None:
        self.script = script
        self.head = (script.status_line, script.pairs)
        self.inside = Inside(self._answer)

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

    def __init__(self, app: ScriptWSGI, environ: dict[str, Any], start_response: Any) -> None:
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
            return self.start(status_line(status), self.script.with_length(headers), sys.exc_info())

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
