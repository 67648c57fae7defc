"""An exchange run from synchronous code: stepped by hand, or in an event loop of its own.

This file knows coroutines and event loops. It must never know what an exchange
says.
"""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Literal

from dualware.testing.asgi.server import R, Server

Backend = Literal["asyncio", "trio"]


class NeedsEventLoop(RuntimeError):  # noqa: N818 - a statement about the application
    """The application awaits more than its two callables: name a backend."""

    def __init__(self) -> None:
        super().__init__("the application awaits an event loop: pass backend='asyncio' or 'trio'")


def drive(server: Server[R], backend: Backend | None) -> R:
    """Run an exchange from synchronous code."""
    if backend is None:
        return _step(server.run(loop=False, shared=False))
    from anyio import run

    return run(partial(server.run, loop=True, shared=False), backend=backend)


def _step(coroutine: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine that never has to wait."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: R = stop.value
    else:
        with suppress(AssertionError):
            coroutine.close()
        raise NeedsEventLoop
    if isinstance(result.error, RuntimeError) and "event loop" in str(result.error):
        raise NeedsEventLoop from result.error
    return result
