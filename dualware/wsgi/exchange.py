"""One exchange under WSGI: the engine, with `start_response` and `write` as methods.

Knows when the head may be held and how it reaches the server. Must never iterate a body: that
is `dualware.wsgi.body`.
"""

from __future__ import annotations

import sys
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from dualware.core.compiling import mypyc_attr
from dualware.core.current import CURRENT, leave
from dualware.core.ending import outcome_of
from dualware.core.engine import Engine
from dualware.core.headers import StrHeaders, drop_length
from dualware.core.message import Chunk, has_no_body
from dualware.wsgi.head import Pairs, code_of, declared_length, rebased, status_line
from dualware.wsgi.input import CountedInput
from dualware.wsgi.quick import QuickEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dualware.core.exchange import Answer

__all__ = ["WSGIExchange"]

_UNREAD: Final = -1
# Shared and never changed.
_NO_ENVIRON: dict[str, Any] = {}


@mypyc_attr(allow_interpreted_subclasses=True)
class WSGIExchange(QuickEngine):
    """What the application is called with, and what the driver moves on."""

    __slots__ = ("_write",)

    _upstream: Any
    _write: Callable[[bytes], object] | None

    _most: int = -1  # _UNREAD: mypyc takes literals alone for defaults
    """Bytes with which the body is whole, 0 where none count; known when the first are handed on,
    see `_limit`."""

    # What the application calls

    def start_response(
        self, status: str, headers: Any, exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """PEP 3333, "The start_response() Callable". The head is held, see `open`."""
        if self._held is None:
            self._held = (status, headers)
        else:
            try:
                self._restart(status, headers, exc_info)
            finally:
                # PEP 3333: exc_info must not be kept, it keeps every frame of the error alive.
                # Where the error is raised again, our frames are among those.
                del exc_info
        return self.write

    def _restart(self, status: str, headers: Pairs, exc_info: Any) -> None:
        try:
            if not self.committed and exc_info is not None:
                # A head that replaces the held one before any output leaves no trace of that.
                if self._response is not None or self._given is not None:
                    self._follow(status, self._rebased_on(headers))
                self._held = (status, headers)
                return
            if not self.committed:
                # A second call without exc_info is the server's to refuse (protocols W20).
                if not self.open():
                    self.body(None, complete=False)
                self.hand_over()
            self._replace(status, headers, exc_info)
        finally:
            del exc_info

    def write(self, data: Chunk) -> None:
        """PEP 3333, "The write() Callable": the same codecs and counters as the body."""
        if not self.committed:
            data = self.commit(data, complete=False)
        elif self.coded:
            data = self.response.through(data)
        # A server without write() returned None: fail as the bare application would.
        cast("Callable[[bytes], object]", self._write)(data)
        self.count(len(data))

    def _replace(self, status: str, headers: Pairs, exc_info: Any) -> None:
        """A head after the first was passed on: what the flows changed stays, once."""
        replaced = self._rebased_on(headers)
        try:
            if exc_info is None:
                self._write = self._upstream(status, replaced.pairs)
            else:
                self._write = self._upstream(status, replaced.pairs, exc_info)
                if self.first_at:
                    # Several servers do not raise again as PEP 3333 demands (protocols W18).
                    raise exc_info[1].with_traceback(exc_info[2])
        finally:
            del exc_info
        self._follow(status, replaced)
        self._held = (status, headers)
        self._most = _UNREAD

    def _rebased_on(self, headers: Pairs) -> StrHeaders:
        """``headers`` with what the flows changed of the former ones."""
        response = self.response
        given = self._held[1] if self._given is None else self._given
        self._given = None
        new = StrHeaders(rebased(given, response.headers.pairs, headers))
        if response.coded:
            drop_length(new)
        return new

    def _follow(self, status: str, headers: StrHeaders) -> None:
        """The response that the flows see has another head."""
        self.response.status = code_of(status)
        self.response.headers = headers

    # What the driver calls

    def count_received(self) -> None:
        """Count in `received` what the application reads of the request body."""
        stream = self._source.get("wsgi.input")
        if stream is not None:
            self._source["wsgi.input"] = CountedInput(stream, self)

    @property
    def started(self) -> bool:
        """Whether the application has called start_response."""
        return self._held is not None

    def open(self, *, opaque: bool = False) -> bool:
        """RESPONSE: the head can be held no longer. Returns False where a flow waits for BODY."""
        if opaque:
            self.response.opaque = True
        return self.head()

    def hand_over(self) -> None:
        """Give the head to the server."""
        status, pairs = self._held
        response = self._response
        if response is not None:
            pairs = response.headers.pairs
            if response.status != code_of(status):
                status = status_line(cast("int", response.status))
        elif type(pairs) is not list:
            # Nobody looked at the head. uWSGI sends no body after a tuple (protocols W13).
            pairs = list(pairs)
        self.committed = True
        if self._guards:
            self.watch()
        # Two arguments: some test clients take no third (protocols W12).
        self._write = self._upstream(status, pairs)

    def commit(self, chunk: Chunk, *, complete: bool) -> Chunk:
        """Both of the above, with the first chunk at hand. Returns what is left of it."""
        if not self.open():
            declared = declared_length(self.response)
            chunk = self.body(chunk, complete=complete or len(chunk) == declared)
        elif self.coded:
            chunk = self.response.through(chunk)
        self.hand_over()
        return chunk

    def answer(self, answer: Answer) -> list[bytes]:
        """Hand a flow's own answer to the server. Returns its body."""
        data, pairs = answer.body, answer.written(StrHeaders())
        self._held = (status_line(answer.status), pairs)
        self._pairs = pairs
        if not self.head():
            data = self.body(data, complete=True)
        elif self.coded:
            data = self.response.through(data, last=True)
        # Five servers would transmit a body for HEAD (protocols W40).
        if data and has_no_body(self._source.get("REQUEST_METHOD"), self.status):
            data = b""
        self.hand_over()
        return [data]

    def count(self, size: int, *, last: bool = False) -> None:
        """``size`` bytes go to the server now.

        The declared length may end the exchange with them, unless they are the ``last`` anyway.
        """
        if not size:
            return
        if not self.first_at:
            self.first_at = self.effects.clock()
        most = self._most
        if most == _UNREAD:
            most = self._limit()
        if most:
            sent = self.sent = (self.sent or 0) + size
            if sent >= most and not last:
                self.end("completed")

    def _limit(self) -> int:
        """How many bytes of body are to be counted: 0 for none, else when they are all."""
        if not self.committed:
            return 0
        response = self.response
        declared = declared_length(response)
        if response.bodiless:
            self._most = 0
        elif declared is None or not self.watched:
            self._most = sys.maxsize
        else:
            # asgiref stops there, and never closes (protocols W32).
            self._most = declared or 1
        return self._most

    def failed(self, error: BaseException) -> list[bytes] | None:
        """The application raised. Returns the body of a flow's answer, None if there is none."""
        if self.outcome is not None:
            return None
        answer = self.fail(error, outcome_of(error), sent=self.committed)
        if answer is None:
            return None
        try:
            return self.answer(answer)
        except BaseException as late:
            # A flow outside failed at the answer, or the server refused it: the flows that are
            # left hear of that, but it masks no error of the application.
            self.effects.report("the answer to an exception failed", late)
            return self.failed(late)

    def release(self, error: BaseException | None = None) -> None:
        """The application is over: let go of the server's objects too."""
        Engine.release(self, error)
        # protocols W11: the server may keep our body, a leaked context us, but not the environ.
        self._source = _NO_ENVIRON
        self._request = self._upstream = self._write = None

    def finish(self, body: Sequence[Any]) -> bool:
        """Finish an exchange whose whole body is known, if no flow waits for it. Returns whether.

        What `head`, `hand_over`, `count`, `end` and `release` do where there is so little to do:
        the way of every list behind a stack that looks at heads and ends. With five flows it saves
        an eighth of what the stack costs step by step. Where it returns False they go on from here.
        """
        if self._held is None or self.committed or not self.head():
            return False
        status, pairs = self._held
        response = self._response
        if response is None and type(pairs) is list:
            self.committed = True
            self._upstream(status, pairs)
        elif response is not None and response.coded:
            return False
        else:
            self.hand_over()
        if self.watched:
            size = len(body[0]) if len(body) == 1 else sum(map(len, body))
            self._end_with(size, code_of(status) if response is None else response.status)
        else:
            self.spare()
        if self._exits is not None:
            self.over()
        if self.token is not None:
            try:
                CURRENT.reset(self.token)
            except (ValueError, RuntimeError):
                leave(self)
        self._source = _NO_ENVIRON
        self._request = self._upstream = self._write = None
        return True

    def _end_with(self, size: int, status: int | None) -> None:
        """END, of an exchange whose body of ``size`` bytes the server has as a whole."""
        if size:
            self.first_at = self.effects.clock()
            if not has_no_body(self._source.get("REQUEST_METHOD"), status):
                self.sent = size
        self.end("completed")

    def linger(self, body: Any) -> None:
        """Keep the record current for a body that goes to the server untouched.

        We shall not see its end, so the exchange counts as over; code that runs inside the body
        still finds the record, until the body is exhausted or dropped, or the next exchange
        begins. `start_response` still works, for a body that fails before its first item.
        """
        self.end("completed")
        if self._exits is not None:
            self.over()
        former = None if self.token is None else self.token.old_value
        # A request that another exchange makes to itself: the rest of that one comes first.
        enclosed = isinstance(former, Engine) and former.outcome is None
        if enclosed or self._is_ready(body):
            self.leave()
        else:
            self.token = None
            self.running = False
            try:
                self.lingers_for = weakref.ref(body, partial(leave, self))
            except TypeError:
                # A map or a zip takes no weak reference: the thread's next exchange takes over.
                pass
        # protocols W11, as far as we can: what is left refers to no environ.
        self._source = _NO_ENVIRON
        self._request = None

    def _is_ready(self, body: Any) -> bool:
        """Whether no code of the application is left in the body.

        A file has none. Neither has, as a rule, an iterable whose length is declared: no live
        stream does that, while Werkzeug and Django return ready responses so. Generators can
        tell when they are over, and need no rule.
        """
        response = self.response
        return response.opaque or (
            not hasattr(body, "gi_frame") and declared_length(response) is not None
        )
