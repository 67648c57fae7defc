"""Bodies in chunks: what decodes when, when the head goes, and what a failure leaves.

Knows chunks under both protocols, and both ways to take them. Must never wait.
"""

import zlib

import pytest

from dualware.core.compression.choices import Choice
from dualware.testing import CHUNKINGS, Script
from tests.compression.parts import (
    CHUNKS,
    CODINGS,
    JSON,
    TEXT,
    World,
    accepting,
    decoded,
    decoder,
    needs,
    sent_through,
)

PLAIN = ("Content-Type", "text/plain")
EVENTS = ("Content-Type", "text/event-stream")
GZIP = accepting("gzip")
SYNC = b"\x00\x00\xff\xff"
"""What a deflate stream says where it was flushed."""


def start(*headers, **more):
    """The head of a response in ASGI's words."""
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers or (PLAIN,)]
    return {"type": "http.response.start", "status": 200, "headers": pairs, **more}


def body(data=b"", **more):
    """A body message."""
    return {"type": "http.response.body", "body": data, **more}


# What decodes when


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("chunks", CHUNKINGS.values(), ids=CHUNKINGS)
@pytest.mark.parametrize("kind", ["generator", "iterator", "write"])
@pytest.mark.parametrize("padding", [0, 100])
def test_everything_that_was_sent_decodes(dual, coding, chunks, kind, padding):
    """After each chunk; one with nothing in it flushes nothing."""
    # compression 33, compression decision 5
    given = chunks(CHUNKS)
    script = Script(chunks=given, body=kind)
    settings = {"compression": {"codings": [coding], "breach_padding": padding}}
    result = dual.request(script, settings, headers=accepting(coding))
    whole = b"".join(CHUNKS)

    assert (coding, whole) == (result.header("content-encoding"), decoded(coding, result.body))
    decode, seen, told = decoder(coding), b"", b""
    out = iter(result.chunks)
    for chunk in given:
        # WSGI: an item for each item. ASGI: no message for an empty chunk.
        if chunk or dual.protocol == "wsgi":
            coded = next(out)
            assert bool(chunk) is bool(coded)
            seen += decode(coded) if coded else b""
        told += chunk
        assert told == seen
    assert 1 >= len([chunk for chunk in out if chunk])


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("kind", ["generator", "iterator"])
def test_a_file_on_its_way_is_not_flushed(dual, coding, kind):
    """A declared length is no live stream's: chunks may be kept back, and shrink better."""
    # compression 34, compression decision 5
    chunks = [b"%d hello world " % number for number in range(200)]
    settings = {"compression": {"codings": [coding], "breach_padding": 0}}
    sizes = []
    for declare in (True, False):
        script = Script(chunks=chunks, declare_length=declare, body=kind)
        result = dual.request(script, settings, headers=accepting(coding))
        sizes.append(len(result.body))

        assert b"".join(chunks) == decoded(coding, result.body)
        if coding == "gzip":
            assert (0 if declare else len(chunks)) == result.body.count(SYNC)
    assert sizes[0] < sizes[1] / 2


@pytest.mark.parametrize("coding", CODINGS)
def test_empty_stream(dual, coding):
    """Chunks came, but nothing was in them: a coding of nothing, which decodes."""
    # compression 22, compression 33
    script = Script(chunks=[b"", b""], body="generator")
    settings = {"compression": {"codings": [coding]}}
    result = dual.request(script, settings, headers=accepting(coding))

    assert b"" == decoded(result.header("content-encoding"), result.body)


# One-shot or stream


@pytest.mark.parametrize("length", [(), (("Content-Length", "1800"),)], ids=["unknown", "declared"])
@pytest.mark.parametrize("tail", [False, True], ids=["final", "followed by an empty one"])
def test_whole_in_the_first_message(length, tail):
    """ASGI: it is final, or as long as declared: coded at once, with its length."""
    # compression 32, compression decision 5
    world = World()
    messages = [start(PLAIN, *length), body(TEXT, more_body=tail), *([body()] if tail else [])]
    sent = sent_through(world.stack(world.gzip()), messages)
    headers = dict(sent[0]["headers"])
    whole = not tail or bool(length)

    assert whole is (b"content-length" in headers)
    assert [tail] + [False] * tail == [message.get("more_body", False) for message in sent[1:]]
    data = b"".join(message["body"] for message in sent[1:])
    assert TEXT == decoded("gzip", data)
    if whole:
        assert str(len(data)).encode() == headers[b"content-length"]


@pytest.mark.parametrize("kind", [list, tuple])
@pytest.mark.parametrize("chunks", [[TEXT], [TEXT[:900], TEXT[900:]]])
def test_lists_are_whole(kind, chunks):
    """WSGI: a list is all there is, and goes out as a list of one."""
    # compression 46
    heads, returned = _returning(kind(chunks))

    assert [list, 1] == [type(returned), len(returned)]
    assert dict(heads[0])["Content-Length"] == str(len(returned[0]))
    assert TEXT == decoded("gzip", returned[0])


def _returning(given, headers=(PLAIN,), **environ):
    """The heads that a WSGI server gets where the application returns ``given``, and the body."""
    heads, world = [], World()

    def app(_environ, start_response):
        start_response("200 OK", [*headers])
        return given

    made = {"REQUEST_METHOD": "GET", "HTTP_ACCEPT_ENCODING": "gzip", **environ}
    wrapped = world.stack(world.gzip()).wsgi(app)
    return heads, wrapped(made, lambda status, headers: heads.append(headers))


class Closed:
    """A body that counts what is done to it.

    taken, closed
        How many chunks were taken, how often it was closed.
    """

    def __init__(self, *chunks):
        self.chunks = list(chunks)
        self.taken = self.closed = 0

    def __iter__(self):
        for chunk in self.chunks:
            self.taken += 1
            yield chunk

    def close(self):
        self.closed += 1


class DjangoLike(Closed):
    """What Django's handler returns: an iterable that says whether it streams."""

    def __init__(self, *chunks, streaming):
        super().__init__(*chunks)
        self.streaming = streaming


class Sequential(Closed):
    """A sequence by its own word: its length costs nothing and is right."""

    def __len__(self):
        return len(self.chunks)

    def __getitem__(self, index):
        return self.chunks[index]


def _sequence(*chunks):
    """A sequence that says so."""
    from collections.abc import Sequence

    return Sequence.register(type("Own", (Sequential,), {}))(*chunks)


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        (DjangoLike(TEXT, streaming=False), True),
        (DjangoLike(TEXT[:900], b"", TEXT[900:], streaming=False), True),
        (DjangoLike(TEXT, streaming=True), False),
        (_sequence(TEXT), True),
        (_sequence(TEXT[:900], TEXT[900:]), False),
        # A length that nobody vouches for may read a file to be told (protocols W36).
        (Sequential(TEXT), False),
        (Closed(TEXT), False),
    ],
    ids=["django", "django in parts", "django stream", "one", "two", "unknown", "iterable"],
)
def test_whole_bodies_that_are_no_lists(given, whole):
    """WSGI: one item by a length that can be believed, or a Django response that is no stream."""
    # compression 46
    heads, returned = _returning(given)
    taken = given.taken
    data = b"".join(returned)
    returned.close()

    assert (len(given.chunks) if whole else 0) == taken
    assert whole is ("Content-Length" in dict(heads[0]))
    assert TEXT == decoded("gzip", data)
    assert 1 == given.closed


def test_as_long_as_declared():
    """WSGI: what Werkzeug returns is one chunk of the declared length, and an end."""
    # compression 32, compression 46
    given = Closed(TEXT)
    heads, returned = _returning(given, [PLAIN, ("Content-Length", "1800")])
    data = list(returned)
    returned.close()

    assert [str(len(data[0]))] == [dict(heads[0])["Content-Length"]]
    assert (TEXT, [], 1) == (decoded("gzip", data[0]), data[1:], given.closed)


# When the head goes


@pytest.mark.parametrize(
    ("fields", "accepted", "held"),
    [
        ([PLAIN], b"gzip", True),
        ([PLAIN], b"identity", True),
        ([PLAIN, ("Content-Length", "1800")], b"gzip", True),
        ([PLAIN, ("Content-Length", "1800")], b"identity", False),
        ([PLAIN, ("Content-Length", "18")], b"gzip", False),
        ([("Content-Type", "image/png")], b"gzip", False),
        ([PLAIN, ("Content-Encoding", "br")], b"gzip", False),
        ([PLAIN, ("Cache-Control", "no-transform")], b"gzip", False),
        ([EVENTS], b"gzip", False),
        ([("Content-Type", "application/x-ndjson")], b"gzip", False),
    ],
)
@pytest.mark.parametrize("live", [True, False])
def test_when_the_head_goes(fields, accepted, held, live):
    """ASGI: at once where the first chunk can't matter; with the first body message elsewhere."""
    # compression 35
    world = World()
    middleware = world.gzip(
        compress_live=live, live_content_types=["text/event-stream", "application/x-ndjson"]
    )
    after_head, sent = [], []

    async def app(_scope, _receive, send):
        await send(start(*fields))
        after_head.append(len(sent))
        await send(body(TEXT))

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "headers": [(b"accept-encoding", accepted)]}
    with pytest.raises(StopIteration):
        world.stack(middleware).asgi(app)(scope, None, send).send(None)

    assert [0 if held else 1] == after_head
    assert ["http.response.start", "http.response.body"] == [each["type"] for each in sent]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("live", [True, False])
def test_events(dual, coding, live):
    """Server-sent events are left alone, or coded each by each where that is asked for."""
    # compression 20, compression 33, compression 35, compression decision 7
    chunks = [b"data: %d\n\n" % number for number in range(20)]
    settings = {"compression": {"codings": [coding], "compress_live": live}}
    script = Script(headers=[EVENTS], chunks=chunks, body="generator")
    result = dual.request(script, settings, headers=accepting(coding))
    # brotli takes too much memory for a stream that stays open.
    expected = coding if live and coding != "br" else None

    assert expected == result.header("content-encoding")
    assert ("Accept-Encoding" if live else None) == result.header("vary")
    assert b"".join(chunks) == decoded(expected, result.body)
    if expected:
        decode = decoder(coding)
        coded = [chunk for chunk in result.chunks if chunk]
        assert chunks == [decode(chunk) for chunk in coded[: len(chunks)]]


@needs("zstd")
@needs("br")
def test_live_streams_get_what_is_light(dual):
    """Another coding that the client takes stands in for brotli."""
    # compression decision 7
    settings = {"compression": {"codings": ["br", "gzip"], "compress_live": True}}
    script = Script(headers=[EVENTS], chunks=[b"data: 1\n\n"], body="generator")

    assert "gzip" == dual.request(script, settings, headers=accepting("br, gzip;q=0.5")).header(
        "content-encoding"
    )


@pytest.mark.parametrize("head_body", [True, False])
def test_head_of_a_live_stream(dual, head_body):
    """As GET would say."""
    # compression 31, compression 35
    script = Script(headers=[EVENTS], chunks=[b"data: 1\n\n"], head_body=head_body)
    dual.lint = False
    result = dual.request(script, {"gzip": {"compress_live": True}}, "HEAD", headers=GZIP)

    assert "gzip" == result.header("content-encoding")


# Failures


class HaltedError(Exception):
    """What an application raises."""


@pytest.mark.parametrize("moment", ["call", "head"])
@pytest.mark.parametrize("coding", CODINGS)
def test_failure_before_any_output(dual, coding, moment):
    """Nothing is sent, so that the server can still say 500; the exception is the very one."""
    # compression 36
    error = HaltedError()
    script = Script(chunks=[JSON], error=error, error_at=moment)
    result = dual.request(script, {"compression": {"codings": [coding]}}, headers=accepting(coding))

    assert (error, None) == (result.error, result.status)
    assert [] == [chunk for chunk in result.chunks if chunk]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("kind", ["generator", "iterator", "write"])
def test_failure_in_the_middle(dual, coding, kind):
    """What was sent decodes, and no end is made up: the client can see that it is cut off."""
    # compression 36
    error = HaltedError()
    script = Script(chunks=[JSON, TEXT], error=error, error_at=1, body=kind)
    result = dual.request(
        script, {"compression": {"codings": [coding], "breach_padding": 0}},
        headers=accepting(coding),
    )  # fmt: skip

    assert error is result.error
    assert JSON == decoder(coding)(result.body)
    if coding == "gzip":
        made = zlib.decompressobj(31)
        made.decompress(result.body)
        assert not made.eof


def test_no_body_message():
    """ASGI: an application that ends without one has its head forwarded (protocols A20)."""
    # compression 37
    world = World()
    sent = sent_through(world.stack(world.gzip()), [start(PLAIN)])

    assert [("http.response.start", None)] == [
        (each["type"], dict(each["headers"]).get(b"content-encoding")) for each in sent
    ]


class Failing:
    """A coding that can't."""

    token = "gzip"
    slow_from = stream_slow_from = 10**9
    is_light = True

    def __init__(self, error):
        self.error = error

    def whole(self, _body):
        raise self.error

    def stream(self, _length=None, *, live=False):
        raise self.error


@pytest.mark.parametrize("kind", ["list", "generator"])
@pytest.mark.parametrize("type_", ["text/plain", "text/event-stream"])
@pytest.mark.parametrize("slow_from", [1, 10**9])
def test_codec_that_fails_at_the_first(dual, kind, type_, slow_from):
    """The body goes out as it is, and the failure is told: what fails is not the response."""
    # compression 38
    world, error = World(), MemoryError()
    middleware = world.gzip(compress_live=True)
    failing = Failing(error)
    failing.slow_from = failing.stream_slow_from = slow_from
    _break(middleware, failing)
    script = Script(
        headers=[("Content-Type", type_), ("ETag", '"a"')],
        chunks=[TEXT],
        body=kind,
        final_empty=False,
        declare_length=kind == "list" and type_ == "text/plain",
    )
    result = dual.request(script, world.stack(middleware), headers=GZIP)

    assert (200, TEXT, None) == (result.status, result.body, result.header("content-encoding"))
    assert '"a"' == result.header("etag")
    assert ("1800" if script.declare_length else None) == result.header("content-length")
    if script.declare_length:
        assert None is result.header("vary")
    assert [("a response could not be compressed", error)] == world.reports


def _break(middleware, coding):
    """Have ``middleware`` use this coding, whoever asks."""
    middleware._choices["gzip"] = Choice(coding, coding, coding, forced=False)


class Stopping(Failing):
    """A coding whose streams fail after the first chunk."""

    def stream(self, _length=None, *, live=False):
        return self

    def compress(self, data):
        if data == b"stop":
            raise self.error
        return data

    def flush(self):
        return b""


def test_codec_that_fails_in_the_middle(dual):
    """Nothing can be taken back: the response is cut off, the application told."""
    # compression 36, compression 38
    world, error = World(), HaltedError()
    middleware = world.gzip()
    _break(middleware, Stopping(error))
    script = Script(chunks=[b"first", b"stop", b"never"], body="generator")
    result = dual.request(script, world.stack(middleware), headers=GZIP)

    assert (error, b"first") == (result.error, result.body)


def test_codec_that_failed_takes_no_more():
    """ASGI: an application that goes on regardless hears of it again."""
    # compression 36
    world, error = World(), HaltedError()
    middleware = world.gzip()
    _break(middleware, Stopping(error))
    raised, sent = [], []

    async def app(_scope, _receive, send):
        await send(start(PLAIN))
        for chunk in (b"first", b"stop", b"more"):
            try:
                await send(body(chunk, more_body=True))
            except HaltedError as failure:
                raised.append(failure)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "headers": [(b"accept-encoding", b"gzip")]}
    with pytest.raises(HaltedError):
        world.stack(middleware).asgi(app)(scope, None, send).send(None)

    assert [error, error] == raised
    assert [b"first"] == [each["body"] for each in sent[1:]]
