"""The record: found from anywhere inside an exchange, and by nobody outside.

Knows the one context variable. Must never need a protocol: any exchange has a record.
"""

import gc
import inspect
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from threading import Barrier, Thread

import pytest

from dualware.core.current import CURRENT, add_fields, carry, leave, live_record, request_id
from dualware.core.record import FIELDS_MOST, Record
from tests.core.bench import begun


@pytest.fixture
def exchange():
    """The current exchange."""
    made = begun()
    token = CURRENT.set(made)
    yield made
    CURRENT.reset(token)


def test_outside_an_exchange():
    """Nothing is there, and nothing is kept."""
    assert None is live_record()
    assert None is request_id()
    assert False is add_fields(a=1)


def test_inside_an_exchange(exchange):
    """The record is the exchange's; made when first asked for."""
    assert exchange.record is live_record()
    assert None is request_id()

    exchange.record.request_id = "abc"

    assert "abc" == request_id()


def test_a_record_before_anything_happened():
    """Everything has its neutral value."""

    def clock():
        return 1

    record = Record(clock)

    assert clock is record.clock
    assert {
        "cors": None,
        "ended": False,
        "error": None,
        "fields": None,
        "fields_dropped": 0,
        "outbound": None,
        "request_id": None,
        "request_id_plain": None,
        "request_id_source": None,
        "request_id_upstream": None,
        "route": None,
        "spans": None,
        "timing": None,
        "trace": None,
    } == {
        name: getattr(record, name)
        for name in dir(record)
        if name[0] != "_" and name not in ("add", "clock")
    }


def test_fields(exchange):
    """The last value of a name counts; the place of the first stays."""
    assert True is add_fields(a=1, b=2)
    assert True is add_fields(c=3, a=4)
    assert [("a", 4), ("b", 2), ("c", 3)] == list(exchange.record.fields.items())


def test_fields_are_bounded(exchange):
    """What does not fit is counted; what is there may still change."""
    add_fields(**{f"f{number}": number for number in range(FIELDS_MOST)})

    assert True is add_fields(more=1, f0="new", evenmore=2)

    record = exchange.record

    assert FIELDS_MOST == len(record.fields)
    assert "new" == record.fields["f0"]
    assert "more" not in record.fields
    assert 2 == record.fields_dropped


def test_fields_come_too_late(exchange):
    """The line is written."""
    exchange.end("completed")

    assert False is add_fields(a=1)
    assert None is exchange.record.fields


def test_leave(exchange):
    """Only ours is taken away."""
    other = begun()
    leave(other)

    assert exchange is CURRENT.get()

    leave(exchange)

    assert None is CURRENT.get()


def test_a_record_is_found_as_long_as_its_exchange_lingers():
    """When the body that it lingers for is over, it is current no longer."""

    def body():
        yield b"x"

    def ask():
        exchange, generator = begun(), body()
        record = exchange.record
        CURRENT.set(exchange)
        exchange.lingers_for = weakref.ref(generator)

        assert record is live_record()

        generator.close()

        assert None is live_record()
        assert None is CURRENT.get()

    Context().run(ask)


def test_a_record_keeps_no_exchange_alive():
    """One that outlives its exchange in a leaked context keeps nothing else."""
    exchange = begun()
    record, gone = exchange.record, weakref.ref(exchange.request)
    exchange.end("completed")
    del exchange
    gc.collect()

    assert None is gone()
    assert record.ended


# carry


def test_carry_keeps_what_a_function_is():
    """Name, signature, arguments, result, exception."""

    def work(a, *, b=2):
        """Work."""
        return a, b

    carried = carry(work)

    assert ("work", "Work.", work) == (carried.__name__, carried.__doc__, carried.__wrapped__)
    assert inspect.signature(work) == inspect.signature(carried)
    assert (1, 3) == carried(1, b=3)

    with pytest.raises(ZeroDivisionError):
        carry(lambda: 1 / 0)()


def test_carry_keeps_the_record(exchange):
    """A thread has no record unless it is carried there."""
    seen = []
    for target in (live_record, carry(live_record)):
        # A new thread may copy the context of its maker by itself (Python 3.14, free-threaded).
        thread = Thread(target=lambda run=target: seen.append(Context().run(run)))
        thread.start()
        thread.join()

    assert [None, exchange.record] == seen


def test_carry_takes_the_context_where_it_was_called(exchange):
    """Not the one where the function runs."""
    carried = carry(live_record)

    def elsewhere():
        CURRENT.set(begun())
        return carried()

    assert exchange.record is copy_context().run(elsewhere)


def test_carry_on_many_threads_at_once(exchange):
    """One context can be entered only once at a time, so each call has a copy."""
    together = Barrier(4, timeout=60)

    def work():
        together.wait()
        return live_record()

    carried = carry(work)
    with ThreadPoolExecutor(4) as pool:
        found = [future.result() for future in [pool.submit(carried) for _ in range(4)]]

    assert [exchange.record] * 4 == found


def test_mutation_is_seen_outside(exchange):
    """A thread adds to the very record."""
    with ThreadPoolExecutor(1) as pool:
        assert True is pool.submit(carry(add_fields), a=1).result()

    assert {"a": 1} == exchange.record.fields


def test_setting_is_not_seen_outside(exchange):
    """What a carried function sets stays in its copy."""
    carry(CURRENT.set)(None)

    assert exchange is CURRENT.get()
