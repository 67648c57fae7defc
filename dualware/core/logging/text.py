"""Text from outside, made fit for one line of a log.

Total functions over `str`: whatever a client or an application says, what comes back has no
character that ends a line, moves a cursor, or can't be encoded (CVE-2024-1681, CVE-2025-48432,
CVE-2009-4487). It is done here, at the source, because not every renderer does it. Must never know
what a text means, nor where it goes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

__all__ = ["MARK", "cut", "from_wire", "printable", "safe", "shown"]

MARK: Final = "…"
"""Stands where the rest of a long text was."""

_DEEPEST: Final = 4
_WIDEST: Final = 64

_LEAST: Final = -(2**63)
_LARGEST: Final = 2**64 - 1
"""The integers that every encoder has a form for; orjson and most readers know no larger ones."""

# C0, DEL and C1 (NEL is one); the line and paragraph separators; what turns the direction of the
# text around it; surrogates, which no encoding has.
_UNSAFE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def printable(text: str) -> str:
    r"""``text`` with ``\xNN`` or ``\uNNNN`` for every character that is no text.

    >>> printable("a\nb")
    'a\\x0ab'
    """
    # Nearly all of it is plain ASCII; two C-level scans cost a fifth of the regex.
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(_escaped, text)


def cut(text: str, most: int) -> str:
    """`printable` of the first ``most`` characters, and a `MARK` if there were more."""
    if len(text) <= most:
        # As `printable`, less one call: a path and a user agent come by here for every line.
        return text if text.isascii() and text.isprintable() else printable(text)
    return printable(text[:most]) + MARK


def from_wire(text: str, most: int) -> str:
    r"""`cut` of a header value, whose bytes came as Latin-1: shown as UTF-8 where they are that.

    >>> from_wire("caf\xc3\xa9", 80), from_wire("caf\xe9", 80)
    ('café', 'caf\\xe9')
    """
    if not text.isascii():
        # Four bytes make one character at most: the cut comes first, so the work is bounded.
        more = len(text) > 4 * most
        text = text[: 4 * most].encode("latin-1", "replace").decode("utf-8", "backslashreplace")
        if more and len(text) <= most:
            return printable(text) + MARK
    return cut(text, most)


def safe(value: Any, most: int, depth: int = 0) -> Any:
    """A value of the application as one that every renderer can show in one line.

    Numbers of 64 bits, booleans and None stay; strings are `cut` to ``most`` characters; mappings
    and lists keep 64 members, and four levels; all else is shown as text: what has an
    ``isoformat()`` as that, other objects as their ``str()``.
    """
    # Kinds of text and of numbers become what they hold: they may show themselves in any way.
    if isinstance(value, str):
        return cut(str.__str__(value), most)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and _LEAST <= value <= _LARGEST:
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    try:
        return _members(value, most, depth + 1) if depth < _DEEPEST else shown(value, most)
    except Exception:
        # A mapping that another thread adds to, say.
        return shown(value, most)


def _members(value: Any, most: int, depth: int) -> Any:
    """What `safe` makes of a mapping or a list, and of what is neither."""
    if isinstance(value, Mapping):
        pairs = list(cast("Any", value).items())[:_WIDEST]
        return {shown(name, most): safe(each, most, depth) for name, each in pairs}
    if isinstance(value, list | tuple | set | frozenset):
        return [safe(each, most, depth) for each in list(cast("Any", value))[:_WIDEST]]
    return shown(value, most)


def shown(value: Any, most: int) -> str:
    """Any value as text of one line, `cut` to ``most`` characters. Never fails."""
    try:
        if isinstance(value, bytes | bytearray):
            return from_wire(value.decode("latin-1"), most)
        if hasattr(value, "isoformat"):
            value = value.isoformat()
        return cut(str.__str__(str(value)), most)
    except Exception:
        return f"<{type(value).__qualname__} that can't be shown>"
