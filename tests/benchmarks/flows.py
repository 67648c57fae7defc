"""What the event model costs: five flows that do nothing, against five closures that do nothing.

The other side of the scale is what one writes by hand for one protocol: a middleware class that
wraps `send`, or `start_response`, and passes everything on. Five of them, nested. Ours are five
middleware that wait for RESPONSE, added one by one as wrappers, which fuse by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dualware import RESPONSE, Exchange, Flow, Middleware, asgi, wsgi
from tests.benchmarks.measure import interleaved

__all__ = [
    "ENVIRON",
    "LIMITS",
    "SCOPE",
    "asgi_app",
    "asgi_call",
    "report",
    "wsgi_app",
    "wsgi_call",
]

LIMITS = {"ASGI": 1.3, "WSGI": 2.0}
"""At most this many times what the closures cost, all included."""

BODY = b'{"message":"Hello, World!"}'


class NoOp(Middleware):
    """Waits for RESPONSE, and does nothing with it."""

    def __call__(self, exchange: Exchange) -> Flow:
        yield RESPONSE


class ASGIClosure:
    """A middleware as one writes it by hand for ASGI."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def wrapped(message: Any) -> None:
            await send(message)

        await self.app(scope, receive, wrapped)


class WSGIClosure:
    """A middleware as one writes it by hand for WSGI."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: Any, start_response: Any) -> Any:
        def wrapped(status: str, headers: Any, exc_info: Any = None) -> Any:
            return start_response(status, headers, exc_info)

        return self.app(environ, wrapped)


# The application, and the least of a server that can call it.


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    """27 bytes of JSON."""
    headers = [(b"content-length", b"27"), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})


def wsgi_app(environ: Any, start_response: Any) -> Any:
    """27 bytes of JSON."""
    start_response("200 OK", [("Content-Length", "27"), ("Content-Type", "application/json")])
    return [BODY]


HEADERS = [
    (b"host", b"localhost:8000"),
    (b"user-agent", b"benchmark"),
    (b"accept", b"*/*"),
    (b"accept-encoding", b"gzip, deflate"),
]
SCOPE = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.3"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/",
    "raw_path": b"/",
    "query_string": b"",
    "root_path": "",
    "headers": HEADERS,
    "client": ("127.0.0.1", 50000),
    "server": ("127.0.0.1", 8000),
}
ENVIRON = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/",
    "QUERY_STRING": "",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "8000",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "127.0.0.1",
    "HTTP_HOST": "localhost:8000",
    "HTTP_USER_AGENT": "benchmark",
    "HTTP_ACCEPT": "*/*",
    "HTTP_ACCEPT_ENCODING": "gzip, deflate",
    "wsgi.url_scheme": "http",
}


async def _send(message: Any) -> None:
    pass


async def _receive() -> Any:
    return {"type": "http.request"}


def _start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
    return None


def asgi_call(app: Any, scope: Any = SCOPE) -> Callable[[], object]:
    """One exchange under ASGI."""

    def call() -> object:
        # Nothing in these applications waits, so one step is the whole of it: no loop needed.
        try:
            app(scope, _receive, _send).send(None)
        except StopIteration:
            return None
        raise AssertionError

    return call


def wsgi_call(app: Any, environ: Any = ENVIRON) -> Callable[[], object]:
    """One exchange under WSGI."""
    return lambda: app(environ, _start_response)


def _five(app: Any, wrapper: Any) -> Any:
    for _ in range(5):
        app = wrapper(app)
    return app


def report() -> bool:
    """Print the ratios. Returns whether both keep to `LIMITS`."""
    kept = True
    sides = {
        "ASGI": (asgi_app, ASGIClosure, asgi.wrapper(NoOp), asgi_call),
        "WSGI": (wsgi_app, WSGIClosure, wsgi.wrapper(NoOp), wsgi_call),
    }
    print("Five no-op flows, over five nested closures written by hand")
    for name, (app, closure, wrapper, call) in sides.items():
        cost = interleaved(
            {
                "bare": call(app),
                "closures": call(_five(app, closure)),
                "flows": call(_five(app, wrapper)),
            }
        )
        ratio = cost["flows"] / cost["closures"]
        above = (cost["flows"] - cost["bare"]) / (cost["closures"] - cost["bare"])
        kept &= ratio <= LIMITS[name]
        print(
            f"  {name}  {ratio:.2f} (at most {LIMITS[name]:.1f}); above the bare application "
            f"{above:.2f}"
        )
    return kept
