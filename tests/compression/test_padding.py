"""Padding against BREACH: how long it is, what carries it, and who decodes it.

Knows every coding's place for it. Must never compare bytes that a library chose.
"""

import gzip as stdlib_gzip
import zlib

import httpx
import pytest

from dualware.core.compression.padding import MOST, Padding
from dualware.testing import Script
from tests.compression.parts import (
    CODINGS,
    JSON,
    TEXT,
    World,
    accepting,
    decoded,
    each,
    is_here,
    rows,
)

BACKENDS = each("zlib", "zlib-ng", "isal", "libdeflate")


def key(byte):
    """Randomness that is always the same."""
    return lambda size: bytes([byte]) * size


ONES = key(1)


def coding_of(coding, most=100, random=ONES, **settings):
    """A coding with padding of up to ``most`` bytes."""
    settings = {"codings": [coding], "breach_padding": most, **settings}
    (made,) = World(random).compression(**settings)._codings
    return made


def carried(coding):
    """The bytes that a coding needs to carry any padding."""
    return {"gzip": 0, "zstd": 8, "br": 2}[coding]


@pytest.mark.parametrize("coding", CODINGS)
def test_length_is_within_the_setting(coding):
    """1 to N bytes, whatever the body; every length occurs."""
    # compression 47, compression decision 8
    padded, bare = coding_of(coding, 5), coding_of(coding, 0)
    bodies = [rows(number) for number in range(1, 60)]
    added = {len(padded.whole(each)) - len(bare.whole(each)) for each in bodies}
    # With padding brotli flushes before it, which takes a byte or two by itself.
    slack = 2 if coding == "br" else 0

    assert 5 <= len(added) <= 5 + slack
    assert set(range(1, 6)) <= {
        each - carried(coding) - extra for each in added for extra in range(slack + 1)
    }


@pytest.mark.parametrize("coding", CODINGS)
def test_length_is_a_function_of_key_and_body(coding):
    """Asking again tells nothing new; another key gives other lengths."""
    # compression 47
    bodies = [rows(number) for number in range(1, 40)]
    lengths = [
        [len(coding_of(coding, random=key(byte)).whole(each)) for each in bodies]
        for byte in (1, 1, 2)
    ]

    assert lengths[0] == lengths[1]
    assert lengths[0] != lengths[2]


def test_same_body_same_response(dual):
    """The bytes of a whole body are stable for a process, so a weak ETag tells the truth."""
    # compression 47
    world = World(key(7))
    stack = world.stack(world.gzip())
    bodies = {
        dual.request(Script(chunks=[JSON]), stack, headers=accepting("gzip")).body for _ in range(5)
    }

    assert 1 == len(bodies)


def test_key_is_drawn_once():
    """16 bytes when the middleware is made; whole bodies draw none."""
    # compression 47
    world = World()
    (coding,) = world.gzip()._codings
    coding.whole(JSON)

    assert [16] == world.drawn


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("live", [True, False])
def test_streams_are_padded_at_random(coding, live):
    """Their end is not known, so neither is a hash of them."""
    # compression 47
    draws = iter([b"k" * 16, bytes([0, 0, 0, 9]), bytes([0, 0, 0, 59])])
    made = coding_of(coding, 100, lambda size: next(draws))
    sizes = []
    for _ in range(2):
        stream = made.stream(live=live)
        data = stream.compress(TEXT) + stream.compress(JSON) + stream.flush()
        sizes.append(len(data))

        assert TEXT + JSON == decoded(coding, data)
    assert 50 == sizes[1] - sizes[0]


@pytest.mark.parametrize("coding", CODINGS)
def test_an_empty_stream_is_padded_too(coding):
    """It decodes to nothing."""
    # compression 47
    assert b"" == decoded(coding, coding_of(coding).stream().flush())


@pytest.mark.parametrize("coding", CODINGS)
def test_none(coding):
    """0 turns it off: nothing is added, nothing is drawn for streams."""
    # compression 48
    world = World()
    (made,) = world.compression(codings=[coding], breach_padding=0)._codings
    stream = made.stream()
    streamed = stream.compress(TEXT) + stream.flush()

    assert [16] == world.drawn
    assert (TEXT, TEXT) == (decoded(coding, streamed), decoded(coding, made.whole(TEXT)))
    if coding == "gzip":
        # RFC 1952 §2.3.1: no FNAME.
        assert 0 == streamed[3] == made.whole(TEXT)[3]


@pytest.mark.parametrize(
    ("headers", "accepted", "chunk"),
    [
        ([("Content-Type", "text/plain")], "identity", TEXT),
        ([("Content-Type", "text/plain")], "gzip", b"short"),
        ([("Content-Type", "image/png")], "gzip", TEXT),
        ([("Content-Encoding", "br")], "gzip", TEXT),
    ],
)
def test_only_what_is_coded_is_padded(dual, headers, accepted, chunk):
    """Everything else goes out as it is."""
    # compression 48
    script = Script(headers=headers, chunks=[chunk], declare_length=True)
    result = dual.request(script, {"gzip": True}, headers=accepting(accepted))

    assert (chunk, str(len(chunk))) == (result.body, result.header("content-length"))


@pytest.mark.parametrize("field", ["Cookie", "Authorization"])
@pytest.mark.parametrize("skips", [True, False])
def test_requests_with_credentials(dual, field, skips):
    """On demand they get no coding at all, while others do; each is told that there are two."""
    # compression 48
    settings = {"gzip": {"skip_credentials": skips}}
    script = Script(chunks=[JSON], declare_length=True)
    secret, other = (
        dual.request(script, settings, headers=accepting("gzip", **more))
        for more in ({field: "secret"}, {})
    )

    assert (None if skips else "gzip") == secret.header("content-encoding")
    assert "gzip" == other.header("content-encoding")
    assert {"Accept-Encoding"} == {secret.header("vary"), other.header("vary")}


# Who decodes it


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("most", [1, 2, 100, MOST])
@pytest.mark.parametrize("body", [b"", b"a", TEXT, JSON], ids=["empty", "byte", "text", "json"])
def test_gzip(backend, most, body):
    """A name in the header, by every library: the standard library reads it."""
    # compression 47
    made = coding_of("gzip", most, backend=backend)
    whole = made.whole(body)
    stream = made.stream()
    streamed = stream.compress(body) + stream.flush() if body else stream.flush()

    for data in (whole, streamed):
        # RFC 1952 §2.3.1: FNAME alone, a zero at its end.
        assert 8 == data[3]
        assert 1 <= data.index(b"\0", 10) - 9 <= most
        assert body == stdlib_gzip.decompress(data)
        assert body == zlib.decompress(data, 31)
        assert body == httpx_decoded("gzip", data)


def httpx_decoded(coding, data):
    """What httpx makes of a body."""
    return httpx.Response(200, headers={"Content-Encoding": coding}, content=data).content


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("most", [0, 1, 2, 3, 4, 5, 64, 100, MOST])
@pytest.mark.parametrize("body", [b"a", TEXT, JSON], ids=["byte", "text", "json"])
def test_every_decoder(coding, most, body):
    """The library that coded, the standard library, httpx; and for zstd the other binding."""
    # compression 47
    made = coding_of(coding, most)
    stream = made.stream()
    for data in (made.whole(body), stream.compress(body) + stream.flush()):
        assert body == decoded(coding, data)
        if coding == "zstd":
            assert body == zstandard_decoded(data)
        # Without the coding's library httpx passes its body through.
        if coding == "gzip" or is_here({"zstd": "zstd", "br": "br"}[coding]):
            assert body == httpx_decoded(coding, data)


def zstandard_decoded(data):
    """What the binding that is not ours makes of every frame."""
    zstandard = pytest.importorskip("zstandard")
    return zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress(data)


def test_no_padding_is_false():
    """What has none can be asked."""
    # compression 48
    assert not Padding(0, bytes)
    assert Padding(1, bytes)
    assert (0, 0) == (Padding(0, bytes).of(b"x"), Padding(0, bytes).drawn())
    assert (1, 1) == (Padding(1, bytes).of(b"x"), Padding(1, bytes).drawn())
