"""Django, wrapped and by its MIDDLEWARE, under both protocols: the same settings, the same answers.

Knows every way in which a stack takes effect in a Django project. Must never know how.
"""

import asyncio
import gc
import gzip
import io
import sys
import types
import warnings
import weakref
import zlib

import django
import pytest
from asgiref.sync import iscoroutinefunction
from django.core.asgi import get_asgi_application
from django.core.checks import Error, Warning  # noqa: A004 - Django's own word
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import AsyncRequestFactory, RequestFactory

import dualware
from dualware import BODY, END, RESPONSE, Middleware, SettingsError, Stack
from dualware.core.current import CURRENT, live_record
from dualware.frameworks.django import DualwareMiddleware, asgi, wsgi
from dualware.frameworks.django.checks import check_places, check_settings
from dualware.testing import ASGIClient, WSGIClient
from tests.frameworks.django_parts import (
    MIDDLEWARE,
    WAYS,
    Failure,
    asked,
    by_wsgi,
    masked,
    project,
)

# See `_leftovers` in conftest.py.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed file <tempfile.Spooled:ResourceWarning")

GOOD = "f9ed4675f1c53513c61a3b3b4e25b4c0"
INBOUND = {"X-Request-ID": GOOD}
TIMES = {"http.server.request.duration", "ttfb"}
ALL = {
    "request_id": True,
    "timing": True,
    "cors": {"allow_origins": ["https://shop.example"], "allow_methods": ["PUT"]},
}
CROSS = {**INBOUND, "Origin": "https://shop.example"}
PREFLIGHT = {**CROSS, "Access-Control-Request-Method": "PUT"}

each_way = pytest.mark.parametrize("way", WAYS)
by_middleware = pytest.mark.parametrize("way", [way for way in WAYS if WAYS[way][0]])


def settings(lines, **more):
    """Everything on, and the log lines kept."""
    return {**ALL, "logging": {"sink": lines.append}, **more}


def told(lines):
    """The one line, without what is different each time."""
    (line,) = lines
    return {name: value for name, value in line.items() if name not in TIMES}


# The same answers

REQUESTS = [
    {"path": "/"},
    {"path": "/async"},
    {"path": "/", "method": "HEAD"},
    {"path": "/cookies"},
    {"path": "/items/7/"},
    {"path": "/items/7"},
    {"path": "/shop/items/7"},
    {"path": "/years/2026"},
    {"path": "/stream"},
    {"path": "/stream-async"},
    {"path": "/stream", "method": "HEAD"},
    {"path": "/file"},
    {"path": "/file", "method": "HEAD"},
    {"path": "/empty"},
    {"path": "/teapot"},
    {"path": "/size", "method": "POST", "body": b"12345"},
    {"path": "/nowhere"},
    {"path": "/fail"},
    {"path": "/", "headers": CROSS},
    {"path": "/stream", "headers": CROSS},
    {"path": "/fail", "headers": CROSS},
    {"path": "/fail", "method": "OPTIONS", "headers": PREFLIGHT},
]


@each_way
@pytest.mark.parametrize(
    "request_", REQUESTS, ids=lambda each: " ".join(map(str, each.values()))[:60]
)
def test_same_answers(way, request_, lines):
    """Status, header fields, body and log line are those of the wrapped WSGI application."""
    asking = {"headers": INBOUND, **request_}
    expected = asked("wsgi.py", settings(lines), **asking)
    line = told(lines)
    lines.clear()
    found = asked(way, settings(lines), **asking)
    bodiless = request_.get("method") == "HEAD"

    assert expected.status == found.status
    assert masked(expected.headers) == masked(found.headers)
    assert bodiless or expected.body == found.body
    assert line == told(lines)
    assert [GOOD] == found.header_all("x-request-id")
    assert "dualware_exchange" not in found.leaked
    allowed = ["https://shop.example"] if "headers" in request_ else []
    assert allowed == found.header_all("access-control-allow-origin")


@each_way
@pytest.mark.parametrize(
    ("path", "route", "error"),
    [
        ("/", "/", None),
        ("/items/7/", "/items/<int:number>/", None),
        ("/shop/items/7", "/shop/items/<int:number>", None),
        ("/years/2026", "^years/(?P<year>[0-9]{4})$", None),
        ("/fail", "/fail", "tests.frameworks.django_parts.Failure"),
        ("/nowhere", None, None),
    ],
)
def test_line_tells_route_and_error(way, path, route, error, lines):
    """The template, never the path; and what Django made the 500 of."""
    asked(way, settings(lines), path=path)
    line = told(lines)

    assert (route, error) == (line.get("http.route"), line.get("error.type"))


@each_way
def test_metrics_are_told_the_route(way):
    """The figures of the timing middleware have it too."""
    figures = []
    asked(way, {"timing": {"metrics": [figures.append]}}, path="/items/7/")

    assert ["/items/<int:number>/"] == [each.labels["http.route"] for each in figures]


@pytest.mark.parametrize("way", [way for way in WAYS if way != "async test client"])
@pytest.mark.parametrize("path", ["/käse-日本", "/é"])
def test_path_beyond_ascii(way, path, lines):
    """Django writes text over the bytes in the environ; nothing applies twice for that.

    Not by the async test client, which takes the path for Latin-1.
    """
    found = asked(way, settings(lines), path=path)
    line = told(lines)

    assert 1 == len(found.header_all("x-request-id"))
    assert line["url.path"].isascii()
    assert ("/käse-日本" if path != "/é" else None) == line.get("http.route")


@each_way
@pytest.mark.parametrize("path", ["/break", "/break-async"])
def test_body_that_raises_half_way(way, path, lines):
    """The error passes on as it is, and the one line says what happened."""
    found = asked(way, settings(lines), path=path, headers=INBOUND)
    line = told(lines)
    at_once = "async" in path and ("WSGI" in way or "wsgi" in way or way == "test client")
    at_once |= "async" not in path and ("ASGI" in way or "asgi" in way or way.startswith("async"))

    assert isinstance(found.error, Failure)
    # A body of the other kind is made whole by Django before the server gets any of it.
    assert (b"" if at_once else b"one ") == found.body
    assert "tests.frameworks.django_parts.Failure" == line["error.type"]
    assert "error" == line["outcome"]


@pytest.mark.parametrize("way", [way for way in WAYS if WAYS[way][0] and ".py" not in way])
def test_a_field_of_the_application_is_added_to(way):
    """Django keeps one value for each name: two lines become one list (RFC 9110 §5.3)."""
    found = asked(way, ALL, path="/timed")
    values = ", ".join(found.header_all("server-timing"))

    assert values.startswith("db;dur=1, app;dur=")


@each_way
def test_request_header(way):
    """The application finds the id among its request headers."""
    found = asked(way, {"request_id": {"set_request_header": True}}, path="/header")

    assert found.body.decode() == found.header_all("x-request-id")[0]


@pytest.fixture
def looking(monkeypatch):
    """Middleware of others that looks at the request's headers before us. It is sync only."""

    def middleware(get_response):
        def look(request):
            assert request.headers is not None
            return get_response(request)

        return look

    module = types.ModuleType("looking")
    module.middleware = middleware
    monkeypatch.setitem(sys.modules, "looking", module)
    return "looking.middleware"


@pytest.mark.parametrize("way", ["MIDDLEWARE under WSGI", "MIDDLEWARE under ASGI"])
def test_request_header_after_somebody_looked(way, looking):
    """What Django remembers of the headers is made anew."""
    stack = {"request_id": {"set_request_header": True}}
    found = asked(way, stack, before=[looking], path="/header")

    assert found.body.decode() == found.header_all("x-request-id")[0]


@each_way
@pytest.mark.parametrize("path", ["/", "/stream", "/stream-async"])
def test_behind_sync_middleware(way, path, looking, lines):
    """Under ASGI Django runs it, and us, on another thread; the record goes along."""
    found = asked(way, settings(lines), before=[looking], path=path, headers=INBOUND)
    line = told(lines)

    assert found.body.endswith(GOOD.encode())
    assert (path, "completed", len(found.body)) == (
        line["http.route"],
        line["outcome"],
        line["http.response.body.size"],
    )


@each_way
def test_request_body_is_counted(way, lines):
    """As it is read, where that is asked for."""
    stack = {"logging": {"sink": lines.append, "count_request_body": True}}
    found = asked(way, stack, path="/size", method="POST", body=b"x" * 1000)

    assert b"1000" == found.body
    assert 1000 == told(lines)["http.request.body.size"]


# Flows


@each_way
@pytest.mark.parametrize(
    "path", ["/", "/big/1000", "/big/1000000", "/big-stream", "/big-stream-async", "/empty"]
)
def test_compression(way, path, lines):
    """The same is compressed, and comes out whole; under ASGI long work leaves the loop free."""
    stack = settings(lines, compression=True)
    asking = {"path": path, "headers": {**INBOUND, "Accept-Encoding": "gzip"}}
    expected = asked("wsgi.py", {}, **asking)
    found = asked(way, stack, **asking)
    small = path in ("/", "/empty")
    body = found.body if small else gzip.decompress(found.body)

    assert expected.body == body or path == "/"
    assert ([] if small else ["gzip"]) == found.header_all("content-encoding")
    assert len(found.body) == lines[0]["http.response.body.size"]
    assert found.header_all("content-length") in ([], [str(len(found.body))])


@each_way
def test_compression_of_a_file(way, lines):
    """What Django hands to the server as a file is sent as it is; elsewhere it is a stream."""
    headers = {"Accept-Encoding": "gzip"}
    found = asked(way, settings(lines, compression=True), path="/big-file", headers=headers)
    opaque = "WSGI" in way or way.endswith("wsgi.py")

    assert b"words " * 1000 == (found.body if opaque else gzip.decompress(found.body))
    assert ([] if opaque else ["gzip"]) == found.header_all("content-encoding")
    assert len(found.body) == lines[0]["http.response.body.size"]


class Recorder(Middleware):
    """Keeps what becomes of each exchange."""

    def __init__(self):
        self.ended = []

    def __call__(self, exchange):
        try:
            yield END
        finally:
            self.ended.append((exchange.outcome, exchange.sent, exchange.error))


class Zip(Middleware):
    """Encodes every body that it may."""

    def __init__(self, wait):
        self.wait = wait

    def __call__(self, exchange):
        yield self.wait
        response = exchange.response
        if response.encodable:
            response.headers.set("Content-Encoding", "deflate")
            response.encode(zlib.compressobj())


class Change(Middleware):
    """Changes what there is to change."""

    def __call__(self, exchange):
        yield RESPONSE
        response = exchange.response
        response.status = 202
        response.headers.remove("Content-Length")
        response.headers.append("X-More", "1")
        response.headers.append("X-More", "2")
        # Django's WSGI handler puts a space in front.
        cookies = [each.strip() for each in response.headers.get_all("Set-Cookie")]
        response.headers.remove("Set-Cookie")
        for cookie in cookies[1:]:
            response.headers.append("Set-Cookie", cookie)
        response.headers.append("Set-Cookie", "three=3; Path=/")


class Answer(Middleware):
    """Answers in the application's place."""

    def __init__(self, status=403, body=b"no"):
        self.status = status
        self.body = body

    def __call__(self, exchange):
        headers = [("X-Why", "because"), ("Content-Type", "text/plain")]
        exchange.respond(self.status, headers, self.body)


class Broken(Middleware):
    """A policy that fails."""

    def __init__(self, where):
        self.where = where

    def __call__(self, exchange):
        yield self.where
        raise Failure("policy")


@by_middleware
@pytest.mark.parametrize("wait", [RESPONSE, BODY])
@pytest.mark.parametrize("path", ["/", "/stream", "/stream-async", "/file"])
def test_codec(way, wait, path):
    """A body passes the codec whole; a file that the server sends by itself takes none."""
    recorder = Recorder()
    found = asked(way, Stack([recorder, Zip(wait)]), path=path)
    plain = {"/": b"Hello None", "/file": b"a file"}.get(path, b"one none")
    opaque = path == "/file" and ("WSGI" in way or way.endswith("wsgi.py"))
    body = found.body if opaque else zlib.decompress(found.body)

    assert plain == body
    assert ([] if opaque else ["deflate"]) == found.header_all("content-encoding")
    assert [("completed", len(found.body), None)] == recorder.ended
    if path == "/" and wait is BODY:
        assert [str(len(found.body))] == found.header_all("content-length")


@each_way
def test_head_is_changed(way):
    """Status, fields, cookies: what flows change, and nothing else."""
    found = asked(way, Stack([Change()]), path="/cookies")
    cookies = sorted(each.partition(";")[0] for each in found.header_all("set-cookie"))

    assert 202 == found.status
    assert [] == found.header_all("content-length")
    assert ["1", "2"] == ", ".join(found.header_all("x-more")).split(", ")
    assert ["three=3", 'two="2\\073 3"'] == cookies


def test_cookies_stay_as_they_are():
    """Those that no flow changed are the application's own objects."""
    response = HttpResponse("Hello")
    response.set_cookie("one", "1", samesite="Lax")
    morsel = response.cookies["one"]
    with project(ALL):
        DualwareMiddleware(view_of(response))(RequestFactory().get("/"))

    assert morsel is response.cookies["one"]
    assert "x-request-id" in response.headers


def test_phrase_of_a_changed_status():
    """A phrase of the application's own is that of its own status."""
    with project(Stack([Change()]), MIDDLEWARE):
        response = WSGIClient(get_wsgi_application(), lint=False).request(path="/teapot")

    assert (202, "Accepted") == (response.status, response.reason)


@each_way
@pytest.mark.parametrize(("status", "body"), [(403, b"no"), (204, b"")])
def test_answer(way, status, body):
    """A flow's answer: the view never runs, the flows outside see it."""
    recorder = Recorder()
    found = asked(way, Stack([recorder, Answer(status, body)]), path="/fail")

    assert (status, body) == (found.status, found.body)
    assert ["because"] == found.header_all("x-why")
    assert ([] if status == 204 else ["text/plain"]) == found.header_all("content-type")
    assert ([] if status == 204 else [str(len(body))]) == found.header_all("content-length")
    assert [("completed", len(body), None)] == recorder.ended


@by_middleware
@pytest.mark.parametrize("where", [RESPONSE, BODY])
def test_policy_that_fails(way, where):
    """It fails closed: Django answers 500, and nothing of the view gets out."""
    recorder = Recorder()
    found = asked(way, Stack([recorder, Broken(where)]), path="/")

    assert b"Hello" not in found.body
    assert [("error", 0)] == [ended[:2] for ended in recorder.ended]
    assert 500 == found.status or isinstance(found.error, Failure)


@pytest.mark.parametrize("way", ["MIDDLEWARE under WSGI", "MIDDLEWARE under ASGI"])
def test_codec_that_fails_at_the_end(way):
    """The stream breaks, and never looks complete."""

    class Bad:
        """A codec whose end fails."""

        def compress(self, data):
            return data

        def flush(self):
            raise Failure("codec")

    class Encode(Middleware):
        """Encodes with it."""

        def __call__(self, exchange):
            yield RESPONSE
            exchange.response.encode(Bad())

    recorder = Recorder()
    path = "/stream" if "WSGI" in way else "/stream-async"
    found = asked(way, Stack([recorder, Encode()]), path=path)

    assert isinstance(found.error, Failure)
    assert ["error"] == [ended[0] for ended in recorder.ended]


class Watch(Middleware):
    """Wants to know how long the server took."""

    measures = True

    def __init__(self):
        self.waited = []

    def __call__(self, exchange):
        yield END
        self.waited.append((exchange.send_wait > 0, exchange.first_at > 0))


@pytest.mark.parametrize(
    ("way", "path"),
    [("MIDDLEWARE under WSGI", "/stream"), ("MIDDLEWARE under ASGI", "/stream-async")],
)
def test_time_of_the_server(way, path):
    """Between two chunks, the server has its turn."""
    watch = Watch()
    asked(way, Stack([watch]), path=path)

    assert [(True, True)] == watch.waited


# The middleware by itself


def view_of(response):
    """A view that answers with this."""

    def view(request):
        if isinstance(response, BaseException):
            raise response
        return response

    return view


@pytest.fixture
def inside():
    """A project whose settings are a stack with a recorder."""
    recorder = Recorder()
    with project(Stack([recorder])):
        yield recorder


def test_stream_that_is_never_read(inside):
    """Closed without an item: the client went away first. Closed twice: END is once."""
    response = DualwareMiddleware(view_of(StreamingHttpResponse(iter([b"a"]))))(
        RequestFactory().get("/")
    )
    response.close()
    response.close()

    assert [("aborted", 0, None)] == inside.ended
    assert CURRENT.get() is None


def test_stream_that_is_read_after_its_close(inside):
    """Whoever does that gets what there is; END has been."""
    parts = [b"a", b"b"]

    def part():
        if parts:
            return parts.pop(0)
        raise Failure("late")

    # No generator, which Django would have closed.
    body = iter(part, None)
    response = DualwareMiddleware(view_of(StreamingHttpResponse(body)))(RequestFactory().get("/"))
    chunks = iter(response.streaming_content)

    assert b"a" == next(chunks)
    response.close()
    assert b"b" == next(chunks)
    with pytest.raises(Failure):
        next(chunks)
    assert [("aborted", 1, None)] == inside.ended


def test_codec_that_keeps_nothing_back():
    """Its end is no chunk."""

    class Same:
        """The identity coding."""

        def compress(self, data):
            return data

        def flush(self):
            return b""

    class Encode(Middleware):
        """Encodes with it."""

        def __call__(self, exchange):
            yield RESPONSE
            exchange.response.encode(Same())

    with project(Stack([Encode()])):
        response = DualwareMiddleware(view_of(StreamingHttpResponse([b"a", b"b"])))(
            RequestFactory().get("/")
        )

        assert [b"a", b"b"] == list(response)


def test_file_that_is_closed(inside):
    """The server sends a file; its close is the end."""
    request = RequestFactory().get("/", **{"wsgi.file_wrapper": lambda file: file})
    file = FileResponse(io.BytesIO(b"12345"))
    response = DualwareMiddleware(view_of(file))(request)

    assert [] == inside.ended
    assert response.file_to_stream is not None

    response.close()

    assert [("completed", 5, None)] == inside.ended


def test_file_for_head(inside):
    """Nothing of it is sent."""
    request = RequestFactory().head("/", **{"wsgi.file_wrapper": lambda file: file})
    DualwareMiddleware(view_of(FileResponse(io.BytesIO(b"12345"))))(request).close()

    assert [("completed", 0, None)] == inside.ended


@pytest.mark.parametrize("error", [Failure("raw"), SystemExit(1)])
def test_exception_past_django(inside, error):
    """Where nobody makes a response of it, the same object passes on."""
    with pytest.raises(type(error)) as raised:
        DualwareMiddleware(view_of(error))(RequestFactory().get("/"))

    assert error is raised.value
    outcome = "error" if isinstance(error, Exception) else "cancelled"
    assert [(outcome, 0, error)] == inside.ended
    assert CURRENT.get() is None


def test_line_of_an_exception_past_django(lines):
    """There is no response then."""
    with project(settings(lines)), pytest.raises(Failure):
        DualwareMiddleware(view_of(Failure()))(RequestFactory().get("/"))

    assert ("error", 500) == (lines[0]["outcome"], lines[0]["http.response.status_code"])


class Deal(Middleware):
    """Answers an exception, and raises it again or not."""

    def __init__(self, *, again=False, body=b"later"):
        self.again = again
        self.body = body

    def __call__(self, exchange):
        try:
            yield RESPONSE
        except Failure:
            exchange.respond(503, {"Content-Type": "text/plain"}, self.body)
            if self.again:
                raise


@pytest.mark.parametrize("again", [False, True])
def test_exception_that_a_flow_answers(again):
    """Its answer is the response, unless the exception is to be told all the same."""
    recorder = Recorder()
    with project(Stack([recorder, Deal(again=again)])):
        middleware = DualwareMiddleware(view_of(Failure()))
        if again:
            with pytest.raises(Failure):
                middleware(RequestFactory().get("/"))
        else:
            assert b"later" == middleware(RequestFactory().get("/")).content

    assert [("completed", 5, None)] == recorder.ended


def test_answer_that_takes_long_to_compress():
    """It is whole, also where Django awaits."""
    text = b"words " * 1_000_000

    async def view(request):
        raise Failure

    with project(dualware.load({"compression": True}) + Stack([Deal(body=text)])):
        request = AsyncRequestFactory().get("/", headers={"Accept-Encoding": "gzip"})
        response = asyncio.run(DualwareMiddleware(view)(request))

    assert 503 == response.status_code
    assert text == gzip.decompress(response.content)


def test_answer_that_fails():
    """A policy outside fails at the answer to an exception: the first error is raised."""
    recorder, first = Recorder(), Failure("first")
    reports = []
    with (
        project(Stack([recorder, Broken(RESPONSE), Deal()])),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(
            "dualware.frameworks.django.middleware.REAL", reporting(reports), raising=True
        )
        with pytest.raises(Failure) as raised:
            DualwareMiddleware(view_of(first))(RequestFactory().get("/"))

    assert first is raised.value
    assert ["the answer to an exception failed"] == reports
    assert ["error"] == [ended[0] for ended in recorder.ended]


def reporting(reports):
    """The real effects, but for what is reported."""
    from dataclasses import replace

    from dualware.effects import REAL

    return replace(REAL, report=lambda sentence, error: reports.append(sentence))


class Exits(Middleware):
    """Fails when the exchange is over, as only what asks to stop can."""

    def __call__(self, exchange):
        yield END
        raise SystemExit(3)


def test_failure_after_end():
    """It is nobody's to answer any more."""
    with project(Stack([Exits()])), pytest.raises(SystemExit):
        DualwareMiddleware(view_of(HttpResponse("Hello")))(RequestFactory().get("/"))

    assert CURRENT.get() is None


def test_cancelled_view(inside):
    """Django cancels a view whose client has gone."""

    async def view(request):
        await asyncio.sleep(60)

    async def main():
        task = asyncio.create_task(DualwareMiddleware(view)(AsyncRequestFactory().get("/")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())

    assert ["aborted"] == [ended[0] for ended in inside.ended]


@pytest.mark.skipif(django.VERSION < (5, 0), reason="Django 4 does not look whether one goes away")
@pytest.mark.parametrize("way", ["MIDDLEWARE under ASGI", "asgi.py"])
def test_client_that_goes_away(way):
    """Under either, a stream that its client leaves is aborted."""
    recorder = Recorder()
    middleware = WAYS[way][0]
    with project(Stack([recorder]), *middleware):
        app = get_asgi_application()
        app = app if middleware else asgi(app)

        async def main():
            sent = asyncio.Event()
            messages = iter([{"type": "http.request"}])

            async def receive():
                for message in messages:
                    return message
                await sent.wait()
                return {"type": "http.disconnect"}

            async def send(message):
                if message.get("body"):
                    sent.set()
                    await asyncio.sleep(60)

            scope = {
                "type": "http", "method": "GET", "path": "/stream-async", "query_string": b"",
                "headers": [], "asgi": {"version": "3.0"}, "http_version": "1.1",
            }  # fmt: skip
            await app(scope, receive, send)

        asyncio.run(main())

    assert ["aborted"] == [ended[0] for ended in recorder.ended]


@pytest.mark.parametrize("closed", [True, False])
def test_record_lingers_for_a_stream_that_nobody_follows(closed):
    """With nobody to tell of the end, code in the body still finds the record; later none does."""
    found = []

    def body():
        found.append(live_record())
        yield b"a"

    with project({"request_id": True}):
        response = DualwareMiddleware(view_of(StreamingHttpResponse(body())))(
            RequestFactory().get("/")
        )
        b"".join(response)
        if closed:
            response.close()
        del response
        gc.collect()

    assert [True] == [record is not None and record.ended for record in found]
    assert live_record() is None


def test_request_is_let_go(inside):
    """A context that keeps the exchange keeps no request (protocols W11)."""
    request = RequestFactory().get("/")
    kept = []

    def view(request):
        kept.append(CURRENT.get())
        return HttpResponse("Hello")

    DualwareMiddleware(view)(request)
    gone = weakref.ref(request)
    del request
    gc.collect()

    assert kept[0] is not None
    assert gone() is None


def test_request_without_a_server():
    """A request made by hand has neither environ nor scope."""
    request = HttpRequest()
    request.path = request.path_info = "/by-hand"
    lines = []
    with project({"logging": {"sink": lines.append}}):
        DualwareMiddleware(view_of(HttpResponse("Hello")))(request)

    assert "/by-hand" == lines[0]["url.path"]


def test_target_that_the_server_tells(lines):
    """The line has it as it was sent."""
    request = RequestFactory().get("/a b", REQUEST_URI="/a%20b?x")
    with project({"logging": {"sink": lines.append}}):
        DualwareMiddleware(view_of(HttpResponse("Hello")))(request)

    assert "/a%20b" == lines[0]["url.path"]


@pytest.mark.parametrize("is_async", [True, False])
def test_middleware_is_what_django_takes_it_for(inside, is_async):
    """Sync around what is sync, async around what is async."""

    async def later(request):
        return HttpResponse("Hello")

    middleware = DualwareMiddleware(later if is_async else view_of(HttpResponse("Hello")))

    assert is_async is iscoroutinefunction(middleware)
    assert DualwareMiddleware.sync_capable
    assert DualwareMiddleware.async_capable


async def trusted(origin, request):
    """Who is let in is asked elsewhere."""
    await asyncio.sleep(0)
    return origin == "https://shop.example"


ASKED = {"request_id": True, "cors": {"allow_origins": trusted}}


@pytest.mark.parametrize("way", [way for way in WAYS if "ASGI" in way or "async" in way])
def test_what_has_to_be_awaited(way):
    """Where Django awaits, so does the stack, before any flow starts."""
    found = asked(way, ASKED, path="/", headers=CROSS)
    other = asked(way, ASKED, path="/", headers={**CROSS, "Origin": "https://other.example"})

    assert ["https://shop.example"] == found.header_all("access-control-allow-origin")
    assert [] == other.header_all("access-control-allow-origin")


def test_what_can_not_be_awaited():
    """Where Django does not, that is a problem of the settings."""
    with project(ASKED), pytest.raises(SettingsError, match="DW205  cors"):
        DualwareMiddleware(view_of(None))


# Wrapping


def test_wrapping_what_is_wrapped_already():
    """Somebody's middleware may stand between; then only the route is not known."""
    lines = []
    with project({"logging": {"sink": lines.append}}):
        inner = get_wsgi_application()

        def between(environ, start_response):
            return inner(environ, start_response)

        found = by_wsgi(wsgi(between), path="/items/7/")

    assert 200 == found.status
    assert "http.route" not in lines[0]


def test_wrapping_twice(lines):
    """Nothing applies twice."""
    with project(settings(lines)):
        found = by_wsgi(wsgi(wsgi(get_wsgi_application())), path="/items/7/")

    assert 1 == len(found.header_all("x-request-id"))
    assert "/items/<int:number>/" == told(lines)["http.route"]


# Settings

WRONG = {"request_id": {"heder": "X-Id"}, "timing": {"max_entries": 0}, "corss": True}


@pytest.mark.parametrize(
    "start",
    [
        lambda: wsgi(get_wsgi_application()),
        lambda: asgi(get_asgi_application()),
        lambda: DualwareMiddleware(view_of(None)),
    ],
    ids=["wsgi", "asgi", "MIDDLEWARE"],
)
def test_problems_are_told_at_start_up(start):
    """All at once, before any request."""
    with project(WRONG), pytest.raises(SettingsError) as raised:
        start()

    assert 3 == len(raised.value.problems)


def test_handler_with_wrong_settings():
    """Django builds its middleware with the handler: the server does not start."""
    with project(WRONG, MIDDLEWARE), pytest.raises(SettingsError):
        get_wsgi_application()


def test_settings_in_a_file(tmp_path):
    """Whatever `dualware.load` takes; the check names what is wrong in it as well."""
    file = tmp_path / "settings.toml"
    file.write_text("[request_id]\nheder = 1\n")
    with project(str(file)):
        assert ["dualware.E101"] == [each.id for each in check_settings()]
        file.write_text("[request_id]\n")
        assert 1 == len(by_wsgi(wsgi(get_wsgi_application())).header_all("x-request-id"))


def test_no_settings():
    """They are missed, and where they belong is told."""
    with project(None), pytest.raises(SettingsError, match="DW103  DUALWARE") as raised:
        wsgi(get_wsgi_application())

    assert "in your settings" in str(raised.value)


def test_check_of_settings():
    """One error for each problem, under its own code, with the hint."""
    with project(WRONG):
        found = check_settings()

    assert all(isinstance(each, Error) and each.obj == "DUALWARE" for each in found)
    assert {"dualware.E101", "dualware.E102", "dualware.E106"} == {each.id for each in found}
    (unknown,) = (each for each in found if each.id == "dualware.E101")
    assert "request_id.heder: unknown setting" == unknown.msg
    assert "did you mean 'header'?" == unknown.hint


def test_check_of_a_problem_without_a_hint():
    """Django shows none then."""
    with project({"timing": {"max_entries": 0}}):
        (found,) = check_settings()

    assert None is found.hint


def test_check_of_no_settings():
    """The same problem as at start-up."""
    with project(None):
        found = check_settings()

    assert ["dualware.E103"] == [each.id for each in found]


def test_checks_find_nothing():
    """Where nothing is wrong."""
    with project(ALL, MIDDLEWARE, WSGI_APPLICATION=None):
        assert [] == [*check_settings(), *check_places()]


def test_places_are_not_checked_where_settings_are_wrong():
    """First things first."""
    with project(WRONG, "django.middleware.gzip.GZipMiddleware", MIDDLEWARE):
        assert [] == check_places()


@pytest.fixture
def module(monkeypatch):
    """A module with applications."""
    module = types.ModuleType("of_a_project")
    monkeypatch.setitem(sys.modules, "of_a_project", module)
    return module


@pytest.mark.parametrize("name", ["WSGI_APPLICATION", "ASGI_APPLICATION"])
@pytest.mark.parametrize(
    ("made", "warned"),
    [
        (lambda app: app, False),
        (lambda app: dualware.wrap(app, ALL, protocol="wsgi"), True),
        (lambda app: types.SimpleNamespace(app=dualware.wrap(app, ALL, protocol="wsgi")), True),
        (
            lambda app: types.SimpleNamespace(application=dualware.wrap(app, ALL, protocol="asgi")),
            True,
        ),
    ],
)
def test_check_of_both_places(name, made, warned, module):
    """dualware.W001: it is safe, and one of them does nothing."""

    def bare(*_):
        raise AssertionError

    module.application = made(bare)
    with project(ALL, MIDDLEWARE, **{name: "of_a_project.application"}):
        found = check_places()

    assert (["dualware.W001"] if warned else []) == [each.id for each in found]
    assert all(isinstance(each, Warning) and name in each.msg for each in found)


@pytest.mark.parametrize("path", ["no.such.module", "of_a_project.missing"])
def test_check_of_an_application_that_is_not_there(path, module):
    """Whoever starts it is told so."""
    with project(ALL, MIDDLEWARE, WSGI_APPLICATION=path):
        assert [] == check_places()


def test_check_of_the_place_in_middleware():
    """dualware.W002: what stands before it answers without it."""
    with project(ALL, "django.middleware.security.SecurityMiddleware", MIDDLEWARE):
        (found,) = check_places()

    assert "dualware.W002" == found.id
    assert "django.middleware.security.SecurityMiddleware" in found.msg


@pytest.mark.parametrize(
    ("other", "stack", "word"),
    [
        ("request_id.middleware.RequestIdMiddleware", {"request_id": True}, "request_id"),
        ("request_id.middleware.RequestIdMiddleware", {"timing": True}, None),
        ("django_structlog.middlewares.RequestMiddleware", {"logging": True}, "logging"),
        ("corsheaders.middleware.CorsMiddleware", {"cors": ALL["cors"]}, "cors"),
        ("corsheaders.middleware.CorsMiddleware", {"timing": True}, None),
        ("django.middleware.gzip.GZipMiddleware", {"timing": True}, None),
    ],
)
def test_check_of_middleware_of_others(other, stack, word):
    """dualware.W003: two that do the same, of which one of ours is on."""
    with project(stack, other):
        found = check_places()

    assert ([] if word is None else ["dualware.W003"]) == [each.id for each in found]
    assert word is None or word in found[0].msg


@pytest.mark.parametrize("name", ["gzip", "compression"])
def test_check_of_gzip(name):
    """Both words of ours do what Django's middleware does."""

    class Named(Middleware):
        """Stands for either."""

    Named.name = name
    with project(Stack([Named()]), "django.middleware.gzip.GZipMiddleware"):
        assert ["dualware.W003"] == [each.id for each in check_places()]


def test_installed(tmp_path):
    """In INSTALLED_APPS, ``manage.py check`` tells what is wrong, and fails."""
    import subprocess

    program = """
import django
from django.conf import settings
from django.core.management import call_command
settings.configure(
    DUALWARE={"request_id": {"heder": "X-Id"}},
    INSTALLED_APPS=["dualware.frameworks.django"],
    MIDDLEWARE=["a.b", "dualware.frameworks.django.DualwareMiddleware"],
)
django.setup()
call_command("check")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert 1 == done.returncode
    assert "DUALWARE: (dualware.E101) request_id.heder: unknown setting" in done.stderr
    assert "HINT: did you mean 'header'?" in done.stderr


# Under a lingering warning filter nothing of ours warns.


def test_no_warning_of_ours():
    """Import and use are silent."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with project(ALL):
            client = ASGIClient(asgi(get_asgi_application()), lint=False)
            assert 200 == client.request_sync(backend="asyncio").reraise().status


@each_way
@pytest.mark.parametrize(
    ("path", "lines_of"), [("/", 0), ("/stream", 0), ("/file", 0), ("/nowhere", 0), ("/break", 1)]
)
def test_line_for_failures_alone(way, path, lines_of, lines):
    """A good exchange need not be followed; one that breaks is told of as ever."""
    silent = {"default": "silent", "4xx": "silent", "completed": "silent"}
    asked(way, {"logging": {"sink": lines.append, "levels": silent}}, path=path)

    assert [("error", 200)] * lines_of == [
        (line["outcome"], line["http.response.status_code"]) for line in lines
    ]
