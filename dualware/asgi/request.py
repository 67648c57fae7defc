"""The request that a `scope` describes.

Knows the HTTP and the websocket connection scope, and what servers leave out of it. Must never
change the server's own scope: a change makes a copy, and only the application sees it.
"""

from __future__ import annotations

from typing import Any, Final, Literal
from urllib.parse import quote

from dualware.core.compiling import mypyc_attr
from dualware.core.exchange import EXPOSED
from dualware.core.header_names import ASKED, HeaderName, HeaderNames
from dualware.core.message import Facts, Request, Target

__all__ = ["TARGET", "ZERO_COPY", "ASGIRequest", "Scope"]

Scope = Any
"""A connection scope. Frameworks type it in ways that do not fit each other; `Any` fits all."""

_PATH_SAFE: Final = "/~!$&'()*+,;=:@"
"""What stands unescaped in a path (RFC 3986 §3.3), beside what `quote` never escapes."""

_QUERY: Final = ord("?")
"""Looking for a byte by its number takes a tenth of what `bytes` in `bytes` does."""

_AGENT: Final = HeaderName("user-agent").wire
_LENGTH: Final = HeaderName("content-length").wire

ZERO_COPY: Final = "http.response.zerocopysend"

TARGET: Final = ("method", "path", "raw_path", "root_path")
"""What `Request.target` takes of it."""


@mypyc_attr(allow_interpreted_subclasses=True)
class ASGIRequest(Request):
    """One ``http`` or ``websocket`` scope."""

    __slots__ = ("_index", "_spellings", "_whole", "scope")

    def __init__(self, scope: Scope) -> None:
        self.scope: Scope = scope
        """What the application is called with: the server's object, unless we had to copy it."""
        self._index: dict[bytes, bytes] | None = None
        self._spellings: dict[bytes, bytes | None] = {}
        """Those of `ASKED` when the index was made."""
        self._whole: dict[bytes, bytes] | None = None
        """All headers, where somebody asked for one that is not in the index."""

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
        path: str = (raw.partition(b"?")[0] if _QUERY in raw else raw).decode("latin-1")
        mount = scope.get("root_path")
        return _joined(quote(mount, safe=_PATH_SAFE), path) if mount else path

    def target(self) -> Target:
        return tuple(map(self.scope.get, TARGET))

    def paths(self, target: Target) -> tuple[str, str, str]:
        method, path, raw, mount = target
        if isinstance(raw, bytes) and raw and not mount and method and path and _QUERY not in raw:
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
        agent, length = index.get(_AGENT), index.get(_LENGTH)
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
        """The headers that anybody asks for, by name, each folded to one value. Not to change."""
        scope: dict[str, Any] = self.scope
        headers: Any = scope.get("headers") or []
        try:
            return self._indexed(headers)
        except TypeError:
            # ASGI, "HTTP Connection Scope": any iterables of byte strings (protocols A7).
            return self._indexed([(bytes(name), bytes(value)) for name, value in headers])

    def _indexed(self, headers: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
        """`index` of what nearly every server gives."""
        spellings = self._spellings = ASKED.spellings
        index: dict[bytes, bytes] = {}
        several: dict[bytes, list[bytes]] = {}
        for raw, value in headers:
            try:
                name = spellings[raw]
            except KeyError:
                name = ASKED.learn(spellings, raw)
            if name is None:
                continue
            if name not in index:
                index[name] = value
            else:
                several.setdefault(name, [index[name]]).append(value)
        for name, values in several.items():
            index[name] = _folded(name, values)
        self._index = index
        return index

    def _whole_index(self) -> dict[bytes, bytes]:
        """All headers by name, for who asks for one that nobody asks for in every exchange."""
        several: dict[bytes, list[bytes]] = {}
        for raw, value in self.scope.get("headers") or ():
            several.setdefault(bytes(raw.lower()), []).append(value)
        whole = {name: _folded(name, values) for name, values in several.items()}
        self._whole = whole
        return whole

    def header(self, name: str) -> str | None:
        key = name.encode()
        index = self._index
        if index is None:
            index = self.index()
        value = index.get(key)
        if value is None and (key not in ASKED.names or self._spellings is not ASKED.spellings):
            whole = self._whole
            value = (self._whole_index() if whole is None else whole).get(key)
        return None if value is None else value.decode("latin-1")

    def several(self, names: HeaderNames) -> list[str | None]:
        index = self._index
        if index is None:
            index = self.index()
        if self._spellings is not ASKED.spellings:
            return Request.several(self, names)
        found: list[str | None] = []
        for each in names.names:
            value = index.get(each.wire)
            found.append(None if value is None else value.decode("latin-1"))
        return found

    def set_header(self, name: str, value: str) -> None:
        key = name.encode("latin-1")
        kept = [pair for pair in self.scope.get("headers") or () if pair[0].lower() != key]
        # The scope is the server's (ASGI, "Middleware"): the application gets a shallow copy.
        self.scope = {**self.scope, "headers": [*kept, (key, value.encode("latin-1"))]}
        self._index = self._whole = None

    def see_body(self) -> None:
        extensions: dict[str, Any] = self.scope.get("extensions") or {}
        kept = {name: each for name, each in extensions.items() if name != ZERO_COPY}
        self.scope = {**self.scope, "extensions": kept}

    def expose(self, name: str, value: Any) -> None:
        state = self.scope.get("state")
        if state is not None:
            state[name] = value

    def exposed(self, name: str) -> Any:
        return self.scope.get(EXPOSED[name])


def _folded(name: bytes, values: list[bytes]) -> bytes:
    # RFC 9110 §5.3; RFC 9113 §8.2.3 for Cookie. One join, never a sum (CVE-2025-14550).
    return (b"; " if name == b"cookie" else b",").join(values)


def _inside(mount: str, path: str) -> bool:
    # On a segment boundary: "/foo" is not a prefix of "/foobar".
    return bool(mount) and path.startswith(mount) and path[len(mount) :][:1] in ("", "/")


def _joined(mount: str, path: str) -> str:
    """The full path: servers and frameworks differ in whether ``path`` has the mount already."""
    mount = mount.rstrip("/")
    return path if not mount or _inside(mount, path) else mount + path
