"""A raw, strict ASGI server and its client in one object, for tests.

This room knows the ASGI specification and holds applications to it. It must
never know which middleware it drives, nor the other protocol. This file shows
the names of the room, and must never do anything else.

`ASGIClient` plays the server: it stands *outside* the application under test
and checks what comes out. `Inside` stands between middleware and the
application and checks what goes in.

No event loop is needed where the application awaits nothing but the two
callables it is handed: `ASGIClient.request_sync` then steps the coroutine by
hand, which is exact and fast.

>>> async def application(scope, receive, send):
...     await send({"type": "http.response.start", "status": 200, "headers": []})
...     await send({"type": "http.response.body", "body": b"hello"})
>>> ASGIClient(application).request_sync(path="/greeting").body
b'hello'
"""

from __future__ import annotations

from dualware.testing.asgi.client import CLIENT_OPTIONS, ASGIClient
from dualware.testing.asgi.driving import Backend, NeedsEventLoop
from dualware.testing.asgi.http import ClientDisconnected
from dualware.testing.asgi.inside import Inside, PassThrough
from dualware.testing.asgi.options import ASGIOptions, WebSocketOptions
from dualware.testing.asgi.scope import build_scope

__all__ = [
    "CLIENT_OPTIONS",
    "ASGIClient",
    "ASGIOptions",
    "Backend",
    "ClientDisconnected",
    "Inside",
    "NeedsEventLoop",
    "PassThrough",
    "WebSocketOptions",
    "build_scope",
]
