"""Which exchange this code runs in, and the functions that reach its record.

Knows one ContextVar that holds one mutable object. Must never ask anybody to *set* a context
variable: a value set in a thread or a child task is not seen outside, a mutation of the record
always is.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from dualware.core.logging.presets import RESERVED
from dualware.core.record import Record

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    _P = ParamSpec("_P")
    _T = TypeVar("_T")

__all__ = [
    "CURRENT",
    "Holder",
    "add_fields",
    "carry",
    "leave",
    "live_record",
    "request_id",
]


class Holder(Protocol):
    """What the context variable holds: the outermost exchange, seen as the owner of a record."""

    lingers_for: Any

    @property
    def lingers(self) -> bool:
        """Whether code that finds the holder current may still be inside its exchange."""
        ...

    @property
    def record(self) -> Record:
        """The record, made when somebody first asks for it."""
        ...


CURRENT: ContextVar[Any] = ContextVar("dualware_exchange", default=None)
"""The one context variable of dualware: the outermost `Engine` of the current exchange."""


def leave(holder: Holder, _body: object = None) -> None:
    """Make ``holder`` current no longer where the token of its `CURRENT.set` does not fit.

    A body may be closed in another context than it was made in (asgiref, some servers' threads);
    all that can be done there is not to leave ours behind (protocols W44, A32).
    """
    if CURRENT.get() is holder:
        CURRENT.set(None)


def live_record() -> Record | None:
    """The record of the exchange that this code runs in, None outside one."""
    holder: Holder | None = CURRENT.get()
    if holder is None:
        return None
    if holder.lingers_for is not None and not holder.lingers:
        leave(holder)
        return None
    return holder.record


def request_id() -> str | None:
    """The id of the current request, None outside an exchange or without the middleware.

    >>> request_id() is None
    True
    """
    record = live_record()
    return None if record is None else record.request_id


def add_fields(**fields: Any) -> bool:
    """Put fields on this exchange's log line, from anywhere inside it.

    Threads and child tasks reach the line too, if their context was copied (see `carry`). A
    field given twice keeps its last value; at most `FIELDS_MOST` are kept. Returns False, and
    does nothing, outside an exchange and after its line was written. Raises ValueError for a name
    that is the line's own, in any preset and whether or not there is a line, so that code which
    works here works everywhere.

    >>> add_fields(user_id=7)
    False
    """
    if not RESERVED.isdisjoint(fields):
        taken = ", ".join(sorted(RESERVED.intersection(fields)))
        raise ValueError(
            f"{taken}: the log line has fields of that name; use others, such as app_{taken}"
        )
    record = live_record()
    if record is None or record.ended:
        return False
    record.add(fields)
    return True


def carry(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Keep the record across a hop that does not copy the context.

    ``executor.submit(carry(work), job)``, ``threading.Thread(target=carry(work))``,
    ``loop.run_in_executor(None, carry(work))``, ``gevent.spawn(carry(work))``. The context is
    the one in which `carry` was called, copied for each call, so that one carried function may
    run on many threads at once.
    """
    context = copy_context()

    @functools.wraps(function)
    def carried(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        # A Context can be entered only once at a time; a copy is cheap and shares the record.
        return context.copy().run(function, *args, **kwargs)

    return carried
