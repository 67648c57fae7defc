"""One call of a WSGI application, from the request to what the server gets in return.

The head is held until the application has returned, or until its first item where it calls
`start_response` late. Not one step longer: granian reads the status when the call returns.

Knows the kinds of iterables that applications return, and what servers do with them. Must never
know a policy, read the request body, or pull more of a response body than the server asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from dualware.core.effects import Effects
from dualware.core.stack import Stack
from dualware.wsgi.body import Body, close
from dualware.wsgi.exchange import WSGIExchange
from dualware.wsgi.head import declared_length

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["call"]


def call(
    app: WSGIApplication,
    stack: Stack,
    effects: Effects,
    environ: WSGIEnvironment,
    start_response: StartResponse,
) -> Iterable[bytes]:
    """Call ``app`` through the middleware of ``stack``."""
    if not stack.middleware:
        return app(environ, start_response)
    exchange = WSGIExchange(environ, start_response, effects)
    plan = exchange.enter(stack)
    if plan is None:
        return app(environ, start_response)
    if plan.receives:
        exchange.count_received()
    body: Iterable[bytes] | None = None
    try:
        answer = exchange.start(plan)
        if answer is not None:
            return _listed(exchange, exchange.answer(answer))
        body = app(environ, exchange.start_response)
        # Lists first: asking for both at once costs a sixth of a flow.
        if isinstance(body, list) or isinstance(body, tuple):  # noqa: SIM101
            return body if exchange.finish(body) else _whole(exchange, body)
        return _streamed(exchange, body, environ)
    except BaseException as error:
        return _failed(exchange, body, error)


def _listed(exchange: WSGIExchange, body: list[Any] | tuple[Any, ...]) -> Iterable[bytes]:
    """A list goes to the server, and with it the exchange is over.

    A server need not iterate or close it in a way that we could see (granian, protocols W33).
    """
    if exchange.watched:
        size = len(body[0]) if len(body) == 1 else sum(map(len, body))
        exchange.count(size, last=True)
    exchange.end("completed" if exchange.committed else "no_response")
    exchange.release()
    return body


def _whole(exchange: WSGIExchange, body: list[Any] | tuple[Any, ...]) -> Iterable[bytes]:
    """The application returned a list: the whole body is known."""
    if not exchange.started:
        return _listed(exchange, body)
    if exchange.committed or exchange.head():
        if exchange.coded:
            body = [exchange.response.through(b"".join(body), last=True)]
    else:
        given = body[0] if len(body) == 1 else b"".join(body)
        data = exchange.body(given, complete=True)
        # The same object back unless a codec made another: servers look at len() and type.
        body = body if data is given else [data]
    if not exchange.committed:
        exchange.hand_over()
    return _listed(exchange, body)


def _streamed(
    exchange: WSGIExchange, body: Iterable[bytes], environ: WSGIEnvironment
) -> Iterable[bytes]:
    """The application returned anything but a list."""
    if not hasattr(body, "__iter__"):
        # gevent's and eventlet's "already handled": the server compares it by identity.
        if exchange.started and not exchange.committed:
            if not exchange.open(opaque=True):
                exchange.body(None, complete=False)
            exchange.hand_over()
        exchange.end("completed")
        exchange.release()
        return body
    if not exchange.started:
        exchange.late = True
        return Body(exchange, body)
    opaque = _is_opaque(body, environ)
    ready: list[Any] = []
    iterator: Iterator[Any] | None = None
    # By write(), the head may be with the server already, and the body go on.
    if not exchange.committed and not exchange.open(opaque=opaque):
        ready, iterator = _first_of(exchange, body, opaque=opaque)
    if not exchange.committed:
        exchange.hand_over()
    if opaque and not exchange.coded:
        return _passed_by(exchange, body)
    if exchange.watched or exchange.coded or ready:
        return Body(exchange, body, ready=ready, iterator=iterator)
    exchange.linger(body)
    return body


def _first_of(
    exchange: WSGIExchange, body: Iterable[Any], *, opaque: bool
) -> tuple[list[Any], Iterator[Any] | None]:
    """BODY, with the first chunk if nobody waits for it. Returns what was taken, and the rest."""
    if not opaque and _is_whole(body):
        iterator = iter(body)
        return [exchange.body(b"".join(iterator), complete=True)], iterator
    if opaque or declared_length(exchange.response) is None:
        # PEP 3333, "Block Boundaries": a stream is not pulled before the server asks.
        exchange.body(None, complete=False)
        return [], None
    # No live stream declares its length. Werkzeug and Django return such iterables.
    iterator = iter(body)
    first = next(iterator, b"")
    # It may have replaced the head.
    length = declared_length(exchange.response)
    return [exchange.body(first, complete=len(first) == length)], iterator


def _is_opaque(body: object, environ: WSGIEnvironment) -> bool:
    """Whether the server may send it past us (PEP 3333, "Platform-Specific File Handling")."""
    file_wrapper = environ.get("wsgi.file_wrapper")
    if file_wrapper is None:
        return False
    if isinstance(file_wrapper, type):
        return isinstance(body, file_wrapper)
    # uWSGI's is a function which returns the file itself.
    return hasattr(body, "fileno")


def _is_whole(body: Any) -> bool:
    """Whether all of the body is there, so that taking it makes nobody wait.

    A sequence of one item, or a Django response that says it does not stream. What is no
    declared sequence is not asked for its ``len()``: that may read a file (protocols W36).
    """
    # Each is asked for first, since most have neither, and to be told so otherwise costs more.
    if hasattr(body, "streaming") and body.streaming is False:
        return True
    if not hasattr(body, "__len__"):
        return False
    return isinstance(body, Sequence) and len(cast("Any", body)) == 1


def _passed_by(exchange: WSGIExchange, body: Any) -> Iterable[bytes]:
    """A file wrapper goes to the server as the same object; its close tells of the end."""
    if not exchange.watched:
        exchange.linger(body)
        return body  # type: ignore[no-any-return]
    response = exchange.response
    response.opaque = True
    if not response.bodiless:
        exchange.sent = declared_length(response)
    closing = Body(exchange, body)
    try:
        closing.hook(body)
        # No code of the application runs in there, and waitress closes it on another thread.
        exchange.leave()
    except AttributeError:
        exchange.end("completed")
        exchange.release()
    return body  # type: ignore[no-any-return]


def _failed(
    exchange: WSGIExchange, body: Iterable[bytes] | None, error: BaseException
) -> Iterable[bytes]:
    """Something raised before the server had a body: nothing of ours is left open."""
    try:
        close(body)
    except BaseException as late:
        # It must not stand in the way of the first error, nor of what follows here.
        exchange.effects.report("the close() of a body that was not sent failed", late)
    answered = exchange.failed(error)
    if answered is None:
        exchange.release(error)
        raise error
    if exchange.reraise is not None:
        return Body(exchange, None, ready=answered, failure=exchange.reraise)
    return _listed(exchange, answered)
