"""What happens to the head: Content-Encoding, Content-Length, Vary, ETag, Accept-Ranges.

Knows heads under both protocols. Must never know a coding's bytes, beyond that they decode.
"""

import pytest

from dualware.testing import Script
from tests.compression.parts import (
    CODINGS,
    JSON,
    TEXT,
    World,
    accepting,
    decoded,
    plain,
    sent_through,
)

GZIP = accepting("gzip")
PLAIN = ("Content-Type", "text/plain")


def requested(dual, headers=(PLAIN,), accepted="gzip", method="GET", **script):
    """The answer to a request through gzip."""
    script = {"chunks": [TEXT], **script}
    return dual.request(
        Script(headers=headers, **script), {"gzip": True}, method, headers=accepting(accepted)
    )


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("declare", [True, False])
def test_one_shot(dual, coding, declare):
    """Content-Encoding once, and the length of what goes out."""
    # compression 24, compression 32
    script = Script(chunks=[JSON], declare_length=declare, final_empty=False)
    settings = {"compression": {"codings": [coding]}}
    result = dual.request(script, settings, headers=accepting(coding))

    assert coding == result.header("content-encoding")
    assert str(len(result.body)) == result.header("content-length")
    assert len(result.body) < len(JSON)
    assert JSON == decoded(coding, result.body)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("declare", [True, False])
def test_stream(dual, coding, declare):
    """Nobody knows the length of a coded stream, so none is declared."""
    # compression 24
    script = Script(chunks=[JSON, TEXT], declare_length=declare, body="generator")
    settings = {"compression": {"codings": [coding]}}
    result = dual.request(script, settings, headers=accepting(coding))

    assert (coding, None) == (result.header("content-encoding"), result.header("content-length"))
    assert JSON + TEXT == decoded(coding, result.body)


@pytest.mark.parametrize("length", [[], [(b"content-length", b"1800")]])
def test_trailers_leave_no_length(length):
    """ASGI alone has trailers; where some follow there is no Content-Length (RFC 9112 §6.2)."""
    # compression 24, compression 43
    world = World()
    trailers = {"type": "http.response.trailers", "headers": [(b"x-sum", b"1")]}
    head = {"type": "http.response.start", "status": 200, "headers": length, "trailers": True}
    sent = sent_through(
        world.stack(world.gzip()), [head, {"type": "http.response.body", "body": TEXT}, trailers]
    )

    assert {b"content-encoding": b"gzip", b"vary": b"Accept-Encoding"} == dict(sent[0]["headers"])
    assert sent[0]["trailers"] is True
    assert TEXT == decoded("gzip", sent[1]["body"])
    assert sent[2] is trailers


# Vary


@pytest.mark.parametrize("accepted", ["gzip", "identity", None, "gzip;q=0", "br"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("declare", [True, False])
def test_varies_whoever_asks(dual, accepted, method, declare):
    """A cache must not give one client's answer to the other, so each says that there are two."""
    # compression 25, compression 31
    result = requested(dual, accepted=accepted, method=method, declare_length=declare)

    assert "Accept-Encoding" == result.header("vary")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["Cookie"], ["cookie", "accept-encoding"]),
        (["Cookie, Origin"], ["cookie", "origin", "accept-encoding"]),
        (["Cookie", "Origin"], ["cookie", "origin", "accept-encoding"]),
        (["Accept-Encoding"], ["accept-encoding"]),
        (["accept-encoding"], ["accept-encoding"]),
        (["Origin, ACCEPT-ENCODING , Cookie"], ["origin", "accept-encoding", "cookie"]),
        (["Cookie", "Accept-encoding"], ["cookie", "accept-encoding"]),
        (["*"], ["*"]),
        (["Cookie, *"], ["cookie", "*"]),
        (["Cookie", "*"], ["cookie", "*"]),
        (["X-Accept-Encoding"], ["x-accept-encoding", "accept-encoding"]),
    ],
)
@pytest.mark.parametrize("accepted", ["gzip", None])
def test_vary_is_a_union(dual, lines, expected, accepted):
    """Whatever is there stays, on however many lines; nothing is there twice, or beside ``*``."""
    # compression 26
    result = requested(dual, [PLAIN, *(("Vary", line) for line in lines)], accepted)
    told = ",".join(result.header_all("vary")).lower().split(",")

    assert expected == [each.strip() for each in told]


# ETag and ranges


@pytest.mark.parametrize(
    ("etag", "coded"),
    [
        ('"a"', 'W/"a"'),
        ('W/"a"', 'W/"a"'),
        ('""', 'W/""'),
        ("unquoted", "unquoted"),
    ],
)
@pytest.mark.parametrize("accepted", ["gzip", None])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_etag(dual, etag, coded, accepted, method):
    """Strong means the same bytes, so it turns weak, and has no suffix: If-None-Match works on."""
    # compression 27
    result = requested(dual, [PLAIN, ("ETag", etag)], accepted, method, declare_length=True)

    assert (coded if accepted else etag) == result.header("etag")


@pytest.mark.parametrize("accepted", ["gzip", None])
@pytest.mark.parametrize("body", ["list", "generator"])
def test_accept_ranges(dual, accepted, body):
    """Nobody could serve ranges of what is coded on the fly."""
    # compression 28
    headers = [PLAIN, ("Accept-Ranges", "bytes")]
    result = requested(dual, headers, accepted, body=body)

    assert (None if accepted else "bytes") == result.header("accept-ranges")


# The application's own objects


@pytest.mark.parametrize("kind", [list, tuple, iter], ids=["list", "tuple", "iterator"])
@pytest.mark.parametrize("case", [bytes.lower, bytes.title, bytes.upper])
def test_header_lists_stay_as_they_are(kind, case):
    """ASGI: lists, tuples and iterators of pairs, names in any case; none of them is changed."""
    # compression 29
    world = World()
    pairs = [[case(b"content-type"), b"text/plain"], [case(b"content-length"), b"1800"]]
    pairs = [tuple(pair) for pair in pairs]
    start = {"type": "http.response.start", "status": 200, "headers": kind(pairs)}
    body = {"type": "http.response.body", "body": TEXT}
    before = dict(start), dict(body), list(pairs)
    sent = sent_through(world.stack(world.gzip()), [start, body])
    names = [name.lower() for name, _ in sent[0]["headers"]]

    assert before == (start, body, pairs)
    assert [b"content-type", b"content-length", b"vary", b"content-encoding"] == names
    assert str(len(sent[1]["body"])).encode() == dict(sent[0]["headers"])[b"content-length"]


@pytest.mark.parametrize("kind", [list, tuple])
def test_native_header_lists_stay_as_they_are(kind):
    """WSGI: the same, and the server gets a real list."""
    # compression 29
    world = World()
    pairs = kind([("CONTENT-TYPE", "text/plain"), ("content-length", "1800")])
    before, heads = kind(pairs), []

    def app(_environ, start_response):
        start_response("200 OK", pairs)
        return [TEXT]

    environ = {"REQUEST_METHOD": "GET", "HTTP_ACCEPT_ENCODING": "gzip"}
    wrapped = world.stack(world.gzip()).wsgi(app)
    (body,) = wrapped(environ, lambda status, headers: heads.append(headers))

    assert before == pairs
    assert list is type(heads[0])
    assert [
        ("CONTENT-TYPE", "text/plain"),
        ("Content-Length", str(len(body))),
        ("Vary", "Accept-Encoding"),
        ("Content-Encoding", "gzip"),
    ] == heads[0]


def test_no_request_leaves_a_trace(dual):
    """A script hands out the same objects each time; the second answer is as the first."""
    # compression 29
    world = World()
    stack = world.stack(world.gzip(**plain()))
    script = Script(headers=[PLAIN, ("ETag", '"a"'), ("Vary", "Cookie")], chunks=[TEXT])
    first, second = (dual.request(script, stack, headers=GZIP) for _ in range(2))

    assert first.same_as(second)


@pytest.mark.parametrize("coding", CODINGS)
def test_equal_input_gives_equal_bytes(dual, coding):
    """Without padding: no time, no name, nothing of chance is in what is sent."""
    # compression 30
    settings = {"compression": plain(codings=[coding])}
    script = Script(chunks=[JSON])
    bodies = {dual.request(script, settings, headers=accepting(coding)).body for _ in range(3)}

    assert 1 == len(bodies)
    if coding == "gzip":
        # RFC 1952 §2.3.1: MTIME.
        assert bytes(4) == bodies.pop()[4:8]


# HEAD


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("accepted", ["gzip", None, "identity;q=0, gzip"])
@pytest.mark.parametrize("type_", ["text/plain", "image/png"])
@pytest.mark.parametrize("size", [100, 1800])
def test_head_is_as_get(dual, length, accepted, type_, size):
    """All fields are those of GET, but for a length that only coding would tell."""
    # compression 31
    script = Script(
        headers=[("Content-Type", type_), ("ETag", '"a"'), ("Accept-Ranges", "bytes")],
        chunks=[TEXT[:size]],
        declare_length=length,
        final_empty=False,
    )
    get, head = (
        dual.request(script, {"gzip": True}, method, headers=accepting(accepted))
        for method in ("GET", "HEAD")
    )
    if not length and size < 500:
        # Without a length nobody knows what GET would do; that it codes is what it mostly does.
        return

    assert b"" == head.body
    coded = get.header("content-encoding") is not None
    kept = [pair for pair in get.headers if pair[0] != "content-length" or not coded]
    told = [pair for pair in head.headers if pair[0] != "content-length" or length]
    if not length:
        kept = [pair for pair in kept if pair[0] != "content-length"]
    assert sorted(kept) == sorted(told)


def test_head_runs_no_codec(dual, monkeypatch):
    """A body that is given all the same passes as given."""
    # compression 31
    world = World()
    middleware = world.gzip()
    (coding,) = middleware._codings
    monkeypatch.setattr(type(coding), "whole", None)
    monkeypatch.setattr(type(coding), "stream", None)
    script = Script(chunks=[TEXT], head_body=True, declare_length=True)
    dual.lint = False
    result = dual.request(script, world.stack(middleware), "HEAD", headers=GZIP)

    assert None is result.error
    assert ("gzip", None) == (result.header("content-encoding"), result.header("content-length"))
    assert result.body in (TEXT, b"")


@pytest.mark.parametrize("status", [204, 304])
def test_head_of_no_content(dual, status):
    """It says of no coding."""
    # compression 14, compression 31
    result = requested(dual, [], method="HEAD", status=status)

    assert None is result.header("content-encoding")
