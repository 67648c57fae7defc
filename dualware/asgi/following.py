"""What follows the head of a response under ASGI: its body, trailers, or a file in its place.

Methods of `ASGIExchange` that await, and so are not compiled. Knows what is counted, and when the
exchange is over. Must never know what becomes of a head, nor change a body: what comes here goes
out as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dualware.asgi.place import OVER
from dualware.core.fields import length_of
from dualware.core.message import ExchangeError

if TYPE_CHECKING:
    from dualware.asgi.exchange import ASGIExchange, Message, Send

__all__ = [
    "body", "body_sent", "guarded", "measured", "opaque", "open_body", "sent", "trailers",
]  # fmt: skip

# Those on the way of every response are given what they send by: interpreted code pays more for an
# attribute of a compiled object than for an argument.


async def open_body(
    exchange: ASGIExchange, upstream: Send, message: Message, size: int, more: object
) -> None:
    """As `_body`, where nothing is out of the ordinary: every chunk comes by here."""
    try:
        await upstream(message)
    except OSError:
        exchange.gone = True
        raise
    if size:
        exchange.sent += size  # type: ignore[operator]
    if not more:
        # As `_complete`, less one call.
        exchange._place = OVER
        exchange.end("aborted" if exchange.gone else "completed")


async def body(exchange: ASGIExchange, message: Message) -> None:
    """A body message as it goes out: counted when the server has taken it."""
    data = message.get("body", b"")
    if data and not exchange.first_at:
        exchange.first_at = exchange.effects.clock()
    if exchange._plan.measures:
        await exchange._watched(message)
    else:
        # As there, without a coroutine more.
        try:
            await exchange._upstream(message)
        except OSError:
            exchange.gone = True
            raise
    if data and exchange._counts:
        exchange.sent = (exchange.sent or 0) + len(data)
    if not message.get("more_body", False):
        if exchange._trails:
            await exchange._body_sent()
        else:
            exchange._complete()


async def opaque(exchange: ASGIExchange, message: Message) -> None:
    """pathsend or zerocopysend: the server sends what we do not see (protocols A22)."""
    if exchange.coded:
        raise ExchangeError(
            f"{message['type']} cannot pass a codec that was given at RESPONSE; "
            "a flow that encodes waits for BODY, where response.opaque is known"
        )
    await exchange._watched(message)
    # Only now: headers that can be read once are the server's until it took a body.
    exchange.response.opaque = True
    more = message.get("more_body", False)
    if not exchange.response.bodiless:
        declared = None if more else exchange.response.headers.get("Content-Length")
        exchange.sent = length_of(declared)
        exchange._counts = exchange.sent is not None
    if not more and exchange._trails:
        await exchange._body_sent()
    elif not more:
        exchange._complete()


async def trailers(exchange: ASGIExchange, message: Message) -> None:
    """Trailer fields, ours behind those of the application."""
    last = not message.get("more_trailers", False)
    if last and exchange.response.announces_trailers:
        message = {**message, "headers": [*message.get("headers", ()), *exchange._own_trailers()]}
    await exchange._watched(message)
    if last:
        exchange._complete()


async def body_sent(exchange: ASGIExchange) -> None:
    """The last of the body is out; trailers may follow (ASGI, "HTTP Trailers")."""
    if not exchange._trailers_to_come:
        trailers = list(exchange._own_trailers())
        await exchange._watched({"type": "http.response.trailers", "headers": trailers})
        exchange._complete()


async def sent(exchange: ASGIExchange, upstream: Send, message: Message) -> None:
    """Send, and take note of a client that is gone."""
    try:
        await upstream(message)
    except OSError:
        exchange.gone = True
        raise


async def measured(exchange: ASGIExchange, upstream: Send, message: Message) -> None:
    """The same, and take note of the time that the server took."""
    started = exchange.effects.clock()
    await exchange._sent(upstream, message)
    exchange.send_wait += exchange.effects.clock() - started


async def guarded(exchange: ASGIExchange, upstream: Send, message: Message) -> None:
    """The first message of a body that is followed for failures alone."""
    # Most servers take, and drop, what is sent to a client that is gone (protocols A28).
    if message["type"] != "http.response.body" or message.get("more_body") or exchange.gone:
        exchange.watch()
        exchange._follow(exchange._held["status"])
        await exchange._step(message)
        return
    # The whole of the body. If the server takes it, nobody is there to be told.
    try:
        await upstream(message)
    except OSError:
        if message.get("body"):
            exchange.first_at = exchange.effects.clock()
        exchange.gone = True
        raise
    exchange._place = OVER
    exchange.spare()
