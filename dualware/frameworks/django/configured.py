# pyright: basic
"""`settings.DUALWARE`, and what Django tells of a request besides its response.

Knows Django's signal for exceptions and its name for a route. Must never know where the stack
stands.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from django.conf import settings
from django.core.signals import got_request_exception

from dualware.core.current import live_record
from dualware.core.stack import Stack
from dualware.frameworks.settings import stack_of

__all__ = ["PLACE", "configured", "tell_errors", "tell_route"]

PLACE: Final = "DUALWARE"


def configured() -> Stack:
    """The stack that the settings describe. Raises SettingsError with every problem."""
    given = getattr(settings, PLACE, None)
    return stack_of(given, PLACE, f'{PLACE} = {{"request_id": True}} in your settings')


def tell_errors() -> None:
    """Have the record told of exceptions that Django makes a response of."""
    got_request_exception.connect(_tell_error, dispatch_uid="dualware")


def _tell_error(**_: Any) -> None:
    # The signal is sent while the exception is handled, and does not name it.
    record, error = live_record(), sys.exc_info()[1]
    if record is not None:
        record.error = error


def tell_route(request: Any) -> None:
    """Tell the record which route Django resolved, if it did."""
    record, match = live_record(), request.resolver_match
    if record is not None and match is not None:
        # Django's routes have no slash in front; one that begins with ^ is an expression.
        route: str = match.route
        record.route = route if route.startswith("^") else f"/{route}"
