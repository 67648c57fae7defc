"""Which header fields of a response a page can see.

This file knows filtered responses. It must never know whether a response may be
read at all: `checks` does.
"""

from __future__ import annotations

from dualware.testing.fetch.headers import SAFE_RESPONSE_HEADERS, UNREADABLE, extracted
from dualware.testing.fetch.messages import FetchRequest, FetchResponse, Pairs


def readable_headers(request: FetchRequest, response: FetchResponse) -> Pairs:
    """The fields that a script finds, as (lower-case name, value)."""
    if not request.cross_origin:
        # Fetch, "basic filtered response"
        return [pair for pair in response.headers if pair[0] not in UNREADABLE]
    exposed = _exposed(request, response)
    # Fetch, "CORS filtered response", "CORS-safelisted response-header name"
    return [
        (name, value)
        for name, value in response.headers
        if SAFE_RESPONSE_HEADERS.fullmatch(name) or (name in exposed and name not in UNREADABLE)
    ]


def _exposed(request: FetchRequest, response: FetchResponse) -> set[str]:
    """Fetch, "main fetch": the CORS-exposed header-name list."""
    try:
        names = extracted(response.get("access-control-expose-headers")) or []
    except ValueError:
        return set()
    if "*" in names and request.credentials != "include":
        return {name for name, _ in response.headers}
    return {name.lower() for name in names}
