"""Sets of media types, written as patterns: ``text/html``, ``image/*``, ``*+json``.

Knows types as text (RFC 9110 §8.3.1), and how to remember what sets say of them. Must never know
what follows from that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["COMPRESSED", "KnownTypes", "MediaTypes", "is_pattern"]

COMPRESSED: Final = (
    "audio/*",
    "video/*",
    "image/*",
    "!image/bmp",
    "!image/svg+xml",
    "!image/vnd.microsoft.icon",
    "!image/x-icon",
    "font/woff",
    "font/woff2",
    "application/font-woff",
    "application/font-woff2",
    "application/zip",
    "application/x-zip-compressed",
    "application/gzip",
    "application/x-gzip",
    "application/zstd",
    "application/x-brotli",
    "application/x-7z-compressed",
    # gRPC compresses by itself; gRPC-Web is left to HTTP.
    "application/grpc",
    "application/grpc+*",
)
"""Types that are compressed already."""

# RFC 6838 §4.2: restricted-name-chars, less the "!" that means something here.
_PATTERN: Final = re.compile(
    r"!?(?:[\w#$&^.+-]+/(?:[\w#$&^.+-]+\*?|\*)|\*[\w#$&^.+/-]*[\w#$&^.+-])", re.ASCII
)


def is_pattern(text: str) -> bool:
    """Whether ``text`` is a type, maybe with a ``*`` for its end or beginning, or ``!`` before."""
    return _PATTERN.fullmatch(text) is not None


class MediaTypes:
    """A set of types. A pattern behind ``!`` takes what it matches out, wherever it stands."""

    __slots__ = ("_but", "_these")

    def __init__(self, patterns: Iterable[str]) -> None:
        lower = [pattern.lower() for pattern in patterns]
        self._these = _Patterns(each for each in lower if not each.startswith("!"))
        self._but = _Patterns(each[1:] for each in lower if each.startswith("!"))

    def __contains__(self, value: object) -> bool:
        """Whether the Content-Type ``value`` is one of them; its parameters do not matter."""
        kind = str(value).partition(";")[0].strip(" \t").lower()
        return self._these.match(kind) and not self._but.match(kind)


class _Patterns:
    """Patterns of one sign, sorted by where their asterisk stands."""

    __slots__ = ("_ends", "_exact", "_starts")

    def __init__(self, patterns: Iterable[str]) -> None:
        listed = tuple(patterns)
        self._exact = frozenset(listed)
        self._starts = tuple(each[:-1] for each in listed if each.endswith("*"))
        self._ends = tuple(each[1:] for each in listed if each.startswith("*"))

    def match(self, kind: str) -> bool:
        """Whether one of them matches a type in lower case."""
        return kind in self._exact or kind.startswith(self._starts) or kind.endswith(self._ends)


_KNOWN_MOST: Final = 256
"""Values of Content-Type that are remembered."""


class KnownTypes(dict[str | None, tuple[bool, bool]]):
    """From a Content-Type to whether it is excluded, and whether it is that of a live stream.

    Each value is worked out once; a bounded number is remembered. With ``skips_live`` the types of
    live streams are excluded too.
    """

    def __init__(self, excluded: Iterable[str], *, live: Iterable[str], skips_live: bool) -> None:
        self._excluded = MediaTypes(excluded)
        self._live = MediaTypes(live)
        self._skips_live = skips_live
        self[None] = False, False

    def __missing__(self, kind: str) -> tuple[bool, bool]:
        live = kind in self._live
        found = kind in self._excluded or (live and self._skips_live), live
        if len(self) < _KNOWN_MOST:
            self[kind] = found
        return found
