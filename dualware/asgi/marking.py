"""Marks `send` as what answers like a coroutine function does.

asgiref warns of callables that do not say so. Knows how a function is marked, in either build. Must
never know what `send` does.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable
from types import FunctionType
from typing import Any

from dualware.asgi.exchange import ASGIExchange

__all__ = ["SEND"]

SEND: Callable[[ASGIExchange, Any], Awaitable[None]] | None = None
"""What stands in for `ASGIExchange.send` where that can't be marked itself; None elsewhere."""

# Before 3.12 the mark is asyncio's own, which we must not import: trio is a loop too.
if sys.version_info >= (3, 12):  # pragma: no cover - no branch of one interpreter
    if isinstance(ASGIExchange.send, FunctionType):
        inspect.markcoroutinefunction(ASGIExchange.send)
    else:
        # Compiled, it takes no marks.
        def _send(exchange: ASGIExchange, message: Any) -> Awaitable[None]:
            return exchange.send(message)

        SEND = inspect.markcoroutinefunction(_send)
