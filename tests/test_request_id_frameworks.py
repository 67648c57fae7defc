"""Request ids around and inside real frameworks, driven by the raw clients."""

import asyncio
import contextlib
import logging

import django
import pytest
from django.conf import settings as django_settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path
from flask import Flask, Response
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware as StarletteMiddleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

import dualware
from dualware import END, Middleware, Stack
from dualware.core.current import CURRENT, add_fields
from dualware.effects import REAL
from dualware.middleware.request_id import RequestID, RequestIDSettings
from dualware.testing import Dual

GOOD = "f9ed4675f1c53513c61a3b3b4e25b4c0"
INBOUND = {"X-Request-ID": GOOD}


class Failure(Exception):  # noqa: N818 - stands for any error of an application
    """What applications raise in these tests."""


@pytest.fixture(autouse=True)
def outside():
    """No exchange is current when a test begins, and frameworks log their errors in silence."""
    CURRENT.set(None)
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def middleware(**options):
    """The middleware with these settings."""
    return RequestID(RequestIDSettings(**options), REAL)


class Fields(Middleware):
    """Keeps what `add_fields` put into the record."""

    def __init__(self):
        self.fields = None

    def __call__(self, exchange):
        yield END
        self.fields = exchange.record.fields


# Flask: WSGI only


def flask_app():
    """A Flask application that fails, streams and tells the id."""
    app = Flask(__name__)

    @app.get("/")
    def tell():
        return dualware.request_id() or ""

    @app.get("/error")
    def fail():
        raise Failure

    @app.get("/stream")
    def stream():
        return Response((dualware.request_id() or "" for _ in range(2)), mimetype="text/plain")

    return app


@pytest.mark.parametrize(
    ("where", "status", "body"),
    [("/", 200, GOOD), ("/stream", 200, GOOD * 2), ("/missing", 404, None), ("/error", 500, None)],
)
def test_flask(where, status, body):
    """The id is there in views and streams, and on every response, that of an error too."""
    # observability R11
    result = Dual("wsgi").request(flask_app(), [middleware()], path=where, headers=INBOUND)

    assert (status, GOOD) == (result.status, result.header("x-request-id"))
    assert body is None or body == result.body.decode()


# Starlette: ASGI only


def asgi(app, *stack, headers=INBOUND, **options):
    """One request to an ASGI application."""
    return Dual("asgi").request(app, stack, headers=headers, **options)


class Through(BaseHTTPMiddleware):
    """Middleware of the kind that runs the application in another task."""

    async def dispatch(self, request, call_next):
        """Pass."""
        return await call_next(request)


def tell_sync(request):
    """A sync endpoint, which Starlette runs in a thread."""
    add_fields(seen=dualware.request_id())
    return PlainTextResponse(dualware.request_id())


async def tell_async(request):
    """An async endpoint."""
    add_fields(seen=dualware.request_id())
    return PlainTextResponse(dualware.request_id())


async def tell_in_tasks(request):
    """An endpoint that hops: a task, then a thread."""
    seen = await asyncio.gather(asyncio.create_task(later()), run_in_threadpool(told))
    add_fields(seen=dualware.request_id())
    return PlainTextResponse(seen[0] if seen == [GOOD, GOOD] else "lost")


def told():
    """The id, as application code asks for it."""
    return dualware.request_id()


async def later():
    """The id, in a task of its own."""
    await asyncio.sleep(0)
    return dualware.request_id()


async def tell_in_stream(request):
    """A body made by an async generator."""

    async def body():
        add_fields(seen=dualware.request_id())
        yield dualware.request_id()

    return StreamingResponse(body())


async def tell_in_sync_stream(request):
    """A body made by a plain generator, which Starlette runs in a thread."""

    def body():
        add_fields(seen=dualware.request_id())
        yield dualware.request_id()

    return StreamingResponse(body())


async def fail(request):
    """An endpoint that fails."""
    raise Failure


def starlette_app(*, through=False):
    """A Starlette application with an endpoint for every way to run code."""
    routes = [
        Route("/sync", tell_sync),
        Route("/async", tell_async),
        Route("/tasks", tell_in_tasks),
        Route("/stream", tell_in_stream),
        Route("/sync-stream", tell_in_sync_stream),
        Route("/error", fail),
    ]
    return Starlette(routes=routes, middleware=[StarletteMiddleware(Through)] if through else [])


@pytest.mark.parametrize("through", [False, True])
@pytest.mark.parametrize("where", ["/sync", "/async", "/tasks", "/stream", "/sync-stream"])
def test_starlette(where, through):
    """The id is seen wherever code runs, and what that code tells the record is seen outside."""
    # observability X7
    fields = Fields()
    app = starlette_app(through=through)
    result = asgi(app, fields, middleware(), path=where)

    assert (200, GOOD, GOOD) == (
        result.status,
        result.header("x-request-id"),
        result.body.decode(),
    )
    assert {"seen": GOOD} == fields.fields


@pytest.mark.parametrize("through", [False, True])
def test_starlette_error(through):
    """Around the whole application, the 500 that Starlette makes has the header."""
    # observability R11
    result = asgi(starlette_app(through=through), middleware(), path="/error")

    assert (500, GOOD) == (result.status, result.header("x-request-id"))
    assert Failure is type(result.error)


def test_starlette_error_response():
    """Starlette answers its own errors, so ours is not needed."""
    # observability R11
    result = asgi(starlette_app(), middleware(error_response=True), path="/error")

    assert (500, b"Internal Server Error") == (result.status, result.body)


def test_starlette_state():
    """`request.state` has the id where the server gives a state."""
    # observability R9

    async def tell(request):
        return PlainTextResponse(request.state.request_id)

    app = Starlette(routes=[Route("/", tell)])
    result = asgi(app, middleware(), asgi={"state": {}})

    assert GOOD == result.body.decode()


def test_starlette_request_header():
    """`request.headers` has the id where it is to be there."""
    # observability R9

    async def tell(request):
        return PlainTextResponse(request.headers["x-request-id"])

    app = Starlette(routes=[Route("/", tell)])
    result = asgi(app, middleware(set_request_header=True), headers={})

    assert result.header("x-request-id") == result.body.decode()


def test_starlette_background():
    """A background task runs after the response, and still has the id."""
    # observability X9
    seen = []

    async def tell(request):
        return PlainTextResponse("", background=BackgroundTask(lambda: seen.append(told())))

    asgi(Starlette(routes=[Route("/", tell)]), middleware())

    assert [GOOD] == seen


# Django: both


def django_tell(request):
    """A view that tells the id."""
    add_fields(seen=dualware.request_id())
    return HttpResponse(dualware.request_id())


def django_stream(request):
    """A view whose body is streamed."""
    return StreamingHttpResponse(iter([dualware.request_id()]))


def django_fail(request):
    """A view that fails."""
    raise Failure


class Urls:
    """The routes."""

    urlpatterns = (
        path("", django_tell),
        path("stream", django_stream),
        path("error", django_fail),
    )


@pytest.fixture
def django_app(protocol):
    """A Django application of the protocol at hand."""
    if not django_settings.configured:
        django_settings.configure(SECRET_KEY="test", LOGGING_CONFIG=None)
    with override_settings(ROOT_URLCONF=Urls, MIDDLEWARE=[], ALLOWED_HOSTS=["*"], DEBUG=False):
        django.setup(set_prefix=False)
        yield get_wsgi_application() if protocol == "wsgi" else get_asgi_application()


@pytest.mark.parametrize(
    ("where", "status", "body"),
    [("/", 200, GOOD), ("/stream", 200, GOOD), ("/missing", 404, None), ("/error", 500, None)],
)
@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators")
def test_django(dual, django_app, where, status, body):
    """The id is there in views, and on every response, that of an error too."""
    # observability R11
    # observability X7
    fields = Fields()
    result = dual.request(django_app, [fields, middleware()], path=where, headers=INBOUND)

    assert (status, GOOD) == (result.status, result.header("x-request-id"))
    assert body is None or body == result.body.decode()
    assert ({"seen": GOOD} if where == "/" else None) == fields.fields


# A server of the real kind


def test_uvicorn():
    """Large bodies over one kept-alive connection: each request has its own id, none is left."""
    # observability X8
    # ASGI only: WSGI servers have a test of their own protocol.
    import httpx
    import uvicorn

    seen = []

    async def app(scope, receive, send):
        more = True
        while more:
            message = await receive()
            more = message["more_body"]
            seen.append(dualware.request_id())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    config = uvicorn.Config(
        Stack([middleware()]).asgi(app), port=0, lifespan="off", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)

    async def run():
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn offers nothing to wait for
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            answers = [
                await client.post("/", content=b"x" * 400_000, headers={"X-Request-ID": f"id-{n}"})
                for n in range(4)
            ]
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        return [answer.headers["x-request-id"] for answer in answers]

    echoed = asyncio.run(run())

    assert [f"id-{number}" for number in range(4)] == echoed == list(dict.fromkeys(seen))
    assert len(seen) > 4
