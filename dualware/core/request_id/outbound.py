"""Outbound: what an exchange may tell of itself, and to which hosts.

Knows host names as text, in lower case. Must never look one up, nor know who sends the request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["Outbound", "host_pattern"]

# A name, all names below one, or an IPv6 address without brackets.
_HOST: Final = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|[0-9a-f:.]*:[0-9a-f:.]*")


def host_pattern(text: str) -> str:
    """The host that ``text`` names, or ``*.`` and the name that hosts are below of; lower case.

    Raises ValueError for anything else: a scheme, a port, a path, letters beyond ASCII.

    >>> host_pattern("*.Example.com")
    '*.example.com'
    """
    host = text.lower()
    if _HOST.fullmatch(host) is None or ".." in host:
        raise ValueError(f"{text!r} is not a host")
    return host


class Outbound:
    """How an exchange introduces itself to the servers that the application calls."""

    __slots__ = ("_below", "_exact", "header")

    def __init__(self, header: str, hosts: Iterable[str] | None) -> None:
        self.header = header
        """Name of the header that carries the id."""
        listed = None if hosts is None else [host_pattern(host) for host in hosts]
        self._exact = None if listed is None else frozenset(listed)
        self._below = tuple(host[1:] for host in listed or () if host.startswith("*."))

    def allows(self, host: str | None) -> bool:
        """Whether ``host`` may see the id. One that is not known (None) is not on any list."""
        if self._exact is None:
            return True
        return host is not None and (host in self._exact or host.endswith(self._below))
