"""The linters that others wrote, around the application as well as ours.

This file knows wsgiref's and werkzeug's linter, and where they are wrong. It
must never know a rule of its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dualware.testing.wsgi.server import Server

if TYPE_CHECKING:
    # `wsgiref.types` came with Python 3.11.
    from _typeshed.wsgi import WSGIApplication


def chain(app: WSGIApplication) -> Callable[..., Any]:
    """`app` within werkzeug's linter within wsgiref's.

    The other way round they do not fit: the input werkzeug hands in has no readlines().
    """
    from wsgiref.validate import validator

    from werkzeug.middleware.lint import LintMiddleware

    return validator(LintMiddleware(app))


@contextmanager
def other_linters(server: Server, *, active: bool) -> Generator[None]:
    """Collect what the other linters say as violations."""
    if not active:
        yield
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    _collect(server, caught)


def _collect(server: Server, caught: list[warnings.WarningMessage]) -> None:
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
