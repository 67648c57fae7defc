"""Query strings with their secrets taken out.

Knows how names are spelt in a query (URL Standard, "application/x-www-form-urlencoded parsing").
Must never change what it leaves in: the rest stays as it was sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import unquote_plus

__all__ = ["REDACTED", "SECRET_PARAMS", "Redaction"]

REDACTED: Final = "REDACTED"
"""Stands in the place of a secret (OpenTelemetry, ``url.query``)."""

SECRET_PARAMS: Final = (
    # OpenTelemetry's, for signed URLs.
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Goog-Signature",
    # OAuth 2 and its kin.
    "access_token",
    "code",
    "id_token",
    "refresh_token",
    "token",
    # What people write besides.
    "api_key",
    "apikey",
    "auth",
    "jwt",
    "key",
    "passwd",
    "password",
    "secret",
    "session",
)
"""Names whose values are secrets, in any case."""

# Some parsers still take ";" for "&", so it parts parameters here too.
_SEPARATORS: Final = re.compile("([&;])")


class Redaction:
    """Puts `REDACTED` in the place of the values of some parameters.

    >>> Redaction(["sig"])("page=2&sig=3f9a")
    'page=2&sig=REDACTED'
    """

    __slots__ = ("_names",)

    def __init__(self, names: Iterable[str] = SECRET_PARAMS) -> None:
        self._names = frozenset(name.lower() for name in names)

    def __call__(self, query: str) -> str:
        """``query`` without the secrets; the same object if there are none."""
        # Every parameter on its own: a name may be spelt with escapes, and stand twice.
        parts = _SEPARATORS.split(query) if ";" in query else query.split("&")
        found = False
        for place, part in enumerate(parts):
            name, equals, value = part.partition("=")
            if value and self._is_secret(name):
                parts[place] = name + equals + REDACTED
                found = True
        if not found:
            return query
        return ("" if ";" in query else "&").join(parts)

    def _is_secret(self, name: str) -> bool:
        if "%" in name or "+" in name:
            name = unquote_plus(name)
        name = name.strip().lower()
        if name in self._names:
            return True
        # user[password], as PHP and Rails nest them.
        return "[" in name and name.rpartition("[")[2].rstrip("]") in self._names
