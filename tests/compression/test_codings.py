"""The codings themselves: who codes, how well, in which frames; and that all of it decodes.

Knows the libraries that are installed. Must never compare coded bytes across them.
"""

import logging
import os
import pickle
import platform
import threading
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualware.core.compression import brotli, gzip, zstd
from dualware.core.compression.coding import Coding, optional
from dualware.core.compression.padding import Padding
from dualware.middleware.compression import Compression
from dualware.middleware.compression.settings import LIBRARIES as OPTIONAL
from tests.benchmarks.bodies import api_json
from tests.compression.parts import (
    CODINGS,
    JSON,
    OFFERED,
    TEXT,
    World,
    decoded,
    decoder,
    each,
    is_here,
    needs,
    rows,
)

NONE = Padding(0, bytes)
LIBRARIES = each("zlib", "zlib-ng", "isal", "libdeflate")
BODIES = {"empty": b"", "byte": b"a", "text": TEXT, "json": JSON, "big": rows(2000)}


def made(backend="auto", level=None, block_ms=1.0):
    """The coding gzip."""
    return gzip.Gzip(backend, level, block_ms, NONE)


def streamed(codec, *chunks):
    """What a codec makes of a stream."""
    return b"".join([*(codec.compress(chunk) for chunk in chunks), codec.flush()])


# Who codes


@pytest.mark.parametrize(
    ("there", "backend", "expected"),
    [
        ("", "auto", "gzip by zlib 4"),
        ("isal", "auto", "gzip by isal 2, streams by zlib 4"),
        ("zlib-ng", "auto", "gzip by zlib 4, streams by zlib-ng 6"),
        ("isal zlib-ng", "auto", "gzip by isal 2, streams by zlib-ng 6"),
        ("isal zlib-ng libdeflate", "zlib", "gzip by zlib 4"),
        ("isal zlib-ng", "zlib-ng", "gzip by zlib-ng 6"),
        ("isal zlib-ng", "isal", "gzip by isal 2"),
        ("libdeflate", "libdeflate", "gzip by libdeflate 6, streams by zlib 4"),
        ("libdeflate zlib-ng", "libdeflate", "gzip by libdeflate 6, streams by zlib-ng 6"),
        ("libdeflate zlib-ng isal", "small", "gzip by libdeflate 6, streams by zlib-ng 7"),
        ("libdeflate", "small", "gzip by libdeflate 6, streams by zlib 9"),
        ("zlib-ng", "small", "gzip by zlib-ng 7"),
        ("isal", "small", "gzip by zlib 9"),
    ],
)
def test_who_codes(monkeypatch, there, backend, expected):
    """Whole bodies and streams by what is best for each of what is installed."""
    # compression decision 1, compression decision 2
    known = {gzip._LIBRARIES[name].module for name in ["zlib", *there.split()]}
    monkeypatch.setattr(gzip, "optional", lambda name: zlib if name in known else None)

    assert expected == str(made(backend))


@pytest.mark.parametrize(("machine", "streams"), [("aarch64", "zlib"), ("arm64", "zlib")])
def test_isal_has_no_streams_on_arm(monkeypatch, machine, streams):
    """Whether its flush is complete there is an open question."""
    # compression decision 1
    known = {"zlib", "isal.isal_zlib"}
    monkeypatch.setattr(gzip, "optional", lambda name: zlib if name in known else None)
    monkeypatch.setattr(platform, "machine", lambda: machine)

    assert f"gzip by isal 2, streams by {streams} 4" == str(made("isal"))


@pytest.mark.parametrize(
    ("backend", "levels"),
    [
        ("zlib", [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("zlib-ng", [2, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("isal", [1, 1, 1, 2, 2, 2, 3, 3, 3]),
        ("libdeflate", [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ],
)
def test_levels_are_mapped(backend, levels):
    """zlib's nine; never zlib-ng 1 nor isal 0, which make random data grow by a tenth and more."""
    # compression decision 1
    assert levels == [gzip._level(backend, level) for level in range(1, 10)]
    assert set(levels) <= set(gzip._LIBRARIES[backend].speeds)


@pytest.mark.parametrize("backend", LIBRARIES)
@pytest.mark.parametrize("level", [None, *range(1, 10)])
def test_every_level_decodes(backend, level):
    """And noise grows by next to nothing."""
    # compression decision 1
    coding = made(backend, level)
    noise = os.urandom(50_000)

    for body in (JSON, noise):
        assert body == decoded("gzip", coding.whole(body))
        assert body == decoded("gzip", streamed(coding.stream(), body))
    assert len(coding.whole(noise)) < 50_000 * 1.01


@needs("libdeflate")
@needs("zlib-ng")
def test_small_is_small():
    """Within 0.3 points of zlib 9, for whole bodies and for streams."""
    # compression decision 2
    body = api_json(100_000)
    small, best = made("small"), made("zlib", 9)
    whole = len(small.whole(body)), len(best.whole(body))
    stream = (
        len(streamed(small.stream(len(body)), body)),
        len(streamed(best.stream(len(body)), body)),
    )

    for mine, theirs in (whole, stream):
        assert (mine - theirs) / len(body) <= 0.003


@needs("isal")
@needs("zlib-ng")
def test_fast_costs_few_points():
    """isal 2 within 4 points of zlib 9, zlib 4 within 2.2, on 100 KB as an API sends them."""
    # compression decision 1
    body = api_json(100_000)
    best = len(made("zlib", 9).whole(body))

    assert (len(made("isal").whole(body)) - best) / len(body) <= 0.04
    assert (len(made("zlib").whole(body)) - best) / len(body) <= 0.022


def test_the_choice_is_told(caplog):
    """Once, at debug, when the middleware is made; and whoever has the middleware can ask."""
    # compression decision 1
    with caplog.at_level(logging.DEBUG, "dualware"):
        middleware = World().compression()

    assert [f"compression: {middleware.described}"] == caplog.messages
    assert str(made()) in middleware.described
    assert len(OFFERED) == len(middleware.described.split("; "))


# Round trips


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("padding", [0, 100])
def test_whole(coding, body, padding):
    """What was coded is what decodes."""
    # compression decision 1, compression decision 3
    middleware = World().compression(codings=[coding], breach_padding=padding)

    assert body == decoded(coding, middleware._codings[0].whole(body))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=8), st.booleans(), st.sampled_from(OFFERED))
def test_any_stream(chunks, live, coding):
    """Whatever the chunks, each decodes when it was sent."""
    # compression 33
    middleware = World().compression(codings=[coding], breach_padding=50)
    codec = middleware._codings[0].stream(live=live)
    decode, out = decoder(coding), []
    for chunk in filter(None, chunks):
        out.append(codec.compress(chunk))
        assert chunk == decode(out[-1])
    out.append(codec.flush())

    assert b"".join(chunks) == decoded(coding, b"".join(out))


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("live", [True, False])
def test_streams_of_known_length(coding, live):
    """Nothing need be flushed, unless the stream is live."""
    # compression 34, compression 40
    chunks = [b"%d again " % number for number in range(100)]
    middleware = World().compression(codings=[coding], breach_padding=0)
    codec = middleware._codings[0].stream(sum(map(len, chunks)), live=live)
    first = codec.compress(chunks[0])

    assert (chunks[0] if live else b"") == decoder(coding)(first)
    assert b"".join(chunks) == decoded(coding, first + streamed(codec, *chunks[1:]))


@pytest.mark.parametrize("size", [0, 1, 249, 250, 251, 506, 507, 32506, 32507, 40000])
@pytest.mark.parametrize("level", [1, 4, 6, 9])
def test_window_of_a_small_body(size, level):
    """As large as it: the bytes are those of the largest window."""
    # compression decision 1
    body = rows(500)[:size]
    largest = zlib.compressobj(level, zlib.DEFLATED, 31)
    expected = largest.compress(body) + largest.flush()

    assert body == zlib.decompress(gzip._zlib(body, level), 31)
    # Level 1 hashes by the size of its window.
    if level > 1:
        assert expected == gzip._zlib(body, level)


# zstd


@needs("zstd")
@pytest.mark.parametrize("level", [1, 3, 10, 16, 17, 19])
@pytest.mark.parametrize("known", [True, False])
def test_zstd_windows(level, known):
    """No frame needs a window of more than 8 MiB; a known length is in the frame."""
    # compression 40, compression decision 3
    coding = zstd.Zstd(zstd.module(), level, 1.0, NONE)
    # Only the header counts, which is written with the first block.
    codec = coding.stream(50_000_000 if known else None)
    data = codec.compress(os.urandom(200_000) + TEXT * 100)
    data += b"" if data else codec._made.flush(codec._made.FLUSH_BLOCK)
    size, window = _frame(data)

    assert (50_000_000 if known else None) == size
    assert window <= 8 << 20


def _frame(data):
    """Content size and window of a frame, in bytes (RFC 8878 §3.1.1.1)."""
    assert b"\x28\xb5\x2f\xfd" == data[:4]
    descriptor = data[4]
    single, flag = descriptor >> 5 & 1, descriptor >> 6
    at = 5
    window = None
    if not single:
        exponent, mantissa = data[at] >> 3, data[at] & 7
        base = 1 << 10 + exponent
        window = base + base // 8 * mantissa
        at += 1
    width = {0: single, 1: 2, 2: 4, 3: 8}[flag]
    size = int.from_bytes(data[at : at + width], "little") if width else None
    if width == 2:
        size += 256
    return size, size if window is None else window


@needs("zstd")
def test_zstd_pledges_whole_bodies():
    """A decoder can set aside what it needs."""
    # compression 40
    coding = zstd.Zstd(zstd.module(), 3, 1.0, NONE)

    assert [len(body) for body in BODIES.values()] == [
        _frame(coding.whole(body))[0] for body in BODIES.values()
    ]


@needs("zstd")
@pytest.mark.parametrize("sent", [900, 1100])
def test_zstd_whose_length_was_a_lie(sent):
    """The codec fails: the server would refuse such a body as well."""
    # compression 36, compression 40
    codec = zstd.Zstd(zstd.module(), 3, 1.0, NONE).stream(1000)

    with pytest.raises(zstd.module().ZstdError):
        streamed(codec, b"a" * sent)


@needs("zstd")
def test_zstd_keeps_a_compressor_for_each_thread():
    """Another thread has another; one that failed is not used again."""
    # compression decision 3, compression 39
    made_by = []

    class Library:
        CompressionParameter = zstd.module().CompressionParameter

        class ZstdCompressor:
            FLUSH_FRAME = 1

            def __init__(self, options):
                self.fails = False
                made_by.append(threading.get_ident())

            def set_pledged_input_size(self, size):
                self.size = size

            def compress(self, body, mode):
                if body == b"fail":
                    raise MemoryError
                return b"%d" % self.size

    coding = zstd.Zstd(Library, 3, 1.0, NONE)
    assert [b"1", b"2"] == [coding.whole(b"a"), coding.whole(b"bb")]
    assert 1 == len(made_by)

    thread = threading.Thread(target=coding.whole, args=(b"ccc",))
    thread.start()
    thread.join()
    assert 2 == len(set(made_by))

    with pytest.raises(MemoryError):
        coding.whole(b"fail")
    assert b"4" == coding.whole(b"dddd")
    assert 3 == len(made_by)


# Libraries that are not there


def test_optional():
    """A module, or None."""
    # compression 13
    assert zlib is optional("zlib")
    assert None is optional("dualware_has_no_such_module")


@pytest.mark.parametrize(
    ("there", "offered"),
    [((), ["gzip"]), (("zstd",), ["zstd", "gzip"]), (("br",), ["br", "gzip"])],
)
def test_missing_libraries(monkeypatch, there, offered):
    """A coding that is not there is not offered, and nothing else changes."""
    # compression 13
    libraries = {"zstd": _Library(), "br": _Library()}
    for name, library in libraries.items():
        monkeypatch.setitem(OPTIONAL, name, lambda made=library if name in there else None: made)
    middleware = World().compression()

    assert offered == [coding.token for coding in middleware._codings]


class _Library:
    """As much of a library as construction asks for."""

    ZstdCompressor = Compressor = None

    class CompressionParameter:
        compression_level = window_log = hash_log = chain_log = "name"


def test_nothing_but_gzip_is_needed(monkeypatch):
    """Without any extra, gzip works on the standard library."""
    # compression 13, compression decision 1
    monkeypatch.setattr(gzip, "optional", lambda name: zlib if name == "zlib" else None)
    coding = made()

    assert JSON == decoded("gzip", coding.whole(JSON))
    assert JSON == decoded("gzip", streamed(coding.stream(), JSON))


def test_pickled():
    """A middleware is what its settings say, wherever it is (protocols A33)."""
    # compression decision 1
    from dualware.effects import REAL
    from dualware.middleware.compression import CompressionSettings

    first = Compression(CompressionSettings(minimum_size=9), REAL)
    reports = REAL.report
    second = pickle.loads(pickle.dumps(first.settings))

    assert first.settings == second
    assert (Compression, (first.settings, REAL)) == first.__reduce__()
    assert reports is REAL.report


def test_what_a_coding_is():
    """The base says what to fill in."""
    coding = Coding()

    with pytest.raises(NotImplementedError):
        coding.whole(b"")
    with pytest.raises(NotImplementedError):
        coding.stream()


@needs("br")
@pytest.mark.parametrize("quality", range(12))
def test_every_quality(quality):
    """And has a speed to predict by."""
    # compression decision 3
    coding = brotli.Brotli(brotli.module(), quality, 1.0, NONE)

    assert TEXT == decoded("br", coding.whole(TEXT))
    assert f"br {quality}" == str(coding)


@needs("zstd")
@pytest.mark.parametrize("level", range(1, 20))
def test_every_zstd_level(level):
    """The same."""
    # compression decision 3
    coding = zstd.Zstd(zstd.module(), level, 1.0, NONE)

    assert TEXT == decoded("zstd", coding.whole(TEXT))
    assert f"zstd {level}" == str(coding)


def test_parts_know_what_is_here():
    """A name that is no library is always there."""
    assert is_here("gzip")
