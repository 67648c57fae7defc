"""What a page asks for, and what came back, as the standard's algorithms see them.

This file knows requests, responses and URLs as values. It must never know how
either travels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urljoin, urlsplit

from dualware.testing.fetch.headers import NORMALIZED, combined

Credentials = Literal["omit", "same-origin", "include"]
"""Fetch, "credentials mode"."""

Pairs = Sequence[tuple[str, str]]
"""Header fields; names in lower case."""

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass
class FetchRequest:
    """One request of a page; what redirects make of it is written into it.

    urls
        Fetch, "URL list": the last one is the current one.
    origin
        That of the page, serialised; "null" for an opaque one.
    method, headers, body
        As the script gave them; what no script may set is left out.
    credentials
        Fetch, "credentials mode".
    """

    urls: list[str]
    origin: str
    method: str = "GET"
    headers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    credentials: Credentials = "same-origin"
    body: bytes = b""
    timing_failed: bool = False
    """Fetch, "timing allow failed flag"."""

    def __post_init__(self) -> None:
        """Write the method as browsers do (Fetch, "normalize")."""
        upper = self.method.upper()
        self.method = upper if upper in NORMALIZED else self.method
        self.headers = [(name.lower(), value) for name, value in self.headers]

    @property
    def url(self) -> str:
        """The current URL."""
        return self.urls[-1]

    @property
    def tainted(self) -> bool:
        """Fetch, "redirect-taint": another origin than the page's sent it on to a third."""
        hops = zip(self.urls, self.urls[1:], strict=False)
        return any(origin_of(here) not in (origin_of(there), self.origin) for here, there in hops)

    @property
    def serialized_origin(self) -> str:
        """Fetch, "serializing a request origin"."""
        return "null" if self.tainted else self.origin

    @property
    def cross_origin(self) -> bool:
        """Whether the response is tainted as "cors": it is, or was, somebody else's."""
        # Fetch, "main fetch": only a same-origin URL with "basic" tainting so far stays basic.
        return any(origin_of(url) != self.origin for url in self.urls)

    @property
    def sends_credentials(self) -> bool:
        """Fetch, "HTTP-network-or-cache fetch": includeCredentials."""
        same = self.credentials == "same-origin" and not self.cross_origin
        return self.credentials == "include" or same


@dataclass
class FetchResponse:
    """One response: status, header fields with lower-case names, body."""

    status: int
    headers: Pairs = ()
    body: bytes = b""

    def get(self, name: str) -> str | None:
        """Fetch, "get": the values of all fields of that name, combined."""
        return combined(self.headers, name)

    @property
    def is_redirect(self) -> bool:
        """Fetch, "redirect status"."""
        return self.status in (301, 302, 303, 307, 308)


def origin_of(url: str) -> str:
    """The origin of a URL, serialised (HTML, "serialization of an origin")."""
    parts = urlsplit(url)
    port = parts.port
    shown = "" if port is None or port == _DEFAULT_PORTS.get(parts.scheme) else f":{port}"
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{shown}"


def resolved(location: str, base: str) -> str:
    """The URL that a Location names, seen from ``base``."""
    return urljoin(base, location)
