"""The per-exchange record: what is known of one exchange beyond its messages.

Knows values. Must never refer to an object of a protocol, nor know how code finds the record: that
is `dualware.core.current`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from dualware.core.compiling import mypyc_attr

__all__ = ["FIELDS_MOST", "Record"]

FIELDS_MOST: Final = 64
"""How many fields `add_fields` takes for one exchange; the rest is counted, not kept."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Record:
    """What is known of one exchange beyond its messages. Middleware fill it, everybody may read.

    It refers to no protocol object (protocols W11), so one that outlives its exchange in a
    task, a thread or a leaked context keeps nothing else alive.
    """

    # What an exchange does not have stands on the class: few set more than the half of it.
    error: BaseException | None = None
    """What the application raised, if it did."""
    request_id: str | None = None
    request_id_source: str | None = None
    """``"inbound"`` or ``"generated"``."""
    request_id_plain: str | None = None
    """The id that was found to be of letters, digits and marks which any log shows as they are. The
    very object: whoever writes another id later on has not shown that of it."""
    request_id_upstream: str | None = None
    """A valid inbound id that was not trusted."""
    trace: dict[str, str] | None = None
    """Trace context of the request: ``trace_id``, ``parent_span_id``, ``trace_flags``…"""
    route: str | None = None
    """The template of the path that the application routed by, ``/items/{id}``, if known."""
    cors: Any = None  # of a union with bool mypyc would set no default
    """The CORS policy that the application chose for its response: a name (str), or False for none;
    None where it left that to the path."""
    outbound: Any = None
    """How `outbound_headers` speaks of this exchange; the request_id middleware's plan."""
    spans: list[Any] | None = None
    """The spans of the exchange in the order in which they started (`dualware.spans`)."""
    timing: Any = None
    """The figures of the timing middleware, complete when the application is over."""
    fields: dict[str, Any] | None = None
    """What `add_fields` put on the log line."""
    fields_dropped: int = 0
    """How many fields came after the `FIELDS_MOST`-th."""

    def __init__(self, clock: Callable[[], int], *, ended: bool = False) -> None:
        self.clock = clock
        """Monotonic time in ns, as `Effects.clock`."""
        self.ended = ended
        """Whether END was delivered, or the exchange can no longer be observed."""

    def add(self, fields: Mapping[str, Any]) -> None:
        """Put fields on the log line, as `add_fields` does."""
        kept = self.fields
        if kept is None:
            kept = self.fields = {}
        for name, value in fields.items():
            if name in kept or len(kept) < FIELDS_MOST:
                kept[name] = value
            else:
                self.fields_dropped += 1
