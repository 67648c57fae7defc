"""CORS held to what browsers and caches do: never too much, never too little.

Knows settings, what they mean in words of their own, and the oracle of `dualware.testing`: a
browser by the Fetch standard, and a shared cache. Must never look at how the middleware decides.
"""

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dualware import load
from dualware.middleware.cors import Decision
from dualware.testing import PROTOCOLS, Browser, Script, SharedCache

HERE = "https://api.example"
URL = f"{HERE}/items"

ORIGINS = [
    "https://shop.example",
    "http://shop.example",
    "https://shop.example:8443",
    "https://a.shop.example",
    "https://a.b.shop.example",
    "https://evilshop.example",
    "https://shop.example.evil.example",
    "https://other.example",
    "https://localhost",
    "null",
]

# Who is meant, told by a settings mapping and, apart from it, by a predicate.
WHO = {
    "everybody": ({"allow_origins": ["*"]}, lambda origin: True),
    "one": ({"allow_origins": ["https://shop.example"]}, lambda o: o == "https://shop.example"),
    "list": (
        {"allow_origins": ["https://shop.example", "https://shop.example:8443"]},
        lambda o: o in ("https://shop.example", "https://shop.example:8443"),
    ),
    "subdomains": (
        {"allow_origins": ["https://*.shop.example"]},
        lambda o: re.fullmatch(r"https://([a-z]+\.)+shop\.example", o) is not None,
    ),
    "ports": (
        {"allow_origins": ["https://shop.example:*"]},
        lambda o: re.fullmatch(r"https://shop\.example(:[0-9]+)?", o) is not None,
    ),
    "regex": (
        {"allow_origin_regex": r"https://[a-z.]*shop\.example"},
        lambda o: o.startswith("https://") and o.endswith("shop.example"),
    ),
    "callable": (
        {"allow_origins": lambda origin, request: Decision("shop" in origin, ("Cookie",))},
        lambda o: "shop" in o,
    ),
    "null": ({"dangerously_allow_null_origin": True}, lambda o: o == "null"),
    "static": (
        {"allow_origins": ["https://shop.example"], "always_send": True},
        lambda o: o == "https://shop.example",
    ),
}
NAMES = ["x-one", "x-two", "content-type", "authorization", "accept-language"]
FREE = ("everybody", "null")
"""Who can't have credentials."""

wishes = st.fixed_dictionaries(
    {
        "who": st.sampled_from(sorted(WHO)),
        "credentials": st.booleans(),
        "methods": st.sampled_from([[], ["PUT"], ["PUT", "PATCH"], ["*"], ["GET", "DELETE"]]),
        "names": st.sampled_from(
            [[], ["x-one"], ["x-one", "content-type"], ["*"], ["*", NAMES[3]]]
        ),
        "expose": st.sampled_from([[], ["x-total"], ["*"], "all"]),
        "more": st.fixed_dictionaries(
            {},
            optional={
                "advertise": st.just("all"),
                "vary_preflight": st.just(False),
                "success_status": st.sampled_from([200, 299]),
                "failure_status": st.sampled_from([400, 200, 204]),
                "explain": st.just(True),
                "max_age": st.sampled_from([0, 60]),
                "on_exception": st.just("respond"),
            },
        ),
    }
)
requests = st.fixed_dictionaries(
    {
        "origin": st.sampled_from(ORIGINS),
        "method": st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "patch", "DELETE"]),
        "headers": st.lists(st.sampled_from(NAMES), unique=True, max_size=3).map(
            lambda names: {n: "a/b" if n == "content-type" else "en\\" for n in names}
        ),
        "credentials": st.sampled_from(["omit", "same-origin", "include"]),
    }
)
apps = st.builds(
    Script,
    status=st.sampled_from([200, 404, 500]),
    headers=st.sampled_from(
        [
            (("X-Total", "7"), ("X-Own", "1"), ("Content-Type", "text/plain")),
            (("X-Total", "7"), ("X-Own", "1"), ("Access-Control-Allow-Origin", "*")),
            (("X-Total", "7"), ("X-Own", "1"), ("Vary", "Accept"), ("Vary", "accept")),
        ]
    ),
)


def settings_of(wish):
    """The settings mapping of a wish; what can't be wished for is left out."""
    who, _ = WHO[wish["who"]]
    with_credentials = wish["credentials"] and wish["who"] not in FREE
    exposed = wish["expose"]
    if exposed == ["*"] and with_credentials:
        exposed = "all"
    return {
        **who,
        "allow_credentials": with_credentials,
        "allow_methods": wish["methods"],
        "allow_headers": wish["names"],
        **({"expose_all": True} if exposed == "all" else {"expose_headers": exposed}),
        **wish["more"],
    }


def is_meant(wish, request):
    """Whether the settings mean to allow it, in plain words."""
    with_credentials = wish["credentials"] and wish["who"] not in FREE
    if not WHO[wish["who"]][1](request["origin"]):
        return False
    if request["credentials"] == "include" and not with_credentials:
        return False
    if request["method"] not in ("GET", "HEAD", "POST", *wish["methods"]) and (
        "*" not in wish["methods"]
    ):
        return False
    listed = set(wish["names"])
    starred = "*" in listed
    for name in request["headers"]:
        if name == "authorization" and not with_credentials and name not in listed:
            return False
        if name not in listed and not starred:
            return False
    return True


def visible(wish):
    """The two fields of the applications that a page may see, in plain words."""
    both = {"x-total", "x-own"}
    return both if wish["expose"] in (["*"], "all") else set(wish["expose"])


def browser_for(protocol, wish, app, **options):
    """A browser in front of the application within the middleware."""
    stack = load({"cors": settings_of(wish)})
    wrapped = stack.wsgi(app.wsgi) if protocol == "wsgi" else stack.asgi(app.asgi)
    return Browser({HERE: wrapped}, cookies="session=1", **options)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PROTOCOLS), wishes, requests, apps)
def test_nothing_more_and_nothing_less(protocol, wish, request, app):
    """A page reads the response if, and only if, the settings mean that it may."""
    # cors R7, cors R15, cors R23, cors R28, cors R29, cors R30, cors R33, cors R35, cors R52
    fetched = browser_for(protocol, wish, app).fetch(URL, **request)

    assert is_meant(wish, request) is fetched.succeeded, str(fetched)
    if fetched.succeeded:
        assert app.status == fetched.status
        assert visible(wish) == {name for name, _ in fetched.headers if name.startswith("x-")}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PROTOCOLS), wishes, requests)
def test_the_denied_learn_nothing(protocol, wish, request):
    """Whoever is not meant is told no word of the policy, whatever it asks for."""
    # cors R16, cors R26
    assume(not WHO[wish["who"]][1](request["origin"]))
    assume(wish["who"] != "static")
    browser = browser_for(protocol, wish, Script())
    seen = []
    send = browser._send

    def watched(*args):
        response = send(*args)
        seen.append(response)
        return response

    browser._send = watched
    browser.fetch(URL, **request)

    assert [] == [
        name for each in seen for name, _ in each.headers if name.startswith("access-control-")
    ]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(PROTOCOLS),
    wishes,
    st.lists(
        st.tuples(
            st.sampled_from([*ORIGINS, HERE]), st.sampled_from(["omit", "same-origin", "include"])
        ),
        min_size=2,
        max_size=6,
    ),
    apps,
)
def test_no_cache_is_fooled(protocol, wish, visits, app):
    """Whoever came first: with a shared cache between, everybody gets what they would without."""
    # cors R13, cors R14, cors R20, cors R50
    cached = browser_for(protocol, wish, app, cache=SharedCache())
    direct = browser_for(protocol, wish, app)
    for origin, credentials in visits:
        results = [
            browser.fetch(URL, origin=origin, credentials=credentials)
            for browser in (cached, direct)
        ]

        assert results[0].succeeded is results[1].succeeded
        assert results[0].headers == results[1].headers


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(PROTOCOLS), st.sampled_from(sorted(WHO)), apps)
def test_caches_may_share_what_is_the_same(protocol, who, app):
    """Where everybody gets the same, one response is enough for all of them."""
    # cors R13
    assume(app.headers[-1][0] != "vary")
    cache = SharedCache()
    wish = {
        "who": who, "credentials": False, "methods": [], "names": [], "expose": [], "more": {},
    }  # fmt: skip
    browser = browser_for(protocol, wish, app, cache=cache)
    for origin in ORIGINS:
        browser.fetch(URL, origin=origin, credentials="omit")

    assert (len(ORIGINS) - 1 if who in ("everybody", "static") else 0) == cache.hits


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(PROTOCOLS),
    st.sampled_from(ORIGINS),
    st.sampled_from([["https://shop.example"], "*", ["https://*.shop.example"], None]),
)
def test_times_are_shown_to_those_who_are_meant(protocol, origin, timing):
    """Resource Timing, by its own list."""
    # cors R50
    stack = load(
        {
            "cors": {
                "allow_origins": ["*"],
                **({} if timing is None else {"timing_origins": timing}),
            }
        }
    )
    script = Script()
    app = stack.wsgi(script.wsgi) if protocol == "wsgi" else stack.asgi(script.asgi)
    fetched = Browser({HERE: app}).fetch(URL, origin=origin)
    meant = {
        "*": True,
        "https://shop.example": origin == "https://shop.example",
        "https://*.shop.example": re.fullmatch(r"https://([a-z]+\.)+shop\.example", origin)
        is not None,
    }

    assert bool(timing and meant[timing if timing == "*" else timing[0]]) is fetched.may_read_times


# An exception, a redirect


@pytest.mark.parametrize("how", ["raise", "respond"])
def test_a_page_reads_the_error(protocol, how):
    """On demand; by default it can't tell it from a server that is not there."""
    # cors R21
    stack = load({"cors": {"allow_origins": ["https://shop.example"], "on_exception": how}})
    script = Script(error=RuntimeError("a bug"), error_at="call")
    app = stack.wsgi(script.wsgi) if protocol == "wsgi" else stack.asgi(script.asgi)
    fetched = Browser({HERE: app}).fetch(URL, origin="https://shop.example")

    assert (how == "respond") is fetched.succeeded
    assert (500 if how == "respond" else None) == fetched.status


def test_a_page_is_led_elsewhere(protocol):
    """The redirect has to be readable as well, and makes the origin null at the third place."""
    # cors R11, cors R14, cors R15
    stack = load({"cors": {"allow_origins": ["https://shop.example"]}})
    away = Script(status=302, headers=[("Location", "https://cdn.example/x")], chunks=[])
    there = Script()

    def wrapped(script, use):
        return use.wsgi(script.wsgi) if protocol == "wsgi" else use.asgi(script.asgi)

    open_to_null = load({"cors": {"dangerously_allow_null_origin": True}})
    for use, expected in ((stack, False), (open_to_null, True)):
        browser = Browser({HERE: wrapped(away, stack), "https://cdn.example": wrapped(there, use)})
        fetched = browser.fetch(URL, origin="https://shop.example")

        assert expected is fetched.succeeded
        assert "null" == dict(fetched.sent[-1][2])["origin"]
