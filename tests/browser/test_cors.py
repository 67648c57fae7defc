"""What a page in a real browser sees, against what the oracle says that it sees.

Knows two applications, wrapped alike, on real servers. The oracle asks copies of them in this
process. Must never say itself what should be seen, but for the few plain expectations beside.
"""

import json

import pytest

from dualware.testing import Browser

OF_SERVERS = {"content-length", "date", "server"}
"""What servers add to what applications say."""

JSON = {"Content-Type": "application/json"}

FETCHES = {
    "simple": ("/items", {}, True),
    "simple, safelisted header": ("/items", {"headers": {"Accept-Language": "de"}}, True),
    "simple, POST": ("/items", {"method": "POST", "body": "x"}, True),
    "preflighted, method": ("/items", {"method": "PUT"}, True),
    "preflighted, normalised method": ("/items", {"method": "put"}, True),
    "preflighted, header": ("/items", {"headers": {"X-One": "1"}}, True),
    "preflighted, JSON": ("/items", {"method": "POST", "headers": JSON, "body": "{}"}, True),
    "preflighted, all": (
        "/items",
        {"method": "PATCH", "headers": {**JSON, "x-one": "1", "Authorization": "x"}, "body": "{}"},
        True,
    ),
    "preflighted, other method": ("/items", {"method": "DELETE"}, False),
    "preflighted, lower case": ("/items", {"method": "patch"}, False),
    "preflighted, other header": ("/items", {"headers": {"X-Two": "1"}}, False),
    "impossible method": ("/items", {"method": "TRACE"}, False),
    "credentialed": ("/me", {"credentials": "include"}, True),
    "credentialed, preflighted": (
        "/items",
        {"method": "PUT", "credentials": "include", "headers": {"X-One": "1"}},
        True,
    ),
    "without credentials": ("/me", {"credentials": "omit"}, True),
    "error": ("/broken", {}, True),
    "not found": ("/nowhere", {}, True),
    "preflighted, not found": ("/nowhere", {"headers": {"X-One": "1"}}, True),
    "redirect": ("/near", {}, True),
    "redirect, preflighted": ("/near", {"method": "PUT", "headers": {"X-One": "1"}}, True),
    "everybody": ("/everybody", {}, True),
    "everybody, any header": ("/everybody", {"headers": {"X-Any": "1"}}, True),
    "everybody, Authorization": ("/everybody", {"headers": {"Authorization": "x"}}, False),
    "everybody, credentialed": ("/everybody", {"credentials": "include"}, False),
}


def oracle(places, origin, url, **options):
    """What the oracle says."""
    if "body" in options:
        options["body"] = options["body"].encode()
        options["headers"] = {"Content-Type": "text/plain", **options.get("headers", {})}
    browser = Browser(places.copies, cookies="session=1" if origin == places.home else "")
    return browser.fetch(url, origin=origin, **options)


def same(seen, told):
    """The page sees what the oracle says: success, status, body, names of headers."""
    assert told.succeeded is seen["succeeded"], f"{seen}\n{told}"
    if told.succeeded:
        assert (told.status, told.body.decode()) == (seen["status"], seen["body"])
        assert {name for name, _ in told.headers} - OF_SERVERS == {*seen["headers"]} - OF_SERVERS


@pytest.mark.parametrize("name", ["flask", "starlette"])
@pytest.mark.parametrize("case", FETCHES)
def test_a_page_that_is_allowed(page, places, name, case):
    """Each kind of request from the origin of the settings."""
    path, options, expected = FETCHES[case]
    api = places.apis[name]
    page.open(places.home)
    page.fetch(f"{api}/login", credentials="include")
    seen = page.fetch(f"{api}{path}", **options)
    told = oracle(places, places.home, f"{api}{path}", **options)

    assert expected is seen["succeeded"]
    same(seen, told)


@pytest.mark.parametrize("name", ["flask", "starlette"])
@pytest.mark.parametrize("case", FETCHES)
def test_a_page_that_is_not(page, places, name, case):
    """The same from another origin: it reads what everybody may."""
    path, options, expected = FETCHES[case]
    url = f"{places.apis[name]}{path}"
    page.open(places.foreign)
    seen = page.fetch(url, **options)

    assert (expected and path == "/everybody") is seen["succeeded"]
    same(seen, oracle(places, places.foreign, url, **options))


@pytest.mark.parametrize(("name", "other"), [("flask", "starlette"), ("starlette", "flask")])
def test_a_redirect_to_a_third_place(page, places, name, other):
    """The origin is null there, so only what everybody may read is read."""
    page.open(places.home)
    for path, expected in (("/items", False), ("/everybody", True)):
        url = f"{places.apis[name]}/far?to={places.apis[other]}{path}"
        seen = page.fetch(url)

        assert expected is seen["succeeded"]
        same(seen, oracle(places, places.home, url))


@pytest.mark.parametrize("name", ["flask", "starlette"])
def test_exposed_headers(page, places, name):
    """Those of the settings, and none else."""
    page.open(places.home)
    values = page.fetch(f"{places.apis[name]}/items")["values"]

    assert "7" == values["x-total"]
    assert "x-hidden" not in values
    everything = page.fetch(f"{places.apis[name]}/everybody")["values"]
    assert ("7", "8") == (everything["x-total"], everything["x-hidden"])


@pytest.mark.parametrize(("where", "expected"), [("home", True), ("foreign", False)])
def test_websockets(page, places, where, expected):
    """A foreign page can't open one, though its browser asks no leave. ASGI only."""
    # cors R54
    origin = getattr(places, where)
    page.open(origin)
    api = places.apis["starlette"]
    url = f"ws{api.removeprefix('http')}/chat"
    opened = page.connect(url)

    assert expected is opened
    assert opened is Browser(places.copies).connect(url, origin=origin)


@pytest.mark.parametrize("name", ["flask", "starlette"])
@pytest.mark.parametrize(("path", "shown"), [("/shown", True), ("/items", False)])
def test_server_timing(page, places, name, path, shown):
    """Scripts read Server-Timing by the Performance API, where Timing-Allow-Origin lets them."""
    # cors R50
    page.open(places.home)
    url = f"{places.apis[name]}{path}"
    seen = page.times(url)
    told = oracle(places, places.home, url)

    assert shown is told.may_read_times is bool(seen["times"]) is seen["started"]
    if shown:
        ((metric, duration, _),) = seen["times"]
        assert "app" == metric
        assert duration > 0


def test_what_the_driver_gives_is_plain_data(page, places):
    """Nothing of Selenium's is left in it."""
    page.open(places.home)
    seen = page.fetch(f"{places.apis['flask']}/items")

    assert seen == json.loads(json.dumps(seen))
