# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""The names of `dualware` itself, as mypy and pyright see them.

Only checkers read this file. A line that says ``type: ignore`` must be an error: both checkers
refuse a comment that silences nothing. It must never be run.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from typing_extensions import assert_type

import dualware
from dualware import BODY, END, RESPONSE, Exchange, Flow, Middleware, Request, Stack
from dualware.asgi import (
    ASGIWrapper,
    CompressionMiddleware,
    CORSMiddleware,
    GZipMiddleware,
    LoggingMiddleware,
    TimingMiddleware,
)
from dualware.core.message import Codec
from dualware.core.work import Work
from dualware.metrics import Sink
from dualware.metrics.otel import OpenTelemetrySink
from dualware.metrics.prometheus import PrometheusSink
from dualware.wsgi import WSGIWrapper


async def application(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application."""


# wrap: typed as precisely as it is asked.

settings: dict[str, dict[str, object] | bool] = {"request_id": {"header": "X-Id"}, "timing": True}
stack = dualware.load(settings)
assert_type(stack, Stack)
assert_type(dualware.wrap(application, settings, protocol="asgi"), ASGIWrapper)
assert_type(dualware.wrap(application, stack, protocol="wsgi"), WSGIWrapper)
assert_type(dualware.wrap(application, settings), Any)
assert_type(dualware.wrap(application, {}, protocol=None), Any)
dualware.wrap(application, settings, protocol="http")  # type: ignore[call-overload]
dualware.wrap(application, [])  # type: ignore[call-overload]
dualware.wrap(application, settings, "asgi")  # type: ignore[call-overload]
dualware.load(["timing"])  # type: ignore[arg-type]

# What application code asks and tells.

assert_type(dualware.request_id(), "str | None")
assert_type(dualware.add_fields(user_id=7), bool)


# Logging: a word that there is not is an error before it is one at run time.

dualware.configure_logging(json=None, level="debug", preset="ecs")
dualware.configure_logging(preset="elastic")  # type: ignore[arg-type]
LoggingMiddleware(application, preset="gcp", levels={"4xx": "debug"}, exclude=["/ping"])
LoggingMiddleware(application, exclude="/ping")  # type: ignore[arg-type]
LoggingMiddleware(application, sink=print, extra={"service": "shop"}, client_ip=2)
LoggingMiddleware(application, query="none")  # type: ignore[arg-type]
LoggingMiddleware(application, levles={})  # type: ignore[call-arg]


# CORS: a bare string is no list of origins, and a slip of the pen is seen.


def decides(origin: str, request: Request) -> bool:
    """Whether an origin is allowed."""
    return origin == request.header("x-friend")


CORSMiddleware(application, allow_origins=["https://a.example"], max_age="never")
CORSMiddleware(application, allow_origins=decides, policies=())
CORSMiddleware(application, policies=[("/", {"allow_origins": ("*",)})])
CORSMiddleware(application, allow_origins="https://a.example")  # type: ignore[arg-type]
CORSMiddleware(application, allow_orgins=["https://a.example"])  # type: ignore[call-arg]
CORSMiddleware(application, on_existing="append")  # type: ignore[arg-type]
CORSMiddleware(application, websocket_origins="same-site")  # type: ignore[arg-type]
# Compression: lists are lists, and a misspelt library is no library.

CompressionMiddleware(application, codings=["zstd", "gzip"], zstd_level=5, max_block_ms=0.5)
CompressionMiddleware(application, codings="gzip")  # type: ignore[arg-type]
GZipMiddleware(application, minimum_size=1000, compresslevel=6, backend="zlib-ng")
GZipMiddleware(application, backend="zlibng")  # type: ignore[arg-type]
GZipMiddleware(application, minimumsize=1000)  # type: ignore[call-arg]
GZipMiddleware(application, codings=["gzip"])  # type: ignore[call-arg]


# span and carry leave signatures as they were.


@dualware.span("plain")
def plain(number: int, *, text: str = "") -> list[str]:
    """A function."""
    return [text] * number


@dualware.span("coroutine")
async def coroutine(number: int) -> str:
    """A coroutine function."""
    return str(number)


@dualware.span("generator", "with a description")
def generator(number: int) -> Iterator[int]:
    """A generator function."""
    yield number


@dualware.span("items")
async def items(number: int) -> AsyncIterator[int]:
    """An asynchronous generator function."""
    yield number


assert_type(plain(1, text="a"), list[str])
plain("1")  # type: ignore[arg-type]
plain(1, txet="a")  # type: ignore[call-arg]
assert_type(generator(1), Iterator[int])
assert_type(items(1), AsyncIterator[int])
assert_type(dualware.carry(plain)(1, text="a"), list[str])
dualware.carry(plain)("1")  # type: ignore[arg-type]
dualware.span(b"db")  # type: ignore[arg-type]
dualware.span("db")(3)  # type: ignore[type-var]


async def spanned() -> None:
    """A span is both kinds of context manager."""
    with dualware.span("db") as it:
        it.description = "42 rows"
    async with dualware.span("db") as it:
        it.description = None
    assert_type(await coroutine(1), str)
    assert_type(await dualware.carry(coroutine)(1), str)
    coroutine("1")  # type: ignore[arg-type, unused-coroutine]


# The event model.


class Compressing(Middleware):
    """A codec is whatever has compress and flush."""

    name = "compressing"

    def __call__(self, exchange: Exchange) -> Flow:
        """Wait for each of the events."""
        yield RESPONSE
        assert_type(exchange.response.status, "int | None")
        yield BODY
        codec: Codec = zlib.compressobj()
        exchange.response.encode(codec)
        exchange.response.encode(zlib.compressobj(wbits=31))
        exchange.response.encode(zlib)  # type: ignore[arg-type]
        work = Work(codec.flush, long=True)
        yield work
        exchange.response.encode(codec, work.take())
        yield END
        assert_type(exchange.sent, "int | None")


class Refusing(Middleware):
    """A flow need not wait at all; headers of an answer are pairs or a mapping."""

    def __call__(self, exchange: Exchange) -> None:
        """Answer in the application's place."""
        exchange.respond(403, {"X-Why": "closed"}, b"no")
        exchange.respond(403, [("X-Why", "closed")])
        exchange.respond(403, [("X-Why", b"closed")])  # type: ignore[list-item]
        exchange.respond("403")  # type: ignore[arg-type]


class Misled(Middleware):
    """A flow yields events, and is handed nothing."""

    def __call__(self, exchange: Exchange) -> Flow:
        """Yield the name of an event."""
        yield "RESPONSE"  # type: ignore[misc]


assert_type(stack + Stack([Compressing(), Refusing()]), Stack)
Stack([Compressing])  # type: ignore[list-item]


# Metric sinks, by themselves and as a setting.

sinks: list[Sink] = [PrometheusSink(prefix="shop"), OpenTelemetrySink(body_size=True), print]
TimingMiddleware(application, metrics=["otel", *sinks])
TimingMiddleware(application, metrics=[7])  # type: ignore[list-item]
PrometheusSink("shop")  # type: ignore[arg-type]
