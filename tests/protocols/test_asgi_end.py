"""How an ASGI exchange ends: END once, whatever happens, and the error that left (A27 to A30).

This file knows outcomes and errors. What a message looks like is another's business.
"""

import asyncio
import traceback
import zlib

import pytest

from dualware import BODY, END, RESPONSE, Middleware
from dualware.asgi.request import ASGIRequest
from dualware.testing import ASGIClient
from dualware.testing.asgi import Inside
from tests.protocols.asgi_parts import (
    PATHS,
    Answering,
    Broken,
    Deflate,
    Ends,
    Head,
    Hold,
    HoldAndMark,
    Observer,
    Rescue,
    Server,
    Trailing,
    body,
    reporting,
    sending,
    start,
    wrap,
)

FOLLOWED = [path for path in PATHS if path != "plain"]
CANCELLED = [asyncio.CancelledError(), SystemExit(3), KeyboardInterrupt(), GeneratorExit()]


def named(error):
    """The name of an error, for the name of a test."""
    return type(error).__name__ if isinstance(error, BaseException) else str(error)


# Once


TRAILERS = {"type": "http.response.trailers"}
WAYS = {
    "last body": ([start(), body(b"a", more_body=True), body(b"b")], "completed"),
    "trailers": ([start(trailers=True), body(b"a"), TRAILERS], "completed"),
    "file": ([start(), {"type": "http.response.pathsend", "path": "/a"}], "completed"),
    "no response": ([], "no_response"),
    "body without a head": ([body(b"a")], "no_response"),
    "head only": ([start()], "incomplete"),
    "part": ([start(), body(b"a", more_body=True)], "incomplete"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", [path for path in FOLLOWED if path != "coded at once"])
def test_end_exactly_once(path, way):
    """After the last body or the trailers; else when the application returns."""
    # protocols A29
    seen = []
    messages, outcome = WAYS[way]
    assert Server().run(wrap(sending(*messages), *PATHS[path](seen))) is None

    assert [("END", outcome)] == seen


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("path", [path for path in FOLLOWED if path != "coded at once"])
def test_end_once_with_an_error(path, way):
    """An exception after the end ends nothing; before it, it does."""
    # protocols A29, A30
    seen = []
    messages, outcome = WAYS[way]
    error = ValueError(way)
    raised = Server().run(wrap(sending(*messages, then=error), *PATHS[path](seen)))

    assert raised is error
    assert [("END", "completed" if outcome == "completed" else "error")] == seen


@pytest.mark.parametrize("path", FOLLOWED)
def test_background_work(path):
    """END comes when the last message was sent; the application may go on long after it."""
    # protocols A29
    log = []

    async def app(scope, receive, send):
        await sending(start(), body(b"a"))(scope, receive, send)
        log.append("background")

    class Exits(Middleware):
        def __call__(self, exchange):
            exchange.on_exit(lambda error: log.append(("exit", error)))

    assert Server(log=log).run(wrap(app, *PATHS[path](log), Exits())) is None

    assert [
        "http.response.start", "http.response.body", ("END", "completed"), "background",
        ("exit", None),
    ] == log  # fmt: skip


@pytest.mark.parametrize("error", [ValueError("late"), *CANCELLED], ids=named)
@pytest.mark.parametrize("path", FOLLOWED)
def test_error_in_background_work(path, error):
    """It leaves as it is, and whoever asked is told of it; the exchange was completed."""
    # protocols A29, A30
    seen, exits = [], []

    class Exits(Middleware):
        def __call__(self, exchange):
            exchange.on_exit(exits.append)

    app = sending(start(), body(b"a"), then=error)
    assert Server().run(wrap(app, Exits(), *PATHS[path](seen))) is error

    assert [("END", "completed")] == seen
    assert [error] == exits


@pytest.mark.parametrize("error", [None, ValueError("early")], ids=named)
def test_exit_callbacks(error):
    """All of them are called, an error before END is none of theirs, their failures are told."""
    # protocols A29
    called, failure = [], RuntimeError("of the callback")

    def fail(_):
        raise failure

    class Exits(Middleware):
        def __call__(self, exchange):
            for callback in (called.append, fail, called.append):
                exchange.on_exit(callback)

    app, reports = reporting(sending(*WAYS["part"][0], then=error), Exits(), Observer([]))
    assert Server().run(app) is error

    assert [None, None] == called
    assert [failure] == reports


def test_times():
    """When the first chunk went on, and how long the server took, where somebody asks."""
    # protocols A29
    ends = []

    class Measuring(Ends):
        measures = True

    for middleware in (Ends, Measuring):
        app, _ = reporting(sending(start(), body(), body(b"a")), middleware(ends))
        assert Server().run(app) is None

    app, _ = reporting(
        sending(start(), body(more_body=True), body(b"a", more_body=True), body(b"b")),
        Measuring(ends),
    )
    assert Server().run(app) is None

    assert [False, False, True] == [bool(end.first_at) for end in ends]
    # One tick for each message.
    assert [0, 2, 4] == [end.send_wait for end in ends]


# Errors


@pytest.mark.parametrize("error", [ValueError("x"), *CANCELLED], ids=named)
@pytest.mark.parametrize("messages", [[], [start()], WAYS["part"][0]], ids=len)
@pytest.mark.parametrize("path", PATHS)
def test_same_error(path, messages, error):
    """What the application raised leaves as the same object, with nothing around it."""
    # protocols A30
    seen, ends = [], []
    error.__traceback__ = None
    app = wrap(sending(*messages, then=error), Ends(ends), *PATHS[path](seen))
    assert Server().run(app) is error

    assert (None, None) == (error.__cause__, error.__context__)
    outcome = "error" if isinstance(error, Exception) else "cancelled"
    assert [("END", outcome)] * (path != "plain") == seen
    assert [(outcome, error)] == [(end.outcome, end.error) for end in ends]
    # Its reader wants the frames of the application, none of a flow.
    frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert "app" == frames[-1]
    assert 1 == frames.count("__call__")


def test_error_passes_flows_innermost_first():
    """It is raised at every wait; what a flow raises in its place masks nothing."""
    # protocols A30
    order, error, other = [], ValueError("of the application"), KeyError("of a flow")

    class Noting(Middleware):
        def __init__(self, name, wait, instead=None):
            self.label, self.wait, self.instead = name, wait, instead

        def __call__(self, exchange):
            try:
                yield self.wait
            except ValueError as caught:
                order.append((self.label, caught is error))
                if self.instead is not None:
                    raise self.instead from None

    middleware = [Noting("a", RESPONSE), Noting("b", BODY, other), Noting("c", END)]
    app, reports = reporting(sending(start(), then=error), *middleware)
    assert Server().run(app) is error

    assert [("c", True), ("b", True), ("a", True)] == order
    assert [other] == reports
    assert (None, None) == (error.__cause__, error.__context__)


@pytest.mark.parametrize("wait", [RESPONSE, BODY])
def test_flow_that_goes_back(wait):
    """Waiting for an event that is over is a fault of the flow: told, and nothing more."""
    # protocols A29

    class Back(Middleware):
        observes = True

        def __call__(self, exchange):
            yield END
            yield wait

    app, reports = reporting(sending(*WAYS["last body"][0]), Back())
    server = Server()
    assert server.run(app) is None

    assert ["start", "body", "body"] == server.types
    assert ["ExchangeError"] == [type(report).__name__ for report in reports]


def test_flow_that_stops_the_task_at_end():
    """What is no Exception goes on, when every flow has had its END."""
    # protocols A29, A30
    seen = []

    class Stop(Middleware):
        def __call__(self, exchange):
            yield END
            raise SystemExit(1)

    server = Server()
    error = server.run(wrap(sending(start(), body(b"a")), Observer(seen), Stop()))

    assert SystemExit is type(error)
    assert [("END", "completed")] == seen
    assert ["start", "body"] == server.types


# The server's errors


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (OSError("gone"), "aborted"),
        (ConnectionResetError("gone"), "aborted"),
        (asyncio.CancelledError(), "cancelled"),
        (RuntimeError("too much data"), "error"),
    ],
    ids=named,
)
@pytest.mark.parametrize("swallowed", [True, False])
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("path", PATHS)
def test_send_raises(path, number, swallowed, error, outcome):
    """The application gets the very error; a client that is gone is told of as such."""
    # protocols A27, A28
    seen, caught = [], []

    async def app(scope, receive, send):
        try:
            await sending(start(), body(b"a" * 9, more_body=True), body(b"b"))(scope, receive, send)
        except BaseException as raised:
            caught.append(raised)
            if not swallowed:
                raise

    error.__traceback__ = None
    server = Server(fails={number: error})
    raised = server.run(wrap(app, *PATHS[path](seen)))

    assert raised is (None if swallowed else error)
    assert [True] == [each is error for each in caught]
    if swallowed and outcome != "aborted":
        outcome = "incomplete"
    # A head that is held is not sent again when its sending failed.
    assert [("END", outcome)] * (path != "plain") == seen


def test_goes_on_after_a_failed_send():
    """An application that does not care sends on; the client is gone all the same."""
    # protocols A27, A28
    seen = []

    async def app(scope, receive, send):
        await send(start())
        for more in (True, True, False):
            try:
                await send(body(b"a", more_body=more))
            except OSError:
                pass

    server = Server(fails={2: OSError("gone")})
    assert server.run(wrap(app, Observer(seen))) is None

    assert [("END", "aborted")] == seen
    assert ["start", "body", "body"] == server.types


@pytest.mark.parametrize("kind", ["debug", "early_hint", "push", "unknown"])
@pytest.mark.parametrize("held", [True, False])
def test_other_message_cannot_be_sent(kind, held):
    """A client that is gone is told of as such, whatever was being sent."""
    # protocols A27, A28
    seen, gone = [], OSError("gone")
    first = [start()] if held else []
    app = sending(*first, {"type": f"http.response.{kind}"}, start(), body())
    assert Server(fails={1: gone}).run(wrap(app, Observer(seen), Hold())) is gone

    assert [("END", "aborted")] == seen


@pytest.mark.parametrize("path", FOLLOWED)
def test_disconnect_while_nothing_was_sent(path):
    """The application returns without a body, since nobody waits for one."""
    # protocols A20, A28
    seen = []

    async def app(scope, receive, send):
        await send(start())
        await receive()

    server = Server({"type": "http.disconnect"})
    assert server.run(wrap(app, *PATHS[path](seen))) is None

    assert ["start"] == server.types
    assert [("END", "aborted")] == seen


@pytest.mark.parametrize("path", FOLLOWED)
def test_bytes_are_counted_when_taken(path):
    """What the server did not take was not sent."""
    # protocols A28
    ends = []
    server = Server(fails={3: OSError("gone")})
    app = sending(start(), body(b"a" * 9, more_body=True), body(b"b"))
    raised = server.run(wrap(app, Ends(ends), *PATHS[path]([])))

    assert OSError is type(raised)
    assert [len(server.body)] == [end.sent for end in ends]


# Answers


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_answer(path, method):
    """An answer passes the flows outside its giver; the application never runs."""
    # protocols A23, A29
    seen, inside = [], []
    answering = Answering(200, {"X-Answer": "1"}, b"hello")
    middleware = [*PATHS[path](seen), answering, Observer(inside), Head("X-Inner")]
    app = wrap(sending(then=AssertionError("it ran")), *middleware)
    result = ASGIClient(app).request_sync(method).reraise()

    coded = "coded" in path and method == "GET"
    assert (200, "1") == (result.status, result.header("x-answer"))
    assert result.header("x-inner") is None
    assert ("deflate" if coded else None) == result.header("content-encoding")
    assert (b"hello" if method == "GET" else b"") == (_plain(result) if coded else result.body)
    length = {"HEAD": "5", "GET": str(len(result.body))}[method]
    # A codec that was given at once makes a body of unknown length.
    assert (None if path == "coded at once" and coded else length) == result.header(
        "content-length"
    )
    assert [("END", "completed")] * (path != "plain") == seen
    assert [] == inside


def _plain(result):
    """The body, decoded."""
    return zlib.decompress(result.body)


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("path", PATHS)
def test_answer_without_a_body(path, status):
    """It has no Content-Length: httptools raises for it."""
    # protocols A23
    result = ASGIClient(wrap(sending(), *PATHS[path]([]), Answering(status))).request_sync()

    assert (status, b"", None) == (result.status, result.body, result.header("content-length"))
    assert 2 == len(result.messages)


def test_answer_with_trailers():
    """A flow outside an answer may send trailers after it."""
    # protocols A21, A26
    offer = {"http.response.trailers": {}}
    app = wrap(sending(), Trailing(), Answering(200, (), b"hello"))
    result = ASGIClient(app).request_sync(extensions=offer)

    assert (b"hello", [("x-sent", "5")]) == (result.body, result.trailers)


def test_answer_held_and_coded_at_once():
    """A body that was coded inside reaches the flow outside as a whole."""
    # protocols A18, A24
    chunks = []

    class Look(Middleware):
        def __call__(self, exchange):
            yield BODY
            chunks.append((exchange.response.first_chunk, exchange.response.complete))

    app = wrap(sending(), Look(), Deflate(RESPONSE), Answering(200, (), b"hello"))
    result = ASGIClient(app).request_sync()

    assert [(result.body, True)] == chunks
    assert b"hello" == _plain(result)
    assert str(len(result.body)) == result.header("content-length")


@pytest.mark.parametrize("error", [OSError("gone"), asyncio.CancelledError()], ids=named)
@pytest.mark.parametrize("number", [1, 2])
def test_answer_cannot_be_sent(number, error):
    """END comes all the same, once."""
    # protocols A27, A29
    seen = []
    server = Server(fails={number: error})
    assert server.run(wrap(sending(), Observer(seen), Head(), Answering())) is error

    outcome = "aborted" if isinstance(error, OSError) else "cancelled"
    assert [("END", outcome)] == seen


def test_no_second_answer():
    """Once its head was sent, an answer that failed is not followed by another."""
    # protocols A18, A29
    seen = []
    server = Server(fails={2: RuntimeError("too much data")})
    app, reports = reporting(sending(), Observer(seen), Rescue(), Answering(200, (), b"a"))

    assert RuntimeError is type(server.run(app))
    assert ["start"] == server.types
    assert ["ExchangeError"] == [type(report).__name__ for report in reports]
    assert [("END", "error")] == seen


@pytest.mark.parametrize("messages", [[], [start(trailers=True)]], ids=len)
@pytest.mark.parametrize("path", [None, *PATHS])
def test_answer_after_an_error(path, messages):
    """Where nothing was sent, a flow deals with the error of the application."""
    # protocols A20, A29
    seen, late, inner = [], [], []
    middleware = [*(PATHS[path](seen) if path else ()), Rescue(late=late)]
    # The innermost holds the head that the application gives up.
    app = wrap(sending(*messages, then=ValueError("x")), *middleware, Observer(inner), Hold())
    result = ASGIClient(Inside(app)).request_sync().reraise()

    assert 500 == result.status
    assert b"rescued" == (_plain(result) if path and "coded" in path else result.body)
    assert ["completed"] == late
    assert [("END", "completed")] * (path not in (None, "plain")) == seen
    assert [("END", "error")] == inner


def test_answer_after_an_error_while_held_outside():
    """The head of the application passed the inner flows, and is forgotten with its error."""
    # protocols A20
    seen = []
    app = sending(start(headers=[(b"x-app", b"1")]), then=ValueError("x"))
    middleware = [Observer(seen), HoldAndMark(), Rescue(), Head("X-Inner")]
    result = ASGIClient(wrap(Inside(app), *middleware)).request_sync().reraise()

    assert (500, b"rescued") == (result.status, result.body)
    assert ["1", None, None] == [result.header(f"x-{name}") for name in ("held", "inner", "app")]
    assert [("END", "completed")] == seen


@pytest.mark.parametrize(
    ("error", "again"),
    [(ValueError("x"), True), *((each, False) for each in CANCELLED)],
    ids=named,
)
def test_answer_and_the_error_goes_on(error, again):
    """It leaves when a flow raised it again, or when it asks the task to stop."""
    # protocols A30
    seen = []
    error.__traceback__ = None
    middleware = [Observer(seen), Rescue(caught=BaseException, again=again)]
    server = Server()
    assert server.run(wrap(sending(then=error), *middleware)) is error

    assert ["start", "body"] == server.types
    assert [("END", "completed")] == seen


@pytest.mark.parametrize("path", [path for path in PATHS if path != "plain"])
def test_no_answer_when_something_was_sent(path):
    """It is too late then: the flow is told so, and the error goes on."""
    # protocols A29, A30
    seen, error = [], ValueError("x")
    app = sending(start(), body(b"a", more_body=True), then=error)
    wrapped, reports = reporting(app, *PATHS[path](seen), Rescue())
    server = Server()
    assert server.run(wrapped) is error

    assert ["start", "body"] == server.types
    assert ["ExchangeError"] == [type(report).__name__ for report in reports]
    assert [("END", "error")] == seen


@pytest.mark.parametrize("number", [1, 2])
def test_answer_after_an_error_cannot_be_sent(number):
    """END comes all the same, once, and what the server raised leaves."""
    # protocols A27, A29
    seen = []
    gone = OSError("gone")
    app = wrap(sending(then=ValueError("x")), Observer(seen), Rescue())
    assert Server(fails={number: gone}).run(app) is gone

    assert [("END", "aborted")] == seen


def test_answer_after_an_error_that_a_policy_breaks():
    """It fails closed there too; END comes once."""
    # protocols A29
    seen = []
    broken = KeyError("of a policy")
    server = Server()
    app = wrap(sending(then=ValueError("x")), Observer(seen), Broken(broken), Rescue())
    assert server.run(app) is broken

    assert [] == server.messages
    assert [("END", "error")] == seen


def test_task_stopped_after_an_answer():
    """A flow that asks the task to stop at END does so after the answer, too."""
    # protocols A29, A30
    seen, stop = [], SystemExit(1)
    server = Server()
    app = wrap(sending(then=ValueError("x")), Observer(seen), Broken(stop, END), Rescue())
    assert server.run(app) is stop

    assert ["start", "body"] == server.types
    assert [("END", "completed")] == seen


# Failing flows


@pytest.mark.parametrize("event", [None, RESPONSE, BODY], ids=str)
@pytest.mark.parametrize("swallowed", [True, False])
def test_policy_fails_closed(event, swallowed):
    """Nothing of the response gets through, whatever the application makes of the failure."""
    # protocols A20
    seen, broken = [], KeyError("of a policy")

    async def app(scope, receive, send):
        for message in (start(), body(b"a", more_body=True), body(b"b")):
            try:
                await send(message)
            except KeyError:
                if not swallowed:
                    raise

    server = Server()
    assert server.run(wrap(app, Observer(seen), Broken(broken, event))) is broken

    assert [] == server.messages
    assert [("END", "error")] == seen


@pytest.mark.parametrize("event", [None, RESPONSE, BODY], ids=str)
def test_failed_policy_and_an_answer(event):
    """A flow outside may answer for a policy that failed."""
    # protocols A20
    seen = []
    app = wrap(sending(start(), body(b"a")), Observer(seen), Rescue(), Broken(KeyError(), event))
    result = ASGIClient(app).request_sync().reraise()

    assert (500, b"rescued") == (result.status, result.body)
    assert [("END", "completed")] == seen


@pytest.mark.parametrize("event", [None, RESPONSE, BODY, END], ids=str)
def test_observer_fails(event):
    """It is told, and changes nothing."""
    # protocols A29
    broken, seen = KeyError("of an observer"), []

    class Watcher(Broken):
        observes = True

    app, reports = reporting(sending(start(), body(b"a")), Observer(seen), Watcher(broken, event))
    server = Server()
    assert server.run(app) is None

    assert ["start", "body"] == server.types
    assert [broken] == reports
    assert [("END", "completed")] == seen


# What is made when it is asked for


def test_nothing_is_made_for_nobody():
    """A flow that asks for nothing costs no request and no response."""
    # protocols A25
    kept = []

    class Keep(Middleware):
        def __call__(self, exchange):
            kept.append(exchange)
            yield RESPONSE

    assert Server().run(wrap(sending(start(), body(b"a")), Keep())) is None

    assert [(None, None)] == [(each._request, each._response) for each in kept]
    assert ASGIRequest is type(kept[0].request)
    assert kept[0].response is kept[0].response


def test_response_before_the_head():
    """There is none yet, which is told as a status of None."""
    # protocols A29
    seen = []

    class Early(Middleware):
        def __call__(self, exchange):
            seen.append(exchange.response.status)
            yield END
            seen.append(exchange.response.status)

    assert Server().run(wrap(sending(), Early())) is None

    assert [None, None] == seen
