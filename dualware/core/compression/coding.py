"""What a content coding is: a name, a way to code a whole body, and a way to code a stream.

Must never know a library, nor which coding a client takes.
"""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

from dualware.core.message import Codec

__all__ = ["Coding", "Stream", "optional", "slow_from"]


class Coding:
    """One content coding (RFC 9110 §8.4.1), set up. Used by every thread of the process."""

    token: ClassVar[str]
    """Its name in Content-Encoding."""
    is_light: ClassVar[bool] = True
    """Whether a live stream can do with little memory, so that there can be thousands."""
    slow_from: int
    """The size of a body (bytes) from which on `whole` is predicted to take too long."""
    stream_slow_from: int
    """The same of one chunk of a stream."""

    def whole(self, body: bytes) -> bytes:
        """The body, coded and padded."""
        raise NotImplementedError

    def stream(self, length: int | None = None, *, live: bool = False) -> Codec:
        """A codec for a body that comes in chunks.

        With its ``length`` (bytes) it is a file on its way: chunks may be kept back. Without it,
        everything that was sent decodes after each chunk. ``live`` says that it may go on for
        hours beside thousands of others, and saves memory.
        """
        raise NotImplementedError


class Stream:
    """What the codecs of every coding have; each adds `compress` and `flush`.

    ``made``
        The library's own object.
    ``slow``
        `Codec.slow_from`.
    ``flushes``
        Whether everything that was taken has to be sent after each chunk.
    ``padding``
        Bytes to add.
    """

    __slots__ = ("_flushes", "_made", "_padding", "slow_from")

    def __init__(self, made: Any, slow: int, *, flushes: bool, padding: int) -> None:
        self._made = made
        self._flushes = flushes
        self._padding = padding
        self.slow_from = slow


def optional(name: str) -> Any:
    """The module called ``name``, None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def slow_from(block_ms: float, speed: int) -> int:
    """The bytes that take ``block_ms`` at ``speed`` KiB/ms, and no less than one."""
    return max(1, int(block_ms * speed * 1024))
