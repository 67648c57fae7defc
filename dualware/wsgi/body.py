"""What the server iterates when a flow needs the body.

Knows the laws of the iterable: one item out for each item in, at the server's pace, and `close`
exactly once. Must never be a generator: an object that was never iterated has to close too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from dualware.core.ending import advance, outcome_of
from dualware.wsgi.pulling import untouched

if TYPE_CHECKING:
    from dualware.core.message import Chunk
    from dualware.wsgi.exchange import WSGIExchange

__all__ = ["Body", "close"]


def close(body: Any) -> None:
    """Call the iterable's own close, if it has one (PEP 3333, "Specification Details")."""
    # Asked for first, since most have none, and to be told so otherwise costs more.
    method = body.close if hasattr(body, "close") else None
    if method is not None:
        method()


class _Closing:
    """The close of an object that went to the server in place of the body that closes it."""

    __slots__ = ("close",)

    def __init__(self, method: Callable[[], object] | None) -> None:
        self.close = method


class Body:
    """A response body that is followed."""

    __slots__ = ("_body", "_exchange", "_failure", "_flushed", "_handed_at", "_iterator", "_ready")

    def __init__(
        self,
        exchange: WSGIExchange,
        body: Any,
        *,
        ready: Iterable[Any] = (),
        iterator: Iterator[Any] | None = None,
        failure: BaseException | None = None,
    ) -> None:
        self._exchange = exchange
        self._body: Any = body
        # Chunks that were made already, and what is raised after them.
        self._ready = list(ready)
        self._failure = failure
        # Made at the first next(): Django's test file wrapper and uWSGI's need it (W29).
        self._iterator: Iterator[Any] | None = iterator
        self._flushed = False
        self._handed_at = 0
        exchange.running = False

    def __iter__(self) -> Iterator[Any]:
        exchange = self._exchange
        if (
            exchange.committed
            and not exchange.coded
            and not exchange._plan.measures
            and self._failure is None
        ):
            ready, self._ready = self._ready, []
            exchange.puller = generator = untouched(self, exchange, ready)
            return generator
        return self

    def iterator(self) -> Iterator[Any]:
        """That of the application's body."""
        if self._iterator is None:
            # Never asks for its truth: that may be its len(), and costly or wrong.
            self._iterator = iter(() if self._body is None else self._body)
        return self._iterator

    def exhausted(self, counted: int) -> None:
        """Every chunk passed as it is, ``counted`` bytes after those that are counted."""
        self._iterator = iter(())
        self._exchange.count(counted, last=True)
        self._exchange.end("completed")

    def __next__(self) -> Chunk:
        exchange = self._exchange
        if self._handed_at:
            exchange.send_wait += exchange.effects.clock() - self._handed_at
        exchange.running = True
        try:
            chunk = self._ready.pop(0) if self._ready else self._pull()
        finally:
            exchange.running = False
        exchange.count(len(chunk))
        if exchange._plan.measures:
            self._handed_at = exchange.effects.clock()
        return chunk

    def _pull(self) -> Chunk:
        """The next item of the application's body, through the codecs."""
        exchange = self._exchange
        if self._failure is not None:
            failure, self._failure = self._failure, None
            exchange.end("completed")
            raise failure
        try:
            iterator = self._iterator
            chunk = advance(self.iterator() if iterator is None else iterator)
            if exchange.committed:
                return exchange.response.through(chunk) if exchange.coded else chunk
            if exchange.started:
                # PEP 3333: start_response may come as late as now; it is forwarded in this step.
                return exchange.commit(chunk, complete=False)
        except StopIteration:
            return self._last()
        except BaseException as error:
            return self.failed(error)
        # Output before start_response: the server's to refuse, as it does for the bare
        # application.
        return chunk

    def _last(self) -> Chunk:
        """The application's body is exhausted."""
        exchange = self._exchange
        self._iterator = iter(())
        try:
            if exchange.started and not exchange.committed:
                tail = exchange.commit(b"", complete=True)
            else:
                tail = b""
            if exchange.coded and not self._flushed:
                tail += exchange.response.through(b"", last=True)
            self._flushed = True
        except BaseException as error:
            return self.failed(error)
        if tail:
            return tail
        exchange.end("completed" if exchange.committed else "no_response")
        raise StopIteration

    def failed(self, error: BaseException) -> Chunk:
        """The application, or a policy, raised: the flows may still answer if nothing went out."""
        answer = self._exchange.failed(error)
        if answer is None:
            raise error
        # The answer is whole: nothing follows, from the body or from a codec.
        self._iterator = iter(())
        self._flushed = True
        self._failure = self._exchange.reraise
        return answer[0]

    def hook(self, opaque: Any) -> None:
        """Have this body closed with ``opaque``, which goes to the server in its place.

        Replaces the instance's close, as Django does. Raises AttributeError where it has no
        place for that.
        """
        self._body = _Closing(getattr(opaque, "close", None))
        opaque.close = self.close

    def close(self) -> None:
        """Close the application's body, once, and end the exchange if nothing else did."""
        body, self._body = self._body, None
        # Kept meanwhile: if nobody else has it, it is closed with that, and after the body.
        _iterator, self._iterator = self._iterator, iter(())
        exchange = self._exchange
        puller = exchange.puller
        if puller is not None and exchange.outcome is None and not puller.gi_running:
            # It has counted what it does not tell at each chunk.
            puller.close()
        exchange.running = True
        raised: BaseException | None = None
        try:
            close(body)
        except BaseException as error:
            raised = error
            if exchange.outcome is None:
                # An answer would come too late.
                exchange.fail(error, outcome_of(error), sent=True)
            raise
        finally:
            # Nothing was to be sent for HEAD or 304, and of a file nobody saw how much was, so
            # nobody is said to be cut off.
            response = exchange.response
            whole = exchange.committed and (response.bodiless or response.opaque)
            exchange.end("completed" if whole else "aborted")
            exchange.release(raised)
