"""Lists in headers: fields whose value is a comma-separated list of names (RFC 9110 §5.6.1).

Knows how members are found and added. Must never know what a list is for.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from dualware.core.headers import Fields, Headers

__all__ = ["add_member", "add_vary", "members", "union"]


def members(lines: list[str]) -> list[str]:
    """The members of all lines, in order, each spelling once; empty ones are none."""
    return list(dict.fromkeys(member for line in lines for member in _split(line)))


def add_member(headers: Headers[Any], name: str, member: str) -> None:
    """Add ``member`` to the list in the header ``name``, unless it is there in any case.

    What stands there keeps its spelling and order; several lines become one.
    """
    listed = members(headers.get_all(name))
    if member.lower() not in {each.lower() for each in listed}:
        headers.set(name, ", ".join([*listed, member]))


def add_vary(headers: Headers[Any], names: tuple[str, ...]) -> None:
    """Make the response vary on the request headers ``names`` (RFC 9110 §12.5.5).

    A union: what stands there keeps its first spelling and its order, ``*`` stays as it is,
    several lines become one, and nothing is written when nothing has to change.
    """
    if not headers.merge("Vary", names, _united) and names:
        headers.append("Vary", ", ".join(names))


# Few lines are ever written; the bound is there against an application that makes them up.
@functools.lru_cache(256)
def _united(lines: tuple[str, ...], names: tuple[str, ...]) -> Fields | None:
    """The one line that Vary has to be; None where it may stay as it is."""
    present = [member for line in lines for member in _split(line)]
    united = union((*present, *names))
    stays = "*" in united or (len(lines) == 1 and len(united) == len(present))
    return None if stays else Fields([("Vary", ", ".join(united))])


def union(names: Iterable[str]) -> list[str]:
    """Header names, each once, in its first spelling and place; case does not tell them apart."""
    united: dict[str, str] = {}
    for name in names:
        united.setdefault(name.lower(), name)
    return list(united.values())


def _split(line: str) -> list[str]:
    # RFC 9110 §5.6.1.2: empty list members are ignored.
    return [member for part in line.split(",") if (member := part.strip(" \t"))]
