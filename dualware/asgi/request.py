"""The request that a `scope` describes.

Knows the HTTP and the websocket connection scope, and what servers leave out of it. Must never
change the server's own scope: a change makes a copy, and only the application sees it.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Final, Literal
from urllib.parse import quote

from dualware.core.compiling import mypyc_attr
from dualware.core.header_names import HeaderNames
from dualware.core.message import Facts, Request, Target

__all__ = ["TARGET", "ZERO_COPY", "ASGIRequest", "Scope", "in_lower_case"]

Scope = Any
"""A connection scope. Frameworks type it in ways that do not fit each other; `Any` fits all."""

_PATH_SAFE: Final = "/~!$&'()*+,;=:@"
"""What stands unescaped in a path (RFC 3986 §3.3), beside what `quote` never escapes."""

_NAME: Final = itemgetter(0)

ZERO_COPY: Final = "http.response.zerocopysend"

TARGET: Final = ("method", "path", "raw_path", "root_path")
"""What `Request.target` takes of it."""


@mypyc_attr(allow_interpreted_subclasses=True)
class ASGIRequest(Request):
    """One ``http`` or ``websocket`` scope."""

    __slots__ = ("_index", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope: Scope = scope
        """What the application is called with: the server's object, unless we had to copy it."""
        self._index: dict[bytes, bytes] | None = None

    @property
    def kind(self) -> Literal["http", "websocket"]:
        return self.scope["type"]  # type: ignore[no-any-return]

    @property
    def method(self) -> str:
        # RFC 6455 §4.1: the method of a handshake must be GET; its scope does not say.
        return self.scope.get("method", "GET")  # type: ignore[no-any-return]

    @property
    def scheme(self) -> str:
        # daphne's websocket scope has none; the specification gives the default.
        return str(self.scope.get("scheme") or ("ws" if self.kind == "websocket" else "http"))

    @property
    def path(self) -> str:
        return _joined(self.scope.get("root_path", ""), self.scope.get("path", ""))

    @property
    def route_path(self) -> str:
        scope = self.scope
        path: str = scope.get("path", "")
        mount: str | None = scope.get("root_path")
        if not mount:
            return path
        mount = mount.rstrip("/")
        return path[len(mount) :] if _inside(mount, path) else path

    @property
    def raw_path(self) -> str:
        scope = self.scope
        raw = scope.get("raw_path")
        if not raw:
            return quote(self.path, safe=_PATH_SAFE)
        # Without the query by the specification; not all servers keep to that.
        path: str = (raw.partition(b"?")[0] if b"?" in raw else raw).decode("latin-1")
        mount = scope.get("root_path")
        return _joined(quote(mount, safe=_PATH_SAFE), path) if mount else path

    def target(self) -> Target:
        return tuple(map(self.scope.get, TARGET))

    def paths(self, target: Target) -> tuple[str, str, str]:
        method, path, raw, mount = target
        if raw and not mount and method and path and b"?" not in raw:
            # What the properties say of nearly every request.
            return method, raw.decode("latin-1"), path
        known = zip(TARGET, target, strict=True)
        then = ASGIRequest({name: each for name, each in known if each is not None})
        return then.method, then.raw_path, then.route_path

    def facts(self) -> Facts:
        scope = self.scope
        scheme, client = scope.get("scheme"), scope.get("client")
        if not scheme or not client:
            # Left out by the server.
            return Request.facts(self)
        index = self._index
        if index is None:
            index = self.index()
        agent, length = index.get(b"user-agent"), index.get(b"content-length")
        query = scope.get("query_string")
        return (
            query.decode("latin-1") if query else None,
            scheme,
            scope.get("http_version"),
            client[0] or None,
            None if agent is None else agent.decode("latin-1"),
            None if length is None else length.decode("latin-1"),
        )

    @property
    def query(self) -> str:
        query: bytes = self.scope.get("query_string") or b""
        return query.decode("latin-1")

    @property
    def http_version(self) -> str | None:
        return self.scope.get("http_version")  # type: ignore[no-any-return]

    @property
    def client(self) -> tuple[str, int | None] | None:
        client = self.scope.get("client")
        # None where the server does not know; an empty host behind a Unix socket (uvicorn).
        if not client or not client[0]:
            return None
        try:
            # granian's ports are strings.
            return str(client[0]), int(client[1])
        except (IndexError, TypeError, ValueError):
            return str(client[0]), None

    @property
    def trailers(self) -> bool:
        # ASGI "HTTP Trailers"; RFC 9110 §6.5.1: only to a client that says it takes them.
        if "http.response.trailers" not in (self.scope.get("extensions") or ()):
            return False
        accepted = (self.header("te") or "").lower().split(",")
        return any(member.partition(";")[0].strip() == "trailers" for member in accepted)

    def index(self) -> dict[bytes, bytes]:
        """The headers by name (lower case), each folded to one value. Not to be changed."""
        index = self._index = _indexed(self.scope.get("headers") or ())
        return index

    def header(self, name: str) -> str | None:
        index = self._index
        if index is None:
            index = self.index()
        value = index.get(name.encode())
        return None if value is None else value.decode("latin-1")

    def several(self, names: HeaderNames) -> list[str | None]:
        if self._index is not None:
            return Request.several(self, names)
        places = names.places
        found: list[str | None] = [None] * len(places)
        headers = self.scope.get("headers") or ()
        for raw, value in headers:
            if raw in places:
                place = places[raw]
                if found[place] is not None:
                    return Request.several(self, names)
                found[place] = value.decode("latin-1")
        if None in found and not in_lower_case(headers):
            return Request.several(self, names)
        return found

    def set_header(self, name: str, value: str) -> None:
        key = name.encode("latin-1")
        kept = [pair for pair in self.scope.get("headers") or () if pair[0].lower() != key]
        # The scope is the server's (ASGI, "Middleware"): the application gets a shallow copy.
        self.scope = {**self.scope, "headers": [*kept, (key, value.encode("latin-1"))]}
        self._index = None

    def see_body(self) -> None:
        extensions: dict[str, Any] = self.scope.get("extensions") or {}
        kept = {name: each for name, each in extensions.items() if name != ZERO_COPY}
        self.scope = {**self.scope, "extensions": kept}

    def expose(self, name: str, value: Any) -> None:
        state = self.scope.get("state")
        if state is not None:
            state[name] = value

    def exposed(self, name: str) -> Any:
        return self.scope.get(f"dualware.{name}")


# Names that were met in lower case, as ASGI wants them. Clients make names up, so their number is
# bounded, and their length.
_LOWER: Final = set[bytes]()
_LOWER_MOST: Final = 1024
_LOWER_LONGEST: Final = 64


def in_lower_case(headers: Any) -> bool:
    """Whether names are known to be in lower case, so that one which is absent is so in any case.

    They come so (ASGI, "HTTP Connection Scope"), but not from every server (protocols A7).
    """
    return _LOWER.issuperset(map(_NAME, headers))


def _indexed(headers: Any) -> dict[bytes, bytes]:
    """The raw headers by name. Any iterable of pairs, names in any case (protocols A7)."""
    if headers.__class__ is list:
        # All of it by the interpreter itself where every name is there once, and known.
        at_once: dict[bytes, bytes] = dict(headers)
        if len(at_once) == len(headers) and _LOWER.issuperset(at_once):
            return at_once
    index: dict[bytes, bytes] = {}
    several: dict[bytes, list[bytes]] = {}
    for raw, value in headers:
        name = raw.lower()
        if name == raw and len(name) <= _LOWER_LONGEST and len(_LOWER) < _LOWER_MOST:
            _LOWER.add(name)
        if name not in index:
            index[name] = value
        else:
            several.setdefault(name, [index[name]]).append(value)
    for name, values in several.items():
        # RFC 9110 §5.3; RFC 9113 §8.2.3 for Cookie. One join, never a sum (CVE-2025-14550).
        index[name] = (b"; " if name == b"cookie" else b",").join(values)
    return index


def _inside(mount: str, path: str) -> bool:
    # On a segment boundary: "/foo" is not a prefix of "/foobar".
    return bool(mount) and path.startswith(mount) and path[len(mount) :][:1] in ("", "/")


def _joined(mount: str, path: str) -> str:
    """The full path: servers and frameworks differ in whether ``path`` has the mount already."""
    mount = mount.rstrip("/")
    return path if not mount or _inside(mount, path) else mount + path
