"""gzip (RFC 1952), by whichever library codes it best: isal, zlib-ng, libdeflate or zlib.

Two are chosen when settings are built, one for bodies that are whole and one for streams. Knows
what each can do, how fast, and where a member has room for padding. Must never import one that
was not asked for, nor keep an object from one body to the next: to make a new one is faster.
"""

from __future__ import annotations

import platform
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from dualware.core.compression.coding import Coding, Stream, optional, slow_from
from dualware.core.compression.padding import MOST, Padding
from dualware.core.message import Codec

__all__ = ["EXTRAS", "Gzip", "is_installed"]

_WBITS: Final = 31
"""The largest window, and 16 for a gzip member in place of a zlib stream."""
_LOOKAHEAD: Final = 262
"""Bytes that zlib keeps between what it matches and the end of its window (MIN_LOOKAHEAD)."""
_LIVE_WBITS: Final = 29
_LIVE_MEMORY: Final = 6
"""With that window 60 KiB for each stream, for 1 % more bytes."""


class _Library(NamedTuple):
    """One library that codes gzip."""

    module: str
    level: int
    """What is best for its time; never its fastest, which makes random data grow by a tenth."""
    small: int
    """What comes within 0.3 % of zlib 9."""
    speeds: Mapping[int, int]
    """Level → KiB of JSON coded in a ms, on a machine where zlib 4 codes 64."""


_LIBRARIES: Final = {
    "isal": _Library("isal.isal_zlib", 2, 3, {1: 448, 2: 448, 3: 256}),
    "zlib-ng": _Library(
        "zlib_ng.zlib_ng",
        6,
        7,
        {2: 144, 3: 112, 4: 80, 5: 72, 6: 64, 7: 48, 8: 32, 9: 32},
    ),
    "libdeflate": _Library(
        "deflate",
        6,
        6,
        {1: 192, 2: 144, 3: 128, 4: 128, 5: 128, 6: 80, 7: 72, 8: 44, 9: 32},
    ),
    "zlib": _Library(
        "zlib",
        4,
        9,
        {1: 104, 2: 96, 3: 76, 4: 64, 5: 50, 6: 42, 7: 36, 8: 20, 9: 18},
    ),
}

EXTRAS: Final = {"isal": "fast", "libdeflate": "small", "zlib-ng": "fast"}
"""Library → the extra of this package that installs it."""

# What was asked for → the libraries that may do it, the best first.
_WHOLE: Final = {
    "auto": ("isal", "zlib"),
    "small": ("libdeflate", "zlib-ng", "zlib"),
    **{name: (name,) for name in _LIBRARIES},
}
_STREAM: Final = {
    **_WHOLE,
    "auto": ("zlib-ng", "zlib"),
    "libdeflate": ("zlib-ng", "zlib"),  # it has no streams
    "small": ("zlib-ng", "zlib"),
}


def is_installed(name: str) -> bool:
    """Whether the library called ``name`` is there."""
    return optional(_LIBRARIES[name].module) is not None


class _Backend(NamedTuple):
    """A library with its level."""

    name: str
    level: int
    speed: int
    module: Any


def _level(name: str, asked: int | None) -> int:
    """Level 1 to 9 of zlib as ``name`` has it."""
    library = _LIBRARIES[name]
    if asked is None:
        return library.level
    if name == "isal":
        # It has three, and a fourth (0) that nobody wants.
        return (asked + 2) // 3
    return max(asked, min(library.speeds))


def _backend(names: tuple[str, ...], asked: int | None, *, small: bool) -> _Backend:
    """The first of these libraries that is installed."""
    found = ((name, optional(_LIBRARIES[name].module)) for name in names)
    name, module = next(pair for pair in found if pair[1] is not None)
    level = _LIBRARIES[name].small if small else _level(name, asked)
    return _Backend(name, level, _LIBRARIES[name].speeds[level], module)


class Gzip(Coding):
    """The coding ``gzip``.

    ``backend``
        ``auto``, ``small`` or the name of a library.
    ``level``
        1 to 9 as zlib means it, None for what is best.
    ``block_ms``
        How long one call may take before it counts as slow.
    """

    token = "gzip"  # noqa: S105 - the name of a coding is no secret

    def __init__(self, backend: str, level: int | None, block_ms: float, padding: Padding) -> None:
        small = backend == "small"
        whole = _backend(_WHOLE[backend], level, small=small)
        streams = _STREAM[backend]
        if platform.machine() in ("aarch64", "arm64") and "isal" in streams:
            # Whether its flush is complete there is an open question (python-isal#241).
            streams = _STREAM["auto"]
        self._streams = _backend(streams, level, small=small)
        self._live_level = _level("zlib", level)
        self._code = _whole(whole)
        self._padding = padding
        self.slow_from = slow_from(block_ms, whole.speed)
        self.stream_slow_from = slow_from(block_ms, self._streams.speed)
        live_speed = _LIBRARIES["zlib"].speeds[self._live_level]
        self._live_slow_from = slow_from(block_ms, live_speed)
        self._named = f"gzip by {whole.name} {whole.level}"
        if self._streams[:2] != whole[:2]:
            self._named += f", streams by {self._streams.name} {self._streams.level}"

    def __str__(self) -> str:
        return self._named

    def whole(self, body: bytes) -> bytes:
        coded = self._code(body)
        padding = self._padding.of(coded)
        return _padded(coded, padding) if padding else coded

    def stream(self, length: int | None = None, *, live: bool = False) -> Codec:
        if live:
            # zlib alone makes a small window save memory.
            made = zlib.compressobj(self._live_level, zlib.DEFLATED, _LIVE_WBITS, _LIVE_MEMORY)
            slow = self._live_slow_from
        else:
            made = self._streams.module.compressobj(self._streams.level, zlib.DEFLATED, _WBITS)
            slow = self.stream_slow_from
        return _Stream(made, slow, flushes=length is None or live, padding=self._padding.drawn())


def _whole(backend: _Backend) -> Callable[[bytes], bytes]:
    """How this library codes a whole body."""
    name, level, _, module = backend
    if name == "libdeflate":
        # It gives a bytearray; servers want exact bytes (protocols W38).
        return lambda body: bytes(module.gzip_compress(body, level))
    if name == "zlib":
        return partial(_zlib, level=level)
    return partial(module.compress, level=level, wbits=_WBITS)


def _zlib(body: bytes, level: int) -> bytes:
    """As `zlib.compress`, with a window no larger than the body: the same bytes, less memory."""
    need = (len(body) + _LOOKAHEAD - 1).bit_length()
    made = zlib.compressobj(level, zlib.DEFLATED, 16 + min(max(need, 9), 15))
    return made.compress(body) + made.flush()


_NAMES: Final = tuple(b"a" * (size - 1) + b"\0" for size in range(MOST + 1))


def _padded(member: bytes, size: int) -> bytes:
    """``size`` bytes more: a file name in the header (RFC 1952 §2.3.1, FNAME), zero at its end."""
    # None of the libraries sets another flag, see `test_padding`.
    return b"".join((member[:3], b"\x08", member[4:10], _NAMES[size], member[10:]))


class _Stream(Stream):
    """A gzip member in progress."""

    __slots__ = ()

    def compress(self, data: bytes, /) -> bytes:
        coded = self._made.compress(data)
        if self._flushes:
            coded += self._made.flush(zlib.Z_SYNC_FLUSH)
        # Some libraries keep all of the first chunk back.
        return self._begun(coded) if coded and self._padding else coded

    def flush(self) -> bytes:
        coded: bytes = self._made.flush()
        return self._begun(coded) if self._padding else coded

    def _begun(self, coded: bytes) -> bytes:
        """``coded``, with the padding in its header."""
        padded, self._padding = _padded(coded, self._padding), 0
        return padded
