"""The engine: carries one exchange through the flows of a stack, event by event.

A state machine that a test can drive by hand: `start`, then `head` and `body`, then `end` or
`fail`. The drivers are the only callers. It enforces the laws of the model, so that no middleware
has to. It must never do I/O, wait, or know a protocol.

The state is two lists. `_flows` are those which the head has yet to pass, in stack order (None:
it is over); the head moves outwards, so the next one is the last. They wait for RESPONSE, but for
the few of which `_early` knows otherwise. `_passed` wait for END, innermost first.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Final

from dualware.core.exchange import (
    BODY,
    END,
    LEGAL,
    NO_RESPONSE,
    RESPONSE,
    START,
    Answer,
    Event,
    Flow,
    Middleware,
    Outcome,
)
from dualware.core.message import ExchangeError, Request, Response
from dualware.core.nesting import Member
from dualware.core.work import Work

if TYPE_CHECKING:
    from dualware.core.effects import Effects
    from dualware.core.field_names import FieldNames
    from dualware.core.stack import Stack

__all__ = ["Engine", "outcome_of"]

_AFTER_ANSWER: Final[frozenset[Event | None]] = frozenset({END, None})


class Engine(Member):
    """An exchange with the methods that move it on."""

    # What every exchange uses has a slot, the rest stands on the class: an attribute of the class
    # costs more to look at than a slot costs to set, and one that is never looked at costs
    # nothing. `_source`, `_upstream`, `_receive`, `_held` and `_place` are the protocol's own:
    # this room never looks at them.
    __slots__ = (
        "_answer",
        "_flows",
        "_held",
        "_may_answer",
        "_passed",
        "_place",
        "_receive",
        "_request",
        "_response",
        "_source",
        "_upstream",
        "committed",
        "watched",
    )

    broken: BaseException | None = None
    """What a policy raised while the application was still running; it may not go on."""
    reraise: BaseException | None = None
    """What the application raised and a flow answered, but did not deal with."""
    measures: bool = False
    """Whether somebody wants to know how long the server took (`Exchange.send_wait`)."""
    defers: ClassVar[bool] = False
    """Whether the driver does long work elsewhere; else it is done in place."""
    work: Work | None = None
    """What a flow waits for that was left to the driver. It runs it, and goes on with `resume`."""

    _flows: list[Flow | None]
    _passed: list[tuple[int, Flow]]
    _known: bool = False
    _early: dict[int, Event] | None = None

    def __init__(self, source: Any, upstream: Any, effects: Effects, inbound: Any = None) -> None:
        self._source = source
        self._upstream = upstream
        self._receive = inbound
        self._place = 0
        self.effects = effects
        self.outcome = None
        self.token = None
        self.committed = False
        """Whether the head was given to the server."""
        self.watched = False
        """Whether a flow that the head has passed waits for END: the body is to be followed."""
        self._held: Any = None
        self._answer = None
        self._exits = None
        self._record = None
        self._request: Request | None = None
        self._response: Response | None = None

    # What is made when first asked for

    @property
    def request(self) -> Request:
        request = self._request
        if request is None:
            request = self._request = self._make_request()
        return request

    @property
    def has_response(self) -> bool:
        return self._response is not None

    @property
    def response(self) -> Response:
        response = self._response
        if response is None:
            response = self._make_response()
            if response is NO_RESPONSE:
                return response
            self._response = response
        return response

    def fields(self, names: FieldNames) -> dict[str, str]:
        return self.response.headers.pick(names)

    def _make_request(self) -> Request:
        """The protocol's request."""
        raise NotImplementedError

    def _make_response(self) -> Response:
        """The response whose head the driver has, `NO_RESPONSE` before."""
        raise NotImplementedError

    @property
    def coded(self) -> bool:
        """Whether chunks still to come have to pass a codec."""
        return self._response is not None and self._response.coded

    # On the way in

    def start(self, plan: Stack) -> Answer | None:
        """Start the flows of ``plan``, outermost first, until one answers. Returns its answer."""
        self._plan = plan
        if plan.measures:
            self.measures = True
        flows = self._flows = []
        self._may_answer = True
        for start in plan.starts:
            try:
                flow = start(self)
                wait = None if flow is None else next(flow, None)
                # By identity, and the commonest first: this is what every flow costs.
                if wait is RESPONSE and self._answer is None:
                    flows.append(flow)
                    continue
                flow = self._begun(flow, wait)
            except BaseException as error:
                flow = self._answer = None
                self._failed(plan.middleware[len(flows)], error)
            flows.append(flow)
            if self._answer is not None:
                break
        self._may_answer = False
        if self._answer is not None and (flow := flows.pop()) is not None:
            # An answer passes RESPONSE of the flows outside its giver only; that one sees END.
            self._pass(len(flows), flow)
        return self._answer

    def _begun(self, flow: Flow | None, wait: Event | None) -> Flow | None:
        """``flow`` if it goes on from its start, waiting for anything but RESPONSE."""
        if wait is None:
            # A flow may be over at any time, with an answer or without.
            return None
        index = len(self._flows)
        legal = LEGAL[START] if self._answer is None else _AFTER_ANSWER
        self._check(flow, self._plan.middleware[index], wait, legal)
        self._early = {**(self._early or {}), index: wait}
        return flow

    # On the way out

    def head(self) -> bool:
        """The head is known: RESPONSE. Returns False where a flow holds it: see `_at_body`."""
        flows, early = self._flows, self._early
        while flows:
            flow = flows.pop()
            if flow is None:
                continue
            index = len(flows)
            try:
                if early is None or index not in early:
                    wait = next(flow, None)
                    if wait is None:
                        continue
                    if wait is not END:
                        self._check(flow, self._plan.middleware[index], wait, LEGAL[RESPONSE])
                else:
                    wait = early[index]
                if wait is BODY:
                    wait = self._at_body(index, flow)
                    if wait is BODY:
                        return False
            except BaseException as error:
                wait = None
                self._failed(self._plan.middleware[index], error)
            if wait is END:
                self._pass(index, flow)
        return True

    def _at_body(self, index: int, flow: Flow) -> Event | None:
        """Resume a flow with its first chunk, or its work. Returns what it waits for now.

        BODY where it has to go on waiting: for the chunk, or for work left to the driver.
        """
        if self._known:
            wait = next(flow, None)
            while type(wait) is Work and not (self.defers and wait.long):
                wait.run()
                wait = next(flow, None)
            if type(wait) is not Work:
                self._check(flow, self._plan.middleware[index], wait, LEGAL[BODY])
                return wait
            self.work = wait
        self._early = {**(self._early or {}), index: BODY}
        self._flows.append(flow)
        return BODY

    def _pass(self, index: int, flow: Flow) -> None:
        """The head has passed the flow, which waits for END."""
        if self.watched:
            self._passed.append((index, flow))
        else:
            self._passed = [(index, flow)]
            self.watched = True

    def body(self, chunk: bytes | None, *, complete: bool) -> bytes:
        """The first chunk is here, or can't be waited for (None): BODY. Lets a held head go.

        Returns what is to be sent of the chunk, every codec applied.
        """
        if chunk is not None:
            self.response.first(chunk, complete=complete)
        self._known = True
        return self.resume()

    def resume(self) -> bytes:
        """Go on after BODY, or after the `work` that was left to the driver."""
        self.head()
        return self.response.first_chunk or b""

    # The end

    def end(self, outcome: Outcome) -> None:
        """The exchange is over: END, exactly once. Flows that can't have their event are closed.

        Nothing that a flow raises here can change the response any more, so all of it is
        reported; only what is no `Exception` goes on, when every flow has had its turn.
        """
        if self.outcome is not None:
            return
        self.outcome = outcome
        try:
            if self.watched or self._flows:
                self._end_flows()
        finally:
            if self._record is not None:
                self.seal()

    def _end_flows(self) -> None:
        raised: BaseException | None = None
        ahead, early = len(self._flows), self._early or {}
        for index, flow in self._live():
            try:
                # What the head has passed waits for END; so may what it never reached.
                if index < ahead and early.get(index) is not END:
                    flow.close()
                elif (wait := next(flow, None)) is not None:
                    self._check(flow, self._plan.middleware[index], wait, LEGAL[END])
            except Exception as error:
                self._report(self._plan.middleware[index], error)
            except BaseException as error:
                raised = error
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
        self._answer = None
        self._may_answer = not sent
        if not sent:
            # The head is dropped with the rest; the server, or an answer, gives another.
            self._held = self._response = None
        traceback = error.__traceback__
        for index, flow in self._live():
            raised_again = self._throw(index, flow, self._plan.middleware[index], error)
            if self._answered():
                self.error = self.outcome = None
                self.reraise = error if raised_again else None
                # The answer has a first chunk of its own, even if the one before had come.
                self._known = False
                break
        self._may_answer = False
        # throw() leaves the frames of the flows in the traceback; its reader wants the
        # application's.
        error.__traceback__ = traceback
        if not self._answered():
            self.seal()
        return self._answer

    def _answered(self) -> bool:
        return self._answer is not None

    def _throw(self, index: int, flow: Flow, each: Middleware, error: BaseException) -> bool:
        """Raise ``error`` at the wait of one flow. Returns whether it passed through."""
        try:
            wait = flow.throw(error)
            self._check(flow, each, wait, _AFTER_ANSWER if self._answered() else LEGAL[END])
        except StopIteration:
            pass
        except BaseException as raised:
            # PEP 479: a generator turns a StopIteration that passes it into a RuntimeError.
            if raised is not error and not (
                isinstance(error, StopIteration) and raised.__cause__ is error
            ):
                self._report(each, raised)
            return True
        else:
            self._pass(index, flow)
        # What is no Exception asks a thread or a task to stop; nobody can deal with that.
        return not isinstance(error, Exception)

    def _live(self) -> Iterator[tuple[int, Flow]]:
        """The flows that still wait, innermost first; each is out of its list with that."""
        passed = self._passed if self.watched else []
        while passed:
            yield passed.pop(0)
        while self._flows:
            ahead = self._flows.pop()
            if ahead is not None:
                yield len(self._flows), ahead

    # Failures

    def _check(
        self, flow: Flow | None, each: Middleware, wait: Any, legal: frozenset[Event | None]
    ) -> None:
        """Raise ExchangeError, and close the flow, if it may not wait for that here."""
        if flow is None or any(wait is event for event in legal):
            return
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
