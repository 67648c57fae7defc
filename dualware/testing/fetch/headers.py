"""Header names, values and lists, as the standard sorts them into safe and unsafe.

This file knows the tables of Fetch, chapter "Headers". It must never know a
request or a response.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

NORMALIZED = ("DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT")
"""Fetch, "normalize": methods that browsers write in upper case."""

SAFE_METHODS = ("GET", "HEAD", "POST")
"""Fetch, "CORS-safelisted method"."""

_IMPOSSIBLE_METHODS = ("CONNECT", "TRACE", "TRACK")

_FORBIDDEN = re.compile(
    "accept-(charset|encoding)|access-control-request-(headers|method)|connection|content-length|"
    "cookie2?|date|dnt|expect|host|keep-alive|origin|referer|set-cookie|te|trailer|"
    "transfer-encoding|upgrade|via|(proxy-|sec-).*"
)

SAFE_RESPONSE_HEADERS = re.compile(
    "cache-control|content-(language|length|type)|expires|last-modified|pragma"
)
"""Fetch, "CORS-safelisted response-header name", those that are always on it."""

UNREADABLE = ("set-cookie", "set-cookie2")
"""Fetch, "forbidden response-header name"."""

NON_WILDCARD = ("authorization",)
"""Fetch, "CORS non-wildcard request-header name"."""

BODY_HEADERS = ("content-encoding", "content-language", "content-location", "content-type")
"""Fetch, "request-body-header name"."""

_SAFE_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
# Fetch, "CORS-unsafe request-header byte"
_UNSAFE_BYTE = re.compile(r'[\x00-\x08\x0a-\x1f"():<>?@\[\\\]{}\x7f]')
_LANGUAGE = re.compile(r"[0-9A-Za-z *,\-.;=]*")
_RANGE = re.compile(r"bytes=[0-9]+-[0-9]*")
# RFC 9110 §5.6.2
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


def combined(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """Fetch, "get": all values of ``name``, joined; None where there is none."""
    values = [value for known, value in headers if known.lower() == name.lower()]
    return ", ".join(values) if values else None


def is_possible_method(method: str) -> bool:
    """Whether a script may use it: a token, and no "forbidden method"."""
    return bool(_TOKEN.fullmatch(method)) and method.upper() not in _IMPOSSIBLE_METHODS


def is_settable(name: str) -> bool:
    """Whether a script may set that request header: no "forbidden request-header"."""
    return _FORBIDDEN.fullmatch(name.lower()) is None


def is_safelisted(name: str, value: str) -> bool:
    """Fetch, "CORS-safelisted request-header"."""
    if len(value) > 128:
        return False
    lower = name.lower()
    if lower == "accept":
        return not _UNSAFE_BYTE.search(value)
    if lower in ("accept-language", "content-language"):
        return _LANGUAGE.fullmatch(value) is not None
    if lower == "content-type":
        essence = value.partition(";")[0].strip(" \t").lower()
        return not _UNSAFE_BYTE.search(value) and essence in _SAFE_TYPES
    return lower == "range" and _RANGE.fullmatch(value) is not None


def unsafe_names(headers: Iterable[tuple[str, str]]) -> list[str]:
    """Fetch, "CORS-unsafe request-header names": sorted, in lower case."""
    unsafe: list[str] = []
    maybe: list[str] = []
    size = 0
    for name, value in headers:
        if is_safelisted(name, value):
            maybe.append(name)
            size += len(value)
        else:
            unsafe.append(name)
    if size > 1024:
        unsafe += maybe
    return sorted({name.lower() for name in unsafe})


def extracted(value: str | None) -> list[str] | None:
    """Fetch, "extract header list values", for a list of tokens. Raises ValueError for no list."""
    if value is None:
        return None
    # RFC 9110 §5.6.1.2: a recipient ignores empty elements.
    members = [part.strip(" \t") for part in value.split(",")]
    listed = [member for member in members if member]
    for member in listed:
        if not _TOKEN.fullmatch(member):
            raise ValueError(f"{member!r} is no token")
    return listed
