"""CORS in the frameworks that people use: their own 500s, redirects, routers and neighbours.

Knows Starlette and Flask, and asks them as a browser does. Must never know the middleware inside
out: what is told here is what a page gets.
"""

import pytest
from flask import Flask
from starlette.applications import Starlette
from starlette.middleware import Middleware as Slot
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

import dualware.asgi
import dualware.wsgi
from dualware.testing import ASGIClient
from tests.cors.parts import A

HERE = "https://api.example"
SETTINGS = {"allow_origins": [A], "allow_methods": ["PUT"], "allow_headers": ["x-one"]}


async def items(request):
    """Enough text for GZip."""
    return PlainTextResponse("items " * 200)


async def broken(request):
    """A bug."""
    raise RuntimeError("a bug")


async def own_page(request, error):
    """A page for errors."""
    return PlainTextResponse("our fault", 500)


def starlette(*slots, handlers=None):
    """A Starlette application with these middleware, outermost first."""
    routes = [Route("/items/", items, methods=["GET", "PUT"]), Route("/broken", broken)]
    return Starlette(routes=routes, middleware=list(slots), exception_handlers=handlers or {})


def ask(app, method="GET", path="/items/", **options):
    """One request; no rule is broken but that Starlette writes into the scope that it is given."""
    client = ASGIClient(app, lint=False)
    result = client.request_sync(method, path, backend="asyncio", **options)

    assert {"connection-mutated"} >= {each.rule for each in result.violations}
    return result


OURS = Slot(dualware.asgi.CORSMiddleware, **SETTINGS)


@pytest.mark.parametrize("inside", [True, False])
def test_vary_with_gzip(inside):
    """In either order both names are there, each once."""
    # cors R18
    zips = Slot(GZipMiddleware)
    app = starlette(*([OURS, zips] if inside else [zips, OURS]))
    result = ask(app, headers={"Origin": A, "Accept-Encoding": "gzip"})

    assert "gzip" == result.header("content-encoding")
    assert ["accept-encoding", "origin"] == sorted(result.header("vary").lower().split(", "))


@pytest.mark.parametrize(
    ("app", "status", "body"),
    [
        (starlette(OURS), None, b""),
        (starlette(OURS, handlers={500: own_page}), None, b""),
        (
            starlette(
                Slot(dualware.asgi.CORSMiddleware, on_exception="respond", **SETTINGS),
                handlers={500: own_page},
            ),
            500,
            b"Internal Server Error\n",
        ),
        (
            dualware.asgi.CORSMiddleware(starlette(handlers={500: own_page}), **SETTINGS),
            500,
            b"our fault",
        ),
        (dualware.asgi.CORSMiddleware(starlette(), **SETTINGS), 500, b"Internal Server Error"),
    ],
    ids=["inside", "inside, own page", "answered", "outermost, own page", "outermost"],
)
def test_the_500_of_starlette(browser, app, status, body):
    """It is made outside of all added middleware: readable on demand, or where we stand outermost.

    Nothing is sent twice: the client that the browser uses would see it.
    """
    # cors R21
    fetched = browser(app).fetch(f"{HERE}/broken", origin=A)

    assert (status is not None) is fetched.succeeded, str(fetched)
    assert (status, body) == (fetched.status, fetched.body)
    linted = ask(app, path="/broken", headers={"Origin": A})
    assert 500 == linted.status
    assert "a bug" == str(linted.error)


@pytest.mark.parametrize("path", ["/items", "/items/", "/nowhere"])
def test_a_preflight_is_not_led_elsewhere(browser, path):
    """Neither to the path with a slash, nor to https:, nor asked of the router."""
    # cors R39, cors R40
    app = starlette(OURS, Slot(HTTPSRedirectMiddleware))
    fetched = browser(app).fetch(f"{HERE}{path}", origin=A, method="PUT", headers={"X-One": "1"})
    asked = {"Origin": A, "Access-Control-Request-Method": "PUT"}

    assert 204 == ask(app, "OPTIONS", path, scheme="http", headers=asked).status
    # Another slash is another URL, and needs a preflight of its own: which passes as well.
    assert fetched.succeeded, str(fetched)
    assert (2 if path == "/items" else 1) == len(fetched.preflights)


def test_a_route_that_knows_no_options(browser):
    """A policy of a path answers for it: the router would say 405."""
    # cors R49, cors R40
    app = starlette(Slot(dualware.asgi.CORSMiddleware, policies=[("/items", SETTINGS)]))
    fetched = browser(app).fetch(f"{HERE}/items/", origin=A, method="PUT")

    assert fetched, str(fetched)
    assert 405 == ask(starlette(), "OPTIONS").status


def test_a_view_chooses(browser):
    """In Flask by the environ of the request; in both by the function."""
    # cors R49
    from flask import request

    from dualware.middleware.cors import use_policy

    site = Flask(__name__)

    @site.get("/environ")
    def by_environ():
        request.environ["dualware.cors"] = "open"
        return "chosen"

    @site.get("/function")
    def by_function():
        use_policy("open")
        return "chosen"

    policies = [("/open", {"allow_origins": ["*"], "name": "open"}), ("/", SETTINGS)]
    page = browser(dualware.wsgi.CORSMiddleware(site, policies=policies))

    for path in ("/environ", "/function"):
        assert page.fetch(f"{HERE}{path}", origin="https://anybody.example").body == b"chosen"


def test_options_of_flask(browser):
    """Flask answers OPTIONS by itself; a preflight never gets there."""
    # cors R3, cors R39
    site = Flask(__name__)
    seen = []

    @site.before_request
    def watch():
        from flask import request

        seen.append(request.method)

    @site.put("/items")
    def change():
        return "changed"

    page = browser(dualware.wsgi.CORSMiddleware(site, **SETTINGS))
    fetched = page.fetch(f"{HERE}/items", origin=A, method="PUT", headers={"X-One": "1"})

    assert b"changed" == fetched.body
    assert ["PUT"] == seen
