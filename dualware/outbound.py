"""Send the id of the current exchange on to the servers that the application calls.

    requests.get(url, headers=dualware.outbound_headers("api.example.com"))

    httpx.Client(event_hooks={"request": [httpx_hook]})
    httpx.AsyncClient(event_hooks={"request": [async_httpx_hook]})

    session.auth = RequestsAuth()

Knows the record, and just enough of httpx and requests to add one header to their requests; it
imports neither. Must never replace a header that the caller gave, nor add one outside an exchange.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from dualware.core.current import live_record

__all__ = ["RequestsAuth", "async_httpx_hook", "httpx_hook", "outbound_headers"]

_OURS: Final = "dualware.request_id"
"""Key of httpx's request extensions under which we keep the name of the header that we added;
they go along when a redirect is followed, as the headers do."""


def outbound_headers(host: str | None = None) -> dict[str, str]:
    """The headers that carry the id of the current exchange to another server.

    ``host`` is where the request goes: a name or an address, a port after it does no harm. It is
    needed where the setting `outbound_hosts` lists hosts: one that is not on the list gets
    nothing, and neither does an unknown one (None). The result is empty outside an exchange, and
    without the request_id middleware.

    >>> outbound_headers("api.example.com")
    {}
    """
    record = live_record()
    if record is None or record.request_id is None or record.outbound is None:
        return {}
    if not record.outbound.allows(None if host is None else _bare(host)):
        return {}
    return {record.outbound.header: record.request_id}


def _bare(host: str) -> str:
    """The host alone, as it stands on the list: lower case, no port, brackets or final dot."""
    if host.count(":") == 1:
        # More than one colon is an IPv6 address (RFC 3986 §3.2.2 wants brackets then).
        host = host.partition(":")[0]
    elif host.startswith("["):
        host = host[1:].partition("]")[0]
    return host.lower().removesuffix(".")


def _hostname(url: str, base: str = "") -> str | None:
    """The host that ``url``, seen from ``base``, points to; None if there is none to be seen."""
    try:
        return urlsplit(urljoin(base, url)).hostname
    except ValueError:
        return None


# httpx


def httpx_hook(request: Any) -> None:
    """Event hook for `httpx.Client`: add the id unless the caller gave that header.

    httpx calls it for every redirect it follows too, and copies the headers to each; the id goes
    no further than to hosts that may see it.
    """
    # raw_host is ASCII, in the xn-- form where there is one.
    headers = outbound_headers(request.url.raw_host.decode("ascii"))
    added = request.extensions.get(_OURS)
    if added is not None and added not in headers:
        request.headers.pop(added, None)
    for name, value in headers.items():
        if name not in request.headers:
            request.headers[name] = value
            request.extensions[_OURS] = name


async def async_httpx_hook(request: Any) -> None:
    """Event hook for `httpx.AsyncClient`: does what `httpx_hook` does."""
    httpx_hook(request)


# requests


class RequestsAuth:
    """An ``auth`` for requests that adds the id unless the caller gave that header.

    ``requests.get(url, auth=RequestsAuth())``, or ``session.auth = RequestsAuth()``. There is one
    place for an ``auth``, so give the one that you had as ``auth``: another callable, such as
    ``requests.auth.HTTPBasicAuth("user", "secret")``.
    """

    def __init__(self, auth: Callable[[Any], Any] | None = None) -> None:
        self.auth = auth

    def __call__(self, request: Any) -> Any:
        """Take a `requests.PreparedRequest` and return it, as requests demands of an ``auth``."""
        if self.auth is not None:
            request = self.auth(request)
        for name, value in outbound_headers(_hostname(request.url)).items():
            if name not in request.headers:
                request.headers[name] = value
                request.register_hook("response", _Redirected(name))
        return request

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RequestsAuth) and self.auth == other.auth

    def __hash__(self) -> int:
        return hash((RequestsAuth, self.auth))


class _Redirected:
    """Response hook for requests: the header that we added stays with hosts that may see it.

    requests copies all headers to the next request, and asks no ``auth`` again.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, response: Any, *_args: Any, **_options: Any) -> None:
        target = response.headers.get("location")
        if target is None or outbound_headers(_hostname(target, response.url)):
            return
        # The next request is a copy of this one; the response keeps one that tells what was sent.
        sent = response.request
        response.request = sent.copy()
        sent.headers.pop(self.name, None)
