"""The messages that an ASGI application sends: which pass, when, as what (protocols A13 to A26).

This file knows the order and the form of messages; how an exchange ends is another's business.
"""

import asyncio
import zlib

import pytest

from dualware import BODY, RESPONSE, Middleware
from dualware.core.message import ExchangeError
from dualware.testing import ASGIClient
from dualware.testing.asgi import Inside
from tests.protocols.asgi_parts import (
    PATHS,
    UNTOUCHED,
    Deflate,
    Ends,
    Head,
    Hold,
    HoldAndMark,
    Observer,
    Server,
    Trailing,
    body,
    sending,
    start,
    wrap,
)

OTHERS = [
    {"type": "http.response.debug", "info": {}},
    {"type": "http.response.early_hint", "links": [b"</a>"]},
    {"type": "http.response.push", "path": "/a", "headers": []},
    {"type": "http.response.unknown"},
    {"type": "unknown"},
]
PASSING = ("http.response.debug", "http.response.early_hint")
OFFER = {
    "http.response.trailers": {},
    "http.response.pathsend": {},
    "http.response.zerocopysend": {},
    "http.response.push": {},
}


def same(expected, actual):
    """Whether these are the very same objects, in order."""
    return [id(each) for each in expected] == [id(each) for each in actual]


def inflated(server):
    """The body, decoded if it was encoded."""
    coded = (b"content-encoding", b"deflate") in server.messages[0]["headers"]
    return zlib.decompress(server.body) if coded else server.body


# Same message, same order


@pytest.mark.parametrize("path", UNTOUCHED)
@pytest.mark.parametrize("headers", [{}, {"headers": []}, {"headers": [[b"a", b"1"]]}])
def test_the_very_messages(path, headers):
    """What nobody changes reaches the server as the application's own objects."""
    # protocols A13, A14
    messages = [
        {"type": "http.response.start", "status": 200, **headers},
        body(b"a", more_body=True),
        body(b"", more_body=True),
        body(b"b"),
    ]
    before = [{**message} for message in messages]
    server = Server()
    assert server.run(wrap(sending(*messages), *UNTOUCHED[path]([]))) is None

    # Holding looks for Content-Length, so that headers that are not there become a list (A15).
    first = 1 if path == "held" and not headers else 0
    assert same(messages[first:], server.messages[first:])
    assert [{**before[0], "headers": headers.get("headers", [])}, *before[1:]] == [
        {"headers": [], **server.messages[0]},
        *server.messages[1:],
    ]
    assert before == messages


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("other", OTHERS, ids=lambda other: other["type"])
def test_other_messages_before_the_start(path, other):
    """They pass, same object, in order."""
    # protocols A13, A19
    before = {**other}
    server = Server()
    assert server.run(wrap(sending(other, start(), body(b"x")), *PATHS[path]([]))) is None

    assert other is server.messages[0]
    assert before == other
    assert ["start", "body"] == server.types[1:]
    assert b"x" == zlib.decompress(server.body) if "coded" in path else server.body


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("other", OTHERS, ids=lambda other: other["type"])
def test_other_messages_after_the_start(path, other):
    """Early hints and debug pass a head that is held; all others let it go."""
    # protocols A13, A18, A19
    before = {**other}
    server = Server()
    app = sending(start(), other, body(b"x", more_body=True), body(b"y"))
    assert server.run(wrap(app, *PATHS[path]([]))) is None

    held = path in ("held", "coded")
    at = 0 if held and other["type"] in PASSING else 1
    kinds = [kind for kind in server.types if kind != "body"]
    assert other is server.messages[at]
    assert before == other
    assert sorted(kinds, key=lambda kind: (kind == "start") == (at == 1), reverse=True) == kinds
    assert "body" == server.types[2]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("other", OTHERS, ids=lambda other: other["type"])
def test_other_messages_within_the_body(path, other):
    """They pass between the chunks they stand between."""
    # protocols A13
    server = Server()
    app = sending(start(), body(b"x", more_body=True), other, body(b"y"))
    assert server.run(wrap(app, *PATHS[path]([]))) is None

    assert [True] == [each is other for each in server.messages if "body" not in each["type"]][1:]
    assert ["start", "body", other["type"].rpartition(".")[2], "body"] == server.types


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("other", [*OTHERS, body(b"more"), start()], ids=lambda m: m["type"])
def test_messages_after_the_end(path, other):
    """They are between the application and the server; we add none and drop none."""
    # protocols A13, A26
    server = Server()
    assert server.run(wrap(sending(start(), body(b"x"), other), *PATHS[path]([]))) is None

    assert other is server.messages[-1]
    assert 3 == len(server.messages)


@pytest.mark.parametrize("path", PATHS)
def test_body_before_the_start(path):
    """The server says what it thinks of it."""
    # protocols A13
    message = body(b"x")
    server = Server()
    assert server.run(wrap(sending(message), *PATHS[path]([]))) is None

    assert same([message], server.messages)


@pytest.mark.parametrize("path", PATHS)
def test_second_start(path):
    """Exactly one start of ours; a second one of the application is the server's to refuse."""
    # protocols A13, A18
    server = Server()
    second = start(500)
    assert server.run(wrap(sending(start(), second, body(b"x")), *PATHS[path]([]))) is None

    assert ["start", "start", "body"] == server.types
    assert second is server.messages[1]


# The application's objects stay as they are


@pytest.mark.parametrize("path", PATHS)
def test_static_messages_do_not_grow(path):
    """A start that is sent again and again has our fields once."""
    # protocols A14
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"2")]
    messages = [{"type": "http.response.start", "status": 200, "headers": headers}, body(b"xy")]
    before = [{**messages[0], "headers": [*headers]}, {**messages[1]}]
    client = ASGIClient(wrap(Inside(sending(*messages)), *PATHS[path]([])))
    results = [client.request_sync() for _ in range(3)]

    assert before == messages
    assert headers is messages[0]["headers"]
    assert results[0].headers == results[1].headers == results[2].headers
    assert len(results[0].headers) == len(dict(results[0].headers))


# Headers


class Status(Middleware):
    """Changes nothing but the status."""

    def __call__(self, exchange):
        """Change it."""
        yield RESPONSE
        exchange.response.status = 299


@pytest.mark.parametrize(
    "make", [None, tuple, list, iter, lambda pairs: (pair for pair in pairs)], ids=str
)
@pytest.mark.parametrize("path", [*PATHS, "status", "read"])
def test_headers_of_any_kind(path, make):
    """They may be absent, a tuple or a generator; what we touched goes out as a list."""
    # protocols A15
    pairs = [(b"a", b"1"), (b"set-cookie", b"x"), (b"set-cookie", b"y")]
    message = {"type": "http.response.start", "status": 200}
    if make is not None:
        message["headers"] = make(pairs)
    middleware = {
        **PATHS,
        "status": lambda seen: [Status()],
        "read": lambda seen: [Ends(seen)],
    }[path]([])
    server = Server()
    assert server.run(wrap(sending(message, body(b"x")), *middleware)) is None

    sent = server.messages[0]
    if path == "read":
        assert message is sent
    else:
        assert list is type(sent["headers"])
        assert (pairs if make else []) == sent["headers"][: 3 if make else 0]
        assert (299 if path == "status" else 200) == sent["status"]


@pytest.mark.parametrize("opaque", [True, False])
def test_generator_headers_are_the_servers(opaque):
    """An observer of the end takes nothing from a server that reads the headers late."""
    # protocols A15
    late = []

    class Late(Server):
        async def send(self, message):
            await super().send(message)
            if len(self.messages) == 2:
                late.extend(self.messages[0]["headers"])

    app = sending(
        {"type": "http.response.start", "status": 200, "headers": iter([(b"a", b"1")])},
        {"type": "http.response.pathsend", "path": "/a"} if opaque else body(b"x"),
    )
    assert Late().run(wrap(app, Observer([]))) is None

    assert [(b"a", b"1")] == late


@pytest.mark.parametrize("path", PATHS)
def test_added_names_and_values(path):
    """Added names are lower-case bytes, added values are bytes."""
    # protocols A16
    server = Server()
    app = wrap(
        sending(start(headers=[(b"A", b"1")]), body(b"x")),
        *PATHS[path]([]),
        Head("X-Y", "é"),
    )
    assert server.run(app) is None

    headers = server.messages[0]["headers"]
    assert (b"A", b"1") == headers[0]
    assert (b"x-y", b"\xe9") == headers[1]
    assert [(bytes, bytes)] * len(headers) == [(type(name), type(value)) for name, value in headers]


@pytest.mark.parametrize("value", ["a\r\nb", "a\nb", "a\rb", "a\0", "\x7f", "☃"])
@pytest.mark.parametrize("path", UNTOUCHED)
def test_no_control_characters(path, value):
    """A policy that adds such a value fails closed: nothing of the response gets through."""
    # protocols A16
    server = Server()
    app = wrap(sending(start(), body(b"x")), *UNTOUCHED[path]([]), Head("X-Head", value))
    error = server.run(app)

    assert ValueError is type(error)
    assert [] == server.messages


@pytest.mark.parametrize("path", PATHS)
def test_text_headers_pass(path):
    """Fields that are str are the application's problem."""
    # protocols A16
    server = Server()
    app = sending(start(headers=[("a", "1")]), body(b"x"))
    assert server.run(wrap(app, *PATHS[path]([]))) is None

    assert ("a", "1") == server.messages[0]["headers"][0]


# Body


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("message", [{"type": "http.response.body"}, body(), body(more_body=False)])
def test_defaults_of_the_body(path, message):
    """No body means an empty one, no more_body the last one."""
    # protocols A17
    seen = []
    server = Server()
    assert server.run(wrap(sending(start(), message), *PATHS[path](seen))) is None

    assert b"" == inflated(server)
    assert ["start", "body"] == server.types
    assert [("END", "completed")] * (path != "plain") == seen


@pytest.mark.parametrize("path", PATHS)
def test_missing_body_within(path):
    """A message without a body may stand anywhere."""
    # protocols A17
    empty = {"type": "http.response.body", "more_body": True}
    server = Server()
    app = sending(start(), empty, body(b"x", more_body=True), empty, {"type": "http.response.body"})
    assert server.run(wrap(app, *PATHS[path]([]))) is None

    assert b"x" == inflated(server)


@pytest.mark.parametrize("path", UNTOUCHED)
@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_bytes_likes_pass(path, kind):
    """What is like bytes passes as it is."""
    # protocols A17
    data = [kind(b"first"), kind(b"last")]
    seen = []
    server = Server()
    app = sending(start(), body(data[0], more_body=True), body(data[1]))
    assert server.run(wrap(app, Ends(seen), *UNTOUCHED[path]([]))) is None

    assert same(data, [message["body"] for message in server.messages[1:]])
    assert 9 == seen[0].sent


@pytest.mark.parametrize("path", [path for path in PATHS if "coded" in path])
@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_codec_makes_bytes(path, kind):
    """A codec takes what is like bytes, and gives bytes."""
    # protocols A17
    server = Server()
    app = sending(start(), body(kind(b"ab"), more_body=True), body(kind(b"c")))
    assert server.run(wrap(app, *PATHS[path]([]))) is None

    assert {bytes} == {type(message["body"]) for message in server.messages[1:]}
    assert b"abc" == inflated(server)


@pytest.mark.parametrize(
    "chunks", [[b"abc"], [b"a", b"b", b"c"], [b"", b"abc"], [b"abc", b""], [b""]]
)
@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("path", PATHS)
def test_lengths(path, chunks, declared):
    """Content-Length is right, or not there, however the application cuts its body."""
    # protocols A24
    whole = b"".join(chunks)
    headers = [(b"content-length", str(len(whole)).encode())] if declared else []
    messages = [body(chunk, more_body=True) for chunk in chunks]
    messages[-1]["more_body"] = False
    app = wrap(Inside(sending(start(headers=headers), *messages)), *PATHS[path]([]))
    result = ASGIClient(app).request_sync()

    # The client checks the length.
    complete = path == "coded" and (len(chunks) == 1 or (declared and chunks[0] == whole))
    assert (declared and "coded" not in path) or complete == (
        result.header("content-length") is not None
    )
    assert whole == (zlib.decompress(result.body) if "coded" in path else result.body)


@pytest.mark.parametrize("path", [path for path in PATHS if "coded" in path])
def test_length_goes_when_streaming(path):
    """Nobody knows the length of what is still to be encoded."""
    # protocols A24
    app = sending(
        start(headers=[(b"Content-Length", b"2")]), body(b"a", more_body=True), body(b"b")
    )
    result = ASGIClient(wrap(Inside(app), *PATHS[path]([]))).request_sync()

    assert result.header("content-length") is None
    assert b"ab" == zlib.decompress(result.body)


def test_chunk_that_the_codec_keeps():
    """A chunk of which nothing can be sent yet is no message."""
    # protocols A25
    server = Server()
    app = sending(start(), *[body(b"a", more_body=True)] * 3, body())
    assert server.run(wrap(app, Deflate(RESPONSE))) is None

    # zlib's own header comes at once.
    assert ["start", "body", "body"] == server.types
    assert b"aaa" == inflated(server)


# A held head


@pytest.mark.parametrize("first", [body(b"", more_body=True), body(b"x", more_body=True), body()])
def test_first_body_lets_the_head_go(first):
    """Even an empty one: a stream of events may have nothing to say for hours."""
    # protocols A18
    server = Server()
    counts = []

    async def app(scope, receive, send):
        await send(start())
        counts.append(len(server.messages))
        await send(first)
        counts.append(len(server.messages))
        if first.get("more_body"):
            await send(body())

    assert server.run(wrap(app, Observer([]), HoldAndMark())) is None

    assert [0, 2] == counts
    assert [(b"x-held", b"1")] == server.messages[0]["headers"]
    assert first is server.messages[1]


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize(
    "message",
    [
        {"type": "http.response.pathsend", "path": "/a"},
        {"type": "http.response.zerocopysend", "file": 1},
        {"type": "http.response.trailers", "headers": []},
        *OTHERS[2:],
    ],
    ids=lambda message: message["type"],
)
def test_other_messages_let_the_head_go(message, watched):
    """The head goes out before the very message; the flow sees what kind of body it has."""
    # protocols A18, A22
    opaque = []

    class Ask(Middleware):
        def __call__(self, exchange):
            yield BODY
            response = exchange.response
            opaque.append((response.opaque, response.first_chunk, response.complete))

    server = Server()
    app = sending(start(), message)
    assert server.run(wrap(app, *[Observer([])] * watched, Ask())) is None

    assert ["start", message["type"].rpartition(".")[2]] == server.types
    assert message is server.messages[1]
    assert [(message["type"] != "http.response.push", None, False)] == opaque


def test_codec_after_a_push():
    """A push is no body: what follows it can be encoded, in a stream."""
    # protocols A18
    app = sending(start(), OTHERS[2], body(b"a", more_body=True), body(b"b"))
    result = ASGIClient(wrap(Inside(app), Deflate(BODY))).request_sync(extensions=OFFER)

    assert "deflate" == result.header("content-encoding")
    assert b"ab" == zlib.decompress(result.body)


@pytest.mark.parametrize("path", PATHS)
def test_error_while_held(path):
    """A start that is held is dropped, so that the server can still answer 500."""
    # protocols A20
    seen = []
    error = ValueError("of the application")
    server = Server()
    raised = server.run(wrap(sending(start(), then=error), *PATHS[path](seen)))

    assert raised is error
    assert ([] if path in ("held", "coded") else ["start"]) == server.types
    assert [("END", "error")] * (path != "plain") == seen


@pytest.mark.parametrize("path", PATHS)
def test_return_while_held(path):
    """The start goes out, so that the server reports what it would of the bare application."""
    # protocols A20
    seen = []
    server = Server()
    assert server.run(wrap(sending(start()), *PATHS[path](seen))) is None

    assert ["start"] == server.types
    assert [("END", "incomplete")] * (path != "plain") == seen
    assert path != "coded" or [] == server.messages[0]["headers"]


def test_return_while_held_without_an_observer():
    """It does where nobody follows the rest either."""
    # protocols A20
    server = Server()
    assert server.run(wrap(sending(start()), HoldAndMark())) is None

    assert [start(headers=[(b"x-held", b"1")])] == server.messages


# Trailers


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("path", PATHS)
def test_trailers(path, parts):
    """They are kept and announced, and END comes after the last of them."""
    # protocols A21, A29
    log = []
    trailers = [
        {"type": "http.response.trailers", "headers": [(b"t", b"1")], "more_trailers": True},
        {"type": "http.response.trailers", "headers": [(b"t", b"2")]},
    ][-parts:]
    server = Server(log=log)
    first = start(headers=[(b"content-length", b"2")], trailers=True)
    app = sending(first, body(b"a", more_body=True), body(b"b"), *trailers)
    assert server.run(wrap(app, *PATHS[path](log))) is None

    assert server.messages[0]["trailers"] is True
    assert same(trailers, server.messages[-parts:])
    assert b"ab" == inflated(server)
    length = (b"content-length", b"2") in server.messages[0]["headers"]
    assert ("coded" not in path) == length
    expected = ["http.response.trailers"] * parts + [("END", "completed")] * (path != "plain")
    assert expected == log[3:]


@pytest.mark.parametrize("path", PATHS)
def test_trailers_that_never_come(path):
    """A response whose trailers are missing is not complete."""
    # protocols A21
    seen = []
    app = sending(start(trailers=True), body(b"a"))
    assert Server().run(wrap(app, *PATHS[path](seen))) is None

    assert [("END", "incomplete")] * (path != "plain") == seen


@pytest.mark.parametrize("path", [None, *PATHS])
@pytest.mark.parametrize("chunks", [[b"abc"], [b"a", b"bc"]])
def test_trailer_of_ours(path, chunks):
    """It is announced in the start and sent after the body, which it may tell of."""
    # protocols A21, A26
    messages = [body(chunk, more_body=True) for chunk in chunks]
    messages[-1]["more_body"] = False
    middleware = [Trailing(), *(PATHS[path]([]) if path else [])]
    app = wrap(Inside(sending(start(), *messages)), *middleware)
    result = ASGIClient(app).request_sync(extensions=OFFER)

    assert [("x-sent", str(len(result.body)))] == result.trailers
    assert b"abc" == (zlib.decompress(result.body) if path and "coded" in path else result.body)
    assert "http.response.trailers" == result.messages[-1]["type"]


def test_trailer_of_ours_beside_the_applications():
    """It comes in the last message, a copy of the application's."""
    # protocols A14, A21
    messages = [
        start(trailers=True),
        body(b"abc"),
        {"type": "http.response.trailers", "headers": [(b"t", b"1")], "more_trailers": True},
        {"type": "http.response.trailers"},
    ]
    before = [{**message} for message in messages]
    result = ASGIClient(wrap(Inside(sending(*messages)), Trailing())).request_sync(extensions=OFFER)

    assert [("t", "1"), ("x-sent", "3")] == result.trailers
    assert messages[2] is result.messages[2]
    assert before == messages


def test_trailer_of_ours_after_a_file(tmp_path):
    """Opaque bodies have trailers too."""
    # protocols A21, A22
    path = tmp_path / "file"
    path.write_bytes(b"content")
    app = sending(start(), {"type": "http.response.pathsend", "path": str(path)})
    result = ASGIClient(wrap(Inside(app), Trailing())).request_sync(extensions=OFFER)

    assert [("x-sent", "None")] == result.trailers
    assert b"content" == result.body


# Opaque bodies


@pytest.mark.parametrize("path", [path for path in PATHS if path != "coded at once"])
@pytest.mark.parametrize("length", [None, b"7", b"seven", b"\xb2"])
def test_pathsend(tmp_path, path, length):
    """The very message, no codec; its size is what Content-Length says, else unknown."""
    # protocols A22
    ends = []
    (tmp_path / "file").write_bytes(b"content")
    message = {"type": "http.response.pathsend", "path": str(tmp_path / "file")}
    headers = [] if length is None else [(b"content-length", length)]
    app = wrap(Inside(sending(start(headers=headers), message)), Ends(ends), *PATHS[path]([]))
    client = ASGIClient(app, lint=length in (None, b"7"))
    result = client.request_sync(extensions=OFFER)

    assert message is result.messages[1]
    assert (b"content", True) == (result.body, result.opaque)
    assert result.header("content-encoding") is None
    assert [("completed", 7 if length == b"7" else None, True)] == [
        (end.outcome, end.sent, end.response.opaque) for end in ends
    ]


@pytest.mark.parametrize("path", [path for path in PATHS if path != "coded at once"])
def test_zerocopysend(tmp_path, path):
    """It may come in parts, and beside body messages."""
    # protocols A22
    seen, ends = [], []
    (tmp_path / "file").write_bytes(b"content")
    with (tmp_path / "file").open("rb") as file:
        part = {"type": "http.response.zerocopysend", "file": file, "count": 3}
        app = sending(start(), {**part, "more_body": True}, part)
        wrapped = wrap(Inside(app), Ends(ends), *PATHS[path](seen))
        result = ASGIClient(wrapped).request_sync(extensions=OFFER)
        file.seek(0)
        declared = start(headers=[(b"content-length", b"6")])
        mixed = sending(declared, {**part, "more_body": True}, body(b"end"))
        other = ASGIClient(wrap(Inside(mixed), Ends(ends), *PATHS[path](seen))).request_sync(
            extensions=OFFER
        )

    assert (b"conten", b"conend") == (result.body, other.body)
    assert part is result.messages[2]
    assert [("completed", None)] * 2 == [(end.outcome, end.sent) for end in ends]
    assert [("END", "completed")] * 2 * (path != "plain") == seen


@pytest.mark.parametrize("kind", ["pathsend", "zerocopysend"])
def test_opaque_body_cannot_pass_an_early_codec(kind):
    """The head says that the body is encoded, so the wrong bytes must not follow it."""
    # protocols A22
    seen = []
    server = Server()
    app = sending(start(), {"type": f"http.response.{kind}", "path": "/a", "file": 1})
    error = server.run(wrap(app, Observer(seen), Deflate(RESPONSE)))

    assert ExchangeError is type(error)
    assert "BODY" in str(error)
    assert ["start"] == server.types
    assert [("END", "error")] == seen


# Responses without a body


@pytest.mark.parametrize("status", [204, 205, 304])
@pytest.mark.parametrize("path", PATHS)
def test_bodiless_status(path, status):
    """It is never encoded."""
    # protocols A23
    result = ASGIClient(
        wrap(Inside(sending(start(status), body())), *PATHS[path]([]))
    ).request_sync()

    assert (status, b"") == (result.status, result.body)
    assert result.header("content-encoding") is None
    assert result.header("content-length") is None


@pytest.mark.parametrize("path", PATHS)
def test_head_request(path):
    """The length is that of the answer to GET, as the application said, and nothing is encoded."""
    # protocols A23
    ends = []
    app = sending(start(headers=[(b"content-length", b"5")]), body(b"hello"))
    server = Server()
    assert server.run(wrap(app, Ends(ends), *PATHS[path]([])), method="HEAD") is None

    assert (b"content-length", b"5") in server.messages[0]["headers"]
    assert b"hello" == server.messages[1]["body"]
    assert [0] == [end.sent for end in ends]


def test_head_request_for_a_file():
    """The server sends nothing of it."""
    # protocols A22, A23
    ends = []
    app = sending(
        start(headers=[(b"content-length", b"5")]),
        {"type": "http.response.pathsend", "path": "/a"},
    )
    assert Server().run(wrap(app, Ends(ends)), method="HEAD") is None

    assert [("completed", 0)] == [(end.outcome, end.sent) for end in ends]


# One send for each message


@pytest.mark.parametrize("path", PATHS)
def test_one_send_in_the_same_task(path):
    """No task, no queue: the server is called in the application's task, once for each message."""
    # protocols A25
    tasks = set()

    class Noting(Server):
        async def send(self, message):
            tasks.add(asyncio.current_task())
            await super().send(message)
            await asyncio.sleep(0)

    async def app(scope, receive, send):
        tasks.add(asyncio.current_task())
        chunks = [body(bytes([n]) * 99999, more_body=True) for n in range(3)]
        await sending(start(), *chunks, body(b"x"))(scope, receive, send)

    server = Noting()

    async def main():
        await wrap(app, *PATHS[path]([]))({"type": "http"}, server.receive, server.send)

    asyncio.run(main())

    assert 1 == len(tasks)
    # A codec may keep a chunk until it has something to send.
    assert "coded" in path or ["start", "body", "body", "body", "body"] == server.types


@pytest.mark.parametrize("path", PATHS)
def test_backpressure(path):
    """A chunk is not asked for before the server took the one before."""
    # protocols A25
    log = []

    class Slow(Server):
        async def send(self, message):
            log.append("sending")
            await asyncio.sleep(0)
            log.append("sent")

    async def app(scope, receive, send):
        await send(start())
        for n in range(3):
            log.append("made")
            await send(body(bytes([n]) * 9, more_body=n < 2))

    server = Slow()

    async def main():
        await wrap(app, *PATHS[path]([]))({"type": "http"}, server.receive, server.send)

    asyncio.run(main())

    pairs = "".join(word[0] + word[-1] for word in log)
    assert "made" == log[0 if path in ("held", "coded") else 2]
    assert pairs.count("sg") == pairs.count("st")
    assert "sgsg" not in pairs


@pytest.mark.parametrize("path", PATHS)
def test_nothing_after_the_final_message(path):
    """The last message of the application is the last."""
    # protocols A26
    app = wrap(Inside(sending(start(), body(b"a", more_body=True), body(b"b"))), *PATHS[path]([]))
    result = ASGIClient(app).request_sync()

    assert "http.response.body" == result.messages[-1]["type"]
    assert not result.messages[-1].get("more_body", False)


def test_held_twice():
    """Two flows that wait for BODY get it in the order of the way out."""
    # protocols A18
    server = Server()
    app = sending(start(), body(b"a"))
    assert server.run(wrap(app, Head("X-Outer"), HoldAndMark(), Hold(), Head("X-Inner"))) is None

    assert [b"x-inner", b"x-held", b"x-outer"] == [
        name for name, _ in server.messages[0]["headers"]
    ]
