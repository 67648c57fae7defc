"""What an exchange under ASGI has done in a thread, and how its messages wait for that.

Methods of `ASGIExchange` that await, and so are not compiled. Knows that a loop must not stand
still for long, and that no message may overtake another. Must never know what is done, nor what a
message means.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

from dualware.asgi.offload import in_thread, turns
from dualware.core.message import Chunk, ExchangeError

if TYPE_CHECKING:
    from dualware.asgi.exchange import ASGIExchange, Message

__all__ = ["coded_body", "in_turn", "take_turns", "worked"]


async def take_turns(exchange: ASGIExchange, step: Callable[[], Awaitable[None]]) -> None:
    """From now on, messages wait for each other. ``step`` is the first that has its turn."""
    exchange._turns = taken = turns()
    await exchange._in_turn(taken, step)


async def in_turn(
    exchange: ASGIExchange,
    taken: AbstractAsyncContextManager[Any],
    step: Callable[[], Awaitable[None]],
) -> None:
    """Do ``step`` when the messages before it are done."""
    begun = False
    try:
        async with taken:
            begun = True
            await step()
    except BaseException as error:
        if not begun:
            # Cancelled while it waited: what it was to send is lost, and nothing may follow it.
            exchange._break(error)
        raise


async def worked(exchange: ASGIExchange, data: Chunk) -> Chunk:
    """Do the work that flows wait for. Returns what they left of the first chunk."""
    try:
        while exchange.work is not None:
            work, exchange.work = exchange.work, None
            await in_thread(work.run)
            data = exchange.resume()
    except BaseException as error:
        exchange._break(error)
        raise
    return data


async def coded_body(exchange: ASGIExchange, message: Message) -> None:
    """A body message that has to pass the codecs, in a thread if that takes long."""
    chunk, response = message.get("body", b""), exchange.response
    long = len(chunk) >= response.slow_from
    if long and exchange._turns is None:
        await exchange._take_turns(partial(exchange._coded_body, message))
        return
    # To a client that is gone it does not matter what arrives.
    if exchange._torn and not exchange.gone:
        raise ExchangeError("a part of this body was cancelled; its coding can't go on")
    last = not message.get("more_body", False)
    # What is lost from here on is lost for good, and a thread may still be at the codec.
    exchange._torn = True
    try:
        if long:
            data = await in_thread(partial(response.through, chunk, last=last))
        else:
            data = response.through(chunk, last=last)
    except Exception as error:
        exchange._break(error)
        raise
    # A codec that keeps all back has nothing to send yet.
    if data or last:
        await exchange._body({**message, "body": data})
    exchange._torn = False
