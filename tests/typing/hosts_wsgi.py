# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""WSGI wrappers, as mypy and pyright see them in applications.

Only checkers read this file. A line that says ``type: ignore`` must be an error: both checkers
refuse a comment that silences nothing. It must never be run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask
from typing_extensions import assert_type

import dualware
import dualware.wsgi
from dualware import RESPONSE, Exchange, Flow, Middleware
from dualware.wsgi import RequestIDMiddleware, TimingMiddleware, WSGIWrapper

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class AddHeader(Middleware):
    """A middleware of a user."""

    def __init__(self, name: str, value: str = "blue") -> None:
        self.pair = name, value

    def __call__(self, exchange: Exchange) -> Flow:
        """Add one header."""
        yield RESPONSE
        exchange.response.headers.append(*self.pair)


AddHeaderMiddleware = dualware.wsgi.wrapper(AddHeader)


def bare(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """An application in the standard library's types."""
    start_response("200 OK", [])
    return [b""]


def streamed(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A generator is an application too."""
    start_response("200 OK", [])
    yield b""


# Every way to write an application is one to wrap; the result is one again.

assert_type(RequestIDMiddleware(bare), RequestIDMiddleware)
TimingMiddleware(app=streamed)
hosted: WSGIApplication = TimingMiddleware(RequestIDMiddleware(Flask(__name__)), header="X-Timing")
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

# A wrapper of one's own takes what its middleware takes, after the application.

assert_type(AddHeaderMiddleware(bare, "X-Team"), WSGIWrapper)
AddHeaderMiddleware(bare, "X-Team", value="red")
AddHeaderMiddleware(bare)  # type: ignore[call-arg]
AddHeaderMiddleware(bare, "X-Team", valeu="red")  # type: ignore[call-arg]
AddHeaderMiddleware(bare, b"X-Team")  # type: ignore[arg-type]
dualware.wsgi.wrapper(Flask)  # type: ignore[arg-type]

# A stack wraps either.

stack = dualware.load({"timing": True})
assert_type(stack.wsgi(bare), WSGIWrapper)
wrapped: WSGIApplication = stack.wsgi(Flask(__name__))
stack.wsgi(3)  # type: ignore[arg-type]
