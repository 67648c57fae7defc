"""Events, their legal orders, and what a flow sees: the event model.

Theory of operation. A middleware is called with an exchange and returns a generator, its *flow*.
The flow yields the event that it waits for, and is resumed when that event is there. What stands
before the first ``yield`` runs on the way in, what stands after it on the way out.

This file knows the model as its users see it, and `LEGAL` is the only place which says what may
follow what. It must never know who drives an exchange: that is `dualware.core.engine`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from dualware.core.compiling import mypyc_attr
from dualware.core.header_names import HeaderName
from dualware.core.headers import FieldName, Fields, Headers
from dualware.core.memo import Memo
from dualware.core.message import (
    BODILESS,
    ExchangeError,
    NoResponse,
    Request,
    Response,
    Target,
)

if TYPE_CHECKING:
    from dualware.core.field_names import FieldNames, Pair, Parts
    from dualware.core.record import Record

__all__ = [
    "BODY",
    "END",
    "EXPOSED",
    "FAILURE",
    "LEGAL",
    "RESPONSE",
    "START",
    "Event",
    "Exchange",
    "Flow",
    "Outcome",
    "Session",
]


class Event:
    """One of the three things that a flow can wait for. Compared by identity."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> str:
        # Identity survives copying and pickling.
        return self.name


RESPONSE: Final = Event("RESPONSE")
"""Status and headers are known, nothing is sent: both may be changed."""
BODY: Final = Event("BODY")
"""The first body chunk is here, and the head was held back for it: both may be changed."""
END: Final = Event("END")
"""The exchange is over: `Exchange.outcome`, `Exchange.sent` and `Exchange.error` are final."""

FAILURE: Final = Event("FAILURE")
"""END, for a flow that has nothing to do if the exchange completes with the head that it saw.

Then it may be closed instead, so that a body which comes in one piece is not followed. It is
resumed after an exception of the application too, which is not raised at this wait (it stands in
`Exchange.error`, and may be answered where nothing was sent): what waits outside of any ``try`` is
closed for little. Legal where END is, once RESPONSE was.
"""

START: Final = Event("START")
"""Where a flow begins. Nobody waits for it; it stands here as the first row of `LEGAL`."""

LEGAL: Final[Mapping[Event, frozenset[Event | None]]] = {
    # after        a flow may wait for (None: it returns)
    START:         frozenset({RESPONSE, BODY, END, None}),
    RESPONSE:      frozenset({BODY, END, None}),
    BODY:          frozenset({END, None}),
    END:           frozenset({None}),
}  # fmt: skip
"""The legal orders: events may be left out, never gone back to.

Two more rows are not about order but about answers, and `Exchange.respond` holds them: a flow
may answer before its first wait, or while an exception of the application passes its wait and
nothing was sent; having answered, it may wait for END only.
"""

Flow = Generator[Event, None, None]
"""What a middleware does during one exchange: a generator of the events it waits for."""

Outcome = Literal["completed", "error", "aborted", "cancelled", "no_response", "incomplete"]
"""How an exchange ended.

``completed`` the whole response was handed to the server · ``error`` an exception left the
application · ``aborted`` the client went away first · ``cancelled`` the application was stopped
(CancelledError, GeneratorExit, SystemExit…) · ``no_response`` it returned without a response ·
``incomplete`` it returned before its body was whole.
"""


class Session:
    """What happened in a websocket session so far; sizes in bytes."""

    __slots__ = (
        "accepted", "bytes_in", "bytes_out", "close_code", "closed_by", "messages_in",
        "messages_out", "subprotocol",
    )  # fmt: skip

    def __init__(self) -> None:
        self.accepted = False
        self.subprotocol: str | None = None
        self.messages_in = 0
        self.messages_out = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.close_code: int | None = None
        self.closed_by: Literal["client", "server", "error"] | None = None


_OF_CONTENT: Final = frozenset({"content-length", "content-type"})
"""What an answer without content does not say, whoever asked for it."""


class Answer:
    """A response that a flow gave in the application's place."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Fields | list[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def written(self, headers: Headers[Any]) -> list[Pair]:
        """The pairs of the head, as ``headers``, in which nothing stands yet, write them."""
        headers.extend(self.headers)
        if self.status not in (204, 304):
            headers.set("Content-Length", str(len(self.body)))
        return headers.pairs


NO_RESPONSE: Final[Response] = NoResponse()

EXPOSED: Final = Memo[str, str]("dualware.{}".format)
"""The key under which something is exposed in an object of a protocol: `Request.exposed`."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Exchange:
    """One request and its response, or one websocket session, as a flow sees it.

    Request, response and record are made when first asked for. What few exchanges ever set stands
    on the class until they do; the rest has slots, which `Engine.__init__` fills.
    """

    outcome: Outcome | None = None
    """How the exchange ended; None until it has."""
    error: BaseException | None = None
    """The exception that ended the exchange, if one did."""
    sent: int | None = 0
    """Body bytes handed to the server, after every codec; 0 for responses without a body, None
    where an opaque body of undeclared length passed by. Counted while a flow waits for END, and
    whole then: under WSGI it is not told of each chunk of a stream."""
    received: int = 0
    """Bytes of the request body that the application took in so far. Under WSGI it is counted
    only where a middleware of the stack `receives`."""
    session: Session | None = None
    """The websocket session; None for a request."""
    first_at: int = 0
    """Clock time (ns) at which the first non-empty chunk was handed on; 0 before. Known only to
    exchanges in which a flow waits for END."""
    send_wait: int = 0
    """Time (ns) spent waiting for the server to take what was sent; known as `first_at` is, and
    only where a middleware of the stack `measures`."""
    asked: Mapping[str | int, Any] | None = None
    """What `Middleware.asks` awaited, by the `key` of the middleware; an exception where it
    failed. None where nobody asked anything."""

    _answer: Answer | None
    _exits: list[Callable[[BaseException | None], None]] | None

    @property
    def _may_answer(self) -> bool:
        """Whether `respond` is legal now."""
        raise NotImplementedError

    @property
    def request(self) -> Request:
        """The request."""
        raise NotImplementedError

    @property
    def response(self) -> Response:
        """The response; its ``status`` is None until the head is known."""
        raise NotImplementedError

    @property
    def may_bypass(self) -> bool:
        """Whether the server offers a way past us that `Request.see_body` can close."""
        return False

    def fields(self, names: FieldNames) -> dict[str, str]:
        """The fields of ``names`` in the head, as `Headers.pick` finds them.

        From RESPONSE on, for a flow that mostly looks and leaves: no `response` is made for it.
        """
        raise NotImplementedError

    @property
    def record(self) -> Record:
        """The record, shared with every other exchange that is part of the same request."""
        raise NotImplementedError

    @property
    def noted(self) -> Record | None:
        """The record, if somebody has asked for it yet."""
        raise NotImplementedError

    # For what runs in every exchange and looks at little: the same, without making the objects.

    @property
    def method(self) -> str:
        """`Request.method`."""
        return self.request.method

    @property
    def has_response(self) -> bool:
        """Whether `response` was made, by whoever wanted more than is looked up here."""
        raise NotImplementedError

    @property
    def status(self) -> int | None:
        """`Response.status`."""
        return self.response.status

    def target(self) -> Target:
        """`Request.target`."""
        return self.request.target()

    def peek(self, name: HeaderName) -> str | None:
        """`Request.header`, for who asks for one header and, as a rule, no other."""
        return self.request.header(name.text)

    def expose(self, name: str, value: Any) -> None:
        """`Request.expose`."""
        self.request.expose(name, value)

    def exposed(self, name: str) -> Any:
        """`Request.exposed`."""
        return self.request.exposed(name)

    def told(self, name: str) -> Any:
        """What application code said under ``name``: in the record, or else as `exposed`."""
        noted = self.noted
        told = None if noted is None else getattr(noted, name)
        return self.exposed(name) if told is None else told

    def append(self, name: FieldName, value: str) -> None:
        """`Headers.append` of the response. ``value`` has to be a legal one: printable ASCII."""
        self.response.headers.append(name.text, value)

    def put(self, name: FieldName, value: str) -> None:
        """`Headers.set` of the response, for fields that are rarely there. ``value`` as above."""
        self.response.headers.set(name.text, value)

    def add(self, fields: Fields, unless: Parts | None = None) -> bool:
        """`Headers.extend_alone` of the response: ready fields, unless a name may be taken."""
        return self.response.headers.extend_alone(fields, unless)

    def respond(
        self,
        status: int,
        headers: Fields | Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> None:
        """Answer in the application's place; it and the flows inside never see the request.

        ``headers`` are pairs of `str`, or `Fields`, which are sent as they are made. Content-Length
        is added. The answer passes RESPONSE of
        the flows outside this one only. Legal before the first wait, and in an ``except`` around
        a wait through which an exception of the application passes, as long as nothing was sent:
        then a flow that does not raise again has dealt with the exception. Raises ExchangeError
        anywhere else, and ValueError for a body where none may stand (1xx, 204, 205, 304).
        """
        if not self._may_answer:
            raise ExchangeError(
                "respond() is legal before the first yield, or while an exception of the "
                "application passes and nothing was sent; this exchange is past both"
            )
        if not 200 <= status <= 599:
            raise ValueError(f"{status!r} cannot be the status of an answer; use 200 to 599")
        if body and status in BODILESS:
            raise ValueError(f"a {status} response has no body (RFC 9110 §6.4.1)")
        if isinstance(headers, Fields):
            self._answer = Answer(status, headers, body)
            return
        pairs = cast("Any", headers).items() if isinstance(headers, Mapping) else headers
        # A length or a type of nothing confuses clients; httptools refuses it (RFC 9110 §8.6).
        left_out = _OF_CONTENT if status in BODILESS else ()
        kept = [(name, value) for name, value in pairs if name.lower() not in left_out]
        self._answer = Answer(status, kept, body)

    def on_exit(self, callback: Callable[[BaseException | None], None]) -> None:
        """Call back when the application itself is over, with what it raised after END or None.

        Under ASGI that can be long after END: background tasks run after the last body message.
        Under WSGI it is the `close()` of the body. A failure of the callback is reported.
        """
        if self._exits is None:
            self._exits = []
        self._exits.append(callback)
