"""A raw, strict WSGI server and its client in one object, for tests.

This room knows PEP 3333 and holds applications to it. It must never know which
middleware it drives, nor the other protocol. This file shows the names of the
room, and must never do anything else.

`WSGIClient` plays the server: it stands *outside* the application under test
and checks what comes out. `Inside` stands between middleware and the
application and checks what goes in.

>>> def application(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain")])
...     return [b"hello"]
>>> WSGIClient(application).request(path="/greeting").body
b'hello'
"""

from __future__ import annotations

from dualware.testing.wsgi.client import CLIENT_OPTIONS, WSGIClient
from dualware.testing.wsgi.environ import FileWrapper, RequestStream, build_environ
from dualware.testing.wsgi.inside import Inside, PassThrough

__all__ = [
    "CLIENT_OPTIONS",
    "FileWrapper",
    "Inside",
    "PassThrough",
    "RequestStream",
    "WSGIClient",
    "build_environ",
]
