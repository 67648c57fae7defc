"""Tests for both protocols at once: scripted applications and raw, strict clients.

This file knows the names the room shows; each is imported when it is first
used. It must never do anything else.

=====================  ==========================================================
`Script`               a neutral application, `Script.wsgi` and `Script.asgi`
`Dual`                 one request through middleware, under either protocol
`WSGIClient`           a raw server and client that checks every PEP 3333 rule
`ASGIClient`           the same for ASGI: http, websocket and lifespan
`ProtocolError`        what they raise, with every broken rule
`Browser`              a page that fetches, and what the Fetch standard lets it read
`SharedCache`          a cache between browsers and applications
=====================  ==========================================================

The pytest fixtures ``protocol``, ``dual``, ``chunking`` and ``browser`` are in `plugin`,
which pytest finds by itself once the package is installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .asgi import ASGIClient, ClientDisconnected, NeedsEventLoop
    from .dual import CHUNKINGS, PROTOCOLS, Dual
    from .fetch import Browser, Fetched, SharedCache
    from .request import ABSENT
    from .result import LifespanResult, Result, SessionResult
    from .rules import RULES, ProtocolError, Violation
    from .script import HeadReplaced, Probe, Script
    from .wsgi import FileWrapper, WSGIClient

__all__ = [
    "ABSENT",
    "CHUNKINGS",
    "PROTOCOLS",
    "RULES",
    "ASGIClient",
    "Browser",
    "ClientDisconnected",
    "Dual",
    "Fetched",
    "FileWrapper",
    "HeadReplaced",
    "LifespanResult",
    "NeedsEventLoop",
    "Probe",
    "ProtocolError",
    "Result",
    "Script",
    "SessionResult",
    "SharedCache",
    "Violation",
    "WSGIClient",
]

_ROOMS = {
    "asgi": ("ASGIClient", "ClientDisconnected", "NeedsEventLoop"),
    "dual": ("CHUNKINGS", "Dual", "PROTOCOLS"),
    "fetch": ("Browser", "Fetched", "SharedCache"),
    "request": ("ABSENT",),
    "result": ("LifespanResult", "Result", "SessionResult"),
    "rules": ("ProtocolError", "RULES", "Violation"),
    "script": ("HeadReplaced", "Probe", "Script"),
    "wsgi": ("FileWrapper", "WSGIClient"),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a name when it is first used, so that an installed plugin costs nothing."""
    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = globals()[name] = getattr(import_module(f".{_HOME[name]}", __name__), name)
    return value
