"""What the tests of compression share: bodies, decoders, and a middleware in a world of its own.

Knows which library decodes what, and which of them are installed here. Must never know a rule.
"""

import json
import zlib
from dataclasses import replace
from importlib.util import find_spec

import pytest

from dualware.core.compression import brotli, zstd
from dualware.middleware.compression import (
    Compression,
    CompressionSettings,
    GZip,
    GZipSettings,
)
from tests import timing_parts

LIBRARIES = {
    "isal": "isal",
    "zlib-ng": "zlib_ng",
    "libdeflate": "deflate",
    "zstd": zstd.module().__name__ if zstd.module() else "backports.zstd",
    "br": "brotli",
}
"""Library, or coding that needs one → its module."""


def is_here(name):
    """Whether a library is installed; ``gzip`` and ``zlib`` always are."""
    module = LIBRARIES.get(name, "zlib")
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def needs(name):
    """The mark of a test that is about a library which may be missing."""
    return pytest.mark.skipif(not is_here(name), reason=f"{name} is not installed")


def each(*names):
    """A parameter for each name, skipped where its library is missing."""
    return [pytest.param(name, marks=needs(name)) for name in names]


CODINGS = each("gzip", "br", "zstd")
OFFERED = tuple(name for name in ("zstd", "br", "gzip") if is_here(name))
"""The codings that are offered here by default, in order."""


def rows(count):
    """JSON as applications send it: ``count`` rows of about 100 bytes."""
    made = [
        {"id": number * 7919 % 10007, "name": f"item {number % 17}", "price": number * 31 % 997 / 7}
        for number in range(count)
    ]
    return json.dumps(made).encode()


JSON = rows(100)
"""6 KB that shrink to a fifth."""
TEXT = b"The quick brown fox jumps over the lazy dog. " * 40
"""1800 bytes that shrink."""
CHUNKS = (b"hello ", b"world ", b"hello " * 300, b"again ")


def decoded(coding, data):
    """``data`` without its coding; all of it must be there, and nothing after it."""
    if coding is None:
        return data
    if coding == "gzip":
        made = zlib.decompressobj(31)
        whole = made.decompress(data) + made.flush()
        assert (True, b"") == (made.eof, made.unused_data)
        return whole
    if coding == "br":
        return brotli.module().decompress(data)
    assert coding == "zstd"
    return zstd.module().decompress(data)


def decoder(coding):
    """A function that takes one chunk after the other, and gives what can be known of each."""
    if coding == "gzip":
        return zlib.decompressobj(31).decompress
    if coding == "br":
        return brotli.module().Decompressor().process
    return zstd.module().ZstdDecompressor().decompress


class World(timing_parts.World):
    """The world of timing's tests, in which randomness is seen as well.

    drawn
        The numbers of bytes that were asked for.
    """

    def __init__(self, random=lambda size: b"k" * size):
        super().__init__()
        self.drawn = []
        self.effects = replace(
            self.effects, random=lambda size: self.drawn.append(size) or random(size)
        )

    def compression(self, **settings):
        """A compression middleware in this world."""
        return Compression(CompressionSettings(**settings), self.effects)

    def gzip(self, **settings):
        """A gzip middleware in this world."""
        return GZip(GZipSettings(**settings), self.effects)


def sent_through(stack, messages, *, accepted=b"gzip", **scope):
    """What an ASGI server is sent of ``messages``, exceptions among them raised."""
    sent = []

    async def app(_scope, _receive, send):
        for message in messages:
            if isinstance(message, BaseException):
                raise message
            await send(message)

    async def send(message):
        sent.append(message)

    made = {"type": "http", "method": "GET", "path": "/", **scope}
    made.setdefault("headers", [(b"accept-encoding", accepted)])
    step(stack.asgi(app)(made, None, send))
    return sent


def step(coroutine):
    """Run what never waits, without an event loop."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


def accepting(value, **more):
    """Request headers with this Accept-Encoding; None: without one."""
    return {**({} if value is None else {"Accept-Encoding": value}), **more}


def plain(**more):
    """Settings without padding: equal bodies are equal bytes."""
    return {"breach_padding": 0, **more}
