"""The grammar of a CORS preflight: the method and the header names that it asks for.

Knows how they are written (Fetch, "HTTP requests"; RFC 9110 §5.6.1), and the bounds on the work
that a client can cause. Must never know who asks.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal

from dualware.core.fields import is_token

__all__ = ["BYTES_MOST", "EMPTIES_MOST", "NAMES_MOST", "Refusal", "requested_names"]

BYTES_MOST: Final = 4096
"""Bytes of the longest Access-Control-Request-Headers that is read."""
NAMES_MOST: Final = 64
"""Names in it; browsers send one for each header that a script sets."""
EMPTIES_MOST: Final = 16
"""Empty elements in it, which are to be ignored in a reasonable number (RFC 9110 §5.6.1.2)."""

Refusal = Literal["header-denied", "headers-too-long"]


def requested_names(value: str, allowed: Collection[str] | None) -> tuple[str, ...] | Refusal:
    """The names that ``value`` asks for, in lower case and in its order, each once.

    ``allowed`` are the names that may be there, in lower case; None allows every token. A Refusal
    says why it can't be: the first name that is unknown ends the search.

    >>> requested_names("x-one,, Content-Type", {"content-type", "x-one"})
    ('x-one', 'content-type')
    """
    # GHSA-vh9x-phq6-fx54 (rs/cors): a megabyte of commas became 116 of heap. Never split it all.
    if len(value) > BYTES_MOST:
        return "headers-too-long"
    parts = value.split(",", NAMES_MOST + EMPTIES_MOST)
    names: dict[str, None] = {}
    empties = 0
    for part in parts:
        name = part.strip(" \t").lower()
        if not name:
            empties += 1
            if empties > EMPTIES_MOST:
                return "headers-too-long"
        elif name in names:
            continue
        elif name in allowed if allowed is not None else is_token(name):
            names[name] = None
        else:
            # The last part of a longer list has a comma, so it is not looked at as a name.
            return "headers-too-long" if "," in name else "header-denied"
    if len(parts) - empties > NAMES_MOST:
        return "headers-too-long"
    return tuple(names)
