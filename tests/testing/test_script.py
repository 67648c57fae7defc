"""Scripts: the same words become the same answer under each protocol."""

import pytest

from dualware.testing import ASGIClient, HeadReplaced, Script, WSGIClient
from dualware.testing.wsgi import RequestStream

KINDS = ("list", "iterator", "iterable", "generator", "write", "file")


@pytest.mark.parametrize("body", KINDS)
def test_kinds_of_body(body):
    """Whatever a script returns under WSGI, it answers the same."""
    result = WSGIClient(Script(chunks=[b"a", b"b"], body=body).wsgi).request()

    assert (200, b"ab") == (result.status, result.body)
    assert (body == "file") == result.opaque


@pytest.mark.parametrize(
    ("body", "counted"),
    [
        ("list", (0, 0, 0)),
        ("iterator", (1, 2, 1)),
        ("iterable", (1, 2, 1)),
        ("generator", (0, 2, 0)),
        ("write", (0, 0, 0)),
        ("file", (0, 0, 0)),
    ],
)
def test_probe_counts(body, counted):
    """What can count does."""
    script = Script(chunks=[b"a", b"b"], body=body)
    result = WSGIClient(script.wsgi).request()
    probe = script.probe

    assert counted == (probe.iterations, probe.pulled, probe.closed)
    assert result.returned is probe.returned[0]
    assert 1 == probe.calls == len(probe.threads) == len(probe.handed)


def test_probe_knows_what_it_was_handed(dual):
    """The very objects, so that identity can be tested."""
    script = Script()
    result = dual.request(script)

    assert [id(each) for each in result.handed] == [id(each) for each in script.probe.handed[0]]


def test_each_script_has_its_own_probe():
    """Nothing is shared but by a script with itself."""
    one, other = Script(), Script()
    WSGIClient(one.wsgi).request()
    ASGIClient(one.asgi).request_sync()

    assert (2, 0) == (one.probe.calls, other.probe.calls)
    assert one == other


def test_closed_generator():
    """A real generator knows when it was closed before its end."""
    script = Script(chunks=[b"a", b"b"], body="generator")
    WSGIClient(script.wsgi).request(read=1)

    assert 1 == script.probe.closed


@pytest.mark.parametrize("final_empty", [True, False])
@pytest.mark.parametrize("chunks", [(), (b"a",), (b"a", b"b")])
def test_final_message(chunks, final_empty):
    """The last chunk is the final message, or an empty one is."""
    result = ASGIClient(Script(chunks=chunks, final_empty=final_empty).asgi).request_sync()
    extra = final_empty or not chunks

    assert [*chunks, *[b""] * extra] == result.chunks
    assert [False] == [each["more_body"] for each in result.messages[1:]][-1:]


def test_no_end():
    """A script that never ends is incomplete, under ASGI only."""
    script = Script(end=False)

    assert ["incomplete"] == [
        each.rule for each in ASGIClient(script.asgi, lint=False).request_sync().violations
    ]
    assert b"hello" == WSGIClient(script.wsgi).request().body


def test_head(dual):
    """Status, reason, headers and the length of the body."""
    headers = [("X-One", "1"), ("Set-Cookie", "a"), ("Set-Cookie", "b")]
    result = dual.request(Script(status=404, headers=headers, declare_length=True))

    assert 404 == result.status
    assert {"wsgi": "Not Found", "asgi": None}[dual.protocol] == result.reason
    assert [(name.lower(), value) for name, value in headers] + [
        ("content-length", "5")
    ] == result.headers


@pytest.mark.parametrize(
    ("script", "line"),
    [
        (Script(), "200 OK"),
        (Script(reason="Fine"), "200 Fine"),
        (Script(status=299), "299 Unknown"),
    ],
)
def test_status_line(script, line):
    """The reason is the status's own unless the script says another."""
    assert line == script.status_line


@pytest.mark.parametrize("status", [204, 304])
def test_silent_status(dual, status):
    """What has no body sends none (RFC 9110 §6.4.1)."""
    assert (status, b"") == (
        dual.request(Script(status=status)).status,
        dual.request(Script(status=status)).body,
    )


def test_head_request(dual):
    """HEAD has no body, and the length that GET has (RFC 9110 §9.3.2)."""
    result = dual.request(Script(declare_length=True), method="HEAD")

    assert (b"", "5") == (result.body, result.header("content-length"))


def test_head_request_with_a_body(dual):
    """Some applications send one all the same."""
    assert b"hello" == dual.request(Script(head_body=True), method="HEAD").body


def test_no_headers_key():
    """A start message may go without headers (ASGI www, Response Start)."""
    script = Script(headers=(), headers_key=False)

    assert {"type": "http.response.start", "status": 200} == ASGIClient(
        script.asgi
    ).request_sync().messages[0]
    assert [] == ASGIClient(Script(headers=()).asgi).request_sync().messages[0]["headers"]


MOMENTS = [
    ("call", None, b""),
    ("head", None, b""),
    (0, None, b""),
    (1, 200, b"a"),
    (2, 200, b"ab"),
    ("close", 200, b"ab"),
]


@pytest.mark.parametrize(("moment", "status", "body"), MOMENTS)
@pytest.mark.parametrize("kind", ["list", "iterator", "iterable"])
@pytest.mark.parametrize("final_empty", [True, False])
def test_failing(dual, moment, status, body, kind, final_empty):
    """A script fails at the same moment under each protocol, with the very error."""
    error = ValueError("scripted")
    script = Script(
        chunks=[b"a", b"b"], error=error, error_at=moment, body=kind, final_empty=final_empty
    )
    result = dual.request(script)

    assert (status, body) == (result.status, result.body)
    assert error is result.error


@pytest.mark.parametrize(("moment", "status", "body"), MOMENTS)
@pytest.mark.parametrize("kind", ["list", "generator"])
def test_failing_lazily(moment, status, body, kind):
    """A generator fails where the others do."""
    error = ValueError("scripted")
    script = Script(chunks=[b"a", b"b"], error=error, error_at=moment, body=kind, lazy=True)
    result = WSGIClient(script.wsgi).request()

    assert (status, body) == (result.status, result.body)
    assert error is result.error


def test_failing_while_writing():
    """What went through write() is out."""
    script = Script(chunks=[b"a", b"b"], error=ValueError(), error_at=1, body="write")

    assert (200, b"a") == (
        WSGIClient(script.wsgi).request().status,
        WSGIClient(script.wsgi).request().body,
    )


@pytest.mark.parametrize("error", [SystemExit(), KeyboardInterrupt(), GeneratorExit()])
def test_failing_with_a_base_exception(dual, error):
    """A server sees every error."""
    assert error is dual.request(Script(error=error, error_at="call")).error


@pytest.mark.parametrize(
    "faulty",
    [
        {"error": ValueError()},
        {"error_at": "call"},
        {"lazy": True, "body": "write"},
        {"lazy": True, "body": "file"},
    ],
)
def test_what_describes_no_application(faulty):
    """A script that makes no sense is refused at once."""
    with pytest.raises(ValueError, match=r"come together|excludes"):
        Script(**faulty)


def test_lazy_start():
    """The head starts inside the first next()."""
    script = Script(lazy=True, body="iterator")
    result = WSGIClient(script.wsgi, eager_status=True).request()

    assert ([], b"hello") == (result.headers, result.body)
    assert [(200, [("content-type", "text/plain")])] == result.starts


def test_replaced_head(dual):
    """A head that is replaced before output is never seen (PEP 3333, Error Handling)."""
    result = dual.request(Script(replace_head=(500, [("X", "y")]), declare_length=True))

    assert (500, [("x", "y"), ("content-length", "5")]) == (result.status, result.headers)


def test_head_replaced_too_late(dual):
    """After output the error that was the reason surfaces."""
    script = Script(chunks=[b"a", b"b"], replace_head=(500, ()), replace_at=1)
    result = dual.request(script)

    assert (200, b"a", HeadReplaced) == (result.status, result.body, type(result.error))
    assert {"wsgi": [result.error], "asgi": []}[dual.protocol] == script.probe.raised


def test_on_request(dual):
    """Code runs inside the application, and its answers are kept."""
    answers = iter("ab")
    script = Script(on_request=lambda: next(answers))
    dual.request(script)
    dual.request(script)

    assert ["a", "b"] == script.probe.seen


def test_finished(dual):
    """Who ran to the end is counted."""
    fine, failed = Script(body="iterator"), Script(error=ValueError(), error_at="head")
    dual.request(fine)
    dual.request(failed)

    assert (1, 0) == (fine.probe.finished, failed.probe.finished)


# Websocket and lifespan


def test_session_accepted():
    """A status below 300 accepts, and sends the chunks."""
    script = Script(chunks=[b"a", b"b"], on_request=lambda: "seen")
    result = ASGIClient(script.asgi).websocket_sync()

    assert (True, 101, [b"a", b"b"], 1000, "") == (
        result.accepted,
        result.status,
        result.received,
        result.close_code,
        result.close_reason,
    )
    assert "text/plain" == result.header("content-type")
    assert (["seen"], ["websocket.connect"]) == (
        script.probe.seen,
        [message["type"] for message in script.probe.received],
    )


def test_session_denied():
    """Any other status closes before it accepts."""
    result = ASGIClient(Script(status=401).asgi).websocket_sync()

    assert (False, 403) == (result.accepted, result.status)


def test_session_denied_with_an_answer():
    """ASGI extensions, Websocket Denial Response."""
    result = ASGIClient(Script(status=401).asgi).websocket_sync(
        extensions={"websocket.http.response": {}}
    )

    assert (False, 401, b"hello", "text/plain") == (
        result.accepted,
        result.status,
        result.body,
        result.header("content-type"),
    )


@pytest.mark.parametrize("moment", ["call", "head", 0, 1, "close"])
def test_session_failing(moment):
    """A session fails where a request does."""
    error = ValueError()
    result = ASGIClient(Script(error=error, error_at=moment).asgi).websocket_sync()

    assert error is result.error


def test_session_without_a_close():
    """The server closes what the application leaves open."""
    result = ASGIClient(Script(end=False).asgi).websocket_sync()

    assert (True, None) == (result.accepted, result.close_code)


def test_lifespan():
    """A script starts up and shuts down, and counts neither as an exchange."""
    script = Script()
    result = ASGIClient(script.asgi).lifespan_sync()

    assert ("complete", "complete", 0) == (result.startup, result.shutdown, script.probe.calls)
    assert result.handed == script.probe.handed[0]


def test_what_a_script_saw_raised():
    """An error of the server is remembered."""
    error = OSError()
    script = Script()
    result = ASGIClient(script.asgi).request_sync(send_error=(2, error))

    assert [error] == script.probe.raised
    assert error is result.error


# The request body


def test_request_stream():
    """Each way to read is written down with its arguments."""
    stream = RequestStream(b"a\nb\nc\nd")
    read = [stream.read(2), stream.readline(), stream.readlines(1), list(stream), stream.read()]

    assert [b"a\n", b"b\n", [b"c\n"], [b"d"], b""] == read
    assert ["read(2)", "readline()", "readlines(1)", "iter()", "read()"] == stream.reads
