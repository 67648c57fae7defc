"""Request and response as values: what takes a codec, what a codec does to the head.

Knows `Response` as drivers and flows use it. Must never know a protocol.
"""

import sys
import zlib

import pytest

from dualware.core.exchange import NO_RESPONSE
from dualware.core.header_names import HeaderNames
from dualware.core.headers import StrHeaders
from dualware.core.message import ExchangeError, Request, Response


class Tagged:
    """A codec that shows where it stood: each chunk in brackets, a mark at the end."""

    def __init__(self, mark):
        self.mark = mark

    def compress(self, data):
        return b"%s(%s)" % (self.mark, data)

    def flush(self):
        return b"/%s" % self.mark


class Broken:
    """A codec that can't."""

    def compress(self, data):
        raise ValueError(data)

    def flush(self):
        raise ValueError


def response(status=200, method="GET", *, length=None):
    """A response with or without a declared length."""
    pairs = [] if length is None else [("Content-Length", str(length))]
    return Response(method, status, StrHeaders(pairs))


# What has a body


@pytest.mark.parametrize(
    ("method", "status", "expected"),
    [
        ("GET", 200, False),
        ("POST", 404, False),
        ("HEAD", 200, True),
        ("GET", 100, True),
        ("GET", 199, True),
        ("GET", 204, True),
        ("GET", 205, True),
        ("GET", 304, True),
        ("GET", 206, False),
    ],
)
def test_bodiless(method, status, expected):
    """RFC 9110 §6.4.1: the method of the request counts too."""
    made = response(status, method)

    assert expected is made.bodiless
    assert expected is not made.encodable


def test_opaque_takes_no_codec():
    """What we do not see passes no codec (law 5)."""
    made = response()
    made.opaque = True

    assert not made.encodable

    with pytest.raises(ExchangeError) as raised:
        made.encode(Tagged(b"a"))

    assert (
        "this response takes no codec: its body is opaque, or it has none; ask "
        "response.encodable first"
    ) == str(raised.value)


# Codecs


def test_no_codec():
    """Chunks pass as the very objects."""
    made = response(length=5)
    chunk = b"hello"
    made.first(chunk, complete=True)

    assert chunk is made.first_chunk
    assert made.complete
    assert not made.coded
    assert chunk is made.through(chunk)
    assert b"" == made.through(b"", last=True)
    assert "5" == made.headers.get("Content-Length")


def test_a_codec_before_the_first_chunk():
    """Given at RESPONSE: the length is not known any more, every chunk passes."""
    made = response(length=5)
    made.encode(Tagged(b"a"))

    assert made.coded
    assert "Content-Length" not in made.headers
    assert b"a(1)" == made.through(b"1")
    assert b"" == made.through(b"")
    assert b"a(2)/a" == made.through(b"2", last=True)


def test_a_codec_before_a_chunk_that_is_all():
    """Given at RESPONSE, and then the whole body came at once: the length is known again."""
    made = response(length=1)
    made.encode(Tagged(b"a"))
    made.first(b"1", complete=True)

    assert b"a(1)/a" == made.first_chunk
    assert "6" == made.headers.get("Content-Length")
    assert not made.coded


def test_a_codec_before_the_first_of_many_chunks():
    """The first passes when it comes, the others later."""
    made = response(length=2)
    made.encode(Tagged(b"a"))
    made.first(b"1", complete=False)

    assert b"a(1)" == made.first_chunk
    assert "Content-Length" not in made.headers
    assert b"a(2)/a" == made.through(b"2", last=True)


def test_a_codec_for_the_whole_body():
    """Given at BODY with all of it: encoded at once, with its length, and over."""
    made = response()
    made.first(b"1", complete=True)
    made.encode(Tagged(b"a"))

    assert b"a(1)/a" == made.first_chunk
    assert "6" == made.headers.get("Content-Length")
    assert not made.coded


def test_a_codec_for_an_empty_body():
    """A coding of nothing is something."""
    made = response()
    made.first(b"", complete=True)
    made.encode(zlib.compressobj())

    assert b"" == zlib.decompress(made.first_chunk)
    assert str(len(made.first_chunk)) == made.headers.get("Content-Length")


def test_a_codec_for_a_stream():
    """Given at BODY with the first of many chunks."""
    made = response(length=2)
    made.first(b"1", complete=False)
    made.encode(Tagged(b"a"))

    assert b"a(1)" == made.first_chunk
    assert "Content-Length" not in made.headers
    assert made.coded


@pytest.mark.parametrize("first", [None, b"1"])
def test_codecs_stand_outside_those_before(first):
    """The flow further out encodes what the one further in made."""
    made = response()
    if first is not None:
        made.first(first, complete=False)
    made.encode(Tagged(b"in"))
    made.encode(Tagged(b"out"))

    assert (None if first is None else b"out(in(1))") == made.first_chunk
    assert b"out(in(2))" == made.through(b"2")
    assert b"out(in(3)/in)/out" == made.through(b"3", last=True)


def test_the_end_of_an_inner_coding_passes_the_outer():
    """Flushing without a chunk: what the inner one kept back is a chunk to the outer."""
    made = response()
    made.encode(Tagged(b"in"))
    made.encode(Tagged(b"out"))

    assert b"out(/in)/out" == made.through(b"", last=True)


def test_a_codec_inside_and_one_for_the_whole():
    """One given at RESPONSE, the other at BODY."""
    made = response()
    made.encode(Tagged(b"in"))
    made.first(b"1", complete=True)
    made.encode(Tagged(b"out"))

    assert b"out(in(1)/in)/out" == made.first_chunk
    assert str(len(made.first_chunk)) == made.headers.get("Content-Length")


@pytest.mark.parametrize("complete", [True, False])
def test_a_codec_that_fails_at_once_changes_nothing(complete):
    """The flow may catch it and let the response go as it is."""
    made = response(length=1)
    made.first(b"1", complete=complete)
    with pytest.raises(ValueError, match="1"):
        made.encode(Broken())

    assert b"1" == made.first_chunk
    assert "1" == made.headers.get("Content-Length")
    assert not made.coded


def test_zlib_is_a_codec():
    """As it is (law 7)."""
    made = response()
    made.encode(zlib.compressobj())
    sent = made.through(b"hello ") + made.through(b"world") + made.through(b"", last=True)

    assert b"hello world" == zlib.decompress(sent)


# Trailers


def test_trailers():
    """Made when they are sent, not before."""
    made = response()

    assert not made.announces_trailers
    assert [] == made.trailers

    values = iter(["1", "2"])
    made.add_trailer("X-A", lambda: next(values))
    made.add_trailer("X-B", lambda: next(values))

    assert made.announces_trailers
    assert [("X-A", "1"), ("X-B", "2")] == made.trailers


# No response


def test_no_response():
    """There is a status to ask for, and nothing to change."""
    assert None is NO_RESPONSE.status
    assert None is NO_RESPONSE.first_chunk
    assert not NO_RESPONSE.complete
    assert not NO_RESPONSE.opaque

    with pytest.raises(ExchangeError) as raised:
        _ = NO_RESPONSE.headers

    assert (
        "there is no response yet, so no response.headers: wait with 'yield RESPONSE' first"
    ) == str(raised.value)


@pytest.mark.parametrize(
    "ask",
    [
        lambda none: none.encode(Tagged(b"a")),
        lambda none: none.encodable,
        lambda none: none.bodiless,
        lambda none: none.coded,
        lambda none: none.through(b"x"),
        lambda none: none.add_trailer("X-A", str),
        lambda none: none.announces_trailers,
        lambda none: none.trailers,
    ],
)
def test_no_response_refuses_everything_else(ask):
    """Whatever a flow tries before RESPONSE is told what to do."""
    with pytest.raises(ExchangeError, match="wait with 'yield RESPONSE' first"):
        ask(NO_RESPONSE)


@pytest.mark.parametrize("name", ["status", "first_chunk", "complete", "opaque"])
def test_no_response_takes_nothing(name):
    """It is one object for all exchanges: what one flow wrote there, all would read."""
    with pytest.raises(ExchangeError, match="wait with 'yield RESPONSE' first"):
        setattr(NO_RESPONSE, name, 200)


# The request is an interface


@pytest.mark.parametrize(
    "name",
    [
        "kind",
        "method",
        "scheme",
        "path",
        "route_path",
        "raw_path",
        "query",
        "http_version",
        "client",
        "trailers",
    ],
)
def test_properties_of_a_request(name):
    """A driver's room fills it in."""
    with pytest.raises(NotImplementedError):
        getattr(Request(), name)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("header", ["a"]),
        ("set_header", ["a", "b"]),
        ("expose", ["a", 1]),
        ("exposed", ["a"]),
        ("several", [HeaderNames("a")]),
    ],
)
def test_methods_of_a_request(name, arguments):
    """A driver's room fills it in."""
    with pytest.raises(NotImplementedError):
        getattr(Request(), name)(*arguments)


# What only codecs with more to say do


class Slow(Tagged):
    """A codec that says when it takes long."""

    def __init__(self, mark, slow_from):
        super().__init__(mark)
        self.slow_from = slow_from


@pytest.mark.parametrize(
    ("codecs", "expected"),
    [
        ([], sys.maxsize),
        ([Tagged(b"a")], sys.maxsize),
        ([Slow(b"a", 9)], 9),
        ([Slow(b"a", 9), Tagged(b"b"), Slow(b"c", 5)], 5),
    ],
)
def test_the_slowest_codec_counts(codecs, expected):
    """A chunk that is long for one of them is long."""
    made = response()
    for codec in codecs:
        made.encode(codec)

    assert expected == made.slow_from


@pytest.mark.parametrize("complete", [True, False])
def test_what_was_coded_before(complete):
    """A codec that had the first chunk already is not given it again."""
    made = response(length=1)
    made.first(b"1", complete=complete)
    made.encode(Tagged(b"a"), b"coded")

    assert (b"coded", not complete) == (made.first_chunk, made.coded)
    assert ("5" if complete else None) == made.headers.get("Content-Length")


def test_no_codec_for_a_head_that_is_lost():
    """Nobody could be told of it."""
    made = response()
    made.lost = True

    assert not made.encodable
    with pytest.raises(ExchangeError):
        made.encode(Tagged(b"a"))


@pytest.mark.parametrize("ours", [True, False])
def test_no_length_before_trailers(ours):
    """RFC 9112 §6.2: the application's or our own."""
    made = response(length=1)
    if ours:
        made.add_trailer("X-A", str)
    else:
        made.trailed = True
    made.first(b"1", complete=True)
    made.encode(Tagged(b"a"))

    assert "Content-Length" not in made.headers


def test_another_body():
    """In place of one that is known whole, with its length."""
    made = response(length=1)
    made.first(b"1", complete=True)
    made.replace(b"another")

    assert (b"another", "7") == (made.first_chunk, made.headers.get("content-length"))


def test_a_request_is_an_interface_here_too():
    """A driver says how a body is seen."""
    with pytest.raises(NotImplementedError):
        Request().see_body()
