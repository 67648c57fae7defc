"""What one exchange of the ASGI client can be asked for, by its names and types.

This file knows options and what they mean. It must never know what is made of
them: the scope and the servers do that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from dualware.testing.request import RequestHeaders, RequestOptions


class ASGIOptions(RequestOptions, total=False):
    """What `ASGIClient.request` takes besides method and path.

    scope
        Keys laid over the scope; the value `ABSENT` takes a key out.
    root_path
        A root_path of which the path knows nothing (see `build_scope`).
    raw_path, http_version, spec_version, extensions, state
        The values of these keys; extensions and state are absent when None.
    disconnect_after
        The client goes away after so many messages; what is sent later is
        silently dropped, as most servers do.
    send_error
        ``(k, error)``: sending message number k raises this very error.
    """

    scope: Mapping[str, Any] | None
    root_path: str
    raw_path: bytes | None
    http_version: str
    spec_version: str
    extensions: Mapping[str, Any] | None
    state: dict[str, Any] | None
    disconnect_after: int | None
    send_error: tuple[int, BaseException] | None


class WebSocketOptions(TypedDict, total=False):
    """What `ASGIClient.websocket` takes besides the path.

    subprotocols
        What the client offers.
    messages
        What the client sends once accepted: str, bytes, or whole messages.
    close_code
        What the client closes the session with in the end.

    The others are those of `ASGIOptions`.
    """

    headers: RequestHeaders
    subprotocols: Sequence[str]
    messages: Sequence[str | bytes | Mapping[str, Any]]
    close_code: int
    query: str
    scheme: str
    scope: Mapping[str, Any] | None
    script_name: str
    root_path: str
    raw_path: bytes | None
    http_version: str
    spec_version: str
    extensions: Mapping[str, Any] | None
    state: dict[str, Any] | None
