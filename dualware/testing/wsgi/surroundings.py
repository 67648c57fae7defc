"""What became of the environ in an exchange.

This file knows which of its keys must stay as they are. It must never know an
answer, nor what drives the exchange.
"""

from __future__ import annotations

from typing import Any

from dualware.testing.rules import Ledger


class Surroundings:
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
