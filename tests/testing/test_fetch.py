"""The oracle itself: each step of the Fetch standard that it follows, with rows of its own.

Knows requests and responses as values. Must never use the middleware of the library: an oracle is
judged by the standard alone.
"""

import pytest

from dualware.testing import Browser, Script, SharedCache
from dualware.testing.fetch import (
    FetchRequest,
    FetchResponse,
    Step,
    cors_check,
    preflight_check,
    readable_headers,
    tao_check,
    unsafe_names,
)
from dualware.testing.fetch.messages import origin_of, resolved

URL = "https://api.example/items"
SHOP = "https://shop.example"


def ask(credentials="same-origin", method="GET", headers=(), origin=SHOP, urls=(URL,)):
    """A request of a page."""
    return FetchRequest(list(urls), origin, method, list(headers), credentials)


def answer(status=200, **fields):
    """A response; underscores in the names of fields are hyphens."""
    return FetchResponse(status, [(n.replace("_", "-"), v) for n, v in fields.items()])


ALLOW = {"access_control_allow_origin": SHOP}
CREDENTIALS = {**ALLOW, "access_control_allow_credentials": "true"}


# CORS check


@pytest.mark.parametrize(
    ("credentials", "fields", "step", "passed"),
    [
        ("omit", {}, 2, False),
        ("omit", {"access_control_allow_origin": "*"}, 3, True),
        ("same-origin", {"access_control_allow_origin": "*"}, 3, True),
        ("include", {"access_control_allow_origin": "*"}, 4, False),
        ("omit", {"access_control_allow_origin": "https://SHOP.example"}, 4, False),
        ("omit", {"access_control_allow_origin": f"{SHOP}/"}, 4, False),
        ("omit", {"access_control_allow_origin": "null"}, 4, False),
        ("omit", ALLOW, 5, True),
        ("include", ALLOW, 8, False),
        ("include", {**ALLOW, "access_control_allow_credentials": "True"}, 8, False),
        ("include", CREDENTIALS, 7, True),
        ("include", {**CREDENTIALS, "access_control_allow_origin": "*"}, 4, False),
    ],
)
def test_cors_check(credentials, fields, step, passed):
    """Each way through it."""
    found = cors_check(ask(credentials), answer(**fields))

    assert (f"Fetch, CORS check, step {step}", passed) == (found.cites, found.passed)


@pytest.mark.parametrize("first", [SHOP, "*"])
def test_two_fields_are_one_value(first):
    """Which is no origin (Web Platform Tests, cors/origin)."""
    response = FetchResponse(
        200, [("access-control-allow-origin", first), ("Access-Control-Allow-Origin", SHOP)]
    )

    assert not cors_check(ask(), response).passed


def test_a_step_says_why():
    """In a line."""
    passed = cors_check(ask(), answer(**ALLOW))

    assert (
        "passes  Fetch, CORS check, step 5: https://shop.example may read it, without credentials"
        == str(passed)
    )
    assert "FAILS   A: b" == str(Step("A", False, "b"))


# CORS-preflight fetch

METHODS = "access_control_allow_methods"
NAMES = "access_control_allow_headers"


@pytest.mark.parametrize(
    ("request_", "response", "step"),
    [
        (ask(method="PUT"), answer(), "Fetch, CORS check, step 2"),
        (ask(), answer(404, **ALLOW), "Fetch, CORS-preflight fetch, steps 7 and 8"),
        (ask(), answer(302, **ALLOW), "Fetch, CORS-preflight fetch, steps 7 and 8"),
        (ask(), answer(**ALLOW, **{METHODS: "GET, (PUT)"}), "7.3"),
        (ask(), answer(**ALLOW, **{NAMES: "x one"}), "7.3"),
        (ask(method="PUT"), answer(**ALLOW), "7.5"),
        (ask(method="PUT"), answer(**ALLOW, **{METHODS: "put"}), "7.5"),
        (ask(method="patch"), answer(**ALLOW, **{METHODS: "PATCH"}), "7.5"),
        (ask("include", "PUT"), answer(**CREDENTIALS, **{METHODS: "*"}), "7.5"),
        (ask(headers=[("Authorization", "x")]), answer(**ALLOW, **{NAMES: "*"}), "7.6"),
        (ask(headers=[("X-One", "1")]), answer(**ALLOW), "7.7"),
        (ask(headers=[("X-One", "1")]), answer(**ALLOW, **{NAMES: "x-two"}), "7.7"),
        (
            ask("include", headers=[("X-One", "1")]),
            answer(**CREDENTIALS, **{NAMES: "*"}),
            "7.7",
        ),
    ],
)
def test_preflights_that_fail(request_, response, step):
    """At the step that fails, and no further."""
    steps = preflight_check(request_, response)

    assert [False] == [each.passed for each in steps[-1:]]
    assert all(each.passed for each in steps[:-1])
    assert steps[-1].cites.endswith(step)


@pytest.mark.parametrize(
    ("request_", "response"),
    [
        (ask(method="POST"), answer(204, **ALLOW)),
        (ask(method="HEAD"), answer(299, **ALLOW, **{METHODS: ""})),
        (ask(method="PUT"), answer(**ALLOW, **{METHODS: ", GET ,PUT,"})),
        (ask(method="PURGE"), answer(**ALLOW, **{METHODS: "*"})),
        (ask(headers=[("X-One", "1")]), answer(**ALLOW, **{NAMES: "X-ONE"})),
        (ask(headers=[("X-One", "1")]), answer(**ALLOW, **{NAMES: "*"})),
        (ask(headers=[("Authorization", "x")]), answer(**ALLOW, **{NAMES: "*,authorization"})),
        (ask("include", "*"), answer(**CREDENTIALS, **{METHODS: "*"})),
    ],
)
def test_preflights_that_pass(request_, response):
    """All steps of them."""
    steps = preflight_check(request_, response)

    assert all(each.passed for each in steps)
    assert steps[-1].cites.endswith("7.7")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("Accept", "text/html")], []),
        ([("Accept", "a" * 129)], ["accept"]),
        ([("Accept", "a(b")], ["accept"]),
        ([("Accept-Language", "en-US, de;q=0.5")], []),
        ([("Accept-Language", "en_US")], ["accept-language"]),
        ([("Content-Language", "en\x01")], ["content-language"]),
        ([("Content-Type", "text/plain;charset=utf-8")], []),
        ([("Content-Type", "multipart/form-data; boundary=x")], []),
        ([("Content-Type", "TEXT/plain")], []),
        ([("Content-Type", "application/json")], ["content-type"]),
        ([("Content-Type", 'text/plain; x="y"')], ["content-type"]),
        ([("Range", "bytes=0-99")], []),
        ([("Range", "bytes=0-")], []),
        ([("Range", "bytes=-99")], ["range"]),
        ([("X-B", "1"), ("x-a", "1"), ("X-b", "2")], ["x-a", "x-b"]),
        ([("Accept", "a" * 128)] * 8, []),
        ([("Accept", "a" * 128)] * 9, ["accept"]),
    ],
)
def test_unsafe_names(headers, expected):
    """What needs leave: sorted, in lower case, each once."""
    assert expected == unsafe_names(headers)


# TAO check, exposed headers


@pytest.mark.parametrize(
    ("request_", "fields", "step", "passed"),
    [
        (ask(), {}, 8, False),
        (ask(), {"timing_allow_origin": "https://a.example, *"}, 4, True),
        (ask(), {"timing_allow_origin": f"https://a.example,{SHOP}"}, 5, True),
        (ask(), {"timing_allow_origin": f"{SHOP}:443"}, 8, False),
        (ask(origin="https://api.example"), {}, 7, True),
    ],
)
def test_tao_check(request_, fields, step, passed):
    """A list, or the star in it."""
    found = tao_check(request_, answer(**fields))

    assert (f"Fetch, TAO check, step {step}", passed) == (found.cites, found.passed)


def test_times_that_were_hidden_once_stay_hidden():
    """A later response can't show them."""
    request = ask()
    request.timing_failed = True

    assert not tao_check(request, answer(timing_allow_origin="*")).passed


FIELDS = {
    "content_type": "text/plain",
    "cache_control": "no-store",
    "x_one": "1",
    "x_two": "2",
    "set_cookie": "a=b",
}


@pytest.mark.parametrize(
    ("request_", "exposed", "expected"),
    [
        (ask(), None, {"content-type", "cache-control"}),
        (ask(), "X-One", {"content-type", "cache-control", "x-one"}),
        (ask(), "x-one, x-two, set-cookie", {"content-type", "cache-control", "x-one", "x-two"}),
        (
            ask(),
            "*",
            {"content-type", "cache-control", "x-one", "x-two", "access-control-expose-headers"},
        ),
        (ask("include"), "*", {"content-type", "cache-control"}),
        (ask(), "x one", {"content-type", "cache-control"}),
        (
            ask(origin="https://api.example"),
            None,
            {"content-type", "cache-control", "x-one", "x-two"},
        ),
    ],
)
def test_readable_headers(request_, exposed, expected):
    """The safe ones, those that are named, all without credentials; cookies never."""
    fields = FIELDS if exposed is None else {**FIELDS, "access_control_expose_headers": exposed}
    seen = readable_headers(request_, answer(**fields))

    assert expected == {name for name, _ in seen}


# Origins and URLs


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.example/a?b#c", SHOP),
        ("https://shop.example:443", SHOP),
        ("http://shop.example:80/", "http://shop.example"),
        ("https://SHOP.example:8443", "https://shop.example:8443"),
        ("https://user:password@shop.example", SHOP),
        ("http://[::1]:8080/x", "http://[::1]:8080"),
    ],
)
def test_origin_of(url, expected):
    """Scheme, host, and the port unless it is the usual one."""
    assert expected == origin_of(url)


def test_resolved():
    """A Location may be relative."""
    assert "https://api.example/other" == resolved("/other", URL)
    assert "https://cdn.example/x" == resolved("//cdn.example/x", URL)


# The browser

OPEN = (("Access-Control-Allow-Origin", "*"), ("Timing-Allow-Origin", "*"))


def opened(app, **options):
    """A browser in front of an ASGI script."""
    return Browser({"https://api.example": app.asgi}, **options)


@pytest.mark.parametrize(
    ("options", "preflights", "sent"),
    [
        ({}, 0, {"origin": SHOP}),
        ({"origin": "https://api.example"}, 0, {}),
        ({"origin": "https://api.example", "method": "POST"}, 0, {"origin": "https://api.example"}),
        ({"origin": "https://api.example", "method": "PUT"}, 0, {"origin": "https://api.example"}),
        ({"headers": {"X-One": "1"}}, 1, None),
        (
            {"headers": [("Accept", "a/b"), ("Cookie", "no"), ("Sec-X", "no")]},
            0,
            {"origin": SHOP, "accept": "a/b"},
        ),
        ({"method": "put"}, 1, None),
    ],
)
def test_what_is_sent(options, preflights, sent):
    """Preflights where leave is needed; Origin where it belongs; nothing that no script can set."""
    fetched = opened(Script(headers=OPEN)).fetch(URL, **{"origin": SHOP, **options})

    assert preflights == len(fetched.preflights)
    if sent is not None:
        assert sent == dict(fetched.sent[-1][2])


def test_a_preflight_asks():
    """For the method as the browser writes it, and the names in a row; without cookies."""
    browser = opened(Script(headers=OPEN), cookies="session=1")
    fetched = browser.fetch(
        URL, origin=SHOP, method="delete", headers={"X-B": "1", "X-A": "2"}, credentials="include"
    )

    assert [
        (
            "OPTIONS",
            URL,
            [
                ("accept", "*/*"),
                ("access-control-request-method", "DELETE"),
                ("access-control-request-headers", "x-a,x-b"),
                ("origin", SHOP),
            ],
        )
    ] == fetched.sent
    assert not fetched
    assert fetched.failure is fetched.steps[-1]
    assert "step 4" in str(fetched)


@pytest.mark.parametrize(
    ("origin", "credentials", "expected"),
    [
        (SHOP, "include", "session=1"),
        (SHOP, "same-origin", None),
        (SHOP, "omit", None),
        ("https://api.example", "same-origin", "session=1"),
        ("https://api.example", "omit", None),
    ],
)
def test_cookies(origin, credentials, expected):
    """By the credentials mode."""
    browser = opened(Script(headers=OPEN), cookies="session=1")
    fetched = browser.fetch(URL, origin=origin, credentials=credentials)

    assert expected == dict(fetched.sent[0][2]).get("cookie")


def test_what_a_page_gets():
    """Status, body, the headers that it may see, the times."""
    fields = [*OPEN, ("X-One", "1"), ("X-One", "2"), ("Access-Control-Expose-Headers", "x-one")]
    fetched = opened(Script(status=404, headers=fields)).fetch(URL, origin=SHOP)

    assert fetched
    assert (404, b"hello", "1, 2", None) == (
        fetched.status,
        fetched.body,
        fetched.header("X-One"),
        fetched.header("x-two"),
    )
    assert fetched.may_read_times
    assert fetched.failure is None
    assert (None, ()) == (
        Browser({}).fetch(URL, origin=SHOP).status,
        Browser({}).fetch(URL, origin=SHOP).headers,
    )


@pytest.mark.parametrize("method", ["CONNECT", "trace", "GE T", ""])
def test_methods_that_no_script_can_use(method):
    """Nothing is sent."""
    fetched = opened(Script(headers=OPEN)).fetch(URL, origin=SHOP, method=method)

    assert (False, []) == (fetched.succeeded, fetched.sent)


def test_an_error_is_a_500():
    """Without a header, as servers answer it."""
    script = Script(error=RuntimeError("a bug"), error_at="call")

    assert not opened(script).fetch(URL, origin=SHOP)
    assert 500 == opened(script).fetch(URL, origin="https://api.example").status


# Redirects


class Paths:
    """An ASGI application that answers each path in its own way: {path: (status, fields)}."""

    def __init__(self, **answers):
        self.answers = answers

    @property
    def asgi(self):
        """The application."""

        async def app(scope, receive, send):
            status, fields = self.answers[scope["path"].strip("/")]
            headers = [(n.encode(), v.encode()) for n, v in fields]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b"there"})

        return app


ANY = [("access-control-allow-origin", "*")]


def led(status, location, **options):
    """What a page gets that is led elsewhere; all places let everybody read."""
    apps = {
        "https://api.example": Paths(
            a=(status, [*ANY, ("location", location)]),
            b=(200, ANY),
            c=(302, [*ANY, ("location", "/c")]),
        ).asgi,
        "https://cdn.example": Paths(
            b=(200, ANY), back=(302, [*ANY, ("location", "https://api.example/b")])
        ).asgi,
        SHOP: Paths(b=(200, []), out=(302, [("location", "https://api.example/b")])).asgi,
    }
    return Browser(apps).fetch("https://api.example/a", **{"origin": SHOP, **options})


@pytest.mark.parametrize(
    ("status", "method", "expected"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "HEAD", "HEAD"),
        (302, "HEAD", "HEAD"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
    ],
)
def test_methods_after_a_redirect(status, method, expected):
    """GET without a body, or the same again."""
    fetched = led(status, "/b", method=method, headers={"Content-Type": "text/plain"}, body=b"x")

    assert fetched
    assert expected == fetched.sent[-1][0]
    assert (expected == method) is ("content-type" in dict(fetched.sent[-1][2]))


@pytest.mark.parametrize(
    ("location", "origin", "succeeds"),
    [
        ("/b", SHOP, True),
        ("https://cdn.example/b", "null", True),
        ("https://cdn.example/back", "null", True),
        (f"{SHOP}/b", "null", False),
        ("ftp://cdn.example/b", SHOP, False),
        ("https://user@api.example/b", SHOP, False),
        ("https://user:password@cdn.example/b", SHOP, False),
        ("https://nowhere.example/", "null", False),
        ("/c", SHOP, False),
    ],
)
def test_where_a_redirect_leads(location, origin, succeeds):
    """The origin is null once a third place is in the way; twenty are enough."""
    fetched = led(302, location)

    assert succeeds is fetched.succeeded, str(fetched)
    assert origin == dict(fetched.sent[-1][2])["origin"]
    assert len(fetched.sent) <= 21


def test_a_redirect_without_a_location_is_a_response():
    """It is read as it is."""
    browser = Browser({"https://api.example": Paths(a=(302, ANY)).asgi})

    assert 302 == browser.fetch("https://api.example/a", origin=SHOP).status


def test_authorization_stays_behind():
    """The moment another origin is seen."""
    fields = [*ANY, ("access-control-allow-headers", "authorization")]
    apps = {
        "https://api.example": Paths(
            a=(302, [*fields, ("location", "https://cdn.example/b")])
        ).asgi,
        "https://cdn.example": Paths(b=(200, fields)).asgi,
    }
    browser = Browser(apps)
    # The preflight of this application is a redirect, so the page asks as if it were its own.
    fetched = browser.fetch(
        "https://api.example/a", origin="https://api.example", headers={"Authorization": "x"}
    )

    assert fetched, str(fetched)
    assert ["authorization" in dict(headers) for _, _, headers in fetched.sent] == [True, False]


def test_from_its_own_place_to_another():
    """The first redirect leaves the page's origin, which stays what it is."""
    apps = {
        SHOP: Paths(out=(302, [("location", "https://api.example/b")])).asgi,
        "https://api.example": Paths(b=(200, ANY)).asgi,
    }
    fetched = Browser(apps).fetch(f"{SHOP}/out", origin=SHOP)

    assert fetched
    assert SHOP == dict(fetched.sent[-1][2])["origin"]


# Both protocols, websockets, the cache


def test_either_protocol(protocol):
    """The browser finds out which one an application speaks."""
    script = Script(headers=OPEN, read_body=True)
    app = script.wsgi if protocol == "wsgi" else script.asgi
    fetched = Browser({"https://api.example": app}).fetch(
        URL, origin=SHOP, method="POST", body=b"sent"
    )

    assert fetched.body == b"hello"
    assert [b"sent"] == script.probe.bodies


@pytest.mark.parametrize("accepts", [True, False])
def test_websockets(accepts):
    """CORS has no say in them: the application has."""
    seen = []

    async def app(scope, receive, send):
        seen.append(dict(scope["headers"]))
        await receive()
        await send({"type": "websocket.accept" if accepts else "websocket.close"})

    browser = Browser({"https://api.example": app}, cookies="session=1")

    assert accepts is browser.connect("wss://api.example/chat", origin=SHOP)
    assert (SHOP.encode(), b"session=1") == (seen[0][b"origin"], seen[0][b"cookie"])
    bare = Browser({"https://api.example": app})
    bare.connect("wss://api.example/chat", origin=SHOP)
    assert b"cookie" not in seen[1]


@pytest.mark.parametrize(
    ("vary", "visits", "hits"),
    [
        ((), [SHOP, "https://other.example"], 1),
        (("Origin",), [SHOP, "https://other.example"], 0),
        (("Origin",), [SHOP, "https://other.example", SHOP], 1),
        (("Accept, origin",), [SHOP, SHOP], 1),
        (("Accept", "Origin"), [SHOP, "https://other.example"], 0),
        (("*",), [SHOP, SHOP], 0),
        (("Cookie",), [SHOP, "https://other.example"], 1),
    ],
)
def test_the_cache(vary, visits, hits):
    """It tells requests apart by what Vary names, and by nothing else."""
    cache = SharedCache()
    script = Script(headers=[*OPEN, *(("Vary", line) for line in vary)])
    browser = opened(script, cache=cache)
    for origin in visits:
        browser.fetch(URL, origin=origin)

    assert hits == cache.hits
    assert len(visits) - hits == script.probe.calls


def test_the_cache_keeps_gets_only():
    """Of what pages send."""
    cache = SharedCache()
    browser = opened(Script(headers=OPEN), cache=cache)
    for method in ("POST", "POST", "PUT"):
        browser.fetch(URL, origin=SHOP, method=method)

    assert 0 == cache.hits


def test_the_fixture(browser, protocol):
    """A browser in front of one application, whatever its protocol."""
    script = Script(headers=OPEN)
    app = script.wsgi if protocol == "wsgi" else script.asgi
    cache = SharedCache()
    page = browser(app, at="https://other.example", cookies="a=b", cache=cache)

    assert page.fetch("https://other.example/x", origin=SHOP).succeeded
    assert browser(app).fetch(URL, origin=SHOP).succeeded
    assert ("a=b", cache) == (page.cookies, page.cache)
