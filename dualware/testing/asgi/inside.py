"""What stands between middleware and the application: the inner checks, or nothing at all.

This file knows what middleware may do to what it hands on. It must never know
the server outside, except through the ledger they share.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from dualware.testing.asgi.changes import changed, snapshot
from dualware.testing.messages import form_faults, is_message, is_pair
from dualware.testing.rules import Ledger, current_ledger


class Inside:
    """The checks between middleware and the application, which is called as it is.

    It checks what reaches the application, and that no message of its own is
    changed behind its back. What the application itself does wrong is written
    down as its own, so that middleware is not blamed for it.

    Without an `ASGIClient` around it, it checks nothing. What is neither http
    nor websocket passes with the very same objects.
    """

    def __init__(self, app: Callable[..., Awaitable[Any]]) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        ledger = current_ledger()
        ledger.called()
        if type(scope) is not dict:
            ledger.note("connection-type", f"it is {type(scope).__name__}")
        before = snapshot(scope)
        try:
            await self.app(scope, _checked(receive, ledger), _Guard(send, ledger).send)
        finally:
            ledger.exempt.update(("key", key) for key in changed(before, snapshot(scope)))


def _checked(receive: Any, ledger: Ledger) -> Callable[[], Awaitable[Any]]:
    """`receive`, checking what comes."""

    async def checked() -> Any:
        message = await receive()
        for _, detail in form_faults(message):
            ledger.note("incoming-form", detail)
        return message

    return checked


class _Guard:
    """`send`, checking that the application's messages stay as they are.

    A start may be held back and changed when the first chunk comes, so it is
    looked at again then.
    """

    def __init__(self, send: Any, ledger: Ledger) -> None:
        self.outer = send
        self.ledger = ledger
        self.start: Any = None

    async def send(self, message: Any) -> None:
        if is_message(message):
            self._know(message)
        watched: list[Any] = [self.start, message]
        before = snapshot(watched)
        try:
            await self.outer(message)
        finally:
            if snapshot(watched) != before:
                self.ledger.note("headers-mutated", f"{before} became {watched}")

    def _know(self, message: dict[str, Any]) -> None:
        """Remember the start, and how the application spells its names."""
        headers: Any = message.get("headers")
        if message["type"] == "http.response.start":
            self.start = message
        if type(headers) in (list, tuple):  # a generator can be read only once
            self.ledger.exempt.update(pair[0] for pair in headers if is_pair(pair))


class PassThrough:
    """Foreign middleware that changes nothing: it keeps neighbours from being fused."""

    def __init__(self, app: Callable[..., Awaitable[Any]]) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.app(scope, receive, send)
