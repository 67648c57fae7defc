"""The event model at its barest: five flows, and nothing around them that the benchmark can spare.

The same five policies as `limit`, as generators that wait for RESPONSE and END, on an engine that
delivers those two and knows no law: what a flow yields is not checked, what it raises is not
reported, an exchange inside another runs twice, a client that leaves is not seen, no setting could
be otherwise. What it costs above `limit` is the price of the model; what the stack costs above it
is the price of all that was left out. Nobody should use it. Knows uncoded responses and preflights
of the benchmark, under ASGI: under WSGI the model is the same. `tests/test_limit.py` holds it to
what the stack does with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from os import urandom
from typing import Any

from tests.benchmarks import limit
from tests.benchmarks.limit import CURRENT, SETTINGS, clock

__all__ = ["CASES", "asgi_barest"]

CASES = ("small", "404", "generated id", "preflight")
"""The cases of the benchmark that it can answer."""

RESPONSE, END = "RESPONSE", "END"
_Flow = Generator[str, None, None]

_ASKED = frozenset(
    {
        b"x-request-id", b"origin", b"accept-encoding", b"access-control-request-method",
        b"access-control-request-headers",
    }
)  # fmt: skip
_READ = frozenset(each.encode() for each in limit._READ)
_TAKEN = frozenset(each.encode() for each in limit._TAKEN)
_SHORT = frozenset(each.encode() for each in limit._SHORT)


class _Exchange:
    __slots__ = (
        "answer", "flows", "given", "outcome", "pairs", "passed", "request_id", "scope", "seen",
        "sent", "status", "upstream",
    )  # fmt: skip

    def __init__(self, scope: Any, upstream: Any) -> None:
        self.scope = scope
        self.upstream = upstream
        self.answer = self.outcome = self.status = None
        self.flows: list[_Flow] = []
        self.passed: list[_Flow] = []
        self.sent = 0
        self.given: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in _ASKED:
                self.given[name] = value

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message["headers"]
            self.seen = {name: value for name, value in headers if name in _READ}
            self.pairs = headers.copy()
            for flow in reversed(self.flows):
                if next(flow, None) is END:
                    self.passed.append(flow)
            await self.upstream({**message, "headers": self.pairs})
            return
        await self.upstream(message)
        self.sent += len(message.get("body", b""))
        if not message.get("more_body", False):
            self.outcome = "completed"
            for flow in self.passed:
                next(flow, None)


def _request_id() -> Callable[[_Exchange], _Flow]:
    valid = re.compile(limit._VALID.encode()).fullmatch

    def flow(exchange: _Exchange) -> _Flow:
        wire = exchange.given.get(b"x-request-id")
        if wire is not None and valid(wire):
            value = wire.decode()
        else:
            value = urandom(16).hex()
            wire = value.encode()
        exchange.request_id = value
        yield RESPONSE
        exchange.pairs.append((b"x-request-id", wire))

    return flow


def _logging(logger: Any) -> Callable[[_Exchange], _Flow]:
    line = limit._line_of(logger)

    def flow(exchange: _Exchange) -> _Flow:
        started = clock()
        method, path = exchange.scope["method"], exchange.scope["raw_path"].decode("latin-1")
        try:
            yield RESPONSE
            yield END
        finally:
            line(
                method,
                path,
                exchange.status,
                exchange.sent,
                started,
                exchange.request_id,
                exchange.outcome or "incomplete",
            )

    return flow


def _timing(exchange: _Exchange) -> _Flow:
    started = clock()
    yield RESPONSE
    value = b"app;dur=%.3f" % ((clock() - started) / 1_000_000)
    exchange.pairs.append((b"server-timing", value))


def _cors() -> Callable[[_Exchange], _Flow]:
    policy = limit._CORS(SETTINGS["cors"])
    varies = ("Vary", "Origin")
    heads = {
        origin.encode(): limit._wire([*fields, varies]) for origin, fields in policy.heads.items()
    }
    stranger = limit._wire([varies])
    answers: dict[Any, Any] = {}

    def flow(exchange: _Exchange) -> _Flow:
        given = exchange.given
        origin = given.get(b"origin")
        wanted = given.get(b"access-control-request-method")
        if exchange.scope["method"] == "OPTIONS" and origin is not None and wanted is not None:
            key = origin, wanted, given.get(b"access-control-request-headers", b"")
            if key not in answers:
                status, fields = policy.answer(*(each.decode("latin-1") for each in key))
                answers[key] = status, limit._wire(fields)
            exchange.answer = answers[key]
            return
        yield RESPONSE
        assert _TAKEN.isdisjoint(exchange.seen), "no case of `CASES` writes what the stack writes"
        exchange.pairs += heads.get(origin, stranger)

    return flow


def _gzip() -> Callable[[_Exchange], _Flow]:
    takes_gzip = limit._Memo(limit._takes_gzip, absent=False)
    shrinks = limit._Memo(limit._shrinks, absent=True)

    def flow(exchange: _Exchange) -> _Flow:
        accepts = takes_gzip[exchange.given.get(b"accept-encoding")]
        yield RESPONSE
        seen = exchange.seen
        plain = seen.get(b"content-length") in _SHORT or not shrinks[seen.get(b"content-type")]
        assert plain, ("no case of `CASES` could be coded", accepts)

    return flow


def asgi_barest(app: Any, logger: Any) -> Any:
    """``app`` behind all five, logging with ``logger``."""
    starts = (_request_id(), _logging(logger), _timing, _cors(), _gzip())

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        exchange = _Exchange(scope, send)
        flows = exchange.flows
        token = CURRENT.set(None)
        try:
            for start in starts:
                flow = start(exchange)
                if next(flow, None) is RESPONSE:
                    flows.append(flow)
                elif exchange.answer is not None:
                    break
            if exchange.answer is None:
                await app(scope, receive, exchange.send)
            else:
                status, headers = exchange.answer
                head = {"type": "http.response.start", "status": status, "headers": headers}
                await exchange.send(head)
                await exchange.send({"type": "http.response.body", "body": b""})
        finally:
            CURRENT.reset(token)

    return wrapped
