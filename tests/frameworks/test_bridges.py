"""One framework inside another: one id, one line, one set of headers, one record.

Each is as its users write it, with a stack outside, inside, or both. Must never know how a stack
finds out that it stands inside another: `tests.test_nesting` does.
"""

import pytest
from a2wsgi import ASGIMiddleware as ToWSGI
from a2wsgi import WSGIMiddleware as FromWSGI
from asgiref.wsgi import WsgiToAsgi
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from flask import Flask
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.routing import Mount
from werkzeug.middleware.dispatcher import DispatcherMiddleware

import dualware
from dualware.frameworks import django as of_django
from dualware.frameworks.flask import Dualware
from dualware.frameworks.starlette import install
from dualware.testing import ASGIClient, WSGIClient
from tests.frameworks.django_parts import MIDDLEWARE, project

GOOD = "f9ed4675f1c53513c61a3b3b4e25b4c0"

# See `tests.test_nesting.test_send_is_taken_for_a_coroutine_function`.
pytestmark = pytest.mark.filterwarnings("ignore:async_to_sync was passed:UserWarning")

each_place = pytest.mark.parametrize(
    ("outside", "inside"), [(True, False), (False, True), (True, True)]
)


class Outer(BaseHTTPMiddleware):
    """Middleware of the application outside, which tells the record something as well."""

    async def dispatch(self, request, call_next):
        dualware.add_fields(outer=dualware.request_id())
        return await call_next(request)


def flask_app(settings):
    """A Flask application, with a stack of its own or not."""
    app = Flask("inner")

    @app.get("/items/<int:number>")
    def item(number):
        dualware.add_fields(number=number)
        return str(dualware.request_id())

    @app.get("/fail")
    def fail():
        raise ZeroDivisionError

    if settings is not None:
        Dualware(app, settings)
    return app


def starlette_app(mounted, settings):
    """A Starlette application that mounts another, with a stack of its own or not."""
    app = Starlette(routes=[Mount("/shops/{shop}", mounted)])
    app.add_middleware(Outer)
    if settings is not None:
        install(app, settings)
    return app


def get(app, path):
    """One request to an ASGI application."""
    client = ASGIClient(app, lint=False)
    headers = {"X-Request-ID": GOOD}
    return client.request_sync(path=path, headers=headers, backend="asyncio").reraise()


def assert_once(result, lines, route, **fields):
    """One of each, and what both sides told is on the one line."""
    (line,) = lines

    assert [GOOD] == result.header_all("x-request-id")
    assert 1 == len(result.header_all("server-timing"))
    assert GOOD == line["http.request.id"]
    assert route == line.get("http.route")
    assert fields == {name: line.get(name) for name in fields}


@each_place
@pytest.mark.parametrize("bridge", [FromWSGI, WsgiToAsgi])
def test_flask_in_starlette(outside, inside, bridge, everything, lines):
    """The route is that of both, as far as there is a stack."""
    inner = flask_app(everything if inside else None)
    app = starlette_app(bridge(inner), everything if outside else None)
    result = get(app, "/shops/secret/items/7")
    route = {
        (True, True): "/shops/{shop}/items/<int:number>",
        (True, False): "/shops/{shop}/{path}",
        (False, True): "/items/<int:number>",
    }[outside, inside]

    assert GOOD.encode() == result.body
    assert_once(result, lines, route, number=7, outer=GOOD if outside else None)


@each_place
def test_flask_in_starlette_fails(outside, inside, everything, lines):
    """The 500 that Flask makes is a response like any other; inside, its cause is known."""
    inner = flask_app(everything if inside else None)
    app = starlette_app(FromWSGI(inner), everything if outside else None)
    result = get(app, "/shops/secret/fail")

    assert 500 == result.status
    assert ("ZeroDivisionError" if inside else "500") == lines[0]["error.type"]


@each_place
def test_starlette_in_flask_under_wsgi(outside, inside, everything, lines):
    """The other way round: an ASGI application beside a Flask one, on a WSGI server."""
    mounted = starlette_app(FromWSGI(flask_app(None)), everything if inside else None)
    app = Flask("outer")
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/new": ToWSGI(mounted)})
    if outside:
        Dualware(app, everything)
    result = WSGIClient(app, lint=False).request(
        path="/new/shops/secret/items/7", headers={"X-Request-ID": GOOD}
    )

    assert GOOD.encode() == result.reraise().body
    assert_once(result, lines, "/shops/{shop}/{path}" if inside else None, number=7, outer=GOOD)


def django_inside(kind, inside, everything):
    """Django as an ASGI application, by its own handler or by a bridge."""
    if kind == "asgi":
        app = get_asgi_application()
        return of_django.asgi(app) if inside == "around" else app
    app = get_wsgi_application()
    return FromWSGI(of_django.wsgi(app) if inside == "around" else app)


@pytest.mark.parametrize("kind", ["asgi", "a2wsgi"])
@pytest.mark.parametrize(
    ("outside", "inside"),
    [
        (True, None),
        (True, "around"),
        (True, "MIDDLEWARE"),
        (False, "around"),
        (False, "MIDDLEWARE"),
    ],
)
def test_django_in_starlette(kind, outside, inside, everything, lines):
    """By either kind of handler, with its stack in either place."""
    listed = [MIDDLEWARE] if inside == "MIDDLEWARE" else []
    with project(everything, *listed):
        app = starlette_app(
            django_inside(kind, inside, everything), everything if outside else None
        )
        result = get(app, "/shops/secret/items/7/")
    within = None if inside is None else "/items/<int:number>/"
    route = f"/shops/{{shop}}{within or '/{path}'}" if outside else within

    assert b"7" == result.body
    assert_once(result, lines, route, number=7, outer=GOOD if outside else None)


@pytest.mark.parametrize("listed", [[], [MIDDLEWARE]])
def test_django_and_flask_in_one_process(listed, everything, lines):
    """Two applications behind one stack: every request is one exchange."""
    with project(everything, *listed):
        shop = flask_app(everything)
        app = dualware.wrap(
            DispatcherMiddleware(get_wsgi_application(), {"/shop": shop}),
            everything,
            protocol="wsgi",
        )
        client = WSGIClient(app, lint=False)
        headers = {"X-Request-ID": GOOD}
        for path, route in (
            ("/items/7/", "/items/<int:number>/" if listed else None),
            ("/shop/items/7", "/items/<int:number>"),
        ):
            lines.clear()
            result = client.request(path=path, headers=headers).reraise()

            assert_once(result, lines, route, number=7)
