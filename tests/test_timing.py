"""Timing: what the response says, what sinks are told, and what is left alone.

Knows both protocols through `Dual`, in a world whose clocks are moved by hand. Must never wait.
"""

import asyncio
import logging
import pickle
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualware.core.current import live_record
from dualware.core.exchange import RESPONSE
from dualware.core.middleware import Middleware
from dualware.core.problems import SettingsError
from dualware.effects import REAL, RateLimitedReport
from dualware.middleware.timing import Timing, TimingSettings
from dualware.settings.reading import validated
from dualware.spans import add_span, span
from dualware.testing import CHUNKINGS, PROTOCOLS, ASGIClient, Dual, FileWrapper, Script, WSGIClient
from tests.timing_parts import MS, Acted, World


@pytest.fixture
def world():
    """Clocks that are moved by hand."""
    return World()


class Sink:
    """A metric sink that keeps what it is told, when it is told, and what it could see then.

    started, finished
        The figures, as given.
    """

    def __init__(self):
        self.started = []
        self.finished = []

    def start(self, figures):
        """An exchange starts."""
        assert figures.outcome is None
        self.started.append(figures)

    def __call__(self, figures):
        self.finished.append(figures)

    @property
    def only(self):
        """The figures of the one exchange that there was."""
        (figures,) = self.finished
        return figures


FIGURES = ("app", "ttfb", "stream", "total", "background", "send_wait")


def ms(figures):
    """The figures of an exchange in ms, by name."""
    values = {name: getattr(figures, name) for name in FIGURES}
    return {name: None if value is None else value / MS for name, value in values.items()}


def raising(error):
    """A callable that always fails."""

    def fail(*_):
        raise error

    return fail


# T1: the figures


def test_the_figures_of_a_stream(dual, world):
    """Each of them is the time between two moments of the exchange."""
    # observability T1
    sink = Sink()
    acted = Acted(world, before=10, chunks=[(1, b""), (2, b"a"), (4, b"b")], after=5, background=7)
    result = dual.request(acted.apps, world.stack(world.timing(metrics=[sink])))

    assert b"ab" == result.body
    assert {
        "app": 10,
        "ttfb": 13,
        "stream": 12,
        "total": 22,
        "background": 7,
        "send_wait": 0,
    } == ms(sink.only)


STEPS = st.lists(st.tuples(st.integers(0, 50), st.sampled_from([b"", b"x", b"yy"])), max_size=5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 50), STEPS, st.integers(0, 50), st.integers(0, 50))
def test_the_figures_are_equal_on_both_sides(before, chunks, after, background):
    """One trace of events, one set of figures and one header, whichever protocol it came by."""
    # observability T1, observability X1
    seen = []
    for protocol in PROTOCOLS:
        world, sink = World(), Sink()
        acted = Acted(world, before, chunks, after, background)
        stack = world.stack(world.timing(metrics=[sink], legacy_header="X-Runtime"))
        result = Dual(protocol).request(acted.apps, stack)
        seen.append((ms(sink.only), sink.only.labels, sink.only.outcome, result.headers))

    assert seen[0] == seen[1]


def test_the_first_chunk_of_an_empty_body_is_the_head(dual, world):
    """Nothing came after it."""
    # observability T1
    sink = Sink()
    dual.request(Acted(world, before=3, after=2).apps, world.stack(world.timing(metrics=[sink])))

    assert (3, 3, 5) == (sink.only.app_ms, sink.only.ttfb_ms, sink.only.total_ms)
    assert sink.only.first_at is None


@pytest.mark.parametrize("chunks", CHUNKINGS.values())
@pytest.mark.parametrize("body", ["list", "iterator", "iterable", "generator"])
def test_the_body_is_the_same(dual, world, chunks, body):
    """However it is cut, and whatever a WSGI application returns."""
    # observability X5b
    sink = Sink()
    script = Script(chunks=chunks([b"hello ", b"world"]), body=body)
    result = dual.request(script, world.stack(world.timing(metrics=[sink], trailers=True)))

    assert b"hello world" == result.body
    assert 11 == sink.only.sent


def test_figures_have_units(dual, world):
    """ns for arithmetic, ms for people, s for metric systems."""
    # observability T1
    sink = Sink()
    acted = Acted(world, before=250, chunks=[(500, b"a")], after=250, background=1500)
    dual.request(acted.apps, world.stack(world.timing(metrics=[sink])))
    figures = sink.only

    assert (250_000_000, 750_000_000) == (figures.app, figures.ttfb)
    assert (250, 750, 750, 1000, 1500) == (
        figures.app_ms,
        figures.ttfb_ms,
        figures.stream_ms,
        figures.total_ms,
        figures.background_ms,
    )
    assert (0.75, 1.0) == (figures.ttfb_s, figures.duration_s)
    assert "Figures(GET 200, completed, total=1000.0 ms)" == repr(figures)


def test_sinks_are_told_before_the_background(dual, world):
    """Metrics are counted at the last byte; the record knows the rest when it is over."""
    # observability T1
    background = []
    acted = Acted(world, background=9)
    timing = world.timing(
        metrics=[lambda figures: background.append((figures, figures.background))]
    )
    dual.request(acted.apps, world.stack(timing))

    ((figures, then),) = background
    assert (None, 9) == (then, figures.background_ms)


@pytest.mark.parametrize(("until", "seconds"), [("end", 0.006), ("start", 0.002)])
def test_the_duration_counts_until_the_setting_says(dual, world, until, seconds):
    """Dashboards that knew the time to the head can keep it."""
    # observability T11
    sink = Sink()
    acted = Acted(world, before=2, chunks=[(3, b"a")], after=1)
    dual.request(acted.apps, world.stack(world.timing(metrics=[sink], duration_until=until)))

    assert seconds == sink.only.duration_s


def test_a_duration_without_a_head_counts_until_the_end(dual, world):
    """There is no other time that it could count until."""
    # observability T11
    sink = Sink()
    script = Script(error=KeyError(), error_at="call", on_request=lambda: world.tick(4))
    timing = world.timing(metrics=[sink], duration_until="start")
    dual.request(script, world.stack(timing))

    assert 0.004 == sink.only.duration_s


# T2: the server's part


def test_the_time_the_server_took_is_told_apart(world, protocol):
    """A slow client makes `send_wait`, and no difference to the application's time."""
    # observability T2
    sink = Sink()
    acted = Acted(world, before=1, chunks=[(2, b"a"), (2, b"b")])
    stack = world.stack(world.timing(metrics=[sink]))
    if protocol == "wsgi":
        body = stack.wsgi(acted.wsgi)({"REQUEST_METHOD": "GET"}, lambda *_: None)
        for _ in body:
            world.tick(50)
        body.close()
    else:

        async def send(message):
            if message.get("body"):
                world.tick(50)

        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        asyncio.run(stack.asgi(acted.asgi)(scope, None, send))

    assert (100, 105) == (sink.only.send_wait / MS, sink.only.total_ms)
    assert 1 == sink.only.app_ms


def test_without_sinks_the_server_is_not_measured(world):
    """It costs two clock readings for each chunk."""
    # observability T2
    assert not world.timing().measures
    assert world.timing(metrics=[print]).measures


# T3: the header


def test_the_header_says_app(dual, world):
    """What is known when the head leaves, and nothing else."""
    # observability T3
    script = Script(on_request=lambda: world.tick(12.3454))
    result = dual.request(script, world.stack(world.timing()))

    assert "app;dur=12.345" == result.header("server-timing")


@pytest.mark.parametrize("status", [204, 304, 404, 503])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_response_has_the_header(dual, world, status, method):
    """Whatever its status, with a body or without."""
    # observability T3
    script = Script(status=status, headers=())
    result = dual.request(script, world.stack(world.timing()), method)

    assert status == result.status
    assert ["app;dur=0.000"] == result.header_all("server-timing")


def test_the_names_can_be_chosen(dual, world):
    """Header and metric have the names that the settings say."""
    # observability T3
    timing = world.timing(header="X-Timing", metric="django")
    result = dual.request(Script(), world.stack(timing))

    assert "django;dur=0.000" == result.header("x-timing")
    assert result.header("server-timing") is None


def spending(world):
    """What an application does that is worth spans: one is finished, one is not."""
    with span("db", 'read "all"'):
        world.tick(2)
    add_span("cache hit", 0.5)
    add_span("", 1)
    span("render").__enter__()
    world.tick(3)


def test_finished_spans_follow(dual, world):
    """In the order in which they started; what still runs is left out."""
    # observability T3, observability T6
    script = Script(on_request=lambda: spending(world))
    result = dual.request(script, world.stack(world.timing(expose_spans=True)))

    assert 'app;dur=5.000, db;desc="read \\"all\\"";dur=2.000, cache_hit;dur=0.500' == (
        result.header("server-timing")
    )


def test_running_spans_can_be_sent_too(dual, world):
    """With the time that they took until the head left."""
    # observability T3
    script = Script(on_request=lambda: spending(world))
    timing = world.timing(expose_spans=True, auto_end=True)
    result = dual.request(script, world.stack(timing))

    assert result.header("server-timing").endswith(", render;dur=3.000")


def test_a_flow_that_answers_is_timed(dual, world):
    """A preflight, a refused request: inner middleware is part of the application."""
    # observability T3

    class Answers(Middleware):
        def __call__(self, exchange):
            world.tick(1)
            exchange.respond(403, body=b"no")

    result = dual.request(Script(), world.stack(world.timing(), Answers()))

    assert (403, "app;dur=1.000") == (result.status, result.header("server-timing"))


# T4: trailers

OFFERED = {"extensions": {"http.response.trailers": {}}}
TAKEN = {"TE": "trailers"}


@pytest.mark.parametrize("metrics", [None, [lambda figures: None]])
def test_trailers_tell_the_rest(world, metrics):
    """Under a server that can, to a client that takes them (ASGI: WSGI has none)."""
    # observability T4
    acted = Acted(world, before=1, chunks=[(2, b"a")], after=4, background=8)
    timing = world.timing(trailers=True, metrics=metrics)
    result = Dual("asgi").request(acted.apps, world.stack(timing), headers=TAKEN, asgi=OFFERED)

    assert "app;dur=1.000" == result.header("server-timing")
    assert "Server-Timing" == result.header("trailer")
    assert [("server-timing", "total;dur=7.000, stream;dur=6.000")] == result.trailers


def test_the_end_is_the_body_not_the_trailers(world):
    """What the server takes for the trailers is nobody's time (ASGI: WSGI has none)."""
    # observability T1
    sink = Sink()
    acted = Acted(world, before=1, chunks=[(2, b"a")])
    app = world.stack(world.timing(trailers=True, metrics=[sink])).asgi(acted.asgi)

    async def send(message):
        world.tick(30 if message["type"] == "http.response.trailers" else 0)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [(b"te", b"trailers")],
        **OFFERED,
    }
    asyncio.run(app(scope, None, send))

    assert 3 == sink.only.total_ms


@pytest.mark.parametrize(
    ("headers", "asgi", "script", "method"),
    [
        ({}, OFFERED, {}, "GET"),
        (TAKEN, {}, {}, "GET"),
        (TAKEN, OFFERED, {"status": 204}, "GET"),
        (TAKEN, OFFERED, {}, "HEAD"),
        (TAKEN, OFFERED, {"declare_length": True}, "GET"),
    ],
)
def test_trailers_are_silently_not_sent(dual, world, headers, asgi, script, method):
    """Not offered, not taken, no body, or a length that HTTP/1.1 frames without chunks."""
    # observability T4
    stack = world.stack(world.timing(trailers=True))
    result = dual.request(Script(headers=(), **script), stack, method, headers=headers, asgi=asgi)

    assert (None, []) == (result.header("trailer"), result.trailers)
    assert [] == world.reports


def test_wsgi_has_no_trailers(world):
    """Even to clients that take them (WSGI: ASGI may have some)."""
    # observability T4
    stack = world.stack(world.timing(trailers=True))
    result = Dual("wsgi").request(Script(), stack, headers=TAKEN)

    assert result.header("trailer") is None
    assert [] == world.reports


def test_http_2_has_trailers_after_a_declared_length(world):
    """RFC 9113 §8.1 frames them apart from the body (ASGI: WSGI has none)."""
    # observability T4
    result = Dual("asgi").request(
        Script(declare_length=True),
        world.stack(world.timing(trailers=True)),
        headers=TAKEN,
        asgi={**OFFERED, "http_version": "2"},
    )

    assert [("server-timing", "total;dur=0.000, stream;dur=0.000")] == result.trailers


# T5: what the application wrote


def test_the_metrics_of_the_application_are_kept(dual, world):
    """Ours is one more line."""
    # observability T5
    script = Script(headers=[("Server-Timing", "db;dur=53"), ("Server-Timing", "miss")])
    result = dual.request(script, world.stack(world.timing()))

    assert ["db;dur=53", "miss", "app;dur=0.000"] == result.header_all("server-timing")


@pytest.mark.parametrize("name", ["X-Process-Time", "X-Runtime"])
def test_a_legacy_header_has_seconds(dual, world, name):
    """Six decimals, one value."""
    # observability T5
    script = Script(on_request=lambda: world.tick(1234.5678))
    result = dual.request(script, world.stack(world.timing(legacy_header=name)))

    assert "1.234568" == result.header(name)


def test_a_legacy_header_of_the_application_is_kept(dual, world):
    """Nobody could tell which of two is meant."""
    # observability T5
    script = Script(headers=[("X-Runtime", "mine")])
    result = dual.request(script, world.stack(world.timing(legacy_header="x-runtime")))

    assert "mine" == result.header("x-runtime")
    assert "app;dur=0.000" == result.header("server-timing")


# T7: caps


def test_the_header_is_capped(dual, world):
    """At 32 metrics and 2048 bytes; `app` always stands first."""
    # observability T7

    def many():
        for number in range(100):
            add_span(f"n{number}", 0)

    def long():
        for _ in range(30):
            add_span("n" * 100, 0)

    stack = world.stack(world.timing(expose_spans=True))
    entries = dual.request(Script(on_request=many), stack).header("server-timing")
    size = dual.request(Script(on_request=long), stack).header("server-timing")

    assert ["app", *(f"n{number}" for number in range(31))] == [
        each.partition(";")[0] for each in entries.split(", ")
    ]
    assert "app;dur=0.000" + f", {'n' * 100};dur=0.000" * 18 == size


def test_the_caps_can_be_chosen(dual, world):
    """As the settings say."""
    # observability T7
    script = Script(on_request=lambda: [add_span(name, 0) for name in "abc"])
    few = world.stack(world.timing(expose_spans=True, max_entries=2))
    short = world.stack(world.timing(expose_spans=True, max_bytes=128))
    words = Script(on_request=lambda: [add_span(name * 100, 0) for name in "ab"])

    assert "app;dur=0.000, a;dur=0.000" == dual.request(script, few).header("server-timing")
    assert f"app;dur=0.000, {'a' * 100};dur=0.000" == (
        dual.request(words, short).header("server-timing")
    )


# T8: who sees what


def test_spans_are_not_shown_by_default(dual, world):
    """Whoever reads the response would learn what the application does."""
    # observability T8
    script = Script(on_request=lambda: spending(world))
    result = dual.request(script, world.stack(world.timing()))

    assert "app;dur=5.000" == result.header("server-timing")


@pytest.mark.parametrize(("token", "shown"), [("staff", True), ("guest", False)])
def test_spans_can_be_shown_to_some(dual, world, token, shown):
    """A callable decides by the request."""
    # observability T8
    timing = world.timing(expose_spans=lambda request: request.header("x-role") == "staff")
    script = Script(on_request=lambda: add_span("db", 1))
    result = dual.request(script, world.stack(timing), headers={"X-Role": token})

    assert shown == (", db;dur=1.000" in result.header("server-timing"))


def test_a_predicate_that_fails_shows_nothing(dual, world):
    """It is reported, and the response is what it would have been."""
    # observability X12
    error = KeyError("role")
    timing = world.timing(expose_spans=raising(error))
    script = Script(on_request=lambda: add_span("db", 1))
    result = dual.request(script, world.stack(timing))

    assert (200, "app;dur=0.000") == (result.status, result.header("server-timing"))
    ((sentence, raised),) = world.reports
    assert sentence.startswith("expose_spans of timing, <function ")
    assert error is raised


@pytest.mark.parametrize(
    ("origins", "value"),
    [
        (None, None),
        ("*", "*"),
        (["https://shop.example"], "https://shop.example"),
        (("https://a.example", "http://[::1]:8000"), "https://a.example, http://[::1]:8000"),
        ([], None),
    ],
)
def test_other_origins_may_read_the_times(dual, world, origins, value):
    """The browser shows them to scripts of these origins alone."""
    # observability T8
    timing = world.timing(timing_allow_origin=origins)
    result = dual.request(Script(), world.stack(timing))

    assert value == result.header("timing-allow-origin")


def test_the_origins_of_the_application_stand(dual, world):
    """It knows better who may read this response."""
    # observability T8
    script = Script(headers=[("Timing-Allow-Origin", "https://own.example")])
    result = dual.request(script, world.stack(world.timing(timing_allow_origin="*")))

    assert "https://own.example" == result.header("timing-allow-origin")


# T10: one finish in every case


class Stop(BaseException):
    """Asks a thread or a task to stop."""


ERROR = KeyError("gone")
STOP = Stop()
CASES = {
    "normal": (Script(), {}, ("completed", 200, False, None)),
    "server error": (Script(status=503), {}, ("completed", 503, False, "503")),
    "before start": (
        Script(error=ERROR, error_at="call"),
        {},
        ("error", 500, True, "KeyError"),
    ),
    "after start": (
        Script(error=ERROR, error_at=1, body="generator"),
        {},
        ("error", 200, False, "KeyError"),
    ),
    "disconnect": (
        Script(chunks=[b"a", b"b"], body="generator"),
        {"read": 1},
        ("aborted", 200, False, None),
    ),
    "cancelled": (
        Script(error=STOP, error_at="call"),
        {},
        ("cancelled", None, False, f"{__name__}.Stop"),
    ),
}


@pytest.mark.parametrize(("script", "options", "told"), CASES.values(), ids=CASES)
def test_every_exchange_finishes_once(dual, world, script, options, told):
    """However it ends, sinks are told once, and of what kind the error was."""
    # observability T10
    sink = Sink()
    timing = world.timing(metrics=[sink])
    result = dual.request(script, world.stack(timing), **options)
    figures = sink.only

    assert told == (
        figures.outcome,
        figures.status,
        figures.status_inferred,
        figures.error_type,
    )
    assert [figures] == sink.started
    assert figures.total is not None
    assert figures.background is not None
    assert (result.error is None or "read" in options) == (script.error is None)
    assert script.error is None or script.error is result.error
    assert [] == world.reports


def test_an_exception_before_start_leaves_no_header(dual, world):
    """Somebody else answers; the exception is the same object."""
    # observability T10
    script = Script(error=ERROR, error_at="call")
    result = dual.request(script, world.stack(world.timing()))

    assert result.error is ERROR
    assert [] == result.starts


async def no_response(scope, receive, send):
    """An ASGI application that returns without a response."""


async def half_a_response(scope, receive, send):
    """An ASGI application that returns without the end of one."""
    await send({"type": "http.response.start", "status": 200, "headers": []})


def no_start(environ, start_response):
    """A WSGI application that returns without a response."""
    return []


@pytest.mark.parametrize(
    ("protocol", "app", "told"),
    [
        ("wsgi", no_start, ("no_response", None, "no_response")),
        ("asgi", no_response, ("no_response", None, "no_response")),
        # WSGI has nothing of the kind: who returns has said all.
        ("asgi", half_a_response, ("incomplete", 200, "incomplete")),
    ],
)
def test_an_application_that_does_not_finish(world, protocol, app, told):
    """It returned without a response, or without the end of one."""
    # observability T10
    sink = Sink()
    stack = world.stack(world.timing(metrics=[sink]))
    Dual(protocol, lint=False).request(app, stack)
    figures = sink.only

    assert told == (figures.outcome, figures.status, figures.error_type)
    assert (figures.status is None) == (figures.app is None)


def test_an_exception_that_a_flow_answered_names_the_error(dual, world):
    """The client got a 500 page; the record still has what went wrong."""
    # observability T10

    class Pages(Middleware):
        def __call__(self, exchange):
            try:
                yield RESPONSE
            except KeyError:
                exchange.respond(500, body=b"sorry")

    sink = Sink()
    script = Script(error=ERROR, error_at="call")
    stack = world.stack(world.timing(metrics=[sink]), Pages())
    result = dual.request(script, stack)

    assert (500, "app;dur=0.000") == (result.status, result.header("server-timing"))
    assert ("completed", 500, "KeyError") == (
        sink.only.outcome,
        sink.only.status,
        sink.only.error_type,
    )


def test_an_error_type_has_its_module(dual, world):
    """What is no builtin is told apart from its namesakes."""
    # observability T10
    sink = Sink()
    script = Script(error=pickle.PicklingError(), error_at="call")
    dual.request(script, world.stack(world.timing(metrics=[sink])))

    assert "_pickle.PicklingError" == sink.only.error_type


def test_the_status_is_the_one_that_was_sent(dual, world):
    """Middleware outside may still change it."""
    # observability T10

    class Teapot(Middleware):
        def __call__(self, exchange):
            yield RESPONSE
            exchange.response.status = 418

    sink = Sink()
    dual.request(Script(), world.stack(Teapot(), world.timing(metrics=[sink])))

    assert 418 == sink.only.status


def test_the_status_of_a_dropped_head_is_inferred(dual, world):
    """A policy outside fails before the head is sent: servers make it 500, whatever it said."""
    # observability T10

    class Bad(Middleware):
        def __call__(self, exchange):
            yield RESPONSE
            raise ERROR

    sink = Sink()
    result = dual.request(Script(), world.stack(Bad(), world.timing(metrics=[sink])))
    figures = sink.only

    assert ERROR is result.error
    assert [] == result.starts
    assert (500, True) == (figures.status, figures.status_inferred)
    assert ("error", "KeyError") == (figures.outcome, figures.error_type)
    assert 500 == figures.labels["http.response.status_code"]


# T11: sinks


def test_the_labels_are_those_of_opentelemetry(dual, world):
    """Each takes few values; the path is not among them."""
    # observability T11
    sink = Sink()
    timing = world.timing(metrics=[sink], route=lambda request: "/items/{id}")
    dual.request(Script(status=503), world.stack(timing), "PUT", "/items/42", query="page=2")

    assert {
        "http.request.method": "PUT",
        "url.scheme": "http",
        "http.response.status_code": 503,
        "http.route": "/items/{id}",
        "error.type": "503",
        "network.protocol.version": "1.1",
    } == sink.only.labels


@pytest.mark.parametrize("method", ["get", "PROPFIND", "X" * 100])
def test_a_method_that_nobody_knows_is_other(dual, world, method):
    """A client must not be able to make new time series."""
    # observability T11
    sink = Sink()
    dual.request(Script(), world.stack(world.timing(metrics=[sink])), method, "/secret")

    assert method == sink.only.method
    assert {
        "http.request.method": "_OTHER",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
    } == sink.only.labels


def test_a_route_that_is_not_known_is_absent(dual, world):
    """None, and what is no string."""
    # observability T11
    sink = Sink()
    for route in (lambda request: None, lambda request: 42):
        dual.request(Script(), world.stack(world.timing(metrics=[sink], route=route)))

    assert [None, None] == [figures.route for figures in sink.finished]


def test_a_route_is_asked_for_when_the_router_has_run(dual, world):
    """The application may have told its request which route it was."""
    # observability T11
    routed = []
    sink = Sink()
    timing = world.timing(metrics=[sink], route=lambda request: routed[0])
    dual.request(Script(on_request=lambda: routed.append("/")), world.stack(timing))

    assert "/" == sink.only.route


def test_a_failing_sink_changes_nothing(dual, world):
    """It is reported; the response and the other sinks never know."""
    # observability X12
    error = OSError("statsd is gone")
    failing = raising(error)
    failing.start = raising(error)
    sink = Sink()
    timing = world.timing(metrics=(failing, sink), route=raising(error))
    result = dual.request(Script(), world.stack(timing))

    assert (200, b"hello", None) == (result.status, result.body, result.error)
    assert result.header("server-timing") is not None
    assert [sink.only] == sink.started
    assert [error] * 3 == [raised for _, raised in world.reports]
    assert "the route of timing could not be told" == world.reports[1][0]


def test_a_failing_header_changes_nothing(dual, world):
    """What can't be written is reported, and the figures go on."""
    # observability X12
    sink = Sink()

    def odd():
        live_record().spans = ["no span"]

    timing = world.timing(metrics=[sink], expose_spans=True)
    result = dual.request(Script(on_request=odd), world.stack(timing))

    assert (200, b"hello") == (result.status, result.body)
    assert "completed" == sink.only.outcome
    assert ["the timing header could not be written"] == [said for said, _ in world.reports]


# T12: CPU time


@pytest.mark.parametrize("metrics", [None, [lambda figures: None]])
def test_cpu_time_is_that_of_the_thread(world, metrics, protocol):
    """Under WSGI; an event loop's thread serves others in between."""
    # observability T12
    records = []

    def work():
        world.tick(5)
        world.cpu += 2 * MS
        records.append(live_record())

    timing = world.timing(thread_cpu=True, expose_spans=True, metrics=metrics)
    result = Dual(protocol).request(Script(on_request=work), world.stack(timing))
    cpu = 2 * MS if protocol == "wsgi" else None

    assert cpu == records[0].timing.cpu
    assert ("app;dur=5.000, cpu;dur=2.000" if cpu else "app;dur=5.000") == (
        result.header("server-timing")
    )


def test_cpu_time_is_not_shown_to_everybody(world):
    """It stands in the record, for the log line (WSGI: ASGI has none)."""
    # observability T8
    result = Dual("wsgi").request(Script(), world.stack(world.timing(thread_cpu=True)))

    assert "app;dur=0.000" == result.header("server-timing")


def test_two_threads_have_no_common_cpu_time(world):
    """A body that starts late may be asked for its first item elsewhere (WSGI: ASGI has none)."""
    # observability T12
    sink, heads = Sink(), []
    script = Script(body="generator", lazy=True)
    app = world.stack(world.timing(thread_cpu=True, metrics=[sink])).wsgi(script.wsgi)
    body = app({"REQUEST_METHOD": "GET"}, lambda *head: heads.append(head))
    thread = threading.Thread(target=next, args=(body,))
    thread.start()
    thread.join()
    list(body)
    body.close()

    assert 1 == len(heads)
    assert sink.only.cpu is None


def test_cpu_time_is_not_read_unless_asked_for(dual, world):
    """It costs 0.7 us."""
    # observability T12
    records = []
    timing = world.timing(metrics=[lambda figures: None])
    dual.request(Script(on_request=lambda: records.append(live_record())), world.stack(timing))

    assert records[0].timing.cpu is None


# T13: queue time

NOW = 1_700_000_000_000_000_000


@pytest.mark.parametrize(
    ("stamp", "queued"),
    [
        ("t=1699999999.750", 250),
        ("1699999999.75", 250),
        ("t=1699999999750", 250),
        ("1699999999750", 250),
        ("1699999999750.5", 249.5),
        ("t=1699999999750000", 250),
        (" t=1699999999750000\t", 250),
        ("1700000000", 0),
        ("1699999940001", 59_999),
        # 60 s and more, negative, and no stamp at all
        ("1699999940000", None),
        ("1700000000001", None),
        ("16999999", None),
        ("t=", None),
        ("t=1e9", None),
        ("-1699999999", None),
        ("1699999999,1699999999", None),
        ("\u0661" * 10, None),
        ("9" * 10_000, None),
    ],
)
def test_queue_time_is_read_from_the_proxy(dual, world, stamp, queued):
    """Seconds, ms or µs, with or without `t=`."""
    # observability T13
    sink = Sink()
    timing = world.timing(
        metrics=[sink], queue_header="X-Request-Start", queue_trusted=["127.0.0.0/8"]
    )
    stamp = stamp.encode().decode("latin-1")
    dual.request(Script(), world.stack(timing), headers={"X-Request-Start": stamp})

    assert queued == (None if sink.only.queue is None else sink.only.queue / MS)


@pytest.mark.parametrize(
    ("trusted", "peer", "believed"),
    [
        (["127.0.0.1"], "127.0.0.1", True),
        (["127.0.0.0/8"], "::ffff:127.0.0.1", True),
        (["10.0.0.0/8"], "127.0.0.1", False),
        (["unix"], None, True),
        (["10.0.0.0/8"], None, False),
        (["unix"], "127.0.0.1", False),
        (["::1"], "nonsense", False),
    ],
)
def test_queue_time_is_believed_from_trusted_peers(dual, world, trusted, peer, believed):
    """Anybody can send the header."""
    # observability T13
    sink = Sink()
    timing = world.timing(metrics=[sink], queue_header="X-Request-Start", queue_trusted=trusted)
    dual.request(
        Script(),
        world.stack(timing),
        headers={"X-Request-Start": "1699999999.5"},
        wsgi={"environ": {"REMOTE_ADDR": peer or ""}},
        asgi={"scope": {"client": None if peer is None else (peer, 1)}},
    )

    assert believed == (sink.only.queue == 500 * MS)
    assert believed == (sink.only.queue is not None)


def test_queue_time_is_shown_with_the_spans(dual, world):
    """Right behind `app`, to those who may see more; without a stamp there is none."""
    # observability T8, observability T13
    timing = world.timing(
        expose_spans=True, queue_header="X-Request-Start", queue_trusted=["127.0.0.1"]
    )
    script = Script(on_request=lambda: add_span("db", 1))
    stack = world.stack(timing)
    stamped = dual.request(script, stack, headers={"X-Request-Start": "1699999999.5"})
    bare = dual.request(script, stack)

    assert "app;dur=0.000, queue;dur=500.000, db;dur=1.000" == stamped.header("server-timing")
    assert "app;dur=0.000, db;dur=1.000" == bare.header("server-timing")


# T14: websocket


def test_a_websocket_session_has_figures_and_no_header(world):
    """Its total is that of the session (ASGI: WSGI has no websockets)."""
    # observability T14
    sink, records = Sink(), []

    def work():
        records.append(live_record())
        world.tick(4)

    script = Script(on_request=work)
    timing = world.timing(metrics=[sink], legacy_header="X-Runtime", timing_allow_origin="*")
    result = ASGIClient(world.stack(timing).asgi(script.asgi)).websocket_sync()

    assert (True, [("content-type", "text/plain")]) == (result.accepted, result.headers)
    assert ("websocket", 101, "completed", 4) == (
        sink.only.kind,
        sink.only.status,
        sink.only.outcome,
        sink.only.total_ms,
    )
    assert sink.only is records[0].timing


def test_a_session_is_measured_without_sinks(world):
    """For its line in the log (ASGI: WSGI has no websockets)."""
    # observability T14
    records = []
    script = Script(on_request=lambda: records.append(live_record()))
    ASGIClient(world.stack(world.timing()).asgi(script.asgi)).websocket_sync()

    assert 0 == records[0].timing.total


def test_a_handshake_that_fails_finishes_once(world):
    """Denied, or ended by an exception (ASGI: WSGI has no websockets)."""
    # observability T10, observability T14
    sink = Sink()
    stack = world.stack(world.timing(metrics=[sink]))
    denial = {"websocket.http.response": {}}
    denied = ASGIClient(stack.asgi(Script(status=403).asgi)).websocket_sync(extensions=denial)
    ASGIClient(stack.asgi(Script(error=ERROR, error_at="call").asgi)).websocket_sync()

    assert denied.header("server-timing") is None
    assert [("completed", 403, None), ("error", None, "KeyError")] == [
        (each.outcome, each.status, each.error_type) for each in sink.finished
    ]


# What is left alone


@pytest.mark.parametrize("body", ["list", "iterator", "iterable", "generator", "file"])
@pytest.mark.parametrize(
    "options", [{}, {"expose_spans": True, "thread_cpu": True, "legacy_header": "X-Runtime"}]
)
def test_without_sinks_the_body_is_the_same_object(world, body, options):
    """The flow is over at the head (WSGI: ASGI has no body object)."""
    # observability X5a, observability X6
    script = Script(body=body)
    app = world.stack(world.timing(**options)).wsgi(script.wsgi)
    result = WSGIClient(app).request()

    assert result.returned is script.probe.returned[0]
    assert b"hello" == result.body
    assert (body == "file") == isinstance(result.returned, FileWrapper)


def test_lists_and_files_stay_what_they_are(world):
    """With sinks too: servers look at their type and length (WSGI: ASGI has no body object)."""
    # observability X5a, observability X6
    sink = Sink()
    for body in ("list", "file"):
        script = Script(body=body)
        app = world.stack(world.timing(metrics=[sink])).wsgi(script.wsgi)
        result = WSGIClient(app).request()

        assert result.returned is script.probe.returned[0]

    assert [5, None] == [figures.sent for figures in sink.finished]


def test_without_sinks_messages_pass_untouched(world):
    """After the head they go to the server as they are (ASGI: WSGI has no messages)."""
    # observability X3, observability X6
    body = {"type": "http.response.body", "body": b"hello"}
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        sent.append(send(body))
        await sent[0]

    async def serve():
        result = await ASGIClient(world.stack(world.timing()).asgi(app)).request()
        # The server's own coroutine: no wrapper of ours waits around it.
        return result, sent[0].cr_code

    result, code = asyncio.run(serve())

    assert body is result.messages[1]
    assert "send" == code.co_name
    assert code.co_filename.endswith("testing/asgi/server.py")


def test_a_shared_head_stays_the_applications(dual, world):
    """One header list for three requests: each response has the header once."""
    # observability X3
    script = Script(headers=[("Content-Type", "text/plain")])
    stack = world.stack(world.timing(legacy_header="X-Runtime"))
    app = dual.wrap(script, stack)
    client = WSGIClient(app) if dual.protocol == "wsgi" else ASGIClient(app)
    ask = client.request if dual.protocol == "wsgi" else client.request_sync

    assert [1, 1, 1] == [len(ask().header_all("server-timing")) for _ in range(3)]


def test_a_head_without_headers_is_taken(world):
    """ASGI lets the key be absent (ASGI: WSGI always has a list)."""
    # observability X3
    script = Script(headers=(), headers_key=False)
    result = Dual("asgi").request(script, world.stack(world.timing()))

    assert [("server-timing", "app;dur=0.000")] == result.headers


def test_the_request_body_is_not_read(dual, world):
    """Timing only observes."""
    # observability X4
    timing = world.timing(metrics=[Sink()], expose_spans=True, thread_cpu=True)
    result = dual.request(Script(), world.stack(timing), "POST", body=b"hello")

    assert [] == result.reads


def test_nothing_is_held_back(world, protocol):
    """Each chunk leaves before the next is made."""
    # observability X4
    log = []
    acted = Acted(world, chunks=[(1, b"a"), (1, b"b")])
    stack = world.stack(world.timing(metrics=[Sink()]))
    if protocol == "wsgi":
        body = stack.wsgi(acted.wsgi)({"REQUEST_METHOD": "GET"}, lambda *_: None)
        log += [(chunk, world.ns) for chunk in body]
        body.close()
    else:

        async def send(message):
            if message.get("body"):
                log.append((message["body"], world.ns))

        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        asyncio.run(stack.asgi(acted.asgi)(scope, None, send))

    start = World().ns
    assert [(b"a", start + MS), (b"b", start + 2 * MS)] == log


@pytest.mark.parametrize("around", ["request", "nested", "separate"])
def test_two_of_them_are_one(dual, world, around):
    """The inner one passes: no second header, no second count."""
    # observability X11
    sink = Sink()
    outer, inner = (world.timing(metrics=[sink]) for _ in range(2))
    if around == "request":
        result = dual.request(Script(), world.stack(outer, inner))
    else:
        result = getattr(dual, around)(Script(), (outer, inner))

    assert 1 == len(result.header_all("server-timing"))
    assert 1 == len(sink.finished) == len(sink.started)


def test_the_record_has_the_figures(dual, world):
    """For the log line: those of the head alone where nobody waits for the rest."""
    # observability T1
    records = []
    script = Script(on_request=lambda: records.append(live_record()))
    for options in (
        {},
        {"queue_header": "X-Request-Start", "queue_trusted": ["unix"]},
        {"metrics": [lambda figures: None]},
    ):
        dual.request(script, world.stack(world.timing(**options)))

    assert records[0].timing is None
    assert (0, None) == (records[1].timing.app, records[1].timing.total)
    assert (0, 0) == (records[2].timing.app, records[2].timing.total)


# Settings

FAULTS = [
    ({"headers": "X"}, "DW101"),
    ({"header": "Server Timing"}, "DW201"),
    ({"header": "Server-Timing-"}, "DW201"),
    ({"legacy_header": "X_Runtime_"}, "DW201"),
    ({"header": "Connection"}, "DW201"),
    ({"header": "Content-Length"}, "DW201"),
    ({"header": "Status"}, "DW201"),
    ({"legacy_header": "Transfer-Encoding"}, "DW201"),
    ({"header": "X-Runtime", "legacy_header": "x-runtime"}, "DW203"),
    ({"legacy_header": "Timing-Allow-Origin"}, "DW203"),
    ({"metric": "my app"}, "DW204"),
    ({"metric": ""}, "DW106"),
    ({"metric": "m" * 65}, "DW106"),
    ({"expose_spans": "yes"}, "DW104"),
    ({"expose_spans": int}, "DW205"),
    ({"expose_spans": lambda: True}, "DW205"),
    ({"auto_end": 1}, "DW104"),
    ({"max_entries": 0}, "DW106"),
    ({"max_bytes": -1}, "DW106"),
    ({"max_bytes": "2048"}, "DW104"),
    ({"timing_allow_origin": "https://a.example"}, "DW104"),
    ({"timing_allow_origin": 7}, "DW104"),
    ({"timing_allow_origin": ["*"]}, "DW203"),
    ({"timing_allow_origin": [7]}, "DW104"),
    ({"timing_allow_origin": ["https://a.example/"]}, "DW202"),
    ({"timing_allow_origin": ["https://A.example"]}, "DW202"),
    ({"timing_allow_origin": ["https://a.example:443"]}, "DW202"),
    ({"timing_allow_origin": ["a.example"]}, "DW202"),
    ({"timing_allow_origin": ["https://*.a.example"]}, "DW202"),
    ({"timing_allow_origin": ["https://a.example\r\nX: y"]}, "DW202"),
    ({"metrics": print}, "DW104"),
    ({"metrics": ["print"]}, "DW106"),
    ({"metrics": [Sink]}, "DW205"),
    ({"metrics": [lambda: None]}, "DW205"),
    ({"duration_until": "head"}, "DW106"),
    ({"route": "name"}, "DW104"),
    ({"route": dict}, "DW205"),
    ({"queue_header": "X_Request_Start", "queue_trusted": ["unix"]}, "DW201"),
    ({"queue_header": "X Request Start", "queue_trusted": ["unix"]}, "DW201"),
    ({"queue_header": "X-Request-Start"}, "DW103"),
    ({"queue_header": "X-Request-Start", "queue_trusted": [7]}, "DW104"),
    ({"queue_trusted": ["10.0.0.1/8"]}, "DW202"),
    ({"queue_trusted": ["proxy"]}, "DW202"),
    ({"queue_trusted": "unix"}, "DW104"),
    ({"thread_cpu": "wsgi"}, "DW104"),
]


@pytest.mark.parametrize(("given_settings", "code"), FAULTS)
def test_bad_settings_fail_at_construction(given_settings, code):
    """With a code, and the name of the setting."""
    # observability X13
    with pytest.raises(SettingsError) as caught:
        validated(TimingSettings, "timing", given_settings)

    (problem,) = caught.value.problems
    assert code == problem.code
    assert problem.path.startswith("timing")


async def coroutine(_):
    """What would have to be awaited."""


class Awaited:
    """An object whose call would have to be awaited."""

    async def __call__(self, _):
        """Nobody awaits it."""


@pytest.mark.parametrize("name", ["expose_spans", "route", "metrics"])
@pytest.mark.parametrize("function", [coroutine, Awaited()])
def test_coroutine_functions_are_refused(name, function):
    """Nobody would await them."""
    # observability X13
    given_value = [function] if name == "metrics" else function
    with pytest.raises(SettingsError) as caught:
        validated(TimingSettings, "timing", {name: given_value})

    assert ["DW205"] == [problem.code for problem in caught.value.problems]


def test_the_defaults():
    """Every setting, and what it is unless said otherwise."""
    assert {
        "header": "Server-Timing",
        "metric": "app",
        "expose_spans": False,
        "auto_end": False,
        "legacy_header": None,
        "trailers": False,
        "max_entries": 32,
        "max_bytes": 2048,
        "timing_allow_origin": None,
        "metrics": None,
        "duration_until": "end",
        "route": None,
        "queue_header": None,
        "queue_trusted": (),
        "thread_cpu": False,
    } == TimingSettings().model_dump()


def test_it_can_be_pickled():
    """As wrappers are, for process pools."""
    timing = Timing(TimingSettings(metric="mine", metrics=[print]), REAL)
    copy = pickle.loads(pickle.dumps(timing))

    assert timing.settings == copy.settings
    assert (timing.name, timing.observes, timing.websocket) == ("timing", True, True)


def test_real_clocks_fit(dual):
    """Time goes by, and is at least not negative."""
    sink = Sink()
    result = dual.request(Script(), [Timing(TimingSettings(metrics=[sink]), REAL)])

    assert result.header("server-timing").startswith("app;dur=0.")
    assert 0 < sink.only.app <= sink.only.total


def test_reports_reach_the_logger(dual, caplog):
    """With the real effects, a failing sink is an ERROR line on `dualware`."""
    # observability X12
    sink = raising(OSError("statsd is gone"))
    effects = type(REAL)(REAL.clock, REAL.cpu_clock, REAL.now, REAL.random, RateLimitedReport())
    timing = Timing(TimingSettings(metrics=[sink]), effects)
    with caplog.at_level(logging.ERROR, "dualware"):
        dual.request(Script(), [timing])

    assert 1 == len(caplog.records)
    assert "the metric sink" in caplog.text
    assert "statsd is gone" in caplog.text
