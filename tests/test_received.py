"""How much of the request body the application took in: counted on demand, and never read.

Knows the objects that servers of both protocols hand over. Must never know a log line.
"""

import asyncio
import io

import pytest
from flask import Flask, request
from hypothesis import given
from hypothesis import strategies as st

from dualware import END, Middleware, Stack
from dualware.effects import REAL
from dualware.middleware.logging import Logging, LoggingSettings
from dualware.testing import CHUNKINGS, ASGIClient, Dual, Script, WSGIClient

BODY = b"first line\nsecond\n\nlast, without an end"


class Counting(Middleware):
    """Wants to know what was received.

    received
        What was, exchange by exchange, when each was over.
    """

    receives = True
    observes = True

    def __init__(self):
        self.received = []

    def __call__(self, exchange):
        assert 0 == exchange.received
        try:
            yield END
        finally:
            self.received.append(exchange.received)


class Watching(Counting):
    """Does not ask for it."""

    receives = False


@pytest.fixture
def counting():
    """A middleware that wants to know."""
    return Counting()


# observability L11: both protocols


@pytest.mark.parametrize("size", [0, 1, 40, 100_000])
def test_the_whole_body(dual, counting, chunking, size):
    """However it arrives."""
    # observability L11, protocols A12
    body = list(chunking([b"x" * (size // 2), b"y" * (size - size // 2)]))[:1000]
    expected = sum(map(len, body))
    script = Script(read_body=True)
    result = dual.request(script, [counting], "POST", body=body).reraise()

    assert [expected] == counting.received
    assert [b"".join(body)] == script.probe.bodies
    assert b"hello" == result.body


def test_a_body_that_nobody_reads(dual, counting):
    """We do not read it either."""
    # observability L11, observability X4
    result = dual.request(Script(), [counting], "POST", body=BODY)

    assert [0] == counting.received
    assert [] == result.reads


def test_requests_in_a_row(dual, counting):
    """Each is counted on its own."""
    # observability L11
    app = dual.wrap(Script(read_body=True), [counting])
    client = WSGIClient(app).request if dual.protocol == "wsgi" else ASGIClient(app).request_sync
    for body in (b"abc", b"", b"a"):
        client("POST", body=body)

    assert [3, 0, 1] == counting.received


@pytest.mark.parametrize("around", ["request", "nested", "separate"])
def test_two_that_want_to_know(dual, around):
    """No byte is counted twice, whether the wrappers are fused or apart."""
    # observability L11, observability X11
    both = Counting(), Counting()
    getattr(dual, around)(Script(read_body=True), both, "POST", body=BODY).reraise()

    assert [[len(BODY)]] * 2 == [each.received for each in both]


@pytest.mark.parametrize("wanted", [True, False])
def test_the_logging_middleware_asks_for_it(wanted):
    """Only where the settings want it (no protocol is involved)."""
    # observability L11
    settings = LoggingSettings(count_request_body=wanted)

    assert wanted is Stack([Logging(settings, REAL)]).receives


# observability L11, protocols W9: what a WSGI application may do (ASGI has no such object)


class Exact:
    """An input that keeps the very calls, and returns the very objects.

    calls
        The name and the arguments of each.
    """

    def __init__(self, answers):
        self.answers = answers
        self.calls = []
        self.extra = object()

    def _answer(self, name, arguments):
        self.calls.append((name, arguments))
        return self.answers[name]

    def read(self, *arguments):
        """Some bytes."""
        return self._answer("read", arguments)

    def readline(self, *arguments):
        """A line."""
        return self._answer("readline", arguments)

    def readlines(self, *arguments):
        """Lines."""
        return self._answer("readlines", arguments)

    def __iter__(self):
        return iter(self._answer("iter", ()))


def within(act, stream, *middleware):
    """What ``act`` makes of the input that an application sees; its errors are raised here."""
    seen = []

    def app(environ, start_response):
        seen.append(act(environ["wsgi.input"]))
        start_response("200 OK", [])
        return []

    wrapped = Stack(middleware).wsgi(app)
    WSGIClient(wrapped).request("POST", environ={"wsgi.input": stream}).reraise()
    return seen[0]


CALLS = [
    ("read", (), b"abc"),
    ("read", (5,), b"abc"),
    ("read", (-1,), b"abc"),
    ("read", (None,), b"abc"),
    ("read", (0,), b""),
    ("readline", (), b"ab\n"),
    ("readline", (2,), b"ab"),
    ("readlines", (), [b"ab\n", b"c"]),
    ("readlines", (7,), [b"ab\n", b"c"]),
    ("readlines", (), []),
]


@pytest.mark.parametrize(("name", "arguments", "answer"), CALLS)
def test_calls_go_on_as_they_are(counting, name, arguments, answer):
    """The caller's arguments, no more and no fewer; what comes back is the very object."""
    # observability L11, protocols W9
    stream = Exact({name: answer})
    got = within(lambda seen: getattr(seen, name)(*arguments), stream, counting)

    assert got is answer
    assert [(name, arguments)] == stream.calls
    assert [sum(map(len, answer)) if name == "readlines" else len(answer)] == counting.received


def test_iteration(counting):
    """Line by line, as far as the application goes."""
    # observability L11, protocols W9
    lines = [b"ab\n", b"c\n", b"d"]
    stream = Exact({"iter": lines})

    def two(seen):
        iterator = iter(seen)
        return [next(iterator), next(iterator)]

    assert lines[:2] == within(two, stream, counting)
    assert [("iter", ())] == stream.calls
    assert lines == within(list, stream, counting)
    assert [5, 6] == counting.received


def test_what_a_server_adds(counting):
    """Other attributes are the stream's own, the absent ones too."""
    # protocols W9
    stream = Exact({})

    assert stream.extra is within(lambda seen: seen.extra, stream, counting)
    for name in ("close", "readinto", "fileno"):
        assert not within(lambda seen, name=name: hasattr(seen, name), stream, counting)


class Failing(Exact):
    """An input whose client is gone."""

    def _answer(self, name, arguments):
        raise self.answers[name]


@pytest.mark.parametrize("name", ["read", "readline", "readlines"])
def test_failures_of_the_server(counting, name):
    """Reach the application as the same object, and are no bytes."""
    # observability L11, protocols W9
    error = ConnectionResetError()
    with pytest.raises(ConnectionResetError) as caught:
        within(lambda seen: getattr(seen, name)(), Failing({name: error}), counting)

    assert error is caught.value
    assert [0] == counting.received


def into(name):
    """Read into a buffer, as Werkzeug does."""

    def read(seen):
        buffer = bytearray(16)
        size = getattr(seen, name)(buffer)
        return bytes(buffer[:size])

    return read


FILES = {
    "read1": lambda seen: seen.read1(16),
    "readinto": into("readinto"),
    "readinto1": into("readinto1"),
    "next": next,
}


@pytest.mark.parametrize("read", FILES.values(), ids=FILES)
def test_reading_as_from_a_file(counting, read):
    """Most servers hand over real files, and frameworks read them so; that counts too."""
    # observability L11
    bare = read(io.BufferedReader(io.BytesIO(BODY)))
    got = within(read, io.BufferedReader(io.BytesIO(BODY)), counting)

    assert bare == got
    assert [len(bare)] == counting.received


def test_a_buffer_that_stays_empty(counting):
    """A stream that would block says None."""
    # observability L11

    class Blocking(io.RawIOBase):
        def readinto(self, buffer):
            return None

    assert None is within(lambda seen: seen.readinto(bytearray(4)), Blocking(), counting)
    assert [0] == counting.received


READS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.lists(st.integers(-1, 12), max_size=1)),
        st.tuples(st.just("readline"), st.lists(st.integers(-1, 12), max_size=1)),
        st.tuples(st.just("readlines"), st.lists(st.integers(0, 12), max_size=1)),
        st.tuples(st.just("read1"), st.lists(st.integers(-1, 12), max_size=1)),
    ),
    max_size=6,
)


@given(st.binary(max_size=40), READS)
def test_an_application_sees_no_difference(body, reads):
    """Any sequence of calls gives the same, and the position of the file is the count."""
    # observability L11, protocols W9
    counting = Counting()
    stream = io.BytesIO(body)

    def act(seen):
        return [getattr(seen, name)(*arguments) for name, arguments in reads]

    assert act(io.BytesIO(body)) == within(act, stream, counting)
    assert [stream.tell()] == counting.received


@pytest.mark.parametrize("kind", ["memory", "buffered", "file"])
@pytest.mark.parametrize("how", ["data", "form"])
def test_flask(counting, tmp_path, kind, how):
    """Werkzeug's own ways of reading, over the streams of servers."""
    # observability L11
    app = Flask("app")
    body = b"a=1&b=2"
    path = tmp_path / "body"
    path.write_bytes(body)
    opened = {
        "memory": lambda: io.BytesIO(body),
        "buffered": lambda: io.BufferedReader(io.BytesIO(body)),
        "file": lambda: path.open("rb"),
    }

    @app.post("/")
    def index():
        return str(request.get_data() if how == "data" else dict(request.form))

    with opened[kind]() as stream:
        client = WSGIClient(Stack([counting]).wsgi(app))
        result = client.request(
            "POST",
            environ={
                "wsgi.input": stream,
                "CONTENT_LENGTH": str(len(body)),
                "CONTENT_TYPE": "application/x-www-form-urlencoded",
            },
        )

    assert (b"b'a=1&b=2'" if how == "data" else b"{'a': '1', 'b': '2'}") == result.body
    assert [len(body)] == counting.received


# Nothing is wrapped unless asked


@pytest.mark.parametrize("middleware", [Watching(), Logging(LoggingSettings(), REAL)])
def test_the_input_is_the_servers_own(middleware):
    """Where nobody wants to know (WSGI: ASGI has no such object)."""
    # protocols W9, observability X4
    stream = io.BytesIO(BODY)

    assert stream is within(lambda seen: seen, stream, middleware)


def test_the_environ_is_the_servers_own(counting):
    """The very dict, whose one key is another (WSGI: ASGI has no environ)."""
    # protocols W2
    script = Script()
    environ = {"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(BODY), "x.y": 7}
    seen = []

    def app(inner, start_response):
        seen.append(inner)
        return script.wsgi(inner, start_response)

    list(Stack([counting]).wsgi(app)(environ, lambda *_: None))

    assert environ is seen[0]
    assert {"REQUEST_METHOD", "wsgi.input", "x.y"} == environ.keys()


def test_an_environ_without_an_input(counting):
    """Some callers build an almost empty one (WSGI: ASGI has none)."""
    # protocols W5
    environ = {}
    list(Stack([counting]).wsgi(Script().wsgi)(environ, lambda *_: None))

    assert {} == environ
    assert [0] == counting.received


# ASGI: messages (WSGI has none)


def run(app, messages, *middleware):
    """Run an ASGI application on these messages; whatever it returned in ``seen``."""
    left = iter(messages)
    seen = []

    async def receive():
        return next(left)

    async def send(message):
        """Take it."""

    async def outer(scope, receive, send):
        seen.append(await app(receive))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    asyncio.run(Stack(middleware).asgi(outer)(scope, receive, send))
    return seen[0]


async def all_messages(receive):
    """Every message up to the last of the body."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    return messages


MESSAGES = [
    [{"type": "http.request"}],
    [{"type": "http.request", "body": b"", "more_body": False}],
    [{"type": "http.request", "body": None}],
    [{"type": "http.request", "body": b"abc"}],
    [{"type": "http.request", "body": b"abc", "more_body": True}, {"type": "http.request"}],
    [
        {"type": "http.request", "body": b"abc", "more_body": True},
        {"type": "http.request", "body": b"", "more_body": True},
        {"type": "http.request", "body": bytearray(b"de"), "more_body": True},
        {"type": "http.request", "body": memoryview(b"f")},
    ],
    # Of an extension that nobody knows yet.
    [{"type": "http.unknown", "body": b"xyz", "more_body": True}, {"type": "http.request"}],
]


@pytest.mark.parametrize("messages", MESSAGES)
def test_messages_pass_as_they_are(counting, messages):
    """The very objects, unchanged; bytes are counted, not messages."""
    # observability L11, protocols A10, protocols A12
    before = [dict(each) for each in messages]
    seen = run(all_messages, messages, counting)

    assert all(mine is theirs for mine, theirs in zip(seen, messages, strict=True))
    assert before == messages
    assert [
        sum(len(each.get("body") or b"") for each in messages if each["type"] == "http.request")
    ] == counting.received


def test_a_disconnect_is_no_byte(counting):
    """The client left half-way."""
    # observability L11
    messages = [
        {"type": "http.request", "body": b"abc", "more_body": True},
        {"type": "http.disconnect"},
    ]
    run(all_messages, messages, counting)

    assert [3] == counting.received


@given(st.lists(st.binary(max_size=20), max_size=5), st.sampled_from([*CHUNKINGS.values()]))
def test_both_protocols_count_the_same(parts, chunking):
    """One body, one number."""
    # observability L11, observability X1
    counted = []
    for protocol in ("wsgi", "asgi"):
        counting = Counting()
        body = list(chunking(parts))
        Dual(protocol).request(Script(read_body=True), [counting], "POST", body=body)
        counted += counting.received

    assert [len(b"".join(parts))] * 2 == counted
