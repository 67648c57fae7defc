"""Work: what a flow has done for it between two events, because it may take long.

Knows a call and what came of it. Must never know where it runs: an engine runs it in place unless
its driver has an event loop to keep free, and then only work that says it is long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dualware.core.exchange import Event

__all__ = ["Work"]


class Work(Event):
    """The event that a call is over. A flow may wait for it after BODY, as often as it likes.

    ``call``
        Takes nothing. It may run in another thread, so it touches nothing of the exchange.
    ``long``
        Whether it is predicted to take longer than an event loop should stand still.
    """

    __slots__ = ("_call", "_error", "_result", "long")

    def __init__(self, call: Callable[[], Any], *, long: bool) -> None:
        super().__init__("WORK")
        self._call = call
        self._error: Exception | None = None
        self.long = long

    def run(self) -> None:
        """Do it (driver's side). What it raises waits for `take`."""
        try:
            self._result = self._call()
        except Exception as error:
            self._error = error

    def take(self) -> Any:
        """What the call returned. Raises what it raised."""
        if self._error is not None:
            raise self._error
        return self._result
