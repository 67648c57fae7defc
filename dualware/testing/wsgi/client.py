"""The client: it makes a request, and has the server and every linter judge the answer.

This file knows what belongs to an exchange, and in which order. It must never
know a rule of the protocol: the server and the checks do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Literal

from dualware.testing.request import RequestBody, RequestHeaders, leaked_names
from dualware.testing.result import Result
from dualware.testing.rules import CURRENT, Ledger
from dualware.testing.wsgi.environ import build_environ
from dualware.testing.wsgi.linters import chain, other_linters
from dualware.testing.wsgi.server import Server
from dualware.testing.wsgi.surroundings import Surroundings

if TYPE_CHECKING:
    # `wsgiref.types` came with Python 3.11.
    from _typeshed.wsgi import WSGIApplication


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
        The head is read when the call returns, as granian does, whose name the server gives.
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
        self.linted: Callable[..., Any] = chain(app) if lint == "chain" else app

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
        if self.eager_status:
            environ = {"SERVER_SOFTWARE": "Granian", **(environ or {})}
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
        server = Server(self, environ, ledger)
        surroundings = Surroundings(environ, ledger)
        before = copy_context()
        token = CURRENT.set(ledger)
        try:
            with other_linters(server, active=self.lint == "chain"):
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
