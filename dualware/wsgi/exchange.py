"""One exchange under WSGI: the engine, with `start_response` and `write` as methods.

Knows when the head may be held and how it reaches the server. Must never iterate a body: that
is `dualware.wsgi.body`.
"""

from __future__ import annotations

import http
import weakref
from typing import TYPE_CHECKING, Any, cast

from dualware.core.engine import Engine, outcome_of
from dualware.core.headers import StrHeaders, drop_length
from dualware.core.message import Response
from dualware.core.record import CURRENT, Record, leave
from dualware.wsgi.request import WSGIRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token
    from wsgiref.types import StartResponse

    from dualware.core.effects import Effects
    from dualware.core.exchange import Answer

__all__ = ["WSGIExchange", "declared_length"]

# Status lines that were parsed before. Applications use a handful; the bound is for those which
# write the reason phrase anew each time.
_CODES: dict[str, int] = {}
_CODES_MOST = 512

_Pairs = list[tuple[str, str]]


class WSGIExchange(Engine):
    """What the application is called with, and what the driver moves on."""

    __slots__ = (
        "_declared",
        "_given",
        "_headers",
        "_output",
        "_status",
        "_token",
        "_upstream",
        "_write",
        "committed",
    )

    def __init__(
        self,
        request: WSGIRequest,
        record: Record,
        effects: Effects,
        upstream: StartResponse,
        *,
        owner: bool,
    ) -> None:
        super().__init__(request, record, effects, owner=owner)
        self.committed = False
        """Whether the server's start_response was called."""
        self._upstream: StartResponse | None = upstream
        self._status: str | None = None
        self._headers: _Pairs = []
        self._given: _Pairs = []
        self._output = False
        self._declared: int | None = None
        self._write: Callable[[bytes], object] | None = None
        self._token: Token[Record | None] | None = CURRENT.set(record) if owner else None

    # What the application calls

    def start_response(
        self, status: str, headers: _Pairs, exc_info: Any = None
    ) -> Callable[[bytes], None]:
        """PEP 3333, "The start_response() Callable"."""
        try:
            if self.committed:
                self._replace(status, headers, exc_info)
            elif self._status is not None and exc_info is None:
                # A second call without exc_info is the server's to refuse (protocols W20).
                self.commit(b"", complete=False)
                self._replace(status, headers, None)
            else:
                # Held: a head that replaces this one before any output leaves no trace.
                self._status = status
                self._headers = headers
        finally:
            # PEP 3333: exc_info must not be kept, it keeps every frame of the error alive.
            del exc_info
        return self.write

    def write(self, data: bytes) -> None:
        """PEP 3333, "The write() Callable": the same codecs and counters as the body."""
        if not self.committed:
            data = self.commit(data, complete=False)
        elif self.response.coded:
            data = self.response.through(data)
        # A server without write() returned None: fail as the bare application would.
        cast("Callable[[bytes], object]", self._write)(data)
        self.count(len(data))

    def _replace(self, status: str, headers: _Pairs, exc_info: Any) -> None:
        """A head after the first was passed on: what the flows changed stays, once."""
        response = self.response
        replaced = StrHeaders(_rebased(self._given, response.headers.pairs, headers))
        if response.coded:
            drop_length(replaced)
        upstream = cast("StartResponse", self._upstream)
        if exc_info is None:
            self._write = upstream(status, replaced.pairs)
        else:
            self._write = upstream(status, replaced.pairs, exc_info)
            if self._output:
                # Several servers do not raise again as PEP 3333 demands (protocols W18).
                raise exc_info[1].with_traceback(exc_info[2])
        response.status = _code(status)
        response.headers = replaced
        self._given = headers

    # What the driver calls

    @property
    def started(self) -> bool:
        """Whether the application has called start_response."""
        return self._status is not None

    def open(self, *, opaque: bool = False) -> bool:
        """RESPONSE: the head can be held no longer. Returns False where a flow waits for BODY."""
        headers = StrHeaders(self._headers)
        self._given = headers.pairs
        response = Response(self.request.method, _code(cast("str", self._status)), headers)
        response.opaque = opaque
        return self.head(response)

    def hand_over(self) -> None:
        """Give the head to the server."""
        response = self.response
        status = cast("str", self._status)
        if response.status != _code(status):
            status = _status_line(cast("int", response.status))
        self._hand_over(status)

    def commit(self, chunk: bytes, *, complete: bool) -> bytes:
        """Both of the above, with the first chunk at hand. Returns what is left of it."""
        if not self.open():
            length = declared_length(self.response)
            chunk = self.body(chunk, complete=complete or len(chunk) == length)
        elif self.response.coded:
            chunk = self.response.through(chunk)
        self.hand_over()
        return chunk

    def answer(self, answer: Answer) -> list[bytes]:
        """Hand a flow's own answer to the server. Returns its body."""
        data = answer.body
        headers = StrHeaders(answer.headers)
        if answer.status not in (204, 304):
            headers.set("Content-Length", str(len(data)))
        response = Response(self.request.method, answer.status, headers)
        if not self.head(response):
            data = self.body(data, complete=True)
        elif response.coded:
            data = response.through(data, last=True)
        self._hand_over(_status_line(cast("int", response.status)))
        # Five servers would transmit a body for HEAD (protocols W40).
        return [b"" if response.bodiless else data]

    def _hand_over(self, status: str) -> None:
        self.committed = True
        if self.watched:
            self._declared = declared_length(self.response)
        # Two arguments: some test clients take no third (protocols W12).
        self._write = cast("StartResponse", self._upstream)(
            status, self.response.headers.pairs
        )

    def count(self, size: int) -> None:
        """``size`` bytes go to the server now; the declared length may end the exchange."""
        if not size:
            return
        self._output = True
        if not self.first_at:
            self.first_at = self.effects.clock()
        if self.committed and not self.response.bodiless:
            self.sent = (self.sent or 0) + size
            # asgiref stops here, and never closes (protocols W32).
            if self._declared is not None and self.sent >= self._declared:
                self.end("completed")

    def failed(self, error: BaseException) -> list[bytes] | None:
        """The application raised. Returns the body of a flow's answer, None if there is none."""
        if self.outcome is not None:
            return None
        answer = self.fail(error, outcome_of(error), sent=self.committed)
        return None if answer is None else self.answer(answer)

    def release(self, error: BaseException | None = None) -> None:
        """The application is over: forget the server's objects, and the record as current."""
        self._upstream = self._write = None
        if self.exits is not None:
            self.over(error)
        if self._token is not None:
            leave(self._token, self.record)
            self._token = None

    def linger(self, body: object) -> None:
        """Keep the record current for a body that goes to the server untouched.

        We shall not see its end, so the exchange counts as over; code that runs inside the body
        still finds the record, until the server drops the body or the next exchange begins.
        """
        self.end("completed")
        record = self.record
        try:
            record.lingering = weakref.ref(body, lambda _: _forget(record))
        except TypeError:
            # A map or a zip takes no weak reference: the next exchange of this thread takes over.
            record.lingering = None


def _forget(record: Record) -> None:
    if CURRENT.get() is record:
        CURRENT.set(None)


def declared_length(response: Response) -> int | None:
    """Content-Length in bytes, None where it is absent or not a number."""
    text = response.headers.get("Content-Length")
    # RFC 9110 §8.6: digits only; int() alone would take "+1" and "1_0".
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _code(status: str) -> int:
    code = _CODES.get(status)
    if code is None:
        # "200" without a reason is not legal, but servers take it (protocols W16).
        code = int(status[:3])
        if len(_CODES) < _CODES_MOST:
            _CODES[status] = code
    return code


def _status_line(code: int) -> str:
    try:
        return f"{code} {http.HTTPStatus(code).phrase}"
    except ValueError:
        return f"{code} Unknown"


def _rebased(given: _Pairs, changed: _Pairs, new: _Pairs) -> _Pairs:
    """What the flows made of ``given``, done to ``new``.

    Where they only added fields of a name, the new head gains those; where they replaced or
    removed some, it has of that name what they left.
    """
    result = list(new)
    for name in dict.fromkeys(name.lower() for name, _ in (*given, *changed)):
        before = [pair for pair in given if pair[0].lower() == name]
        after = [pair for pair in changed if pair[0].lower() == name]
        if before == after:
            continue
        if after[: len(before)] == before:
            result += after[len(before) :]
        else:
            result = [pair for pair in result if pair[0].lower() != name] + after
    return result
