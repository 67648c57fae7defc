"""The scope of an exchange, built from a request.

This file knows the keys of the specification's scopes. It must never know the
messages of an exchange, nor what drives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from dualware.testing.request import RequestBody, RequestHeaders, overlay, request_fields


def _fields(headers: RequestHeaders, body: RequestBody) -> list[tuple[bytes, bytes]]:
    """Request fields as ASGI has them (ASGI www, HTTP Connection Scope)."""
    fields = request_fields(headers, body)
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]


def build_scope(
    kind: str = "http",
    *,
    path: str = "/",
    query: str = "",
    headers: RequestHeaders = (),
    body: RequestBody = b"",
    scheme: str = "http",
    script_name: str = "",
    root_path: str = "",
    raw_path: bytes | None = None,
    http_version: str = "1.1",
    spec_version: str = "2.4",
    extensions: Mapping[str, Any] | None = None,
    state: dict[str, Any] | None = None,
    scope: Mapping[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The scope of one exchange, as a server would hand it over.

    script_name
        The mount point in the sense of the specification: it becomes the
        root_path *and* the beginning of the path (ASGI www, HTTP Connection Scope).
    root_path
        A root_path of which the path knows nothing, as from ``--root-path``.
    scope
        Keys laid over the rest; the value `ABSENT` takes a key out.
    more
        Keys of this kind of exchange: ``method``, ``subprotocols``.
    """
    full = script_name + path
    base: dict[str, Any] = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": spec_version},
        "http_version": http_version,
        "scheme": scheme,
        "path": full,
        "raw_path": quote(full).encode("ascii") if raw_path is None else raw_path,
        "query_string": query.encode("latin-1"),
        "root_path": root_path or script_name,
        "headers": _fields(headers, body),
        "client": ("127.0.0.1", 50000),
        "server": ("localhost", 443 if scheme in ("https", "wss") else 80),
        **more,
    }
    base.update({} if extensions is None else {"extensions": dict(extensions)})
    base.update({} if state is None else {"state": state})
    return overlay(base, scope)
