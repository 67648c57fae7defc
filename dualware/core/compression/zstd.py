"""Zstandard (RFC 8878), by the standard library from Python 3.14 on, by backports.zstd before.

Knows frames, their windows, and the frames that decoders skip. Must never make a frame that a
browser refuses: those decode windows up to 8 MiB (RFC 9659).
"""

from __future__ import annotations

import sys
import threading
from typing import Any, Final

from dualware.core.compression.coding import Coding, Stream, optional, slow_from
from dualware.core.compression.padding import Padding
from dualware.core.message import Codec

__all__ = ["LEVEL_MOST", "Zstd", "module"]

LEVEL_MOST: Final = 19
"""The highest level that is not called ultra."""
_WINDOW_MOST: Final = 23
"""8 MiB as a power of two: what HTTP clients must be able to decode (RFC 9659 §3)."""
_WIDE: Final = 17
"""Levels from here on may take a wider window than that by themselves."""
_SPEEDS: Final = (
    512, 384, 256, 144, 120, 88, 80, 64, 56, 44, 18, 14, 8, 6, 5, 4, 3, 3, 2,
)  # fmt: skip
"""KiB of JSON coded in a ms at levels 1 to 19, on a machine where zlib 4 codes 64."""
_LIVE: Final = {"window_log": 14, "hash_log": 12, "chain_log": 12}
"""What makes a stream take 90 KiB instead of 800."""


def module() -> Any:
    """The library, None where it is not installed. An application may have a `compression` too."""
    return optional("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


class Zstd(Coding):
    """The coding ``zstd``, at ``level`` 1 to 19."""

    token = "zstd"  # noqa: S105 - the name of a coding is no secret

    def __init__(self, library: Any, level: int, block_ms: float, padding: Padding) -> None:
        names = library.CompressionParameter
        self._make = library.ZstdCompressor
        self._level = level
        self._options = {names.compression_level: level}
        if level >= _WIDE:
            self._options[names.window_log] = _WINDOW_MOST
        self._live = self._options | {getattr(names, name): log for name, log in _LIVE.items()}
        self._padding = padding
        self.slow_from = self.stream_slow_from = slow_from(block_ms, _SPEEDS[level - 1])
        # To make one takes longer than to code 1 KB: each thread keeps its own.
        self._spare = threading.local()

    def __str__(self) -> str:
        return f"zstd {self._level}"

    def whole(self, body: bytes) -> bytes:
        # Taken out while it is at work: one that fails half-way is never used again.
        made = self._spare.__dict__.pop("made", None) or self._make(options=self._options)
        made.set_pledged_input_size(len(body))
        coded: bytes = made.compress(body, made.FLUSH_FRAME)
        self._spare.made = made
        padding = self._padding.of(coded)
        return coded + _skipped(padding) if padding else coded

    def stream(self, length: int | None = None, *, live: bool = False) -> Codec:
        made = self._make(options=self._live if live else self._options)
        if length is not None:
            made.set_pledged_input_size(length)
        flushes = length is None or live
        return _Stream(made, self.slow_from, flushes=flushes, padding=self._padding.drawn())


def _skipped(size: int) -> bytes:
    """``size`` bytes in a frame that decoders skip (RFC 8878 §3.1.2).

    It stands at the end: many decoders take one at the start for the whole body.
    """
    return b"\x50\x2a\x4d\x18" + size.to_bytes(4, "little") + bytes(size)


class _Stream(Stream):
    """A frame in progress."""

    __slots__ = ()

    def compress(self, data: bytes, /) -> bytes:
        mode = self._made.FLUSH_BLOCK if self._flushes else self._made.CONTINUE
        return self._made.compress(data, mode)  # type: ignore[no-any-return]

    def flush(self) -> bytes:
        tail: bytes = self._made.flush(self._made.FLUSH_FRAME)
        return tail + _skipped(self._padding) if self._padding else tail
