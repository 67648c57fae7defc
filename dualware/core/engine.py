"""The engine: carries one exchange through the flows of a stack, event by event.

A state machine that a test can drive by hand: `start`, then `head` and `body`, then `end` or
`fail`. The drivers are the only callers. It enforces the laws of the model, so that no middleware
has to. It must never do I/O, wait, or know a protocol.

The state is where the head is on its way. `_flows` are those that were started, in stack order
(None: over at once), and `_outwards` iterates over those which the head has yet to pass: they wait
for RESPONSE, but for the few of which `_early` knows otherwise. `_passed` wait for END, innermost
first, and `_guards` for FAILURE.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Final

from dualware.core.exchange import (
    BODY,
    END,
    FAILURE,
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

    # What every exchange looks at is set in every exchange, the rest stands on the class: an
    # attribute of the class costs more to look at than one of the object costs to set, and one
    # that is never looked at costs nothing. `_source`, `_upstream`, `_receive`, `_held`,
    # `_pairs` and `_place` are the protocol's own: this room never looks at them.
    __slots__ = (
        "_answer",
        "_flows",
        "_passed",
        "_place",
        "_receive",
        "_request",
        "_response",
        "_source",
        "_upstream",
        "watched",
    )

    committed: bool = False
    """Whether the head was given to the server."""
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
    _outwards: Iterator[Flow | None] | None = None
    _passed: list[Flow]
    _guards: tuple[Flow, ...] = ()
    _held: Any = None
    _pairs: list[Any] | None = None
    _known: bool = False
    _early: dict[Flow, Event] | None = None
    _unanswered: bool = False
    """Whether an exception of the application passes, and nothing was sent."""

    def __init__(self, source: Any, upstream: Any, effects: Effects, inbound: Any = None) -> None:
        self._source = source
        self._upstream = upstream
        self._receive = inbound
        self._place = 0
        self.effects = effects
        self.watched = False
        """Whether a flow that the head has passed waits for END: the body is to be followed."""
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
        try:
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
        finally:
            outwards = self._outwards = reversed(flows)
        # An answer passes RESPONSE of the flows outside its giver only; that one sees END.
        if self._answer is not None and (flow := next(outwards)) is not None:
            self._pass(flow)
        return self._answer

    def _begun(self, flow: Flow | None, wait: Event | None) -> Flow | None:
        """``flow`` if it goes on from its start, waiting for anything but RESPONSE."""
        if flow is None or wait is None:
            # A flow may be over at any time, with an answer or without.
            return None
        legal = LEGAL[START] if self._answer is None else _AFTER_ANSWER
        self._check(flow, self._plan.middleware[len(self._flows)], wait, legal)
        self._early = {**(self._early or {}), flow: wait}
        return flow

    @property
    def _may_answer(self) -> bool:
        # While flows are started, and see above.
        return self._outwards is None or self._unanswered

    # On the way out

    def head(self) -> bool:
        """The head is known: RESPONSE. Returns False where a flow holds it: see `_at_body`."""
        early = self._early
        for flow in self._outwards or ():
            if flow is None:
                continue
            try:
                wait = next(flow, None) if early is None or flow not in early else early[flow]
                if wait is None:
                    continue
                if wait is not END:
                    wait = self._at_body(flow, wait)
                    if wait is BODY:
                        return False
            except BaseException as error:
                wait = None
                self._failed(self._whose(flow), error)
            if wait is END:
                self._pass(flow)
        return True

    def _at_body(self, flow: Flow, wait: Event | None) -> Event | None:
        """Resume a flow with its first chunk, or its work. Returns what it waits for now.

        BODY where it has to go on waiting: for the chunk, or for work left to the driver.
        """
        if wait is FAILURE:
            self._guards += (flow,)
            return None
        if wait is not BODY:
            self._check(flow, self._whose(flow), wait, LEGAL[RESPONSE])
        if self._known:
            wait = next(flow, None)
            while type(wait) is Work and not (self.defers and wait.long):
                wait.run()
                wait = next(flow, None)
            if type(wait) is not Work:
                if wait is FAILURE:
                    self._guards += (flow,)
                    return None
                if wait is not None:
                    self._check(flow, self._whose(flow), wait, LEGAL[BODY])
                return wait
            self.work = wait
        self._early = {**(self._early or {}), flow: BODY}
        self._outwards = chain((flow,), self._outwards or ())
        return BODY

    def _pass(self, flow: Flow) -> None:
        """The head has passed the flow, which waits for END."""
        if self.watched:
            self._passed.append(flow)
        else:
            self._passed = [flow]
            self.watched = True

    def watch(self) -> None:
        """Follow the exchange for those that wait for FAILURE, as for those that wait for END."""
        if not self.watched:
            self._passed = []
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
            if self.watched or self._outwards is not None:
                self._end_flows()
        finally:
            record = self._record
            if record is not None and self.outer is None:
                record.ended = True

    def spare(self) -> None:
        """The exchange completed: close the flows that wait for FAILURE."""
        guards, self._guards = self._guards, ()
        for flow in guards:
            try:
                flow.close()
            except Exception as error:
                self._report(self._whose(flow), error)

    def _end_flows(self) -> None:
        raised: BaseException | None = None
        live = self._passed if self.watched else []
        ahead = list(filter(None, self._outwards or ()))
        closed: list[Flow] = []
        if ahead or self._guards:
            # What the head has passed waits for END; so may what it never reached.
            closed = [flow for flow in ahead if (self._early or {}).get(flow) is not END]
            if self.outcome == "completed":
                closed += self._guards
            live = self._inwards(*live, *ahead, *self._guards)
            self._guards = ()
        for flow in live:
            try:
                if closed and flow in closed:
                    flow.close()
                elif (wait := next(flow, None)) is not None:
                    self._check(flow, self._whose(flow), wait, LEGAL[END])
            except Exception as error:
                self._report(self._whose(flow), error)
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
        self._unanswered = not sent
        if not sent:
            # The head is dropped with the rest; the server, or an answer, gives another.
            self._held = self._pairs = self._response = None
        traceback = error.__traceback__
        for flow in self._live():
            raised_again = self._throw(flow, self._whose(flow), error)
            if self._answered():
                self.error = self.outcome = None
                self.reraise = error if raised_again else None
                # The answer has a first chunk of its own, even if the one before had come.
                self._known = False
                break
        self._unanswered = False
        # throw() leaves the frames of the flows in the traceback; its reader wants the
        # application's.
        error.__traceback__ = traceback
        if not self._answered():
            self.seal()
        return self._answer

    def _answered(self) -> bool:
        return self._answer is not None

    def _throw(self, flow: Flow, each: Middleware, error: BaseException) -> bool:
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
            self._pass(flow)
        # What is no Exception asks a thread or a task to stop; nobody can deal with that.
        return not isinstance(error, Exception)

    def _live(self) -> Iterator[Flow]:
        """The flows that still wait, innermost first; each is out of its list with that."""
        passed = self._passed if self.watched else []
        if self._guards:
            passed = self._passed = self._inwards(*passed, *self._guards)
            self._guards = ()
            self.watched = True
        while passed:
            yield passed.pop(0)
        yield from filter(None, self._outwards or ())

    def _inwards(self, *flows: Flow) -> list[Flow]:
        """Flows in the order in which they hear of an end: innermost first."""
        return sorted(flows, key=self._flows.index, reverse=True)

    def _whose(self, flow: Flow) -> Middleware:
        return self._plan.middleware[self._flows.index(flow)]

    # Failures

    def _check(
        self, flow: Flow, each: Middleware, wait: Any, legal: frozenset[Event | None]
    ) -> None:
        """Raise ExchangeError, and close the flow, if it may not wait for that here."""
        if any(wait is event for event in legal):
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
