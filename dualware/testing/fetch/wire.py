"""How the browser's requests reach an application: by the raw clients, whatever its protocol.

This file knows which client speaks to which application. It must never know a
check.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from dualware.testing.asgi.client import ASGIClient
from dualware.testing.fetch.messages import FetchResponse, Pairs
from dualware.testing.wsgi.client import WSGIClient


def asker(app: Any) -> Callable[[str, str, Pairs, bytes], FetchResponse]:
    """What sends one request to ``app`` and waits for its response.

    An error that leaves the application is a 500 without a header, as servers
    answer it, unless its response had started.
    """

    def ask(method: str, url: str, headers: Pairs, body: bytes) -> FetchResponse:
        parts = urlsplit(url)
        options: dict[str, Any] = {
            "query": parts.query,
            "scheme": parts.scheme,
            "headers": [("host", parts.netloc.rpartition("@")[2]), *headers],
            "body": body,
        }
        path = parts.path or "/"
        if _is_wsgi(app):
            result = WSGIClient(app, lint=False).request(method, path, **options)
        else:
            client = ASGIClient(app, lint=False)
            result = client.request_sync(method, path, backend="asyncio", **options)
        if result.status is None:
            return FetchResponse(500)
        return FetchResponse(result.status, result.headers, result.body)

    return ask


def handshake(app: Any, url: str, origin: str, cookies: str) -> bool:
    """Whether ``app`` accepts the websocket that a page of ``origin`` asks for (RFC 6455 §4.1)."""
    parts = urlsplit(url)
    sent = [("host", parts.netloc), ("origin", origin)]
    # Cookies go with every handshake, whoever asks for it.
    headers = [*sent, ("cookie", cookies)] if cookies else sent
    client = ASGIClient(app, lint=False)
    return client.websocket_sync(
        parts.path or "/",
        query=parts.query,
        scheme=parts.scheme,
        headers=headers,
        backend="asyncio",
    ).accepted


def _is_wsgi(app: Any) -> bool:
    # Imported when it is needed, as all of the library under test.
    from dualware.detect import protocol_of

    return protocol_of(app) == "wsgi"
