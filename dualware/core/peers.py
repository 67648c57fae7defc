"""Peers: who may be believed, by the network that the other end of the socket is in.

Knows addresses and networks as text. Must never look at a header: what a header says about a
peer is worth nothing before the peer itself is known to be trusted.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable
from typing import Final

from dualware.core.message import Request

__all__ = ["UNIX", "Network", "Peers", "network"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

UNIX: Final = "unix"
"""Stands for every peer without an address: those behind a Unix socket."""


def network(text: str) -> Network:
    """The network that ``text`` names in CIDR notation; an address alone is a network of one.

    Raises ValueError, with what to write instead where that is known.

    >>> network("10.0.0.0/8").num_addresses
    16777216
    """
    given = ipaddress.ip_interface(text)
    found = given.network
    if given.ip != found.network_address:
        raise ValueError(f"{text!r} has host bits set; did you mean {str(found)!r}?")
    if getattr(found.network_address, "ipv4_mapped", None) is not None:
        raise ValueError(f"{text!r} holds IPv4 addresses; write it as an IPv4 network")
    return found


class Peers:
    """The socket peers that are inside one of some networks, `UNIX` among them or not."""

    MOST: Final = 64
    """Characters of the longest address that is looked at; the longest there is has 45."""

    __slots__ = ("_known", "_networks", "_unix")

    def __init__(self, listed: Iterable[str]) -> None:
        names = list(listed)
        self._unix = UNIX in names
        self._networks = tuple(network(name) for name in names if name != UNIX)
        # Parsing an address costs ten times a lookup, and direct peers are few: proxies.
        self._known = functools.lru_cache(1024)(self._inside)

    def __call__(self, request: Request) -> bool:
        """Whether the peer of ``request`` is one of them."""
        client = request.client
        if client is None:
            return self._unix
        return len(client[0]) <= self.MOST and self._known(client[0])

    def _inside(self, text: str) -> bool:
        try:
            # RFC 4007 §11: a link-local address may carry its zone.
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return False
        # A socket that listens on IPv6 shows IPv4 peers as ::ffff:10.0.0.7 (RFC 4291 §2.5.5.2).
        folded = getattr(address, "ipv4_mapped", None) or address
        return any(folded in each for each in self._networks)
