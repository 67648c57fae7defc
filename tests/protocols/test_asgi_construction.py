"""What a wrapper is when nobody calls it, and what it leaves behind (protocols A32 to A34).

This file knows contexts, event loops and construction; it looks at no message but to tell
exchanges apart.
"""

import ast
import contextvars
import copy
import inspect
import pickle
from pathlib import Path

import anyio
import pytest

import dualware
from dualware import Middleware, Stack
from dualware.asgi.driver import ASGIWrapper, wrapper
from dualware.asgi.exchange import ASGIExchange
from dualware.core.current import CURRENT, live_record
from dualware.core.message import ExchangeError
from dualware.testing import ASGIClient, Script
from dualware.testing.asgi import build_scope
from tests.protocols.asgi_parts import (
    PATHS,
    Answering,
    Asking,
    Head,
    Observer,
    Server,
    body,
    pause,
    sending,
    start,
    wrap,
)

# The context


@pytest.mark.parametrize("error", [None, ValueError("x"), SystemExit(1)], ids=repr)
@pytest.mark.parametrize("path", PATHS)
def test_context(path, error):
    """The exchange is current while the application runs, and no longer."""
    # protocols A32
    current = []

    async def app(scope, receive, send):
        await sending(start(), body(b"a"))(scope, receive, send)
        current.append(CURRENT.get())
        if error is not None:
            raise error

    assert Server().run(wrap(app, *PATHS[path]([]))) is error

    assert ASGIExchange is type(current[0])
    assert CURRENT.get() is None


@pytest.mark.parametrize(
    "middleware", [[Answering()], [Observer([]), Answering()], [Asking(lambda exchange: 1 / 0)]]
)
def test_context_without_the_application(middleware):
    """Nor does an answer, or a policy that fails at once, leave it behind."""
    # protocols A32
    result = ASGIClient(wrap(Script().asgi, *middleware)).request_sync()

    assert [] == result.leaked


def test_context_of_a_task():
    """The record is seen in child tasks, and what they change in it outside."""
    # protocols A32
    records = []

    async def child():
        live_record().request_id = "from a child"

    async def app(scope, receive, send):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(child)
        records.append(live_record().request_id)
        await sending(start(), body(b"a"))(scope, receive, send)

    ASGIClient(wrap(app, Head())).request_sync(backend="asyncio").reraise()

    assert ["from a child"] == records


@pytest.mark.parametrize("copied", [True, False])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_foreign_context(kind, copied):
    """Ended in another context than begun in, it leaves nothing behind there either."""
    # protocols A32
    contexts = []

    async def app(scope, receive, send):
        contexts.append(contextvars.copy_context())
        await pause()

    first = contextvars.Context()
    opted = Observer([])
    coroutine = wrap(app, opted)(build_scope(kind), None, None)
    first.run(coroutine.send, None)
    # The copy holds our exchange, the other one never did.
    second = contexts[0] if copied else contextvars.Context()
    with pytest.raises(StopIteration):
        second.run(coroutine.send, None)

    assert second.get(CURRENT) is None
    assert [("END", "no_response")] == opted.seen


def test_left_over_context():
    """An exchange that is over, and still current on a server's task, encloses nothing."""
    # protocols A32
    seen = []
    app = wrap(sending(start(), body(b"a")), Observer(seen))

    async def leaking(scope, receive, send):
        await wrap(sending(start(), body(b"a")), Observer([]))(scope, receive, send)
        # As a server does that leaves the last exchange of its thread in the context.
        CURRENT.set(left[0])
        await app(scope, receive, send)

    left = []
    assert Server().run(wrap(sending(start(), body(b"a")), Asking(left.append))) is None
    result = contextvars.Context().run(Server().run, leaking)

    assert result is None
    assert [("END", "completed")] == seen


def test_request_to_ourselves():
    """A request that the application makes to another path is an exchange of its own."""
    # protocols A32
    seen = []
    observer = Observer(seen)

    async def app(scope, receive, send):
        if scope["path"] == "/outer":
            assert Server().call(wrapped, {**scope, "path": "/inner"}) is None
            seen.append("outer")
        await sending(start(), body(b"a"))(scope, receive, send)

    wrapped = wrap(app, observer)
    assert Server().run(wrapped, path="/outer") is None

    assert [("END", "completed"), "outer", ("END", "completed")] == seen


# Loops, tasks and processes


@pytest.mark.parametrize("path", PATHS)
def test_one_instance_in_several_loops(path):
    """One wrapper works in one event loop after another, and without any."""
    # protocols A33
    seen = []
    client = ASGIClient(wrap(Script(chunks=[b"a", b"b"]).asgi, *PATHS[path](seen)))
    backends = ["asyncio", "asyncio", "trio", None, "trio"]
    results = [client.request_sync(backend=backend) for backend in backends]

    assert {200} == {result.status for result in results}
    assert 1 == len({(tuple(result.headers), result.body) for result in results})
    assert [("END", "completed")] * 5 * (path != "plain") == seen


class Echo(Middleware):
    """Says who asked: per-exchange state stays in the flow."""

    def __call__(self, exchange):
        """Remember the query, and add it at the end of the way."""
        query = exchange.request.query
        flow = Head("X-Query", query)(exchange)
        yield from flow


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("path", PATHS)
def test_concurrent_exchanges(path, backend):
    """Fifty at once keep apart, through every message."""
    # protocols A33
    many = 50
    seen = []

    class Meeting:
        """All come before any goes on."""

        def __init__(self):
            self.count = 0
            self.event = anyio.Event()

        async def wait(self):
            self.count += 1
            if self.count == many:
                self.event.set()
            await self.event.wait()

    async def app(scope, receive, send):
        query = scope["query_string"]
        live_record().request_id = query.decode()
        for message in (start(), body(query, more_body=True), body(query)):
            await meetings[message.get("more_body", message["type"])].wait()
            await send(message)
        assert query.decode() == live_record().request_id

    client = ASGIClient(wrap(app, *PATHS[path](seen), Echo()), checkpoints=True)
    results = {}
    meetings = {}

    async def one(number):
        result = await client.request(query=f"n={number}")
        results[f"n={number}"] = result.reraise().header("x-query")

    async def main():
        meetings.update((key, Meeting()) for key in (True, "http.response.start"))
        meetings["http.response.body"] = Meeting()
        async with anyio.create_task_group() as tasks:
            for number in range(many):
                tasks.start_soon(one, number)

    anyio.run(main, backend=backend)

    assert {f"n={number}": f"n={number}" for number in range(many)} == results
    assert [("END", "completed")] * many * (path != "plain") == seen


def test_no_event_loop_library():
    """The driver works under any loop, so it imports the library of none; nor does core."""
    # protocols A33
    rooms = Path(dualware.__file__).parent
    files = [path for room in ("asgi", "core") for path in (rooms / room).glob("*.py")]
    names = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module.partition(".")[0])

    assert {"dualware"} <= names
    assert set() == names & {"asyncio", "trio", "anyio", "curio", "sniffio"}


async def application(scope, receive, send):
    """An application that can be imported by name."""
    await sending(start(), body(b"a"))(scope, receive, send)


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda app: pickle.loads(pickle.dumps(app))]
)
def test_copies(again):
    """A wrapper holds nothing of a process, so that it can be copied and pickled."""
    # protocols A33
    copied = again(wrap(application, Head()))

    assert isinstance(copied, ASGIWrapper)
    assert "1" == ASGIClient(copied).request_sync().header("x-head")


def test_wrapper_of_a_middleware():
    """A wrapper class takes what the middleware takes, and its instances can be pickled."""
    # protocols A33
    make = wrapper(Head)
    app = pickle.loads(pickle.dumps(make(application, "X-Team", value="blue")))

    assert "blue" == ASGIClient(app).request_sync().header("x-team")
    assert "Head" == make.__name__
    assert "app" == next(iter(inspect.signature(make).parameters))
    assert "Head(" == repr(make(application))[:5]


def test_nothing_kept():
    """No exchange leaves anything on the wrapper."""
    # protocols A33
    app = wrap(application, Head(), Observer([]))
    before = {**vars(app)}
    assert Server().run(app) is None

    assert before == vars(app)


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_left_behind(kind):
    """What a task still has when the application has returned leads to no server any more."""
    # one protocol: WSGI gives an application nothing that it could keep
    left = []

    async def app(scope, receive, send):
        left.extend((receive, send))

    Server().run(wrap(app, Observer([])), kind=kind)
    receive, send = left

    async def late():
        return await receive()

    assert f"{kind}.disconnect" == anyio.run(late)["type"]
    with pytest.raises(ExchangeError, match="this exchange is over"):
        anyio.run(send, {"type": f"{kind}.anything"})


# What can be wrapped


class Double:
    """An ASGI 2 application: made with the scope, called with the rest."""

    def __init__(self, scope):
        self.scope = scope

    async def __call__(self, receive, send):
        """Take part."""


class TakesScope:
    """An ASGI 2 application that is an instance."""

    def __call__(self, scope):
        """Return what takes part."""


def double(scope):
    """Return what takes part, as ASGI 2 applications that are functions do."""


@pytest.mark.parametrize("app", [Double, TakesScope(), double], ids=["class", "object", "function"])
def test_asgi_2(app):
    """It is refused when it is wrapped, with what to do about it."""
    # protocols A34
    with pytest.raises(TypeError, match="guarantee_single_callable"):
        Stack([Head()]).asgi(app)


@pytest.mark.parametrize("app", [None, "module:app", 3, Script()])
def test_not_callable(app):
    """So is what can't be called at all."""
    # protocols A34
    with pytest.raises(TypeError, match="must be callable"):
        Stack([Head()]).asgi(app)


class Single:
    """An ASGI 3 application that is an instance."""

    async def __call__(self, scope, receive, send):
        """Answer."""
        await application(scope, receive, send)


async def anything(*arguments):
    """An application that leaves its parameters to another."""
    await application(*arguments)


async def with_default(scope, receive=None, send=None):
    """An application with defaults."""
    await application(scope, receive, send)


async def keywords(scope, **named):
    """No application of the second version: it takes more than the scope."""


class Unsigned(Single):
    """An application that does not tell its parameters."""

    __signature__ = "none"


@pytest.mark.parametrize("app", [Single(), anything, with_default, application, Unsigned()])
def test_asgi_3(app):
    """Whatever can be called with three arguments is wrapped."""
    # protocols A34
    assert "1" == ASGIClient(wrap(app, Head())).request_sync().header("x-head")


def test_doubtful_parameters():
    """Who takes more than the scope, in whatever way, is not refused."""
    # protocols A34
    assert keywords is wrap(keywords).app
