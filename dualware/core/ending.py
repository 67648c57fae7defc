"""How an exchange ends: which flows hear of it, in which order, and what their failures do.

Knows END, FAILURE and the exceptions of an application, and the laws of what may follow. Must
never know a protocol, nor how the head came to where it is: that is `dualware.core.engine`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from dualware.core.compiling import mypyc_attr
from dualware.core.exchange import END, LEGAL, Answer, Event, Outcome
from dualware.core.message import ExchangeError
from dualware.core.middleware import Middleware
from dualware.core.nesting import Member

__all__ = ["AFTER_ANSWER", "Ending", "advance", "backwards", "outcome_of"]

advance: Final = next
"""Moves a flow on. A name of ours: compiled code looks builtins up by theirs, at each call."""

backwards: Final = reversed
"""The same."""

AFTER_ANSWER: Final[frozenset[Event | None]] = frozenset({END, None})
"""What a flow may wait for that has answered."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Ending(Member):
    """An exchange whose flows hear of its end."""

    __slots__ = ()

    watched: bool
    """Whether a flow that the head has passed waits for END: the body is to be followed."""
    reraise: BaseException | None = None
    """What the application raised and a flow answered, but did not deal with."""

    # The flows, see `dualware.core.engine`. Any, since what a flow yields may be anything: `_check`
    # says so, where compiled code would raise a TypeError at once.
    _waiting: Any
    _guards: tuple[Any, ...] = ()
    _early: dict[Any, Any] | None = None
    _unanswered: bool = False
    """Whether an exception of the application passes, and nothing was sent."""

    def _pass(self, flow: Any) -> None:
        """The head has passed the flow, which waits for END."""
        if self.watched:
            self._passed.append(flow)
        else:
            self._passed = [*self._guards, flow]
            self.watched = True

    def _guard(self, flow: Any) -> None:
        """The same of a flow which waits for FAILURE."""
        self._guards += (flow,)
        if self.watched:
            self._passed.append(flow)

    def watch(self) -> None:
        """Follow the exchange for those that wait for FAILURE, as for those that wait for END."""
        if not self.watched:
            self._passed = [*self._guards]
            self.watched = True

    def end(self, outcome: Outcome) -> None:
        """The exchange is over: END, exactly once. Flows that can't have their event are closed.

        Nothing that a flow raises here can change the response any more, so all of it is
        reported; only what is no `Exception` goes on, when every flow has had its turn.
        """
        if self.outcome is not None:
            return
        self.outcome = outcome
        live: Sequence[Any] = self._passed if self.watched else ()
        closed: Sequence[Any] = ()
        if self._outwards or self._guards:
            live, closed = self._left()
        raised: BaseException | None = None
        for flow in live:
            try:
                if closed and flow in closed:
                    flow.close()
                elif (wait := advance(flow, None)) is not None:
                    self._check(flow, self._whose(flow), wait, LEGAL[END])
            except Exception as error:
                self._report(self._whose(flow), error)
            except BaseException as error:
                raised = error
        record = self._record
        if record is not None and self.outer is None:
            # As `seal`, less one call: every exchange that is followed ends here.
            record.ended = True
        if raised is not None:
            raise raised

    def _left(self) -> tuple[list[Any], list[Any]]:
        """All flows that are not over, innermost first, and those of them that are to be closed."""
        if self._guards:
            self.watch()
        # What the head has passed waits for END; so may what it never reached.
        ahead = list(self._ahead())
        closed = [flow for flow in ahead if (self._early or {}).get(flow) is not END]
        return [*(self._passed if self.watched else ()), *ahead], closed

    def spare(self) -> None:
        """The exchange completed, and nobody follows it: close the flows that wait for FAILURE."""
        self.outcome = "completed"
        guards, self._guards = self._guards, ()
        for flow in guards:
            try:
                flow.close()
            except Exception as error:
                self._report(self._whose(flow), error)
        record = self._record
        if record is not None and self.outer is None:
            # As `seal`.
            record.ended = True

    def fail(self, error: BaseException, outcome: Outcome, *, sent: bool) -> Answer | None:
        """An exception left the application: it is raised at the wait of every live flow.

        Innermost first, as the same object. Where nothing was sent, a flow may answer; then the
        flows outside it go on with that answer, which is returned. Otherwise this was the end,
        and the caller raises ``error`` again. Nothing a flow does masks it.
        """
        self.error = self.record.error = error
        self.outcome = outcome
        answer: Answer | None = None
        self._answer = None
        self._unanswered = not sent
        if not sent:
            # The head is dropped with the rest; the server, or an answer, gives another.
            self._held = self._pairs = self._response = None
        traceback = error.__traceback__
        for flow in self._live():
            raised_again = self._throw(flow, self._whose(flow), error)
            answer = self._answered()
            if answer is not None:
                self.error = self.outcome = None
                self.reraise = error if raised_again else None
                break
        self._unanswered = False
        # throw() leaves the frames of the flows in the traceback; its reader wants the
        # application's.
        error.__traceback__ = traceback
        if answer is None:
            self.seal()
        return answer

    def _answered(self) -> Answer | None:
        """The answer, if a flow gave one by now."""
        return self._answer

    def _throw(self, flow: Any, each: Middleware, error: BaseException) -> bool:
        """Raise ``error`` at the wait of one flow. Returns whether it passed through.

        At FAILURE it is resumed, once: from there on it is as any other.
        """
        guards = flow in self._guards
        if guards:
            self._guards = tuple(each for each in self._guards if each is not flow)
        try:
            wait = advance(flow) if guards else flow.throw(error)
            self._check(flow, each, wait, AFTER_ANSWER if self._answer is not None else LEGAL[END])
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

    def _live(self) -> Iterator[Any]:
        """The flows that still wait, innermost first; each is out of its list with that."""
        if self._guards:
            self.watch()
        passed = self._passed if self.watched else []
        while passed:
            yield passed.pop(0)
        yield from self._ahead()

    def _ahead(self) -> Iterator[Any]:
        """The flows that the head has yet to pass, innermost first; each is out with that."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            yield waiting
        yield from filter(None, self._outwards or ())

    def _whose(self, flow: Any) -> Middleware:
        return self._plan.middleware[self._flows.index(flow)]

    # Failures

    def _check(
        self, flow: Any, each: Middleware, wait: Any, legal: frozenset[Event | None]
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
