"""Bindings: what structlog's context variables hold for the time of an exchange.

Knows `structlog.contextvars`. Must never know what is bound, nor leave a binding behind.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import structlog.contextvars

if TYPE_CHECKING:
    from dualware.core.exchange import Exchange

__all__ = ["bind"]


def bind(exchange: Exchange, **values: Any) -> None:
    """Bind ``values`` with structlog until the application of ``exchange`` is over."""
    tokens = structlog.contextvars.bind_contextvars(**values)

    def unbind(_error: BaseException | None) -> None:
        # Closed in another context than it began in (asgiref), there is nothing to reset.
        with suppress(ValueError, RuntimeError):
            structlog.contextvars.reset_contextvars(**tokens)

    exchange.on_exit(unbind)
