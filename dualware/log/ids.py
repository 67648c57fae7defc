"""The id of the current exchange on every line of the application's own logs.

For the standard library a filter, for structlog a processor. Both read the record, which threads
and child tasks share as long as their context was copied (`dualware.carry`).

Knows the two loggings. Must never fail, hold a line back, or bind anything.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

from dualware.core.current import live_record, request_id

__all__ = ["RequestIdFilter", "merge_record"]


class RequestIdFilter(logging.Filter):
    """A `logging.Filter` that lets every record pass, with the id as its ``request_id``.

    ``default``
        The text outside an exchange.
    ``length``
        Characters of the id that are shown; None for all of it.

    Put it on a handler, so that it sees the records of all loggers, then write
    ``%(request_id)s`` in the format:

    >>> handler = logging.StreamHandler()
    >>> handler.addFilter(RequestIdFilter(length=8))
    >>> handler.setFormatter(logging.Formatter("%(levelname)s [%(request_id)s] %(message)s"))
    """

    def __init__(self, default: str = "-", length: int | None = None) -> None:
        super().__init__()
        if length is not None and length < 1:
            raise ValueError(f"{length!r} cannot be a length; use 1 or more, or None for all")
        self.default = default
        self.length = length

    def filter(self, record: logging.LogRecord) -> bool:
        """Set ``record.request_id``. Returns True."""
        value = request_id()
        if value is not None:
            record.request_id = value[: self.length]
        elif not hasattr(record, "request_id"):
            # A queue's listener runs outside, after a filter that knew.
            record.request_id = self.default
        return True


def merge_record(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A structlog processor that adds ``request_id``, unless the event has one of its own.

    Stands where `structlog.contextvars.merge_contextvars` stands, and costs one look at one
    context variable, however many the context holds::

        structlog.configure(processors=[merge_record, structlog.processors.JSONRenderer()])
    """
    record = live_record()
    if record is not None and record.request_id is not None:
        event.setdefault("request_id", record.request_id)
    return event
