"""The messages of ASGI: their fields, and the orders in which they may come.

This file knows the specification's messages as tables. It must never know how
messages travel, who sends them, or what they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeGuard, cast

from .result import is_two
from .rules import field_faults

# The order. A message whose flag is set counts as its type with a "+": there is
# more to come. Row: where the conversation stands; column: what may be sent
# there; value: where the conversation stands then.

OrderTable = Mapping[str, Mapping[str, str]]

# ASGI www, HTTP; ASGI extensions for what is not start or body
HTTP_ORDER: OrderTable = {
    "before the start": {
        "http.response.start": "in the body",
        "http.response.start+": "in the body, before trailers",
    },
    "in the body": {
        "http.response.body+": "in the body",
        "http.response.body": "over",
        "http.response.zerocopysend+": "in the body",
        "http.response.zerocopysend": "over",
        "http.response.pathsend": "over",
    },
    "in the body, before trailers": {
        "http.response.body+": "in the body, before trailers",
        "http.response.body": "in the trailers",
        "http.response.zerocopysend+": "in the body, before trailers",
        "http.response.zerocopysend": "in the trailers",
        "http.response.pathsend": "in the trailers",
    },
    "in the trailers": {
        "http.response.trailers+": "in the trailers",
        "http.response.trailers": "over",
    },
    "over": {},
}

# ASGI www, WebSocket; ASGI extensions, Websocket Denial Response
WEBSOCKET_ORDER: OrderTable = {
    "before the answer": {
        "websocket.accept": "open",
        "websocket.close": "over",
        "websocket.http.response.start": "in the denial",
    },
    "open": {"websocket.send": "open", "websocket.close": "over"},
    "in the denial": {
        "websocket.http.response.body+": "in the denial",
        "websocket.http.response.body": "over",
    },
    "over": {},
}

# ASGI lifespan
LIFESPAN_ORDER: OrderTable = {
    "before the startup": {
        "lifespan.startup.complete": "running",
        "lifespan.startup.failed": "over",
    },
    "running": {"lifespan.shutdown.complete": "over", "lifespan.shutdown.failed": "over"},
    "over": {},
}

# The field that says whether there is more to come.
_MORE = {
    "http.response.start": "trailers",
    "http.response.body": "more_body",
    "http.response.zerocopysend": "more_body",
    "http.response.trailers": "more_trailers",
    "websocket.http.response.body": "more_body",
}


# The fields. Headers have checks of their own, below.


def _is(*types: type) -> Callable[[Any], bool]:
    """A check for one of these types."""
    return lambda value: isinstance(value, types)


_BOOL, _BYTES, _INT, _STR = _is(bool), _is(bytes), _is(int), _is(str)
_TEXT_OR_NONE, _BYTES_OR_NONE = _is(str, type(None)), _is(bytes, type(None))
_INT_OR_NONE = _is(int, type(None))

FIELDS: Mapping[str, Mapping[str, Callable[[Any], bool]]] = {
    # ASGI www: what the application sends
    "http.response.start": {"status": _INT, "trailers": _BOOL},
    "http.response.body": {"body": _BYTES, "more_body": _BOOL},
    "websocket.accept": {"subprotocol": _TEXT_OR_NONE},
    "websocket.send": {"bytes": _BYTES_OR_NONE, "text": _TEXT_OR_NONE},
    "websocket.close": {"code": _INT, "reason": _TEXT_OR_NONE},
    # ASGI extensions
    "http.response.trailers": {"more_trailers": _BOOL},
    "http.response.pathsend": {"path": _STR},
    "http.response.zerocopysend": {
        "offset": _INT_OR_NONE,
        "count": _INT_OR_NONE,
        "more_body": _BOOL,
    },
    "http.response.push": {"path": _STR},
    "websocket.http.response.start": {"status": _INT},
    "websocket.http.response.body": {"body": _BYTES, "more_body": _BOOL},
    # ASGI lifespan
    "lifespan.startup.complete": {},
    "lifespan.startup.failed": {"message": _STR},
    "lifespan.shutdown.complete": {},
    "lifespan.shutdown.failed": {"message": _STR},
    # ASGI www: what the server sends
    "http.request": {"body": _BYTES, "more_body": _BOOL},
    "http.disconnect": {},
    "websocket.connect": {},
    "websocket.receive": {"bytes": _BYTES_OR_NONE, "text": _TEXT_OR_NONE},
    "websocket.disconnect": {"code": _INT_OR_NONE, "reason": _TEXT_OR_NONE},
}

_REQUIRED = {
    "http.response.start": ("status",),
    "http.response.pathsend": ("path",),
    "http.response.zerocopysend": ("file",),
    "http.response.push": ("path",),
    "websocket.http.response.start": ("status",),
}

_WITH_HEADERS = frozenset(
    {
        "http.response.start",
        "http.response.trailers",
        "http.response.push",
        "websocket.accept",
        "websocket.http.response.start",
    }
)

# ASGI www: every server takes these; all others belong to an extension.
_CORE = frozenset(
    kind
    for kind in FIELDS
    if (kind.startswith(("lifespan.", "websocket.")) and not kind.startswith("websocket.http."))
    or kind in ("http.response.start", "http.response.body")
)


def is_message(message: Any) -> TypeGuard[dict[str, Any]]:
    """Whether `message` has the form of one."""
    return isinstance(message, dict) and isinstance(cast("Any", message).get("type"), str)


def form_faults(message: Any) -> Iterator[tuple[str, str]]:
    """What is wrong with a message as a value, as pairs of rule and detail."""
    if not is_message(message):
        yield "message-form", f"{message!r}"
        return
    kind = message["type"]
    for name in _REQUIRED.get(kind, ()):
        if name not in message:
            yield "message-field", f"{kind} without {name!r}"
    for name, check in FIELDS.get(kind, {}).items():
        if name in message and not check(message[name]):
            yield "message-field", f"{kind} with {name}={message[name]!r}"
    if kind in ("websocket.send", "websocket.receive"):
        yield from _payload_faults(message)


def _payload_faults(message: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    # ASGI www, Send: "At least one of bytes or text must be non-None."
    given = [name for name in ("bytes", "text") if message.get(name) is not None]
    if len(given) != 1:
        yield "message-field", f"{message['type']} needs bytes or text, it has {given}"


def message_headers(message: Mapping[str, Any]) -> list[Any]:
    """The headers of a message, consumed once: any iterable is allowed (ASGI www)."""
    headers: Any = message.get("headers", ()) if message["type"] in _WITH_HEADERS else ()
    return list(headers) if hasattr(headers, "__iter__") else [headers]


def is_pair(pair: Any) -> bool:
    """Whether `pair` is two byte strings."""
    return is_two(pair) and all(isinstance(part, bytes) for part in pair)


def header_faults(headers: Iterable[Any], known: set[object]) -> Iterator[tuple[str, str]]:
    """What is wrong with the headers of a message, as pairs of rule and detail.

    known
        Names that the application itself spelled so.
    """
    for pair in headers:
        if not is_pair(pair):
            yield "header-pairs", f"{pair!r}"
            continue
        raw, value = pair
        name = raw.decode("latin-1")
        yield from field_faults(name, value.decode("latin-1"), tabs=True)
        if name != name.lower() and raw not in known:
            yield "header-case", f"{name!r}"


class Conversation:
    """Where an application stands in its conversation with the server.

    table
        The order to hold it to; the first row is where it begins.
    extensions
        What the server offers.

    >>> conversation = Conversation(LIFESPAN_ORDER, ())
    >>> list(conversation.step({"type": "lifespan.startup.complete"}))
    []
    >>> conversation.at
    'running'
    """

    def __init__(self, table: OrderTable, extensions: Iterable[str]) -> None:
        self.table = table
        self.at = next(iter(table))
        self.extensions = tuple(extensions)

    @property
    def over(self) -> bool:
        """The final message was sent."""
        return self.at == "over"

    def step(self, message: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Go on by one message; what is wrong with it comes as pairs of rule and detail."""
        kind = message["type"]
        if not self._offered(kind):
            yield "message-not-offered", f"{kind!r}"
        flag = bool(message.get(_MORE.get(kind, "")))
        if kind == "http.response.start" and flag and not self._offered("http.response.trailers"):
            yield "message-not-offered", "trailers are announced"
        then = self.table[self.at].get(f"{kind}+" if flag else kind)
        if then is not None:
            self.at = then
        elif self.over or self._ordered(kind):
            yield "message-order", f"{kind!r} {self.at}"

    def _offered(self, kind: str) -> bool:
        return kind in _CORE or any(f"{kind}.".startswith(f"{name}.") for name in self.extensions)

    def _ordered(self, kind: str) -> bool:
        """Whether the table speaks of this type; all others may come at any time."""
        return (
            any(kind in (name, name.rstrip("+")) for row in self.table.values() for name in row)
            or kind in _CORE
        )
