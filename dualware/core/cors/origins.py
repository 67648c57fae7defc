"""Origins: how they are written, and which of them a list of patterns means.

Knows RFC 6454 §6.2 (Fetch and HTML: "serialization of an origin") and the two wildcards that may
stand in a pattern: ``https://*.example.com`` and ``https://example.com:*``. Must never know what
an origin is allowed to do. Patterns are compiled to sets, so that what a request names is looked
up, never compared with one pattern after the other.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

__all__ = ["MOST", "NULL", "Origin", "Origins", "is_secure", "parse", "read"]

MOST: Final = 330
"""Bytes of the longest origin that is looked at: scheme 64, host 253, port 5, and what is between
them make 326."""
NULL: Final = "null"
"""What a browser sends where the origin is opaque: sandboxed frames, `file:` and `data:` pages,
some redirects (RFC 6454 §6.2). Everybody can make a browser send it."""

_SCHEME: Final = r"[a-z][a-z0-9+.-]{0,63}"
_LABEL: Final = r"[a-z0-9_-]{1,63}"
# RFC 3986 §3.2.2, as browsers write it: lower case, an IPv6 address in brackets. A domain may
# end in a full stop, and is another one then.
_HOST: Final = rf"{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9a-f:.]{{2,45}}\]"
_ORIGIN: Final = re.compile(rf"({_SCHEME})://({_HOST})(?::([1-9][0-9]{{0,4}}))?")
_PATTERN: Final = re.compile(rf"({_SCHEME})://((?:\*\.)?(?:{_HOST}))(?::([1-9][0-9]{{0,4}}|\*))?")
_DEFAULT_PORTS: Final = {"http": "80", "https": "443", "ws": "80", "wss": "443"}
_ANY: Final = "*"
_EXAMPLE: Final = "write 'https://shop.example'"


class Origin(NamedTuple):
    """The parts of an origin, or of a pattern; ``port`` is empty for the scheme's own."""

    scheme: str
    host: str
    port: str


def parse(text: str) -> Origin | None:
    """The parts of a serialised origin, None for anything else.

    >>> parse("https://shop.example:8443")
    Origin(scheme='https', host='shop.example', port='8443')
    >>> parse("null") is None
    True
    """
    if len(text) > MOST:
        return None
    match = _ORIGIN.fullmatch(text)
    return Origin(match[1], match[2], match[3] or "") if match else None


# Patterns, as settings name them


def read(text: str) -> Origin:
    """The parts of a pattern. Raises ValueError with what is wrong, and what to write instead.

    Only the one spelling that a browser sends is taken: any other could never match.
    """
    match = None if text.startswith("file:") else _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(_fault(text))
    scheme, host, port = match[1], match[2], match[3] or ""
    if port and port == _DEFAULT_PORTS.get(scheme):
        hint = f"write {text.rpartition(':')[0]!r}"
        raise ValueError(f"{text!r}: origins leave the default port out; {hint}")
    if port and port != _ANY and int(port) > 65535:
        raise ValueError(f"{text!r}: {port} is not a port; use 1 to 65535")
    _check_host(text, host)
    return Origin(scheme, host, port)


def _fault(text: str) -> str:
    """What is wrong with a pattern that does not even look like one."""
    shown = f"{text[:MOST]!r}"
    if text == NULL:
        return f"{shown} stands for every page without an origin; leave it out"
    if text.startswith("file:"):
        return f"{shown}: pages of files have no origin of their own, they send 'null'"
    if text.strip() != text:
        return f"{shown} has spaces around it; write {text.strip()!r}"
    if not text.isascii():
        return f"{shown}: browsers send letters beyond ASCII in punycode; write the host as 'xn--…'"
    if "://" in text:
        return f"{shown}{_misplaced(*text.split('://', 1))}"
    if re.fullmatch(rf"(?:\*\.)?(?:{_HOST})(?::\d+)?", text):
        return f"{shown} has no scheme; write {'https://' + text!r}"
    return f"{shown} is not an origin; {_EXAMPLE}"


def _misplaced(scheme: str, rest: str) -> str:
    """What stands in a pattern that may not stand there."""
    authority, slash, path = rest.partition("/")
    if slash:
        what = f"a path, {'/' + path!r}," if path else "a slash at its end, which"
        return f" has {what} no origin has; write {f'{scheme}://{authority}'!r}"
    for mark, what in (("?", "a query"), ("#", "a fragment"), ("@", "a user")):
        if mark in rest:
            return f" has {what}, and no origin has one; {_EXAMPLE}"
    whole = f"{scheme}://{rest}"
    if whole != whole.lower():
        return f": browsers send lower case; write {whole.lower()!r}"
    if "*" in rest:
        return (
            ": '*' may stand for whole labels in front, or for the port; "
            "write 'https://*.example.com' or 'https://example.com:*'"
        )
    return f" is not an origin; {_EXAMPLE}"


def _check_host(text: str, host: str) -> None:
    wild = host.startswith("*.")
    domain = host.removeprefix("*.")
    if domain.startswith("["):
        if wild:
            raise ValueError(f"{text!r}: an address has no subdomains; leave '*.' out")
        _check_ip6(text, domain[1:-1])
        return
    # RFC 1035 §2.3.4: 255 octets on the wire are 253 characters. One label stands for '*'.
    if len(domain.removesuffix(".")) > (251 if wild else 253):
        raise ValueError(f"{text[:MOST]!r}: no host is that long; use 253 characters or less")
    labels = domain.split(".")
    # URL, "ends in a number": such a host is an IPv4 address, or nothing.
    if (labels[-1] or labels[-2]).isdigit():
        _check_ip4(text, domain, wild=wild)
    for label in labels:
        if label.startswith("xn--"):
            _check_punycode(text, label)


def _check_ip4(text: str, host: str, *, wild: bool) -> None:
    try:
        ipaddress.IPv4Address(host)
    except ValueError as error:
        sentence = f"{text!r}: {host} is not an IPv4 address as browsers write it"
        raise ValueError(f"{sentence}; write four numbers, as '127.0.0.1'") from error
    if wild:
        raise ValueError(f"{text!r}: an address has no subdomains; leave '*.' out")


def _check_ip6(text: str, host: str) -> None:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError as error:
        sentence = f"{text!r}: {host} is not an IPv6 address"
        raise ValueError(f"{sentence}; write it as '[2001:db8::1]'") from error
    if address.ipv4_mapped is not None:
        sentence = f"{text!r} is an IPv4 address in disguise, and no browser sends it so"
        raise ValueError(f"{sentence}; write {str(address.ipv4_mapped)!r}")
    # RFC 5952 §4.2: the compressed form is the only one.
    if str(address) != host:
        raise ValueError(f"{text!r}: browsers write that address shorter; write '[{address}]'")


def _check_punycode(text: str, label: str) -> None:
    try:
        label[4:].encode("ascii").decode("punycode")
    except UnicodeError as error:
        sentence = f"{text!r}: {label} is no punycode"
        raise ValueError(f"{sentence}; let a tool make it from the name") from error


def is_secure(pattern: Origin) -> bool:
    """Whether nobody between can speak in the name of the origin, as everybody can for http:.

    W3C Secure Contexts §3.1: besides other schemes, what never leaves the machine.
    """
    host = pattern.host.removesuffix(".")
    return (
        pattern.scheme != "http"
        or host == "localhost"
        or host.endswith(".localhost")
        or host == "[::1]"
        or (host.startswith("127.") and host.rpartition(".")[2].isdigit())
    )


# Matching


class Origins:
    """The origins that a list of patterns and a regular expression mean.

    >>> known = Origins(["https://shop.example", "https://*.shop.example:*"])
    >>> ["https://a.shop.example:1" in known, "https://evilshop.example" in known]
    [True, False]
    """

    __slots__ = ("_regex", "_wild", "exact", "loose", "patterns")

    def __init__(self, patterns: Iterable[str] = (), regex: re.Pattern[str] | None = None) -> None:
        self.patterns = tuple(patterns)
        """The patterns, as given."""
        wild = {text: read(text) for text in self.patterns if "*" in text}
        self.exact = frozenset(self.patterns).difference(wild)
        """Those without a wildcard."""
        self._wild = frozenset(wild.values())
        self._regex = regex
        self.loose = bool(self._wild) or regex is not None
        """Whether others match than those of `exact`."""

    def __contains__(self, origin: str) -> bool:
        # Equality of the serialisations, case included (Fetch §4.10, "CORS check").
        return origin in self.exact or (self.loose and self._matches(origin))

    def _matches(self, origin: str) -> bool:
        # What does not parse is no origin, whatever a regular expression says to it.
        parts = parse(origin)
        if parts is None:
            return False
        return (bool(self._wild) and self._is_wild(parts)) or (
            self._regex is not None and self._regex.fullmatch(origin) is not None
        )

    def _is_wild(self, parts: Origin) -> bool:
        """One look-up for each label: a host has at most 127."""
        scheme, host, port = parts
        wild = self._wild
        if (scheme, host, _ANY) in wild:
            return True
        at = host.find(".")
        while at >= 0:
            below = "*" + host[at:]
            if (scheme, below, port) in wild or (scheme, below, _ANY) in wild:
                return True
            at = host.find(".", at + 1)
        return False
