"""Request and response as middleware see them.

Knows what an HTTP message has; the two drivers say where it stands. Must never know `environ`
or `scope`: `Request` is an interface, and each driver's room holds the one class behind it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from dualware.core.compiling import mypyc_attr

if TYPE_CHECKING:
    from dualware.core.header_names import HeaderNames
    from dualware.core.headers import Fields, Headers

__all__ = [
    "Chunk",
    "Codec",
    "ExchangeError",
    "Facts",
    "NoResponse",
    "Request",
    "Response",
    "Target",
    "has_no_body",
]

BODILESS = frozenset({204, 205, 304})
"""Status codes whose response has no content, 1xx aside (RFC 9110 §6.4.1, §15.3.6)."""


@mypyc_attr(native_class=False)
class ExchangeError(RuntimeError):
    """A middleware did something that is not legal at this point of the exchange."""


class Codec(Protocol):
    """A content coding in progress. `zlib.compressobj()` is one as it is.

    It may have a ``slow_from``: the size of a chunk (bytes) from which on `compress` may take
    longer than an event loop should stand still. The ASGI driver codes those in a thread.
    """

    def compress(self, data: bytes, /) -> bytes:
        """Take one body chunk; return what can be sent of all that was taken, maybe nothing."""
        ...

    def flush(self) -> bytes:
        """End the coding; return all that was kept back."""
        ...


Chunk = Any
"""Bytes of a body. What is like them, a `bytearray` or a `memoryview`, passes too, as far as the
server and the codecs take it."""
Target = tuple[Any, ...]
"""Method and path as the protocol has them, see `Request.target`."""
Facts = tuple[str | None, str, str | None, str | None, str | None, str | None]
"""See `Request.facts`."""

_NEVER: Final = sys.maxsize
"""The size of a chunk for which a codec takes long, where it does not say one."""


def _coded(codec: Codec, data: Chunk, *, last: bool) -> Chunk:
    """What ``codec`` makes of a chunk; an empty one is none. ``last`` ends the coding."""
    if data:
        data = codec.compress(data)
    return data + codec.flush() if last else data


@mypyc_attr(allow_interpreted_subclasses=True)
class Request:
    """The request of one exchange.

    Header values are `str` (Latin-1); a header that came on several lines is one value, the
    lines joined by ``,`` (``; `` for Cookie), so that a verdict is the same under both protocols:
    most WSGI servers have joined them already.
    """

    __slots__ = ()

    @property
    def kind(self) -> Literal["http", "websocket"]:
        """A websocket session is an exchange too: its handshake is the request."""
        raise NotImplementedError

    @property
    def method(self) -> str:
        """The method as sent, case kept (RFC 9110 §9.1); ``GET`` for a websocket handshake."""
        raise NotImplementedError

    @property
    def scheme(self) -> str:
        """``http``, ``https``, ``ws`` or ``wss``."""
        raise NotImplementedError

    @property
    def path(self) -> str:
        """The full path, mount prefix included, percent-decoded as UTF-8."""
        raise NotImplementedError

    @property
    def route_path(self) -> str:
        """The path that the application routes by: without the mount prefix."""
        raise NotImplementedError

    @property
    def raw_path(self) -> str:
        """The full path percent-encoded, as sent where the server tells it."""
        raise NotImplementedError

    @property
    def query(self) -> str:
        """The query string as sent, without ``?``."""
        raise NotImplementedError

    @property
    def http_version(self) -> str | None:
        """``"1.1"``, ``"2"``…, None where the server does not say."""
        raise NotImplementedError

    @property
    def client(self) -> tuple[str, int | None] | None:
        """Address and port of the socket's peer; None behind a Unix socket."""
        raise NotImplementedError

    @property
    def trailers(self) -> bool:
        """Whether the server offers response trailers and the client takes them (``TE``)."""
        raise NotImplementedError

    def header(self, name: str) -> str | None:
        """The folded value of the request header ``name`` (lower case), None where absent.

        Under ASGI a name with ``_`` never matches one with ``-`` (CVE-2026-3902); many WSGI
        servers have made them one before we see them.
        """
        raise NotImplementedError

    def target(self) -> Target:
        """Method and path as they are now: applications move on in their scope or environ.

        For `paths` to read, if anybody wants to know; most that is taken is never read.
        """
        return self.method, self.raw_path, self.route_path

    def paths(self, target: Target) -> tuple[str, str, str]:
        """`method`, `raw_path` and `route_path` as they were when ``target`` was taken."""
        method, raw_path, route_path = target
        return method, raw_path, route_path

    def facts(self) -> Facts:
        """What a log line says of a request and its client, in one call.

        `query`, `scheme`, `http_version`, the address in `client`, and the headers User-Agent and
        Content-Length; None for each that is absent.
        """
        client = self.client
        return (
            self.query or None,
            self.scheme,
            self.http_version,
            None if client is None else client[0],
            self.header("user-agent"),
            self.header("content-length"),
        )

    def several(self, names: HeaderNames) -> list[str | None]:
        """What `header` says for each of ``names``."""
        return [self.header(name.text) for name in names.names]

    def set_header(self, name: str, value: str) -> None:
        """Make the application see exactly one request header ``name`` (lower case)."""
        raise NotImplementedError

    def see_body(self) -> None:
        """Have the application send its body through our hands where it has the choice.

        ASGI: it does not find ``http.response.zerocopysend`` offered. WSGI: nothing, for the file
        wrapper has to stay where it is (protocols W4).
        """
        raise NotImplementedError

    def expose(self, name: str, value: Any) -> None:
        """Show ``value`` to application code that reads protocol objects rather than dualware.

        WSGI: ``environ["dualware.<name>"]``. ASGI: ``scope["state"]["<name>"]`` where the server
        or the framework gave a ``state``; the scope itself gains no key (protocols A5).
        """
        raise NotImplementedError

    def exposed(self, name: str) -> Any:
        """What application code left for us in its protocol objects, None where it left nothing.

        WSGI: ``environ["dualware.<name>"]``. ASGI: ``scope["dualware.<name>"]``.
        """
        raise NotImplementedError


class Response:
    """The response of one exchange: its head, and what is known of its body."""

    __slots__ = (
        "_codecs",
        "_trailers",
        "complete",
        "first_chunk",
        "headers",
        "lost",
        "method",
        "opaque",
        "slow_from",
        "status",
        "trailed",
    )

    complete: bool
    """Whether ``first_chunk`` is the whole body."""
    opaque: bool
    """Whether the body passes by without our seeing it: ``wsgi.file_wrapper``, pathsend,
    zerocopysend, or a message of an unknown type. It takes no codec."""
    lost: bool
    """Whether the server has sent a head of its own instead of this one, so that nobody can be
    told of a codec."""
    trailed: bool
    """Whether trailer fields follow the body: then no length may be declared for it."""

    def __init__(self, method: str, status: int, headers: Headers[Any]) -> None:
        self.status: int | None = status
        """The status code; middleware may change it until the head is sent."""
        self.headers = headers
        self.method = method
        """The request's method, which says whether a body goes out."""
        self.first_chunk: Chunk | None = None
        """The first body chunk, encoded by the flows inside; None while it is not here, and for
        good where the head could be held no longer (a WSGI iterator, an opaque body)."""
        self.complete = self.opaque = self.lost = self.trailed = False
        self.slow_from = _NEVER
        """The size of a chunk (bytes) from which on the codecs may take long (driver's side)."""
        # Most responses have neither: tuples, so that nothing is made for them.
        self._codecs: tuple[Codec, ...] = ()
        self._trailers: tuple[tuple[str, Callable[[], str]], ...] = ()

    @property
    def bodiless(self) -> bool:
        """Whether no content goes out: HEAD, 1xx, 204, 205, 304 (RFC 9110 §6.4.1)."""
        return has_no_body(self.method, self.status)

    @property
    def encodable(self) -> bool:
        """Whether `encode` may be called: head and body go out, and both through our hands."""
        return not self.opaque and not self.lost and not self.bodiless

    def encode(self, codec: Codec, taken: Chunk | None = None) -> None:
        """Send the body through ``codec``, outside every codec that was given before.

        A body that is known whole is encoded at once, and Content-Length says the new length
        (bytes); otherwise Content-Length goes, for nobody knows it. What ``codec`` raises for
        the first chunk is raised here, with nothing changed. The caller says Content-Encoding,
        Vary and ETag. ``taken`` is what it has made of the first chunk, all of it, where that was
        done before. Raises ExchangeError where `encodable` is False.
        """
        if not self.encodable:
            raise ExchangeError(
                "this response takes no codec: its body is opaque, or it has none; "
                "ask response.encodable first"
            )
        chunk = self.first_chunk
        if chunk is not None:
            data = _coded(codec, chunk, last=self.complete) if taken is None else taken
            if self.complete:
                self.replace(data)
                return
            self.first_chunk = data
        self._codecs += (codec,)
        self.slow_from = min(self.slow_from, getattr(codec, "slow_from", _NEVER))
        self.headers.remove("Content-Length")

    def replace(self, body: Chunk, fields: Fields | None = None) -> None:
        """Send ``body`` in place of one that is known whole (`complete`), and add ``fields``."""
        self.first_chunk = body
        # RFC 9110 §8.6: replace the length or remove it, never leave a wrong one. RFC 9112 §6.2:
        # there is none where trailers follow.
        if self.trailed or self._trailers:
            self.headers.remove("Content-Length")
            if fields is not None:
                self.headers.extend(fields)
        else:
            self.headers.set_length(len(body), fields)

    def first(self, chunk: Chunk, *, complete: bool) -> None:
        """Take the first chunk in (driver's side), through the codecs that were given early."""
        self.complete = complete
        self.first_chunk = chunk
        if self._codecs:
            self.first_chunk = self.through(chunk, last=complete)
            if complete:
                self._codecs = ()
                self.replace(self.first_chunk)

    def through(self, data: Chunk, *, last: bool = False) -> Chunk:
        """Pass a chunk through every codec, innermost first; ``last`` ends the codings."""
        # As `_coded`, less one call: every chunk of a stream comes by here.
        for codec in self._codecs:
            if data:
                data = codec.compress(data)
            if last:
                data += codec.flush()
        return data

    @property
    def coded(self) -> bool:
        """Whether chunks still to come have to pass a codec."""
        return bool(self._codecs)

    @property
    def trailers(self) -> list[tuple[str, str]]:
        """The trailer fields, made now."""
        return [(name, make()) for name, make in self._trailers]

    @property
    def announces_trailers(self) -> bool:
        """Whether there will be trailer fields of ours."""
        return bool(self._trailers)

    def add_trailer(self, name: str, make: Callable[[], str]) -> None:
        """Send a trailer field after the body; ``make`` is called when the body has been sent.

        Only where `Request.trailers` says so. Announcing it in ``Trailer`` is the caller's part.
        """
        self._trailers += ((name, make),)


def has_no_body(method: str | None, status: int | None) -> bool:
    """Whether no content goes out: HEAD, 1xx, 204, 205, 304 (RFC 9110 §6.4.1)."""
    # From 200 up, since this is asked of nearly every response; no status is below 100.
    return method == "HEAD" or status in BODILESS or (status is not None and status < 200)


class NoResponse(Response):
    """What `Exchange.response` is before there is one: status None, and no headers to touch."""

    __slots__ = ()

    # One object serves every exchange, so it keeps nothing and takes nothing.
    status: int | None = None
    first_chunk: Chunk | None = None
    complete = False
    opaque = False

    def __init__(self) -> None:
        pass

    # Methods that look at attributes: where they are compiled, nobody asks `__getattr__`.

    def encode(self, codec: Codec, taken: Chunk | None = None) -> None:  # noqa: ARG002
        self.__getattr__("encode")

    def through(self, data: Chunk, *, last: bool = False) -> Chunk:  # noqa: ARG002
        return self.__getattr__("through")

    def add_trailer(self, name: str, make: Callable[[], str]) -> None:  # noqa: ARG002
        self.__getattr__("add_trailer")

    def __getattr__(self, name: str) -> Any:
        raise ExchangeError(
            f"there is no response yet, so no response.{name}: wait with 'yield RESPONSE' first"
        )

    def __setattr__(self, name: str, value: Any) -> None:
        self.__getattr__(name)
