"""The stacks that the served applications stand in, one for each mount.

What a server serves is one application: the first segment of the path says through which stack
the request goes. The mount ``bare`` goes through none, and is what the others are compared with.
Must never know a protocol.
"""

import json
import os
import socket
import zlib
from urllib.parse import parse_qs

from dualware import BODY, END, RESPONSE, Middleware, Stack
from dualware.settings import load

ADDED = frozenset({"server-timing", "x-added", "x-request-id"})
"""Names of the fields that the stack ``ours`` adds."""


CORS = {
    "allow_origins": ["https://shop.example"],
    "allow_methods": ["PUT"],
    "allow_headers": ["X-One", "X-Two"],
    "allow_credentials": True,
}
"""Settings of the stack ``shared``."""


class Tell(Middleware):
    """Send one datagram about each exchange to the test, when the exchange is over."""

    observes = True
    websocket = True

    def __init__(self):
        host, port = os.environ["DUALWARE_TELL"].split(":")
        self.address = host, int(port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def __call__(self, exchange):
        request = exchange.request
        told = {
            "token": parse_qs(request.query).get("token", [""])[0],
            "path": request.path,
            "raw_path": request.raw_path,
            "status": None,
        }
        try:
            yield RESPONSE
            told["status"] = exchange.response.status
            yield END
        finally:
            session = exchange.session
            told |= {
                "outcome": exchange.outcome,
                "sent": exchange.sent,
                "error": exchange.error and type(exchange.error).__name__,
                "request_id": exchange.record.request_id,
                "session": session and {name: getattr(session, name) for name in SESSION},
            }
            self.socket.sendto(json.dumps(told).encode(), self.address)


SESSION = ("accepted", "bytes_in", "bytes_out", "close_code", "closed_by")


class Add(Middleware):
    """Add one field to every head."""

    websocket = True

    def __call__(self, exchange):
        yield RESPONSE
        exchange.response.headers.append("X-Added", "once")


class Hold(Middleware):
    """Hold the head for the first chunk, and change nothing."""

    def __call__(self, exchange):
        yield BODY


class Deflate(Middleware):
    """Send the body through a codec wherever it takes one."""

    def __call__(self, exchange):
        yield BODY
        response = exchange.response
        if response.encodable:
            response.encode(zlib.compressobj())
            response.headers.set("Content-Encoding", "deflate")


class Answer(Middleware):
    """Answer in the application's place."""

    def __call__(self, exchange):
        exchange.respond(200, {"Content-Type": "text/plain"}, b"answered")


class Guard(Middleware):
    """Answer where the application failed."""

    def __call__(self, exchange):
        try:
            yield RESPONSE
        except LookupError:
            exchange.respond(503, {"Content-Type": "text/plain"}, b"guarded")


def stacks():
    """Every stack by the mount it stands at."""
    tell = Tell()
    settings = load({"request_id": True, "timing": True})
    return {
        "seen": Stack([tell]),
        "ours": Stack([tell]) + settings + Stack([Add()]),
        "held": Stack([tell, Hold()]),
        "coded": Stack([tell, Deflate()]),
        "gzipped": Stack([tell]) + load({"gzip": {"compress_live": True, "max_block_ms": 0.1}}),
        "answered": Stack([tell, Add(), Answer()]),
        "guarded": Stack([tell, Add(), Guard()]),
        "shared": Stack([tell]) + load({"cors": CORS}),
    }
