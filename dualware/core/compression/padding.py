"""Padding against BREACH: how many bytes are added to a coded body, so that its length tells less.

An attacker who sees lengths, and whose input is echoed beside a secret, learns the secret from
which guess compresses best (CVE-2013-3587). Random bytes alone can be averaged away by asking
again, so a whole body gets as many as a keyed hash of it says: always the same number for the
same body, and one that nobody can foretell. A stream, whose end is not known, gets a random one.

Knows numbers. Must never know how a coding carries padding: each coding's own file does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

__all__ = ["MOST", "Padding"]

MOST: Final = 256
"""The longest padding, in bytes: what one metadata block of brotli holds."""


class Padding:
    """Lengths from 1 to ``most`` bytes; 0 where ``most`` is 0. The key is drawn once.

    A worker process that was forked has its parent's key: it is a secret, not a nonce.
    """

    __slots__ = ("_key", "_most", "_random")

    def __init__(self, most: int, random: Callable[[int], bytes]) -> None:
        self._most = most
        self._random = random
        self._key = random(16)

    def __bool__(self) -> bool:
        return self._most > 0

    def of(self, coded: bytes) -> int:
        """The bytes to add to a whole body.

        The hash is of what the body was coded to: as good as the body itself, and a third of it.
        A checksum would not do, for an attacker can make two guesses that have the same.
        """
        if not self._most:
            return 0
        # SipHash, keyed by the interpreter (PEP 456): a fifth of what BLAKE2 takes. Our own key is
        # for processes whose PYTHONHASHSEED is known.
        return 1 + hash(self._key + coded) % self._most

    def drawn(self) -> int:
        """The bytes to add to a stream."""
        if not self._most:
            return 0
        return 1 + int.from_bytes(self._random(4), "big") % self._most
