# pyright: basic
"""Django's request, as middleware see it: by what the server said, wherever that still stands.

Knows that Django keeps the environ or the scope, and what it writes over. Must never parse the
request, nor read its body.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from dualware.asgi.request import ASGIRequest
from dualware.core.message import Request
from dualware.wsgi.request import WSGIRequest

__all__ = ["viewed"]

_PATH_SAFE = "/~!$&'()*+,;=:@"
"""What stands unescaped in a path (RFC 3986 §3.3), beside what `quote` never escapes."""


def viewed(request: Any) -> Request:
    """The view of ``request`` for the flows of a stack."""
    return _FromScope(request) if hasattr(request, "scope") else _FromEnviron(request)


class _FromEnviron(WSGIRequest):
    """`META` is the environ itself, but Django has replaced the path in it by text."""

    __slots__ = ("_request",)

    def __init__(self, request: Any) -> None:
        super().__init__(request.META)
        self._request = request

    @property
    def path(self) -> str:
        return str(self._request.path)

    @property
    def route_path(self) -> str:
        return str(self._request.path_info)

    @property
    def raw_path(self) -> str:
        said = "RAW_URI" in self.environ or "REQUEST_URI" in self.environ
        return super().raw_path if said else quote(self.path, safe=_PATH_SAFE)

    # What stands in the environ is not what was asked: the paths above are taken.
    target = Request.target
    paths = Request.paths

    def set_header(self, name: str, value: str) -> None:
        super().set_header(name, value)
        _forget_headers(self._request)


class _FromScope(ASGIRequest):
    """The scope is the server's, and of it `META` was made."""

    __slots__ = ("_request",)

    def __init__(self, request: Any) -> None:
        super().__init__(request.scope)
        self._request = request

    def set_header(self, name: str, value: str) -> None:
        super().set_header(name, value)
        # The scope has been read: what the application sees is this.
        WSGIRequest(self._request.META).set_header(name, value)
        _forget_headers(self._request)


def _forget_headers(request: Any) -> None:
    """Have ``request.headers`` made anew, if it was looked at already."""
    request.__dict__.pop("headers", None)
