"""What an exchange under ASGI has done in a thread, and how its messages wait for that.

Knows that a loop must not stand still for long, and that no message may overtake another. Must
never know what is done, nor what a message means.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

from dualware.asgi.following import Following, Message
from dualware.asgi.offload import in_thread, turns
from dualware.core.message import Chunk, ExchangeError

__all__ = ["Working"]


class Working(Following):
    """The side of an exchange that leaves long work to threads."""

    __slots__ = ()

    async def _take_turns(self, step: Callable[[], Awaitable[None]]) -> None:
        """From now on, messages wait for each other. ``step`` is the first that has its turn."""
        self._turns = taken = turns()
        await self._in_turn(taken, step)

    async def _in_turn(
        self, taken: AbstractAsyncContextManager[Any], step: Callable[[], Awaitable[None]]
    ) -> None:
        begun = False
        try:
            async with taken:
                begun = True
                await step()
        except BaseException as error:
            if not begun:
                # Cancelled while it waited: what it was to send is lost, and nothing may follow it.
                self._break(error)
            raise

    async def _worked(self, data: Chunk) -> Chunk:
        """Do the work that flows wait for. Returns what they left of the first chunk."""
        try:
            while self.work is not None:
                work, self.work = self.work, None
                await in_thread(work.run)
                data = self.resume()
        except BaseException as error:
            self._break(error)
            raise
        return data

    async def _coded_body(self, message: Message) -> None:
        chunk, response = message.get("body", b""), self.response
        long = len(chunk) >= response.slow_from
        if long and self._turns is None:
            await self._take_turns(partial(self._coded_body, message))
            return
        # To a client that is gone it does not matter what arrives.
        if self._torn and not self.gone:
            raise ExchangeError("a part of this body was cancelled; its coding can't go on")
        last = not message.get("more_body", False)
        # What is lost from here on is lost for good, and a thread may still be at the codec.
        self._torn = True
        try:
            if long:
                data = await in_thread(partial(response.through, chunk, last=last))
            else:
                data = response.through(chunk, last=last)
        except Exception as error:
            self._break(error)
            raise
        # A codec that keeps all back has nothing to send yet.
        if data or last:
            await self._body({**message, "body": data})
        self._torn = False
