"""The lists of the Fetch standard that settings and requests are held against.

Knows names only. Must never know what is done with a name that is on a list.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "FORBIDDEN_METHODS",
    "NORMALIZED_METHODS",
    "SAFELISTED_METHODS",
    "SAFELISTED_REQUEST_HEADERS",
    "SAFELISTED_RESPONSE_HEADERS",
    "is_forbidden_header",
]

# Fetch §2.2.1, "Methods"
SAFELISTED_METHODS: Final = frozenset({"GET", "HEAD", "POST"})
"""CORS-safelisted methods: no preflight has to allow them."""
FORBIDDEN_METHODS: Final = frozenset({"CONNECT", "TRACE", "TRACK"})
"""What no script can send, in any case."""
NORMALIZED_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"})
"""What browsers write in upper case, whatever the script wrote."""

# Fetch §2.2.2, "Headers"
SAFELISTED_REQUEST_HEADERS: Final = (
    "accept",
    "accept-language",
    "content-language",
    "content-type",
)
"""CORS-safelisted request-headers, as long as their values are harmless."""
SAFELISTED_RESPONSE_HEADERS: Final = frozenset(
    {
        "cache-control",
        "content-language",
        "content-length",
        "content-type",
        "expires",
        "last-modified",
        "pragma",
    }
)
"""CORS-safelisted response-header names: scripts may read them anyway."""

_FORBIDDEN: Final = frozenset(
    {
        "accept-charset",
        "accept-encoding",
        "access-control-request-headers",
        "access-control-request-method",
        "connection",
        "content-length",
        "cookie",
        "cookie2",
        "date",
        "dnt",
        "expect",
        "host",
        "keep-alive",
        "origin",
        "referer",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    }
)
_FORBIDDEN_PREFIX: Final = re.compile(r"(?:proxy-|sec-)")


def is_forbidden_header(name: str) -> bool:
    """Whether ``name``, in lower case, is a forbidden request-header: no script can set it."""
    return name in _FORBIDDEN or _FORBIDDEN_PREFIX.match(name) is not None
