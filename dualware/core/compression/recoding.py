"""What a content coding means for a head: whether it may be, and what changes with it.

Knows the fields that speak of the bytes of a body. Must never know a coding beyond its name, nor
see a body.
"""

from __future__ import annotations

from typing import Final

from dualware.core.exchange import Exchange
from dualware.core.field_names import FieldNames
from dualware.core.headers import Fields, weaken_etag
from dualware.core.lists import add_vary, members
from dualware.core.message import Response

__all__ = ["READ", "codable", "is_ordinary", "label", "recode", "vary", "vary_early"]

READ: Final = FieldNames(
    "Accept-Ranges", "Cache-Control", "Content-Digest", "Content-Encoding", "Content-Length",
    "Content-MD5", "Content-Range", "Content-Type", "Digest", "ETag", "Repr-Digest", "Vary",
)  # fmt: skip

_SETTLED: Final = frozenset(
    {
        "content-encoding",  # coded already, or said not to be
        "content-range",  # a part, counted in the bytes that it is of (RFC 9110 §14.4)
        # RFC 9530: digests of the coded bytes, by somebody who did not code any.
        "content-digest",
        "content-md5",
        "digest",
        "repr-digest",
    }
)
"""Fields that speak of the bytes as they are, so that these may not change."""

_ACCEPT_ENCODING: Final = ("Accept-Encoding",)
_VARIES: Final = Fields([("Vary", "Accept-Encoding")])
_CODED: Final = {
    # RFC 9110 §8.4.1; RFC 8878; RFC 7932.
    token: Fields([("Content-Encoding", token)])
    for token in ("gzip", "zstd", "br")
}

_ORDINARY: Final = frozenset({"content-length", "content-type"})
"""The fields of `READ` that most heads have, none of which forbids or changes with a coding."""
_VARIES_AND_CODED: Final = {token: _VARIES + fields for token, fields in _CODED.items()}

_UNTOUCHED: Final = frozenset({204, 205, 206})
"""Status codes of responses without content, or with a part; 1xx aside."""


def codable(status: int, fields: dict[str, str]) -> bool:
    """Whether a head with these fields of `READ` lets the body be coded."""
    if status == 200 and fields.keys() <= _ORDINARY:
        return True
    if status < 200 or status in _UNTOUCHED or not _SETTLED.isdisjoint(fields):
        return False
    # RFC 9110 §7.7, RFC 9111 §5.2.2.6.
    caching = fields.get("cache-control")
    return caching is None or "no-transform" not in members([caching.lower()])


def is_ordinary(response: Response, fields: dict[str, str]) -> bool:
    """Whether this is the head of a body like most, which nothing forbids to code: quick to tell.

    False says nothing.
    """
    return (
        response.status == 200
        and fields.keys() <= _ORDINARY
        and fields.get("content-length", "")[:1] != "0"
        and response.method != "HEAD"
        and not response.opaque
        and not response.lost
    )


def vary_early(exchange: Exchange, fields: dict[str, str]) -> bool:
    """The same as `vary` at RESPONSE, without a `response`. Returns False if that is not enough."""
    return "vary" not in fields and exchange.add(_VARIES)


def vary(response: Response, fields: dict[str, str]) -> None:
    """Say that the response depends on what the client accepts, even to one who accepts nothing."""
    if "vary" not in fields:
        response.headers.extend(_VARIES)
        return
    # Of the readings "several lines stay" and "one list without duplicates", which CORS wants,
    # the union satisfies both: no member is lost or there twice (RFC 9110 §5.3 has them equal).
    add_vary(response.headers, _ACCEPT_ENCODING)


def label(response: Response, fields: dict[str, str], token: str) -> None:
    """Say what was done to the body."""
    headers = response.headers
    headers.extend(_CODED[token])
    if "etag" in fields:
        weaken_etag(headers)
    # Ranges would be of the coded bytes, and nobody could serve those (RFC 9110 §14.3).
    if "accept-ranges" in fields:
        headers.remove("Accept-Ranges")


def recode(
    response: Response, fields: dict[str, str], token: str, coded: bytes, *, anyway: bool
) -> None:
    """Send ``coded`` in place of the whole body, and say so, if it is shorter, or ``anyway``."""
    if len(coded) >= len(response.first_chunk or b"") and not anyway:
        vary(response, fields)
    elif fields.keys() <= _ORDINARY:
        response.replace(coded, _VARIES_AND_CODED[token])
    else:
        vary(response, fields)
        response.replace(coded)
        label(response, fields, token)
