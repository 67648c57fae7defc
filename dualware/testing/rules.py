"""The law the raw clients hold an exchange to, as one table.

This file knows what the standards say, in words, and what a broken rule looks
like. It must never know how a request is carried: no protocol call is spoken
here, and nothing is driven.

A broken rule is a `Violation`; the violations of one exchange are collected in
its `Ledger` and raised together, as one `ProtocolError`, when the exchange is
over. The ledger is reached through a context variable, so that the checks which
sit *inside* the middleware under test (between it and the application) and
those which sit *outside* (in the client, which plays the server) write on the
same page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

RULES: dict[str, str] = {
    # Both protocols
    "app-called-once": "Middleware calls its application at most once in an exchange",
    "body-forbidden": "1xx, 204 and 304 have no body (RFC 9110 §6.4.1)",
    "content-length": "Content-Length is one number: that of the body bytes (RFC 9110 §8.6)",
    "header-name": "A field name is a token (RFC 9110 §5.1)",
    "header-value": "A field value has no control characters (RFC 9110 §5.5)",
    "headers-mutated": "The application's own list or message stays as the application made it",
    "length-forbidden": "1xx and 204 have no Content-Length (RFC 9110 §8.6)",
    # WSGI: the call (PEP 3333, Specification Details)
    "environment-type": "The environment is a real dict, no subclass (PEP 3333)",
    "environment-value": "Keys without a dot have native strings as values (PEP 3333)",
    "file-wrapper": "The file wrapper in the environment stays the server's (PEP 3333)",
    # WSGI: the head (PEP 3333, the callable that starts it)
    "body-before-head": "The head starts before the first item, even an empty one (PEP 3333)",
    "head-late": "What the application started at once, middleware starts at once",
    "header-ending": "No field name ends in '-' or '_', or is 'Status' (wsgiref.validate)",
    "header-hop-by-hop": "Hop-by-hop fields are the server's (PEP 3333, Other HTTP Features)",
    "start-exc-info": "The third argument is a sys.exc_info() tuple (PEP 3333)",
    "start-headers": "Headers are a list of 2-tuples of latin-1 strings, no subclasses (PEP 3333)",
    "start-missing": "The head starts before the iterable ends (PEP 3333)",
    "start-status": "The status is a string: three digits, a space, a reason (PEP 3333)",
    "start-twice": "Only exc_info allows to start a second head (PEP 3333)",
    # WSGI: the body (PEP 3333, Specification Details)
    "body-on-head": "The answer to HEAD has no body: servers transmit it (RFC 9110 §9.3.2)",
    "close-once": "close() of the returned iterable is called, once (PEP 3333)",
    "item-type": "Items, and what write() takes, are bytes, no subclass (PEP 3333)",
    "iterable": "The application returns an iterable (PEP 3333)",
    "length-of-iterable": "len() of the returned iterable is its number of items (PEP 3333)",
    "other-linter": "wsgiref.validate and werkzeug's LintMiddleware object to nothing",
    "read-ahead": "One item out for every item in (PEP 3333, Block Boundaries)",
    # ASGI: the call
    "connection-mutated": "Middleware changes a copy of what it is handed (ASGI main, Middleware)",
    "connection-type": "What describes the connection is a dict (ASGI main, Applications)",
    "incoming-form": "Client messages reach the application well-formed (ASGI www)",
    "returned": "The application returns None",
    # ASGI: the messages
    "accept-headers": "Accept headers need 2.1, and no Sec-WebSocket-Protocol (ASGI www, Accept)",
    "header-case": "Field names are lower case (ASGI www, Response Start)",
    "header-pairs": "Headers are pairs of byte strings (ASGI www, Response Start)",
    "incomplete": "A final message ends the exchange (ASGI www, Response Body)",
    "message-field": "The fields of a message have the types of the specification (ASGI www)",
    "message-form": "A message is a dict with a string 'type' (ASGI main, Events)",
    "message-not-offered": "Extension messages need the server's offer (ASGI main, Extensions)",
    "message-order": "Messages come in order, and none after the last (ASGI www)",
}
"""Every rule by its name. A test breaks each of them once."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: its name in `RULES`, and what was seen.

    >>> print(Violation("returned", "the application returned 3"))
    returned: the application returned 3. The application returns None.
    """

    rule: str
    detail: str

    def __post_init__(self) -> None:
        """A rule that is not in the table is a mistake of the linter."""
        RULES[self.rule]

    def __str__(self) -> str:
        return f"{self.rule}: {self.detail}. {RULES[self.rule]}."


class ProtocolError(AssertionError):
    """An exchange broke the protocol; `violations` holds every broken rule."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        self.violations = violations
        super().__init__("\n".join(str(violation) for violation in violations))


@dataclass(slots=True)
class Ledger:
    """What the checks of one exchange have seen so far.

    violations
        The broken rules, in the order in which they were noticed.
    exempt
        What the application itself did, so that middleware is not blamed for it.
    calls
        How often the application inside was called.
    started_inside
        True when the application had started its response as it returned.
    pulled
        How many items were taken from the application's iterable.
    closes
        True when the server calls close(), so that its being called can be checked.
    afterwards
        Checks that can only be made when the exchange is over.
    """

    violations: list[Violation] = field(default_factory=list[Violation])
    exempt: set[object] = field(default_factory=set[object])
    calls: int = 0
    started_inside: bool = False
    pulled: int = 0
    closes: bool = False
    afterwards: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])

    def note(self, rule: str, detail: str) -> None:
        """Write one violation down."""
        self.violations.append(Violation(rule, detail))

    def called(self) -> None:
        """The application inside is being called."""
        self.calls += 1
        if self.calls > 1:
            self.note("app-called-once", f"call number {self.calls}")

    def settle(self) -> None:
        """Run the checks that had to wait for the end of the exchange."""
        while self.afterwards:
            self.afterwards.pop()()

    def judge(self) -> None:
        """Raise what was noticed, if anything was."""
        if self.violations:
            raise ProtocolError(tuple(self.violations))


CURRENT: ContextVar[Ledger | None] = ContextVar("dualware.testing.ledger", default=None)


def current_ledger() -> Ledger:
    """The ledger of the exchange that is running, or a blank page outside one."""
    return CURRENT.get() or Ledger()


def type_of(value: object) -> type[Any]:
    """The very type of a value, where a subclass will not do."""
    return type(value)


# RFC 9110 §5.6.2: token = 1*tchar
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

# RFC 9110 §7.6.1, and PEP 3333 Other HTTP Features (wsgiref.util.is_hop_by_hop)
HOP_BY_HOP = frozenset(
    [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    ]
)


def field_faults(name: str, value: str, *, tabs: bool) -> Iterator[tuple[str, str]]:
    """What is wrong with one header field, as pairs of rule and detail.

    tabs
        RFC 9110 §5.5 lets a tab stand inside a value, PEP 3333 does not.
    """
    if _TOKEN.fullmatch(name) is None:
        yield "header-name", f"{name!r} is no token"
    if _CONTROL.search(value.replace("\t", " ") if tabs else value):
        yield "header-value", f"{name}: {value!r}"


def bodiless(status: int) -> bool:
    """Whether answers of this status never have a body (RFC 9110 §6.4.1)."""
    return 100 <= status < 200 or status in (204, 304)


def length_faults(
    method: str, status: int, headers: list[tuple[str, str]], size: int
) -> Iterator[tuple[str, str]]:
    """What is wrong between a head and its `size` body bytes, as pairs of rule and detail."""
    lengths = [value for name, value in headers if name == "content-length"]
    if bodiless(status):
        if size:
            yield "body-forbidden", f"{size} body bytes after status {status}"
        if lengths and status != 304:
            yield "length-forbidden", f"status {status} with Content-Length {lengths[0]}"
    # RFC 9110 §8.6: after HEAD and with 304 the field tells of another answer.
    elif lengths and method != "HEAD" and lengths != [str(size)]:
        yield "content-length", f"Content-Length {', '.join(lengths)}, but {size} body bytes"
