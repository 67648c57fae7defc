"""A shared cache between browsers and applications, as RFC 9111 allows one to be.

This file knows what is stored, and what a stored response may answer. It must
never know CORS: that a cache does not is what makes it dangerous. Every GET that
was answered is kept for good, as if it were fresh; no heuristics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dualware.testing.fetch.headers import combined
from dualware.testing.fetch.messages import FetchResponse, Pairs


@dataclass(frozen=True)
class _Stored:
    request: Pairs
    response: FetchResponse

    def answers(self, headers: Pairs) -> bool:
        """RFC 9111 §4.1: every header that Vary names has to have the same value."""
        vary = combined(self.response.headers, "vary")
        names = [] if vary is None else [part.strip(" \t").lower() for part in vary.split(",")]
        if "*" in names:
            return False
        return all(combined(self.request, name) == combined(headers, name) for name in names)


class SharedCache:
    """What a CDN does with responses that may be stored.

    hits
        How many requests were answered without the application.
    """

    def __init__(self) -> None:
        self._stored: dict[str, list[_Stored]] = {}
        self.hits = 0

    def fetch(
        self,
        ask: Callable[[str, str, Pairs, bytes], FetchResponse],
        method: str,
        url: str,
        headers: Pairs,
        body: bytes,
    ) -> FetchResponse:
        """Answer from what is stored, else ask the application, and store what it says."""
        # RFC 9110 §9.2.3: of the methods here, GET alone is cacheable without further ado.
        if method != "GET":
            return ask(method, url, headers, body)
        stored = self._stored.setdefault(url, [])
        # RFC 9111 §4.1: of several that match, the most recent.
        for each in reversed(stored):
            if each.answers(headers):
                self.hits += 1
                return each.response
        response = ask(method, url, headers, body)
        stored.append(_Stored(headers, response))
        return response
