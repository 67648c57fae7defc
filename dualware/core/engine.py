"""The engine: carries one exchange through the flows of a stack, event by event.

A state machine that a test can drive by hand: `start`, then `head`, `body` and `chunk`, then
`end` or `fail`. The drivers are the only callers. It enforces the laws of the model, so that no
middleware has to. It must never do I/O, wait, or know a protocol.

Two lists hold the flows. `_ahead` are those which the head has yet to pass, in stack order; the
head moves outwards, so the next one is the last. `_passed` wait for END, innermost first. A flow
that returned is in neither, and costs nothing from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from dualware.core.exchange import (
    BODY,
    END,
    LEGAL,
    RESPONSE,
    START,
    Answer,
    Event,
    Exchange,
    Flow,
    Middleware,
    Outcome,
)
from dualware.core.message import ExchangeError, Request, Response
from dualware.core.record import CURRENT, Record

if TYPE_CHECKING:
    from dualware.core.effects import Effects

__all__ = ["Engine", "enclosing", "outcome_of", "same_exchange"]

_AFTER_ANSWER: Final[frozenset[Event | None]] = frozenset({END, None})


class Engine(Exchange):
    """An exchange with the methods that move it on."""

    __slots__ = ("_ahead", "_known", "_owner", "_passed", "broken", "effects", "measures", "reraise")

    def __init__(
        self, request: Request, record: Record, effects: Effects, *, owner: bool = True
    ) -> None:
        super().__init__(request, record)
        self.effects = effects
        self.broken: BaseException | None = None
        """What a policy raised while the application was still running; it may not go on."""
        self.reraise: BaseException | None = None
        """What the application raised and a flow answered, but did not deal with."""
        self.measures = False
        """Whether somebody wants to know how long the server took (`Exchange.send_wait`)."""
        self._owner = owner
        self._ahead: list[tuple[Event, Flow, Middleware]] = []
        self._passed: list[tuple[Flow, Middleware]] = []
        self._known = False

    # On the way in

    def start(self, middleware: Sequence[Middleware]) -> Answer | None:
        """Start the flows, outermost first, until one answers. Returns its answer."""
        ahead = self._ahead
        self._may_answer = True
        for each in middleware:
            try:
                flow = each(self)
                wait = None if flow is None else next(flow, None)
                if self._answer is not None:
                    # An answer passes RESPONSE of the flows outside only; its giver may see END.
                    if flow is not None and self._legal(flow, each, wait, _AFTER_ANSWER) is END:
                        self._passed.append((flow, each))
                    break
                if wait is not None:
                    # A plain `is` for the commonest wait: one set lookup less for each flow.
                    if wait is not RESPONSE:
                        self._legal(flow, each, wait, LEGAL[START])  # type: ignore[arg-type]
                    ahead.append((wait, flow, each))  # type: ignore[arg-type]
            except BaseException as error:
                self._answer = None
                self._failed(each, error)
        self._may_answer = False
        return self._answer

    # On the way out

    def head(self, response: Response) -> bool:
        """The head is known: RESPONSE. Returns False where it is held for the first chunk."""
        self.response = response
        return self._outwards()

    def body(self, chunk: bytes | None, *, complete: bool) -> bytes:
        """The first chunk is here, or can't be waited for (None): BODY. Lets a held head go.

        Returns what is to be sent of the chunk, every codec applied.
        """
        response = self.response
        if chunk is not None:
            response.first(chunk, complete=complete)
        self._known = True
        self._outwards()
        return response.first_chunk or b""

    @property
    def watched(self) -> bool:
        """Whether a flow waits for END, so that the body has to be followed."""
        return bool(self._passed)

    def _outwards(self) -> bool:
        """Move the head past one flow after the other, until it is through or held."""
        ahead = self._ahead
        while ahead:
            wait, flow, each = ahead[-1]
            if wait is BODY and not self._known:
                return False
            del ahead[-1]
            if wait is not END:
                try:
                    after = wait
                    wait = next(flow, None)  # type: ignore[assignment]
                    if wait is not END and wait is not None:
                        self._legal(flow, each, wait, LEGAL[after])
                        ahead.append((wait, flow, each))
                        continue
                except BaseException as error:
                    self._failed(each, error)
                    continue
            if wait is END:
                self._passed.append((flow, each))
        return True

    # The end

    def end(self, outcome: Outcome) -> None:
        """The exchange is over: END, exactly once. Flows that can't have their event are closed.

        Nothing that a flow raises here can change the response any more, so all of it is
        reported; only what is no `Exception` goes on, when every flow has had its turn.
        """
        if self.outcome is not None:
            return
        self.outcome = outcome
        raised: BaseException | None = None
        for flow, each in self._passed:
            try:
                self._legal(flow, each, next(flow, None), LEGAL[END])
            except Exception as error:
                self._report(each, error)
            except BaseException as error:
                raised = error
        while self._ahead:
            _, flow, each = self._ahead.pop()
            try:
                flow.close()
            except Exception as error:
                self._report(each, error)
            except BaseException as error:
                raised = error
        self._ended()
        if raised is not None:
            raise raised

    def fail(self, error: BaseException, outcome: Outcome, *, sent: bool) -> Answer | None:
        """An exception left the application: it is raised at the wait of every live flow.

        Innermost first, as the same object. Where nothing was sent, a flow may answer; then the
        flows outside it go on with that answer, which is returned. Otherwise this was the end,
        and the caller raises ``error`` again. Nothing a flow does masks it.
        """
        self.error = self.record.error = error
        self.outcome = outcome
        self._may_answer = not sent
        traceback = error.__traceback__
        while self._passed or self._ahead:
            flow, each = self._passed.pop(0) if self._passed else self._ahead.pop()[1:]
            dealt_with = False
            try:
                wait = flow.throw(error)
                dealt_with = self._answer is not None and isinstance(error, Exception)
                self._legal(flow, each, wait, _AFTER_ANSWER if self._answer else LEGAL[END])
                self._passed.insert(0, (flow, each))
            except StopIteration:
                dealt_with = self._answer is not None and isinstance(error, Exception)
            except BaseException as raised:
                if raised is not error:
                    self._report(each, raised)
            if self._answer is not None:
                self._may_answer = False
                self.error = self.outcome = None
                self.reraise = None if dealt_with else error
                break
        # throw() leaves the frames of the flows in the traceback; its reader wants the
        # application's.
        error.__traceback__ = traceback
        if self._answer is None:
            self._ended()
        return self._answer

    def over(self, error: BaseException | None = None) -> None:
        """The application itself is over, maybe long after END. Calls the exit callbacks."""
        exits, self.exits = self.exits, None
        for callback in exits or ():
            try:
                callback(error)
            except Exception as raised:
                self.effects.report(f"the exit callback {callback!r} failed", raised)

    def _ended(self) -> None:
        self._passed.clear()
        if self._owner:
            self.record.ended = True
            # protocols W11: after the end no protocol object is referred to.
            self.record.request = None

    # Failures

    def _legal(
        self, flow: Flow, each: Middleware, wait: Any, legal: frozenset[Event | None]
    ) -> Event | None:
        """``wait``, if it may be waited for here; ExchangeError and a closed flow otherwise."""
        if any(wait is event for event in legal):
            return wait  # type: ignore[no-any-return]
        flow.close()
        names = " or ".join(sorted("return" if e is None else f"yield {e}" for e in legal))
        raise ExchangeError(
            f"{type(each).__qualname__} yielded {wait!r} where it may only {names}: events come "
            "in the order RESPONSE, BODY, END, and a flow that answered may only wait for END"
        )

    def _failed(self, each: Middleware, error: BaseException) -> None:
        """A flow raised while the response could still be changed."""
        if not each.observes or not isinstance(error, Exception):
            raise error
        self._report(each, error)

    def _report(self, each: Middleware, error: BaseException) -> None:
        self.effects.report(f"the middleware {type(each).__qualname__} failed", error)


def outcome_of(error: BaseException) -> Outcome:
    """The outcome of an exchange that ``error`` ended: an error, or a cancellation."""
    return "error" if isinstance(error, Exception) else "cancelled"


def enclosing(request: Request) -> Record | None:
    """The record of the exchange that ``request`` is already part of, None for a new one.

    The context variable alone can't tell: it may be left over on a server's thread, or belong
    to a request that the application makes to itself.
    """
    record = CURRENT.get()
    if record is None or record.ended or record.request is None:
        return None
    return record if same_exchange(record.request, request) else None


def same_exchange(outer: Request, inner: Request) -> bool:
    """Whether two views show the same request, one of them possibly inside a mount.

    Bridges between the protocols keep method and query; the path comes whole, without its mount
    prefix, or with the prefix twice (a2wsgi and asgiref, by version).
    """
    return (
        outer.method == inner.method
        and outer.query == inner.query
        and (
            outer.path == inner.path
            or outer.path == inner.route_path
            or outer.route_path == inner.path
        )
    )
