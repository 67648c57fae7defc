"""The server's side of one exchange: start_response, write() and the iterable, and their checks.

This file knows the course of an exchange in PEP 3333. It must never know how
the request was made, nor what the application does with the environ.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from dualware.testing.result import Result, lower_pairs
from dualware.testing.rules import Ledger, length_faults, type_of
from dualware.testing.wsgi.environ import FileWrapper
from dualware.testing.wsgi.head import STATUS, code_of, header_faults, reason_of


class Client(Protocol):
    """What a server asks of the client it plays for (see `WSGIClient`)."""

    linted: Callable[..., Any]
    eager_status: bool
    no_write: bool
    flush_empty: bool
    lenient: bool
    two_arguments: bool


class Server:
    """The server's side of one exchange."""

    def __init__(self, client: Client, environ: dict[str, Any], ledger: Ledger) -> None:
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
        self.result.starts.append((code_of(status), lower_pairs(headers)))
        if type(status) is not str or STATUS.fullmatch(status) is None:
            note("start-status", f"{status!r}")
        for rule, detail in header_faults(headers):
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
            self.result.status, self.result.reason = code_of(status), reason_of(status)

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
