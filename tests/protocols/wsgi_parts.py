"""Small middleware of every kind, and stacks of them, for the tests of the WSGI driver.

Each kind needs another part of the driver: one changes the head only, one waits for the end, one
for the first chunk, some encode. They keep what they saw on themselves, which real middleware must
never do. This file must never hold a test.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from dualware import BODY, END, RESPONSE, Exchange, Flow, Middleware, Stack
from dualware.effects import REAL
from dualware.testing import Result, WSGIClient
from dualware.wsgi.driver import WSGIWrapper

TEXT = ("Content-Type", "text/plain")


class Adds(Middleware):
    """Header-only: adds one field."""

    def __init__(self, field: str = "X-Adds", value: str = "1") -> None:
        self.field = field
        self.value = value

    def __call__(self, exchange: Exchange) -> Flow:
        yield RESPONSE
        exchange.response.headers.append(self.field, self.value)


class Ends(Middleware):
    """Waits for END: what it saw, as (outcome, bytes sent, status, error)."""

    observes = True

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def __call__(self, exchange: Exchange) -> Flow:
        try:
            yield END
        finally:
            self.seen.append(
                (exchange.outcome, exchange.sent, exchange.response.status, exchange.error)
            )

    @property
    def outcomes(self) -> list[Any]:
        """The outcomes only."""
        return [outcome for outcome, *_ in self.seen]


class Holds(Middleware):
    """Waits for BODY: what it saw, as (first chunk, complete, opaque)."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def __call__(self, exchange: Exchange) -> Flow:
        yield BODY
        response = exchange.response
        self.seen.append((response.first_chunk, response.complete, response.opaque))
        response.headers.append("X-Holds", "1")


class Encodes(Middleware):
    """Sends the body through a codec, given at BODY or at RESPONSE already."""

    def __init__(self, event: Any = BODY) -> None:
        self.event = event

    def __call__(self, exchange: Exchange) -> Flow:
        yield self.event
        if exchange.response.encodable:
            exchange.response.headers.append("Content-Encoding", "deflate")
            exchange.response.encode(zlib.compressobj())


class Acts(Middleware):
    """Calls a function with the exchange at one event; None is the way in."""

    def __init__(self, act: Callable[[Exchange], object], event: Any = RESPONSE) -> None:
        self.act = act
        self.event = event

    def __call__(self, exchange: Exchange) -> Flow:
        if self.event is None:
            self.act(exchange)
            return
        yield self.event
        self.act(exchange)


class Rescues(Middleware):
    """Answers an exception of the application; ``again`` raises it all the same."""

    def __init__(self, status: int = 503, *, again: bool = False) -> None:
        self.status = status
        self.again = again

    def __call__(self, exchange: Exchange) -> Flow:
        try:
            yield RESPONSE
        except BaseException:
            exchange.respond(self.status, body=b"rescued")
            if self.again:
                raise


class Watches(Ends):
    """As `Ends`, and wants to know how long the server took."""

    measures = True


KINDS: dict[str, Callable[[], list[Middleware]]] = {
    "untouched": lambda: [Adds()],
    "watched": lambda: [Ends(), Adds()],
    "measured": lambda: [Watches(), Adds()],
    "held": lambda: [Holds(), Adds()],
    "encoded": lambda: [Adds(), Encodes()],
    "encoded-early": lambda: [Adds(), Encodes(RESPONSE)],
    "everything": lambda: [Adds(), Ends(), Holds(), Encodes()],
}
"""One stack of each kind. `Adds` is in each, so that no stack does nothing."""

EVERY_KIND = pytest.mark.parametrize("kind", KINDS)
"""The test runs with each of the stacks."""

UNTOUCHED = ("untouched", "held")
"""The kinds in which no flow needs the body once the head is gone."""

FOLLOWED = pytest.mark.parametrize("kind", sorted({*KINDS} - {*UNTOUCHED}))
"""The test runs with each of the others."""


def stacked(kind: str, app: Any) -> WSGIWrapper:
    """``app`` within a new stack of this kind."""
    return Stack(KINDS[kind]()).wsgi(app)


def drive(app: Any, *middleware: Middleware, lint: Any = True, **quirks: bool) -> WSGIClient:
    """A client for ``app`` within ``middleware``."""
    return WSGIClient(Stack(middleware).wsgi(app), lint, **quirks)


def decoded(result: Result) -> bytes:
    """The body, out of its coding if it has one."""
    encoded = result.header("Content-Encoding") is not None
    return zlib.decompress(result.body) if encoded else result.body


class Reports:
    """Effects that write down what is reported, as (sentence, error)."""

    def __init__(self) -> None:
        self.reported: list[tuple[str, BaseException | None]] = []
        self.effects = dataclasses.replace(REAL, report=self._report)

    def _report(self, sentence: str, error: BaseException | None) -> None:
        self.reported.append((sentence, error))

    def drive(self, app: Any, *middleware: Middleware, lint: Any = True) -> WSGIClient:
        """As `drive`, with these effects."""
        return WSGIClient(WSGIWrapper(app, Stack(middleware), effects=self.effects), lint)


class Started:
    """A hand-made `start_response` that writes down how it is called and what is written."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.written: list[bytes] = []

    def __call__(self, *arguments: Any) -> Callable[[bytes], None]:
        # PEP 3333: exc_info must not be kept.
        self.calls.append(arguments[:2])
        return self.written.append
