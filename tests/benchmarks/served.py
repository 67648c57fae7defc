"""What the servers of `tests.benchmarks.loopback` serve: one application, bare and in two stacks.

Each function makes an application as its users have it: configured for the whole process, with
its log on stdout. Must be called once in a process, and never know the server. The
peers are imported where they are asked for: nobody else needs them.
"""

from __future__ import annotations

from typing import Any

import dualware
from tests.benchmarks.bodies import api_json

__all__ = [
    "BODIES",
    "ORIGIN",
    "asgi_bare",
    "asgi_ours",
    "asgi_peers",
    "wsgi_bare",
    "wsgi_ours",
    "wsgi_peers",
]

BODIES = {"/small": b'{"message":"Hello, World!"}', "/large": api_json(10_000)}
"""Path → what the application answers."""

ORIGIN = "https://shop.example"
"""Whose pages may read it."""

SETTINGS: dict[str, Any] = {
    "request_id": True,
    "logging": True,
    "timing": True,
    "cors": {"allow_origins": [ORIGIN]},
    "compression": True,
}

_LENGTHS = {path: str(len(body)) for path, body in BODIES.items()}


async def _asgi(scope: Any, receive: Any, send: Any) -> None:
    path = scope["path"]
    headers = [
        (b"content-length", _LENGTHS[path].encode()),
        (b"content-type", b"application/json"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODIES[path]})


def _wsgi(environ: Any, start_response: Any) -> Any:
    path = environ["PATH_INFO"]
    headers = [("Content-Length", _LENGTHS[path]), ("Content-Type", "application/json")]
    start_response("200 OK", headers)
    return [BODIES[path]]


def asgi_bare() -> Any:
    """The application alone."""
    return _asgi


def asgi_ours() -> Any:
    """In dualware's five."""
    dualware.configure_logging()
    return dualware.load(SETTINGS).asgi(_asgi)


def asgi_peers() -> Any:
    """In five by others."""
    from tests.benchmarks import peers

    return peers.asgi_peers(_asgi)


def wsgi_bare() -> Any:
    """The application alone."""
    return _wsgi


def wsgi_ours() -> Any:
    """In dualware's five."""
    dualware.configure_logging()
    return dualware.load(SETTINGS).wsgi(_wsgi)


def wsgi_peers() -> Any:
    """In five by others."""
    from tests.benchmarks import peers

    return peers.wsgi_peers(_wsgi)
