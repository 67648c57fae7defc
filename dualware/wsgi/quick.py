"""What nearly every exchange is asked for under WSGI, by the shortest way that there is.

Knows the environ and the held head of a request. Must never say anything else than the request
and the response do, which are made here as well when somebody wants the whole of them.
"""

from __future__ import annotations

from typing import Any

from dualware.core.compiling import mypyc_attr
from dualware.core.engine import Engine
from dualware.core.exchange import EXPOSED, NO_RESPONSE
from dualware.core.field_names import FieldNames, Parts
from dualware.core.header_names import HeaderName
from dualware.core.headers import FieldName, Fields, StrHeaders
from dualware.core.message import Request, Response, Target
from dualware.wsgi.head import Pairs, code_of
from dualware.wsgi.request import WSGIRequest

__all__ = ["QuickEngine"]

# Servers that read the head when the application returns, and look at no later one (W21, W22).
_HEAD_AT_RETURN = frozenset({"Granian"})


@mypyc_attr(allow_interpreted_subclasses=True)
class QuickEngine(Engine):
    """An engine that makes no object for what can be looked up."""

    __slots__ = ()

    late: bool = False
    """Whether the application returned before it called start_response."""
    _given: Pairs | None = None
    """The pairs that came with the held head, where it has others now."""

    # As in the base class, less one call: these two are made in most exchanges.

    @property
    def request(self) -> Request:
        request = self._request
        if request is None:
            request = self._request = WSGIRequest(self._source)
        return request

    @property
    def response(self) -> Response:
        response = self._response
        if response is None:
            if self._held is None:
                return NO_RESPONSE
            status, headers = self._held
            self._pairs = None
            method = self._source.get("REQUEST_METHOD", "GET")
            response = self._response = Response(method, code_of(status), StrHeaders(headers))
            if self.late and str(self._source.get("SERVER_SOFTWARE")) in _HEAD_AT_RETURN:
                response.lost = True
        return response

    @property
    def status(self) -> int | None:
        if self._response is None and self._held is not None:
            return code_of(self._held[0])
        return self.response.status

    def target(self) -> Target:
        # As `Request.target`, in half of its time.
        environ: dict[str, Any] = self._source
        return (
            environ.get("REQUEST_METHOD"),
            environ.get("SCRIPT_NAME"),
            environ.get("PATH_INFO"),
            environ.get("RAW_URI"),
            environ.get("REQUEST_URI"),
        )

    def peek(self, name: HeaderName) -> str | None:
        environ: dict[str, Any] = self._source
        return environ.get(name.variable)

    def fields(self, names: FieldNames) -> dict[str, str]:
        if self._response is None and self._held is not None:
            headers: Any = self._held[1]
            if headers.__class__ is list:
                return names.among_native(headers)
        return self.response.headers.pick(names)

    @property
    def method(self) -> str:
        environ: dict[str, Any] = self._source
        return environ.get("REQUEST_METHOD", "GET")  # type: ignore[no-any-return]

    def told(self, name: str) -> Any:
        # As in the base class, less four calls.
        noted = self._record if self.outer is None else self.outer.noted
        if noted is not None and (told := getattr(noted, name)) is not None:
            return told
        environ: dict[str, Any] = self._source
        return environ.get(EXPOSED[name])

    def expose(self, name: str, value: Any) -> None:
        environ: dict[str, Any] = self._source
        environ[EXPOSED[name]] = value

    # What is added to a head at which nobody has looked stands there as if it had come so.

    def append(self, name: FieldName, value: str) -> None:
        pairs = self._pairs
        if pairs is None:
            pairs = self._own_pairs()
        pairs.append((name.text, value))

    def put(self, name: FieldName, value: str) -> None:
        pairs = self._pairs
        if pairs is None:
            pairs = self._own_pairs()
        if name.parts.may_stand_in(pairs):
            Engine.put(self, name, value)
        else:
            pairs.append((name.text, value))

    def add(self, fields: Fields, unless: Parts | None = None) -> bool:
        pairs = self._pairs
        if pairs is None:
            pairs = self._own_pairs()
        if unless is not None and unless.may_stand_in(pairs):
            return False
        pairs += fields.text
        return True

    def _own_pairs(self) -> list[Any]:
        """A list of ours in the head, from now on."""
        response = self._response
        if response is not None:
            return response.headers.own()
        status, given = self._held
        if given.__class__ is not list:
            return self.response.headers.own()
        self._given = given
        own: list[Any] = given.copy()
        self._pairs = own
        self._held = (status, own)
        return own
