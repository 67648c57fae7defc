"""The access log: one line for every exchange, the same under both protocols.

Knows both protocols through `Dual`, in a world whose clocks are moved by hand. What the parts do
on their own (text, queries, levels, sinks) is tested beside them, in tests/core and tests/log.
"""

import asyncio
import json
import pickle
import threading
from pathlib import Path

import pytest
from a2wsgi import WSGIMiddleware
from hypothesis import given, settings
from hypothesis import strategies as st

import dualware
from dualware import RESPONSE, Middleware
from dualware.core.logging.presets import PRESETS
from dualware.effects import REAL
from dualware.middleware.logging import Logging
from dualware.testing import ABSENT, PROTOCOLS, ASGIClient, Dual, Script, WSGIClient
from tests.logging_parts import LogWorld, session
from tests.timing_parts import Acted

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def world():
    """Clocks that are moved by hand, and a log."""
    return LogWorld()


class Stop(BaseException):
    """Asks a thread or a task to stop."""


ERROR = KeyError("gone")
STOP = Stop()
STATUS = "http.response.status_code"
SIZE = "http.response.body.size"


def told(event):
    """What a line says of how it ended."""
    names = ("event", STATUS, "status_inferred", "outcome", "level", "error.type")
    return tuple(event.get(name) for name in names)


# L1: exactly one terminal event

REQUEST = "http.server.request"
ROWS = {
    "normal": (Script(), {}, (200, None, "completed", "info", None)),
    "not found": (Script(status=404), {}, (404, None, "completed", "info", None)),
    "server error": (Script(status=503), {}, (503, None, "completed", "error", "503")),
    "exception before start": (
        Script(error=ERROR, error_at="call"),
        {},
        (500, True, "error", "error", "KeyError"),
    ),
    "exception after start": (
        Script(error=ERROR, error_at=1, body="generator"),
        {},
        (200, None, "error", "error", "KeyError"),
    ),
    "client gone after start": (
        Script(chunks=[b"a", b"b"], body="generator"),
        {"read": 1},
        (200, None, "aborted", "info", None),
    ),
    "stopped before start": (
        Script(error=STOP, error_at="call"),
        {},
        (None, None, "cancelled", "info", f"{__name__}.Stop"),
    ),
    "stopped after start": (
        Script(error=STOP, error_at=1, body="generator"),
        {},
        (200, None, "cancelled", "info", f"{__name__}.Stop"),
    ),
}


@pytest.mark.parametrize(("script", "options", "expected"), ROWS.values(), ids=ROWS)
def test_every_exchange_has_one_line(dual, world, script, options, expected):
    """However it ends; and what the application raised goes on as the same object."""
    # observability L1, observability L12
    result = dual.request(script, world.logged(), **options)

    assert (REQUEST, *expected) == told(world.log.only)
    assert script.error is None or script.error is result.error
    assert [] == world.reports


async def no_response(scope, receive, send):
    """An ASGI application that returns without a response."""


async def half_a_response(scope, receive, send):
    """An ASGI application that returns without the end of one."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"abc", "more_body": True})


def no_start(environ, start_response):
    """A WSGI application that returns without a response."""
    return []


@pytest.mark.parametrize(
    ("protocol", "app", "expected"),
    [
        ("wsgi", no_start, (None, None, "no_response", "error", "no_response")),
        ("asgi", no_response, (None, None, "no_response", "error", "no_response")),
        # WSGI has nothing of the kind: who returns has said all.
        ("asgi", half_a_response, (200, None, "incomplete", "error", "incomplete")),
    ],
)
def test_an_application_that_does_not_finish(world, protocol, app, expected):
    """It returned without a response, or without the end of one."""
    # observability L1
    Dual(protocol, lint=False).request(app, world.logged())

    assert (REQUEST, *expected) == told(world.log.only)


def test_a_cancelled_task(world):
    """Its exception is not masked (ASGI: WSGI has no tasks)."""
    # observability L1

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise asyncio.CancelledError

    result = ASGIClient(world.logged().asgi(app)).request_sync()

    assert isinstance(result.error, asyncio.CancelledError)
    assert (200, None, "cancelled", "info") == told(world.log.only)[1:5]


def test_a_failure_in_the_background_is_an_event_of_its_own(dual, world):
    """The line was written when the last byte was sent; what fails later is told besides."""
    # observability L1
    script = Script(error=ERROR, error_at="close", body="iterable")
    result = dual.request(script, world.logged())
    line, late = world.log.events

    assert ERROR is result.error
    assert (REQUEST, 200, None, "completed", "info", None) == told(line)
    assert {
        "event": "http.server.request.exception",
        "level": "error",
        "phase": "background",
        "exception.type": "KeyError",
        "exception.message": "'gone'",
        "url.path": "/",
    }.items() <= late.items()
    assert "exception.stacktrace" not in late


@pytest.mark.parametrize("moment", ["call", 1])
def test_no_exception_is_told_twice(dual, world, moment):
    """One that ends the exchange is in its line: it is none of the background."""
    # observability L1
    dual.request(Script(error=ERROR, error_at=moment, body="generator"), world.logged())

    assert REQUEST == world.log.only["event"]


MOMENTS = st.sampled_from([None, "call", "head", 0, 1, 2, "close"])
BODIES = st.sampled_from(["list", "iterator", "iterable", "generator", "write", "file"])
SCRIPTS = st.builds(
    lambda error, at, body, lazy, chunks, status, length: Script(
        status=status,
        chunks=chunks,
        declare_length=length,
        body=body,
        lazy=lazy and body not in ("write", "file"),
        error=None if at is None else error,
        error_at=at,
    ),
    st.sampled_from([ERROR, STOP, OSError("disk"), GeneratorExit()]),
    MOMENTS,
    BODIES,
    st.booleans(),
    st.lists(st.sampled_from([b"", b"x", b"yy"]), max_size=4),
    st.sampled_from([200, 204, 304, 404, 500, 503]),
    st.booleans(),
)
OPTIONS = st.fixed_dictionaries(
    {"method": st.sampled_from(["GET", "HEAD", "POST", "BREW"])},
    optional={"read": st.integers(0, 2)},
)


@settings(max_examples=250, deadline=None)
@given(SCRIPTS, OPTIONS)
def test_any_trace_has_one_line(script, options):
    """Whatever an application does and wherever its client goes, under both protocols."""
    # observability L1
    for protocol in PROTOCOLS:
        world = LogWorld()
        Dual(protocol, lint=False).request(script, world.logged(), **options)
        (line,) = world.log.named(REQUEST)
        others = [event for event in world.log.events if event is not line]

        assert line["outcome"] in ("completed", "error", "aborted", "cancelled")
        assert [] == [each for each in others if each.get("phase") != "background"]
        assert [] == world.reports


SAME = st.builds(
    lambda error, at, chunks, status: Script(
        status=status,
        chunks=chunks,
        body="generator",
        error=None if at is None else error,
        error_at=at,
    ),
    st.sampled_from([ERROR, STOP]),
    st.sampled_from([None, "call", 1, 2]),
    st.lists(st.sampled_from([b"x", b"yy"]), min_size=3, max_size=4),
    st.sampled_from([200, 404, 500]),
)


@settings(max_examples=100, deadline=None)
@given(SAME, st.sampled_from(["GET", "POST", "BREW"]), st.text(max_size=8), st.booleans())
def test_one_trace_is_one_line_under_both_protocols(script, method, agent, mounted):
    """The very same fields, values and order."""
    # observability X1
    lines = []
    agent = agent.encode("utf-8", "replace").decode("latin-1")
    headers = {"User-Agent": "".join(each for each in agent if each.isprintable()).strip() or "-"}
    mount = "/caf\xe9" if mounted else ""
    for protocol in PROTOCOLS:
        world = LogWorld()
        stack = world.stack(world.request_id(), world.logging())
        Dual(protocol).request(
            script, stack, method, "/items/4 2", query="a=1", headers=headers, script_name=mount
        )
        lines.append(list(world.log.only.items()))

    assert lines[0] == lines[1]


# L2, L3, L4: when


def test_a_send_that_fails_is_a_client_that_left(world):
    """OSError out of `send` (ASGI: under WSGI the server closes the body)."""
    # observability L2
    script = Script(chunks=[b"a", b"b"])
    result = ASGIClient(world.logged().asgi(script.asgi)).request_sync(
        send_error=(2, OSError("gone"))
    )

    assert isinstance(result.error, OSError)
    assert (200, None, "aborted", "info", None) == told(world.log.only)[1:]


def test_an_error_of_the_application_is_none_of_the_client(dual, world):
    """It may raise OSError as well."""
    # observability L2
    dual.request(Script(error=OSError("disk"), error_at="call"), world.logged())

    assert (500, True, "error", "error", "OSError") == told(world.log.only)[1:]


@pytest.mark.parametrize("after", [0, 1])
def test_a_disconnect_that_was_seen(world, after):
    """Before the final chunk it makes the outcome (ASGI: WSGI applications are not told)."""
    # observability L2

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        message = await receive()
        while message["type"] != "http.disconnect":
            message = await receive()
        await send({"type": "http.response.body", "body": b"late"})

    ASGIClient(world.logged().asgi(app)).request_sync(disconnect_after=after)

    assert "aborted" == world.log.only["outcome"]


def test_a_disconnect_after_the_end_is_nothing(world):
    """The response was complete (ASGI: WSGI applications are not told)."""
    # observability L2

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"whole"})
        while (await receive())["type"] != "http.disconnect":
            pass

    ASGIClient(world.logged().asgi(app)).request_sync()

    assert "completed" == world.log.only["outcome"]


def test_the_line_is_written_at_the_last_byte(dual, world):
    """Background work goes on after it, and is not in its duration."""
    # observability L3
    seen = []
    acted = Acted(world, before=1, chunks=[(2, b"a")], after=3, background=50)
    world.log.events = _Noting(world, seen)
    dual.request(acted.apps, world.logged())

    assert [6] == seen
    assert 0.006 == world.log.only["http.server.request.duration"]
    assert 0.003 == world.log.only["ttfb"]


class _Noting(list):
    """Takes down the ms since the world began with every event."""

    def __init__(self, world, seen):
        super().__init__()
        self.world, self.seen, self.begin = world, seen, world.ns

    def append(self, event):
        self.seen.append((self.world.ns - self.begin) // 1_000_000)
        super().append(event)


def test_trailers_come_before_the_line(world):
    """The response is complete with the last of them (ASGI: WSGI has none)."""
    # observability L3
    sent = []

    async def app(scope, receive, send):
        start = {"type": "http.response.start", "status": 200, "headers": [], "trailers": True}
        await send(start)
        await send({"type": "http.response.body", "body": b"x"})
        sent.append(len(world.log.events))
        await send({"type": "http.response.trailers", "headers": []})
        sent.append(len(world.log.events))

    ASGIClient(world.logged().asgi(app)).request_sync(
        extensions={"http.response.trailers": {}}, headers={"TE": "trailers"}
    )

    assert [0, 1] == sent


def test_a_start_event(dual, world):
    """On demand, and before the application runs."""
    # observability L3
    seen = []
    script = Script(on_request=lambda: seen.extend(world.log.events))
    dual.request(script, world.logged(start_event=True), path="/a", query="token=1&b=2")
    start, end = world.log.events

    assert [start] == seen
    assert {
        "event": "http.server.request.start",
        "level": "info",
        "http.request.method": "GET",
        "url.path": "/a",
        "url.query": "token=REDACTED&b=2",
    }.items() <= start.items()
    assert {"outcome", STATUS, "http.server.request.duration"}.isdisjoint(start)
    assert REQUEST == end["event"]


def test_a_stream_is_one_line(dual, world):
    """However many chunks it has."""
    # observability L4
    dual.request(Script(chunks=[b"x"] * 50, body="generator"), world.logged())

    assert 50 == world.log.only[SIZE]


# L5: golden lines


def normal(world):
    """A request with all that a line can say of one that went well."""
    acted = Acted(world, before=11, chunks=[(0.9, b"x" * 1234)], after=0.445678)
    return acted.apps, {
        "path": "/items/4 2",
        "query": "page=2&sig=3f9a",
        "scheme": "https",
        "script_name": "/shop",
        "headers": {
            "User-Agent": "Mozilla/5.0 caf\xc3\xa9",
            "X-Forwarded-For": "203.0.113.9",
            "Content-Length": "5",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "X-Team": "blue",
        },
        "body": b"hello",
    }


def failed(world):
    """One whose application raised."""
    return Script(error=ValueError("no\nsuch thing"), error_at="call"), {"method": "BREW"}


@pytest.mark.parametrize("case", [normal, failed])
@pytest.mark.parametrize("preset", PRESETS)
def test_golden(dual, world, preset, case):
    """A preset is a contract: what reads the lines depends on every name and unit."""
    # observability L5
    app, options = case(world)
    logging = world.logging(
        preset=preset,
        client_ip=["127.0.0.0/8"],
        request_headers=["x-team"],
        response_headers=["content-type"],
        route=lambda request: "/items/{id}",
        extra={"service": "shop"},
    )
    options = {"wsgi": {}, "asgi": {}, **options}
    dual.request(app, world.stack(world.request_id(), logging), **options)
    golden = json.loads((GOLDEN / f"{case.__name__}.json").read_text("utf-8"))

    assert golden[preset] == world.log.only
    assert list(golden[preset]) == list(world.log.only)


@pytest.mark.parametrize("preset", PRESETS)
def test_golden_session(world, preset):
    """The same for a websocket session (ASGI: WSGI has none)."""
    # observability L5, observability L18

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "chat"})
        await receive()
        world.tick(31200)
        await send({"type": "websocket.send", "text": "hellö"})
        await send({"type": "websocket.send", "bytes": b"123"})
        await receive()

    session(
        world,
        app,
        world.request_id(),
        world.logging(preset=preset),
        path="/ws",
        subprotocols=["chat"],
        messages=["hi"],
        close_code=1001,
        headers={"User-Agent": "Mozilla/5.0"},
    )
    golden = json.loads((GOLDEN / "session.json").read_text("utf-8"))

    assert golden[preset] == world.log.only
    assert list(golden[preset]) == list(world.log.only)


@pytest.mark.parametrize(
    ("preset", "fields"),
    [
        ("otel", {"http.request.method": "_OTHER", "http.request.method_original": "get"}),
        ("ecs", {"http.request.method": "get"}),
        ("flat", {"method": "get"}),
    ],
)
def test_a_method_that_nobody_knows(dual, world, preset, fields):
    """OpenTelemetry folds it, since it tells metrics apart; methods are case-sensitive."""
    # observability L5
    dual.request(Script(), world.logged(preset=preset), "get")

    assert fields.items() <= world.log.only.items()


def test_a_long_method_is_cut(dual, world):
    """A client may send any token."""
    # observability L9
    dual.request(Script(), world.logged(preset="flat"), "X" * 100)

    assert "X" * 64 + "…" == world.log.only["method"]


# L6: the path


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"path": "/a b"}, "/a%20b"),
        ({"path": "/caf\xe9"}, "/caf%C3%A9"),
        ({"path": "/esc\x1b"}, "/esc%1B"),
        ({"path": "/x", "script_name": "/mount"}, "/mount/x"),
        ({"path": "/x", "script_name": "/mo unt"}, "/mo%20unt/x"),
    ],
)
def test_the_path_is_whole_and_encoded(dual, world, options, path):
    """With the mount prefix, and nothing in it that a log could take for something else."""
    # observability L6
    dual.request(Script(), world.logged(), **options)

    assert path.lower() == world.log.only["url.path"].lower()


def test_the_path_is_the_one_that_was_asked_for(world, dual):
    """Routers move on in their scope or environ; the line tells what the client said."""
    # observability L6

    def wsgi(environ, start_response):
        environ["REQUEST_METHOD"], environ["PATH_INFO"] = "DELETE", "/elsewhere"
        return Script().wsgi(environ, start_response)

    async def asgi(scope, receive, send):
        scope["method"], scope["path"], scope["raw_path"] = "DELETE", "/elsewhere", b"/elsewhere"
        await Script().asgi(scope, receive, send)

    dual.lint = False
    dual.request((wsgi, asgi), world.logged(), "POST", "/here")
    line = world.log.only

    assert ("POST", "/here") == (line["http.request.method"], line["url.path"])


# L7: the query


@pytest.mark.parametrize(
    ("mode", "shown"),
    [("redacted", "a=1&Token=REDACTED&b"), ("raw", "a=1&Token=xyz&b"), ("omit", None)],
)
def test_the_query(dual, world, mode, shown):
    """Its secrets are taken out, unless somebody asks for them."""
    # observability L7
    dual.request(Script(), world.logged(query=mode), query="a=1&Token=xyz&b")

    assert shown == world.log.only.get("url.query")


def test_own_names_of_secrets(dual, world):
    """They stand in place of the usual ones."""
    # observability L7
    dual.request(Script(), world.logged(redact_params=["pin"]), query="pin=1&token=2")

    assert "pin=REDACTED&token=2" == world.log.only["url.query"]


def test_a_secret_at_the_cut_is_none(dual, world):
    """What is cut off can't be told from what is left, so the rest of a value is hidden too."""
    # observability L7, observability L9
    logging = world.logged(max_lengths={"query": 16})
    dual.request(Script(), logging, query="a=123456&token=secret")

    assert "secret"[:1] not in world.log.only["url.query"].partition("token=")[2]


# L9, L10: headers and caps


def test_long_texts_are_cut(dual, world):
    """And say so."""
    # observability L9
    logging = world.logged(request_headers=["x-long"])
    headers = {"User-Agent": "u" * 300, "X-Long": "h" * 300}
    dual.request(Script(), logging, path="/" + "p" * 3000, query="q" * 2000, headers=headers)
    line = world.log.only

    assert "/" + "p" * 2047 + "…" == line["url.path"]
    assert "q" * 1024 == line["url.query"][:1024]
    assert line["url.query"].endswith("…")
    assert "u" * 256 + "…" == line["user_agent.original"]
    assert ["h" * 256 + "…"] == line["http.request.header.x-long"]


def test_headers_are_shown_by_name_only(dual, world):
    """Nothing is, unless it is listed; not even Referer, which carries queries."""
    # observability L9, observability L10
    headers = {"Referer": "https://a.example/", "X-Team": "blue"}
    dual.request(Script(), world.logged(), headers=headers)

    assert [] == [name for name in world.log.only if "header" in name]


def test_headers_that_are_listed(dual, world):
    """In lower case, as lists; repeated ones as one value."""
    # observability L10
    logging = world.logged(
        request_headers=["X-Team", "absent"], response_headers=["X-Cache", "gone"]
    )
    script = Script(headers=[("X-Cache", "a"), ("x-cache", "b")])
    dual.request(script, logging, headers={"x-team": "blue"})
    line = world.log.only

    assert ["blue"] == line["http.request.header.x-team"]
    assert ["a,b"] == line["http.response.header.x-cache"]
    assert [] == [name for name in line if name.endswith(("absent", "gone"))]


SECRET = ["authorization", "cookie", "proxy-authorization", "x-api-key", "x-auth-token"]
SECRET += ["x-amz-security-token", "x-csrf-token"]


@pytest.mark.parametrize(
    ("options", "shown"),
    [({}, "REDACTED"), ({"allow_sensitive": True}, "s3cret")],
)
def test_credentials_stay_hidden(dual, world, options, shown):
    """Even if they are listed."""
    # observability L10
    logging = world.logged(request_headers=SECRET, response_headers=["set-cookie"], **options)
    script = Script(headers=[("Set-Cookie", "s3cret")])
    dual.request(script, logging, headers=dict.fromkeys(SECRET, "s3cret"))
    line = world.log.only

    assert {shown} == {line[f"http.request.header.{name}"][0] for name in SECRET}
    assert [shown] == line["http.response.header.set-cookie"]


@pytest.mark.parametrize(
    ("mode", "shown"),
    [
        ("redacted", "https://a.example/x?token=REDACTED"),
        ("raw", "https://a.example/x?token=1"),
        ("omit", "https://a.example/x"),
    ],
)
def test_a_listed_url_is_as_sparing_as_the_query(dual, world, mode, shown):
    """Referer and Location carry queries."""
    # observability L7, observability L10
    logging = world.logged(query=mode, request_headers=["referer"], response_headers=["location"])
    url = "https://a.example/x?token=1"
    dual.request(Script(headers=[("Location", url)]), logging, headers={"Referer": url})
    line = world.log.only

    assert [shown] == line["http.request.header.referer"] == line["http.response.header.location"]


def test_headers_of_a_dropped_head_are_none(dual, world):
    """There was no response whose headers could be shown."""
    # observability L10
    logging = world.logged(response_headers=["content-type"])
    dual.request(Script(error=ERROR, error_at="call"), logging)

    assert "http.response.header.content-type" not in world.log.only


# L11: sizes


@pytest.mark.parametrize(
    ("script", "method", "size"),
    [
        (Script(chunks=[b"abc", b"de"]), "GET", 5),
        (Script(chunks=[b"abc"]), "HEAD", 0),
        (Script(status=204, chunks=[]), "GET", 0),
        (Script(status=304, chunks=[]), "GET", 0),
    ],
)
def test_the_size_of_the_response(dual, world, script, method, size):
    """Bytes handed on; none where nothing goes out."""
    # observability L11
    dual.request(script, world.logged(), method)

    assert size == world.log.only[SIZE]


@pytest.mark.parametrize(
    ("declared", "size"), [("5", 5), ("x", None), ("-1", None), ("9" * 30, None), (None, None)]
)
def test_the_size_of_the_request(dual, world, declared, size):
    """What Content-Length says, if that is a number."""
    # observability L11
    headers = {} if declared is None else {"Content-Length": declared}
    dual.request(Script(), world.logged(), "POST", headers=headers)

    assert size == world.log.only.get("http.request.body.size")


@pytest.mark.parametrize("reads", [True, False])
def test_what_the_application_took_in(dual, world, reads):
    """On demand it is counted, whatever was declared."""
    # observability L11
    logging = world.logged(count_request_body=True)
    dual.request(Script(read_body=reads), logging, "POST", body=[b"hello ", b"world"])

    assert (11 if reads else 0) == world.log.only["http.request.body.size"]


# L12, L13, L14: whether there is a line


@pytest.mark.parametrize(
    ("levels", "status", "level"),
    [
        ({"404": "debug", "4xx": "warning"}, 404, "debug"),
        ({"404": "debug", "4xx": "warning"}, 410, "warning"),
        ({"completed": "critical"}, 200, "critical"),
        ({"default": "debug"}, 302, "debug"),
        ({"5xx": "warning"}, 500, "warning"),
    ],
)
def test_levels(dual, world, levels, status, level):
    """Exact code before class before outcome before default."""
    # observability L12
    dual.request(Script(status=status), world.logged(levels=levels))

    assert level == world.log.only["level"]


def test_a_setting_for_good_answers_does_not_hide_a_broken_one(dual, world):
    """The head said 200 before the application failed."""
    # observability L12
    script = Script(error=ERROR, error_at=1, body="generator")
    dual.request(script, world.logged(levels={"2xx": "silent", "200": "silent"}))

    assert "error" == world.log.only["level"]


def test_silence(dual, world):
    """A line that is silent is dropped."""
    # observability L12
    dual.request(Script(status=404), world.logged(levels={"404": "silent"}, slow_ms=0.001))

    assert [] == world.log.events


@pytest.mark.parametrize(("ms", "level"), [(499, "info"), (500, "warning")])
def test_slow_requests_are_warnings(dual, world, ms, level):
    """From so many ms on."""
    # observability L12
    dual.request(Acted(world, before=ms).apps, world.logged(slow_ms=500))

    assert level == world.log.only["level"]


def test_slowness_lowers_no_level(dual, world):
    """An error stays one."""
    # observability L12
    script = Script(status=500, on_request=lambda: world.tick(9))
    dual.request(script, world.logged(slow_ms=1))

    assert "error" == world.log.only["level"]


def test_a_session_is_never_slow(world):
    """It lasts as long as somebody stays (ASGI: WSGI has none)."""
    # observability L12
    session(world, talk(lambda: world.tick(10_000)), world.logging(slow_ms=1))

    assert "info" == world.log.only["level"]


def test_what_is_switched_off_is_not_looked_up(dual, world):
    """The level is asked for before the fields are built."""
    # observability L12
    asked = []

    class Off(dict):
        def __missing__(self, level):
            asked.append(level)
            return False

    class Sink:
        settled = None

        def wanted(self):
            return Off()

    logging = world.logging()
    logging._sink = Sink()
    dual.request(Script(), world.stack(logging))

    # Whether all lines are wanted, and if not, whether any can be.
    assert [20, 40] == asked


@pytest.mark.parametrize(
    ("excluding", "path", "status", "lines"),
    [
        ({}, "/healthz", 200, 0),
        ({}, "/healthz", 503, 1),
        ({}, "/healthz", 404, 1),
        ({}, "/healthz/more", 200, 1),
        ({"exclude": []}, "/healthz", 200, 1),
        ({"exclude": ["/a b"]}, "/a b", 200, 0),
        ({"exclude_prefixes": ["/static/"]}, "/static/x.css", 200, 0),
        ({"exclude_prefixes": ["/static/"]}, "/my/static/x.css", 200, 1),
        ({"exclude_regex": r"/v\d/ping"}, "/v1/ping", 200, 0),
        ({"exclude_regex": r"/v\d/ping"}, "/v1/ping/x", 200, 1),
        ({"exclude_when": lambda request, status, outcome: status == 200}, "/", 200, 0),
        ({"exclude_when": lambda request, status, outcome: status == 200}, "/", 201, 1),
        ({"exclude_errors": True}, "/healthz", 503, 0),
        ({"exclude_errors": True}, "/other", 503, 1),
    ],
)
def test_exclusion(dual, world, excluding, path, status, lines):
    """By the decoded path; a health check that fails is told all the same."""
    # observability L13
    dual.request(Script(status=status), world.logged(**excluding), path=path, query="x=1")

    assert lines == len(world.log.events)


def test_a_mounted_path_is_excluded_as_the_application_knows_it(dual, world):
    """Where it is mounted is none of its business."""
    # observability L13
    dual.request(Script(), world.logged(), path="/healthz", script_name="/shop")

    assert [] == world.log.events


def test_an_exclusion_that_fails_excludes_nothing(dual, world):
    """And is reported."""
    # observability L13, observability X12

    def when(*_):
        raise ERROR

    dual.request(Script(), world.logged(exclude_when=when))

    assert 200 == world.log.only[STATUS]
    assert ERROR is world.reports[0][1]


def test_sampling_is_decided_by_the_request_id(dual, world):
    """The same requests are kept everywhere, and say what they stand for."""
    # observability L14
    stack = world.stack(world.request_id(), world.logging(sample={"2xx": 0.5}))
    ids = [f"request-{number}" for number in range(200)]
    for each in ids:
        dual.request(Script(), stack, headers={"X-Request-ID": each})
    kept = [line["http.request.id"] for line in world.log.events]
    again = LogWorld()
    stack = again.stack(again.request_id(), again.logging(sample={"2xx": 0.5}))
    for each in reversed(ids):
        dual.request(Script(), stack, headers={"X-Request-ID": each})

    assert 70 < len(kept) < 130
    assert kept[::-1] == [line["http.request.id"] for line in again.log.events]
    assert {0.5} == {line["sample_rate"] for line in world.log.events}


@pytest.mark.parametrize(
    ("script", "options"),
    [
        (Script(status=500), {}),
        (Script(error=ERROR, error_at=1, body="generator"), {}),
        (Script(chunks=[b"a", b"b"], body="generator"), {"read": 1}),
        (Script(on_request=lambda: None), {}),
    ],
    ids=["error", "exception", "aborted", "slow"],
)
def test_trouble_is_never_sampled_out(dual, world, script, options):
    """Nor is what is slow."""
    # observability L14
    slow = world.logging(sample={"default": 0}, slow_ms=1)
    if script.on_request is not None:
        script = Script(on_request=lambda: world.tick(2))
    dual.request(script, world.stack(world.request_id(), slow), **options)

    assert "sample_rate" not in world.log.only


def test_a_share_of_nothing(dual, world):
    """No line, and no call of the sink."""
    # observability L14
    stack = world.stack(world.request_id(), world.logging(sample={"2xx": 0, "404": 1}))
    dual.request(Script(), stack)
    dual.request(Script(status=404), stack)

    assert 404 == world.log.only[STATUS]
    assert "sample_rate" not in world.log.only


def test_sampling_without_an_id(dual, world):
    """By chance, which in this world is zeros: they are kept at no rate that low."""
    # observability L14
    dual.request(Script(), world.logged(sample={"2xx": 0.001}))
    dual.request(Script(), world.logged(sample={"2xx": 0.999}))

    assert [0.999] == [line["sample_rate"] for line in world.log.events]


# L15: addresses


@pytest.mark.parametrize(
    ("settings", "client", "peer"),
    [
        ({}, "127.0.0.1", "127.0.0.1"),
        ({"client_ip": ["127.0.0.0/8"]}, "203.0.113.9", "127.0.0.1"),
        ({"client_ip": ["10.0.0.0/8"]}, "127.0.0.1", "127.0.0.1"),
        ({"client_ip": 2}, "198.51.100.1", "127.0.0.1"),
        ({"client_ip": "x-real-ip"}, "192.0.2.1", "127.0.0.1"),
        ({"client_ip": 2, "anonymise_ip": True}, "198.51.100.0", "127.0.0.0"),
    ],
)
def test_addresses(dual, world, settings, client, peer):
    """The client's as far as it can be believed, and always the peer's."""
    # observability L15
    headers = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9", "X-Real-IP": "192.0.2.1"}
    dual.request(Script(), world.logged(**settings), headers=headers)
    line = world.log.only

    assert (client, peer) == (line["client.address"], line["network.peer.address"])


# L16: fields of the application


def test_fields_from_anywhere(dual, world):
    """From the application, from its threads, and from its body."""
    # observability L16

    def in_thread():
        thread = threading.Thread(target=dualware.carry(lambda: dualware.add_fields(thread=1)))
        thread.start()
        thread.join()

    def body():
        yield b"a"
        dualware.add_fields(body=3)
        yield b"b"

    def wsgi(environ, start_response):
        dualware.add_fields(call=1)
        in_thread()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return body()

    async def asgi(scope, receive, send):
        dualware.add_fields(call=1)
        in_thread()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for chunk in body():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    dual.request((wsgi, asgi), world.logged())

    assert {"call": 1, "thread": 1, "body": 3}.items() <= world.log.only.items()


def test_fields_of_child_tasks(world):
    """They share the record (ASGI: WSGI has no tasks)."""
    # observability L16

    async def app(scope, receive, send):
        async def child():
            dualware.add_fields(child=1)

        await asyncio.gather(child(), child())
        await Script().asgi(scope, receive, send)

    ASGIClient(world.logged().asgi(app)).request_sync(backend="asyncio")

    assert 1 == world.log.only["child"]


def test_fields_after_the_line_are_refused(dual, world):
    """They could be nowhere."""
    # observability L16
    said = []

    def late():
        said.append(dualware.add_fields(late=1))

    late()
    dual.request(Script(body="generator", on_request=late), world.logged())
    late()

    assert [False, True, False] == said
    assert 1 == world.log.only["late"]


def test_own_fields_of_the_line_are_refused(dual, world):
    """In every preset, so that code which works with one works with all."""
    # observability L16
    raised = []

    def add():
        for name in ("url.path", "status", "event", "exc_info", "message"):
            with pytest.raises(ValueError, match="log line has fields of that name") as error:
                dualware.add_fields(**{name: "forged"})
            raised.append(error)

    dual.request(Script(on_request=add), world.logged())

    assert 5 == len(raised)
    assert "forged" not in world.log.only.values()


def test_too_many_fields(dual, world):
    """The first 64 are kept, and the line tells how many were not."""
    # observability L16

    def add():
        for number in range(70):
            dualware.add_fields(**{f"field_{number}": number})

    dual.request(Script(on_request=add), world.logged())
    line = world.log.only

    assert 64 == len([name for name in line if name.startswith("field_")])
    assert 6 == line["fields_dropped"]


# `fields`, `extra`, `route`


def test_chosen_fields(dual, world):
    """In that order; what users add comes after them."""
    chosen = [STATUS, "url.path", "http.route", "outcome"]
    logging = world.logged(fields=chosen, extra={"service": "shop"}, request_headers=["x-team"])
    script = Script(on_request=lambda: dualware.add_fields(user_id=7))
    dual.request(script, logging, headers={"X-Team": "blue"})

    assert [
        ("event", REQUEST),
        ("level", "info"),
        (STATUS, 200),
        ("url.path", "/"),
        ("outcome", "completed"),
        ("http.request.header.x-team", ["blue"]),
        ("service", "shop"),
        ("user_id", 7),
    ] == list(world.log.only.items())


@pytest.mark.parametrize("step", [1, -1, 2, -3])
@pytest.mark.parametrize("case", [normal, failed])
@pytest.mark.parametrize("preset", ["otel", "ecs", "flat"])
def test_chosen_fields_are_those_of_the_whole_line(dual, world, preset, case, step):
    """In the order in which a line has them, and in any other."""
    app, options = case(world)
    golden = json.loads((GOLDEN / f"{case.__name__}.json").read_text("utf-8"))[preset]
    chosen = [name for name in golden if name in PRESETS[preset].known][::step]
    logging = world.logging(
        preset=preset,
        fields=chosen,
        client_ip=["127.0.0.0/8"],
        route=lambda request: "/items/{id}",
    )
    options = {"wsgi": {}, "asgi": {}, **options}
    dual.request(app, world.stack(world.request_id(), logging), **options)

    told = list(world.log.only.items())[2:]
    assert [(name, golden[name]) for name in chosen] == told


def test_chosen_fields_of_a_session(world):
    """The same of a websocket session (ASGI: WSGI has none)."""

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})

    session(world, app, world.logging(fields=["outcome", "accepted", "http.route", "url.path"]))

    assert [
        ("event", "websocket.session"),
        ("level", "info"),
        ("outcome", "completed"),
        ("accepted", True),
        ("url.path", "/"),
    ] == list(world.log.only.items())


def test_chosen_fields_of_a_nested_preset(dual, world):
    """They are named as paths."""
    logging = world.logged(preset="gcp", fields=["severity", "httpRequest.status"])
    dual.request(Script(), logging)

    assert {
        "event": REQUEST,
        "level": "info",
        "severity": "INFO",
        "httpRequest": {"status": 200},
    } == world.log.only


def test_extra_fields_of_a_callable(dual, world):
    """It sees the exchange when it is over, and writes over nothing."""

    def extra(exchange):
        return {"cached": exchange.response.headers.get("X-Cache"), "outcome": "mine"}

    dual.request(Script(headers=[("X-Cache", "hit")]), world.logged(extra=extra))
    line = world.log.only

    assert ("hit", "completed") == (line["cached"], line["outcome"])


@pytest.mark.parametrize("setting", ["extra", "route"])
def test_a_callable_that_fails_costs_its_fields_only(dual, world, setting):
    """The line goes on, and the failure is reported."""
    # observability X12

    def fail(_):
        raise ERROR

    dual.request(Script(), world.logged(**{setting: fail}))

    assert 200 == world.log.only[STATUS]
    assert [ERROR] == [error for _, error in world.reports]


def test_the_route(dual, world):
    """From the setting; from the metrics' setting of timing; else there is none."""
    # observability L5
    timing = world.timing(metrics=[lambda _: None], route=lambda _: "/from/{timing}")
    dual.request(Script(), world.stack(world.logging(), timing))
    dual.request(Script(), world.stack(world.logging(route=lambda _: "/own/{id}"), timing))
    dual.request(Script(), world.stack(world.logging(route=lambda _: 7)))
    dual.request(Script(), world.logged())

    assert ["/from/{timing}", "/own/{id}", None, None] == [
        line.get("http.route") for line in world.log.events
    ]


# L17: exceptions in events of their own


@pytest.mark.parametrize("moment", ["call", 1])
def test_exceptions_on_demand(dual, world, moment):
    """With their traceback, before the line; servers print one already."""
    # observability L17
    script = Script(error=ValueError("no\x1bsuch"), error_at=moment, body="generator")
    dual.request(script, world.logged(log_exceptions=True))
    exception, line = world.log.events

    assert REQUEST == line["event"]
    assert ("http.server.request.exception", "error") == (exception["event"], exception["level"])
    assert ("ValueError", "no\\x1bsuch") == (
        exception["exception.type"],
        exception["exception.message"],
    )
    assert "request" == exception["phase"]
    assert exception["exception.stacktrace"].startswith("Traceback (most recent call last):\n")
    assert exception["exception.stacktrace"].endswith("ValueError: no\\x1bsuch")


def test_no_exception_is_told_where_errors_are_switched_off(dual, world):
    """It is an event of the level `error`."""
    # observability L17
    logging = world.logging(log_exceptions=True, levels={"error": "critical", "5xx": "critical"})

    events = []

    class Critical:
        settled = None

        def wanted(self):
            return {level: level > 40 for level in (0, 10, 20, 30, 40, 50)}

        def emit(self, level, event, fields):
            events.append(event)

    logging._sink = Critical()
    dual.request(Script(error=ERROR, error_at="call"), world.stack(logging))

    assert [REQUEST] == events

    # A failure after the line is one too.
    dual.request(Script(error=ERROR, error_at="close", body="iterable"), world.stack(logging))

    assert [REQUEST] == events


def test_an_exception_that_can_not_tell_itself(dual, world):
    """It is told as far as that goes."""
    # observability L17, observability X12

    class Mute(Exception):  # noqa: N818 - it stands for any error
        def __str__(self):
            raise ERROR

    dual.request(Script(error=Mute(), error_at="call"), world.logged(preset="ecs"))

    assert "can't be shown" in world.log.only["error.message"]


@pytest.mark.parametrize("sent", [False, True])
def test_a_status_for_clients_that_left(dual, world, sent):
    """Where there was none; what was sent stays (nginx's 499)."""
    # observability L1
    stack = world.logged(status_for_abort=499)
    if sent:
        dual.request(Script(chunks=[b"a", b"b"], body="generator"), stack, read=1)
        assert (200, None, "aborted") == told(world.log.only)[1:4]
    else:
        # ASGI alone: a WSGI server learns of it when it sends.
        async def app(scope, receive, send):
            await receive()
            await receive()

        ASGIClient(stack.asgi(app)).request_sync(disconnect_after=0)
        assert (499, True, "aborted") == told(world.log.only)[1:4]


# L18: websocket sessions (ASGI: WSGI has none)


def talk(while_open=lambda: None, *, error=None, code=None):
    """A session that echoes one message, and closes or fails."""

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while_open()
        message = await receive()
        await send({"type": "websocket.send", "text": message.get("text", "")})
        if error is not None:
            raise error
        if code is not None:
            await send({"type": "websocket.close", "code": code})

    return app


async def deny(scope, receive, send):
    """Refuse the handshake."""
    await receive()
    await send({"type": "websocket.close"})


async def deny_in_words(scope, receive, send):
    """Refuse the handshake with a response."""
    await receive()
    head = {"type": "websocket.http.response.start", "status": 401, "headers": []}
    await send(head)
    await send({"type": "websocket.http.response.body", "body": b"who?"})


async def stay_silent(scope, receive, send):
    """Never answer."""


async def fail_at_once(scope, receive, send):
    """Fail before the answer."""
    raise ERROR


SESSIONS = {
    "closed by the server": (
        talk(code=1000),
        {"accepted": True, "close_code": 1000, "closed_by": "server", "outcome": "completed"},
        "info",
    ),
    "failed": (
        talk(error=ERROR),
        {"accepted": True, "closed_by": "error", "outcome": "error", "error.type": "KeyError"},
        "error",
    ),
    "denied": (deny, {"accepted": False, STATUS: 403, "outcome": "completed"}, "info"),
    "denied in words": (
        deny_in_words,
        {"accepted": False, STATUS: 401, "outcome": "completed"},
        "info",
    ),
    "never answered": (stay_silent, {"accepted": False, "outcome": "no_response"}, "error"),
    "failed before the answer": (
        fail_at_once,
        {"accepted": False, "closed_by": "error", "outcome": "error", "error.type": "KeyError"},
        "error",
    ),
}


@pytest.mark.parametrize(("app", "fields", "level"), SESSIONS.values(), ids=SESSIONS)
def test_every_session_has_one_line(world, app, fields, level):
    """However it ends."""
    # observability L1, observability L18
    client = ASGIClient(world.logged().asgi(app), lint=False)
    client.websocket_sync(messages=["hi"], extensions={"websocket.http.response": {}})
    line = world.log.only

    assert ("websocket.session", level) == (line["event"], line["level"])
    assert "GET" == line["http.request.method"]
    assert fields.items() <= line.items()


ACTS = st.sampled_from(["receive", "accept", "send", "close", "error", "stop", "deny"])


@settings(max_examples=150, deadline=None)
@given(st.lists(ACTS, max_size=6), st.lists(st.sampled_from(["x", b"yy"]), max_size=3))
def test_any_session_has_one_line(acts, messages):
    """Whatever the application does, in whatever order."""
    # observability L1, observability L18

    async def app(scope, receive, send):
        for act in acts:
            if act == "receive":
                await receive()
            elif act == "error":
                raise ERROR
            elif act == "stop":
                raise STOP
            elif act == "deny":
                await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
                await send({"type": "websocket.http.response.body", "body": b""})
            else:
                await send({"type": f"websocket.{act}"})

    world = LogWorld()
    stack = world.logged()
    client = ASGIClient(stack.asgi(app), lint=False)
    client.websocket_sync(messages=messages, extensions={"websocket.http.response": {}})

    assert 1 == len(world.log.named("websocket.session"))
    assert [] == world.reports


def test_a_session_has_the_other_events_too(world):
    """Its beginning on demand, and what was raised after it was over."""
    # observability L1, observability L3, observability L18

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        raise ERROR

    session(world, app, world.logging(start_event=True), messages=["hi"])

    assert ["websocket.session.start", "websocket.session", "websocket.session.exception"] == [
        event["event"] for event in world.log.events
    ]
    assert "background" == world.log.events[2]["phase"]


def test_sessions_can_be_left_out(world):
    """The application then sees the server's own objects."""
    # observability L18
    session(world, talk(code=1000), world.logging(websocket=False), messages=["hi"])

    assert [] == world.log.events


# Ids


def test_the_ids_of_opentelemetry_win(dual, world):
    """A tracer in the process knows better than the headers of the request."""
    trace = pytest.importorskip("opentelemetry.trace")
    context = trace.SpanContext(trace_id=0xABC, span_id=0xDEF, is_remote=False, trace_flags=1)
    headers = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    with trace.use_span(trace.NonRecordingSpan(context)):
        stack = world.stack(world.request_id(), world.logging())
        dual.request(Script(), stack, headers=headers)
    line = world.log.only

    assert (f"{0xABC:032x}", f"{0xDEF:016x}") == (line["trace_id"], line["span_id"])
    assert "parent_span_id" not in line


def test_an_id_that_is_not_trusted(dual, world):
    """Both are shown."""
    stack = world.stack(world.request_id(trust="never", generator=lambda: "ours"), world.logging())
    dual.request(Script(), stack, headers={"X-Request-ID": "theirs"})
    line = world.log.only

    assert ("ours", "generated", "theirs") == (
        line["http.request.id"],
        line["request_id_source"],
        line["request_id_upstream"],
    )


def test_without_ids(dual, world):
    """Where nobody gave the request one, the line has none."""
    dual.request(Script(), world.logged())

    assert [] == [name for name in world.log.only if "id" in name.split(".")[-1].split("_")]


class Names(Middleware):
    """Gives the request an id, and does not say where it is from."""

    def __call__(self, exchange):
        exchange.record.request_id = "mine"


def test_an_id_of_somebody_else(dual, world):
    """Whoever gave it, it is the id of the request."""
    dual.request(Script(), world.stack(Names(), world.logging()))

    assert "mine" == world.log.only["http.request.id"]
    assert "request_id_source" not in world.log.only


def test_what_nobody_knows_is_absent(dual, world):
    """Some servers tell little, and so do test clients."""
    # observability L15, protocols W5, protocols A6
    keys = ("REMOTE_ADDR", "SERVER_PROTOCOL", "wsgi.input", "HTTP_USER_AGENT")
    dual.lint = False
    dual.request(
        Script(),
        world.logged(count_request_body=True),
        wsgi={"environ": dict.fromkeys(keys, ABSENT)},
        asgi={"scope": {"client": None, "http_version": ABSENT}},
    )

    assert {
        "event": REQUEST,
        "level": "info",
        "http.request.method": "GET",
        "url.path": "/",
        "url.scheme": "http",
        STATUS: 200,
        "http.request.body.size": 0,
        SIZE: 5,
        "http.server.request.duration": 0.0,
        "ttfb": 0.0,
        "outcome": "completed",
    } == world.log.only


# X: what the log must not do


class Answers(Middleware):
    """Answers in the application's place."""

    def __call__(self, exchange):
        exchange.respond(418, body=b"short and stout")


def test_answers_of_other_middleware_are_logged(dual, world):
    """They are responses as any."""
    # observability L1
    dual.request(Script(), world.stack(world.logging(), Answers()))

    assert (418, 15) == (world.log.only[STATUS], world.log.only[SIZE])


def test_the_status_is_the_one_on_the_wire(dual, world):
    """Middleware outside may still change it."""
    # observability L1

    class Teapot(Middleware):
        def __call__(self, exchange):
            yield RESPONSE
            exchange.response.status = 418

    dual.request(Script(), world.stack(Teapot(), world.logging()))

    assert 418 == world.log.only[STATUS]


def test_an_error_that_was_answered_has_both(dual, world):
    """The client got a page, and the line tells what went wrong."""
    # observability L1
    stack = world.stack(world.logging(), world.request_id(error_response=True))
    result = dual.request(Script(error=ERROR, error_at="call"), stack)

    assert ERROR is result.error
    assert (500, None, "completed", "error", "KeyError") == told(world.log.only)[1:]


@pytest.mark.parametrize("nested", ["nested", "separate"])
def test_the_inner_of_two_is_silent(dual, world, nested):
    """One line, whatever stands between."""
    # observability X11
    getattr(dual, nested)(Script(), (world.logging(), world.logging()))

    assert 1 == len(world.log.events)


def test_across_a_bridge_there_is_one_line(world):
    """And the fields of the inner side are on it (one protocol inside the other)."""
    # observability X11, protocols C1

    def inner(environ, start_response):
        dualware.add_fields(inner=1)
        return Script().wsgi(environ, start_response)

    stack = world.stack(world.request_id(), world.logging())
    app = stack.asgi(WSGIMiddleware(stack.wsgi(inner)))
    ASGIClient(app, lint=False).request_sync(backend="asyncio")

    assert (REQUEST, 1) == (world.log.only["event"], world.log.only["inner"])


@pytest.mark.parametrize("moment", [None, "call", 1])
def test_a_sink_that_fails_changes_nothing(dual, world, moment):
    """Neither the response nor what the application raised."""
    # observability X12

    def sink(_event):
        raise RuntimeError("disk full")

    script = Script(error=moment and ERROR, error_at=moment, body="generator")
    bare = dual.request(script)
    result = dual.request(script, world.logged(sink=sink))

    assert (bare.status, bare.body, bare.error) == (result.status, result.body, result.error)
    assert ["disk full"] == [str(error) for _, error in world.reports]


def test_a_background_failure_in_a_sink_that_fails(dual, world):
    """Both are told, neither is masked."""
    # observability X12
    calls = []

    def sink(event):
        calls.append(event["event"])
        raise RuntimeError("disk full")

    script = Script(error=ERROR, error_at="close", body="iterable")
    result = dual.request(script, world.logged(sink=sink))

    assert ERROR is result.error
    assert [REQUEST, f"{REQUEST}.exception"] == calls
    assert 2 == len(world.reports)


def test_users_are_none_of_its_business(protocol, world):
    """A session or user object may cost a database query when it is looked at."""
    # observability L19

    class Untouchable:
        def __getattr__(self, name):
            raise AssertionError(name)

    stack = world.logged(preset="flat")
    app = Dual(protocol).wrap(Script(), stack)
    with_users = {"app.user": Untouchable(), "app.session": Untouchable()}
    if protocol == "wsgi":
        WSGIClient(lambda environ, start: app({**environ, **with_users}, start)).request()
    else:

        async def outer(scope, receive, send):
            await app({**scope, **with_users}, receive, send)

        ASGIClient(outer).request_sync()

    assert 200 == world.log.only["status"]


def test_it_pickles(world):
    """As its settings."""
    # protocols A33
    logging = Logging.Settings(sink="structlog", levels={"4xx": "debug"})
    wrapped = dualware.Stack([Logging(logging, world.effects)])
    copy = pickle.loads(pickle.dumps(logging))

    assert copy == logging
    assert "Stack([Logging])" == repr(wrapped)
    assert type(wrapped.middleware[0]) is type(pickle.loads(pickle.dumps(Logging(logging, REAL))))


def test_wrappers_of_both_protocols(protocol):
    """By name, with settings as keywords, and by one mapping."""
    events = []
    app = Script()
    for stack in (
        dualware.load({"logging": {"sink": events.append}}),
        dualware.load({"logging": {"sink": events.append, "preset": "flat"}}),
    ):
        Dual(protocol).request(app, stack)
    wrapper = getattr(dualware, protocol).LoggingMiddleware
    client = {"wsgi": WSGIClient, "asgi": ASGIClient}[protocol]
    made = wrapper(getattr(app, protocol), sink=events.append, slow_ms=250.0)
    getattr(client(made), "request" if protocol == "wsgi" else "request_sync")()

    assert [REQUEST] * 3 == [event["event"] for event in events]


# Followed for failures alone

SILENT = {"default": "silent", "4xx": "silent", "aborted": "silent", "cancelled": "silent"}


@pytest.mark.parametrize("row", ROWS)
def test_errors_only(dual, world, row):
    """Where only errors have a line, it says what it says among all the others."""
    # observability L1
    script, options, _ = ROWS[row]
    dual = Dual(dual.protocol, lint=False)
    dual.request(script, world.logged(), **options)
    every = [event for event in world.log.events if event["level"] == "error"]
    world.log.events.clear()
    dual.request(script, world.logged(levels=SILENT), **options)

    assert every == world.log.events


@pytest.mark.parametrize("levels", [{"2xx": "silent"}, {"2xx": "debug"}])
def test_a_status_that_flows_outside_change(dual, world, levels):
    """The line is that of the status which the client gets, with the bytes that it gets."""

    class Outside(Middleware):
        """Makes an error of it."""

        def __call__(self, exchange):
            """Change the status."""
            yield RESPONSE
            exchange.response.status = 503

    stack = world.stack(Outside(), world.logging(levels=levels))
    dual.request(Script(chunks=[b"abc"]), stack)

    assert (503, 3, "error") == tuple(world.log.only[name] for name in (STATUS, SIZE, "level"))


def test_slow_ones_of_a_silent_kind(dual, world):
    """What may be worth a warning in the end is followed to it."""
    stack = world.logged(levels={"2xx": "debug"}, slow_ms=1)
    dual.request(Script(), stack)

    assert ["debug"] == [event["level"] for event in world.log.events]
