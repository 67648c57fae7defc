"""Hints: what an origin that was refused nearly was, and what a regular expression nearly means.

Knows the slips that people make. Must never decide anything: what is said here goes to a log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from dualware.core.cors.origins import MOST, Origin, parse

__all__ = ["near_miss", "smells"]


# Origins


def _bare(host: str) -> str:
    return host.removeprefix("www.")


def _slip(given: Origin, known: Origin) -> str | None:
    """The one part in which the two differ, if it is one that people get wrong."""
    scheme, host, port = (one == other for one, other in zip(given, known, strict=True))
    if host and scheme != port:
        return "port" if scheme else "scheme"
    if scheme and port and not host and _bare(given.host) == _bare(known.host):
        return "www"
    return None


def near_miss(origin: str, patterns: Iterable[str]) -> str | None:
    """How a refused origin differs from the pattern that was probably meant, None if it does not.

    >>> near_miss("http://shop.example", ["https://shop.example"])
    "scheme of 'https://shop.example'"
    """
    given = origin[:MOST]
    listed = tuple(patterns)
    if given.removesuffix("/") in listed:
        return f"trailing slash after {given.removesuffix('/')!r}"
    if given.lower() in listed:
        return f"case of {given.lower()!r}"
    parts = parse(given.lower().removesuffix("/"))
    if parts is None:
        return None
    for pattern in listed:
        known = parse(pattern.replace("://*.", "://", 1).removesuffix(":*"))
        if known is not None and (slip := _slip(parts, known)) is not None:
            return f"{slip} of {pattern!r}"
    return None


# Regular expressions

_TAIL: Final = re.compile(r"(?<!\\)\.(?=[a-z]{2,12}(?:\$|\\Z|\)|:|\(|$))")


def smells(regex: str) -> Iterator[str]:
    """What a regular expression for origins probably does not mean as it stands."""
    if _TAIL.search(regex):
        yield r"'.' stands for any character there; write '\.' before the end of a host name"
    body = regex.removeprefix("^").removeprefix("(?:").removeprefix("(")
    if body.startswith((".*", ".+")):
        yield "it begins with anything at all; begin with 'https://'"
    elif not re.match(r"[a-z\[(]|\\w", body) or not re.search(r":(?://|\\/\\/)", regex):
        yield "it names no scheme, and every origin begins with one; begin with 'https://'"
    if regex.startswith("^") or (regex.endswith("$") and not regex.endswith(r"\$")):
        yield "'^' and '$' say nothing here: the whole origin has to match anyway"
