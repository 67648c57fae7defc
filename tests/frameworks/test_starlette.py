"""`install` in Starlette and FastAPI, driven by the raw client.

ASGI only: neither speaks anything else. Must never know how an application is wrapped.
"""

import asyncio
import contextlib

import pytest
from a2wsgi import WSGIMiddleware as FromWSGI
from fastapi import APIRouter, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware as Added
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute

import dualware
from dualware import SettingsError
from dualware.asgi import LoggingMiddleware, RequestIDMiddleware
from dualware.frameworks.starlette import install
from dualware.testing import ASGIClient

GOOD = "f9ed4675f1c53513c61a3b3b4e25b4c0"
INBOUND = {"X-Request-ID": GOOD}


class Failure(Exception):  # noqa: N818 - stands for any error of an application
    """What endpoints raise."""


async def tell(request):
    """Tell the id."""
    return PlainTextResponse(f"Hello {dualware.request_id()}")


async def item(request):
    """Tell the path parameter."""
    return PlainTextResponse(str(request.path_params["number"]))


async def stream(request):
    """Tell it chunk by chunk."""

    async def body():
        yield b"one "
        yield str(dualware.request_id()).encode()

    return StreamingResponse(body())


async def fail(request):
    """Fail."""
    raise Failure("a bug")


async def echo(websocket):
    """Tell it in a session."""
    await websocket.accept()
    await websocket.send_text(str(dualware.request_id()))
    await websocket.close()


def static(environ, start_response):
    """A WSGI application without routes."""
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


def starlette_app():
    """Every kind of route."""
    tenant = [Route("/items/{number:int}", item), Mount("/deep/{level}", routes=[Route("/", tell)])]
    return Starlette(
        routes=[
            Route("/", tell),
            Route("/items/{number:int}", item),
            Route("/stream", stream),
            Route("/fail", fail),
            WebSocketRoute("/echo/{name}", echo),
            Mount("/tenants/{tenant}", routes=tenant),
            Mount("/other", app=Router(tenant)),
            Mount("/wsgi", app=FromWSGI(static)),
            Host("shop.example", app=Router([Route("/shop/{shop}", tell)])),
        ]
    )


def fastapi_app():
    """The same, and FastAPI's included routers."""
    app = FastAPI()
    users, posts = APIRouter(prefix="/users"), APIRouter(prefix="/posts")

    @app.get("/")
    async def home():
        return dualware.request_id()

    @app.get("/items/{number}")
    async def item(number: int):
        return number

    @app.get("/fail")
    async def failing():
        raise Failure("a bug")

    @users.get("/{user}")
    async def user(user: str):
        return user

    @posts.get("/{post}")
    async def post(user: str, post: str):
        return post

    @users.websocket("/{user}/talk")
    async def talk(websocket: WebSocket, user: str):
        await echo(websocket)

    users.include_router(posts, prefix="/{user}")
    users.add_route("/plain/{number}", item_of_starlette)
    app.include_router(users, prefix="/api")
    app.mount("/sub/{sub}", Starlette(routes=[Route("/items/{number:int}", item_of_starlette)]))
    return app


item_of_starlette = item


def get(app, path="/", **options):
    """One request."""
    options.setdefault("headers", INBOUND)
    return ASGIClient(app, lint=False).request_sync(path=path, backend="asyncio", **options)


MAKERS = pytest.mark.parametrize("make", [starlette_app, fastapi_app])


@MAKERS
def test_install(make, everything, lines):
    """The application stays what it was, and answers through the stack."""
    app = make()
    kind = type(app)
    install(app, everything)
    result = get(app).reraise()

    assert type(app) is kind
    assert 200 == result.status
    assert [GOOD] == result.header_all("x-request-id")
    assert 1 == len(result.header_all("server-timing"))
    assert [GOOD] == [line["http.request.id"] for line in lines]


@MAKERS
def test_errors_of_the_application(make, everything, lines):
    """Starlette's own 500 carries what every response does; the line names the exception."""
    app = make()
    install(app, everything)
    result = get(app, "/fail")
    (line,) = lines

    assert (500, GOOD) == (result.status, result.header("x-request-id"))
    assert isinstance(result.error, Failure)
    assert ("/fail", True) == (line["http.route"], line["error.type"].endswith("Failure"))


@MAKERS
@pytest.mark.parametrize("path", ["/", "/nowhere", "/fail"])
def test_answers_to_other_origins(make, path):
    """Every response has the headers without which a browser shows its scripts nothing."""
    app = make()
    install(app, {"cors": {"allow_origins": ["https://shop.example"]}})
    result = get(app, path, headers={"Origin": "https://shop.example"})

    assert "https://shop.example" == result.header("access-control-allow-origin")


@MAKERS
def test_preflight(make, everything, lines):
    """Answered in the application's place, with id and line."""
    app = make()
    install(app, {**everything, "cors": {"allow_origins": ["https://shop.example"]}})
    asking = {**INBOUND, "Origin": "https://shop.example", "Access-Control-Request-Method": "GET"}
    result = get(app, "/fail", method="OPTIONS", headers=asking).reraise()

    assert "https://shop.example" == result.header("access-control-allow-origin")
    assert GOOD == result.header("x-request-id")
    assert ["OPTIONS"] == [line["http.request.method"] for line in lines]


@MAKERS
def test_after_the_first_request(make, everything, lines):
    """It takes effect all the same."""
    app = make()
    get(app).reraise()
    install(app, everything)
    result = get(app).reraise()
    failed = get(app, "/fail")

    assert GOOD == result.header("x-request-id")
    assert (500, GOOD) == (failed.status, failed.header("x-request-id"))
    assert ["/", "/fail"] == [line["http.route"] for line in lines]


@MAKERS
def test_twice_applies_once(make, everything, lines):
    """One id, one line, one time."""
    app = make()
    install(app, everything)
    install(app, everything)
    result = get(app, "/items/7").reraise()

    assert 1 == len(result.header_all("x-request-id"))
    assert 1 == len(result.header_all("server-timing"))
    assert 1 == len(lines)
    assert lines[0]["http.route"].startswith("/items/{number")


def test_later_settings_stand_outside():
    """Of two of the same name the outer one runs."""
    app = starlette_app()
    install(app, {"request_id": {"header": "X-First"}, "timing": True})
    install(app, dualware.load({"request_id": {"header": "X-Second"}}))
    result = get(app, headers={}).reraise()

    assert result.header("x-second")
    assert None is result.header("x-first")
    assert result.header("server-timing")


@MAKERS
def test_problems_are_told_at_once(make):
    """Before any request, all of them; the application stays as it was."""
    app = make()
    with pytest.raises(SettingsError) as raised:
        install(app, {"request_id": {"heder": "X-Id"}, "tming": True})

    assert 2 == len(raised.value.problems)
    assert None is get(app, headers={}).reraise().header("x-request-id")


@pytest.mark.parametrize("app", [starlette_app().router, FromWSGI(static), "main:app"])
def test_any_other_application_is_refused(app):
    """It says what is for those."""
    with pytest.raises(TypeError, match=r"dualware\.wrap"):
        install(app, {"request_id": True})


@MAKERS
def test_add_middleware_works_as_everywhere(make, everything, lines):
    """Before and after, inside the installed stack; of the same name the outer one runs."""
    app = make()
    app.add_middleware(RequestIDMiddleware, header="X-Inner")
    install(app, everything)
    app.add_middleware(LoggingMiddleware, sink=lines.append)
    result = get(app).reraise()

    assert GOOD == result.header("x-request-id")
    assert None is result.header("x-inner")
    assert 1 == len(lines)
    assert 2 == len(app.user_middleware)


def test_add_middleware_by_itself(lines):
    """Without `install`."""
    app = starlette_app()
    app.add_middleware(LoggingMiddleware, sink=lines.append)

    assert 200 == get(app).reraise().status
    assert 1 == len(lines)


class Through(BaseHTTPMiddleware):
    """Middleware of the kind that runs the application in another task."""

    async def dispatch(self, request, call_next):
        return await call_next(request)


@pytest.mark.parametrize("through", [False, True])
@pytest.mark.parametrize(
    ("make", "path", "route"),
    [
        (starlette_app, "/", "/"),
        (starlette_app, "/items/7", "/items/{number}"),
        (starlette_app, "/nowhere", None),
        (starlette_app, "/items/seven", None),
        (starlette_app, "/tenants/secret/items/7", "/tenants/{tenant}/items/{number}"),
        (starlette_app, "/tenants/secret/deep/down/", "/tenants/{tenant}/deep/{level}/"),
        (starlette_app, "/tenants/secret/nowhere", "/tenants/{tenant}/{path}"),
        (starlette_app, "/other/items/7", "/other/items/{number}"),
        (starlette_app, "/wsgi/any/where", "/wsgi/{path}"),
        (fastapi_app, "/", "/"),
        (fastapi_app, "/items/7", "/items/{number}"),
        (fastapi_app, "/items/seven", "/items/{number}"),
        (fastapi_app, "/api/users/secret", "/api/users/{user}"),
        (fastapi_app, "/api/users/secret/posts/7", "/api/users/{user}/posts/{post}"),
        (fastapi_app, "/api/plain/7", "/api/plain/{number}"),
        (fastapi_app, "/sub/secret/items/7", "/sub/{sub}/items/{number}"),
        (fastapi_app, "/nowhere", None),
    ],
)
def test_route(make, path, route, through, everything, lines):
    """The template, with those of mounts and included routers, never a value."""
    app = make()
    if through:
        app.add_middleware(Through)
    install(app, everything)
    get(app, path).reraise()

    assert [route] == [line.get("http.route") for line in lines]


@pytest.mark.parametrize(("path", "route"), [("/items/7", "/items/{number}"), ("/x", "/{path}")])
def test_route_below_a_mount_without_a_prefix(path, route, everything, lines):
    """The mount is no part of the path; what nothing in it answers, it does."""
    app = Starlette(routes=[Mount("", routes=[Route("/items/{number}", item)])])
    install(app, everything)
    get(app, path).reraise()

    assert [route] == [line.get("http.route") for line in lines]


def test_route_of_a_host(everything, lines):
    """A host is no part of the path."""
    app = starlette_app()
    install(app, everything)
    get(app, "/shop/secret", headers={"Host": "shop.example"}).reraise()

    assert ["/shop/{shop}"] == [line.get("http.route") for line in lines]


@pytest.mark.parametrize(
    ("make", "path", "route"),
    [
        (starlette_app, "/items/7", "/items/{number}"),
        (starlette_app, "/tenants/secret/items/7", "/tenants/{tenant}/items/{number}"),
        (fastapi_app, "/api/users/secret", "/api/users/{user}"),
    ],
)
def test_route_of_a_method_that_is_not_allowed(make, path, route, everything, lines):
    """The path was found."""
    app = make()
    install(app, everything)
    result = get(app, path, method="DELETE").reraise()

    assert (405, [route]) == (result.status, [line.get("http.route") for line in lines])


@pytest.mark.parametrize(
    ("make", "path", "route"),
    [
        (starlette_app, "/echo/me", "/echo/{name}"),
        (fastapi_app, "/api/users/me/talk", "/api/users/{user}/talk"),
    ],
)
def test_route_of_a_session(make, path, route, everything, lines):
    """A websocket session has one, too."""
    app = make()
    install(app, everything)
    session = ASGIClient(app, lint=False).websocket_sync(path, headers=INBOUND, backend="asyncio")

    assert [GOOD] == session.received
    assert [route] == [line.get("http.route") for line in lines]


def test_route_where_routers_tell_none(everything, lines, monkeypatch):
    """Older releases of Starlette put none into the scope: it is found again."""

    class Silent:
        """Takes the route away, as if it had never been told."""

        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            async def silently(message):
                scope.pop("route", None)
                await send(message)

            await self.app(scope, receive, silently)

    app = starlette_app()
    app.add_middleware(Silent)
    install(app, everything)
    for path in ("/items/7", "/tenants/secret/items/7", "/nowhere"):
        get(app, path).reraise()

    routes = ["/items/{number}", "/tenants/{tenant}/items/{number}", None]
    assert routes == [line.get("http.route") for line in lines]


def test_route_under_a_root_path(everything, lines):
    """What the server mounts the application at is no part of it."""
    app = starlette_app()
    install(app, everything)
    get(app, "/proxy/items/7", root_path="/proxy").reraise()

    assert ["/items/{number}"] == [line.get("http.route") for line in lines]


def test_installed_in_what_is_mounted(everything, lines):
    """A stack inside a stack: nothing applies twice, and the route is that of the whole path."""
    inner = Starlette(routes=[Route("/items/{number:int}", item)])
    install(inner, everything)
    app = Starlette(routes=[Mount("/tenants/{tenant}", app=inner)])
    install(app, everything)
    result = get(app, "/tenants/secret/items/7").reraise()

    assert [GOOD] == result.header_all("x-request-id")
    assert ["/tenants/{tenant}/items/{number}"] == [line.get("http.route") for line in lines]


def test_stream(everything, lines):
    """The id is there in the body."""
    app = starlette_app()
    install(app, everything)
    result = get(app, "/stream").reraise()

    assert f"one {GOOD}".encode() == result.body
    assert len(result.body) == lines[0]["http.response.body.size"]


def test_background(everything, lines):
    """What fails after the response is no error of the response."""

    async def work():
        raise Failure("late")

    async def view(request):
        return PlainTextResponse("ok", background=BackgroundTask(work))

    app = Starlette(routes=[Route("/", view)])
    install(app, everything)
    result = get(app)

    assert isinstance(result.error, Failure)
    assert "error.type" not in lines[0]


def test_without_a_record():
    """The application's own failures pass where no stack is around them."""
    app = starlette_app()
    install(app, {"request_id": {"response_header": False}})
    inner = app.build_middleware_stack().app

    assert isinstance(get(inner, "/fail").error, Failure)


@MAKERS
def test_metrics_are_told_the_route(make):
    """The figures of the timing middleware have it too."""
    figures = []
    app = make()
    install(app, {"timing": {"metrics": [figures.append]}})
    get(app, "/items/7").reraise()
    get(app, "/fail")

    assert ["/items/{number}", "/fail"] == [each.labels["http.route"] for each in figures]


def test_lifespan_is_untouched(everything):
    """Start-up and shutdown are between the server and the application."""
    seen = []

    async def lifespan(app):
        seen.append("up")
        yield {"shared": 1}
        seen.append("down")

    app = Starlette(lifespan=contextlib.asynccontextmanager(lifespan))
    install(app, everything)

    result = ASGIClient(app, lint=False).lifespan_sync(backend="asyncio")

    assert ("complete", "complete") == (result.startup, result.shutdown)
    assert ["up", "down"] == seen
    assert {"shared": 1} == result.state


def test_many_at_once(everything, lines):
    """Fifty requests in one loop, each its own."""
    app = starlette_app()
    install(app, everything)
    client = ASGIClient(app, lint=False)

    async def main():
        return await asyncio.gather(
            *(client.request(path=f"/items/{number}") for number in range(50))
        )

    results = asyncio.run(main())

    assert 50 == len({result.header("x-request-id") for result in results})
    assert {"/items/{number}"} == {line["http.route"] for line in lines}


def test_listed_in_the_constructor(everything, lines):
    """Middleware listed there stays as it was listed."""
    app = Starlette(routes=[Route("/", tell)], middleware=[Added(Through)])
    install(app, everything)
    get(app).reraise()

    assert [Through] == [each.cls for each in app.user_middleware]
    assert 1 == len(lines)
