"""Names of request headers that are looked for in every exchange, in the form of either protocol.

Knows how a name is spelt under ASGI, and as a variable of CGI under WSGI. Must never know a value,
nor where the headers stand.
"""

from __future__ import annotations

from typing import Final

__all__ = ["ASKED", "AskedNames", "HeaderName", "HeaderNames", "variable_of"]


class AskedNames:
    """The names (lower case) that somebody looks for in every exchange, by each spelling met.

    Of the dozen headers that a client sends the stack reads three or four. With the others it has
    no more to do than to find them here.
    """

    _MOST: Final = 1024
    _LONGEST: Final = 64
    """Spellings that are remembered, and bytes of the longest: clients make names up."""

    __slots__ = ("names", "spellings")

    def __init__(self) -> None:
        self.names = set[bytes]()
        self.spellings: dict[bytes, bytes | None] = {}
        """The name in lower case by its spelling, None for what nobody asks for. Another object
        whenever there is a new name: who keeps the old one can tell that it is out of date."""

    def ask(self, name: bytes) -> None:
        """Look for ``name`` too, in all exchanges that begin from now on."""
        if name not in self.names:
            self.names.add(name)
            # Only now: what is learnt into the new one is learnt with the name.
            self.spellings = {}

    def learn(self, spellings: dict[bytes, bytes | None], raw: bytes) -> bytes | None:
        """What ``raw`` spells, which is not in ``spellings`` yet."""
        name = raw.lower()
        asked = name if name in self.names else None
        if len(raw) <= self._LONGEST and len(spellings) < self._MOST:
            spellings[raw] = asked
        return asked


ASKED: Final = AskedNames()
"""Those of this process. Under WSGI an environ is an index already, so only ASGI looks here."""


class HeaderName:
    """The name of a request header (lower case), ready for both protocols, see `Exchange.peek`.

    Made once, not in an exchange: it stands in `ASKED` from then on.
    """

    __slots__ = ("text", "variable", "wire")

    def __init__(self, text: str) -> None:
        self.text = text
        self.wire = text.encode("latin-1")
        """As it stands in a list of headers under ASGI."""
        self.variable = variable_of(text)
        """As it stands in an environ."""
        ASKED.ask(self.wire)


class HeaderNames:
    """Names of request headers (lower case) that are asked for together: `Request.several`."""

    __slots__ = ("names",)

    def __init__(self, *names: str) -> None:
        self.names = tuple(map(HeaderName, names))


def variable_of(name: str) -> str:
    """The meta-variable for the header ``name`` (lower case), RFC 3875 §4.1.18.

    >>> variable_of("x-request-id"), variable_of("content-type")
    ('HTTP_X_REQUEST_ID', 'CONTENT_TYPE')
    """
    # PEP 3333, "environ Variables": these two come without HTTP_, as CGI has them.
    variable = name.upper().replace("-", "_")
    return variable if variable in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{variable}"
