"""The limit: what the stack of five does with `SETTINGS`, in one function for each protocol.

Request id, access line, timing, CORS and gzip, fused by hand as tightly as good Python allows, with
no middleware, no event and no object between them. It is what a general solution is measured
against: nobody would write it twice, and nobody could change one part of it alone. Head, body and
line are those of the stack, for failures, HEAD, bodiless responses and clients that leave as well;
`tests/test_limit.py` holds it to that. Knows the settings of the benchmark only. Must never be made
slower than it could be, nor leave out work that the stack does for an exchange.

What it leaves out is what no exchange of the benchmark has: trailers, pushes, trace headers,
clients that refuse identity, exchanges inside exchanges, and fields that the application adds. A
server's own header names are taken to be in lower case, and a response that is known too late to
be too short for gzip may say Vary all the same. Its line goes to structlog by the log method, as
anybody's does; the stack goes past that method, by what structlog documents for wrapper classes
(`dualware.core.logging.sinks`): a tenth of what a line costs.
"""

from __future__ import annotations

import logging
import re
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from os import urandom
from typing import Any
from urllib.parse import quote

from dualware.core.compression.media_types import COMPRESSED, MediaTypes
from dualware.core.compression.negotiation import best, weights
from dualware.core.compression.padding import Padding

__all__ = ["CURRENT", "FIELDS", "SETTINGS", "asgi_limit", "wsgi_limit"]

FIELDS = (
    "http.request.method",
    "url.path",
    "http.response.status_code",
    "http.response.body.size",
    "http.server.request.duration",
    "http.request.id",
    "outcome",
)
"""What every line of the benchmark says: the seven fields of the usual recipe."""

SETTINGS: dict[str, dict[str, Any]] = {
    "request_id": {},
    "logging": {"fields": FIELDS},
    "timing": {},
    "cors": {
        "allow_origins": ["https://a.example", "https://shop.example"],
        "allow_methods": ["PUT", "PATCH", "DELETE"],
        "allow_headers": ["content-type", "x-request-id"],
        "allow_credentials": True,
        "expose_headers": ["x-total"],
        "max_age": 600,
    },
    # Level 6 is what every peer has. No thread: what is measured is the CPU time of this one.
    "gzip": {"backend": "zlib", "compresslevel": 6, "max_block_ms": 1000.0},
}

CURRENT: ContextVar[str | None] = ContextVar("limit_request_id", default=None)
"""The request id, for code inside the exchange."""

_MINIMUM = 500
_LEVEL = 6
_PADDING = 100
_KNOWN_MOST = 256
_VALID = "[A-Za-z0-9+/=_.:~@-]{1,200}"
_BODILESS = frozenset({204, 205, 304})
_UNTOUCHED = frozenset({204, 205, 206})
_BROKEN = frozenset({"error", "no_response", "incomplete"})
_PREFLIGHT = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"

# What the application's head is looked through for, by what follows from it.
_SETTLED = frozenset(
    {
        "content-encoding", "content-range", "content-digest", "content-md5", "digest",
        "repr-digest",
    }
)  # fmt: skip
_TAKEN = frozenset(
    {
        "x-request-id", "access-control-allow-origin", "access-control-allow-credentials",
        "access-control-expose-headers", "access-control-allow-methods",
        "access-control-allow-headers", "access-control-max-age", "vary",
    }
)  # fmt: skip
_READ = _SETTLED | _TAKEN | {"content-type", "content-length", "cache-control"}
_SHORT = frozenset(str(size) for size in range(_MINIMUM))

clock = time.perf_counter_ns


# What is looked up


class _Memo(dict[Any, Any]):
    """What a value means, worked out once for each of the first few."""

    def __init__(self, make: Callable[[Any], Any], absent: Any) -> None:
        self._make = make
        self[None] = absent

    def __missing__(self, value: Any) -> Any:
        made = self._make(value)
        if len(self) < _KNOWN_MOST:
            self[value] = made
        return made


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _takes_gzip(accepted: str | bytes) -> bool:
    return best(weights(_text(accepted)), ["gzip"]) is not None


_INCOMPRESSIBLE = MediaTypes([*COMPRESSED, "text/event-stream"])


def _shrinks(kind: str | bytes) -> bool:
    return _text(kind) not in _INCOMPRESSIBLE


def _transforms(caching: str | bytes) -> bool:
    return "no-transform" not in _text(caching).lower()


def _united(line: str, more: str) -> str:
    """A Vary with more members, each once."""
    members = [each.strip() for each in f"{line},{more}".split(",") if each.strip()]
    return ", ".join({each.lower(): each for each in reversed(members)}.values())


class _CORS:
    """The fields for every origin, and the answers to preflights, in text."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._methods = frozenset({*settings["allow_methods"], "GET", "HEAD", "POST"})
        self._listed = frozenset(settings["allow_methods"])
        self._names = frozenset(settings["allow_headers"])
        self._age = str(settings["max_age"])
        exposed = ("Access-Control-Expose-Headers", ",".join(settings["expose_headers"]))
        self.access = {
            origin: [
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Allow-Credentials", "true"),
            ]
            for origin in settings["allow_origins"]
        }
        self.heads = {origin: [*access, exposed] for origin, access in self.access.items()}

    def answer(self, origin: str, method: str, names: str) -> tuple[int, list[tuple[str, str]]]:
        """The answer to a preflight."""
        fields = self.access.get(origin)
        asked = [name for each in names.lower().split(",") if (name := each.strip(" \t"))]
        if fields is None or method not in self._methods or not self._names.issuperset(asked):
            return 403, [("Vary", _PREFLIGHT), ("Content-Length", "0")]
        fields = list(fields)
        if method in self._listed:
            fields.append(("Access-Control-Allow-Methods", method))
        if asked:
            fields.append(("Access-Control-Allow-Headers", ",".join(asked)))
        return 204, [*fields, ("Access-Control-Max-Age", self._age), ("Vary", _PREFLIGHT)]


def _line_of(logger: Any) -> Callable[..., None]:
    """What writes the access line."""
    info, error = logger.info, logger.error

    def line(
        method: str,
        path: str,
        status: int | None,
        sent: int,
        started: int,
        request_id: str,
        outcome: str,
    ) -> None:
        took = (clock() - started) // 1000 / 1_000_000
        if path == "/healthz" and outcome == "completed" and status is not None and status < 400:
            return
        if status is None and outcome == "error":
            status = 500
        log = error if outcome in _BROKEN or (status or 0) >= 500 else info
        fields = {
            "http.request.method": method,
            "url.path": path,
            "http.response.status_code": status,
            "http.response.body.size": sent,
            "http.server.request.duration": took,
            "http.request.id": request_id,
            "outcome": outcome,
        }
        if status is None:
            del fields["http.response.status_code"]
        try:
            log("http.server.request", **fields)
        except Exception:
            # A line that can't be written changes no response.
            logging.getLogger(__name__).exception("the access line could not be written")

    return line


# Coding


_FILLED = tuple(b"a" * (size - 1) + b"\0" for size in range(_PADDING + 1))


def _padded(member: bytes, size: int) -> bytes:
    """A gzip member with a file name of ``size`` bytes in its header, against BREACH."""
    return b"".join((member[:3], b"\x08", member[4:10], _FILLED[size], member[10:]))


_pads = Padding(_PADDING, urandom)


def _coded(body: bytes) -> bytes:
    """A whole body by gzip, with a window no larger than it."""
    need = (len(body) + 261).bit_length()
    codec = zlib.compressobj(_LEVEL, zlib.DEFLATED, 16 + min(max(need, 9), 15))
    member = codec.compress(body) + codec.flush()
    return _padded(member, _pads.of(member))


# ASGI


def _wire(pairs: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs]


def _with_gzip(pairs: list[tuple[bytes, bytes]], length: int | None) -> list[tuple[bytes, bytes]]:
    """The head of a coded body."""
    made = []
    for name, value in pairs:
        if name == b"etag" and value[:1] == b'"':
            made.append((name, b"W/" + value))
        elif name not in {b"content-length", b"accept-ranges"}:
            made.append((name, value))
    made.append((b"content-encoding", b"gzip"))
    if length is not None:
        made.append((b"content-length", b"%d" % length))
    return made


def _replaced(
    headers: Any, fields: list[tuple[bytes, bytes]], seen: Mapping[bytes, bytes]
) -> list[tuple[bytes, bytes]]:
    """A head some of whose fields the application has written itself."""
    pairs = list(fields)
    if b"vary" in seen:
        lines = b",".join(value for name, value in headers if name == b"vary")
        more = b",".join(value for name, value in fields if name == b"vary")
        varies = _united(lines.decode("latin-1"), more.decode("latin-1")).encode("latin-1")
        pairs = [(name, varies if name == b"vary" else value) for name, value in fields]
    taken = {each.encode() for each in _TAKEN}
    return [pair for pair in headers if pair[0] not in taken] + pairs


_BEFORE, _HELD, _CODED, _UNCOUNTED, _OPEN, _OVER = range(6)


def asgi_limit(app: Any, logger: Any) -> Any:  # noqa: C901, PLR0915 - one function is the point
    """``app`` behind all five, logging with ``logger``."""
    line = _line_of(logger)
    cors = _CORS(SETTINGS["cors"])
    asked = frozenset(
        {
            b"x-request-id", b"origin", b"accept-encoding", b"access-control-request-method",
            b"access-control-request-headers",
        }
    )  # fmt: skip
    read = frozenset(each.encode() for each in _READ)
    settled = frozenset(each.encode() for each in _SETTLED)
    taken = frozenset(each.encode() for each in _TAKEN)
    short = frozenset(each.encode() for each in _SHORT)
    takes_gzip = _Memo(_takes_gzip, absent=False)
    shrinks = _Memo(_shrinks, absent=True)
    transforms = _Memo(_transforms, absent=True)
    valid = re.compile(_VALID.encode()).fullmatch

    def varying(fields: list[tuple[str, str]]) -> tuple[Any, Any]:
        plain, coded = ("Vary", "Origin"), ("Vary", "Accept-Encoding, Origin")
        return _wire([*fields, plain]), _wire([*fields, coded])

    # For every origin the fields of a response that gzip can't touch, and of one that it can.
    heads = {origin.encode(): varying(fields) for origin, fields in cors.heads.items()}
    stranger = varying([])
    answers: dict[Any, tuple[int, list[tuple[bytes, bytes]]]] = {}

    def answer(key: tuple[bytes, bytes, bytes]) -> tuple[int, list[tuple[bytes, bytes]]]:
        status, fields = cors.answer(*(each.decode("latin-1") for each in key))
        made = status, _wire(fields)
        if status == 204 and len(answers) < _KNOWN_MOST:
            answers[key] = made
        return made

    async def limited(scope: Any, receive: Any, send: Any) -> None:  # noqa: C901, PLR0912, PLR0915
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        started = clock()
        given: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in asked:
                given[name] = value if name not in given else given[name] + b"," + value
        wire_id = given.get(b"x-request-id")
        if wire_id is not None and valid(wire_id):
            request_id = wire_id.decode()
        else:
            request_id = urandom(16).hex()
            wire_id = request_id.encode()
        origin = given.get(b"origin")
        method = scope["method"]
        raw_path = scope.get("raw_path")
        path = raw_path.decode("latin-1") if raw_path else quote(scope["path"])

        if method == "OPTIONS" and origin is not None and b"access-control-request-method" in given:
            key = (
                origin,
                given[b"access-control-request-method"],
                given.get(b"access-control-request-headers", b""),
            )
            status, fields = answers.get(key) or answer(key)
            headers = [
                *fields,
                (b"server-timing", b"app;dur=%.3f" % ((clock() - started) / 1_000_000)),
                (b"x-request-id", wire_id),
            ]
            outcome = "cancelled"
            try:
                await send({"type": "http.response.start", "status": status, "headers": headers})
                await send({"type": "http.response.body", "body": b""})
                outcome = "completed"
            except OSError:
                outcome = "aborted"
                raise
            finally:
                line(method, path, status, 0, started, request_id, outcome)
            return

        plain, varied = heads.get(origin, stranger)
        accepts = takes_gzip[given.get(b"accept-encoding")]
        status = None
        sent = 0
        place = _BEFORE
        # The head while it is held, then the codec.
        pending: Any = None
        padding = 0
        flushes = False
        gone = False

        async def on_receive() -> Any:
            nonlocal gone
            message = await receive()
            if message["type"] == "http.disconnect":
                gone = True
            return message

        async def on_send(message: Any) -> None:  # noqa: C901, PLR0912, PLR0915
            nonlocal status, sent, place, pending, padding, flushes, gone
            kind = message["type"]
            if kind == "http.response.body" and place != _OVER:
                body = message.get("body", b"")
                more = message.get("more_body", False)
                if place == _CODED:
                    if body:
                        body = pending.compress(body)
                        if flushes:
                            body += pending.flush(zlib.Z_SYNC_FLUSH)
                    if not more:
                        body += pending.flush()
                    if not body and more:
                        return
                    if padding:
                        body, padding = _padded(body, padding), 0
                    message = {"type": kind, "body": body, "more_body": more}
                elif place == _HELD:
                    head, length = pending
                    place = _OPEN
                    if not more or length == b"%d" % len(body):
                        if len(body) >= _MINIMUM and len(coded := _coded(body)) < len(body):
                            head = {**head, "headers": _with_gzip(head["headers"], len(coded))}
                            body = coded
                    else:
                        head = {**head, "headers": _with_gzip(head["headers"], None)}
                        place = _CODED
                        pending = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
                        padding = _pads.drawn()
                        flushes = length is None
                        if body:
                            body = pending.compress(body)
                            if flushes:
                                body += pending.flush(zlib.Z_SYNC_FLUSH)
                        if body:
                            body, padding = _padded(body, padding), 0
                    message = {"type": kind, "body": body, "more_body": more}
                    try:
                        await send(head)
                    except OSError:
                        gone = True
                        raise
                    if not body and more:
                        return
                try:
                    await send(message)
                except OSError:
                    gone = True
                    raise
                if place != _UNCOUNTED:
                    sent += len(body)
                if not more:
                    place = _OVER
                    outcome = "aborted" if gone else "completed"
                    line(method, path, status, sent, started, request_id, outcome)
                return
            if kind == "http.response.start" and place == _BEFORE:
                status = message["status"]
                headers = message.get("headers", ())
                seen = {name: value for name, value in headers if name in read}
                length = seen.get(b"content-length")
                codable = (
                    length not in short
                    and status not in _UNTOUCHED
                    and shrinks[seen.get(b"content-type")]
                    and transforms[seen.get(b"cache-control")]
                    and settled.isdisjoint(seen)
                )
                fields = varied if codable else plain
                if not taken.isdisjoint(seen):
                    headers, fields = _replaced(headers, fields, seen), ()
                pairs = [
                    *headers,
                    *fields,
                    (b"server-timing", b"app;dur=%.3f" % ((clock() - started) / 1_000_000)),
                    (b"x-request-id", wire_id),
                ]
                place = _UNCOUNTED if method == "HEAD" or status in _BODILESS else _OPEN
                if codable and accepts and status != 304:
                    if place == _OPEN:
                        place, pending = _HELD, ({**message, "headers": pairs}, length)
                        return
                    pairs = _with_gzip(pairs, None)
                message = {**message, "headers": pairs}
            elif place == _HELD:
                # A file that the server sends by itself, say.
                place, head = _OPEN, pending[0]
                await send(head)
            try:
                await send(message)
            except OSError:
                gone = True
                raise
            if kind == "http.response.pathsend":
                place = _OVER
                line(method, path, status, sent, started, request_id, "completed")

        token = CURRENT.set(request_id)
        try:
            await app(scope, on_receive, on_send)
            if place != _OVER:
                if place == _HELD:
                    await send(pending[0])
                place = _OVER
                outcome = "aborted" if gone else "no_response" if status is None else "incomplete"
                line(method, path, status, sent, started, request_id, outcome)
        except BaseException as error:
            if place != _OVER:
                # A head that was held went nowhere.
                status = None if place == _HELD else status
                outcome = "error" if isinstance(error, Exception) else "cancelled"
                line(
                    method, path, status, sent, started, request_id, "aborted" if gone else outcome
                )
            raise
        finally:
            CURRENT.reset(token)

    return limited


# WSGI


class _Names(dict[str, str | None]):
    """The lower-case form of a field's name if it is read, None for others."""

    def __missing__(self, name: str) -> str | None:
        lower = name.lower()
        found = lower if lower in _READ else None
        if len(self) < _KNOWN_MOST:
            self[name] = found
        return found


def _with_gzip_native(pairs: list[tuple[str, str]], length: int | None) -> list[tuple[str, str]]:
    made = []
    for name, value in pairs:
        lower = name.lower()
        if lower == "etag" and value[:1] == '"':
            made.append((name, f"W/{value}"))
        elif lower not in {"content-length", "accept-ranges"}:
            made.append((name, value))
    made.append(("Content-Encoding", "gzip"))
    if length is not None:
        made.append(("Content-Length", str(length)))
    return made


def _replaced_native(
    headers: list[tuple[str, str]], fields: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    pairs = list(fields)
    lines = [value for name, value in headers if name.lower() == "vary"]
    if lines:
        pairs = [
            (name, _united(",".join(lines), value) if name == "Vary" else value)
            for name, value in fields
        ]
    return [pair for pair in headers if pair[0].lower() not in _TAKEN] + pairs


class _Followed:
    """A body that is not a list, on its way to the server."""

    __slots__ = (
        "_body",
        "_codec",
        "_counts",
        "_flushes",
        "_line",
        "_over",
        "_running",
        "_token",
        "_told",
        "sent",
    )  # fmt: skip

    def __init__(
        self,
        body: Any,
        running: Iterator[bytes],
        codec: Any,
        *,
        flushes: bool,
        counts: bool,
        line: Callable[..., None],
        told: tuple[Any, ...],
        token: Any,
    ) -> None:
        self._body = body
        self._codec = codec
        self._flushes = flushes
        self._counts = counts
        self._line = line
        self._told = told
        self._token = token
        self._over = False
        self.sent = 0
        self._running = (self._plain if codec is None else self._coded)(running)

    def __iter__(self) -> Iterator[bytes]:
        return self._running

    def _plain(self, running: Iterator[bytes]) -> Iterator[bytes]:
        sent = 0
        try:
            for chunk in running:
                sent += len(chunk)
                yield chunk
        except Exception:
            self.sent = sent
            self._end("error")
            raise
        finally:
            self.sent = sent
        self._end("completed")

    def _coded(self, running: Iterator[bytes]) -> Iterator[bytes]:
        codec, flushes, padding = self._codec, self._flushes, _pads.drawn()
        sent = 0
        try:
            for chunk in running:
                coded = codec.compress(chunk) if chunk else b""
                if flushes and chunk:
                    coded += codec.flush(zlib.Z_SYNC_FLUSH)
                if coded and padding:
                    coded, padding = _padded(coded, padding), 0
                sent += len(coded)
                yield coded
            coded = codec.flush()
            if padding:
                coded = _padded(coded, padding)
            sent += len(coded)
            yield coded
        except Exception:
            self.sent = sent
            self._end("error")
            raise
        finally:
            self.sent = sent
        self._end("completed")

    def _end(self, outcome: str) -> None:
        if not self._over:
            self._over = True
            method, path, status, started, request_id = self._told
            sent = self.sent if self._counts else 0
            self._line(method, path, status, sent, started, request_id, outcome)
            _reset(self._token)

    def close(self) -> None:
        """PEP 3333, "Specification Details"."""
        self._running.close()  # type: ignore[attr-defined]
        outcome = "completed" if not self._counts else "aborted"
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        except BaseException as error:
            outcome = "error" if isinstance(error, Exception) else "cancelled"
            raise
        finally:
            self._end(outcome)


def _reset(token: Any) -> None:
    try:
        CURRENT.reset(token)
    except ValueError:
        # Another context than that of the call: the variable was never set there.
        pass


def _code_of(status: str) -> int:
    return int(status[:3])


def wsgi_limit(app: Any, logger: Any) -> Any:  # noqa: C901, PLR0915 - one function is the point
    """``app`` behind all five, logging with ``logger``."""
    line = _line_of(logger)
    cors = _CORS(SETTINGS["cors"])
    names = _Names()
    codes = _Memo(_code_of, absent=None)
    takes_gzip = _Memo(_takes_gzip, absent=False)
    shrinks = _Memo(_shrinks, absent=True)
    transforms = _Memo(_transforms, absent=True)
    valid = re.compile(_VALID).fullmatch
    unescaped = re.compile(r"[A-Za-z0-9._/~!$&'()*+,;=:@-]*").fullmatch

    def varying(fields: list[tuple[str, str]]) -> tuple[Any, Any]:
        plain, coded = ("Vary", "Origin"), ("Vary", "Accept-Encoding, Origin")
        return [*fields, plain], [*fields, coded]

    heads = {origin: varying(fields) for origin, fields in cors.heads.items()}
    stranger = varying([])
    answers: dict[Any, tuple[str, list[tuple[str, str]]]] = {}

    def answer(key: tuple[str, str, str]) -> tuple[str, list[tuple[str, str]]]:
        status, fields = cors.answer(*key)
        made = "204 No Content" if status == 204 else "403 Forbidden", fields
        if status == 204 and len(answers) < _KNOWN_MOST:
            answers[key] = made
        return made

    def limited(environ: Any, start_response: Any) -> Any:  # noqa: C901, PLR0912, PLR0915
        started = clock()
        get = environ.get
        request_id = get("HTTP_X_REQUEST_ID")
        if request_id is None or not valid(request_id):
            request_id = urandom(16).hex()
        origin = get("HTTP_ORIGIN")
        method = environ["REQUEST_METHOD"]
        path = get("RAW_URI") or get("REQUEST_URI")
        if path:
            path = path.partition("?")[0]
        else:
            path = get("SCRIPT_NAME", "") + get("PATH_INFO", "")
            if not unescaped(path):
                path = quote(path.encode("latin-1"), safe="/~!$&'()*+,;=:@")

        if method == "OPTIONS" and origin is not None:
            wanted = get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
            if wanted is not None:
                key = origin, wanted, get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
                status, fields = answers.get(key) or answer(key)
                headers = [
                    *fields,
                    ("Server-Timing", f"app;dur={(clock() - started) / 1_000_000:.3f}"),
                    ("X-Request-ID", request_id),
                ]
                start_response(status, headers)
                line(method, path, codes[status], 0, started, request_id, "completed")
                return [b""]

        plain, varied = heads.get(origin, stranger)
        # What the application has said; None again when it went to the server.
        head: Any = None
        # What is left of the head for a second start_response, and for write().
        given: Any = None
        server_write: Any = None
        code: int | None = None
        written = 0

        def made(headers: Any) -> tuple[list[tuple[str, str]], bool, str | None]:
            """The whole head; whether gzip may touch the body; its declared length."""
            seen = {}
            for name, value in headers:
                known = names[name]
                if known is not None:
                    seen[known] = value
            length = seen.get("content-length")
            codable = (
                length not in _SHORT
                and code not in _UNTOUCHED
                and shrinks[seen.get("content-type")]
                and transforms[seen.get("cache-control")]
                and _SETTLED.isdisjoint(seen)
            )
            fields = varied if codable else plain
            if not _TAKEN.isdisjoint(seen):
                headers, fields = _replaced_native(headers, fields), ()
            pairs = [
                *headers,
                *fields,
                ("Server-Timing", f"app;dur={(clock() - started) / 1_000_000:.3f}"),
                ("X-Request-ID", request_id),
            ]
            return pairs, codable, length

        def begin(status: str, headers: Any, exc_info: Any = None) -> Any:
            nonlocal head, code
            if given is not None:
                # After output it is the server that raises; before, the new head replaces ours.
                return start_response(status, made(headers)[0], exc_info)
            head = status, headers
            code = codes[status]
            return write

        def write(data: bytes) -> None:
            nonlocal given, server_write, written
            if given is None:
                given = head
                server_write = start_response(head[0], made(head[1])[0])
            server_write(data)
            written += len(data)

        token = CURRENT.set(request_id)
        try:
            body = app(environ, begin)
            counts = method != "HEAD" and code not in _BODILESS
            if isinstance(body, list | tuple):
                if head is not None and given is None:
                    pairs, codable, _ = made(head[1])
                    if codable and code != 304 and takes_gzip[get("HTTP_ACCEPT_ENCODING")]:
                        if counts:
                            data = body[0] if len(body) == 1 else b"".join(body)
                            if len(data) >= _MINIMUM and len(coded := _coded(data)) < len(data):
                                pairs, body = _with_gzip_native(pairs, len(coded)), [coded]
                        else:
                            pairs = _with_gzip_native(pairs, None)
                    given = head
                    start_response(head[0], pairs)
                sent = written + sum(map(len, body)) if counts else 0
                outcome = "no_response" if head is None else "completed"
                line(method, path, code, sent, started, request_id, outcome)
                CURRENT.reset(token)
                return body

            running = iter(body)
            if head is None:
                # A generator says its head as late as with its first item.
                first = next(running, b"")
                running = _chained(first, running)
                counts = method != "HEAD" and code not in _BODILESS
            codec = None
            flushes = False
            if head is not None and given is None:
                pairs, codable, length = made(head[1])
                if codable and code != 304 and takes_gzip[get("HTTP_ACCEPT_ENCODING")]:
                    if not counts:
                        pairs = _with_gzip_native(pairs, None)
                    elif isinstance(body, get("wsgi.file_wrapper") or ()):
                        # The server sends it by itself.
                        pass
                    else:
                        if length is not None:
                            first = next(running, b"")
                            running = _chained(first, running)
                        if length is not None and length == str(len(first)):
                            coded = _coded(first)
                            if len(coded) < len(first):
                                pairs = _with_gzip_native(pairs, len(coded))
                                running = _chained(coded, running, skipped=1)
                        else:
                            pairs = _with_gzip_native(pairs, None)
                            codec = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)
                            flushes = length is None
                given = head
                start_response(head[0], pairs)
            told = method, path, code, started, request_id
            return _Followed(
                body,
                running,
                codec,
                flushes=flushes,
                counts=counts,
                line=line,
                told=told,
                token=token,
            )
        except BaseException as error:
            # A head that was held went nowhere.
            code = None if given is None else code
            outcome = "error" if isinstance(error, Exception) else "cancelled"
            line(method, path, code, written, started, request_id, outcome)
            _reset(token)
            raise

    return limited


def _chained(first: bytes, running: Iterator[bytes], skipped: int = 0) -> Iterator[bytes]:
    for _ in range(skipped):
        next(running, b"")
    yield first
    yield from running
