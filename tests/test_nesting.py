"""One request, one record, each middleware once: however many wrappers and bridges it passes.

Knows bridges, frameworks, threads and tasks as they are used. Must never know how a wrapper finds
out that it stands inside another (law 9; protocols, "Nesting, bridges, applying twice").
"""

import asyncio
import functools
import sys
import threading
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import anyio
import httpx
import pytest
from a2wsgi import ASGIMiddleware as A2WSGIFromASGI
from a2wsgi import WSGIMiddleware as A2WSGIFromWSGI
from asgiref.sync import iscoroutinefunction
from asgiref.wsgi import WsgiToAsgi
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware as StarletteMiddleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

with warnings.catch_warnings():
    # It says when it is imported that a2wsgi is to be used instead; people do use it.
    warnings.simplefilter("ignore")
    from starlette.middleware.wsgi import WSGIMiddleware as StarletteFromWSGI

from dualware import END, RESPONSE, Middleware, Stack, add_fields, carry, load
from dualware.core.current import CURRENT, live_record
from dualware.testing import ASGIClient, WSGIClient
from dualware.testing.asgi import build_scope


class Marker(Middleware):
    """Shows in the response, and in a list, that it ran."""

    observes = True

    def __init__(self, label="outer", name="marker"):
        self.label = label
        self.name = name
        self.started = []
        self.records = []
        self.ended = []

    def __call__(self, exchange):
        self.started.append(exchange.request.path)
        self.records.append(exchange.record)
        yield RESPONSE
        exchange.response.headers.append("X-Marker", self.label)
        yield END
        self.ended.append(exchange.outcome)


@pytest.fixture
def outer():
    """The middleware of the stack outside."""
    return Marker("outer")


@pytest.fixture
def inner():
    """The middleware of the same name in the stack inside."""
    return Marker("inner")


class Application:
    """An application that keeps the record it finds."""

    def __init__(self):
        self.records = []

    def find(self):
        """Look around."""
        self.records.append(live_record())
        add_fields(count=len(self.records))

    def wsgi(self, environ, start_response):
        """The WSGI side."""
        self.find()
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    async def asgi(self, scope, receive, send):
        """The ASGI side."""
        self.find()
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def application():
    """One application for each test."""
    return Application()


# Wrappers and bridges, from the outer stack to the inner one

# See `test_send_is_taken_for_a_coroutine_function`.
pytestmark = pytest.mark.filterwarnings("ignore:async_to_sync was passed:UserWarning")


def wsgi_in_wsgi(outer, inner, application):
    """Foreign middleware between two wrappers."""
    wrapped = inner.wsgi(application.wsgi)

    def foreign(environ, start_response):
        return wrapped(environ, start_response)

    return outer.wsgi(foreign)


def asgi_in_asgi(outer, inner, application):
    """The same."""
    wrapped = inner.asgi(application.asgi)

    async def foreign(scope, receive, send):
        await wrapped(scope, receive, send)

    return outer.asgi(foreign)


def a2wsgi_inwards(outer, inner, application):
    """A WSGI application on an ASGI server."""
    return outer.asgi(A2WSGIFromWSGI(inner.wsgi(application.wsgi)))


def asgiref_inwards(outer, inner, application):
    """The same, by another bridge."""
    return outer.asgi(WsgiToAsgi(inner.wsgi(application.wsgi)))


def a2wsgi_mounted(outer, inner, application):
    """The same, under a prefix which the bridge says once more, or takes away."""
    app = Starlette(routes=[Mount("/path", A2WSGIFromWSGI(inner.wsgi(application.wsgi)))])
    return outer.asgi(app)


def asgiref_mounted(outer, inner, application):
    """The same."""
    app = Starlette(routes=[Mount("/path", WsgiToAsgi(inner.wsgi(application.wsgi)))])
    return outer.asgi(app)


def starlette_mounted(outer, inner, application):
    """Starlette's own bridge."""
    app = Starlette(routes=[Mount("/path", StarletteFromWSGI(inner.wsgi(application.wsgi)))])
    return outer.asgi(app)


def a2wsgi_outwards(outer, inner, application):
    """An ASGI application on a WSGI server: the bridge runs an event loop on another thread."""
    return outer.wsgi(A2WSGIFromASGI(inner.asgi(application.asgi)))


UNDER_WSGI = [wsgi_in_wsgi, a2wsgi_outwards]
UNDER_ASGI = [
    asgi_in_asgi,
    a2wsgi_inwards,
    asgiref_inwards,
    a2wsgi_mounted,
    asgiref_mounted,
    starlette_mounted,
]
NESTINGS = [*UNDER_WSGI, *UNDER_ASGI]


def driven(nesting, app):
    """What makes a request of a nested application.

    Not linted: Starlette writes into the scope that it is handed, and bridges have faults of
    their own.
    """
    if nesting in UNDER_WSGI:
        return WSGIClient(app, lint=False).request
    return functools.partial(ASGIClient(app, lint=False).request_sync, backend="asyncio")


@pytest.mark.parametrize("nesting", NESTINGS)
def test_applied_twice_runs_once(nesting, outer, inner, application):
    """The outer of two with a name runs; the application finds its record."""
    request = driven(nesting, nesting(Stack([outer]), Stack([inner]), application))
    result = request("GET", "/path/x").reraise()

    assert b"ok" == result.body
    assert ["outer"] == result.header_all("x-marker")
    assert ["completed"] == outer.ended
    assert [] == inner.started
    assert outer.records == application.records
    assert {"count": 1} == outer.records[0].fields
    # asgiref leaves variables of its own behind.
    assert "dualware_exchange" not in result.leaked


@pytest.mark.parametrize("nesting", NESTINGS)
def test_different_middleware_share_the_record(nesting, outer, application):
    """Both run, for one and the same record, which is not sealed before the outer END."""
    other = Marker("other", name="other")
    request = driven(nesting, nesting(Stack([outer]), Stack([other]), application))
    result = request("GET", "/path/x").reraise()

    assert ["other", "outer"] == result.header_all("x-marker")
    assert ["completed"] == outer.ended
    assert ["completed"] == other.ended
    assert outer.records == other.records == application.records
    assert outer.records[0].ended


@pytest.mark.parametrize("nesting", NESTINGS)
def test_unnamed_middleware_all_run(nesting, application):
    """Two instances without a name are two middleware."""
    one, other = Marker("one", name=None), Marker("other", name=None)
    request = driven(nesting, nesting(Stack([one]), Stack([other]), application))
    result = request("GET", "/path/x").reraise()

    assert ["other", "one"] == result.header_all("x-marker")


@pytest.mark.parametrize("nesting", NESTINGS)
def test_one_instance_in_both_stacks(nesting, application):
    """The same instance runs once even without a name."""
    marker = Marker("one", name=None)
    request = driven(nesting, nesting(Stack([marker]), Stack([marker]), application))
    result = request("GET", "/path/x").reraise()

    assert ["one"] == result.header_all("x-marker")
    assert 1 == len(marker.started)


@pytest.mark.parametrize("nesting", NESTINGS)
def test_requests_one_after_the_other(nesting, outer, inner, application):
    """On one thread, in one context: each is an exchange of its own (protocols W44)."""
    request = driven(nesting, nesting(Stack([outer]), Stack([inner]), application))
    for _ in range(3):
        assert ["outer"] == request("GET", "/path/x").reraise().header_all("x-marker")

    assert ["completed"] * 3 == outer.ended
    assert 3 == len({id(record) for record in outer.records})
    assert outer.records == application.records


@pytest.mark.parametrize("nesting", NESTINGS)
def test_the_innermost_of_three(nesting, outer, inner, application):
    """A third stack inside the second knows of the first."""

    class Deeper:
        """The application in a wrapper of its own, behind foreign middleware."""

        def __init__(self):
            stack = Stack([Marker("third"), Marker("deep", name="deep")])
            self.wrapped = {
                "wsgi": stack.wsgi(application.wsgi),
                "asgi": stack.asgi(application.asgi),
            }

        def wsgi(self, environ, start_response):
            """Pass on."""
            return self.wrapped["wsgi"](environ, start_response)

        async def asgi(self, scope, receive, send):
            """Pass on."""
            await self.wrapped["asgi"](scope, receive, send)

    second = Stack([inner, Marker("second", name="second")])
    request = driven(nesting, nesting(Stack([outer]), second, Deeper()))
    result = request("GET", "/path/x").reraise()

    assert ["deep", "second", "outer"] == result.header_all("x-marker")
    assert outer.records == application.records


@pytest.mark.xfail(
    sys.version_info < (3, 12),
    reason="`ASGIExchange.send` is a plain function that returns an awaitable, for speed, and "
    "before Python 3.12 only asyncio can mark it as a coroutine function",
)
def test_send_is_taken_for_a_coroutine_function(outer):
    """asgiref warns of what it does not take for one; WsgiToAsgi hands it our `send`."""
    found = []

    async def app(scope, receive, send):
        found.append(iscoroutinefunction(send))
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    ASGIClient(Stack([outer]).asgi(app)).request_sync().reraise()

    assert [True] == found


# A request that the application makes to itself


def test_a_request_inside_wsgi(outer, application):
    """To another path: an exchange of its own, and then the first goes on."""
    wrapped = {}

    def asking(environ, start_response):
        if environ["PATH_INFO"] == "/outer":
            application.find()
            transport = httpx.WSGITransport(wrapped["app"])
            with httpx.Client(transport=transport, base_url="http://testserver") as client:
                assert ["outer"] == client.get("/inner").headers.get_list("x-marker")
        return application.wsgi(environ, start_response)

    wrapped["app"] = Stack([outer]).wsgi(asking)
    result = WSGIClient(wrapped["app"]).request("GET", "/outer").reraise()
    first, second = outer.records

    assert ["outer"] == result.header_all("x-marker")
    assert ["/outer", "/inner"] == outer.started
    assert ["completed", "completed"] == outer.ended
    assert [first, second, first] == application.records


def test_a_request_inside_asgi(outer, application):
    """The same."""
    wrapped = {}

    async def asking(scope, receive, send):
        if scope["path"] == "/outer":
            application.find()
            transport = httpx.ASGITransport(wrapped["app"])
            async with httpx.AsyncClient(
                transport=transport, base_url="http://testserver"
            ) as client:
                assert ["outer"] == (await client.get("/inner")).headers.get_list("x-marker")
        await application.asgi(scope, receive, send)

    wrapped["app"] = Stack([outer]).asgi(asking)
    result = ASGIClient(wrapped["app"]).request_sync("GET", "/outer", backend="asyncio").reraise()
    first, second = outer.records

    assert ["outer"] == result.header_all("x-marker")
    assert ["/outer", "/inner"] == outer.started
    assert ["completed", "completed"] == outer.ended
    assert [first, second, first] == application.records


@pytest.mark.parametrize("what", ["method", "query"])
def test_a_request_inside_that_differs_in_little(what, outer, application):
    """The same path with another method or query is another request."""
    different = {"method": ("POST", ""), "query": ("GET", "again")}[what]
    wrapped = {}

    def asking(environ, start_response):
        if (environ["REQUEST_METHOD"], environ["QUERY_STRING"]) != different:
            WSGIClient(wrapped["app"]).request(different[0], "/x", different[1]).reraise()
        return application.wsgi(environ, start_response)

    wrapped["app"] = Stack([outer]).wsgi(asking)
    WSGIClient(wrapped["app"]).request("GET", "/x").reraise()

    assert 2 == len({id(record) for record in outer.records})


# Where the record is seen


def in_endpoint(endpoint, *, background=None, middleware=()):
    """The records that an endpoint finds in its own ways, and that of its exchange."""
    marker = Marker()
    found = []

    async def view(request):
        found.extend(await endpoint())
        task = None if background is None else BackgroundTask(background, found)
        return PlainTextResponse("ok", background=task)

    app = Starlette(
        routes=[Route("/", view)],
        middleware=[StarletteMiddleware(each) for each in middleware],
    )
    ASGIClient(Stack([marker]).asgi(app), lint=False).request_sync(backend="asyncio").reraise()
    (record,) = marker.records
    return found, record


async def find():
    """Look around in a coroutine."""
    return live_record()


async def plain_await():
    """The same task."""
    return [await find()]


async def create_task():
    """A child task has a copy of the context."""
    return [await asyncio.create_task(find())]


async def gather():
    """Several at once."""
    return await asyncio.gather(find(), find())


async def to_thread():
    """asyncio copies the context."""
    return [await asyncio.to_thread(live_record)]


async def anyio_thread():
    """So does anyio, and with it every sync endpoint of Starlette."""
    return [await anyio.to_thread.run_sync(live_record)]


async def anyio_task():
    """A task group's child."""
    found = []

    async def child():
        found.append(live_record())

    async with anyio.create_task_group() as group:
        group.start_soon(child)
    return found


async def executor_with_carry():
    """The event loop does not copy the context, `carry` does."""
    with ThreadPoolExecutor(1) as pool:
        loop = asyncio.get_running_loop()
        return [await loop.run_in_executor(pool, carry(live_record))]


async def thread_with_carry():
    """Nor does a thread of one's own."""
    found = []
    thread = threading.Thread(target=carry(lambda: found.append(live_record())))
    thread.start()
    thread.join()
    return found


async def call_soon():
    """A callback of the event loop runs in a copy of the context."""
    loop = asyncio.get_running_loop()
    future = loop.create_future()
    loop.call_soon(lambda: future.set_result(live_record()))
    return [await future]


SEEING = [
    plain_await,
    create_task,
    gather,
    to_thread,
    anyio_thread,
    anyio_task,
    executor_with_carry,
    thread_with_carry,
    call_soon,
]


@pytest.mark.parametrize("endpoint", SEEING)
def test_the_record_is_seen(endpoint):
    """Wherever the context is copied, the record is the exchange's own."""
    found, record = in_endpoint(endpoint)

    assert [record] * len(found) == found
    assert [] != found


def test_the_record_is_not_seen_without_a_copy():
    """An executor's thread has a context of its own; that is what `carry` is for."""

    async def endpoint():
        with ThreadPoolExecutor(1) as pool:
            return [await asyncio.get_running_loop().run_in_executor(pool, live_record)]

    found, _ = in_endpoint(endpoint)

    assert [None] == found


@pytest.mark.parametrize("endpoint", SEEING)
def test_what_is_added_there_is_on_the_record(endpoint, monkeypatch):
    """A mutation is seen outside whatever was copied on the way."""

    def adding():
        assert add_fields(seen=True)
        return CURRENT.get().record

    monkeypatch.setitem(globals(), "live_record", adding)
    found, record = in_endpoint(endpoint)

    assert [record] * len(found) == found
    assert {"seen": True} == record.fields


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_a_background_task_sees_the_record(kind):
    """It runs after END: the record is there, and takes nothing any more."""
    states = []

    def work(found):
        found.append(live_record())
        states.append((live_record().ended, add_fields(late=1)))

    async def work_async(found):
        work(found)

    async def endpoint():
        return []

    found, record = in_endpoint(endpoint, background=work if kind == "sync" else work_async)

    assert [record] == found
    assert [(True, False)] == states
    assert None is record.fields


class Base(BaseHTTPMiddleware):
    """Starlette's own: it runs the application in another task."""

    async def dispatch(self, request, call_next):
        add_fields(before=True)
        response = await call_next(request)
        add_fields(after=True)
        return response


@pytest.mark.parametrize("endpoint", SEEING)
def test_base_http_middleware(endpoint):
    """Outside, in it and inside it is one record (starlette#1525)."""
    found, record = in_endpoint(endpoint, middleware=[Base])

    assert [record] * len(found) == found
    assert {"before": True, "after": True} == record.fields


def test_inside_base_http_middleware(application, outer, inner):
    """A wrapper on either side of it."""

    class Inside(BaseHTTPMiddleware):
        """Passes on."""

        async def dispatch(self, request, call_next):
            return await call_next(request)

    app = Stack([outer]).asgi(Inside(Stack([inner]).asgi(application.asgi)))
    result = ASGIClient(app, lint=False).request_sync(backend="asyncio").reraise()

    assert ["outer"] == result.header_all("x-marker")
    assert outer.records == application.records


def test_a_sync_endpoint_of_starlette():
    """It runs on a thread of anyio's."""
    marker, found = Marker(), []

    def view(request):
        found.append(live_record())
        return PlainTextResponse("ok")

    app = Stack([marker]).asgi(Starlette(routes=[Route("/", view)]))
    ASGIClient(app, lint=False).request_sync(backend="asyncio").reraise()

    assert marker.records == found


@pytest.mark.parametrize("carried", [True, False])
def test_a_thread_under_wsgi(carried, outer):
    """A thread that the application starts has the record if it is carried there."""
    found = []

    def app(environ, start_response):
        def work():
            found.append(live_record())

        with ThreadPoolExecutor(1) as pool:
            pool.submit(carry(work) if carried else work).result()
        start_response("200 OK", [])
        return [b""]

    WSGIClient(Stack([outer]).wsgi(app)).request().reraise()

    assert (outer.records if carried else [None]) == found


def test_concurrent_exchanges_have_records_of_their_own(outer):
    """Fifty at once in one event loop."""

    async def app(scope, receive, send):
        before = live_record()
        await asyncio.sleep(0)
        headers = [(b"x-same", str(before is live_record()).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})

    client = ASGIClient(Stack([outer]).asgi(app))

    async def main():
        return await asyncio.gather(*(client.request() for _ in range(50)))

    results = asyncio.run(main())

    assert ["True"] * 50 == [result.header("x-same") for result in results]
    assert 50 == len({id(record) for record in outer.records})


def test_outside_an_exchange_there_is_none(outer, application):
    """Neither before nor after."""
    app = Stack([outer]).wsgi(application.wsgi)

    assert None is live_record()

    WSGIClient(app).request().reraise()

    assert None is live_record()


@pytest.mark.parametrize(
    "settings", [{"timing": True}, {"logging": {"sink": lambda _: None}}, {"gzip": True}], ids=str
)
def test_a_copy_of_the_context_keeps_no_request(settings):
    """Timers of servers have one, and outlive the exchange."""
    # one protocol: WSGI servers give a thread's context to nobody
    copies, kept, chunks = [], [], [b"a" * 9_999]

    class Scope(dict):
        """A scope that can be referred to weakly."""

    class Cycle:
        """What a server has for each request."""

        async def receive(self):
            return {"type": "http.request", "body": b""}

        async def send(self, message):
            pass

    async def app(scope, receive, send):
        kept.append(weakref.ref(scope))
        head = {"type": "http.response.start", "status": 200}
        await send({**head, "headers": [(b"content-type", b"text/plain")]})
        copies.append(copy_context())
        await send({"type": "http.response.body", "body": chunks[0]})

    async def run():
        cycle = Cycle()
        kept.append(weakref.ref(cycle))
        scope = Scope(build_scope(headers={"accept-encoding": "gzip"}))
        await load(settings).asgi(app)(scope, cycle.receive, cycle.send)

    held = sys.getrefcount(chunks[0])
    asyncio.run(run())
    still = sys.getrefcount(chunks[0])

    assert 1 == len(copies)
    assert [None, None] == [each() for each in kept]
    assert held == still
