"""dualware: HTTP middleware written once, for WSGI and ASGI.

The front door: imports only. What a name means stands where it is defined. The rooms `asgi` and
`wsgi`, and `configure_logging`, are imported when they are first named, so that a process loads
the protocol that it speaks, and of structlog what it uses.
"""

import importlib as _importlib
import typing as _typing

from dualware.core.current import add_fields, carry, request_id
from dualware.core.exchange import BODY, END, RESPONSE, Exchange, Flow
from dualware.core.message import Request, Response
from dualware.core.middleware import Middleware
from dualware.core.problems import SettingsError
from dualware.core.stack import Stack
from dualware.outbound import outbound_headers
from dualware.settings import load
from dualware.spans import span
from dualware.wrapping import wrap

if _typing.TYPE_CHECKING:
    from dualware import asgi as asgi
    from dualware import wsgi as wsgi
    from dualware.log import configure_logging as configure_logging

__all__ = [
    "BODY",
    "END",
    "RESPONSE",
    "Exchange",
    "Flow",
    "Middleware",
    "Request",
    "Response",
    "SettingsError",
    "Stack",
    "add_fields",
    "carry",
    "configure_logging",
    "load",
    "outbound_headers",
    "request_id",
    "span",
    "wrap",
]


def __getattr__(name: str) -> _typing.Any:
    """Import what few need when it is first asked for (PEP 562)."""
    if name in ("asgi", "wsgi"):
        return _importlib.import_module(f"dualware.{name}")
    if name == "configure_logging":
        return _importlib.import_module("dualware.log").configure_logging
    raise AttributeError(f"module 'dualware' has no attribute {name!r}")
