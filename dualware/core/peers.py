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

__all__ = ["ADDRESS_MOST", "UNIX", "Network", "Peers", "address", "network"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ADDRESS_MOST: Final = 64
"""Characters of the longest address that is looked at; the longest there is has 45."""

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


def address(text: str) -> Address | None:
    """The address that ``text`` is, in the form that tells who it is; None if it is none.

    >>> address("::ffff:10.0.0.7")
    IPv4Address('10.0.0.7')
    """
    try:
        # RFC 4007 §11: a link-local address may carry its zone.
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # A socket that listens on IPv6 shows IPv4 peers as ::ffff:10.0.0.7 (RFC 4291 §2.5.5.2).
    return getattr(found, "ipv4_mapped", None) or found


class Peers:
    """The socket peers that are inside one of some networks, `UNIX` among them or not."""

    __slots__ = ("_known", "_networks", "_unnamed")

    def __init__(self, listed: Iterable[str]) -> None:
        names = list(listed)
        # Not _unix, which C compilers define.
        self._unnamed = UNIX in names
        self._networks = tuple(network(name) for name in names if name != UNIX)
        # Parsing an address costs ten times a lookup, and direct peers are few: proxies.
        self._known = functools.lru_cache(1024)(self._inside)

    def __call__(self, request: Request) -> bool:
        """Whether the peer of ``request`` is one of them."""
        client = request.client
        return self._unnamed if client is None else self.hold(client[0])

    def hold(self, text: str) -> bool:
        """Whether the address ``text`` is in one of their networks."""
        return len(text) <= ADDRESS_MOST and self._known(text)

    def _inside(self, text: str) -> bool:
        found = address(text)
        return found is not None and any(found in each for each in self._networks)
