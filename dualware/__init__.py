"""dualware: HTTP middleware written once, for WSGI and ASGI.

The front door: imports only. What a name means stands where it is defined.
"""

from dualware.core.exchange import BODY, END, RESPONSE, Exchange, Flow, Middleware
from dualware.core.message import Request, Response
from dualware.core.problems import SettingsError
from dualware.core.record import add_fields, carry, request_id
from dualware.core.stack import Stack
from dualware.outbound import outbound_headers
from dualware.settings import load
from dualware.spans import span
from dualware.wrapping import wrap

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
    "load",
    "outbound_headers",
    "request_id",
    "span",
    "wrap",
]
