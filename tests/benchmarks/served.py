"""What the servers of `tests.benchmarks.loopback` serve: one application, bare and in two stacks.

Each function makes an application as its users have it: configured for the whole process, with
its log on stdout. Must be called once in a process, and never know the server. The
peers are imported where they are asked for: nobody else needs them.
"""

from __future__ import annotations

import sys
from typing import Any

import dualware
from tests.benchmarks import limit
from tests.benchmarks.bodies import api_json
from tests.benchmarks.flows import BODY
from tests.benchmarks.recipe import recipe

__all__ = [
    "BODIES",
    "asgi_bare",
    "asgi_ours",
    "asgi_peers",
    "wsgi_bare",
    "wsgi_ours",
    "wsgi_peers",
]

BODIES = {"/small": BODY, "/large": api_json(10_000)}
"""Path → what the application answers."""

SETTINGS = {**limit.SETTINGS, "gzip": {}}
"""The settings of all benchmarks, with gzip as it is by itself: by the extra `fast`."""

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

    recipe(sys.stdout)
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

    recipe(sys.stdout)
    return peers.wsgi_peers(_wsgi)
