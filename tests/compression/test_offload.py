"""Long calls off the event loop: in threads of our own, in order, and safe to cancel.

Knows asyncio and trio, and codecs that wait for something only a free loop does. Waits for events
with a bound, never for a time.
"""

import asyncio
import os
import subprocess
import sys
import threading

import pytest
import trio

from dualware import BODY, Middleware, Stack
from dualware.asgi import offload
from dualware.core.compression import brotli, gzip, zstd
from dualware.core.compression.choices import Choice
from dualware.core.compression.coding import slow_from
from dualware.core.compression.padding import Padding
from dualware.core.message import ExchangeError
from dualware.core.work import Work
from dualware.testing import Script
from tests.compression.parts import World, accepting, decoded, needs, rows, sent_through

PATIENCE = 10
"""Seconds after which a test is lost; nothing takes any."""

GZIP = accepting("gzip")
BIG = rows(2000)
"""200 KB: more than zlib codes in a millisecond."""


async def soon():
    """Let other tasks of the running loop have their turn."""
    if offload._trio():
        await trio.lowlevel.checkpoint()
    else:
        await asyncio.sleep(0)


async def until(ready):
    """Let other tasks run until something is so, within a bound."""
    for _ in range(100_000):
        if ready():
            return
        await soon()
    raise AssertionError("it never was")


async def together(*functions):
    """Run them at once, in whichever loop runs."""
    if offload._trio():
        async with trio.open_nursery() as nursery:
            for function in functions:
                nursery.start_soon(function)
    else:
        await asyncio.gather(*(function() for function in functions))


RUNS = {"asyncio": lambda main: asyncio.run(main()), "trio": trio.run}


@pytest.fixture(params=RUNS)
def run(request):
    """Runs a coroutine function in a loop of its own, asyncio's and trio's by turns."""
    return RUNS[request.param]


class Held:
    """A codec that does nothing until it may, and knows in which thread it did it.

    entered
        How many calls have begun.
    most
        The most that ran at once.
    """

    token = "gzip"
    is_light = True
    slow_from = stream_slow_from = 10

    def __init__(self, *, held=True):
        self.may = threading.Event()
        self.threads = []
        self.entered = self.running = self.most = 0
        self.lock = threading.Lock()
        if not held:
            self.may.set()

    def _work(self, data):
        with self.lock:
            self.entered += 1
            self.running += 1
            self.most = max(self.most, self.running)
            self.threads.append(threading.get_ident())
        assert self.may.wait(PATIENCE)
        with self.lock:
            self.running -= 1
        return b"<" + data[:3] + b">"

    def whole(self, body):
        return self._work(body)

    def stream(self, _length=None, *, live=False):
        return self

    def compress(self, data):
        return self._work(data) if len(data) >= 10 else b"(" + data + b")"

    def flush(self):
        return b"$"


def using(coding, world=None, **settings):
    """A stack whose gzip is coded by ``coding``."""
    world = world or World()
    middleware = world.gzip(**settings)
    middleware._choices["gzip"] = Choice(coding, coding, coding, forced=False)
    return world.stack(middleware)


def start(*headers):
    """The head of a response."""
    return {"type": "http.response.start", "status": 200, "headers": [*headers]}


def body(data=b"", **more):
    """A body message."""
    return {"type": "http.response.body", "body": data, **more}


def scope():
    """A request that takes gzip."""
    headers = [(b"accept-encoding", b"gzip")]
    return {"type": "http", "method": "GET", "path": "/", "headers": headers}


class Wire:
    """What was sent.

    data
        The body chunks, in order.
    """

    def __init__(self):
        self.messages = []

    async def send(self, message):
        await soon()
        self.messages.append(message)

    @property
    def data(self):
        return [each.get("body", b"") for each in self.messages[1:]]


BIGS = b"a" * 600, b"b" * 600


# The loop stays free


@pytest.mark.parametrize("chunks", [BIGS[:1], BIGS])
def test_the_loop_goes_on(run, chunks):
    """A codec that waits for another task of the same loop gets what it waits for."""
    # compression 44, compression decision 6
    coding, wire = Held(), Wire()

    async def app(_scope, _receive, send):
        await send(start())
        for number, chunk in enumerate(chunks, 1):
            await send(body(chunk, more_body=number < len(chunks)))

    async def others():
        await until(lambda: coding.entered)
        assert [] == wire.messages
        coding.may.set()

    async def main():
        request = using(coding).asgi(app)
        await together(lambda: request(scope(), None, wire.send), others)

    run(main)

    assert threading.get_ident() not in coding.threads
    assert len(chunks) == len(coding.threads)
    marks = [b"<aaa>"] if len(chunks) == 1 else [b"<aaa>", b"<bbb>$"]
    assert marks == wire.data


def test_short_chunks_stay(run):
    """A thread costs more than they do."""
    # compression decision 6
    coding, wire = Held(held=False), Wire()

    async def app(_scope, _receive, send):
        await send(start())
        await send(body(b"short", more_body=True))
        await send(body(b"c" * 600, more_body=True))
        await send(body(b"short"))

    async def main():
        await using(coding, minimum_size=0).asgi(app)(scope(), None, wire.send)

    run(main)

    assert 1 == len(coding.threads)
    assert threading.get_ident() not in coding.threads
    assert [b"(short)", b"<ccc>", b"(short)$"] == wire.data


def test_real_bodies(run):
    """With the codecs that there are: big bodies and big chunks decode."""
    # compression 44
    world = World()
    stack = world.stack(world.gzip(max_block_ms=0.01))

    async def main():
        for chunks, declare in [([BIG], True), ([BIG, b"", BIG, b"end"], False)]:
            script = Script(chunks=chunks, declare_length=declare)
            wire = Wire()
            await stack.asgi(script.asgi)(scope(), None, wire.send)

            assert b"".join(chunks) == decoded("gzip", b"".join(wire.data))

    run(main)


def test_what_is_too_short_takes_no_time(run):
    """It stays as it is, however slow the codec would be."""
    # compression 44
    world = World()
    stack = world.stack(world.gzip(max_block_ms=0.01, minimum_size=len(BIG) + 1))
    wire = Wire()

    async def app(_scope, _receive, send):
        await send(start())
        await send(body(BIG))

    async def main():
        await stack.asgi(app)(scope(), None, wire.send)

    run(main)

    assert [BIG] == wire.data


class Answers(Middleware):
    """Answers with a big body in the application's place."""

    def __call__(self, exchange):
        exchange.respond(200, {"Content-Type": "text/plain"}, BIG)


def test_an_answer_that_takes_long(run):
    """A flow's own answer is coded off the loop as a body of the application is."""
    # compression 44
    world = World()
    stack = Stack([world.gzip(max_block_ms=0.01), Answers()])
    wire = Wire()

    async def main():
        await stack.asgi(Script().asgi)(scope(), None, wire.send)

    run(main)

    assert BIG == decoded("gzip", b"".join(wire.data))


def test_nothing_overtakes(run):
    """Of messages that two tasks send, none overtakes one that was sent before it."""
    # compression 44
    coding, wire = Held(), Wire()
    order = []

    async def app(_scope, _receive, send):
        await send(start())

        async def one():
            await send(body(b"a" * 600, more_body=True))
            order.append("a")

        async def two():
            await until(lambda: coding.entered)
            # Both are on their way while the first is still with the codec.
            await together(three, four, five)

        async def three():
            await send({"type": "http.response.debug", "info": {}})
            order.append("debug")

        async def four():
            await soon()
            await send(body(b"short", more_body=True))
            order.append("short")

        async def five():
            await soon()
            await soon()
            await soon()
            coding.may.set()
            await send(body(b"b" * 600, more_body=True))
            order.append("b")

        await together(one, two)
        await send(body())

    async def main():
        await using(coding).asgi(app)(scope(), None, wire.send)

    run(main)

    assert ["a", "debug", "short", "b"] == order
    assert [b"<aaa>", b"", b"(short)", b"<bbb>", b"$"] == wire.data


def test_nothing_overtakes_where_the_codec_failed(run):
    """The body goes out as it is then, and still in its order."""
    # compression 44
    coding = Held()
    coding.compress = lambda data: coding._work(data) and 1 / 0

    class Slow(Wire):
        """Takes its time after each message."""

        async def send(self, message):
            self.messages.append(message)
            for _ in range(9):
                await soon()

    wire = Slow()

    async def app(_scope, _receive, send):
        await send(start())

        async def one():
            await send(body(b"a" * 600, more_body=True))

        async def two():
            await until(lambda: coding.entered)
            await together(three, four)

        async def three():
            await send(body(b"second", more_body=True))

        async def four():
            await soon()
            coding.may.set()
            # The first is on its way, and the second waits for that.
            await until(lambda: wire.data)
            await send(body(b"third"))

        await together(one, two)

    async def main():
        await using(coding).asgi(app)(scope(), None, wire.send)

    run(main)

    assert [b"a" * 600, b"second", b"third"] == wire.data


def test_chunks_of_two_tasks_after_the_head(run):
    """The same where the head went before: a live stream."""
    # compression 44
    coding, wire = Held(), Wire()

    async def app(_scope, _receive, send):
        await send(start((b"content-type", b"text/event-stream")))

        async def one():
            await send(body(b"a" * 600, more_body=True))

        async def two():
            await until(lambda: coding.entered)
            coding.may.set()
            await send(body(b"ping", more_body=True))

        await together(one, two)
        await send(body(b"bye"))

    async def main():
        stack = using(coding, compress_live=True)
        await stack.asgi(app)(scope(), None, wire.send)

    run(main)

    assert [b"<aaa>", b"(ping)", b"(bye)$"] == wire.data


def test_extra_messages_after_the_end(run):
    """They are between the application and the server, as ever."""
    # compression 44, protocols A26
    coding, wire = Held(held=False), Wire()

    async def app(_scope, _receive, send):
        await send(start())
        await send(body(b"a" * 600))
        await send(body(b"more"))

    async def main():
        await using(coding).asgi(app)(scope(), None, wire.send)

    run(main)

    assert [b"<aaa>", b"more"] == wire.data


def test_own_limit(run):
    """No more calls at once than there are processors, however many exchanges wait."""
    # compression 44, compression decision 6
    coding = Held()
    most = offload._MOST
    wires = [Wire() for _ in range(most + 3)]

    async def app(_scope, _receive, send):
        await send(start())
        await send(body(b"a" * 600))

    async def main():
        request = using(coding).asgi(app)

        async def let():
            await until(lambda: coding.entered == most)
            for _ in range(100):
                await soon()
            assert most == coding.entered
            coding.may.set()

        await together(
            let, *(lambda wire=wire: request(scope(), None, wire.send) for wire in wires)
        )

    run(main)

    assert [[b"<aaa>"]] * len(wires) == [wire.data for wire in wires]
    assert most == coding.most


def test_trio_has_a_limiter_of_its_own():
    """One for each run, and not that of others: theirs is for I/O that waits."""
    # compression 44, compression decision 6

    async def main():
        mine = offload._limiter(trio)

        assert mine is offload._limiter(trio)
        assert mine is not trio.to_thread.current_default_thread_limiter()
        assert offload._MOST == mine.total_tokens
        return mine

    assert trio.run(main) is not trio.run(main)


def test_one_wrapper_in_many_loops():
    """Nothing of a loop is kept (protocols A33)."""
    # compression 44
    coding = Held(held=False)
    wrapped = using(coding).asgi(_sends_big)
    wires = []

    async def main():
        wires.append(Wire())
        await wrapped(scope(), None, wires[-1].send)

    threads = [threading.Thread(target=run, args=(main,)) for run in [*RUNS.values()] * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert [[b"<aaa>"]] * 6 == [wire.data for wire in wires]


async def _sends_big(_scope, _receive, send):
    """An application with one big chunk."""
    await send(start())
    await send(body(b"a" * 600))


def test_without_a_loop():
    """A coroutine that nobody's loop runs does its work in place."""
    # compression 44
    coding = Held(held=False)
    sent = sent_through(using(coding), [start(), body(b"a" * 600, more_body=True), body(b"b" * 9)])

    assert {threading.get_ident()} == set(coding.threads)
    assert [b"<aaa>", b"(bbbbbbbbb)$"] == [message["body"] for message in sent[1:]]


@pytest.mark.parametrize("kind", ["list", "generator"])
def test_never_under_wsgi(kind):
    """There is no loop to keep free: the server's thread does it."""
    # compression decision 6
    from dualware.testing import Dual

    coding = Held(held=False)
    script = Script(chunks=[b"a" * 600, b"b" * 600], body=kind)
    result = Dual("wsgi").request(script, using(coding), headers=GZIP)

    assert {threading.get_ident()} == set(coding.threads)
    assert (b"<aaa>" if kind == "list" else b"<aaa><bbb>$") == result.body


# Cancelled


@pytest.mark.parametrize("when", ["first", "later"])
@pytest.mark.parametrize("swallowed", [True, False])
def test_cancelled(when, swallowed):
    """asyncio: the task is let go at once; the codec that a thread is still at is not used again.

    trio waits for its thread, and then cancels: `test_cancelled_trio`.
    """
    # compression 39
    coding, wire = Held(), Wire()
    failures = []

    async def app(_scope, _receive, send):
        await send(start())
        if when == "later":
            await send(body(b"short", more_body=True))
        try:
            await send(body(b"a" * 600, more_body=True))
        except asyncio.CancelledError:
            if not swallowed:
                raise
        try:
            await send(body(b"b" * 600))
        except ExchangeError as error:
            failures.append(error)

    async def main():
        wrapped = using(coding).asgi(app)
        task = asyncio.ensure_future(wrapped(scope(), None, wire.send))
        await until(lambda: coding.entered)
        task.cancel()
        with (
            pytest.raises((asyncio.CancelledError, ExchangeError))
            if (not swallowed or when == "first")
            else _nothing()
        ):
            await task
        coding.may.set()

    asyncio.run(main())

    assert 1 == coding.entered
    assert int(swallowed) == len(failures)
    assert [b"(short)"] * (when == "later") == wire.data


class _nothing:  # noqa: N801 - as contextlib has it
    """A context in which nothing is expected."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


def test_cancelled_trio():
    """trio: the chunk that was cancelled is lost, so the stream does not go on."""
    # compression 39
    coding, wire = Held(), Wire()
    failures = []

    async def app(_scope, _receive, send):
        await send(start())
        await send(body(b"short", more_body=True))
        with trio.CancelScope() as cancelled:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(cancel, cancelled)
                await send(body(b"a" * 600, more_body=True))
        try:
            await send(body(b"b" * 600))
        except ExchangeError as error:
            failures.append(error)

    async def cancel(scope_):
        await until(lambda: coding.entered)
        scope_.cancel()
        coding.may.set()

    async def main():
        await using(coding).asgi(app)(scope(), None, wire.send)

    trio.run(main)

    assert (1, 1) == (coding.entered, len(failures))
    assert [b"(short)"] == wire.data


def test_cancelled_before_its_turn(run):
    """A chunk that waits for the one before it is lost when it is cancelled: none may follow it."""
    # compression 39, compression 44
    coding, wire = Held(), Wire()
    failures = []

    async def app(_scope, _receive, send):
        await send(start())
        await send(body(b"short", more_body=True))

        async def first():
            await send(body(b"a" * 600, more_body=True))

        async def second():
            await until(lambda: coding.entered)
            await cancelled(lambda: send(body(b"lost", more_body=True)))
            coding.may.set()

        await together(first, second)
        try:
            await send(body(b"c"))
        except ExchangeError as error:
            failures.append(error)

    async def main():
        with pytest.raises(ExchangeError, match="cancelled"):
            await using(coding).asgi(app)(scope(), None, wire.send)

    run(main)

    assert 1 == len(failures)
    assert [b"(short)", b"<aaa>"] == wire.data


def test_cancelled_at_its_turn():
    """trio: nobody else has the turn, and yet it can be cancelled there; the head waits for it."""
    # compression 39
    # one loop: asyncio's lock does not wait where it is free
    coding, wire = Held(held=False), Wire()
    failures = []

    async def app(_scope, _receive, send):
        await send(start())
        await cancelled(lambda: send(body(b"a" * 600, more_body=True)))
        try:
            await send(body(b"b" * 600))
        except ExchangeError as error:
            failures.append(error)

    async def main():
        with pytest.raises(ExchangeError, match="cancelled"):
            await using(coding).asgi(app)(scope(), None, wire.send)

    trio.run(main)

    assert 1 == len(failures)
    assert [] == wire.messages


async def cancelled(call):
    """Await what ``call`` makes, and cancel it while it waits, in whichever loop runs."""
    if offload._trio():
        with trio.CancelScope() as cancelling:
            cancelling.cancel()
            await call()
    else:
        task = asyncio.ensure_future(call())
        await soon()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def test_cancelled_flows_are_closed(run):
    """A flow that waits for its work hears of what ended the exchange."""
    # compression 39
    heard = []
    held = threading.Event()

    class Waits(Middleware):
        def __call__(self, exchange):
            yield BODY
            try:
                yield Work(lambda: held.wait(PATIENCE), long=True)
            except BaseException as error:
                heard.append(type(error))
                raise

    async def main():
        wire = Wire()
        request = World().stack(Waits()).asgi(_sends_big)
        if offload._trio():
            with trio.CancelScope() as cancelled:
                cancelled.cancel()
                await request(scope(), None, wire.send)
        else:
            task = asyncio.ensure_future(request(scope(), None, wire.send))
            await soon()
            await soon()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        held.set()

        assert [] == wire.messages

    run(main)

    assert 1 == len(heard)


# Predictions


@pytest.mark.parametrize(
    ("backend", "kib"), [("zlib", 64), ("isal", 448), ("zlib-ng", 64), ("libdeflate", 80)]
)
def test_predicted(backend, kib):
    """At a millisecond so many KiB stay on the loop; a faster library keeps more."""
    # compression decision 6
    if not gzip.is_installed(backend):
        pytest.skip(f"{backend} is not installed")
    coding = gzip.Gzip(backend, None, 1.0, Padding(0, bytes))

    assert kib * 1024 == coding.slow_from


@needs("zstd")
def test_predicted_zstd():
    """As the others."""
    # compression decision 6
    assert 256 * 1024 == zstd.Zstd(zstd.module(), 3, 1.0, Padding(0, bytes)).slow_from


@needs("br")
def test_predicted_brotli():
    """As the others."""
    # compression decision 6
    assert 64 * 1024 == brotli.Brotli(brotli.module(), 4, 1.0, Padding(0, bytes)).slow_from


@pytest.mark.parametrize(("ms", "expected"), [(1.0, 65536), (0.5, 32768), (0.000001, 1)])
def test_budget(ms, expected):
    """The setting scales the prediction; no chunk is nothing."""
    # compression decision 6
    assert expected == slow_from(ms, 64)


def test_live_streams_are_zlibs():
    """Their chunks are judged by zlib's speed, whoever codes the others."""
    # compression decision 6, compression decision 7
    coding = gzip.Gzip("auto", None, 1.0, Padding(0, bytes))

    assert 64 * 1024 == coding.stream(live=True).slow_from
    assert coding.stream_slow_from == coding.stream().slow_from


# Processes


FORKS = """
import asyncio, os, sys
from dualware.asgi import offload

async def main():
    return await offload.in_thread(os.getpid)

assert asyncio.run(main()) == os.getpid()
assert offload._POOL
pool = offload._POOL[""]
child = os.fork()
if child == 0:
    assert not offload._POOL
    os._exit(0 if asyncio.run(asyncio.wait_for(main(), 10)) == os.getpid() else 1)
assert offload._POOL[""] is pool
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

LAZY = """
import sys
import dualware.asgi
from dualware.asgi import offload

wrapped = dualware.asgi.GZipMiddleware(print)
found = {"asyncio", "trio", "anyio", "brotli", "backports.zstd"} & set(sys.modules)
assert not found, found
assert not offload._POOL and not offload._LIMITER
import threading
assert threading.active_count() == 1
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_forked():
    """A child has a pool of its own: its parent's threads are not there."""
    # compression 44
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKS]

    assert 0 == subprocess.run(command, check=False, timeout=60).returncode


def test_nothing_before_it_is_needed():
    """A wrapper starts no thread, and imports neither a loop nor a library it does not need."""
    # compression 44, compression decision 1
    assert 0 == subprocess.run([sys.executable, "-c", LAZY], check=False, timeout=60).returncode
