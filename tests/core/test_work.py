"""Work between two events: where it is done, what comes of it, and what a failure leaves.

Knows the engine on the bench. Must never start a thread: that is the driver's, and a test plays it.
"""

import pytest

from dualware.core.exchange import BODY, END, RESPONSE, Exchange
from dualware.core.field_names import FieldNames
from dualware.core.message import ExchangeError
from dualware.core.work import Work
from tests.core.bench import Bench, Of, Watching, begun


class Deferring(Bench):
    """A driver with a loop to keep free."""

    defers = True


def working(calls, *, long=True, after=BODY):
    """A flow that has calls done, one after the other, and keeps what came of them in ``got``."""
    got = []

    def flow(exchange):
        yield after
        for call in calls:
            work = Work(call, long=long)
            yield work
            try:
                got.append(work.take())
            except LookupError as error:
                got.append(error)
        exchange.response.headers.append("X-Worked", str(len(got)))

    return Of(flow), got


def test_in_place():
    """An engine whose driver defers nothing does all of it at once."""
    flow, got = working([lambda: 1, lambda: 2])
    exchange = begun(flow)

    assert exchange.give(200) is False
    assert b"a" == exchange.body(b"a", complete=True)
    assert [1, 2] == got
    assert "2" == exchange.response.headers.get("X-Worked")


@pytest.mark.parametrize("long", [True, False])
def test_left_to_the_driver(long):
    """Long work waits for it, short work for nobody."""
    flow, got = working([lambda: 1, lambda: 2], long=long)
    exchange = Deferring(flow)
    exchange.go()
    exchange.give(200)
    exchange.body(b"a", complete=True)

    assert long is (exchange.work is not None)
    steps = 0
    while exchange.work is not None:
        assert steps == len(got)
        work, exchange.work = exchange.work, None
        work.run()
        assert b"a" == exchange.resume()
        steps += 1
    assert [1, 2] == got


def test_failure_is_the_flows():
    """What a call raises is raised where the flow takes it, as the same object."""
    error = LookupError()

    def fail():
        raise error

    flow, got = working([fail])
    exchange = begun(flow)
    exchange.give(200)
    exchange.body(b"a", complete=True)

    assert [error] == got


def test_flows_outside_wait_too():
    """They see the response when the work is done, as they would without it."""
    seen = []

    def outer(exchange):
        yield RESPONSE
        seen.append(exchange.response.headers.get("X-Worked"))

    flow, _ = working([lambda: 1])
    exchange = Deferring(Of(outer), flow)
    exchange.go()
    exchange.give(200)
    exchange.body(b"a", complete=True)

    assert [] == seen
    exchange.work.run()
    exchange.work = None
    exchange.resume()
    assert ["1"] == seen


@pytest.mark.parametrize("after", [RESPONSE, END])
def test_only_after_body(after):
    """There is nothing to work at before, and nothing to change after."""
    flow, got = working([lambda: 1], after=after)
    exchange = begun(flow)
    if after is RESPONSE:
        with pytest.raises(ExchangeError, match="yielded WORK where it may only"):
            exchange.give(200)
    else:
        assert exchange.give(200)
        exchange.end("completed")
        ((sentence, error),) = exchange.reports

        assert "failed" in sentence
        assert "yielded WORK where it may only return" in str(error)
    assert [] == got


def test_an_observer_may_work_too():
    """And its failure changes nothing."""

    def flow(exchange):
        yield BODY
        work = Work(lambda: 1 // 0, long=True)
        yield work
        work.take()

    exchange = begun(Watching(flow))
    exchange.give(200)

    assert b"a" == exchange.body(b"a", complete=True)
    assert [ZeroDivisionError] == [type(error) for _, error in exchange.reports]


def test_an_error_of_the_application_reaches_the_wait():
    """A flow that waits for work is as live as any."""
    heard = []

    def flow(exchange):
        yield BODY
        try:
            yield Work(int, long=True)
        except KeyError as error:
            heard.append(error)
            raise

    exchange = Deferring(Of(flow))
    exchange.go()
    exchange.give(200)
    exchange.body(b"a", complete=False)
    error = KeyError()

    assert None is exchange.fail(error, "error", sent=False)
    assert [error] == heard


# What can be asked without making a response


def test_asking_little():
    """Any engine answers what its response would say."""
    exchange = Bench(Of(lambda exchange: None))
    exchange.go()
    exchange.give(200, ("X-A", "1"), ("x-a", "2"), ("X-B", "3"))

    assert {"x-a": "1, 2"} == exchange.fields(FieldNames("X-A", "X-C"))
    assert exchange.may_bypass is False


def test_an_exchange_is_an_interface():
    """What a driver has to fill in."""
    with pytest.raises(NotImplementedError):
        Exchange().fields(FieldNames())
