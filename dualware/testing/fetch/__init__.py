"""The client's side of CORS, as the Fetch standard has it: what a page gets to read, and why.

This file knows the names the room shows, and nothing else. Every decision is a
pure function over a request and a response, each of its steps cited; the lists
are written down here once more, on purpose: an oracle that borrowed them from
what it judges would agree with its mistakes.

===================  ============================================================
`Browser`            fetches from applications as a page of some origin would
`Fetched`            what the page gets, with every step and why
`SharedCache`        a cache between browsers and applications (RFC 9111)
===================  ============================================================
"""

from __future__ import annotations

from dualware.testing.fetch.browser import Browser, Fetched
from dualware.testing.fetch.cache import SharedCache
from dualware.testing.fetch.checks import cors_check, preflight_check, tao_check
from dualware.testing.fetch.exposure import readable_headers
from dualware.testing.fetch.headers import unsafe_names
from dualware.testing.fetch.messages import FetchRequest, FetchResponse
from dualware.testing.fetch.steps import NetworkError, Step

__all__ = [
    "Browser",
    "FetchRequest",
    "FetchResponse",
    "Fetched",
    "NetworkError",
    "SharedCache",
    "Step",
    "cors_check",
    "preflight_check",
    "readable_headers",
    "tao_check",
    "unsafe_names",
]
