"""dualware: HTTP middleware written once, for WSGI and ASGI.

The front door: imports only. What a name means stands where it is defined.
"""

from dualware.core.exchange import BODY, END, RESPONSE, Exchange, Flow, Middleware
from dualware.core.message import Request, Response
from dualware.core.problems import SettingsError
from dualware.core.record import add_fields, carry, request_id
from dualware.core.stack import Stack

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
    "request_id",
]
