"""`span` and `add_span`: how application code tells what it spent its time on.

    with dualware.span("db", "42 rows"):        # async with, too
        rows = query()

    @dualware.span("render")                    # def and async def
    def render(page): ...

A span belongs to the record of the exchange in which it starts, wherever that code runs: nested,
in threads and child tasks (see `dualware.carry`), in several tasks at once. Outside an exchange,
and once it is over, a span times nothing and is kept nowhere. The timing middleware may send what
was finished before the response started; nothing here knows or needs that.

Knows the record. Must never know a protocol, a header, or swallow an exception of the code that
it times.
"""

from __future__ import annotations

import functools
import inspect
import math
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, Final, TypeVar, cast

from dualware.core.current import live_record
from dualware.core.record import Record

__all__ = ["SPANS_MOST", "Span", "Stopwatch", "add_span", "span"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

SPANS_MOST: Final = 256
"""How many spans are kept for one exchange: a loop must not fill the memory. Those that start
first are kept."""

# Two threads may be the first at once. Held only to make the list of an exchange.
_FIRST: Final = threading.Lock()


class Span:
    """One thing that took time. Times are in ns of the exchange's clock."""

    __slots__ = ("_clock", "description", "ended", "name", "started")

    def __init__(self, name: str, description: str | None, clock: Callable[[], int] | None) -> None:
        self.name = name
        self.description = description
        """May be set until the span is sent: ``with span("db") as it: it.description = …``."""
        self.started = clock() if clock is not None else 0
        self.ended: int | None = None
        """None while it runs, and for good outside an exchange."""
        self._clock = clock

    def __repr__(self) -> str:
        return f"Span({self.name!r}, duration={self.duration})"

    @property
    def duration(self) -> int | None:
        """How long it took, in ns; None while it runs."""
        return None if self.ended is None else self.ended - self.started

    def end(self) -> None:
        """Stop the clock."""
        if self._clock is not None:
            self.ended = self._clock()


class Stopwatch:
    """What `span` returns: a context manager, sync and async, and a decorator.

    As a decorator it starts a new span for every call, and may be shared by any number of
    functions. As a context manager it may be entered again inside itself, but not by two threads
    or tasks at once: write ``span(…)`` where the ``with`` is.
    """

    __slots__ = ("_running", "description", "name")

    def __init__(self, name: str, description: str | None = None) -> None:
        if not isinstance(name, str):
            raise TypeError(f"a span is named first, @span('db'); {name!r} is not a name")
        self.name = name
        self.description = description
        self._running: list[Span] = []

    def __repr__(self) -> str:
        return f"span({self.name!r}, {self.description!r})"

    def __enter__(self) -> Span:
        started = _start(self.name, self.description)
        self._running.append(started)
        return started

    def __exit__(self, *_raised: object) -> None:
        self._running.pop().end()

    async def __aenter__(self) -> Span:
        return self.__enter__()

    async def __aexit__(self, *_raised: object) -> None:
        self.__exit__()

    def __call__(self, function: _Function) -> _Function:
        """Time every call of ``function``.

        That of an ``async def`` is timed until it returned, that of a generator function, sync or
        async, from the first item that is asked for until the generator is over: it includes
        what its consumer does in between.
        """
        if not callable(function):
            raise TypeError(f"{function!r} can't be called; put @span below, next to the def")
        make = _timed
        if inspect.iscoroutinefunction(function):
            make = _timed_coroutine
        elif inspect.isasyncgenfunction(function):
            make = _timed_async_generator
        elif inspect.isgeneratorfunction(function):
            make = _timed_generator
        timed = make(self.name, self.description, function)
        return cast("_Function", functools.wraps(function)(timed))


def span(name: str, description: str | None = None) -> Stopwatch:
    """Time a block or a function, as a span of the exchange that it runs in.

    ``with span("db"):``, ``async with span("db"):``, ``@span("db")``. ``name`` is what browsers
    show, a short word at best: in a header, ``_`` stands for what may not be in a token.
    ``description`` is for people. An exception ends the span and passes.
    """
    return Stopwatch(name, description)


def add_span(name: str, ms: float, description: str | None = None) -> bool:
    """Add a span that somebody else timed, ``ms`` milliseconds long.

    Returns False, and does nothing, outside an exchange and once it is over, for a time that is
    negative or not finite, and where the exchange has `SPANS_MOST` spans.
    """
    record = _open_record()
    try:
        elapsed = float(ms) * 1_000_000
    except OverflowError:
        return False
    if record is None or not math.isfinite(elapsed) or elapsed < 0:
        return False
    added = Span(name, description, record.clock)
    added.ended = added.started
    added.started -= round(elapsed)
    return _keep(record, added)


def _open_record() -> Record | None:
    """The record of an exchange that is not over, so that nothing grows that nobody reads."""
    record = live_record()
    return None if record is None or record.ended else record


def _start(name: str, description: str | None) -> Span:
    """A running span, kept by the exchange if there is one."""
    record = _open_record()
    if record is None:
        return Span(name, description, None)
    started = Span(name, description, record.clock)
    _keep(record, started)
    return started


def _keep(record: Record, given: Span) -> bool:
    spans = record.spans
    if spans is None:
        with _FIRST:
            spans = record.spans
            if spans is None:
                spans = record.spans = []
    if len(spans) >= SPANS_MOST:
        return False
    spans.append(given)
    return True


# What the decorator makes, by the kind of function


def _timed(name: str, description: str | None, function: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        with Stopwatch(name, description):
            return function(*args, **kwargs)

    return timed


def _timed_coroutine(
    name: str, description: str | None, function: Callable[..., Any]
) -> Callable[..., Any]:
    async def timed(*args: Any, **kwargs: Any) -> Any:
        with Stopwatch(name, description):
            return await function(*args, **kwargs)

    return timed


def _timed_generator(
    name: str, description: str | None, function: Callable[..., Generator[Any, Any, Any]]
) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        with Stopwatch(name, description):
            return (yield from function(*args, **kwargs))

    return timed


def _timed_async_generator(
    name: str, description: str | None, function: Callable[..., Any]
) -> Callable[..., Any]:
    async def timed(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        with Stopwatch(name, description):
            inner = function(*args, **kwargs)
            try:
                item = await inner.__anext__()
                # What `yield from` does, for which there is no word here. Dependencies that
                # yield once live on what is thrown in at that yield.
                while True:
                    try:
                        sent = yield item
                    except GeneratorExit:
                        await inner.aclose()
                        raise
                    except BaseException as error:  # noqa: BLE001 - raised again inside
                        item = await inner.athrow(error)
                    else:
                        item = await inner.asend(sent)
            except StopAsyncIteration:
                return

    return timed
