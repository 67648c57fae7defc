"""The exchanges that stacks are measured with, under both protocols: what is asked, what is said.

Knows requests as a browser makes them, bare applications that answer them, and the least of a
server that can call those. Must never know a middleware.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from tests.benchmarks.bodies import api_json
from tests.benchmarks.flows import BODY

__all__ = [
    "CASES",
    "FETCH",
    "ORIGIN",
    "PREFLIGHT",
    "Answer",
    "Case",
    "asgi_answer",
    "asgi_app",
    "asgi_call",
    "wsgi_answer",
    "wsgi_app",
    "wsgi_call",
]

ORIGIN = "https://shop.example"
PATH = "/items/42"

# What Chromium sends with a fetch to another origin, in its order.
FETCH = {
    "host": "api.example",
    "connection": "keep-alive",
    "sec-ch-ua-platform": '"Linux"',
    "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0",
    "sec-ch-ua": '"Chromium";v="156", "Not)A;Brand";v="24"',
    "sec-ch-ua-mobile": "?0",
    "accept": "*/*",
    "origin": ORIGIN,
    "sec-fetch-site": "cross-site",
    "sec-fetch-mode": "cors",
    "sec-fetch-dest": "empty",
    "referer": f"{ORIGIN}/",
    "accept-encoding": "gzip, deflate, br, zstd",
    "accept-language": "en-US,en;q=0.9",
}
PREFLIGHT = {
    **{name: FETCH[name] for name in ("host", "connection", "accept")},
    "access-control-request-method": "PUT",
    "access-control-request-headers": "content-type,x-request-id",
    **{name: FETCH[name] for name in ("origin", "user-agent", "sec-fetch-mode")},
    **{name: FETCH[name] for name in ("sec-fetch-site", "sec-fetch-dest", "referer")},
    **{name: FETCH[name] for name in ("accept-encoding", "accept-language")},
}
# A proxy has given the request an id. A UUID, since some peers take nothing else.
_WITH_ID = {**FETCH, "x-request-id": "6b4a1d02-5c0e-4d7f-9a55-0f6d3c1b8e77"}
_IDENTITY = {**_WITH_ID, "accept-encoding": "identity"}


class Case(NamedTuple):
    """One exchange."""

    method: str
    headers: Mapping[str, str]
    status: int
    chunks: tuple[bytes, ...]
    batch: int
    """Calls that take long enough to be timed together."""
    streams: bool = False
    """Whether the body comes in chunks, of no declared length."""
    path: str = PATH

    @property
    def scope(self) -> dict[str, Any]:
        """The request under ASGI."""
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": self.path,
            "raw_path": self.path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in self.headers.items()],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8000),
        }

    @property
    def environ(self) -> dict[str, Any]:
        """The same request under WSGI."""
        given = {
            f"HTTP_{name.upper().replace('-', '_')}": value for name, value in self.headers.items()
        }
        return {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": self.path,
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            **given,
        }


_SMALL = (BODY,)
_WHOLE = (api_json(10_000),)
_LONG = api_json(102_400)
_STREAM = tuple(_LONG[start : start + 5120] for start in range(0, 20 * 5120, 5120))

CASES: dict[str, Case] = {
    "small": Case("GET", _WITH_ID, 200, _SMALL, 500),
    "404": Case("GET", _WITH_ID, 404, _SMALL, 500),
    "generated id": Case("GET", FETCH, 200, _SMALL, 500),
    "preflight": Case("OPTIONS", PREFLIGHT, 200, _SMALL, 500),
    "stream, identity": Case("GET", _IDENTITY, 200, _STREAM, 200, streams=True),
    "stream, gzip": Case("GET", _WITH_ID, 200, _STREAM, 5, streams=True),
    "10 KB, gzip": Case("GET", _WITH_ID, 200, _WHOLE, 50),
}

_PHRASES = {200: "200 OK", 404: "404 Not Found"}


def asgi_app(case: Case) -> Any:
    """The bare application that answers under ASGI."""
    status, chunks = case.status, case.chunks
    last = chunks[-1]

    if case.streams:

        async def app(scope: Any, receive: Any, send: Any) -> None:
            headers = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    else:
        length = str(len(last)).encode()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            headers = [(b"content-length", length), (b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": last})

    return app


def wsgi_app(case: Case) -> Any:
    """The bare application that answers under WSGI."""
    line, chunks = _PHRASES[case.status], case.chunks
    if case.streams:

        def app(environ: Any, start_response: Any) -> Any:
            start_response(line, [("Content-Type", "application/json")])
            return iter(chunks)
    else:
        (body,) = chunks
        length = str(len(body))

        def app(environ: Any, start_response: Any) -> Any:
            start_response(line, [("Content-Length", length), ("Content-Type", "application/json")])
            return [body]

    return app


# The least of a server


async def _send(message: Any) -> None:
    pass


async def _receive() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


def _start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
    return None


def _step(running: Any) -> None:
    # Nothing in these applications waits, so one step is the whole of it: no loop needed.
    try:
        running.send(None)
    except StopIteration:
        return
    raise AssertionError("something waits")


def asgi_call(app: Any, case: Case) -> Callable[[], object]:
    """One exchange under ASGI, with a scope of its own."""
    scope = case.scope
    return lambda: _step(app({**scope}, _receive, _send))


def wsgi_call(app: Any, case: Case) -> Callable[[], object]:
    """One exchange under WSGI, its body taken and closed as a server does."""
    given = case.environ

    def call() -> object:
        body = app({**given}, _start_response)
        for _ in body:
            pass
        if hasattr(body, "close"):
            body.close()

    return call


# What a client gets


class Answer(NamedTuple):
    """One response."""

    status: int
    headers: list[tuple[str, str]]
    """Names in lower case."""
    chunks: list[bytes]

    def get(self, name: str) -> str | None:
        """The value of the header ``name``, its lines joined."""
        return ", ".join(value for known, value in self.headers if known == name) or None


def asgi_answer(app: Any, case: Case) -> Answer:
    """What becomes of a case under ASGI."""
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    _step(app(case.scope, _receive, send))
    head, *bodies = messages
    headers = [(name.decode().lower(), value.decode()) for name, value in head["headers"]]
    return Answer(head["status"], headers, [each.get("body", b"") for each in bodies])


def wsgi_answer(app: Any, case: Case) -> Answer:
    """What becomes of a case under WSGI."""
    heads: list[Any] = []
    written: list[bytes] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        heads.append((status, list(headers)))
        return written.append

    body = app(case.environ, start_response)
    chunks = [*_closing(body)]
    status, headers = heads[-1]
    pairs = [(name.lower(), value) for name, value in headers]
    return Answer(int(status[:3]), pairs, [*written, *chunks])


def _closing(body: Any) -> Iterator[bytes]:
    try:
        yield from body
    finally:
        if hasattr(body, "close"):
            body.close()
