"""What stands between middleware and the application: the inner checks, or nothing at all.

This file knows what middleware may do to what it hands on. It must never know
the server outside, except through the ledger they share.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dualware.testing.rules import Ledger, current_ledger, type_of

if TYPE_CHECKING:
    # `wsgiref.types` came with Python 3.11.
    from _typeshed.wsgi import StartResponse, WSGIApplication


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
