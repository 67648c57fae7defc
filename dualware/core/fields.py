"""HTTP field grammar: the few productions that names and values must match.

Pure functions over `str`. Must never know which header a value belongs to; what a field *means*
is the business of the middleware that reads it.
"""

from __future__ import annotations

import re

__all__ = ["HOP_BY_HOP", "is_token", "is_value", "length_of"]

# RFC 9110 §5.6.2: tchar.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# RFC 9110 §5.5: field-value, obs-text included; no leading or trailing whitespace.
_VALUE = re.compile(r"(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?")

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Lower-case names that belong to the server (RFC 9110 §7.6.1; PEP 3333, "Other HTTP Features")."""


def is_token(text: str) -> bool:
    """Whether ``text`` is an RFC 9110 §5.6.2 token: a legal method or field name."""
    return _TOKEN.fullmatch(text) is not None


def is_value(text: str) -> bool:
    """Whether ``text`` may stand as a field value: Latin-1, no control characters, trimmed."""
    # Nearly every value we write is plain ASCII; the two C-level scans cost a third of the regex.
    if text.isascii() and text.isprintable():
        return text == text.strip(" ")
    return _VALUE.fullmatch(text) is not None


def length_of(text: str | None) -> int | None:
    """The bytes that a Content-Length declares, None where it is absent or not a number.

    >>> length_of("42"), length_of("+42"), length_of(None)
    (42, None, None)
    """
    # RFC 9110 §8.6: digits only; int() alone would take "+1" and "1_0", and raise for thousands.
    if text is None or len(text) > 19 or not (text.isascii() and text.isdigit()):
        return None
    return int(text)
