"""Request ids: what one may look like, and five ways to make one.

Pure functions over two parameters, a source of randomness and a wall clock. Must never fetch
either by itself, nor know where an id is going. The one thing kept between two ids is the place
in the order of those that sort by time; it is kept for the whole process, since that is what
"strictly increasing" is promised for.
"""

from __future__ import annotations

import os
import re
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Final

__all__ = [
    "ID_MOST",
    "NAMED",
    "Generate",
    "Order",
    "hex_ids",
    "is_harmless",
    "is_request_id",
    "matcher",
    "nanoid_ids",
    "order_of",
    "ulid_ids",
    "uuid4_ids",
    "uuid7_ids",
    "well_formed",
]

Random = Callable[[int], bytes]
"""``n`` bytes of randomness, as `Effects.random`."""
Now = Callable[[], int]
"""Wall-clock time in ns since the Unix epoch, as `Effects.now`."""
Generate = Callable[[], str]
"""Makes a new id each time it is called."""

# What an id may look like

ID_MOST: Final = 200
"""Characters of the longest id that is taken over by default."""


def well_formed(most: int) -> re.Pattern[str]:
    """The pattern of ids of at most ``most`` characters.

    Wide enough for what proxies and platforms send (UUIDs, mod_unique_id's ``@``, CloudFront's
    ``==``, chi's ``host/rand-1``), and without every character that means something to a log, a
    shell, a list or a cookie: no comma, so that repeated lines, which servers join, never match.
    """
    return re.compile(f"[A-Za-z0-9+/=_.:~@-]{{1,{most}}}")


_WELL_FORMED: Final = well_formed(ID_MOST)


def is_request_id(text: str) -> bool:
    """Whether ``text`` is an id that everybody takes.

    >>> is_request_id("f9ed4675f1c53513c61a3b3b4e25b4c0"), is_request_id("one,two")
    (True, False)
    """
    return _WELL_FORMED.fullmatch(text) is not None


# What could at least be written into a header under both protocols, and does nothing to a
# terminal: RFC 9110 §5.5's field-value without tabs and without the controls of Latin-1.
_HARMLESS: Final = re.compile(r"[!-~\xa0-\xff](?:[ -~\xa0-\xff]*[!-~\xa0-\xff])?")


def is_harmless(text: str) -> bool:
    """Whether ``text`` could be an id where other characters than the usual ones are allowed."""
    return _HARMLESS.fullmatch(text) is not None


def matcher(
    most: int, narrow: Callable[[str], object] | None = None, *, unsafe: bool = False
) -> Callable[[str], object]:
    """What is true for ids of at most ``most`` characters that ``narrow`` takes too.

    With ``unsafe``, `narrow` decides alone, as long as the text `is_harmless`. Without `narrow`
    the check is one C call.
    """
    usual = well_formed(most).fullmatch
    if narrow is None:
        return usual
    if unsafe:
        return lambda text: len(text) <= most and is_harmless(text) and narrow(text)
    return lambda text: usual(text) and narrow(text)


# Ids that are nothing but random

_ZERO: Final = "0" * 32
_ONE: Final = "0" * 31 + "1"


def hex_ids(random: Random, _now: Now | None = None) -> Generate:
    """32 lower-case hex digits, 128 random bits: the fastest, and a legal W3C trace id."""

    def generate() -> str:
        value = random(16).hex()
        # W3C Trace Context §3.2.2.3: all zeros is the one invalid trace id.
        return value if value != _ZERO else _ONE

    return generate


def uuid4_ids(random: Random, _now: Now | None = None) -> Generate:
    """A UUID of version 4: 122 random bits (RFC 9562 §5.4)."""

    def generate() -> str:
        value = random(16).hex()
        variant = "89ab"[int(value[16], 16) & 3]
        return f"{value[:8]}-{value[8:12]}-4{value[13:16]}-{variant}{value[17:20]}-{value[20:]}"

    return generate


# 256 is a multiple of 64, so six bits of each byte are as random as all eight.
_NANOID: Final = bytes(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[byte & 63]
    for byte in range(256)
)


def nanoid_ids(random: Random, _now: Now | None = None) -> Generate:
    """21 characters of the URL-safe alphabet: 126 random bits."""

    def generate() -> str:
        return random(21).translate(_NANOID).decode("ascii")

    return generate


# Ids that sort by the time at which they were made


class Order:
    """Pairs (milliseconds, counter) that only ever grow, whatever clock and threads do.

    RFC 9562 §6.2, method 1: the counter starts at a random place each millisecond and is
    followed by fresh random bits in every id. A clock that stands or steps back leaves the
    milliseconds where they are.
    """

    BITS: Final = 42
    """Width of the counter."""
    MOST: Final = (1 << BITS) - 1

    __slots__ = ("__weakref__", "_counter", "_lock", "_milliseconds")

    def __init__(self) -> None:
        self._milliseconds = -1
        self._counter = 0
        self._lock = threading.Lock()
        _ORDERS.add(self)

    def step(self, milliseconds: int, start: int) -> tuple[int, int]:
        """The next pair, at the earliest that of ``milliseconds``.

        ``start`` is where a counter that begins anew begins: `BITS` - 1 random bits, so that at
        least half of the range lies ahead (RFC 9562 §6.2, "counter rollover guards").
        """
        with self._lock:
            if milliseconds > self._milliseconds:
                self._milliseconds = milliseconds
                self._counter = start
            elif self._counter < self.MOST:
                self._counter += 1
            else:
                # RFC 9562 §6.2: on a rollover the timestamp may run ahead of the clock.
                self._milliseconds += 1
                self._counter = start
            return self._milliseconds, self._counter

    def part(self) -> None:
        """Be in a forked child: leave the parent's counter, and a lock that may be held there."""
        self._lock = threading.Lock()
        # Not 0: the child's ids go on above all that were made before the fork.
        self._counter = self.MOST


_ORDERS: Final[weakref.WeakSet[Order]] = weakref.WeakSet()


def _part() -> None:
    for order in _ORDERS:
        order.part()


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has neither
    os.register_at_fork(after_in_child=_part)


_OF_CLOCK: Final[dict[Now, Order]] = {}


def order_of(now: Now) -> Order:
    """The order that everything which reads the clock ``now`` shares: a process has one."""
    # One C call, so that two threads get the same one.
    return _OF_CLOCK.setdefault(now, Order())


def uuid7_ids(random: Random, now: Now) -> Generate:
    """A UUID of version 7: sorts by time, strictly increasing inside a process, 73 random bits.

    RFC 9562 §5.7: 48 bits of Unix milliseconds, then the counter, then 32 fresh random bits.
    """
    step = order_of(now).step

    def generate() -> str:
        drawn = int.from_bytes(random(10), "big")
        milliseconds, counter = step(now() // 1_000_000, drawn >> 39)
        # rand_a has 12 bits of the counter, rand_b its other 30 and the random tail.
        value = (
            milliseconds << 80
            | 0x7 << 76
            | counter >> 30 << 64
            | 0b10 << 62
            | (counter & 0x3FFFFFFF) << 32
            | drawn & 0xFFFFFFFF
        )
        text = f"{value:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    return generate


# Crockford's base 32 has no I, L, O and U. Two digits at a time, since that is half the lookups.
_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = tuple(first + second for first in _DIGITS for second in _DIGITS)
_SHIFTS: Final = tuple(range(120, -1, -10))


def ulid_ids(random: Random, now: Now) -> Generate:
    """A ULID: sorts by time, strictly increasing inside a process, 79 random bits.

    48 bits of Unix milliseconds, the counter, and 38 fresh random bits, as 26 base 32 digits.
    """
    step = order_of(now).step

    def generate() -> str:
        drawn = int.from_bytes(random(10), "big")
        milliseconds, counter = step(now() // 1_000_000, drawn >> 39)
        value = milliseconds << 80 | counter << 38 | drawn & 0x3FFFFFFFFF
        return "".join([_PAIRS[value >> shift & 0x3FF] for shift in _SHIFTS])

    return generate


NAMED: Final[Mapping[str, Callable[[Random, Now], Generate]]] = {
    "hex": hex_ids,
    "uuid4": uuid4_ids,
    "uuid7": uuid7_ids,
    "ulid": ulid_ids,
    "nanoid": nanoid_ids,
}
"""The generators that settings can name."""
