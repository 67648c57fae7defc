"""Spans: what application code measures, and where it is found again.

Knows the record as the place where spans end up. Must never expect a header: whether spans are
shown is a matter of the timing middleware.
"""

import asyncio
import inspect
import math
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware as StarletteMiddleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from dualware.core.current import CURRENT, carry, live_record
from dualware.core.record import Record
from dualware.spans import SPANS_MOST, Span, add_span, span
from dualware.testing import ASGIClient, Dual, Script
from tests.timing_parts import MS, World


@pytest.fixture
def world():
    """Clocks that are moved by hand."""
    return World()


class Holding:
    """An exchange as far as the record knows one: a `Holder` that is still running."""

    lingers_for = None
    lingers = False

    def __init__(self, record):
        self.record = record


@pytest.fixture
def record(world):
    """The record of an exchange that this test runs in."""
    record = Record(world.effects.clock)
    token = CURRENT.set(Holding(record))
    yield record
    CURRENT.reset(token)


def told(record):
    """The spans of a record as (name, ms)."""
    return [
        (each.name, None if each.duration is None else each.duration / MS)
        for each in record.spans or ()
    ]


# As context manager


def test_a_block_is_timed(world, record):
    """A span has a name, a description, and how long the block took."""
    # observability T9
    with span("db", "read") as running:
        world.tick(12.5)

    assert [("db", 12.5)] == told(record)
    assert "read" == record.spans[0].description
    assert running is record.spans[0]


def test_an_async_block_is_timed(world, record):
    """`async with` does the same."""
    # observability T9

    async def work():
        async with span("db") as running:
            world.tick(3)
            running.description = "3 rows"

    asyncio.run(work())

    assert [("db", 3)] == told(record)
    assert "3 rows" == record.spans[0].description


def test_spans_nest(world, record):
    """The outer one counts the inner one too; they stand in the order in which they started."""
    # observability T9
    with span("page"):
        world.tick(1)
        with span("db"):
            world.tick(2)
        world.tick(4)

    assert [("page", 7), ("db", 2)] == told(record)


def test_one_stopwatch_may_be_entered_inside_itself(world, record):
    """Recursion with a shared object gives two spans."""
    # observability T9
    shared = span("walk")
    with shared:
        world.tick(1)
        with shared:
            world.tick(2)

    assert [("walk", 3), ("walk", 2)] == told(record)


def test_an_exception_ends_the_span_and_passes(world, record):
    """The time until the exception counts; nothing is swallowed."""
    # observability T9
    error = KeyError("gone")

    def work():
        with span("db"):
            world.tick(5)
            raise error

    with pytest.raises(KeyError) as caught:
        work()

    assert error is caught.value
    assert [("db", 5)] == told(record)


def test_a_running_span_has_no_duration(world, record):
    """Until it ends, nobody knows."""
    # observability T3
    with span("db") as running:
        world.tick(1)

        assert running.duration is None
        assert "Span('db', duration=None)" == repr(running)

    assert "Span('db', duration=1000000)" == repr(running)


# As decorator


def test_a_function_is_timed(world, record):
    """Each call is a span; arguments and results pass, and it still looks like itself."""
    # observability T9
    watch = span("add")

    @watch
    def add(a, *, b):
        """Add."""
        world.tick(2)
        return a + b

    assert 3 == add(1, b=2)
    assert 7 == add(3, b=4)
    assert [("add", 2), ("add", 2)] == told(record)
    assert ("add", "Add.") == (add.__name__, add.__doc__)


def test_a_coroutine_function_is_timed(world, record):
    """Until it has returned, not until it was called."""
    # observability T9

    @span("fetch")
    async def fetch():
        await asyncio.sleep(0)
        world.tick(9)
        return "done"

    assert inspect.iscoroutinefunction(fetch)
    assert "done" == asyncio.run(fetch())
    assert [("fetch", 9)] == told(record)


def test_a_generator_function_is_timed(world, record):
    """From the first item to the last, with what was sent in and what came back."""
    # observability T9

    @span("rows")
    def rows():
        got = yield 1
        world.tick(1)
        yield got
        return "over"

    assert inspect.isgeneratorfunction(rows)
    generator = rows()
    world.tick(100)
    first = next(generator)
    world.tick(10)
    second = generator.send(2)
    with pytest.raises(StopIteration) as stop:
        next(generator)

    assert (1, 2, "over") == (first, second, stop.value.value)
    assert [("rows", 11)] == told(record)


def test_a_generator_that_is_closed_ends_its_span(world, record):
    """Who takes only the first item has spent the time until then."""
    # observability T9

    @span("rows")
    def rows():
        yield from range(9)

    generator = rows()
    next(generator)
    world.tick(4)
    generator.close()

    assert [("rows", 4)] == told(record)


@span("stream")
async def relay(log, world=None):
    """An async generator that tells what happens to it."""
    try:
        sent = yield "first"
        log.append(sent)
        if world is not None:
            world.tick(6)
        yield "second"
    except LookupError as error:
        log.append(error)
        yield "after the error"
    finally:
        log.append("closed")


def test_an_async_generator_function_is_timed(world, record):
    """From the first item to the last; `asend` gets through."""
    # observability T9
    log = []

    async def work():
        generator = relay(log, world)
        items = [await generator.asend(None), await generator.asend("hello")]
        return items + [item async for item in generator]

    assert inspect.isasyncgenfunction(relay)
    assert ["first", "second"] == asyncio.run(work())
    assert ["hello", "closed"] == log
    assert [("stream", 6)] == told(record)


def test_an_exception_thrown_into_an_async_generator_gets_through(record):
    """Dependencies that yield once see the exception of their consumer at that yield."""
    # observability T9
    log, error = [], LookupError("seen")

    async def work():
        generator = relay(log)
        await generator.asend(None)
        item = await generator.athrow(error)
        with pytest.raises(ZeroDivisionError):
            await generator.athrow(ZeroDivisionError())
        return item

    assert "after the error" == asyncio.run(work())
    assert [error, "closed"] == log
    assert record.spans[0].duration is not None


def test_an_async_generator_that_is_closed_ends_its_span(world, record):
    """`aclose` reaches the generator inside."""
    # observability T9
    log = []

    async def work():
        generator = relay(log)
        await generator.asend(None)
        world.tick(8)
        await generator.aclose()

    asyncio.run(work())

    assert ["closed"] == log
    assert [("stream", 8)] == told(record)


def test_any_other_callable_is_timed(world, record):
    """An object with `__call__`, a builtin, a class."""
    # observability T9

    class Query:
        __name__ = "query"

        def __call__(self):
            world.tick(1)
            return "rows"

    assert "rows" == span("db")(Query())()
    assert 3 == span("len")(len)("abc")
    assert [("db", 1), ("len", 0)] == told(record)


def test_what_is_no_name_is_refused():
    """`@span` without a name, or above `@classmethod`, is a mistake that shows at once."""
    with pytest.raises(TypeError, match=r"a span is named first, @span\('db'\)"):
        span(len)
    with pytest.raises(TypeError, match="put @span below, next to the def"):
        span("db")(classmethod(len))

    assert "span('db', None)" == repr(span("db"))


# Spans that somebody else timed


def test_add_span_adds_what_is_known(world, record):
    """It ended now, and took so many ms."""
    # observability T9
    assert add_span("redis", 1.25, "GET")
    assert add_span("zero", 0)
    assert [("redis", 1.25), ("zero", 0)] == told(record)
    assert (world.ns, "GET") == (record.spans[0].ended, record.spans[0].description)


@pytest.mark.parametrize("ms", [-0.001, math.nan, math.inf, -math.inf, 1e305, 10**400])
def test_add_span_refuses_what_is_no_time(record, ms):
    """A browser could not read it, so it is not kept."""
    # observability T6
    assert not add_span("odd", ms)
    assert record.spans is None


# Where they are kept


def test_outside_an_exchange_nothing_is_kept():
    """Code that is timed runs in scripts and tests too."""
    # observability T9
    with span("db") as running:
        running.description = "nobody reads it"

    assert (0, None) == (running.started, running.duration)
    assert not add_span("redis", 1)


def test_after_the_end_nothing_is_kept(world, record):
    """A background task may go on for hours; nobody would read what it adds."""
    # observability T9
    with span("before"):
        record.ended = True
    with span("after"):
        world.tick(1)

    assert not add_span("redis", 1)
    assert [("before", 0)] == told(record)


def test_spans_are_capped(record):
    """A loop must not fill the memory; the first are kept."""
    for number in range(SPANS_MOST):
        with span(f"n{number}"):
            pass
    with span("late") as late:
        pass

    assert not add_span("later", 1)
    assert SPANS_MOST == len(record.spans)
    assert late not in record.spans
    assert 0 == late.duration


def test_threads_lose_no_span(record):
    """Even where several are the first at once."""
    # observability T9
    barrier = threading.Barrier(8)

    def work(number):
        barrier.wait()
        with span(f"t{number}"):
            return add_span(f"a{number}", 1)

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(carry(work), number) for number in range(8)]
        done = [future.result() for future in futures]

    assert [True] * 8 == done
    assert {f"{kind}{number}" for kind in "ta" for number in range(8)} == {
        each.name for each in record.spans
    }


def test_a_thread_that_comes_second_joins_the_first(world):
    """Between looking for the list and making it, another thread may have made it."""
    # observability T9
    kept = Span("theirs", None, None)

    class Racing(Record):
        """Another thread's list appears at the second look."""

        looks = 0

        @property
        def spans(self):
            Racing.looks += 1
            return None if Racing.looks == 1 else [kept]

        @spans.setter
        def spans(self, _value):
            """Only the constructor sets it."""

    token = CURRENT.set(Holding(Racing(world.effects.clock)))
    try:
        assert add_span("ours", 1)
    finally:
        CURRENT.reset(token)

    assert 2 == Racing.looks


def test_gathered_tasks_are_told_apart(world, record):
    """Tasks that wait for each other end their own spans."""
    # observability T9

    async def work():
        turn = asyncio.Event()

        async def first():
            with span("first"):
                await turn.wait()
                world.tick(1)

        @span("second")
        async def second():
            world.tick(4)
            turn.set()

        await asyncio.gather(first(), second())

    asyncio.run(work())

    assert [("first", 5), ("second", 4)] == told(record)


# In exchanges


def test_an_exchange_keeps_its_spans(dual, world):
    """Application code reaches the record of the exchange that it runs in."""
    # observability T9
    records = []

    @span("work")
    def work():
        world.tick(2)
        records.append(live_record())

    result = dual.request(Script(on_request=work), world.stack(world.timing()))

    assert [("work", 2)] == told(records[0])
    assert [] == result.leaked


def test_spans_of_a_crashed_exchange_stay_there(dual, world):
    """What runs next on the same thread or loop begins with none."""
    # observability T9
    records = []

    @span("crash")
    def crash():
        records.append(live_record())
        raise KeyError

    stack = world.stack(world.timing(expose_spans=True, auto_end=True))
    crashed = dual.request(Script(on_request=crash), stack)
    result = dual.request(Script(on_request=lambda: records.append(live_record())), stack)

    assert isinstance(crashed.error, KeyError)
    assert [("crash", 0)] == told(records[0])
    assert records[1].spans is None
    assert "app;dur=0.000" == result.header("server-timing")
    assert not add_span("late", 1)


class Passing(BaseHTTPMiddleware):
    """Starlette's own way to write middleware; it runs the application in another task."""

    async def dispatch(self, request, call_next):
        """Pass on."""
        return await call_next(request)


@pytest.mark.parametrize("between", [[], [StarletteMiddleware(Passing)]])
@pytest.mark.parametrize("kind", ["sync", "async", "stream"])
def test_frameworks_that_hop_tasks_and_threads_keep_the_spans(world, kind, between):
    """The six cases of where an endpoint runs (ASGI only: a WSGI application does not hop)."""
    # observability X7
    records = []

    @span("sync")
    def sync(request):
        records.append(live_record())
        return PlainTextResponse("hello")

    @span("async")
    async def asynchronous(request):
        records.append(live_record())
        return PlainTextResponse("hello")

    async def stream(request):
        @span("stream")
        def chunks():
            records.append(live_record())
            yield b"hello"

        return StreamingResponse(chunks())

    endpoint = {"sync": sync, "async": asynchronous, "stream": stream}[kind]
    app = Starlette(routes=[Route("/", endpoint)], middleware=between)
    # Somebody follows the exchange to its end: a streamed body comes after the head.
    timing = world.timing(metrics=[lambda figures: None])
    result = Dual("asgi").request(app, world.stack(timing))

    assert b"hello" == result.body
    assert [(kind, 0)] == told(records[0])


def test_interleaved_tasks_keep_their_own_spans(world):
    """A thousand exchanges at once, each finds its span alone (ASGI: WSGI has no tasks)."""
    # observability X8
    tasks, found = 1000, []

    async def app(scope, receive, send):
        with span(scope["path"]):
            await asyncio.sleep(0)
        found.append((scope["path"], [each.name for each in live_record().spans]))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def work():
        client = ASGIClient(world.stack(world.timing()).asgi(app))
        await asyncio.gather(*(client.request(path=f"/{number}") for number in range(tasks)))

    asyncio.run(work())

    assert {(f"/{number}", (f"/{number}",)) for number in range(tasks)} == {
        (path, tuple(names)) for path, names in found
    }
