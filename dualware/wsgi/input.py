"""The request body, counted as the application reads it.

Knows the four methods of ``wsgi.input``, and those by which files are read besides. Must never
read on its own, ask for another number of bytes than the application did, or hide what a server
adds to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dualware.core.exchange import Exchange

__all__ = ["CountedInput"]


_READS: Final[Mapping[str, Callable[[Any], int]]] = {
    "read1": len,
    "readinto": lambda size: size or 0,
    "readinto1": lambda size: size or 0,
}
"""What the streams of many servers offer besides, and Werkzeug reads by: how many bytes came, by
what a call returned."""


class CountedInput:
    """PEP 3333, "Input and Error Streams": calls go on with exactly the caller's arguments."""

    def __init__(self, stream: Any, exchange: Exchange) -> None:
        self._stream = stream
        self._exchange = exchange

    def read(self, *size: Any) -> bytes:
        """Read some bytes, or all."""
        return self._counted(self._stream.read(*size))

    def readline(self, *size: Any) -> bytes:
        """Read a line."""
        return self._counted(self._stream.readline(*size))

    def readlines(self, *hint: Any) -> list[bytes]:
        """Read lines."""
        lines: list[bytes] = self._stream.readlines(*hint)
        self._exchange.received += sum(map(len, lines))
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return map(self._counted, self._stream)

    def __next__(self) -> bytes:
        # Not in PEP 3333, but files are their own iterators.
        return self._counted(next(self._stream))

    def __getattr__(self, name: str) -> Any:
        # Some servers offer more: close, fileno, readable…
        attribute = getattr(self._stream, name)
        size = _READS.get(name)
        if size is None:
            return attribute

        def read(*arguments: Any) -> Any:
            made = attribute(*arguments)
            self._exchange.received += size(made)
            return made

        return read

    def _counted(self, data: bytes) -> bytes:
        self._exchange.received += len(data)
        return data
