# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""ASGI wrappers, as mypy and pyright see them in applications.

Only checkers read this file. A line that says ``type: ignore`` must be an error: both checkers
refuse a comment that silences nothing. It must never be run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware as Added
from starlette.types import ASGIApp as StarletteApp
from starlette.types import Receive, Scope, Send
from typing_extensions import assert_type

import dualware
import dualware.asgi
from dualware import RESPONSE, Exchange, Flow, Middleware
from dualware.asgi import ASGIWrapper, RequestIDMiddleware, TimingMiddleware
from dualware.frameworks.starlette import install


class AddHeader(Middleware):
    """A middleware of a user."""

    def __init__(self, name: str, value: str = "blue") -> None:
        self.pair = name, value

    def __call__(self, exchange: Exchange) -> Flow:
        """Add one header."""
        yield RESPONSE
        exchange.response.headers.append(*self.pair)


AddHeaderMiddleware = dualware.asgi.wrapper(AddHeader)


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """An application without types of its own."""


async def typed(scope: Scope, receive: Receive, send: Send) -> None:
    """An application in Starlette's types."""


async def spelt(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
    send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
) -> None:
    """An application that spells the types out."""


# Every way to write an application is one to wrap; the result is one again.

assert_type(RequestIDMiddleware(bare), RequestIDMiddleware)
TimingMiddleware(typed)
TimingMiddleware(app=spelt)
TimingMiddleware(RequestIDMiddleware(Starlette()), header="X-Timing", max_entries=3)
hosted: StarletteApp = RequestIDMiddleware(FastAPI())
TimingMiddleware("main:app")  # type: ignore[arg-type]
TimingMiddleware()  # type: ignore[call-arg]

# Options have names and types, and are given by name.

RequestIDMiddleware(bare, header="X-Id", inbound=["X-Id"], trust=("10.0.0.0/8",), max_length=64)
RequestIDMiddleware(bare, heder="X-Id")  # type: ignore[call-arg]
RequestIDMiddleware(bare, max_length="64")  # type: ignore[arg-type]
RequestIDMiddleware(bare, on_conflict="kep")  # type: ignore[arg-type]
RequestIDMiddleware(bare, "X-Id")  # type: ignore[call-arg]

# A bare string is no list of strings.

RequestIDMiddleware(bare, inbound="X-Id")  # type: ignore[arg-type]
RequestIDMiddleware(bare, trace_headers="b3")  # type: ignore[arg-type]
RequestIDMiddleware(bare, outbound_hosts="api.example.com")  # type: ignore[arg-type]
TimingMiddleware(bare, timing_allow_origin="https://shop.example")  # type: ignore[arg-type]
TimingMiddleware(bare, queue_trusted="10.0.0.0/8")  # type: ignore[arg-type]

# Starlette's and FastAPI's add_middleware pass the signature on.

for host in (Starlette(), FastAPI()):
    host.add_middleware(RequestIDMiddleware)
    host.add_middleware(RequestIDMiddleware, header="X-Id", set_request_header=True)
    host.add_middleware(RequestIDMiddleware, heder="X-Id")  # type: ignore[call-arg]
    host.add_middleware(RequestIDMiddleware, header=1)  # type: ignore[arg-type]
    host.add_middleware(TimingMiddleware, queue_trusted="unix")  # type: ignore[arg-type]
    host.add_middleware(AddHeaderMiddleware, name="X-Team")
    host.add_middleware(AddHeaderMiddleware, name="X-Team", value="red")
    host.add_middleware(AddHeaderMiddleware)  # type: ignore[call-arg]
    host.add_middleware(AddHeaderMiddleware, naem="X-Team")  # type: ignore[call-arg]
    host.add_middleware(AddHeaderMiddleware, name=b"X-Team")  # type: ignore[arg-type]

Starlette(middleware=[Added(RequestIDMiddleware, header="X-Id"), Added(TimingMiddleware)])
Added(TimingMiddleware, heder="X-Id")  # type: ignore[call-arg]

# install takes a Starlette or a FastAPI, and leaves it what it is.

install(Starlette(), {"timing": True})
install(FastAPI(), dualware.load({"timing": True}))
install(bare, {"timing": True})  # type: ignore[arg-type]
install(FastAPI(), ["timing"])  # type: ignore[arg-type]
install(FastAPI())  # type: ignore[call-arg]

# A wrapper of one's own takes what its middleware takes, after the application.

assert_type(AddHeaderMiddleware(bare, "X-Team"), ASGIWrapper)
AddHeaderMiddleware(bare, "X-Team", value="red")
AddHeaderMiddleware(bare)  # type: ignore[call-arg]
AddHeaderMiddleware(bare, "X-Team", valeu="red")  # type: ignore[call-arg]
dualware.asgi.wrapper(Starlette)  # type: ignore[arg-type]

# A stack wraps either.

stack = dualware.load({"timing": True})
assert_type(stack.asgi(bare), ASGIWrapper)
wrapped: StarletteApp = stack.asgi(Starlette())
stack.asgi(3)  # type: ignore[arg-type]
