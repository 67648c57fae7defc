"""What a flow may ask of an exchange: the table of legal orders, `respond`, what is not set yet.

Knows `dualware.core.exchange` as middleware see it. Must never know how events come about: that is
`test_engine`.
"""

import pytest

from dualware.core.exchange import BODY, END, LEGAL, RESPONSE, START, Exchange, Session
from dualware.core.message import ExchangeError
from tests.core.bench import Bench, Of, begun

PAST = (
    "respond() is legal before the first yield, or while an exception of the application passes "
    "and nothing was sent; this exchange is past both"
)


def test_the_table_of_legal_orders():
    """Events may be left out, never gone back to; a flow may return anywhere."""
    assert {
        START: {RESPONSE, BODY, END, None},
        RESPONSE: {BODY, END, None},
        BODY: {END, None},
        END: {None},
    } == LEGAL


@pytest.mark.parametrize(
    "headers",
    [{"X-A": "1", "X-B": "2"}, [("X-A", "1"), ("X-B", "2")], iter([("X-A", "1"), ("X-B", "2")])],
)
def test_respond_takes_a_mapping_or_pairs(headers):
    """The answer has them as pairs."""
    answer = Bench(Of(lambda exchange: exchange.respond(200, headers, b"body"))).go()

    assert 200 == answer.status
    assert [("X-A", "1"), ("X-B", "2")] == answer.headers
    assert b"body" == answer.body


def test_respond_keeps_duplicates():
    """Pairs may name a field twice."""
    pairs = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]

    assert pairs == Bench(Of(lambda exchange: exchange.respond(200, pairs))).go().headers


def test_the_last_answer_of_a_flow_counts():
    """Until its first wait, a flow may change its mind."""

    def flow(exchange):
        exchange.respond(200)
        exchange.respond(404)

    assert 404 == Bench(Of(flow)).go().status


def test_respond_without_a_body():
    """Neither headers nor body need be given."""
    answer = Bench(Of(lambda exchange: exchange.respond(204))).go()

    assert ([], b"") == (answer.headers, answer.body)


def refused(error, *arguments):
    """What `respond` raises in a flow that may answer."""
    with pytest.raises(error) as raised:
        Bench(Of(lambda exchange: exchange.respond(*arguments))).go()
    return str(raised.value)


@pytest.mark.parametrize("status", [-1, 0, 100, 101, 199, 600])
def test_respond_refuses_what_is_no_status_of_an_answer(status):
    """Interim responses are no answers."""
    sentence = f"{status} cannot be the status of an answer; use 200 to 599"

    assert sentence == refused(ValueError, status)


@pytest.mark.parametrize("status", [200, 299, 404, 599])
def test_respond_takes_every_other_status(status):
    """200 to 599, known or not."""
    assert status == Bench(Of(lambda exchange: exchange.respond(status, (), b"x"))).go().status


@pytest.mark.parametrize("status", [204, 205, 304])
def test_respond_refuses_a_body_where_none_may_stand(status):
    """RFC 9110 §6.4.1."""
    sentence = f"a {status} response has no body (RFC 9110 §6.4.1)"

    assert sentence == refused(ValueError, status, (), b"x")


@pytest.mark.parametrize("wait", [RESPONSE, BODY, END])
def test_respond_after_a_wait(wait):
    """The response is the application's by then."""
    raised = []

    def flow(exchange):
        yield wait
        with pytest.raises(ExchangeError) as caught:
            exchange.respond(200)
        raised.append(str(caught.value))

    exchange = begun(Of(flow))
    exchange.give()
    exchange.body(b"", complete=True)
    exchange.end("completed")

    assert [PAST] == raised


def test_respond_in_the_middle_of_nothing():
    """Application code that got hold of the exchange may not answer either."""
    exchange = begun()

    with pytest.raises(ExchangeError) as raised:
        exchange.respond(200)

    assert PAST == str(raised.value)


def test_respond_when_the_exception_has_passed():
    """The chance is over with the last flow."""
    exchange = begun()
    exchange.fail(ValueError(), "error", sent=False)

    with pytest.raises(ExchangeError) as raised:
        exchange.respond(200)

    assert PAST == str(raised.value)


def test_an_exchange_before_anything_happened():
    """What few exchanges ever set has its neutral value."""
    exchange = begun()

    assert (None, None, 0, None, 0, 0) == (
        exchange.outcome,
        exchange.error,
        exchange.sent,
        exchange.session,
        exchange.first_at,
        exchange.send_wait,
    )


@pytest.mark.parametrize(
    "name", ["request", "response", "record", "noted", "has_response", "_may_answer"]
)
def test_an_exchange_is_an_interface(name):
    """The engine fills it in."""
    with pytest.raises(NotImplementedError):
        getattr(Exchange(), name)


def test_a_session_before_anything_happened():
    """Nothing was said, and nobody has closed."""
    session = Session()

    assert {
        "accepted": False,
        "bytes_in": 0,
        "bytes_out": 0,
        "close_code": None,
        "closed_by": None,
        "messages_in": 0,
        "messages_out": 0,
        "subprotocol": None,
    } == {name: getattr(session, name) for name in dir(session) if name[0] != "_"}
