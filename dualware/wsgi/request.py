"""The request that an `environ` describes.

Knows PEP 3333's dictionary, and how servers deviate from it. Must never keep anything computed:
the dictionary belongs to the server, and whoever is inside us may change it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, cast
from urllib.parse import quote

from dualware.core.compiling import mypyc_attr
from dualware.core.exchange import EXPOSED
from dualware.core.header_names import HeaderNames, variable_of
from dualware.core.memo import Memo, is_short
from dualware.core.message import Facts, Request, Target

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["TARGET", "WSGIRequest"]

TARGET: Final = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "RAW_URI", "REQUEST_URI")
"""What `Request.target` takes of it."""

_PATH_SAFE: Final = "/~!$&'()*+,;=:@"
"""What stands unescaped in a path (RFC 3986 §3.3), beside what `quote` never escapes."""
_PLAIN: Final = re.compile(rf"[A-Za-z0-9._{re.escape(_PATH_SAFE)}-]*").fullmatch
"""Matches a path in which there is nothing to escape."""


@mypyc_attr(allow_interpreted_subclasses=True)
class WSGIRequest(Request):
    """The request that an `environ` describes."""

    __slots__ = ("environ",)

    @property
    def kind(self) -> Literal["http", "websocket"]:
        return "http"

    def __init__(self, environ: WSGIEnvironment) -> None:
        self.environ = environ

    # Some callers build an almost empty environ (protocols W5), so nothing is taken for granted.

    @property
    def method(self) -> str:
        return str(self.environ.get("REQUEST_METHOD", "GET"))

    @property
    def scheme(self) -> str:
        return str(self.environ.get("wsgi.url_scheme", "http"))

    @property
    def path(self) -> str:
        return _decoded(self._mount + self.environ.get("PATH_INFO", ""))

    @property
    def route_path(self) -> str:
        return _decoded(self.environ.get("PATH_INFO", ""))

    @property
    def raw_path(self) -> str:
        # Not in PEP 3333: gunicorn and Werkzeug say RAW_URI; waitress, cheroot and uWSGI
        # REQUEST_URI. Both are the whole target, in absolute form if it was sent so.
        target = self.environ.get("RAW_URI") or self.environ.get("REQUEST_URI")
        if not target:
            whole: str = self._mount + self.environ.get("PATH_INFO", "")
            # Most paths need no escape, and to see that costs a third of quoting them.
            if _PLAIN(whole):
                return whole
            return quote(_octets(whole), safe=_PATH_SAFE)
        path = target.partition("?")[0]
        if not path.startswith("/") and "://" in path:
            path = "/" + path.partition("://")[2].partition("/")[2]
        return cast("str", path)

    def target(self) -> Target:
        return tuple(map(self.environ.get, TARGET))

    def paths(self, target: Target) -> tuple[str, str, str]:
        method, mount, path, raw, other = target
        if not raw and not other and not mount and method and path and _PLAIN(path):
            # What the properties say where there is nothing to decode or to escape.
            return method, path, path
        known = zip(TARGET, target, strict=True)
        then = WSGIRequest({name: each for name, each in known if each is not None})
        return then.method, then.raw_path, then.route_path

    def facts(self) -> Facts:
        get = self.environ.get
        return (
            get("QUERY_STRING") or None,
            get("wsgi.url_scheme", "http"),
            _VERSIONS[get("SERVER_PROTOCOL", "")],
            get("REMOTE_ADDR") or None,
            get("HTTP_USER_AGENT"),
            get("CONTENT_LENGTH"),
        )

    @property
    def query(self) -> str:
        return str(self.environ.get("QUERY_STRING", ""))

    @property
    def http_version(self) -> str | None:
        return _VERSIONS[self.environ.get("SERVER_PROTOCOL", "")]

    @property
    def client(self) -> tuple[str, int | None] | None:
        address = self.environ.get("REMOTE_ADDR")
        if not address:
            return None
        try:
            # An int under Werkzeug, absent under wsgiref, uWSGI, granian and hypercorn.
            return address, int(self.environ["REMOTE_PORT"])
        except (KeyError, ValueError):
            return address, None

    @property
    def trailers(self) -> bool:
        return False

    @property
    def _mount(self) -> str:
        return cast("str", self.environ.get("SCRIPT_NAME", ""))

    def header(self, name: str) -> str | None:
        return self.environ.get(_VARIABLES[name])

    def several(self, names: HeaderNames) -> list[str | None]:
        environ = self.environ
        return [environ.get(each.variable) for each in names.names]

    def set_header(self, name: str, value: str) -> None:
        self.environ[_VARIABLES[name]] = value

    def see_body(self) -> None:
        pass

    def expose(self, name: str, value: Any) -> None:
        # A key without a dot would have to be a str (wsgiref.validate).
        self.environ[EXPOSED[name]] = value

    def exposed(self, name: str) -> Any:
        return self.environ.get(EXPOSED[name])


def _version(protocol: str) -> str | None:
    _, _, version = protocol.partition("/")
    # ASGI says "2" and "3"; some WSGI servers say "HTTP/2.0".
    return (version if version.startswith("1.") else version.removesuffix(".0")) or None


_VERSIONS: Final = Memo(_version, is_short)
"""By what SERVER_PROTOCOL says."""


# Of names that settings say, as a rule.
_VARIABLES: Final = Memo(variable_of, is_short)
"""Where the header of a name (lower case) stands in an environ."""


def _decoded(text: str) -> str:
    return _octets(text).decode("utf-8", "replace")


def _octets(text: str) -> bytes:
    # PEP 3333, "Unicode Issues": bytes that are shown as Latin-1.
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        # Django writes what it decoded into the environ that it was handed.
        return text.encode("utf-8", "surrogatepass")
