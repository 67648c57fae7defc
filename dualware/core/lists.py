"""Lists in headers: fields whose value is a comma-separated list of names (RFC 9110 §5.6.1).

Knows how members are found and added. Must never know what a list is for.
"""

from __future__ import annotations

from typing import Any

from dualware.core.headers import Headers

__all__ = ["add_member", "members"]


def members(lines: list[str]) -> list[str]:
    """The members of all lines, in order, each spelling once; empty ones are none."""
    found = (part.strip(" \t") for line in lines for part in line.split(","))
    return list(dict.fromkeys(filter(None, found)))


def add_member(headers: Headers[Any], name: str, member: str) -> None:
    """Add ``member`` to the list in the header ``name``, unless it is there in any case.

    What stands there keeps its spelling and order; several lines become one.
    """
    listed = members(headers.get_all(name))
    if member.lower() not in {each.lower() for each in listed}:
        headers.set(name, ", ".join([*listed, member]))
