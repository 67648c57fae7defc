"""Names of request headers that are looked for in every exchange, in the form of either protocol.

Knows how a name is spelt under ASGI, and as a variable of CGI under WSGI. Must never know a value,
nor where the headers stand.
"""

from __future__ import annotations

__all__ = ["HeaderName", "HeaderNames", "variable_of"]


class HeaderName:
    """The name of a request header (lower case), ready for both protocols, see `Exchange.peek`."""

    __slots__ = ("text", "variable", "wire")

    def __init__(self, text: str) -> None:
        self.text = text
        self.wire = text.encode("latin-1")
        """As it stands in a list of headers under ASGI."""
        self.variable = variable_of(text)
        """As it stands in an environ."""


class HeaderNames:
    """Names of request headers (lower case) that are asked for together: `Request.several`."""

    __slots__ = ("places", "text")

    def __init__(self, *names: str) -> None:
        self.text = names
        self.places = {name.encode("ascii"): place for place, name in enumerate(names)}
        """Where each stands, by its name as bytes."""


def variable_of(name: str) -> str:
    """The meta-variable for the header ``name`` (lower case), RFC 3875 §4.1.18.

    >>> variable_of("x-request-id"), variable_of("content-type")
    ('HTTP_X_REQUEST_ID', 'CONTENT_TYPE')
    """
    # PEP 3333, "environ Variables": these two come without HTTP_, as CGI has them.
    variable = name.upper().replace("-", "_")
    return variable if variable in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{variable}"
