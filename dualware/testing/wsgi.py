"""A raw, strict WSGI server and its client in one object, for tests.

This file knows PEP 3333 and holds applications to it. It must never know which
middleware it drives, nor the other protocol.

`WSGIClient` plays the server: it stands *outside* the application under test
and checks what comes out. `Inside` stands between middleware and the
application and checks what goes in.

>>> def application(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain")])
...     return [b"hello"]
>>> WSGIClient(application).request(path="/greeting").body
b'hello'
"""

from __future__ import annotations

import io
import re
import sys
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Literal

from .request import RequestBody, RequestHeaders, body_parts, leaked_names, overlay, request_fields
from .result import Result, lower_pairs
from .rules import CURRENT, HOP_BY_HOP, Ledger, current_ledger, field_faults, length_faults, type_of

if TYPE_CHECKING:
    # `wsgiref.types` came with Python 3.11.
    from _typeshed.wsgi import StartResponse, WSGIApplication


class FileWrapper:
    """The server's file wrapper: an iterable over blocks of a file.

    PEP 3333, Optional Platform-Specific File Handling. A server recognises its
    own wrapper by type, so it must reach the server untouched.
    """

    def __init__(self, filelike: Any, block_size: int = 8192) -> None:
        self.filelike = filelike
        self.block_size = block_size
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.filelike.read(self.block_size), b"")


class RequestStream:
    """``wsgi.input``: a file that writes down how it is read.

    reads
        Each call with its arguments, as text: ``["read(5)", "readline()"]``.
    """

    def __init__(self, body: bytes) -> None:
        self._file = io.BytesIO(body)
        self.reads: list[str] = []

    def _record(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.reads.append(f"{name}({', '.join(map(repr, arguments))})")

    def read(self, *arguments: int) -> bytes:
        """Some bytes of the body."""
        self._record("read", arguments)
        return self._file.read(*arguments)

    def readline(self, *arguments: int) -> bytes:
        """One line of the body."""
        self._record("readline", arguments)
        return self._file.readline(*arguments)

    def readlines(self, *arguments: int) -> list[bytes]:
        """The lines of the body."""
        self._record("readlines", arguments)
        return self._file.readlines(*arguments)

    def __iter__(self) -> Iterator[bytes]:
        self._record("iter", ())
        return iter(self._file)


def _joined(name: str, values: list[str]) -> str:
    """Several fields of one name as one value (RFC 9110 §5.3; RFC 6265 §5.4 for Cookie)."""
    return ("; " if name == "cookie" else ",").join(values)


def _header_keys(fields: list[tuple[str, str]]) -> dict[str, str]:
    """Request fields as environ keys (PEP 3333, environ Variables)."""
    grouped: dict[str, list[str]] = {}
    for name, value in fields:
        grouped.setdefault(name, []).append(value)
    keys: dict[str, str] = {}
    for name, values in grouped.items():
        key = name.upper().replace("-", "_")
        # PEP 3333, environ Variables: these two stand without the prefix.
        prefix = "" if name in ("content-type", "content-length") else "HTTP_"
        keys[prefix + key] = _joined(name, values)
    return keys


def build_environ(
    *,
    method: str = "GET",
    path: str = "/",
    query: str = "",
    headers: RequestHeaders = (),
    body: RequestBody = b"",
    scheme: str = "http",
    script_name: str = "",
    environ: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The environ of one request, as a server would hand it over.

    path, script_name
        Decoded text; they arrive as UTF-8 seen as latin-1 (PEP 3333, Unicode Issues).
    environ
        Keys laid over the rest; the value `ABSENT` takes a key out.
    """
    base: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": script_name.encode().decode("latin-1"),
        "PATH_INFO": path.encode().decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "443" if scheme == "https" else "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": RequestStream(b"".join(body_parts(body))),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
        **_header_keys(request_fields(headers, body)),
    }
    return overlay(base, environ)


# PEP 3333, The start_response() Callable: "no surrounding whitespace or other characters"
_STATUS = re.compile(r"[1-9][0-9]{2} [^\x00-\x1f\x7f]*[^\x00-\x20\x7f]")


def _code(status: object) -> int | None:
    """The number a status string starts with."""
    digits = status[:3] if isinstance(status, str) else ""
    return int(digits) if re.fullmatch("[0-9]{3}", digits) else None


def _reason(status: object) -> str | None:
    """What follows the number of a status string."""
    return status[4:] if isinstance(status, str) else None


def _header_faults(headers: Any) -> Iterator[tuple[str, str]]:
    """What is wrong with the list of headers, as pairs of rule and detail."""
    # PEP 3333, The start_response() Callable: `type(response_headers) is ListType`
    if type_of(headers) is not list:
        yield "start-headers", f"{headers!r} is no list"
        return
    for pair in headers:
        # wsgiref.validate.check_headers: a subclass of tuple or str will not do either.
        if type_of(pair) is tuple and [type_of(part) for part in pair] == [str, str]:
            yield from _pair_faults(*pair)
        else:
            yield "start-headers", f"{pair!r} is no pair of native strings"


def _pair_faults(name: str, value: str) -> Iterator[tuple[str, str]]:
    """What is wrong with one header, as pairs of rule and detail."""
    yield from field_faults(name, value, tabs=False)
    if not value.isascii() and max(map(ord, value)) > 255:
        # PEP 3333, Unicode Issues: native strings hold latin-1 only.
        yield "start-headers", f"{name}: {value!r} is not latin-1"
    if name.endswith(("-", "_")) or name.lower() == "status":
        yield "header-ending", f"{name!r}"
    if name.lower() in HOP_BY_HOP or name.lower().startswith("proxy-"):
        yield "header-hop-by-hop", f"{name}: {value}"


class _Server:
    """The server's side of one exchange."""

    def __init__(self, client: WSGIClient, environ: dict[str, Any], ledger: Ledger) -> None:
        self.client = client
        self.environ = environ
        self.method: str = environ.get("REQUEST_METHOD", "GET")
        self.ledger = ledger
        self.result = Result()
        self.pending: tuple[Any, list[tuple[str, str]]] | None = (
            None  # the head that may still be replaced
        )
        self.committed = False
        self.called = 0  # how often the application was, when the call returned
        self.pulls = 0
        self.exhausted = False

    # The head

    def start_response(self, status: Any, headers: Any, exc_info: Any = None, /) -> Any:
        """PEP 3333, The start_response() Callable."""
        try:
            self._check_start(status, headers, exc_info)
            if exc_info is not None and self.committed and not self.client.lenient:
                # "must raise an error if the headers have already been sent, using exc_info"
                raise exc_info[1].with_traceback(exc_info[2])
        finally:
            exc_info = None  # "Avoid circular ref": PEP 3333's own example
        self.pending = (status, lower_pairs(headers))
        return None if self.client.no_write else self.write

    def _two_arguments(self, status: Any, headers: Any, /) -> Any:
        return self.start_response(status, headers)

    def _check_start(self, status: Any, headers: Any, exc_info: Any) -> None:
        note = self.ledger.note
        self.result.starts.append((_code(status), lower_pairs(headers)))
        if type(status) is not str or _STATUS.fullmatch(status) is None:
            note("start-status", f"{status!r}")
        for rule, detail in _header_faults(headers):
            note(rule, detail)
        if exc_info is None:
            if self.pending is not None:
                note("start-twice", f"{status!r} after {self.pending[0]!r}")
        elif type_of(exc_info) is not tuple or len(exc_info) != 3:
            note("start-exc-info", f"{exc_info!r}")

    def commit(self, unstarted: str | None = None) -> None:
        """The head leaves the server: it can no longer be replaced."""
        if not self.committed:
            self.committed = True
            status, self.result.headers = self.pending or (unstarted, [])
            self.result.status, self.result.reason = _code(status), _reason(status)

    # The body

    def write(self, data: Any) -> None:
        """PEP 3333, The write() Callable."""
        self._output(data)

    def _output(self, data: Any) -> None:
        """One chunk reaches the client, if it may."""
        if self.pending is None:
            self.ledger.note("body-before-head", f"{data!r}")
        if type(data) is not bytes:
            self.ledger.note("item-type", f"{type(data).__name__}: {data!r}")
            return
        if data or self.client.flush_empty:
            self.commit()
        self.result.chunks.append(data)

    def iterate(self, limit: int | None) -> None:
        """Send the items of the iterable: all, or only the first `limit`."""
        returned = self.result.returned
        if not hasattr(returned, "__iter__"):
            self.ledger.note("iterable", f"{returned!r}")
            return
        iterator = iter(returned)
        while limit is None or self.pulls < limit:
            self.pulls += 1
            try:
                item = next(iterator)
            except StopIteration:
                self.exhausted = True
                self._check_length()
                return
            if self.ledger.pulled > self.pulls:
                self.ledger.note("read-ahead", f"{self.ledger.pulled} taken for {self.pulls}")
            self._output(item)

    def _check_length(self) -> None:
        """PEP 3333: "the server must be able to rely on the result being accurate"."""
        returned, items = self.result.returned, self.pulls - 1
        if hasattr(returned, "__len__") and len(returned) != items:
            self.ledger.note("length-of-iterable", f"len() is {len(returned)}, items are {items}")

    # The exchange

    def run(self, read: int | None, iterate: bool, close: bool) -> None:
        """Play the server from the call to close()."""
        try:
            self._call()
            if iterate:
                self.iterate(read)
        except BaseException as error:  # noqa: BLE001 - a server sees every error
            self.result.error = error
        if close:
            self._close()
        self.ledger.settle()
        self.result.disconnected = not self.exhausted and self.result.error is None
        self._finish()

    def _call(self) -> None:
        start = self._two_arguments if self.client.two_arguments else self.start_response
        self.result.handed = (self.environ, start)
        self.result.returned = self.client.linted(self.environ, start)
        self.called = self.ledger.calls
        if self.ledger.started_inside and self.pending is None:
            self.ledger.note("head-late", "it had not when it returned")
        if self.client.eager_status:
            self.commit(unstarted="200 OK")  # what granian sends then

    def _close(self) -> None:
        """PEP 3333: close() is called however the request ended."""
        close = getattr(self.result.returned, "close", None)
        if close is None:
            return
        self.result.closed += 1
        try:
            close()
        except BaseException as error:  # noqa: BLE001 - a server sees every error
            self.result.error = self.result.error or error

    def _finish(self) -> None:
        """The checks that need the whole exchange."""
        if self.result.error is None:
            self.commit()
        if self.exhausted:
            self._check_end()
        self.result.opaque = isinstance(self.result.returned, FileWrapper)
        stream = self.environ.get("wsgi.input")
        self.result.reads = getattr(stream, "reads", [])

    def _check_end(self) -> None:
        method, status, size = self.method, self.result.status, len(self.result.body)
        if self.ledger.calls > self.called:
            self.ledger.note("head-late", "it had not even called it when it returned")
        if self.pending is None:
            self.ledger.note("start-missing", "the iterable is exhausted")
        if method == "HEAD" and size and "HEAD" not in self.ledger.exempt:
            self.ledger.note("body-on-head", f"{size} bytes")
        for rule, detail in length_faults(method, status or 0, self.result.headers, size):
            self.ledger.note(rule, detail)


class _Surroundings:
    """What the environ was like before the call, to see what became of it."""

    def __init__(self, environ: dict[str, Any], ledger: Ledger) -> None:
        self.environ = environ
        self.ledger = ledger
        self.before = dict(environ)

    def check(self) -> None:
        """Note what the application did to the environ that it must not."""
        for key, value in self.environ.items():
            new = key not in self.before or self.before[key] is not value
            if new and "." not in key and type(value) is not str:
                # PEP 3333, environ Variables; wsgiref.validate.check_environ
                self.ledger.note("environment-value", f"{key} is {value!r}")

    def check_file_wrapper(self) -> None:
        """A server may look its own wrapper up again afterwards, as gunicorn does."""
        mine, theirs = (each.get("wsgi.file_wrapper") for each in (self.before, self.environ))
        if theirs is not mine:
            self.ledger.note("file-wrapper", f"it became {theirs!r}")


CLIENT_OPTIONS = frozenset(
    {"lint", "eager_status", "no_write", "flush_empty", "lenient", "two_arguments"}
)
"""What `WSGIClient` takes besides the application."""


class WSGIClient:
    """A raw WSGI server and the client behind it.

    app
        The application to drive.
    lint
        True raises `ProtocolError` when the exchange broke a rule, False leaves
        the broken rules in ``result.violations``; ``"chain"`` is True with
        ``wsgiref.validate`` and werkzeug's ``LintMiddleware`` around the
        application as well.
    eager_status
        The head is read when the call returns, as granian does.
    no_write
        start_response returns None, as in granian, hypercorn and some bridges.
    flush_empty
        An empty item sends the head, as in gunicorn, wsgiref, werkzeug, uWSGI.
    lenient
        exc_info after output is not raised again, as in granian, uvicorn and
        some bridges.
    two_arguments
        start_response takes two arguments only, as in some test clients.
    """

    def __init__(
        self,
        app: WSGIApplication,
        lint: bool | Literal["chain"] = True,
        *,
        eager_status: bool = False,
        no_write: bool = False,
        flush_empty: bool = False,
        lenient: bool = False,
        two_arguments: bool = False,
    ) -> None:
        self.app = app
        self.lint = lint
        self.eager_status = eager_status
        self.no_write = no_write
        self.flush_empty = flush_empty
        self.lenient = lenient
        self.two_arguments = two_arguments
        self.linted: Callable[..., Any] = _chain(app) if lint == "chain" else app

    def request(
        self,
        method: str = "GET",
        path: str = "/",
        query: str = "",
        headers: RequestHeaders = (),
        body: RequestBody = b"",
        scheme: str = "http",
        script_name: str = "",
        environ: Mapping[str, Any] | None = None,
        *,
        read: int | None = None,
        close: bool = True,
        iterate: bool = True,
    ) -> Result:
        """Make one request and return what came of it.

        path, query, script_name
            Decoded path, raw query string without "?", mount point.
        headers
            A mapping or pairs; Host and Content-Length are added when missing.
        body
            bytes, or the parts in which they arrive.
        environ
            Keys laid over the environ; the value `ABSENT` takes a key out.
        read
            Take only so many items, then close: the client went away.
        close
            False: never call close(), as some bridges do.
        iterate
            False: close() at once, as for HEAD in some servers.

        An error of the application is no exception here: see ``result.error``.
        """
        handed = build_environ(
            method=method,
            path=path,
            query=query,
            headers=headers,
            body=body,
            scheme=scheme,
            script_name=script_name,
            environ=environ,
        )
        return self.run(handed, read=read, close=close, iterate=iterate)

    def run(
        self,
        environ: dict[str, Any],
        *,
        read: int | None = None,
        close: bool = True,
        iterate: bool = True,
    ) -> Result:
        """Like `request`, with an environ made elsewhere (see `build_environ`)."""
        ledger = Ledger(closes=close)
        server = _Server(self, environ, ledger)
        surroundings = _Surroundings(environ, ledger)
        before = copy_context()
        token = CURRENT.set(ledger)
        try:
            with _other_linters(server, active=self.lint == "chain"):
                server.run(read, iterate, close)
        finally:
            CURRENT.reset(token)
        surroundings.check()
        if self.lint != "chain":  # werkzeug's linter puts its own wrapper there
            surroundings.check_file_wrapper()
        server.result.leaked = leaked_names(before)
        server.result.violations = ledger.violations
        if self.lint:
            ledger.judge()
        return server.result


# The other linters


def _chain(app: WSGIApplication) -> Callable[..., Any]:
    """`app` within werkzeug's linter within wsgiref's.

    The other way round they do not fit: the input werkzeug hands in has no readlines().
    """
    from wsgiref.validate import validator

    from werkzeug.middleware.lint import LintMiddleware

    return validator(LintMiddleware(app))


@contextmanager
def _other_linters(server: _Server, *, active: bool) -> Generator[None]:
    """Collect what the other linters say as violations."""
    if not active:
        yield
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    _collect(server, caught)


def _collect(server: _Server, caught: list[warnings.WarningMessage]) -> None:
    from werkzeug.middleware.lint import HTTPWarning, WSGIWarning

    note, error = server.ledger.note, server.result.error
    for warning in caught:
        # A client that goes away makes them see an unfinished body.
        mine = issubclass(warning.category, HTTPWarning | WSGIWarning) and server.exhausted
        # RFC 9110 §9.3.2: after HEAD the field tells of the answer to GET; it does not know.
        known = str(warning.message).startswith("Content-Length and") and server.method == "HEAD"
        if mine and not known:
            note("other-linter", f"werkzeug: {warning.message}".rstrip("."))
    if isinstance(error, AssertionError) and _raised_in(error).endswith("validate.py"):
        note("other-linter", f"wsgiref: {error}".rstrip("."))


def _raised_in(error: BaseException) -> str:
    """The file in which `error` was raised."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback.tb_frame.f_code.co_filename if traceback else ""


# Inside


class Inside:
    """The checks between middleware and the application, which is called as it is.

    It checks what reaches the application, and that nothing it handed out is
    changed behind its back. The returned iterable stays untouched, so that its
    identity can be tested through it; what it may hold for HEAD is not blamed
    on middleware.

    Without a `WSGIClient` around it, it checks nothing.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    # PEP 3333, Specification Details: "positional, not keyword, arguments"
    def __call__(self, environ: dict[str, Any], start_response: StartResponse, /) -> Any:
        ledger = current_ledger()
        ledger.called()
        if type(environ) is not dict:
            ledger.note("environment-type", f"it is {type(environ).__name__}")
        start = _GuardedStart(start_response, ledger)
        returned = self.app(environ, start)
        ledger.started_inside = start.done
        if type_of(returned) is not list or any(returned):
            # Some frameworks leave it to the server to drop the body.
            ledger.exempt.add("HEAD")
        return returned


class _GuardedStart:
    """start_response as the application sees it: its list of headers stays its own."""

    def __init__(self, start: StartResponse, ledger: Ledger) -> None:
        self.start = start
        self.ledger = ledger
        self.done = False

    def __call__(self, status: Any, headers: Any, *exc_info: Any) -> Any:
        self.done = True
        before = list(headers)

        def unchanged() -> None:
            if list(headers) != before:
                self.ledger.note("headers-mutated", f"{before} became {headers}")

        self.ledger.afterwards.append(unchanged)
        try:
            return self.start(status, headers, *exc_info)
        finally:
            exc_info = ()  # keeps no traceback alive (PEP 3333, The start_response() Callable)


class PassThrough:
    """Foreign middleware that changes nothing: it keeps neighbours from being fused."""

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        return self.app(environ, start_response)
