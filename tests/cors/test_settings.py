"""What is wrong with settings: every mistake with its code, its place and what to write.

Knows the rules of section E. Must never make a request but to see that settings took effect.
"""

import logging
import pickle
import re
import sys

import pytest

from dualware import SettingsError, load
from dualware.core.cors import suffixes
from dualware.middleware.cors import CORS, CORSSettings
from dualware.settings.reading import validated
from tests.cors.parts import EVIL, A, B, actual, cors, preflight, shared


def problems(settings):
    """Every problem as (code, path, hint)."""
    with pytest.raises(SettingsError) as caught:
        load({"cors": settings})
    return [(each.code, each.path, each.hint) for each in caught.value.problems]


def places(settings):
    """The same without the hints."""
    return [(code, path) for code, path, _ in problems(settings)]


# Origins


@pytest.mark.parametrize("settings", [True, {}, {"allow_origins": []}, {"allow_credentials": True}])
def test_no_origins(settings):
    """They have to be given."""
    # cors R42
    expected = "name the origins, as ['https://shop.example']"

    assert [("DW103", "cors.allow_origins", expected)] == problems(settings)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("null", "leave it out"),
        ("", "write 'https://shop.example'"),
        ("shop.example", "write 'https://shop.example'"),
        ("shop.example:8443", "write 'https://shop.example:8443'"),
        ("*.shop.example", "write 'https://*.shop.example'"),
        ("file:///etc/passwd", ""),
        ("file://shop.example", ""),
        ("https://shop.example/", "write 'https://shop.example'"),
        ("https://shop.example/path", "write 'https://shop.example'"),
        ("https://shop.example?query", "write 'https://shop.example'"),
        ("https://shop.example#fragment", "write 'https://shop.example'"),
        ("https://user:password@shop.example", "write 'https://shop.example'"),
        (" https://shop.example", "write 'https://shop.example'"),
        ("https://shop.example\n", "write 'https://shop.example'"),
        ("https://SHOP.example", "write 'https://shop.example'"),
        ("HTTPS://shop.example", "write 'https://shop.example'"),
        ("https://sh\xf6p.example", "write the host as 'xn--…'"),
        ("https://xn--f.example", "let a tool make it from the name"),
        ("https://shop.example:443", "write 'https://shop.example'"),
        ("http://shop.example:80", "write 'http://shop.example'"),
        ("https://shop.example:0", "write 'https://shop.example'"),
        ("https://shop.example:08443", "write 'https://shop.example'"),
        ("https://shop.example:65536", "use 1 to 65535"),
        ("https://shop.example:", "write 'https://shop.example'"),
        ("http://127.1", "write four numbers, as '127.0.0.1'"),
        ("http://127.0.0.1.1", "write four numbers, as '127.0.0.1'"),
        ("http://shop.example.1", "write four numbers, as '127.0.0.1'"),
        ("http://127.0.0.1.", "write four numbers, as '127.0.0.1'"),
        ("http://*.127.0.0.1", "leave '*.' out"),
        ("http://[::0001]", "write '[::1]'"),
        ("http://[::ffff:127.0.0.1]", "write '127.0.0.1'"),
        ("http://[::1%25eth0]", "write 'https://shop.example'"),
        ("http://[1:2]", "write it as '[2001:db8::1]'"),
        ("http://*.[::1]", "leave '*.' out"),
        ("https://*", "write 'https://*.example.com' or 'https://example.com:*'"),
        ("https://a.*.example", "write 'https://*.example.com' or 'https://example.com:*'"),
        ("https://*a.example", "write 'https://*.example.com' or 'https://example.com:*'"),
        ("https://**.example", "write 'https://*.example.com' or 'https://example.com:*'"),
        ("*://shop.example", "write 'https://shop.example'"),
        ("https://a..example", "write 'https://shop.example'"),
        ("https://" + ".".join(["a" * 63] * 4), "use 253 characters or less"),
        ("https://*." + ".".join(["a" * 62] * 4) + ".b", "use 253 characters or less"),
    ],
    ids=lambda value: ascii(value)[:32],
)
@pytest.mark.parametrize("name", ["allow_origins", "timing_origins", "websocket_origins"])
def test_what_is_no_origin(name, text, hint):
    """One spelling, the one that browsers send; what to write instead where that is known."""
    # cors R42, cors R50, cors R54
    settings = {"allow_origins": [A], name: [A, text]}

    assert [("DW202", f"cors.{name}[1]", hint)] == problems(settings)


@pytest.mark.parametrize(
    "text",
    [
        "https://shop.example",
        "http://localhost:3000",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "https://*.shop.example",
        "https://shop.example:*",
        "https://shop.example.",
        "https://xn--shp-qla.example",
        "chrome-extension://abcdefghijklmnop",
        "capacitor://localhost",
        "https://under_score.example",
    ],
)
def test_what_is_an_origin(text):
    """As browsers write them."""
    # cors R42
    (built,) = cors(allow_origins=[text])

    assert [text] == built.settings.allow_origins


AGES = "write seconds from 0 to 86400, or 'never'"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"allow_origins": "https://a.example"}, ("DW104", 'write ["https://a.example"]')),
        ({"allow_origins": "*"}, ("DW104", 'write ["*"]')),
        ({"allow_methods": "PUT"}, ("DW104", 'write ["PUT"]')),
        ({"allow_headers": "X-One"}, ("DW104", 'write ["X-One"]')),
        ({"expose_headers": "X-One"}, ("DW104", 'write ["X-One"]')),
        ({"vary": "Cookie"}, ("DW104", 'write ["Cookie"]')),
        ({"allow_origins": 7}, ("DW104", "")),
        ({"allow_origins": [7]}, ("DW104", "")),
        ({"allow_origins": None}, ("DW104", "")),
        ({"allow_origins": dict}, ("DW205", "make an instance of it")),
        ({"allow_origins": lambda origin: True}, ("DW205", "")),
        ({"allow_credentials": "yes"}, ("DW104", "")),
        ({"max_age": True}, ("DW104", AGES)),
        ({"max_age": "60"}, ("DW104", AGES)),
        ({"max_age": -2}, ("DW106", AGES)),
        ({"max_age": 86401}, ("DW106", AGES)),
        ({"success_status": 304}, ("DW106", "")),
        ({"failure_status": 500}, ("DW106", "")),
        ({"on_existing": "replase"}, ("DW106", "did you mean 'replace'?")),
        ({"on_exception": "respnd"}, ("DW106", "did you mean 'respond'?")),
        ({"advertise": "al"}, ("DW106", "did you mean 'all'?")),
        ({"allow_origin_regex": "("}, ("DW206", "")),
        ({"allow_origin_regex": re.compile(b"a")}, ("DW104", "")),
        ({"allow_orgins": [A]}, ("DW101", "did you mean 'allow_origins'?")),
        ({"vary": ["X_Tenant"]}, ("DW201", "write 'X-Tenant'")),
        ({"vary": ["a b"]}, ("DW201", "write a token such as 'x-request-id'")),
    ],
)
def test_types(settings, expected):
    """A string is no list, and a slip of the pen is seen."""
    # cors R42, cors R44, cors R46
    ((code, path, hint),) = problems({"allow_origins": [A], **settings})

    assert expected == (code, hint)
    assert path.startswith(f"cors.{next(iter(settings))}")


# Methods and headers


@pytest.mark.parametrize(
    "method",
    ["", "PUT,PATCH", "PUT ", "r\xe9sum\xe9", "CONNECT", "TRACE", "track", "Trace"],
)
def test_methods_that_nobody_can_use(method):
    """No token, or forbidden to scripts."""
    # cors R43
    ((code, path, hint),) = problems({"allow_origins": [A], "allow_methods": ["PUT", method]})

    assert ("DW301", "cors.allow_methods[1]") == (code, path)
    assert hint in ("write 'PUT'", "leave it out")


def test_methods_as_browsers_write_them(dual):
    """Six of them in upper case, the others as they are."""
    # cors R43
    stack = cors(allow_methods=["put", "Delete", "PUT", "Purge"])
    (built,) = stack

    assert ["PUT", "DELETE", "Purge"] == built.settings.allow_methods
    assert 204 == preflight(dual, stack, A, "Purge").status


@pytest.mark.parametrize("method", ["patch", "Query"])
def test_methods_that_look_wrong(method, caplog):
    """Browsers do not write them in upper case: a hint, since a script may mean it so."""
    # cors R43
    with caplog.at_level(logging.WARNING, "dualware"):
        cors(allow_methods=[method])

    assert f"{method!r} is another method than {method.upper()!r}" in caplog.text


FORBIDDEN = [
    "Accept-Charset",
    "Accept-Encoding",
    "Access-Control-Request-Headers",
    "Access-Control-Request-Method",
    "Connection",
    "Content-Length",
    "Cookie",
    "Cookie2",
    "Date",
    "DNT",
    "Expect",
    "Host",
    "Keep-Alive",
    "Origin",
    "Referer",
    "Set-Cookie",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "Via",
]


@pytest.mark.parametrize(
    "name",
    [*FORBIDDEN, "Sec-Foo", "Proxy-Foo", "Access-Control-Allow-Origin", "", "a b", "r\xe9sum\xe9"],
)
def test_headers_that_nobody_can_set(name):
    """The 21 of the standard, two families, and what is no token."""
    # cors R43
    assert 21 == len(FORBIDDEN)
    settings = {"allow_origins": [A], "allow_headers": ["X-One", name]}

    assert [("DW302", "cors.allow_headers[1]")] == places(settings)


def test_headers_that_look_forbidden_and_are_not():
    """User-Agent left the list in 2016."""
    # cors R43
    (built,) = cors(allow_headers=["User-Agent", "X-One", "x-one", "Security"])

    assert ["user-agent", "x-one", "security"] == built.settings.allow_headers


@pytest.mark.parametrize(
    "name",
    [
        "Set-Cookie",
        "Set-Cookie2",
        "Origin",
        "Access-Control-Request-Method",
        "Access-Control-Request-Headers",
        "Access-Control-Request-Private-Network",
        "Access-Control-Allow-Methods",
        "Access-Control-Allow-Headers",
        "Access-Control-Max-Age",
        "a b",
        "",
    ],
)
def test_headers_that_nobody_can_read(name):
    """Or that are no names."""
    # cors R43
    settings = {"allow_origins": [A], "expose_headers": [name]}

    assert [("DW302", "cors.expose_headers[0]")] == places(settings)


def test_headers_that_everybody_can_read(dual):
    """The seven that are safe need no mention, and get none."""
    # cors R43
    safe = [
        "Cache-Control",
        "Content-Language",
        "Content-Length",
        "Content-Type",
        "Expires",
        "Last-Modified",
        "Pragma",
    ]
    stack = cors(expose_headers=[*safe, "X-One", "X-One"])

    assert 7 == len(safe)
    assert "X-One" == actual(dual, stack).header("access-control-expose-headers")
    assert {"allow-origin": A} == shared(actual(dual, cors(expose_headers=safe)))


# What does not go together

CREDENTIALS = {"allow_credentials": True}


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"allow_origins": ["*"]}, "allow_origins[0]"),
        ({"allow_origins": ["http://shop.example"]}, "allow_origins[0]"),
        ({"allow_origins": [A, "http://192.168.0.1:8080"]}, "allow_origins[1]"),
        ({"allow_origins": ["http://*.shop.example"]}, "allow_origins[0]"),
        ({"allow_origins": ["http://localhost.evil.example"]}, "allow_origins[0]"),
        ({"allow_origins": ["http://127.evil.example"]}, "allow_origins[0]"),
        ({"allow_origins": ["https://*.com"]}, "allow_origins[0]"),
        ({"allow_origins": ["https://*.com.:*"]}, "allow_origins[0]"),
        ({"allow_origins": ["https://*.co.uk"]}, "allow_origins[0]"),
        ({"allow_origins": ["https://*.github.io:8443"]}, "allow_origins[0]"),
        ({"allow_origin_regex": ".*"}, "allow_origin_regex"),
        ({"allow_origin_regex": re.compile("https?://.+")}, "allow_origin_regex"),
        ({"dangerously_allow_null_origin": True}, "dangerously_allow_null_origin"),
        ({"allow_origins": [A], "expose_headers": ["X-One", "*"]}, "expose_headers"),
    ],
)
def test_credentials_are_for_those_that_can_be_told(settings, path):
    """Not for everybody, nor for whom anybody can be."""
    # cors R44, cors R11, cors R23
    assert [("DW303", f"cors.{path}")] == places(CREDENTIALS | settings)
    if path != "allow_origin_regex":
        cors(**settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"allow_origins": ["http://localhost:3000", "http://a.localhost", "http://*.localhost"]},
        {"allow_origins": ["http://127.0.0.1", "http://127.1.2.3:8080", "http://[::1]:8080"]},
        {"allow_origins": ["https://*.shop.example", "https://shop.example:*"]},
        {"allow_origins": ["capacitor://localhost"]},
        {"allow_origins": ["http://shop.example"], "dangerously_allow_insecure_origins": True},
        {"allow_origins": ["https://*.com"], "dangerously_allow_public_suffix": True},
        {"allow_origin_regex": r"https://[a-z]+\.shop\.example"},
        {"allow_origins": lambda origin, request: True},
    ],
)
def test_credentials_that_are_fine(settings):
    """Secure origins, what never leaves the machine, and what somebody insists on.

    Nobody can tell what a callable allows.
    """
    # cors R44
    (built,) = cors(**CREDENTIALS, **settings)

    assert built.settings.allow_credentials


def test_public_suffixes_without_the_list(monkeypatch):
    """What is not installed is not needed: names of one label are known."""
    # cors R44
    monkeypatch.setitem(sys.modules, "publicsuffixlist", None)
    suffixes._listed.cache_clear()
    try:
        assert [True, False, False] == [
            suffixes.is_public_suffix(each) for each in ("com", "co.uk", "localhost")
        ]
    finally:
        suffixes._listed.cache_clear()


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"allow_origins": ["*", A]}, "allow_origins"),
        ({"allow_origins": ["*"], "allow_origin_regex": "https://a"}, "allow_origins"),
        ({"always_send": True, "allow_origins": [A, B]}, "always_send"),
        ({"always_send": True, "allow_origins": ["https://*.a.example"]}, "always_send"),
        ({"always_send": True, "allow_origins": ["*"]}, "always_send"),
        ({"always_send": True, "allow_origins": lambda o, r: True}, "always_send"),
        ({"always_send": True, "allow_origins": [A], "allow_origin_regex": "b"}, "always_send"),
        ({"expose_all": True, "allow_origins": [A], "expose_headers": ["X"]}, "expose_all"),
        ({"allow_origins": ["*"], "websocket_origins": "same-policy"}, "websocket_origins"),
        ({"allow_origins": [A], "websocket_origins": ["*", A]}, "websocket_origins"),
        ({"allow_origins": [A], "timing_origins": ["*", A]}, "timing_origins"),
    ],
)
def test_settings_that_exclude_each_other(settings, path):
    """One of them would mean nothing."""
    # cors R44, cors R14, cors R55
    assert [("DW203", f"cors.{path}")] == places(settings)


def test_everything_at_once():
    """What is wrong by itself, and what is wrong together, in one error."""
    # cors R42, cors R43, cors R44
    settings = {
        "allow_origins": ["https://*.com", "http://shop.example", "shop.example"],
        "allow_credentials": True,
        "allow_methods": ["TRACE", "PUT", ""],
        "allow_headers": "X-One",
        "expose_headers": ["*", "Origin"],
        "max_age": 100_000,
        "allow_origin_regex": ".*",
        "advertize": "all",
        "dangerously_allow_null_origin": True,
    }

    assert {
        ("DW202", "cors.allow_origins[2]"),
        ("DW301", "cors.allow_methods[0]"),
        ("DW301", "cors.allow_methods[2]"),
        ("DW104", "cors.allow_headers"),
        ("DW302", "cors.expose_headers[1]"),
        ("DW106", "cors.max_age"),
        ("DW101", "cors.advertize"),
        ("DW303", "cors.allow_origin_regex"),
        ("DW303", "cors.dangerously_allow_null_origin"),
    } == set(places(settings))


def test_everything_at_once_in_policies():
    """As told of each of them, with its place."""
    # cors R42, cors R48
    settings = {
        "policies": [
            ("api", {"allow_origins": ["*"], "allow_credentials": True}),
            ("/b/../c", {"allow_origins": "https://a.example"}),
            ("/d", {"allow_orgins": [A]}),
            ("/e", 7),
            "/f",
            (None, {"allow_origins": [A], "name": "admin"}),
            ("/g", {"allow_origins": [A], "policies": []}),
        ]
    }

    assert [
        ("DW304", "cors.policies[0][0]"),
        ("DW303", "cors.policies[0][1].allow_origins[0]"),
        ("DW304", "cors.policies[1][0]"),
        ("DW104", "cors.policies[1][1].allow_origins"),
        ("DW101", "cors.policies[2][1].allow_orgins"),
        ("DW103", "cors.policies[2][1].allow_origins"),
        ("DW105", "cors.policies[3][1]"),
        ("DW104", "cors.policies[4]"),
        ("DW103", "cors.policies[5][0]"),
        ("DW101", "cors.policies[6][1].policies"),
    ] == places(settings)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"policies": 7}, ("DW104", "cors.policies")),
        ({"policies": [("/", {"allow_origins": [A]})], "max_age": 5}, ("DW203", "cors.max_age")),
        (
            {"policies": [(p, {"allow_origins": [A], "name": "x"}) for p in ("/a", "/b")]},
            ("DW203", "cors.policies"),
        ),
    ],
)
def test_policies_as_a_whole(settings, expected):
    """A list; alone; and each name once."""
    # cors R48, cors R49
    assert [expected] == places(settings)


def test_a_named_policy_awaits_nothing():
    """It is chosen when the response starts: too late to ask."""
    # cors R49, cors R10

    async def decide(origin, request):
        return True

    policy = {"allow_origins": decide, "name": "x"}

    assert [("DW205", "cors.policies[0][1].name")] == places({"policies": [("/", policy)]})


# Smells


@pytest.mark.parametrize(
    ("regex", "said"),
    [
        (r"https://[a-z]+.shop.example", "any character"),
        (r"https://shop\.example.com$", "any character"),
        (r".*\.shop\.example", "begins with anything"),
        (r"shop\.example", "names no scheme"),
        (r"^https://shop\.example", "say nothing here"),
        (r"https://shop\.example$", "say nothing here"),
    ],
)
def test_expressions_that_look_wrong(regex, said, caplog):
    """They work as they are written, which is probably not as they were meant."""
    # cors R45
    with caplog.at_level(logging.WARNING, "dualware"):
        cors(policies=[("/", {"allow_origin_regex": re.compile(regex)})])

    assert said in caplog.text


@pytest.mark.parametrize(
    "regex",
    [r"https://[a-z]+\.shop\.example", r"https?://(a|b)\.example(:\d+)?", r"(http|https)://a\.b"],
)
def test_expressions_that_look_right(regex, caplog):
    """Nothing is said of them."""
    # cors R45
    with caplog.at_level(logging.WARNING, "dualware"):
        cors(allow_origin_regex=regex)

    assert "" == caplog.text


# Settings that change, and those that do not


def test_settings_are_frozen(dual):
    """The mapping and lists that were given are nobody's any more."""
    # cors R46
    given = {"allow_origins": [A]}
    stack = load({"cors": given})
    (middleware,) = stack
    given["allow_origins"].append(EVIL)
    middleware.settings.allow_origins.append(EVIL)
    middleware.config().clear()

    assert {} == shared(actual(dual, stack, EVIL))
    with pytest.raises(ValueError, match="frozen"):
        middleware.settings.allow_origins = [EVIL]


FULL = {
    "allow_origins": [A, "https://*.b.example:*"],
    "allow_methods": ["put", "PUT", "Purge"],
    "allow_headers": ["X-One", "Content-Type"],
    "allow_credentials": True,
    "allow_origin_regex": r"https://c\.example",
    "expose_headers": ["X-One", "Pragma"],
    "max_age": "never",
    "failure_status": 400,
    "timing_origins": "*",
    "websocket_origins": "same-origin",
}


@pytest.mark.parametrize(
    "settings",
    [
        {"allow_origins": [A]},
        {"allow_origins": (A,), "max_age": 0},
        FULL,
        {"policies": [("/a/", FULL), ("/b", {"allow_origins": ["*"], "name": "open"})]},
    ],
)
def test_config_round_trips(settings):
    """What it says makes the same again."""
    # cors R46
    (first,) = load({"cors": settings})
    (second,) = load({"cors": first.config()})

    assert first.settings == second.settings
    assert first.config() == second.config()


def test_reconfigure(dual):
    """All at once, from the next exchange on; an exchange that runs keeps what it began with."""
    # cors R46
    stack = cors(allow_methods=["PUT"])
    (middleware,) = stack
    preflight(dual, stack)
    (other,) = cors(allow_origins=[B], allow_credentials=True)

    class Swaps:
        """An application in the middle of which the settings change."""

        def __call__(self):
            middleware.reconfigure(other.settings)

    from dualware.testing import Script

    during = actual(dual, stack, A, script=Script(on_request=Swaps()))
    assert {"allow-origin": A} == shared(during)
    assert {} == shared(actual(dual, stack, A))
    assert 403 == preflight(dual, stack).status
    assert {"allow-origin": B, "allow-credentials": "true"} == shared(actual(dual, stack, B))
    assert other.settings is middleware.settings
    assert {"allow_origins": [B], "allow_credentials": True} == middleware.config()


async def awaited(origin, request):
    """A coroutine function."""
    return True


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"websocket_origins": "same-origin"}),
        ({"websocket_origins": "same-origin"}, {}),
        ({}, {"allow_origins": awaited}),
        ({"allow_origins": awaited}, {}),
    ],
)
def test_what_can_not_be_reconfigured(dual, before, after):
    """The wrapper settled it; nothing changes then."""
    # cors R46
    (middleware,) = cors(**{"allow_origins": [A], **before})
    (other,) = cors(**{"allow_origins": [B], **after})
    settings = middleware.settings
    with pytest.raises(ValueError, match="wrap it anew"):
        middleware.reconfigure(other.settings)

    assert settings is middleware.settings


def test_pickled(dual):
    """The settings make the same middleware."""
    # cors R46
    stack = pickle.loads(pickle.dumps(cors(allow_methods=["PUT"])))

    assert 204 == preflight(dual, stack).status


def test_the_class_by_hand():
    """A model of one's own making is checked as well."""
    # cors R46
    settings = CORSSettings(allow_origins=[A])

    assert settings is validated(CORSSettings, "cors", settings)
    assert "cors" == CORS.name
    with pytest.raises(ValueError, match="no origin is allowed anything"):
        CORSSettings()
    with pytest.raises(ValueError, match="expected a mapping"):
        CORSSettings.model_validate(7)
