"""A CORS policy as values: the fields that each verdict writes, made ready once.

Knows the CORS protocol (Fetch §3.3) and its caches. Must never know who asks, when, or why a
policy is as it is: settings are compiled to what is here, and a request only looks things up.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final, Literal

from dualware.core.cors.fetch import SAFELISTED_METHODS, SAFELISTED_RESPONSE_HEADERS
from dualware.core.cors.origins import NULL, Origins
from dualware.core.cors.preflight import Refusal, requested_names
from dualware.core.field_names import Parts
from dualware.core.fields import is_token
from dualware.core.headers import Fields, Headers
from dualware.core.lists import add_vary, union

__all__ = [
    "REQUEST_HEADERS",
    "REQUEST_METHOD",
    "REQUEST_NETWORK",
    "TIMED",
    "UNTIMED",
    "Head",
    "Permits",
    "Sharing",
    "Varying",
]

REQUEST_METHOD: Final = "access-control-request-method"
REQUEST_HEADERS: Final = "access-control-request-headers"
REQUEST_NETWORK: Final = "access-control-request-private-network"

_ALLOW_ORIGIN: Final = "Access-Control-Allow-Origin"
_CREDENTIALS: Final = "Access-Control-Allow-Credentials"
_EXPOSE: Final = "Access-Control-Expose-Headers"
_METHODS: Final = "Access-Control-Allow-Methods"
_HEADERS: Final = "Access-Control-Allow-Headers"
_MAX_AGE: Final = "Access-Control-Max-Age"
_TIMING: Final = "Timing-Allow-Origin"
_TAO: Final = _TIMING.lower()
_OURS: Final = "access-control-"
"""What every name that CORS gives to a response begins with, in lower case."""
# Fetch, "CORS filtered response": what scripts may read anyway, and what they never may.
_READABLE: Final = SAFELISTED_RESPONSE_HEADERS | {"set-cookie", "set-cookie2", "vary"}

_OWN: Final = Parts(_OURS)
_OWN_TIMED: Final = Parts(_OURS, _TAO)
UNTIMED: Final = Parts(_OURS, "vary")
"""What stands in the names that CORS writes."""
TIMED: Final = Parts(_OURS, "vary", _TAO)
"""The same where Timing-Allow-Origin is one of them."""

_NOTHING: Final = Fields()


class Varying:
    """The request headers that a response depends on, as names and as the field."""

    __slots__ = ("fields", "names")

    def __init__(self, *names: str) -> None:
        self.names = tuple(union(names))
        self.fields = Fields([("Vary", ", ".join(self.names))] if names else [])

    def __or__(self, more: Sequence[str]) -> Varying:
        return Varying(*self.names, *more) if more else self


class Head:
    """What one verdict writes into the head of a response."""

    __slots__ = ("access", "allowed", "fields", "vary", "whole")

    def __init__(self, access: Fields, rest: Fields, vary: Varying, *, allowed: bool) -> None:
        self.allowed = allowed
        """Whether the origin of the request was allowed."""
        self.access = access
        """Who may read the response: what stands on preflights too."""
        self.fields = access + rest
        """All of it but Vary."""
        self.vary = vary
        self.whole = self.fields + vary.fields
        """All of it."""

    def write(self, headers: Headers[Any], keep: bool, timed: bool) -> bool:
        """Write it all into ``headers``. Returns whether the application had written some of it.

        Whose it is then, ``keep`` says; there is never more than one field of a name.
        ``timed``: whether Timing-Allow-Origin is ours to write. Where none of `TIMED` or `UNTIMED`
        stands in the headers, this is no more than adding `whole`.
        """
        if headers.extend_alone(self.fields, _OWN_TIMED if timed else _OWN):
            # None of it but Vary, as behind every compression.
            add_vary(headers, self.vary.names)
            return False
        theirs = [
            name for name in headers.names if name.startswith(_OURS) or (timed and name == _TAO)
        ]
        # Who may read the response is one decision, who may read its times another.
        kept = {name == _TAO for name in theirs} if keep else set[bool]()
        for name in theirs if not keep else ():
            headers.remove(name)
        for name, value in self.fields.text:
            if (name == _TIMING) not in kept:
                headers.append(name, value)
        add_vary(headers, self.vary.names)
        return bool(theirs)


class Sharing:
    """With whom responses are shared: the head for every origin.

    origins
        The origins that are allowed.
    anyone
        Everybody is, without credentials: one constant ``*``.
    null
        So is the origin ``null``.
    constant
        The one origin that is named on every response, whoever asks.
    credentials, exposed
        Whether credentials are allowed; the value of Access-Control-Expose-Headers.
    timing
        Who may read the times of Resource Timing, ``*`` for everybody; None leaves that to others.
    vary
        What else decides.
    """

    __slots__ = (
        "_constant", "_rest", "_timing", "_told", "anyone", "known", "null", "origins", "timed",
        "uniform", "vary",
    )  # fmt: skip

    def __init__(
        self,
        *,
        origins: Origins,
        anyone: bool = False,
        null: bool = False,
        constant: str | None = None,
        credentials: bool = False,
        exposed: str = "",
        timing: Origins | Literal["*"] | None = None,
        vary: Sequence[str] = (),
    ) -> None:
        self.origins = origins
        self.anyone = anyone
        self.null = null
        self.timed = timing is not None
        # Ready parts of heads. Fetch §4.10, step 7: "true", in lower case.
        self._constant = "*" if anyone else constant
        self._told = Fields([(_CREDENTIALS, "true")] if credentials else [])
        self._rest = Fields([(_EXPOSE, exposed)] if exposed else [])
        self._timing = timing
        # Fetch, "CORS protocol and HTTP caches": what depends on the origin says so on
        # every response, those to requests without an origin included; what does not, never.
        timings = timing.exact if isinstance(timing, Origins) else frozenset[str]()
        depends = self._constant is None or isinstance(timing, Origins)
        self.vary = Varying(*(["Origin"] if depends else []), *vary)
        everyone = origins.exact | timings | ({NULL} if null else set[str]())
        self.known: dict[str | None, Head] = {None: self._made(None, self.vary, allowed=anyone)}
        """The heads of the origins that are known, and of no origin at all."""
        for each in everyone:
            self.known[each] = self._made(each, self.vary, allowed=each in self)
        same = anyone and not isinstance(timing, Origins)
        self.uniform = self.known[None] if same else None
        """The head for every origin and for none, where it is the same for all."""

    def __contains__(self, origin: str) -> bool:
        """Whether ``origin`` is allowed, as far as settings alone can tell."""
        return self.anyone or origin in self.origins or (self.null and origin == NULL)

    def head(self, origin: str, *, allowed: bool, vary: Sequence[str] = ()) -> Head:
        """The head of a response to ``origin``; ``vary`` is what else decided this time."""
        if not vary and not isinstance(self._timing, Origins) and (self.anyone or not allowed):
            # As without an origin. Nothing is remembered by what a client chose to send.
            return self.known[None]
        return self._made(origin, self.vary | vary, allowed=allowed)

    def _made(self, origin: str | None, vary: Varying, *, allowed: bool) -> Head:
        access, rest = _NOTHING, _NOTHING
        # Fetch §4.10, step 4: the origin of the request, byte by byte and once, or "*".
        named = self._constant or (origin if allowed else None)
        if named is not None:
            access = Fields([(_ALLOW_ORIGIN, named)]) + self._told
            rest = self._rest
        # Resource Timing §4.5.1, "Timing-Allow-Origin"
        if self._timing == "*":
            rest = rest + Fields([(_TIMING, "*")])
        elif self._timing and origin is not None and origin in self._timing:
            rest = rest + Fields([(_TIMING, origin)])
        return Head(access, rest, vary, allowed=allowed)

    def exposing(self, head: Head, headers: Headers[Any]) -> Head:
        """``head``, with all that ``headers`` have and scripts may not read anyway exposed."""
        names = [
            name for name in headers.names if name not in _READABLE and not name.startswith(_OURS)
        ]
        if not names or not head.access.text:
            return head
        exposed = Fields([(_EXPOSE, ",".join(names))])
        return Head(head.fields, exposed, head.vary, allowed=head.allowed)


Denial = Literal["method-invalid", "method-denied"]


class Permits:
    """What a preflight may ask for, and the fields that say so.

    methods, names
        Methods, and header names in lower case; ``*`` among them stands for all.
    credentials
        Whether ``*`` has to be spelt out: with credentials it is a method and a name like others.
    strict
        Whether GET, HEAD and POST have to be among the methods too.
    tells_all
        Whether the fields tell the whole of it, not only what was asked for.
    """

    __slots__ = ("_all_names", "_any_method", "_any_name", "_methods", "_names", "_other", "_spelt")

    def __init__(
        self,
        *,
        methods: Collection[str],
        names: Collection[str],
        credentials: bool,
        strict: bool,
        tells_all: bool,
    ) -> None:
        # Fetch, "HTTP new-header syntax": "*" is a wildcard where there are no credentials, and
        # a method or a name like others where there are.
        self._spelt = credentials
        self._any_method = "*" in methods
        self._any_name = "*" in names
        # Methods
        whole = Fields([(_METHODS, "*" if self._any_method else ", ".join(methods))])
        tells_methods = bool(methods) and tells_all and not (self._any_method and credentials)
        self._methods = {
            each: whole if tells_methods else Fields([(_METHODS, each)])
            for each in methods
            if each != "*"
        }
        if not strict:
            # Fetch §4.8, step 7.5: no list has to have a CORS-safelisted method.
            self._methods |= dict.fromkeys(SAFELISTED_METHODS, whole if tells_methods else _NOTHING)
        self._other = whole
        # Names
        listed = [name for name in names if name != "*"]
        # Fetch §2.2.2, "CORS non-wildcard request-header name": "*" does not cover it.
        starred = ["*", *(name for name in listed if name == "authorization")]
        told = ",".join(starred if self._any_name else listed)
        tells_names = bool(told) and (not credentials if self._any_name else tells_all)
        self._all_names = Fields([(_HEADERS, told)]) if tells_names else None
        self._names = {name: self._all_names or Fields([(_HEADERS, name)]) for name in listed}

    def method(self, value: str) -> Fields | Denial:
        """The field that allows the method ``value``, empty where none is needed; or why not."""
        found = self._methods.get(value)
        if found is not None:
            return found
        # Fetch, "HTTP requests": exactly one method. What is no token is never sent back.
        if not is_token(value):
            return "method-invalid"
        if not self._any_method:
            return "method-denied"
        return Fields([(_METHODS, value)]) if self._spelt else self._other

    def names(self, value: str | None) -> Fields | Refusal:
        """The field that allows the header names in ``value``; or why not."""
        if not value:
            return _NOTHING
        known = self._names.get(value)
        if known is not None:
            return known
        asked = requested_names(value, None if self._any_name else self._names)
        if isinstance(asked, str):
            return asked
        bare = "authorization" not in asked or "authorization" in self._names
        if self._any_name and not self._spelt and not bare:
            return "header-denied"
        if not asked:
            return _NOTHING
        return self._all_names or Fields([(_HEADERS, ",".join(asked))])
