"""The engine: carries one exchange through the flows of a stack, event by event.

A state machine that a test can drive by hand: `start`, then `head` and `body`, then `end` or
`fail`. The drivers are the only callers. It enforces the laws of the model, so that no middleware
has to. It must never do I/O, wait, or know a protocol.

The state is where the head is on its way. `_flows` are those that were started, in stack order
(None: over at once). `_outwards` iterates over those which the head has yet to pass: None while
they are started, empty when it has passed all. They wait for RESPONSE, but for the few of which
`_early` knows otherwise. `_waiting` is the flow, if any, for which the head is held: at BODY, or
for work. `_passed` wait for END, innermost first, and `_guards` for FAILURE.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from dualware.core.compiling import mypyc_attr
from dualware.core.ending import AFTER_ANSWER, Ending, advance, backwards
from dualware.core.exchange import (
    BODY,
    END,
    FAILURE,
    LEGAL,
    NO_RESPONSE,
    RESPONSE,
    START,
    Answer,
)
from dualware.core.message import Chunk, Request, Response
from dualware.core.work import Work

if TYPE_CHECKING:
    from dualware.core.effects import Effects
    from dualware.core.field_names import FieldNames
    from dualware.core.stack import Stack

__all__ = ["Engine"]


@mypyc_attr(allow_interpreted_subclasses=True)
class Engine(Ending):
    """An exchange with the methods that move it on."""

    # What nearly every exchange sets, or looks at more than once, has a slot; the rest stands on
    # the class. A slot costs 5 ns in every exchange, a look at the class 10 more than one at a
    # slot, and the first attribute outside the slots 100 (3.13: the object gets a dictionary).
    # `_source`, `_upstream`, `_receive`, `_held`, `_pairs` and `_place` are the protocol's own:
    # this room never looks at them.
    __slots__ = (
        "_answer",
        "_early",
        "_flows",
        "_guards",
        "_held",
        "_outwards",
        "_pairs",
        "_passed",
        "_place",
        "_receive",
        "_request",
        "_response",
        "_source",
        "_upstream",
        "_waiting",
        "committed",
        "first_at",
        "gone",
        "outcome",
        "outer",
        "sent",
        "token",
        "watched",
    )

    committed: bool
    """Whether the head was given to the server."""
    gone: bool
    """Whether the client was seen to go away; under ASGI alone anybody can tell."""
    broken: BaseException | None = None
    """What a policy raised while the application was still running; it may not go on."""
    defers: ClassVar[bool] = False
    """Whether the driver does long work elsewhere; else it is done in place."""
    work: Work | None = None
    """What a flow waits for that was left to the driver. It runs it, and goes on with `resume`."""

    def __init__(self, source: Any, upstream: Any, effects: Effects, inbound: Any = None) -> None:
        self._source = source
        self._upstream = upstream
        self._receive = inbound
        self._place = 0
        self.effects = effects
        self.committed = self.watched = self.gone = False
        self.first_at = self.sent = 0
        self._guards = ()
        self.outcome = self.outer = self.token = None
        self._answer = self._early = self._exits = self._outwards = self._record = None
        self._held = self._pairs = self._request = self._response = self._waiting = None

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
        if plan.alone:
            return self._start_alone(plan)
        flows = self._flows = []
        try:
            for start in plan.starts:
                try:
                    flow: Any = start(self)
                    wait = None if flow is None else advance(flow, None)
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
            outwards = self._outwards = backwards(flows)
        # An answer passes RESPONSE of the flows outside its giver only; that one sees END.
        if self._answer is not None and (flow := advance(outwards)) is not None:
            self._pass(flow)
        return self._answer

    def _start_alone(self, plan: Stack) -> Answer | None:
        """The same for a stack of one, which needs no list: 2 to 5 % of what that adds."""
        flow: Any = None
        try:
            flow = plan.starts[0](self)
            wait = None if flow is None else advance(flow, None)
            if wait is not RESPONSE or self._answer is not None:
                self._flows = ()
                flow = self._begun(flow, wait)
        except BaseException as error:
            flow = self._answer = None
            self._failed(plan.middleware[0], error)
        finally:
            self._flows = flows = (flow,)
            outwards = self._outwards = iter(flows)
        if self._answer is not None and (flow := advance(outwards)) is not None:
            self._pass(flow)
        return self._answer

    def _begun(self, flow: Any, wait: Any) -> Any:
        """``flow`` if it goes on from its start, waiting for anything but RESPONSE."""
        if flow is None or wait is None:
            # A flow may be over at any time, with an answer or without.
            return None
        if wait is not END:
            legal = LEGAL[START] if self._answer is None else AFTER_ANSWER
            self._check(flow, self._plan.middleware[len(self._flows)], wait, legal)
        if self._early is None:
            self._early = {}
        self._early[flow] = wait
        return flow

    @property
    def _may_answer(self) -> bool:
        # While flows are started, and see above.
        return self._outwards is None or self._unanswered

    # On the way out

    def head(self) -> bool:
        """The head is known: RESPONSE. Returns False where a flow holds it, for BODY."""
        if self._waiting is not None:
            # Asked again: of the same head, or of an answer that replaced it.
            return False
        early = self._early
        for flow in self._outwards or ():
            if flow is None:
                continue
            try:
                wait = advance(flow, None) if early is None or flow not in early else early[flow]
                if wait is None:
                    continue
                if wait is BODY:
                    self._waiting = flow
                    return False
                if wait is FAILURE:
                    self._guard(flow)
                    continue
                if wait is not END:
                    self._check(flow, self._whose(flow), wait, LEGAL[RESPONSE])
            except BaseException as error:
                self._failed(self._whose(flow), error)
                continue
            self._pass(flow)
        self._outwards = ()
        return True

    def body(self, chunk: Chunk | None, *, complete: bool) -> Chunk:
        """The first chunk is here, or can't be waited for (None): BODY. Lets a held head go.

        Returns what is to be sent of the chunk, every codec applied.
        """
        response = self.response
        if chunk is not None:
            response.first(chunk, complete=complete)
        self._go_on()
        return response.first_chunk or b""

    def resume(self) -> Chunk:
        """Go on after the `work` that was left to the driver. Returns as `body`."""
        self._go_on()
        return self.response.first_chunk or b""

    def _go_on(self) -> None:
        """Resume the flow that holds the head, and let the head go on behind it."""
        while (flow := self._waiting) is not None:
            self._waiting = None
            try:
                wait: Any = advance(flow, None)
                while type(wait) is Work:
                    if self.defers and wait.long:
                        self.work, self._waiting = wait, flow
                        return
                    wait.run()
                    wait = advance(flow, None)
                if wait is FAILURE:
                    self._guard(flow)
                elif wait is not None:
                    self._check(flow, self._whose(flow), wait, LEGAL[BODY])
            except BaseException as error:
                wait = None
                self._failed(self._whose(flow), error)
            if wait is END:
                self._pass(flow)
            self.head()
