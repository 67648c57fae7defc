"""Client: whose address a request comes from, where proxies of one's own stand in between.

Anybody can send ``X-Forwarded-For``; what the own proxies append to it is true. So it is read
from the right, and only as far as it can be: whatever is missing, unreadable or too long leaves
the peer of the socket, never what stands leftmost. The result is an address in its one canonical
spelling, or None, and so can't carry anything else into a log.

Knows the headers in which proxies tell. Must never believe one that the settings do not name:
``Forwarded`` (RFC 7239) is read only where it is named, since proxies that write the one
mostly pass the other on as the client sent it.
"""

from __future__ import annotations

import functools
import ipaddress
import re
from collections.abc import Callable, Sequence
from typing import Final

from dualware.core.message import Request
from dualware.core.peers import ADDRESS_MOST, Peers, address

__all__ = ["Client", "anonymise", "peer_address"]

HEADER_MOST: Final = 2048
"""Characters of the longest header that is looked at: 30 hops and more."""


class Client:
    """The address of a request's client: a canonical text, or None where there is none.

    ``source``
        ``"peer"``: the other end of the socket. A list of networks in CIDR notation, and
        ``"unix"``: those of the own proxies; the first address of ``X-Forwarded-For`` from the
        right that is in none of them. A number: how many own proxies append to that header, so
        that the client's address is so many from the right. A header name, lower case: that
        header alone, its last value.
    ``anonymised``
        True keeps the network only, /24 or /48.
    """

    __slots__ = ("_anonymised", "_told", "is_peer")

    def __init__(
        self, source: str | int | Sequence[str] = "peer", *, anonymised: bool = False
    ) -> None:
        self._anonymised = anonymised
        self._told = _reader(source)
        self.is_peer = self._told is peer_address
        """Whether the client is the peer, whatever else a request says."""

    def __call__(self, request: Request) -> str | None:
        """The client's address (OpenTelemetry's ``client.address``)."""
        return self._shown(self._told(request) or peer_address(request))

    def with_peer(self, request: Request) -> tuple[str | None, str | None]:
        """The client's address, and that of the socket's peer (``network.peer.address``)."""
        peer = self._shown(peer_address(request))
        return (peer if self.is_peer else self(request)), peer

    def peer(self, host: str | None) -> str | None:
        """The address of the socket's peer, given what `Request.client` has of it."""
        return None if host is None else self._shown(_read(host))

    def _shown(self, found: str | None) -> str | None:
        return anonymise(found) if self._anonymised and found else found


def peer_address(request: Request) -> str | None:
    """The address of the socket's peer; None behind a Unix socket, or if it is no address."""
    client = request.client
    return None if client is None else _read(client[0])


@functools.lru_cache(1024)
def anonymise(text: str) -> str:
    """The network of the address ``text``: /24 of IPv4, /48 of IPv6. ValueError for no address.

    >>> anonymise("203.0.113.9"), anonymise("2001:db8:1:2::3")
    ('203.0.113.0', '2001:db8:1::')
    """
    size = 48 if ":" in text else 24
    return str(ipaddress.ip_network((text, size), strict=False).network_address)


# What proxies tell; None sends the caller to the peer


def _reader(source: str | int | Sequence[str]) -> Callable[[Request], str | None]:
    if source == "peer":
        return peer_address
    if source == "forwarded":
        return _forwarded
    if isinstance(source, str):
        return functools.partial(_counted, source, 1)
    if isinstance(source, int):
        return functools.partial(_counted, "x-forwarded-for", source)
    return _Walk(source)


class _Walk:
    """The first entry from the right that no trusted peer is, if each one up to it can be read."""

    __slots__ = ("_known", "_trusted")

    def __init__(self, trusted: Sequence[str]) -> None:
        self._trusted = Peers(trusted)
        # A walk costs ten times a lookup, and clients come back.
        self._known = functools.lru_cache(1024)(self._through)

    def __call__(self, request: Request) -> str | None:
        told = request.header("x-forwarded-for")
        if told is None or not self._trusted(request):
            return None
        return self._known(told) if len(told) <= ADDRESS_MOST else self._through(told)

    def _through(self, told: str) -> str | None:
        for entry in reversed(_entries(told)):
            found = _read(entry)
            # What can't be read could be anybody, and so could all to the left of it.
            if found is None or not self._trusted.hold(found):
                return found
        return None


def _counted(name: str, count: int, request: Request) -> str | None:
    """The entry that stands ``count`` from the right."""
    entries = _entries(request.header(name))
    return _read(entries[-count]) if len(entries) >= count else None


def _entries(told: str | None) -> list[str]:
    return [] if told is None or len(told) > HEADER_MOST else told.split(",")


# RFC 7239 §6: an address may have a port, and one in brackets is IPv6.
_WITH_PORT: Final = re.compile(r"(?:\[([^\[\]]*)\]|([^:]*))(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?")


def _read(entry: str) -> str | None:
    """The address in one entry, in canonical spelling, without brackets, port and zone."""
    entry = entry.strip(" \t")
    return _canonical(entry) if len(entry) <= ADDRESS_MOST else None


@functools.lru_cache(1024)
def _canonical(entry: str) -> str | None:
    parts = _WITH_PORT.fullmatch(entry)
    found = address(parts[1] or parts[2] or "") if parts else address(entry)
    return None if found is None else str(found)


# RFC 7239 §4: pairs, ";" between those of one proxy, "," between proxies.
_NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR: Final = re.compile(rf'[ \t]*({_NAME})=({_NAME}|"[^"\\]*")[ \t]*([;,]|\Z)')


def _forwarded(request: Request) -> str | None:
    """What the last proxy of ``Forwarded`` says in ``for``.

    Read from the left, for a comma may stand in quotes; so all of it must be well formed.
    """
    value = request.header("forwarded") or ""
    if len(value) > HEADER_MOST:
        return None
    nodes: list[str] = []
    position = 0
    while position < len(value):
        pair = _PAIR.match(value, position)
        if pair is None:
            return None
        if pair[1].lower() == "for":
            nodes.append(pair[2].strip('"'))
        if pair[3] == ",":
            nodes = []
        position = pair.end()
    return _read(nodes[0]) if len(nodes) == 1 else None
