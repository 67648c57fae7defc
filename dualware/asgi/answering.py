"""What is awaited where a head was held, answered by a flow, or never came.

Methods of `ASGIExchange` that await, and so are not compiled. Must never change a message of the
application, make one up in its place, or call `receive` on its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dualware.asgi.place import BEFORE, CODED, HELD, PLAIN
from dualware.core.ending import outcome_of
from dualware.core.message import Chunk, ExchangeError, has_no_body

if TYPE_CHECKING:
    from dualware.asgi.exchange import ASGIExchange, Message
    from dualware.core.exchange import Answer

__all__ = [
    "answer", "failed", "finish", "no_request", "no_send", "no_session", "receive", "send_first",
    "send_worked", "unseen",
]  # fmt: skip


async def receive(exchange: ASGIExchange) -> Message:
    """ASGI `receive`: every message passes as it is; what it brings is taken note of."""
    message = await exchange._receive()
    if message["type"] == "http.request":
        exchange.received += len(message.get("body") or b"")
    elif message["type"] == "http.disconnect" and exchange.outcome is None:
        # Most servers swallow what is sent after it, and say nothing (protocols A28).
        exchange.gone = True
    return message


async def unseen(exchange: ASGIExchange, message: Message) -> None:
    """What passes now is no body that a codec could take; a push is none at all."""
    exchange.response.opaque = message["type"] != "http.response.push"
    await exchange._worked(exchange._reach_body(None, complete=False))
    await exchange._send_head()
    await exchange._step(message)


async def send_worked(exchange: ASGIExchange, message: Message, chunk: Chunk, data: Chunk) -> None:
    """The same, when the work is done that flows wait for."""
    await exchange._send_first(message, chunk, await exchange._worked(data))


async def send_first(exchange: ASGIExchange, message: Message, chunk: Chunk, data: Chunk) -> None:
    """The head, and behind it ``data``, which the first chunk became."""
    await exchange._send_head()
    if not data and exchange._place == CODED and message.get("more_body", False):
        # The codec keeps all back.
        return
    if data is not chunk:
        message = {**message}
        message["body"] = data
    await exchange._onward(message)


async def answer(exchange: ASGIExchange, answer: Answer) -> None:
    """Send a flow's own answer."""
    data = exchange._take(answer)
    if exchange.work is not None:
        data = await exchange._worked(data)
    if data and has_no_body(exchange._source.get("method"), exchange.status):
        data = b""
    body = {"type": "http.response.body", "body": data}
    head = exchange._leave()
    if exchange._trails or exchange._plan.measures:
        await exchange._watched(head)
        await exchange._body(body)
        return
    # As there, without a coroutine for each: a preflight is nothing but this.
    upstream = exchange._upstream
    try:
        await upstream(head)
        if data:
            exchange.first_at = exchange.effects.clock()
        await upstream(body)
    except OSError:
        exchange.gone = True
        raise
    if exchange._place != PLAIN:
        exchange.sent = len(data)
        exchange._complete()


async def finish(exchange: ASGIExchange) -> None:
    """The application returned, and left something open."""
    if exchange.broken is not None:
        # It took the failure of a policy for one of the server's, and went on.
        raise exchange.broken
    if exchange._place == HELD:
        # The server reports what it would report of the bare application (protocols A20).
        exchange.response.opaque = True
        await exchange._worked(exchange._reach_body(None, complete=False))
        await exchange._send_head()
    if exchange.gone:
        exchange.end("aborted")
    else:
        exchange.end("no_response" if exchange._place == BEFORE else "incomplete")


async def failed(exchange: ASGIExchange, error: BaseException) -> bool:
    """The application raised. Returns whether a flow answered and dealt with it."""
    outcome = "aborted" if exchange.gone else outcome_of(error)
    answer = exchange.fail(error, outcome, sent=exchange.committed)
    if answer is None:
        return False
    try:
        await exchange.answer(answer)
    except BaseException as raised:
        # There is no second answer: this is what the exchange ends with, if it has not yet.
        if exchange.outcome is None:
            outcome = "aborted" if exchange.gone else outcome_of(raised)
            exchange.fail(raised, outcome, sent=True)
        raise
    return exchange.reraise is None


# What a task finds that the application has left behind.


async def no_send(_message: Message) -> None:
    """A `send` of an exchange that is over."""
    raise ExchangeError("the application has returned, so this exchange is over: await send()")


async def no_request() -> Message:
    """A `receive` of one: ASGI, "Disconnect - receive event"."""
    return {"type": "http.disconnect"}


async def no_session() -> Message:
    """The same of a session; RFC 6455 §7.4.1: no close frame was seen."""
    return {"type": "websocket.disconnect", "code": 1006}
