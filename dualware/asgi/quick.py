"""What nearly every exchange is asked for under ASGI, by the shortest way that there is.

Knows the scope and the held message of a request. Must never say anything else than the request
and the response do, which are made here as well when somebody wants the whole of them.
"""

from __future__ import annotations

from typing import Any

from dualware.asgi.request import TARGET, ZERO_COPY, ASGIRequest
from dualware.core.compiling import mypyc_attr
from dualware.core.engine import Engine
from dualware.core.exchange import EXPOSED, NO_RESPONSE
from dualware.core.field_names import FieldNames, Parts
from dualware.core.header_names import ASKED, HeaderName
from dualware.core.headers import BytesHeaders, FieldName, Fields
from dualware.core.message import Request, Response, Target

__all__ = ["QuickEngine"]


@mypyc_attr(allow_interpreted_subclasses=True)
class QuickEngine(Engine):
    """An engine that makes no object for what can be looked up."""

    __slots__ = ()

    _trailers_to_come: bool = False
    """Whether the application will send trailers."""

    # As in the base class, less one call: these two are made in most exchanges.

    @property
    def request(self) -> Request:
        request = self._request
        if request is None:
            request = self._request = ASGIRequest(self._source)
        return request

    @property
    def response(self) -> Response:
        response = self._response
        if response is None:
            message = self._held
            if message is None:
                return NO_RESPONSE
            headers = BytesHeaders(message.get("headers", ()))
            self._pairs = None
            method = self._source.get("method", "GET")
            response = self._response = Response(method, message["status"], headers)
            if self._trailers_to_come:
                response.trailed = True
        return response

    @property
    def method(self) -> str:
        scope: dict[str, str] = self._source
        return scope.get("method", "GET")

    @property
    def status(self) -> int | None:
        response, message = self._response, self._held
        if response is None and message is not None:
            return message["status"]  # type: ignore[no-any-return]
        return self.response.status

    def target(self) -> Target:
        # As `Request.target`, in a third of its time.
        source = self._source
        try:
            return source["method"], source["path"], source["raw_path"], source["root_path"]
        except KeyError:
            # A session's has no method, and some servers leave out what they may.
            return tuple(map(source.get, TARGET))

    def peek(self, name: HeaderName) -> str | None:
        key = name.wire
        request: ASGIRequest | None = self._request  # type: ignore[assignment]
        if request is None:
            if self._plan.alone:
                # Who looks alone looks once: at each name, which is half of what an index costs.
                try:
                    headers: list[tuple[bytes, bytes]] = self._source.get("headers") or []
                    found: bytes | None = None
                    for raw, value in headers:
                        if raw == key:
                            if found is not None:
                                break
                            found = value
                    else:
                        if found is not None:
                            return found.decode("latin-1")
                except TypeError:
                    # They are no list of tuples: the index takes any.
                    pass
            request = ASGIRequest(self._source)
            self._request = request
        index = request._index
        if index is None:
            index = request.index()
        text = index.get(key)
        if text is not None:
            return text.decode("latin-1")
        # A name that is new since then is not in the index.
        return None if request._spellings is ASKED.spellings else request.header(name.text)

    def told(self, name: str) -> Any:
        # As in the base class, less three calls.
        noted = self._record if self.outer is None else self.outer.noted
        if noted is not None and (told := getattr(noted, name)) is not None:
            return told
        request: Any = self._request
        # A flow may have changed the scope for the application.
        scope: dict[str, Any] = self._source if request is None else request.scope
        return scope.get(EXPOSED[name])

    def expose(self, name: str, value: Any) -> None:
        scope: dict[str, Any] = self._source
        state = scope.get("state")
        if state is not None:
            state[name] = value

    @property
    def may_bypass(self) -> bool:
        scope: dict[str, Any] = self._source
        extensions = scope.get("extensions")
        return extensions is not None and ZERO_COPY in extensions

    def fields(self, names: FieldNames) -> dict[str, str]:
        held: dict[str, Any] | None = None if self._response is not None else self._held
        pairs = None if held is None else held.get("headers")
        # Anything else than a list may be readable but once.
        if type(pairs) is not list:
            return self.response.headers.pick(names)
        return names.among(pairs)  # pyright: ignore[reportUnknownArgumentType]

    # What is added to a head at which nobody has looked stands there as if it had come so.

    def append(self, name: FieldName, value: str) -> None:
        pairs = self._pairs
        if pairs is None:
            pairs = self._own_pairs()
        pairs.append((name.wire, value.encode()))

    def put(self, name: FieldName, value: str) -> None:
        pairs = self._pairs
        if pairs is None:
            pairs = self._own_pairs()
        if name.parts.may_stand_in(pairs):
            Engine.put(self, name, value)
        else:
            pairs.append((name.wire, value.encode()))

    def add(self, fields: Fields, unless: Parts | None = None) -> bool:
        pairs = self._pairs
        if pairs is None:
            pairs = self._own_pairs()
        if unless is not None and unless.may_stand_in(pairs):
            return False
        pairs += fields.wire
        return True

    def _own_pairs(self) -> list[Any]:
        """A list of ours in the head, from now on."""
        response = self._response
        if response is not None:
            return response.headers.own()
        message: dict[str, Any] = self._held
        pairs: Any = message.get("headers")
        # Anything else than a list may be readable but once.
        if pairs.__class__ is not list:
            return self.response.headers.own()
        given: list[Any] = pairs
        own = given.copy()
        held = {**message}
        held["headers"] = own
        self._held = held
        self._pairs = own
        return own
