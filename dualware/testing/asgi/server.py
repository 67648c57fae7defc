"""The server's side of an exchange, whichever kind it is: its two callables and its checks.

This file knows how messages travel and how an exchange begins and ends. It must
never know what a message of one kind of exchange means: the subclasses do, one
file for each.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import copy_context
from typing import Any, Generic, Protocol, TypeVar

from dualware.testing.asgi.changes import changed, snapshot
from dualware.testing.messages import (
    Conversation,
    OrderTable,
    form_faults,
    header_faults,
    is_message,
    message_headers,
)
from dualware.testing.request import leaked_names
from dualware.testing.result import LifespanResult, Result, SessionResult, lower_pairs
from dualware.testing.rules import CURRENT, Ledger

R = TypeVar("R", bound=Result | SessionResult | LifespanResult)


class Client(Protocol):
    """What a server asks of the client it plays for (see `ASGIClient`)."""

    app: Callable[..., Awaitable[Any]]
    lint: bool
    keyword: bool
    checkpoints: bool
    patience: float
    last: Result | SessionResult | LifespanResult | None


class Server(ABC, Generic[R]):
    """The server's side of one exchange; one subclass for each kind."""

    order: OrderTable

    def __init__(self, client: Client, scope: dict[str, Any], result: R) -> None:
        self.client = client
        self.scope = scope
        self.result = result
        self.loop = self.shared = False  # see `run`
        self.ledger = Ledger()
        self.conversation = Conversation(self.order, scope.get("extensions") or ())
        self.gone = False
        self.news: Any = None  # an event; what is waited for may have come

    async def receive(self) -> dict[str, Any]:
        """The next message of the client (ASGI main, Applications)."""
        await self._checkpoint()
        return await self.next_message()

    @abstractmethod
    async def next_message(self) -> dict[str, Any]:
        """The next message of the client, when there is one."""

    async def send(self, message: Any) -> None:
        """Take one message of the application (ASGI main, Applications)."""
        await self._checkpoint()
        self.before_taking()
        self.result.messages.append(message)
        self._read(message)
        self.after_taking()
        self._tell()

    def _read(self, message: Any) -> None:
        """Check a message; one that is wrong, or comes when the client is gone, means nothing."""
        faults = list(form_faults(message))
        if is_message(message) and not faults:
            headers = message_headers(message)
            self.note(header_faults(headers, self.ledger.exempt))
            faults += self.conversation.step(message)
            if not self.gone and all(rule != "message-order" for rule, _ in faults):
                self.take(message, lower_pairs(headers))
        self.note(faults)

    def note(self, faults: Iterable[tuple[str, str]]) -> None:
        """Write violations down."""
        for rule, detail in faults:
            self.ledger.note(rule, detail)

    def before_taking(self) -> None:
        """Raise what the server raises instead of taking a message."""

    @abstractmethod
    def take(self, message: Mapping[str, Any], headers: list[tuple[str, str]]) -> None:
        """What the message means to the client."""

    def after_taking(self) -> None:
        """What the server does when it has taken a message."""

    def finish(self) -> None:
        """The checks that need the whole exchange."""

    # Waiting

    async def _checkpoint(self) -> None:
        if self.loop and self.client.checkpoints:
            from anyio.lowlevel import checkpoint

            await checkpoint()

    def _tell(self) -> None:
        """Wake who waits."""
        if self.news is not None:
            self.news.set()
            self.news = None

    async def until(self, ready: Callable[[], bool]) -> None:
        """Wait for the application to get there; the client goes away when it does not.

        Without an event loop nothing else can run while the application waits,
        so that there is nothing to wait for.
        """
        if self.loop:
            await self._until(ready)
        self.gone = self.gone or not ready()

    async def _until(self, ready: Callable[[], bool]) -> None:
        from anyio import Event, move_on_after

        with move_on_after(self.client.patience):
            while not ready():
                self.news = self.news or Event()
                await self.news.wait()

    # The exchange

    async def run(self, *, loop: bool, shared: bool) -> R:
        """Play the server from the call to the return.

        loop
            There is an event loop to wait in.
        shared
            It is the caller's: a cancellation is meant for the caller too.
        """
        self.loop, self.shared = loop, shared
        pristine, before = snapshot(self.scope), copy_context()
        token = CURRENT.set(self.ledger)
        try:
            self.result.returned = await self._call()
        except BaseException as error:
            self.result.error = error
            if self._cancelled(error):
                raise
        finally:
            CURRENT.reset(token)
            self._settle(pristine)
            self.result.leaked = leaked_names(before)
        if self.client.lint:
            self.ledger.judge()
        return self.result

    def _call(self) -> Awaitable[Any]:
        scope, receive, send = self.result.handed = (self.scope, self.receive, self.send)
        if self.client.keyword:  # as daphne does
            return self.client.app(scope=scope, receive=receive, send=send)
        return self.client.app(scope, receive, send)

    def _cancelled(self, error: BaseException) -> bool:
        """Whether `error` is the cancellation of the task the caller runs in."""
        return self.shared and isinstance(error, _cancellations()) and error is not self.planned

    @property
    def planned(self) -> BaseException | None:
        """The error the server itself was told to raise."""
        return None

    def _settle(self, pristine: Mapping[str, Any]) -> None:
        self.ledger.settle()
        self.finish()
        if self.result.returned is not None:
            self.ledger.note("returned", f"{self.result.returned!r}")
        for key in changed(pristine, snapshot(self.scope)):
            # ASGI lifespan, Lifespan State: the state is there to be written to.
            if key != "state" and ("key", key) not in self.ledger.exempt:
                self.ledger.note("connection-mutated", f"{key!r} became {self.scope.get(key)!r}")
        self.result.violations = self.ledger.violations
        self.client.last = self.result


def _cancellations() -> tuple[type[BaseException], ...]:
    """What cancellation is, in the event loops that are in use."""
    modules = (("asyncio", "CancelledError"), ("trio", "Cancelled"))
    return tuple(
        getattr(sys.modules[module], name) for module, name in modules if module in sys.modules
    )
