"""Long calls in a thread, whichever event loop runs: asyncio's, or trio.

Knows how each of the two waits for a thread. Must never import the one that does not run, keep
anything of a loop, or hold a thread, lock or limiter before it is needed: a process that serves
WSGI, or that forks first, has none of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final, TypeVar

__all__ = ["in_thread", "turns"]

_T = TypeVar("_T")

_MOST: Final = os.cpu_count() or 1
"""Threads at work at once: what they do is computing, and more of them only take turns."""

# Each is made when it is first needed, and stands under one key: a slot that can be emptied.
_POOL: Final[dict[str, ThreadPoolExecutor]] = {}
_LIMITER: Final[dict[str, Any]] = {}

if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has neither
    # The threads of the parent are not in the child.
    os.register_at_fork(after_in_child=_POOL.clear)


async def in_thread(call: Callable[[], _T]) -> _T:
    """``call()``, in a thread where the running loop has a way to wait for one; else in place.

    Cancelled, it may return while the thread is still at it.
    """
    trio = _trio()
    if trio is not None:
        return await trio.to_thread.run_sync(call, limiter=_limiter(trio))  # type: ignore[no-any-return]
    loop = _asyncio_loop()
    if loop is not None:
        pool = _POOL.get("") or _POOL.setdefault("", ThreadPoolExecutor(_MOST, "dualware"))
        return await loop.run_in_executor(pool, call)  # type: ignore[no-any-return]
    return call()


def turns() -> AbstractAsyncContextManager[Any]:
    """A lock of the running loop's own kind: first come, first served."""
    trio = _trio()
    if trio is not None:
        return trio.StrictFIFOLock()  # type: ignore[no-any-return]
    if _asyncio_loop() is not None:
        return sys.modules["asyncio"].Lock()  # type: ignore[no-any-return]
    return nullcontext()


def _trio() -> Any:
    """trio, if it runs the current task."""
    trio: Any = sys.modules.get("trio")
    if trio is None:
        return None
    try:
        trio.lowlevel.current_task()
    except RuntimeError:
        return None
    return trio


def _asyncio_loop() -> Any:
    """The asyncio loop that runs in this thread, if one does."""
    asyncio: Any = sys.modules.get("asyncio")
    return None if asyncio is None else asyncio._get_running_loop()


def _limiter(trio: Any) -> Any:
    """The limiter of the current run of trio, our own: that of others is for I/O that waits."""
    own = _LIMITER.get("") or _LIMITER.setdefault("", trio.lowlevel.RunVar("dualware"))
    try:
        return own.get()
    except LookupError:
        limiter = trio.CapacityLimiter(_MOST)
        own.set(limiter)
        return limiter
