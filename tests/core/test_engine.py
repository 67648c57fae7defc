"""The ten laws of the event model, one event at a time.

Knows the engine as the drivers call it. Must never use a driver: what they make of the engine has
tests of its own.
"""

import asyncio
import gc
import inspect
import pickle
import weakref
from contextvars import Context, copy_context

import pytest

import dualware.core.engine as engine_module
from dualware.core.current import CURRENT, add_fields
from dualware.core.ending import outcome_of
from dualware.core.exchange import BODY, END, LEGAL, NO_RESPONSE, RESPONSE, START
from dualware.core.message import ExchangeError
from dualware.core.middleware import Middleware
from dualware.core.nesting import enclosing, same_exchange
from dualware.core.stack import Stack
from tests.core.bench import Bench, BenchRequest, Of, Watching, begun

WAITS = [RESPONSE, BODY, END, None]
"""Everything that a flow may do next; None is to return."""


class Stop(BaseException):
    """Asks a thread or a task to stop."""


def noted(log, name):
    """A flow that writes down every event, and how it was left."""

    def flow(exchange):
        log.append(f"{name} start")
        try:
            yield RESPONSE
            log.append(f"{name} RESPONSE {exchange.response.status}")
            yield BODY
            log.append(f"{name} BODY {exchange.response.first_chunk}")
            yield END
            log.append(f"{name} END {exchange.outcome}")
        except BaseException as error:
            log.append(f"{name} raised {error!r}")
            raise
        finally:
            log.append(f"{name} left")

    return flow


def ordered(*waits):
    """A flow that waits for these events, in this order."""

    def flow(_):
        yield from waits

    return flow


def bring_to(event, exchange):
    """Move an exchange to where `event` is delivered."""
    exchange.go()
    if event is START:
        return
    exchange.give()
    if event in (BODY, END):
        exchange.body(b"", complete=True)
    if event is END:
        exchange.end("completed")


def row(event, wait):
    """A flow that is at `event` and then waits for `wait`; what it was sent goes nowhere."""
    before = () if event is START else (event,)
    return ordered(*before, *(() if wait is None else (wait,)))


# law 1: the legal orders


@pytest.mark.parametrize(
    ("event", "wait"), [(event, wait) for event in LEGAL for wait in WAITS if wait in LEGAL[event]]
)
def test_each_legal_order(event, wait):
    """Every pair of the table is taken."""
    exchange = Bench(Of(row(event, wait)))

    assert None is bring_to(event, exchange)
    assert [] == exchange.reports


ILLEGAL = [
    (event, wait)
    for event in LEGAL
    for wait in [*WAITS, START, "RESPONSE", 7]
    if wait not in LEGAL[event]
]
MAY = {
    START: "return or yield BODY or yield END or yield RESPONSE",
    RESPONSE: "return or yield BODY or yield END",
    BODY: "return or yield END",
    END: "return",
}


def sentence(wait, may):
    """What the engine says to an illegal order."""
    return (
        f"Of yielded {wait!r} where it may only {may}: events come in the order RESPONSE, BODY, "
        "END, and a flow that answered may only wait for END"
    )


@pytest.mark.parametrize(
    ("event", "wait"), [(event, wait) for event, wait in ILLEGAL if event is not END]
)
def test_each_illegal_order_of_a_policy(event, wait):
    """A policy that goes back, or waits for what is no event, fails closed."""
    exchange = Bench(Of(row(event, wait)))

    with pytest.raises(ExchangeError) as raised:
        bring_to(event, exchange)

    assert sentence(wait, MAY[event]) == str(raised.value)
    assert [] == exchange.reports


@pytest.mark.parametrize("wait", [wait for event, wait in ILLEGAL if event is END])
def test_each_illegal_order_after_the_end(wait):
    """Nothing can be changed any more after END, so even a policy is only told about."""
    exchange = Bench(Of(row(END, wait)))
    bring_to(END, exchange)
    ((told, error),) = exchange.reports

    assert "the middleware Of failed" == told
    assert sentence(wait, MAY[END]) == str(error)


@pytest.mark.parametrize(("event", "wait"), ILLEGAL)
def test_an_illegal_order_closes_the_flow(event, wait):
    """The flow's `finally` runs at once, whatever it was about to wait for."""
    left = []

    def flow(_):
        try:
            yield from row(event, wait)(_)
        finally:
            left.append(True)

    exchange = Bench(Watching(flow))
    bring_to(event, exchange)

    assert [True] == left
    assert [ExchangeError] == [type(error) for _, error in exchange.reports]


def test_events_may_be_left_out():
    """A flow that waits for END alone has it, and sees no other."""
    log = []

    def flow(exchange):
        yield END
        log.append(exchange.outcome)

    exchange = begun(Of(flow))

    assert exchange.give()
    assert exchange.watched

    exchange.end("completed")

    assert ["completed"] == log


def test_only_body_holds_the_head():
    """The head waits for nobody but a flow that waits for BODY."""
    assert begun(Of(ordered(RESPONSE, END))).give()
    assert begun(Of(ordered(END))).give()
    assert not begun(Of(ordered(RESPONSE, BODY))).give()
    assert not begun(Of(ordered(BODY))).give()


def test_flows_outside_a_held_head_wait():
    """While the head is held, no flow outside sees it."""
    log = []
    exchange = begun(Of(noted(log, "outer")), Of(noted(log, "inner")))
    exchange.give()

    assert ["outer start", "inner start", "inner RESPONSE 200"] == log

    assert b"first" == exchange.body(b"first", complete=False)
    assert [
        "inner BODY b'first'",
        "outer RESPONSE 200",
        "outer BODY b'first'",
    ] == log[3:]


def test_a_second_flow_needs_no_second_hold():
    """BODY is there for all once it is there for one."""
    exchange = begun(Of(ordered(BODY)), Of(ordered(BODY)))

    assert not exchange.give()

    exchange.body(b"x", complete=True)

    assert exchange.head()


def test_body_that_cannot_be_waited_for():
    """BODY comes all the same, with no chunk."""
    seen = []

    def flow(exchange):
        yield BODY
        seen.append((exchange.response.first_chunk, exchange.response.complete))

    exchange = begun(Of(flow))
    exchange.give()

    assert b"" == exchange.body(None, complete=False)
    assert [(None, False)] == seen


# law 2: inwards in order, outwards in reverse


def test_flows_run_in_order_and_back():
    """Stack order on the way in; the reverse for every event on the way out."""
    log = []
    exchange = begun(Of(noted(log, "outer")), Of(noted(log, "inner")))
    exchange.give()
    exchange.body(b"", complete=True)
    exchange.end("completed")

    assert [
        "outer start",
        "inner start",
        "inner RESPONSE 200",
        "inner BODY b''",
        "outer RESPONSE 200",
        "outer BODY b''",
        "inner END completed",
        "inner left",
        "outer END completed",
        "outer left",
    ] == log


def test_an_answer_passes_the_flows_outside_only():
    """The flows inside never start; the giver sees END, but not its own RESPONSE."""
    log = []

    def answering(exchange):
        exchange.respond(204)
        yield END
        log.append(f"answering END {exchange.outcome}")

    exchange = Bench(Of(noted(log, "outer")), Of(answering), Of(noted(log, "inner")))
    answer = exchange.go()
    exchange.give_answer(answer)
    exchange.end("completed")

    assert (204, [], b"") == (answer.status, answer.headers, answer.body)
    assert [
        "outer start",
        "outer RESPONSE 204",
        "outer BODY b''",
        "answering END completed",
        "outer END completed",
        "outer left",
    ] == log


def test_an_answer_is_followed_for_its_giver():
    """The giver alone wants to see END, so the driver has to look out for it."""
    log = []

    def answering(exchange):
        exchange.respond(204)
        yield END
        log.append(exchange.outcome)

    exchange = Bench(Of(answering))
    exchange.give_answer(exchange.go())

    assert exchange.watched

    exchange.end("completed")

    assert ["completed"] == log


def test_an_answer_of_a_plain_function():
    """A middleware that answers needs no generator."""
    exchange = Bench(Of(lambda exchange: exchange.respond(404, {"X-A": "1"}, b"no")))
    answer = exchange.go()

    assert (404, [("X-A", "1")], b"no") == (answer.status, answer.headers, answer.body)
    assert not exchange.watched


@pytest.mark.parametrize("wait", [RESPONSE, BODY, "END"])
def test_an_answer_is_followed_by_end_only(wait):
    """The giver knows its own head, so it may not wait for it."""

    def flow(exchange):
        exchange.respond(204)
        yield wait

    with pytest.raises(ExchangeError) as raised:
        Bench(Of(flow)).go()

    assert sentence(wait, "return or yield END") == str(raised.value)


# law 3: exceptions of the application


def test_an_exception_is_raised_at_every_wait():
    """Innermost first, the same object, and finally runs."""
    log = []
    error = ValueError("app")
    exchange = begun(Of(noted(log, "outer")), Of(noted(log, "inner")))

    assert None is exchange.fail(error, "error", sent=False)
    assert [
        "inner raised ValueError('app')",
        "inner left",
        "outer raised ValueError('app')",
        "outer left",
    ] == log[2:]
    assert error is exchange.error
    assert error is exchange.record.error
    assert "error" == exchange.outcome
    assert [] == exchange.reports


def test_the_traceback_stays_the_application_s():
    """The frames of the flows are not in it."""
    exchange = begun(Of(noted([], "a")))
    with pytest.raises(ValueError, match="app") as raised:
        int("app")
    before = raised.value.__traceback__
    exchange.fail(raised.value, "error", sent=False)

    assert before is raised.value.__traceback__
    assert None is before.tb_next


@pytest.mark.parametrize("error", [Stop(), asyncio.CancelledError(), SystemExit(3)])
def test_what_is_no_exception_passes_too(error):
    """BaseException is raised at the waits as any other is."""
    log = []
    exchange = begun(Of(noted(log, "a")))
    exchange.fail(error, "cancelled", sent=False)

    assert ["a start", f"a raised {error!r}", "a left"] == log
    assert error is exchange.error
    assert "cancelled" == exchange.outcome


def test_swallowing_masks_nothing():
    """A flow that catches and goes on has dealt with nothing: the flows outside see it too."""
    log = []

    def swallowing(_):
        try:
            yield RESPONSE
        except ValueError:
            log.append("swallowed")

    error = ValueError()
    exchange = begun(Of(noted(log, "outer")), Of(swallowing))

    assert None is exchange.fail(error, "error", sent=False)
    assert ["outer start", "swallowed", "outer raised ValueError()", "outer left"] == log
    assert error is exchange.error


def test_a_flow_that_swallows_may_wait_for_nothing():
    """There is no response to wait for; it is closed and told about."""
    left = []

    def flow(_):
        try:
            try:
                yield RESPONSE
            except ValueError:
                yield END
        finally:
            left.append(True)

    exchange = begun(Of(flow))
    exchange.fail(ValueError(), "error", sent=False)
    ((_, told),) = exchange.reports

    assert [True] == left
    assert sentence(END, "return") == str(told)


@pytest.mark.parametrize("raised", [KeyError("flow"), Stop("flow")])
def test_another_error_of_a_flow_masks_nothing(raised):
    """It is reported; the flows outside and the caller have the application's."""

    def flow(_):
        try:
            yield RESPONSE
        finally:
            raise raised

    log = []
    error = ValueError("app")
    exchange = begun(Of(noted(log, "outer")), Of(flow))

    assert None is exchange.fail(error, "error", sent=False)
    assert [("the middleware Of failed", raised)] == exchange.reports
    assert "outer raised ValueError('app')" == log[1]
    assert error is exchange.error


def test_stop_iteration_of_the_application_is_no_failure_of_a_flow():
    """A generator may not raise it (PEP 479), so Python makes another error of it there."""
    error = StopIteration("app")
    exchange = begun(Of(noted([], "a")), Of(ordered(END)))

    assert None is exchange.fail(error, "error", sent=False)
    assert [] == exchange.reports
    assert error is exchange.error


def test_flows_that_are_over_see_no_exception():
    """A flow has no wait after its return."""
    log = []

    def once(_):
        try:
            yield RESPONSE
        finally:
            log.append("left")

    exchange = begun(Of(once))
    exchange.give()
    exchange.fail(ValueError(), "error", sent=True)

    assert ["left"] == log


def answering_errors(exchange, *, again=False, after=()):
    """A flow that makes a response of an exception."""
    try:
        yield RESPONSE
    except BaseException:
        exchange.respond(503, {"Retry-After": "1"}, b"later")
        yield from after
        if again:
            raise


def test_an_exception_may_be_answered():
    """The flows outside go on with that answer as if nothing had happened."""
    log = []
    exchange = begun(Of(noted(log, "outer")), Of(answering_errors), Of(noted(log, "inner")))
    answer = exchange.fail(ValueError("app"), "error", sent=False)

    assert (503, [("Retry-After", "1")], b"later") == (answer.status, answer.headers, answer.body)
    assert None is exchange.error
    assert None is exchange.outcome
    assert None is exchange.reraise

    exchange.give_answer(answer)
    exchange.end("completed")

    assert [
        "inner raised ValueError('app')",
        "inner left",
        "outer RESPONSE 503",
        "outer BODY b'later'",
        "outer END completed",
        "outer left",
    ] == log[2:]


def test_an_exception_may_be_answered_and_raised_again():
    """The answer goes out, and the server has the exception."""
    error = ValueError()
    exchange = begun(Of(lambda exchange: answering_errors(exchange, again=True)))

    assert 503 == exchange.fail(error, "error", sent=False).status
    assert error is exchange.reraise


def test_a_stop_may_be_answered_but_not_dealt_with():
    """Nobody but the server can deal with what is no Exception."""
    error = Stop()
    exchange = begun(Of(answering_errors))

    assert 503 == exchange.fail(error, "cancelled", sent=False).status
    assert error is exchange.reraise


def test_after_an_answer_to_an_exception_comes_end():
    """The flow that answered sees how its answer went."""
    log = []

    def flow(exchange):
        yield from answering_errors(exchange, after=[END])
        log.append(exchange.outcome)

    exchange = begun(Of(flow))
    exchange.give_answer(exchange.fail(ValueError(), "error", sent=False))

    assert exchange.watched

    exchange.end("completed")

    assert ["completed"] == log


@pytest.mark.parametrize("wait", [RESPONSE, BODY])
def test_after_an_answer_to_an_exception_comes_nothing_else(wait):
    """An illegal wait does not undo the answer, nor does it deal with the exception."""
    error = ValueError()
    exchange = begun(Of(lambda exchange: answering_errors(exchange, after=[wait])))

    assert 503 == exchange.fail(error, "error", sent=False).status
    assert error is exchange.reraise
    assert [sentence(wait, "return or yield END")] == [str(told) for _, told in exchange.reports]


def test_no_answer_once_something_was_sent():
    """The flow that tries is told about; the exception goes on."""
    error = ValueError()
    exchange = begun(Of(answering_errors))
    exchange.committed = True

    assert None is exchange.fail(error, "error", sent=True)
    assert error is exchange.error
    assert [ExchangeError] == [type(told) for _, told in exchange.reports]


def test_an_answer_to_an_exception_while_the_head_is_held():
    """The held head is dropped; flows that it had not passed see that of the answer."""
    log = []

    def flow(exchange):
        try:
            yield BODY
        except ValueError:
            exchange.respond(500, (), b"!")

    exchange = begun(Of(noted(log, "outer")), Of(flow), Of(ordered(RESPONSE)))
    exchange.give()
    answer = exchange.fail(ValueError(), "error", sent=False)

    assert b"!" == exchange.give_answer(answer)
    assert ["outer start", "outer RESPONSE 500", "outer BODY b'!'"] == log


def test_an_answer_has_a_first_chunk_of_its_own():
    """BODY of the dropped response is not BODY of the answer."""
    log = []

    def failing(_):
        yield BODY
        raise ValueError("policy")

    exchange = begun(Of(noted(log, "outer")), Of(answering_errors), Of(failing))
    exchange.give()
    with pytest.raises(ValueError, match="policy") as raised:
        exchange.body(b"dropped", complete=True)
    exchange.give_answer(exchange.fail(raised.value, "error", sent=False))

    assert ["outer start", "outer RESPONSE 503", "outer BODY b'later'"] == log


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (ValueError(), "error"),
        (OSError(), "error"),
        (asyncio.CancelledError(), "cancelled"),
        (GeneratorExit(), "cancelled"),
        (SystemExit(), "cancelled"),
    ],
)
def test_outcome_of_an_exception(error, outcome):
    """What is no Exception cancels."""
    assert outcome == outcome_of(error)


# law 4: END exactly once, and every flow closed


def test_end_is_delivered_once():
    """Whatever ends an exchange first has the word."""
    log = []

    def flow(exchange):
        yield END
        log.append(exchange.outcome)

    exchange = begun(Of(flow))
    exchange.give()
    exchange.end("completed")
    exchange.end("aborted")

    assert ["completed"] == log
    assert "completed" == exchange.outcome


def test_nothing_ends_after_a_failure():
    """The exception was the end."""
    log = []
    exchange = begun(Of(noted(log, "a")))
    exchange.fail(ValueError(), "error", sent=False)
    exchange.end("completed")

    assert "error" == exchange.outcome
    assert ["a start", "a raised ValueError()", "a left"] == log


@pytest.mark.parametrize("wait", [RESPONSE, BODY])
def test_flows_that_cannot_have_their_event_are_closed(wait):
    """An exchange without a response closes the flows that wait for it, innermost first."""
    log = []

    def flow(name):
        def waiting(_):
            try:
                yield wait
            finally:
                log.append(name)

        return waiting

    exchange = begun(Of(flow("outer")), Of(flow("inner")))
    exchange.end("no_response")

    assert ["inner", "outer"] == log
    assert "no_response" == exchange.outcome


def test_end_reaches_those_who_wait_without_a_response():
    """END comes whether or not there was a head."""
    log = []

    def flow(exchange):
        yield END
        log.append((exchange.outcome, exchange.response.status))

    begun(Of(flow)).end("no_response")

    assert [("no_response", None)] == log


@pytest.mark.xfail(
    reason="next(flow, None) says the same of a flow that returned and of one that yielded None; "
    "telling them apart costs every flow that returns"
)
def test_a_flow_that_yields_nothing_is_closed():
    """A bare yield waits for no event, and may not leave its `finally` to the collector."""
    left = []
    flows = []

    def flow(_):
        try:
            yield
        finally:
            left.append(True)

    def kept(exchange):
        flows.append(flow(exchange))
        return flows[0]

    begun(Watching(kept)).end("no_response")

    assert [True] == left


def test_a_record_is_sealed_at_the_end():
    """Fields come too late after END."""
    exchange = begun()
    record = exchange.record
    token = CURRENT.set(exchange)

    assert add_fields(a=1)

    exchange.end("completed")

    assert record.ended
    assert not add_fields(b=2)

    CURRENT.reset(token)

    assert {"a": 1} == record.fields


def test_a_record_first_asked_for_after_the_end_is_ended():
    """It does not look as if something could still be written."""
    exchange = begun()
    exchange.end("completed")

    assert exchange.record.ended


@pytest.mark.parametrize("how", ["end", "fail"])
def test_the_record_of_an_outer_exchange_stays_open(how):
    """The inner end is not the end of the request."""
    outer = begun()
    inner = begun(outer=outer)

    assert outer.record is inner.record

    if how == "end":
        inner.end("completed")
    else:
        inner.fail(ValueError(), "error", sent=False)

    assert not outer.record.ended


# law 5: a flow that returned costs nothing


def test_nobody_is_watched_for_when_all_returned():
    """The driver may hand the body over untouched."""
    exchange = begun(Of(ordered(RESPONSE)), Of(lambda _: None))

    assert exchange.give()
    assert not exchange.watched
    assert not exchange.coded


def test_a_flow_that_returned_is_not_resumed():
    """Its generator is never touched again."""
    touched = []

    class Flow:
        """A flow that counts."""

        def __next__(self):
            touched.append("next")
            raise StopIteration

        def close(self):
            touched.append("close")

        def throw(self, error):
            touched.append("throw")
            raise error

    exchange = begun(Of(lambda _: Flow()))
    exchange.give()
    exchange.end("completed")

    assert ["next"] == touched


def test_a_codec_is_seen():
    """The driver learns that chunks have to pass it."""

    def flow(exchange):
        yield RESPONSE
        exchange.response.encode(Upper())

    exchange = begun(Of(flow))

    assert not exchange.coded

    exchange.give()

    assert exchange.coded


class Upper:
    """A codec that keeps the length."""

    def compress(self, data):
        return data.upper()

    def flush(self):
        return b"!"


# law 8: failures of flows


def failing_at(event, error):
    """A flow that raises where `event` is delivered."""

    def flow(_):
        if event is not START:
            yield event
        raise error
        yield  # pragma: no cover - what makes it a generator

    return flow


@pytest.mark.parametrize("event", [START, RESPONSE, BODY, END])
def test_a_failing_observer_changes_nothing(event):
    """The failure is reported once, with the name; the flows around see every event."""
    log = []
    error = KeyError("observer")
    exchange = begun(
        Of(noted(log, "outer")), Watching(failing_at(event, error)), Of(noted(log, "inner"))
    )
    exchange.give()
    exchange.body(b"x", complete=True)
    exchange.end("completed")

    assert [("the middleware Watching failed", error)] == exchange.reports
    assert [
        "outer start",
        "inner start",
        "inner RESPONSE 200",
        "inner BODY b'x'",
        "outer RESPONSE 200",
        "outer BODY b'x'",
        "inner END completed",
        "inner left",
        "outer END completed",
        "outer left",
    ] == log


@pytest.mark.parametrize("event", [START, RESPONSE, BODY])
def test_a_failing_policy_fails_closed(event):
    """Its error leaves the engine, and is then raised at the waits that are left."""
    log = []
    error = KeyError("policy")
    exchange = Bench(Of(noted(log, "outer")), Of(failing_at(event, error)))
    with pytest.raises(KeyError) as raised:
        bring_to(event, exchange)

    assert error is raised.value
    assert None is exchange.fail(error, "error", sent=False)
    assert ["outer start", "outer raised KeyError('policy')", "outer left"] == log
    assert [] == exchange.reports


def test_a_failing_policy_at_end():
    """The response is out, so there is nothing to close: it is reported."""
    log = []
    error = KeyError("policy")
    exchange = begun(Of(noted(log, "outer")), Of(failing_at(END, error)))
    bring_to(END, exchange)

    assert [("the middleware Of failed", error)] == exchange.reports
    assert "outer END completed" == log[-2]


def test_a_failing_policy_may_be_answered_by_the_flow_outside():
    """To the flows outside it is as if the application had failed."""
    exchange = begun(Of(answering_errors), Of(failing_at(RESPONSE, KeyError())))
    with pytest.raises(KeyError) as raised:
        exchange.give()

    assert 503 == exchange.fail(raised.value, "error", sent=False).status


@pytest.mark.parametrize("event", [START, RESPONSE, BODY])
def test_what_is_no_exception_leaves_an_observer(event):
    """Somebody wants the thread or the task to stop."""
    error = Stop()
    exchange = Bench(Watching(failing_at(event, error)))
    with pytest.raises(Stop) as raised:
        bring_to(event, exchange)

    assert error is raised.value
    assert [] == exchange.reports


def test_what_is_no_exception_leaves_the_end_when_all_had_their_turn():
    """The flows outside see END, the record is sealed, then it goes on."""
    log = []
    error = Stop()
    exchange = begun(Of(noted(log, "outer")), Watching(failing_at(END, error)))
    record = exchange.record
    exchange.give()
    exchange.body(b"", complete=True)
    with pytest.raises(Stop) as raised:
        exchange.end("completed")

    assert error is raised.value
    assert "outer END completed" == log[-2]
    assert record.ended


def test_an_answer_of_a_failing_observer_is_dropped():
    """It changed nothing, its answer included: the flows inside run."""
    log = []

    def flow(exchange):
        exchange.respond(500)
        raise KeyError
        yield  # pragma: no cover - what makes it a generator

    exchange = begun(Watching(flow), Of(noted(log, "inner")))

    assert ["inner start"] == log
    assert 1 == len(exchange.reports)


def test_a_middleware_that_fails_when_called():
    """It needs not get as far as a generator to fail."""

    def calling(_):
        raise KeyError

    watched = begun(Watching(calling), Of(ordered(RESPONSE)))

    assert 1 == len(watched.reports)
    assert watched.give()

    with pytest.raises(KeyError):
        Bench(Of(calling)).go()


def test_closing_a_flow_may_fail():
    """What a `finally` raises is reported like all else at the end."""

    def flow(_):
        try:
            yield RESPONSE
        finally:
            raise KeyError

    exchange = begun(Of(flow))
    exchange.end("no_response")

    assert [KeyError] == [type(error) for _, error in exchange.reports]


# law 9: once in an exchange


def test_the_outermost_exchange_knows_who_ran():
    """Its own middleware, and those of every stack that joined."""
    own = Of(ordered(), name="own")
    unnamed = Of(ordered())
    exchange = begun(own, unnamed)
    exchange.join(Stack([Of(ordered(), name="other")]))

    assert frozenset({"own", "other", id(unnamed)}) == exchange.ran


SAME = [
    ({}, {}, True),
    ({}, {"method": "POST"}, False),
    ({}, {"query": "a=1"}, False),
    ({}, {"path": "/other"}, False),
    # The bridge takes the mount prefix away …
    ({"path": "/api/x"}, {"path": "/api/x"}, True),
    ({"path": "/api/x", "route_path": "/x"}, {"path": "/x"}, True),
    # … or says it twice.
    ({"path": "/api/x"}, {"path": "/api/api/x", "route_path": "/api/x"}, True),
    ({"path": "/api/x"}, {"path": "/api/y", "route_path": "/y"}, False),
]


@pytest.mark.parametrize(("outer", "inner", "expected"), SAME)
def test_the_same_exchange(outer, inner, expected):
    """Method and query must be equal, and the path up to a mount prefix."""
    outer, inner = (BenchRequest(**{"path": "/x", "query": "", **each}) for each in (outer, inner))

    assert expected is same_exchange(outer, inner)


def test_enclosing():
    """The current exchange encloses a request that shows the same, until it has ended."""

    def ask():
        request = BenchRequest()

        assert None is enclosing(request)

        outer = begun()
        CURRENT.set(outer)

        assert outer is enclosing(request)
        assert None is enclosing(BenchRequest(path="/other"))

        # Between two items of a body anything may be called in that context.
        outer.running = False

        assert None is enclosing(request)

        outer.running = True
        outer.end("completed")

        assert None is enclosing(request)

    copy_context().run(ask)


# law 10: no I/O, no coroutine, no protocol


def test_the_engine_is_no_coroutine():
    """Everything in it is a plain function."""
    functions = [
        each
        for where in (engine_module, engine_module.Engine)
        for _, each in inspect.getmembers(where, inspect.isfunction)
    ]

    assert [] == [each for each in functions if inspect.iscoroutinefunction(each)]


def test_the_engine_makes_values_when_first_asked():
    """Request, response and record are one object each."""
    exchange = begun()

    assert exchange.request is exchange.request
    assert NO_RESPONSE is exchange.response

    exchange.give(201)

    assert 201 == exchange.response.status
    assert exchange.response is exchange.response
    assert exchange.record is exchange.record


def test_what_a_driver_fills_in():
    """The engine itself knows no request and no response."""
    engine = engine_module.Engine(None, None, begun().effects)

    with pytest.raises(NotImplementedError):
        _ = engine.request
    with pytest.raises(NotImplementedError):
        _ = engine.response


# The context


def test_leave_resets_the_context():
    """The exchange that was current before is so again."""

    def run():
        outer, inner = begun(), begun()
        CURRENT.set(outer)
        inner.token = CURRENT.set(inner)
        inner.leave()

        assert outer is CURRENT.get()
        assert None is inner.token

        inner.leave()

        assert outer is CURRENT.get()

    Context().run(run)


def test_leave_in_another_context():
    """A token of another context does not fit; ours is not left behind, others' stay."""
    exchange, other = begun(), begun()

    def enter():
        exchange.token = CURRENT.set(exchange)

    Context().run(enter)

    def leave(current, expected):
        CURRENT.set(current)
        exchange.leave()

        assert expected is CURRENT.get()

    token = exchange.token
    Context().run(leave, exchange, None)
    exchange.token = token
    Context().run(leave, other, other)


def test_an_exchange_lingers_as_long_as_its_body():
    """One that is over stays current for a body that goes by, not for what comes after it."""

    def body():
        yield b"x"

    class Unknown:
        """A body that says nothing of itself."""

    exchange = begun()

    assert not exchange.lingers

    for lives in (generator := body(), unknown := Unknown()):
        exchange.lingers_for = weakref.ref(lives)

        assert exchange.lingers

    del lives, unknown
    gc.collect()

    assert not exchange.lingers

    exchange.lingers_for = weakref.ref(generator)
    generator.close()

    assert not exchange.lingers


# The exit


def test_exit_callbacks():
    """Called once, in order, with what the application raised late; a failure is reported."""
    called = []
    error, failure = ValueError(), KeyError()

    def failing(_):
        raise failure

    exchange = begun()
    exchange.over()
    exchange.on_exit(called.append)
    exchange.on_exit(failing)
    exchange.on_exit(lambda raised: called.append(("again", raised)))
    exchange.over(error)
    exchange.over()

    assert [error, ("again", error)] == called
    assert [(f"the exit callback {failing!r} failed", failure)] == exchange.reports


def test_release():
    """The exit callbacks are called while the exchange is current; then it is so no longer."""

    def run():
        exchange, error = begun(), ValueError()
        exchange.release()
        exchange.token = CURRENT.set(exchange)
        seen = []
        exchange.on_exit(lambda raised: seen.append((raised, CURRENT.get())))
        exchange.release(error)

        assert [(error, exchange)] == seen
        assert None is CURRENT.get()

    Context().run(run)


# Middleware as it is


def test_a_middleware_says_what_it_does():
    """The base class does nothing; its defaults are those of an unnamed policy."""
    middleware = Middleware()

    assert (None, False, False, False) == (
        middleware.name,
        middleware.observes,
        middleware.websocket,
        middleware.measures,
    )
    assert id(middleware) == middleware.key

    with pytest.raises(NotImplementedError):
        middleware(None)


@pytest.mark.parametrize("event", [START, RESPONSE, BODY, END])
def test_events_are_one_object(event):
    """Identity survives pickling, since events are compared by it."""
    assert event is pickle.loads(pickle.dumps(event))
    assert event.name == repr(event)
