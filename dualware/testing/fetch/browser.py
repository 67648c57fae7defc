"""A browser that fetches from applications, as a page of some origin would.

This file knows the order of events: preflight, request, checks, redirects. It
must never decide anything by itself: the checks do, step by step.

>>> browser = Browser({"https://api.example": Script().asgi})
>>> fetched = browser.fetch("https://api.example/", origin="https://shop.example")
>>> fetched.succeeded, str(fetched.failure)
(False, 'FAILS   Fetch, CORS check, step 2: the response has no Access-Control-Allow-Origin')
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

from dualware.testing.fetch.cache import SharedCache
from dualware.testing.fetch.checks import cors_check, preflight_check, tao_check
from dualware.testing.fetch.exposure import readable_headers
from dualware.testing.fetch.headers import (
    BODY_HEADERS,
    NON_WILDCARD,
    SAFE_METHODS,
    is_possible_method,
    is_settable,
    unsafe_names,
)
from dualware.testing.fetch.messages import (
    Credentials,
    FetchRequest,
    FetchResponse,
    Pairs,
    origin_of,
    resolved,
)
from dualware.testing.fetch.steps import NetworkError, Step
from dualware.testing.fetch.wire import asker, handshake

_REDIRECTS_MOST = 20


@dataclass
class Fetched:
    """What the page got.

    succeeded
        Whether the page may read the response; else it sees a network error.
    status, headers, body
        What it reads then: those fields alone that it may see.
    may_read_times
        Whether Resource Timing and Server-Timing are shown to it.
    steps
        Every check with its verdict, in order; the last one decided.
    sent
        Every request that reached an application, as (method, URL, header fields).
    """

    succeeded: bool = False
    status: int | None = None
    headers: Pairs = ()
    body: bytes = b""
    may_read_times: bool = False
    steps: list[Step] = field(default_factory=list[Step])
    sent: list[tuple[str, str, Pairs]] = field(default_factory=list[tuple[str, str, Pairs]])

    def __bool__(self) -> bool:
        return self.succeeded

    @property
    def failure(self) -> Step | None:
        """The step at which it failed; None where it did not."""
        return None if self.succeeded else self.steps[-1]

    @property
    def preflights(self) -> list[tuple[str, str, Pairs]]:
        """Those of `sent` that were preflights."""
        return [each for each in self.sent if "access-control-request-method" in dict(each[2])]

    def header(self, name: str) -> str | None:
        """What a script gets for ``response.headers.get(name)``."""
        values = [value for known, value in self.headers if known == name.lower()]
        return ", ".join(values) if values else None

    def __str__(self) -> str:
        return "\n".join(map(str, self.steps))


class Browser:
    """Pages of any origin, in front of some applications.

    apps
        Applications of either protocol by the origin they are reached at.
    cookies
        Value of the Cookie header of requests with credentials.
    cache
        A shared cache between the browser and the applications.
    """

    def __init__(
        self,
        apps: Mapping[str, Any],
        *,
        cookies: str = "",
        cache: SharedCache | None = None,
    ) -> None:
        self.apps = dict(apps)
        self.cookies = cookies
        self.cache = cache

    def fetch(
        self,
        url: str,
        *,
        origin: str,
        method: str = "GET",
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        credentials: Credentials = "same-origin",
        body: bytes = b"",
    ) -> Fetched:
        """What ``fetch(url, {mode: "cors", …})`` gives to a script on a page of ``origin``."""
        pairs = (
            cast("Mapping[str, str]", headers).items() if isinstance(headers, Mapping) else headers
        )
        # Fetch, "Headers class", guard "request": what no script may set is left out in silence.
        settable = [(name, value) for name, value in pairs if is_settable(name)]
        request = FetchRequest([url], origin, method, settable, credentials, body)
        fetched = Fetched()
        try:
            response = self._main(request, fetched)
        except NetworkError as error:
            fetched.steps.append(error.step)
            return fetched
        fetched.succeeded = True
        fetched.status = response.status
        fetched.headers = readable_headers(request, response)
        fetched.body = response.body
        fetched.may_read_times = not request.timing_failed
        return fetched

    def connect(self, url: str, *, origin: str) -> bool:
        """Whether ``new WebSocket(url)`` on a page of ``origin`` opens; CORS has no say in it."""
        site = url.replace("ws", "http", 1)
        return handshake(self.apps[origin_of(site)], url, origin, self.cookies)

    # The algorithms

    def _main(self, request: FetchRequest, fetched: Fetched) -> FetchResponse:
        """Fetch, "main fetch" and "HTTP fetch", redirects followed."""
        _possible(request)
        while True:
            response = self._once(request, fetched)
            location = response.get("location")
            if not response.is_redirect or location is None:
                return response
            _redirect(request, response, resolved(location, request.url))

    def _once(self, request: FetchRequest, fetched: Fetched) -> FetchResponse:
        cross = request.cross_origin
        if cross and _needs_preflight(request):
            preflight = self._send(request, "OPTIONS", _preflight_headers(request), b"", fetched)
            *before, verdict = preflight_check(request, preflight)
            fetched.steps += before
            _go_on(verdict, fetched)
        headers = [*request.headers, *_added(request, self.cookies)]
        response = self._send(request, request.method, headers, request.body, fetched)
        if cross:
            _go_on(cors_check(request, response), fetched)
        if not tao_check(request, response).passed:
            request.timing_failed = True
        return response

    def _send(
        self, request: FetchRequest, method: str, headers: Pairs, body: bytes, fetched: Fetched
    ) -> FetchResponse:
        url = request.url
        fetched.sent.append((method, url, headers))
        app = self.apps.get(origin_of(url))
        if app is None:
            raise NetworkError(Step("DNS", False, f"nobody answers at {origin_of(url)}"))
        ask = asker(app)
        if self.cache is None:
            return ask(method, url, headers, body)
        return self.cache.fetch(ask, method, url, headers, body)


def _go_on(step: Step, fetched: Fetched) -> None:
    if not step.passed:
        raise NetworkError(step)
    fetched.steps.append(step)


def _possible(request: FetchRequest) -> None:
    if not is_possible_method(request.method):
        cites = "Fetch, Request class, constructor, step 25"
        raise NetworkError(Step(cites, False, f"no script can use the method {request.method}"))


def _needs_preflight(request: FetchRequest) -> bool:
    """Fetch, "main fetch": the unsafe-request flag is set for every request of a script."""
    return request.method not in SAFE_METHODS or bool(unsafe_names(request.headers))


def _preflight_headers(request: FetchRequest) -> Pairs:
    """Fetch, "CORS-preflight fetch", steps 1 to 5: no credentials, whatever the request has."""
    names = unsafe_names(request.headers)
    asked = [("access-control-request-headers", ",".join(names))] if names else []
    return [
        ("accept", "*/*"),
        ("access-control-request-method", request.method),
        *asked,
        ("origin", request.serialized_origin),
    ]


def _added(request: FetchRequest, cookies: str) -> Pairs:
    """What the browser adds to the script's headers."""
    added: list[tuple[str, str]] = []
    # Fetch, "append a request `Origin` header"
    if request.cross_origin or request.method not in ("GET", "HEAD"):
        added.append(("origin", request.serialized_origin))
    if request.sends_credentials and cookies:
        added.append(("cookie", cookies))
    return added


def _redirect(request: FetchRequest, response: FetchResponse, location: str) -> None:
    """Fetch, "HTTP-redirect fetch"."""
    cites = "Fetch, HTTP-redirect fetch, step"
    parts = urlsplit(location)
    if parts.scheme not in ("http", "https"):
        raise NetworkError(Step(f"{cites} 6", False, f"{location!r} is not an HTTP(S) URL"))
    if len(request.urls) > _REDIRECTS_MOST:
        raise NetworkError(Step(f"{cites} 7", False, "that is the 21st redirect"))
    other = origin_of(location) != request.origin
    if parts.username is not None and (other or request.cross_origin):
        raise NetworkError(Step(f"{cites} 9 and 10", False, f"{location!r} has a user in it"))
    dropped: set[str] = set()
    was_post = response.status in (301, 302) and request.method == "POST"
    if was_post or (response.status == 303 and request.method not in ("GET", "HEAD")):
        request.method, request.body = "GET", b""
        dropped |= set(BODY_HEADERS)
    if origin_of(location) != origin_of(request.url):
        dropped |= set(NON_WILDCARD)
    request.headers = [pair for pair in request.headers if pair[0] not in dropped]
    request.urls.append(location)
