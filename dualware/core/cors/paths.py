"""Paths: which rule of an ordered list a request's path falls under.

A path is told in so many ways that two parts of a system may take it for two resources. Here it
has one canonical form, and where it has two meanings no rule holds for it. Must never know what a
rule is for.

Three advisories of one public project come from such rules (CVE-2024-6839, CVE-2024-6844,
CVE-2024-6866): the longest pattern first, ``+`` as a blank, and any case. Here the first rule
wins, in the order in which they were given, and every character stands for itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from dualware.core.message import Request

__all__ = ["MOST", "Paths", "canonical", "path_rule"]

MOST: Final = 2048
"""Characters of the longest path that is looked at."""

_MANY: Final = "**"
# What a second decoding would make of it is another path; and where the bytes were no UTF-8, or
# a browser would have written "/" for "\", nobody can tell which path was meant.
_AMBIGUOUS: Final = re.compile(r"%(?:2e|2f|3b|5c)|[\\\ufffd\x00]", re.IGNORECASE)
# As sent: a slash that is part of a segment, not between two.
_HIDDEN: Final = re.compile(r"%(?:2f|5c|00)", re.IGNORECASE)
_GLOB: Final = re.compile(r"[*?\[]")
_PLAIN: Final = re.compile(r"[;%\\]|//|(?:\A|/)\.{1,2}(?:/|\Z)")


def canonical(request: Request) -> str | None:
    """The path that ``request`` asks for, without its mount; None where it has two meanings."""
    path = request.route_path
    if len(path) > MOST or _AMBIGUOUS.search(path) or _HIDDEN.search(request.raw_path):
        return None
    return _resolved(path) if _PLAIN.search(path) else path or "/"


def _resolved(path: str) -> str:
    """``path`` without what routers resolve or drop before they look (RFC 3986 §5.2.4)."""
    segments: list[str] = []
    parts = path.split("/")
    for part in parts:
        # RFC 3986 §3.3: what follows ";" are parameters of the segment.
        segment = part.partition(";")[0]
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    slash = "/" if segments and parts[-1].partition(";")[0] in ("", ".", "..") else ""
    return f"/{'/'.join(segments)}{slash}"


def path_rule(text: str) -> str:
    """A prefix or glob as it is matched. Raises ValueError for what no path could ever match.

    >>> path_rule("/api/")
    '/api'
    """
    if not text.startswith("/"):
        raise ValueError(f"{text!r} does not begin with '/'; write {'/' + text!r}")
    if _PLAIN.search(text) or "#" in text or _AMBIGUOUS.search(text):
        raise ValueError(
            f"{text!r} is not a path as it is matched: decoded, and without '//', '.', '..', ';' "
            "and '\\'; write the plain path"
        )
    return text if text == "/" else text.removesuffix("/")


class Paths:
    """Prefixes and globs in order; the first that fits a path counts.

    ``/api`` is itself and everything below, ``/`` everything. In a glob ``*`` and ``?`` stand for
    characters of one segment, and the segment ``**`` for any number of segments.
    """

    __slots__ = ("_rules",)

    def __init__(self, rules: Sequence[str]) -> None:
        self._rules = tuple(
            (rule, tuple(rule.split("/")) if _GLOB.search(rule) else None)
            for rule in map(path_rule, rules)
        )

    def first(self, path: str) -> int | None:
        """Where in the list the first rule stands that ``path`` falls under."""
        segments: list[str] | None = None
        for index, (rule, glob) in enumerate(self._rules):
            if glob is None:
                if path.startswith(rule) and (
                    rule == "/" or len(path) == len(rule) or path[len(rule)] == "/"
                ):
                    return index
            else:
                if segments is None:
                    segments = path.split("/")
                if _globbed(segments, glob):
                    return index
        return None


def _globbed(segments: Sequence[str], glob: Sequence[str]) -> bool:
    """Whether the whole of ``segments`` matches.

    Never goes back further than to the last ``**``, so the time is the product of both lengths.
    """
    at = of = 0
    many: tuple[int, int] | None = None
    while at < len(segments):
        if of < len(glob) and glob[of] == _MANY:
            many = at, of
            of += 1
        elif of < len(glob) and fnmatchcase(segments[at], glob[of]):
            at += 1
            of += 1
        elif many is not None:
            many = many[0] + 1, many[1]
            at, of = many[0], many[1] + 1
        else:
            return False
    return all(each == _MANY for each in glob[of:])
