"""What came out of an exchange, in the same shape for both protocols.

This file knows HTTP answers as values and how to compare them. It must never
know a protocol: the clients fill these values in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .rules import Violation


class _HeaderLookup:
    """The questions every kind of answer is asked about its headers."""

    headers: list[tuple[str, str]]

    __slots__ = ()

    def header_all(self, name: str) -> list[str]:
        """Every value of the field `name`, in wire order; case does not matter."""
        wanted = name.lower()
        return [value for key, value in self.headers if key == wanted]

    def header(self, name: str) -> str | None:
        """The only value of the field `name`, or None; several are an AssertionError."""
        values = self.header_all(name)
        if len(values) > 1:
            msg = f"{name} was sent {len(values)} times: {values}"
            raise AssertionError(msg)
        return values[0] if values else None


@dataclass(slots=True)
class Result(_HeaderLookup):
    """One answer, as the server and the client behind it saw it.

    status, reason, headers
        The head that went out: names lower-cased, in wire order. `status` is
        None when no head was committed, for example because the application
        failed before its first body chunk and the server answers in its place.
        `reason` is None under ASGI, which has none.
    chunks
        Every body chunk the client got, empty ones included.
    trailers
        Trailer fields (ASGI only).
    starts
        Every head the server was handed, committed or not, as (status, headers).
    messages
        Every message the application sent, the very objects (ASGI only).
    error
        What the server saw raised; the same object.
    closed
        How often the server called close() (WSGI only).
    violations
        The broken rules, empty after a linted exchange that did not raise.
    returned
        What the application returned, the very object.
    handed
        The very objects the server handed to the application.
    reads
        How the request body was read, call by call: ``["read(5)"]``.
    leaked
        Names of the context variables that did not have their old value again
        when the exchange was over.
    opaque
        The body was a file the server sends by itself.
    disconnected
        The client went away before the end.

    >>> result = Result(status=200, headers=[("vary", "Origin")], chunks=[b"o", b"k"])
    >>> result.header("Vary"), result.body
    ('Origin', b'ok')
    """

    status: int | None = None
    reason: str | None = None
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    chunks: list[bytes] = field(default_factory=list[bytes])
    trailers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    starts: list[tuple[int | None, list[tuple[str, str]]]] = field(
        default_factory=list[tuple[int | None, list[tuple[str, str]]]]
    )
    messages: list[Any] = field(default_factory=list[Any])
    error: BaseException | None = None
    closed: int = 0
    violations: list[Violation] = field(default_factory=list[Violation])
    returned: Any = None
    handed: tuple[Any, ...] = ()
    reads: list[str] = field(default_factory=list[str])
    leaked: list[str] = field(default_factory=list[str])
    opaque: bool = False
    disconnected: bool = False

    @property
    def body(self) -> bytes:
        """The whole body."""
        return b"".join(self.chunks)

    def reraise(self) -> Result:
        """Raise the error the server saw, if there was one; else return the result itself."""
        if self.error is not None:
            raise self.error
        return self

    def diff(self, other: Result) -> list[str]:
        """The differences a client would notice, one line each; none when there are none.

        The order of headers counts among equal names only (RFC 9110 §5.3).
        """
        lines: list[str] = []
        if self.status != other.status:
            lines.append(f"status: {self.status} != {other.status}")
        for name in sorted({name for name, _ in (*self.headers, *other.headers)}):
            mine, theirs = self.header_all(name), other.header_all(name)
            if mine != theirs:
                lines.append(f"{name}: {mine} != {theirs}")
        if self.body != other.body:
            lines.append(f"body: {self.body!r} != {other.body!r}")
        return lines

    def same_as(self, other: Result) -> bool:
        """True when a client could not tell the two apart; else an AssertionError that says how."""
        lines = self.diff(other)
        if lines:
            raise AssertionError("\n".join(lines))
        return True


@dataclass(slots=True)
class SessionResult(_HeaderLookup):
    """One websocket session, as the server saw it (ASGI only).

    accepted
        The handshake was accepted.
    status
        101 when accepted, the status of the denial response, 403 for a plain
        close before accept, None when the application did not answer.
    headers
        The headers of the handshake answer, names lower-cased.
    subprotocol
        What the application chose.
    received
        What the client got: str and bytes, in order.
    body
        The body of the denial response.
    close_code, close_reason
        What the application closed the session with; None when it did not.

    The other fields are those of `Result`.
    """

    accepted: bool = False
    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    subprotocol: str | None = None
    received: list[str | bytes] = field(default_factory=list[str | bytes])
    body: bytes = b""
    close_code: int | None = None
    close_reason: str | None = None
    messages: list[Any] = field(default_factory=list[Any])
    error: BaseException | None = None
    violations: list[Violation] = field(default_factory=list[Violation])
    returned: Any = None
    handed: tuple[Any, ...] = ()
    leaked: list[str] = field(default_factory=list[str])


@dataclass(slots=True)
class LifespanResult:
    """One run of the lifespan protocol, as the server saw it (ASGI only).

    startup, shutdown
        "complete", "failed", or None when the application did not say.
    state
        The state mapping the application was handed, filled by it.

    The other fields are those of `Result`.
    """

    startup: str | None = None
    shutdown: str | None = None
    state: dict[str, Any] = field(default_factory=dict[str, Any])
    messages: list[Any] = field(default_factory=list[Any])
    error: BaseException | None = None
    violations: list[Violation] = field(default_factory=list[Violation])
    returned: Any = None
    handed: tuple[Any, ...] = ()
    leaked: list[str] = field(default_factory=list[str])


def is_two(pair: Any) -> bool:
    """Whether `pair` is an iterable of two parts."""
    return hasattr(pair, "__iter__") and not isinstance(pair, bytes | str) and len(list(pair)) == 2


def lower_pairs(headers: Any) -> list[tuple[str, str]]:
    """Header pairs of any kind as text, names in lower case; what is no pair is left out."""
    pairs = [pair for pair in headers if is_two(pair)] if hasattr(headers, "__iter__") else []
    return [(_text(name).lower(), _text(value)) for name, value in pairs]


def _text(value: Any) -> str:
    """A header part as text; what is neither str nor bytes shows as itself."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
