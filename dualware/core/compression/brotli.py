"""Brotli (RFC 7932), by the library of its authors.

Knows streams and the blocks of metadata that decoders skip. Must never be offered to thousands of
live streams: each would take 550 KiB, whatever its window.
"""

from __future__ import annotations

from typing import Any, Final

from dualware.core.compression.coding import Coding, Stream, optional, slow_from
from dualware.core.compression.padding import Padding
from dualware.core.message import Codec

__all__ = ["Brotli", "module"]

_SPEEDS: Final = (256, 192, 128, 112, 64, 48, 32, 16, 16, 8, 1, 1)
"""KiB of JSON coded in a ms at qualities 0 to 11, on a machine where zlib 4 codes 64."""


def module() -> Any:
    """The library, None where it is not installed."""
    return optional("brotli")


class Brotli(Coding):
    """The coding ``br``, at ``quality`` 0 to 11."""

    token = "br"  # noqa: S105 - the name of a coding is no secret
    is_light = False

    def __init__(self, library: Any, quality: int, block_ms: float, padding: Padding) -> None:
        self._make = library.Compressor
        self._quality = quality
        self._padding = padding
        self.slow_from = self.stream_slow_from = slow_from(block_ms, _SPEEDS[quality])

    def __str__(self) -> str:
        return f"br {self._quality}"

    def whole(self, body: bytes) -> bytes:
        made = self._make(quality=self._quality)
        coded: bytes = made.process(body)
        # Metadata stands between blocks, so what was taken has to be out before it.
        if self._padding:
            coded += made.flush()
            coded += _metadata(self._padding.of(coded))
        return coded + made.finish()  # type: ignore[no-any-return]

    def stream(self, length: int | None = None, *, live: bool = False) -> Codec:
        made = self._make(quality=self._quality)
        flushes = length is None or live
        return _Stream(made, self.slow_from, flushes=flushes, padding=self._padding.drawn())


def _metadata(size: int) -> bytes:
    """``size`` bytes in a block that decoders skip (RFC 7932 §9.2, MSKIPBYTES of 1)."""
    return bytes((0x16 | (size - 1 & 3) << 6, size - 1 >> 2)) + bytes(size)


class _Stream(Stream):
    """A stream in progress."""

    __slots__ = ()

    def compress(self, data: bytes, /) -> bytes:
        coded: bytes = self._made.process(data)
        return coded + self._made.flush() if self._flushes else coded

    def flush(self) -> bytes:
        before: bytes = self._made.flush() + _metadata(self._padding) if self._padding else b""
        return before + self._made.finish()  # type: ignore[no-any-return]
