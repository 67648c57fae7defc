"""Outbound ids, with objects of the real httpx and requests, inside both protocols' exchanges."""

import asyncio
import base64

import httpx
import pytest
import requests
from requests.adapters import BaseAdapter
from requests.auth import HTTPBasicAuth

from dualware.core.current import CURRENT
from dualware.effects import REAL
from dualware.middleware.request_id import RequestID, RequestIDSettings
from dualware.outbound import RequestsAuth, async_httpx_hook, httpx_hook, outbound_headers
from dualware.testing import Script

GOOD = "f9ed4675f1c53513c61a3b3b4e25b4c0"
LISTED = ["api.example.com", "*.internal", "::1"]


@pytest.fixture(autouse=True)
def outside():
    """No exchange is current when a test begins."""
    CURRENT.set(None)


def inside(dual, function, **options):
    """What ``function`` returns inside an exchange with this middleware."""
    script = Script(on_request=function)
    middleware = RequestID(RequestIDSettings(**options), REAL)
    dual.request(script, [middleware], headers={"X-Request-ID": GOOD}).reraise()
    return script.probe.seen[0]


# outbound_headers


def test_headers(dual):
    """The id, under the header's own name."""
    # observability R15
    assert {"X-Request-ID": GOOD} == inside(dual, outbound_headers)
    assert {"X-Trace": GOOD} == inside(
        dual, outbound_headers, header="X-Trace", inbound=["x-request-id"]
    )


def test_headers_are_the_caller_s_own(dual):
    """Who changes what was returned changes nothing else."""
    # observability R15

    def change():
        outbound_headers().clear()
        return outbound_headers()

    assert {"X-Request-ID": GOOD} == inside(dual, change)


def test_nothing_outside():
    """Outside an exchange there is nothing to send."""
    # observability R15
    # No protocol is involved.
    assert {} == outbound_headers()


def test_nothing_without_the_middleware(dual):
    """An exchange without the middleware has no id, even if the record is there."""
    # observability R15
    from dualware import Middleware

    class Other(Middleware):
        def __call__(self, exchange):
            exchange.record.request_id = "from elsewhere"

    class Nothing(Middleware):
        def __call__(self, exchange):
            return None

    for middleware in (Other(), Nothing()):
        script = Script(on_request=outbound_headers)
        dual.request(script, [middleware])

        assert [{}] == script.probe.seen


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("api.example.com", True),
        ("API.Example.COM", True),
        ("api.example.com.", True),
        ("api.example.com:8443", True),
        ("a.internal", True),
        ("::1", True),
        ("[::1]", True),
        ("[::1]:8443", True),
        ("example.com", False),
        ("internal", False),
        ("api.example.com.evil", False),
        ("::2", False),
        ("", False),
        (None, False),
    ],
)
def test_hosts(dual, host, allowed):
    """Only hosts on the list get it, however they are written."""
    # observability R15
    expected = {"X-Request-ID": GOOD} if allowed else {}

    assert expected == inside(dual, lambda: outbound_headers(host), outbound_hosts=LISTED)
    assert {"X-Request-ID": GOOD} == inside(dual, lambda: outbound_headers(host))


# httpx


def server(seen):
    """A server that writes down what it got; ``/to?…`` redirects there."""

    def answer(request):
        seen.append((request.url.host, request.headers.get("x-request-id")))
        if request.url.path == "/to":
            return httpx.Response(302, headers={"location": request.url.query.decode()})
        return httpx.Response(200)

    return httpx.MockTransport(answer)


def fetch(url, **options):
    """Fetch with httpx and the hook; returns host and id of every request that was made."""
    seen = []
    hooks = {"request": [httpx_hook]}
    with httpx.Client(transport=server(seen), event_hooks=hooks, follow_redirects=True) as client:
        client.get(url, **options)
    return seen


def fetch_async(url, **options):
    """The same with httpx's asynchronous client."""
    seen = []
    hooks = {"request": [async_httpx_hook]}

    async def run():
        async with httpx.AsyncClient(
            transport=server(seen), event_hooks=hooks, follow_redirects=True
        ) as client:
            await client.get(url, **options)

    # The scripted application runs without a loop, so there can be one inside it.
    asyncio.run(run())
    return seen


HTTPX = pytest.mark.parametrize("fetch", [fetch, fetch_async])


@HTTPX
def test_httpx(dual, fetch):
    """Both clients send the id."""
    # observability R15
    seen = inside(dual, lambda: fetch("https://api.example.com/"))

    assert [("api.example.com", GOOD)] == seen


@HTTPX
def test_httpx_outside(fetch):
    """Outside an exchange the request is as it was."""
    # observability R15
    # No protocol is involved.
    assert [("api.example.com", None)] == fetch("https://api.example.com/")


@HTTPX
def test_httpx_caller(dual, fetch):
    """The header that a caller gave stays, in whatever case."""
    # observability R15
    headers = {"x-REQUEST-id": "theirs"}
    seen = inside(dual, lambda: fetch("https://api.example.com/", headers=headers))

    assert [("api.example.com", "theirs")] == seen


@HTTPX
def test_httpx_hosts(dual, fetch):
    """Other hosts get none."""
    # observability R15
    for url, expected in (("https://api.example.com/", GOOD), ("https://other.example/", None)):
        [(_, sent)] = inside(dual, lambda url=url: fetch(url), outbound_hosts=LISTED)

        assert expected == sent


@HTTPX
def test_httpx_international_host(dual, fetch):
    """A host beyond ASCII is compared in the form in which it is looked up."""
    # observability R15
    [(_, sent)] = inside(
        dual,
        lambda: fetch("https://b\u00fccher.example/"),
        outbound_hosts=["xn--bcher-kva.example"],
    )

    assert GOOD == sent


@HTTPX
def test_httpx_redirect(dual, fetch):
    """A redirect takes the id no further than to hosts on the list."""
    # observability R15
    there = "https://api.example.com/to?https://other.example/to?https://a.internal/"
    expected = [("api.example.com", GOOD), ("other.example", None), ("a.internal", GOOD)]

    assert expected == inside(dual, lambda: fetch(there), outbound_hosts=LISTED)


@HTTPX
def test_httpx_redirect_of_the_caller_s(dual, fetch):
    """What the caller gave is the caller's to send anywhere."""
    # observability R15
    there = "https://api.example.com/to?https://other.example/"
    headers = {"X-Request-ID": "theirs"}
    seen = inside(dual, lambda: fetch(there, headers=headers), outbound_hosts=LISTED)

    assert [("api.example.com", "theirs"), ("other.example", "theirs")] == seen


# requests


class Adapter(BaseAdapter):
    """A server that writes down what it got; ``/to?…`` redirects there."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def send(self, request, **options):
        """Answer 200, or 302 where the path asks for it."""
        self.seen.append((request.url.split("/")[2], request.headers.get("x-request-id")))
        response = requests.Response()
        response.request, response.url = request, request.url
        response.status_code = 200
        response._content = b""
        path, _, query = request.url.partition("?")
        if path.endswith("/to"):
            response.status_code = 302
            # "bad" stands for what would not survive as part of a URL.
            response.headers["location"] = query.replace("bad", "https://[")
        return response

    def close(self):
        """Nothing is open."""


def get(url, auth=None, **options):
    """Fetch with requests and the auth; returns the adapter, and the last response."""
    adapter = Adapter()
    with requests.Session() as session:
        session.mount("https://", adapter)
        response = session.get(url, auth=auth or RequestsAuth(), **options)
    return adapter, response


def prepared(url="https://api.example.com/", auth=None, **options):
    """A request as requests prepares it."""
    return requests.Request("GET", url, auth=auth or RequestsAuth(), **options).prepare()


def test_requests(dual):
    """A prepared request has the id."""
    # observability R15
    assert GOOD == inside(dual, prepared).headers["X-Request-ID"]


def test_requests_outside():
    """Outside an exchange the request is as it was."""
    # observability R15
    # No protocol is involved.
    request = prepared()

    assert "X-Request-ID" not in request.headers
    assert [] == request.hooks["response"]


def test_requests_caller(dual):
    """The header that a caller gave stays, in whatever case."""
    # observability R15
    request = inside(dual, lambda: prepared(headers={"x-REQUEST-id": "theirs"}))

    assert "theirs" == request.headers["X-Request-ID"]


def test_requests_hosts(dual):
    """Other hosts get none."""
    # observability R15
    for url, expected in (("https://api.example.com:8443/", GOOD), ("https://other.example", None)):
        request = inside(dual, lambda url=url: prepared(url), outbound_hosts=LISTED)

        assert expected == request.headers.get("X-Request-ID")


def test_requests_with_another_auth(dual):
    """There is one place for an auth, so ours makes room for the other."""
    # observability R15
    auth = RequestsAuth(HTTPBasicAuth("user", "secret"))
    request = inside(dual, lambda: prepared(auth=auth))

    assert GOOD == request.headers["X-Request-ID"]
    assert f"Basic {base64.b64encode(b'user:secret').decode()}" == request.headers["Authorization"]


def test_requests_redirect(dual):
    """A redirect takes the id to hosts on the list and to no other."""
    # observability R15
    there = (
        "https://api.example.com/to?https://a.internal/to?"
        "https://other.example/to?https://other.example/"
    )
    adapter, response = inside(dual, lambda: get(there), outbound_hosts=LISTED)
    expected = [
        ("api.example.com", GOOD),
        ("a.internal", GOOD),
        ("other.example", None),
        ("other.example", None),
    ]

    assert expected == adapter.seen
    # The history tells what was sent.
    told = [each.request.headers.get("X-Request-ID") for each in (*response.history, response)]
    assert [GOOD, GOOD, None, None] == told


def test_requests_relative_redirect(dual):
    """A redirect on the same host keeps the id."""
    # observability R15
    adapter, _ = inside(dual, lambda: get("https://a.internal/to?/there"), outbound_hosts=LISTED)

    assert [("a.internal", GOOD), ("a.internal", GOOD)] == adapter.seen


def test_requests_bad_redirect(dual):
    """A target that is no URL is nobody's host; what becomes of it is for requests to say."""
    # observability R15

    def follow():
        with pytest.raises(ValueError, match="IPv6"):
            get("https://a.internal/to?bad")
        return True

    assert inside(dual, follow, outbound_hosts=LISTED)


def test_requests_redirect_of_the_caller_s(dual):
    """What the caller gave is the caller's to send anywhere."""
    # observability R15
    there = "https://api.example.com/to?https://other.example/"
    headers = {"X-Request-ID": "theirs"}
    adapter, _ = inside(dual, lambda: get(there, headers=headers), outbound_hosts=LISTED)

    assert [("api.example.com", "theirs"), ("other.example", "theirs")] == adapter.seen


def test_requests_auth_is_a_value():
    """requests compares auths when it merges those of a session and of a request."""
    # No protocol is involved.
    assert RequestsAuth() == RequestsAuth()
    assert RequestsAuth(HTTPBasicAuth("a", "b")) != RequestsAuth()
    assert RequestsAuth() != "auth"
    assert {RequestsAuth()} == {RequestsAuth(), RequestsAuth()}
