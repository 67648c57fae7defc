"""What only one of the protocols has: messages around a body, late heads, write() and close().

Knows both through raw calls; hardly a test here could run under the other. Must never wait.
"""

import sys

import pytest

from dualware.testing import ASGIClient, FileWrapper, Script
from tests.compression.parts import (
    CODINGS,
    JSON,
    TEXT,
    World,
    accepting,
    decoded,
    sent_through,
    step,
)

GZIP = accepting("gzip")
TYPE = (b"content-type", b"text/plain")


def start(*headers, **more):
    """The head of a response."""
    return {"type": "http.response.start", "status": 200, "headers": [TYPE, *headers], **more}


def body(data=b"", **more):
    """A body message."""
    return {"type": "http.response.body", "body": data, **more}


def through(*messages, **scope):
    """What a server is sent of ``messages``."""
    world = World()
    return sent_through(world.stack(world.gzip()), messages, **scope)


def coding(message):
    """What a head says of a coding."""
    return dict(message["headers"]).get(b"content-encoding")


HINT = {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]}
DEBUG = {"type": "http.response.debug", "info": {"template": "a"}}
PUSH = {"type": "http.response.push", "path": "/a.css", "headers": []}
UNKNOWN = {"type": "http.response.unheard_of", "data": b"x"}
TRAILERS = {"type": "http.response.trailers", "headers": [(b"x-sum", b"1")]}
PATH = {"type": "http.response.pathsend", "path": "/a"}
ZERO_COPY = {"type": "http.response.zerocopysend", "file": 3}


# ASGI: messages


@pytest.mark.parametrize("kind", ["lifespan", "websocket", "unheard_of"])
def test_other_scopes(kind):
    """They go through with the very objects."""
    # compression 41
    world, handed = World(), []

    async def app(*given):
        handed.append(given)

    given = {"type": kind}, object(), object()
    step(world.stack(world.gzip()).asgi(app)(*given))

    assert all(mine is theirs for mine, theirs in zip(given, handed[0], strict=True))


@pytest.mark.parametrize("message", [HINT, DEBUG, PUSH, UNKNOWN], ids=lambda each: each["type"])
def test_messages_before_the_head(message):
    """They pass in their place, and change nothing."""
    # compression 41, compression 43
    sent = through(message, start(), body(JSON))

    assert sent[0] is message
    assert (b"gzip", JSON) == (coding(sent[1]), decoded("gzip", sent[2]["body"]))


@pytest.mark.parametrize(
    ("message", "order", "expected"),
    [
        (HINT, [0, "start"], b"gzip"),
        (DEBUG, [0, "start"], b"gzip"),
        (PUSH, ["start", 0], b"gzip"),
        (UNKNOWN, ["start", 0], None),
    ],
    ids=["early hint", "debug", "push", "unknown"],
)
def test_messages_between_head_and_body(message, order, expected):
    """Hints and debug pass a held head; a push lets it go; what is unknown may be a body."""
    # compression 41, compression 43
    sent = through(start(), message, body(JSON))
    head = sent[order.index("start")]

    assert sent[order.index(0)] is message
    assert (expected, "http.response.start") == (coding(head), head["type"])
    assert JSON == decoded(expected and expected.decode(), sent[2]["body"])
    assert (b"vary", b"Accept-Encoding") in head["headers"]


@pytest.mark.parametrize("message", [HINT, DEBUG, PUSH, UNKNOWN], ids=lambda each: each["type"])
def test_messages_in_the_body(message):
    """They stay where they were among the chunks."""
    # compression 41, compression 43
    sent = through(start(), body(JSON, more_body=True), message, body(TEXT))

    assert sent[2] is message
    assert JSON + TEXT == decoded("gzip", sent[1]["body"] + sent[3]["body"])


@pytest.mark.parametrize("chunks", [[body(JSON)], [body(JSON, more_body=True), body(TEXT)]])
def test_trailers(chunks):
    """They follow the body, coded or not, and the head still announces them."""
    # compression 43
    sent = through(start(trailers=True), *chunks, TRAILERS)

    assert sent[-1] is TRAILERS
    assert sent[0]["trailers"] is True
    assert b"gzip" == coding(sent[0])


@pytest.mark.parametrize("message", [PATH, ZERO_COPY], ids=lambda each: each["type"])
def test_body_by_the_server(message):
    """It has not been seen, so it has no coding, and its length stays."""
    # compression 42
    sent = through(start((b"content-length", b"5000")), message)

    assert sent[1] is message
    assert (None, b"5000") == (coding(sent[0]), dict(sent[0]["headers"])[b"content-length"])


EXTENSIONS = {"http.response.zerocopysend": {}, "http.response.pathsend": {}, "tls": {"a": 1}}


@pytest.mark.parametrize(
    ("accepted", "removed"), [(b"gzip", True), (b"identity", False), (b"", False)]
)
def test_zero_copy_is_not_offered(accepted, removed):
    """An application with the choice sends its body through us, where a coding was chosen."""
    # compression 42
    world, seen = World(), []
    scope = {
        "type": "http",
        "method": "GET",
        "extensions": {**EXTENSIONS},
        "headers": [(b"accept-encoding", accepted)],
    }

    async def app(given, _receive, _send):
        seen.append(given)

    step(world.stack(world.gzip()).asgi(app)(scope, None, None))
    kept = [name for name in EXTENSIONS if not removed or name != "http.response.zerocopysend"]

    assert kept == list(seen[0]["extensions"])
    assert EXTENSIONS == scope["extensions"]
    assert (seen[0] is scope) is not removed
    assert {**scope, "extensions": 0} == {**seen[0], "extensions": 0}


def test_scope_stays_where_nothing_is_removed():
    """The server's own dict reaches the application (protocols A5)."""
    # compression 42
    world, seen = World(), []
    scope = {
        "type": "http",
        "method": "GET",
        "extensions": {"tls": {}},
        "headers": [(b"accept-encoding", b"gzip")],
    }

    async def app(given, _receive, _send):
        seen.append(given)

    step(world.stack(world.gzip()).asgi(app)(scope, None, None))

    assert seen[0] is scope


@pytest.mark.parametrize(
    "headers",
    [
        [(b"accept-encoding", b"gzip")],
        [(b"Accept-Encoding", b"gzip")],
        [[b"accept-encoding", b"gzip"]],
        ((b"accept-encoding", b"gzip"),),
        [(b"accept-encoding", b"br"), (b"accept-encoding", b"gzip")],
        [(b"Accept-Encoding", b"br"), (b"ACCEPT-ENCODING", b"gzip")],
        [(b"accept-encodin9", b"br"), (b"accept-encoding", b"gzip"), (b"cookie", b"a")],
    ],
)
def test_request_headers_in_any_form(headers):
    """Any iterable of pairs, names in any case, on several lines."""
    # compression 2, protocols A7
    sent = through(start(), body(JSON), headers=headers)

    assert b"gzip" == coding(sent[0])


@pytest.mark.parametrize("headers", [None, [], (), [(b"accept", b"gzip")]])
def test_request_without_the_header(headers):
    """Absent under whatever guise."""
    # compression 1, protocols A6
    world, sent = World(), []
    scope = {"type": "http", "method": "GET", "path": "/"}
    scope |= {} if headers is None else {"headers": headers}

    async def app(_scope, _receive, send):
        await send(start())
        await send(body(JSON))

    async def send(message):
        sent.append(message)

    step(world.stack(world.gzip()).asgi(app)(scope, None, send))

    assert (None, JSON) == (coding(sent[0]), sent[1]["body"])


@pytest.mark.parametrize("data", [bytearray(JSON), memoryview(JSON)])
def test_bodies_like_bytes(data):
    """A codec takes them (protocols A17)."""
    # compression 29
    sent = through(start(), body(data))

    assert JSON == decoded("gzip", sent[1]["body"])


def test_generated_headers():
    """ASGI headers that can be read but once reach codec and server."""
    # compression 29, protocols A15
    message = {"type": "http.response.start", "status": 200, "headers": (pair for pair in [TYPE])}
    sent = through(message, body(JSON))

    assert list is type(sent[0]["headers"])
    assert b"gzip" == coding(sent[0])


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_header_values_like_bytes(kind):
    """Servers take them from an application, so its head is read all the same."""
    # protocols A15
    message = start()
    message["headers"] = [(b"content-type", kind(b"image/png"))]
    sent = through(message, body(JSON))

    assert coding(sent[0]) is None
    assert JSON == sent[1]["body"]


def test_request_headers_that_are_none():
    """A server's mistake is raised, as whoever reads such headers raises it; nothing is sent."""
    # protocols A7
    with pytest.raises(TypeError):
        through(start(), body(JSON), headers=[None])


# WSGI: late heads, write() and close()


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("lint", [True, "chain"])
def test_late_start_response(coding, lint):
    """A generator that calls it in its first step is coded, chunk by chunk."""
    # compression 45
    from dualware.testing import Dual

    script = Script(chunks=[JSON, b"", TEXT], lazy=True, body="generator")
    settings = {"compression": {"codings": [coding], "breach_padding": 0}}
    result = Dual("wsgi", lint=lint).request(script, settings, headers=accepting(coding))

    assert coding == result.header("content-encoding")
    assert JSON + TEXT == decoded(coding, result.body)
    assert [True, False, True] == [bool(chunk) for chunk in result.chunks[:3]]
    assert 1 == script.probe.closed + script.probe.finished


@pytest.mark.parametrize("declare", [True, False])
def test_late_head_of_a_server_that_reads_it_early(declare):
    """granian sends a head of its own then, and coded bytes without a word would be garbage."""
    # compression 45, protocols W22
    from dualware.testing import Dual

    script = Script(chunks=[JSON], lazy=True, body="generator", declare_length=declare)
    result = Dual("wsgi", lint=False).request(
        script, {"gzip": {"compress_live": True}}, headers=GZIP, wsgi={"eager_status": True}
    )

    assert JSON == result.body


@pytest.mark.parametrize("chunks", [[JSON], [JSON, TEXT], [b"", JSON]])
@pytest.mark.parametrize("declare", [True, False])
def test_write(chunks, declare):
    """What is written takes the way of the body."""
    # compression 45
    from dualware.testing import Dual

    script = Script(chunks=chunks, body="write", declare_length=declare)
    result = Dual("wsgi").request(script, {"gzip": True}, headers=GZIP)

    assert "gzip" == result.header("content-encoding")
    assert b"".join(chunks) == decoded("gzip", result.body)


def written(environ, start_response):
    """Some is written, the rest returned."""
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    write(JSON)
    write(b"")
    return iter([TEXT, b"end"])


def test_write_then_iterate():
    """One stream, whichever way its chunks came."""
    # compression 45
    world, out = World(), []

    def start_response(status, headers):
        out.append(dict(headers)["Content-Encoding"])
        return out.append

    environ = {"REQUEST_METHOD": "GET", "HTTP_ACCEPT_ENCODING": "gzip"}
    returned = world.stack(world.gzip()).wsgi(written)(environ, start_response)
    data = b"".join([*out[1:], *returned])
    returned.close()

    assert (JSON + TEXT + b"end", "gzip") == (decoded("gzip", data), out[0])


@pytest.mark.parametrize("body_kind", ["list", "generator"])
def test_head_replaced_before_output(body_kind):
    """exc_info: the new head stands, says of the coding once, and its body is coded."""
    # compression 45, protocols W17
    from dualware.testing import Dual

    script = Script(
        headers=[("Content-Type", "text/plain"), ("X-Old", "1"), ("Content-Length", "1800")],
        chunks=[TEXT],
        body=body_kind,
        replace_head=(500, [("Content-Type", "text/html"), ("X-New", "1")]),
    )
    result = Dual("wsgi").request(script, {"gzip": True}, headers=GZIP)

    assert (500, "1", None) == (result.status, result.header("x-new"), result.header("x-old"))
    assert ("gzip", "Accept-Encoding") == (
        result.header("content-encoding"),
        result.header("vary"),
    )
    assert TEXT == decoded("gzip", result.body)


class Replacing:
    """A body whose first item comes with another head."""

    def __init__(self, start_response, headers):
        self.start_response = start_response
        self.headers = headers
        self.items = iter([TEXT])

    def __iter__(self):
        return self

    def __next__(self):
        item = next(self.items)
        try:
            raise LookupError
        except LookupError:
            self.start_response("500 Broken", self.headers, sys.exc_info())
        return item


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("Content-Length", "1800"), ("Content-Type", "text/html")], "gzip"),
        ([("Content-Length", "1800"), ("Content-Type", "image/png")], None),
        ([("Content-Length", "1800"), ("Cache-Control", "no-transform")], None),
        ([("Content-Length", "1800"), ("Content-Encoding", "br")], "br"),
    ],
)
def test_head_replaced_as_the_body_begins(headers, expected):
    """The head that counts is the one that goes out."""
    # compression 16, compression 17, compression 45, protocols W17
    world, heads = World(), []

    def app(_environ, start_response):
        start_response("200 OK", [("Content-Length", "1800"), ("Content-Type", "text/plain")])
        return Replacing(start_response, headers)

    environ = {"REQUEST_METHOD": "GET", "HTTP_ACCEPT_ENCODING": "gzip"}
    wrapped = world.stack(world.gzip()).wsgi(app)
    returned = wrapped(environ, lambda status, headers: heads.append((status, dict(headers))))
    data = b"".join(returned)
    returned.close()

    assert [("500", expected)] == [
        (status[:3], head.get("Content-Encoding")) for status, head in heads
    ]
    assert TEXT == decoded("gzip" if expected == "gzip" else None, data)


@pytest.mark.parametrize(
    "options",
    [{}, {"read": 1}, {"iterate": False}],
    ids=["exhausted", "client gone", "never iterated"],
)
@pytest.mark.parametrize("lazy", [True, False])
def test_closed_once(options, lazy):
    """However the body ends; and nothing is made up of what was not sent."""
    # compression 39, compression 45
    from dualware.testing import Dual

    script = Script(chunks=[JSON, TEXT], body="iterator", lazy=lazy)
    result = Dual("wsgi").request(script, {"gzip": True}, headers=GZIP, wsgi=options)

    assert 1 == script.probe.closed
    assert script.probe.pulled <= {"read": 1, "iterate": 0}.get(next(iter(options), ""), 2)
    if options.get("read"):
        assert b"" == result.chunks[-1][-4:].strip(b"\x00\xff")


def test_closed_once_after_a_failure():
    """The application's close is called, and the very error leaves."""
    # compression 36, compression 45
    from dualware.testing import Dual

    error = LookupError()
    script = Script(chunks=[JSON, TEXT], body="iterator", error=error, error_at=1)
    result = Dual("wsgi").request(script, {"gzip": True}, headers=GZIP)

    assert (error, 1) == (result.error, script.probe.closed)


def test_nothing_is_read_ahead():
    """One item out for one in, and none before the server asks (protocols W28)."""
    # compression 45
    world, taken = World(), []

    def chunks():
        for number in range(3):
            taken.append(number)
            yield JSON

    def app(_environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return chunks()

    environ = {"REQUEST_METHOD": "GET", "HTTP_ACCEPT_ENCODING": "gzip"}
    returned = iter(world.stack(world.gzip()).wsgi(app)(environ, lambda *_: None))
    seen = [list(taken)]
    for _ in range(3):
        next(returned)
        seen.append(list(taken))

    assert [[], [0], [0, 1], [0, 1, 2]] == seen


def test_file_wrapper_after_write():
    """Once a codec runs, a file goes through it like any other body (protocols W35)."""
    # compression 19, compression 45
    world, out = World(), []

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])(JSON)
        with open(__file__, "rb") as opened:  # noqa: PTH123 - the name is shorter
            return environ["wsgi.file_wrapper"](iter([opened.read()]))

    environ = {
        "REQUEST_METHOD": "GET",
        "HTTP_ACCEPT_ENCODING": "gzip",
        "wsgi.file_wrapper": Wrapped,
    }
    returned = world.stack(world.gzip()).wsgi(app)(environ, lambda *_: out.append)
    data = b"".join([*out, *returned])
    returned.close()

    assert decoded("gzip", data).startswith(JSON + b'"""What only one')


class Wrapped(FileWrapper):
    """A server's file wrapper around chunks."""

    def __init__(self, chunks):
        self.chunks = chunks

    def __iter__(self):
        return self.chunks

    def close(self):
        """Nothing to close."""


# Both


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("nesting", ["request", "nested", "separate"])
def test_one_in_another(dual, coding, nesting):
    """Of two the outer one runs, so a body is coded once."""
    # compression 16
    world = World()
    stack = [world.compression(codings=[coding]), world.gzip()]
    script = Script(chunks=[JSON], declare_length=True)
    result = getattr(dual, nesting)(script, stack, headers=accepting(f"{coding}, gzip;q=0.1"))

    assert coding == result.header("content-encoding")
    assert JSON == decoded(coding, result.body)


def test_counts_are_of_coded_bytes(dual):
    """What stands outside sees what goes out."""
    # compression decision 1
    from dualware import END, Middleware

    seen = []

    class Count(Middleware):
        def __call__(self, exchange):
            yield END
            seen.append((exchange.sent, exchange.outcome))

    world = World()
    stack = world.stack(Count(), world.gzip())
    result = dual.request(Script(chunks=[JSON, TEXT]), stack, headers=GZIP)

    assert [(len(result.body), "completed")] == seen
    assert len(result.body) < len(JSON)


def test_answer_of_a_flow_is_coded(dual):
    """An answer passes what stands outside its giver, compression included."""
    # compression 32
    from dualware import Middleware

    class Answer(Middleware):
        def __call__(self, exchange):
            exchange.respond(200, {"Content-Type": "text/plain"}, TEXT)

    world = World()
    stack = world.stack(world.gzip(), Answer())
    result = dual.request(Script(), stack, headers=GZIP)

    assert (b"gzip", TEXT) == (
        result.header("content-encoding").encode(),
        decoded("gzip", result.body),
    )


def test_live_answer_of_a_flow(dual):
    """One whose head does not wait."""
    # compression 35
    from dualware import Middleware

    class Answer(Middleware):
        def __call__(self, exchange):
            exchange.respond(200, {"Content-Type": "text/event-stream"}, b"data: 1\n\n" * 99)

    world = World()
    stack = world.stack(world.gzip(compress_live=True), Answer())
    result = dual.request(Script(), stack, headers=GZIP)

    assert "gzip" == result.header("content-encoding")
    assert b"data: 1\n\n" * 99 == decoded("gzip", result.body)


def test_both_protocols_send_the_same():
    """Without padding: the same application, the same bytes, the same head."""
    # compression 25, protocols C1
    from dualware.testing import Dual

    script = Script(chunks=[JSON], declare_length=True)
    mine, theirs = (
        Dual(protocol).request(script, {"gzip": {"breach_padding": 0}}, headers=GZIP)
        for protocol in ("wsgi", "asgi")
    )

    assert mine.same_as(theirs)


def test_disconnect():
    """ASGI: an application whose client is gone is not coded to an end."""
    # compression 39
    script = Script(chunks=[JSON] * 3)
    world = World()
    client = ASGIClient(world.stack(world.gzip()).asgi(script.asgi))
    gone = ConnectionResetError()
    result = client.request_sync(headers=GZIP, send_error=(3, gone))

    assert result.error is gone
    assert JSON == decoded_so_far(result.body)


def test_application_that_does_not_care():
    """ASGI: it sends on to a client that is gone, and nothing more is raised (protocols A27)."""
    # compression 39
    world, raised, sent = World(), [], []

    async def app(_scope, _receive, send):
        await send(start())
        for more in (True, True, False):
            try:
                await send(body(JSON, more_body=more))
            except OSError as error:
                raised.append(error)

    async def send(message):
        sent.append(message)
        if len(sent) == 3:
            raise gone

    gone = ConnectionResetError()
    scope = {"type": "http", "method": "GET", "headers": [(b"accept-encoding", b"gzip")]}
    step(world.stack(world.gzip()).asgi(app)(scope, None, send))

    assert ([gone], 4) == (raised, len(sent))


def decoded_so_far(data):
    """What can be known of a gzip body that was cut off."""
    import zlib

    made = zlib.decompressobj(31)
    known = made.decompress(data)
    assert not made.eof
    return known
