"""The headers of request and response that a log line shows.

Knows which, under which name, and what of a value is a secret. Must never show more of a header
than the settings say, nor fail for what a client sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from dualware.core.exchange import Exchange
from dualware.core.logging.query import REDACTED
from dualware.core.logging.text import from_wire

__all__ = ["SECRET_HEADERS", "ShownHeaders"]

SECRET_HEADERS: Final = (
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
)
"""Headers whose value is a secret, whatever else is known of them."""

_URLS: Final = frozenset({"content-location", "location", "referer"})
"""Headers whose value is a URL, and so may carry a query."""


class ShownHeaders:
    """Finds the fields for headers, names of ``request`` and ``response`` in lower case.

    ``request_prefix``, ``response_prefix``
        What a name stands behind on the line.
    ``secret``
        Lower-case names of those whose value is not shown.
    ``query``
        What to show of the query of a URL, None for nothing.
    ``most``
        Characters of the longest value; the rest is cut off.
    ``lists``
        Whether the value of a header is a list.
    """

    __slots__ = ("_lists", "_most", "_query", "_request", "_response", "_secret", "any")

    def __init__(
        self,
        request_prefix: str,
        request: tuple[str, ...],
        response_prefix: str,
        response: tuple[str, ...],
        *,
        secret: frozenset[str],
        query: Callable[[str], str] | None,
        most: int,
        lists: bool,
    ) -> None:
        self._request = [(name, request_prefix + name) for name in request]
        self._response = [(name, response_prefix + name) for name in response]
        self.any = bool(request or response)
        """Whether a line shows headers."""
        self._secret = secret
        self._query = query
        self._most = most
        self._lists = lists

    def __call__(self, exchange: Exchange) -> dict[str, Any]:
        """The fields for those that are there."""
        # OpenTelemetry: the value is an array.
        found = ((field, self._shown(name, value)) for name, field, value in self._found(exchange))
        return {field: [value] if self._lists else value for field, value in found}

    def _found(self, exchange: Exchange) -> Iterator[tuple[str, str, str]]:
        """Name, field and value of the headers that are there."""
        for name, field in self._request:
            value = exchange.request.header(name)
            if value is not None:
                yield name, field, value
        if exchange.status is not None:
            headers = exchange.response.headers
            for name, field in self._response:
                if name in headers:
                    # RFC 9110 §5.3: several lines are one list.
                    yield name, field, ",".join(headers.get_all(name))

    def _shown(self, name: str, value: str) -> str:
        if name in self._secret:
            return REDACTED
        return from_wire(self._sparing(name, value), self._most)

    def _sparing(self, name: str, value: str) -> str:
        """The value of a header without the secrets of its query."""
        if name not in _URLS or "?" not in value:
            return value
        url, _, query = value.partition("?")
        return url if self._query is None else f"{url}?{self._query(query)}"
