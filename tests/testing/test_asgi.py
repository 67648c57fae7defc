"""The raw ASGI server: what it does beyond checking."""

import asyncio
import contextvars

import anyio
import pytest
import trio

from dualware.testing import ASGIClient, ClientDisconnected, NeedsEventLoop, Script
from dualware.testing.asgi import PassThrough

START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"hello"}
BACKENDS = [None, "asyncio", "trio"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_backends(backend):
    """A request runs in any event loop, and in none."""
    script = Script(read_body=True)
    result = ASGIClient(script.asgi).request_sync("POST", body=[b"a", b"b"], backend=backend)

    assert (200, b"hello", [b"ab"]) == (result.status, result.body, script.probe.bodies)


@pytest.mark.parametrize("backend", BACKENDS)
def test_session_backends(backend):
    """So do sessions and lifespans."""
    client = ASGIClient(Script().asgi)

    assert client.websocket_sync(backend=backend).accepted
    assert "complete" == client.lifespan_sync(backend=backend).shutdown


def test_async_methods():
    """Tests that are coroutines await them."""
    client = ASGIClient(Script().asgi)

    async def main():
        return [await client.request(), await client.websocket(), await client.lifespan()]

    request, session, lifespan = asyncio.run(main())

    assert (200, 101, "complete") == (request.status, session.status, lifespan.startup)
    assert lifespan is client.last


async def sleeping(scope, receive, send):
    """Waits for something that is not ours."""
    await asyncio.sleep(0)
    await asyncio.get_running_loop().create_future()


async def sleeping_at_once(scope, receive, send):
    """Needs a loop before it waits."""
    await asyncio.sleep(1)


async def suspending_after_a_fault(scope, receive, send):
    """Breaks a rule, then waits."""
    await send({})
    await asyncio.sleep(0)


@pytest.mark.parametrize("app", [sleeping, sleeping_at_once, suspending_after_a_fault])
def test_needs_event_loop(app):
    """Who waits for more than messages is told to name a backend."""
    with pytest.raises(NeedsEventLoop, match="backend='asyncio'"):
        ASGIClient(app).request_sync()


def test_keyword():
    """Some servers call by keyword, so the names count."""

    async def renamed(a, b, c):
        raise AssertionError

    assert 200 == ASGIClient(Script().asgi, keyword=True).request_sync().status
    assert TypeError is type(ASGIClient(renamed, keyword=True).request_sync().error)


def test_extensions_and_state():
    """They are handed over, and the state may be written to."""

    async def app(scope, receive, send):
        scope["state"]["x"] = 1
        await Script().asgi(scope, receive, send)

    result = ASGIClient(app).request_sync(extensions={"tls": {}}, state={})

    assert ({"x": 1}, {"tls": {}}) == (result.handed[0]["state"], result.handed[0]["extensions"])


# Files and trailers


def sending(*messages):
    """An application that sends these messages."""

    async def application(scope, receive, send):
        for message in messages:
            await send(message)

    return application


def test_pathsend(tmp_path):
    """The server reads the file (ASGI extensions, Path Send)."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    app = sending(START, {"type": "http.response.pathsend", "path": str(path)})
    result = ASGIClient(app).request_sync(extensions={"http.response.pathsend": {}})

    assert (b"content", True) == (result.body, result.opaque)


@pytest.mark.parametrize(
    ("part", "body"),
    [
        ({}, b"content"),
        ({"offset": 3}, b"tent"),
        ({"offset": 1, "count": 2}, b"on"),
        ({"count": 1}, b"c"),
    ],
)
def test_zerocopysend(tmp_path, part, body):
    """The server sends a part of the file (ASGI extensions, Zero Copy Send)."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    with path.open("rb") as file:
        app = sending(START, {"type": "http.response.zerocopysend", "file": file, **part})
        result = ASGIClient(app).request_sync(extensions={"http.response.zerocopysend": {}})

    assert (body, True) == (result.body, result.opaque)


def test_trailers():
    """Trailers come after the body (ASGI extensions, HTTP Trailers)."""
    trailers = {"type": "http.response.trailers", "headers": [(b"X-Sum", b"1")]}
    app = PassThrough(
        sending(
            {**START, "trailers": True},
            BODY,
            {**trailers, "headers": [(b"x-a", b"1")], "more_trailers": True},
            {**trailers, "headers": [(b"x-b", b"2")]},
        )
    )
    result = ASGIClient(app).request_sync(extensions={"http.response.trailers": {}})

    assert [("x-a", "1"), ("x-b", "2")] == result.trailers


def test_other_extensions_pass():
    """What the server offers it takes, the very object."""
    debug = {"type": "http.response.debug", "info": {"x": object()}}
    result = ASGIClient(sending(debug, START, BODY)).request_sync(
        extensions={"http.response.debug": {}}
    )

    assert debug is result.messages[0]
    assert b"hello" == result.body


# The client goes away


async def streaming(scope, receive, send):
    """Sends five chunks, and then asks whether anyone is there."""
    await send(START)
    for number in range(5):
        await send({"type": "http.response.body", "body": b"%d" % number, "more_body": True})
    message = await receive()
    assert {"type": "http.disconnect"} == message


def test_disconnect_after():
    """Most servers drop in silence what is sent to nobody."""
    result = ASGIClient(streaming).request_sync(disconnect_after=2)

    assert (b"0", 6, True, None) == (
        result.body,
        len(result.messages),
        result.disconnected,
        result.error,
    )


def test_disconnect_before_anything():
    """The client may never have been there."""
    seen = []

    async def app(scope, receive, send):
        seen.append((await receive())["type"])

    result = ASGIClient(app).request_sync(disconnect_after=0)

    assert (["http.disconnect"], None, True) == (seen, result.status, result.disconnected)


@pytest.mark.parametrize(("read", "body"), [(0, b""), (2, b"01")])
def test_read_some(read, body):
    """ASGI www, Disconnected Client: the server raises its own OSError."""
    result = ASGIClient(streaming).request_sync(read=read)

    assert (200, body, ClientDisconnected, True) == (
        result.status,
        result.body,
        type(result.error),
        result.disconnected,
    )


def test_read_more_than_there_is():
    """A client that stays to the end has not gone away."""
    assert not ASGIClient(Script().asgi).request_sync(read=9).disconnected


def test_send_error():
    """The very error leaves the application again."""
    error = BrokenPipeError()
    result = ASGIClient(streaming).request_sync(send_error=(3, error))

    assert error is result.error
    assert b"0" == result.body


async def listening(scope, receive, send):
    """Waits for the client to go away, in a task of its own."""
    heard = []

    async def listen():
        await receive()
        heard.append(await receive())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        await anyio.wait_all_tasks_blocked()
        await send(START)
        await send(BODY)
    assert [{"type": "http.disconnect"}] == heard


@pytest.mark.parametrize("checkpoints", [False, True])
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_waiting_for_the_end(backend, checkpoints):
    """A pending receive() is answered when the response is complete."""
    client = ASGIClient(listening, checkpoints=checkpoints)
    result = client.request_sync(backend=backend)

    assert (200, None) == (result.status, result.error)


@pytest.mark.parametrize("backend", BACKENDS)
def test_waiting_for_nothing(backend):
    """The client loses patience with who waits for a message that can not come."""

    async def app(scope, receive, send):
        await receive()
        assert "http.disconnect" == (await receive())["type"]

    result = ASGIClient(app, patience=0.01).request_sync(backend=backend)

    assert (True, None) == (result.disconnected, result.error)


def test_disconnect_after_the_end():
    """Once the response is complete, the client is gone."""

    async def app(scope, receive, send):
        await Script().asgi(scope, receive, send)
        await receive()
        assert "http.disconnect" == (await receive())["type"]

    result = ASGIClient(app).request_sync()

    assert (False, None) == (result.disconnected, result.error)


# Cancellation


async def forever(scope, receive, send):
    """Never comes to an end by itself."""
    await anyio.sleep_forever()


def test_cancellation_reaches_the_caller():
    """Who cancels the task of the request cancels the request."""
    client = ASGIClient(forever)

    async def main():
        task = asyncio.create_task(client.request())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as raised:
            await task
        return raised.value

    error = asyncio.run(main())

    assert asyncio.CancelledError is type(error) is type(client.last.error)


def test_cancellation_in_trio():
    """Under trio a swallowed cancellation would be an error."""
    client = ASGIClient(forever)

    async def main():
        with trio.move_on_after(0):
            await client.request()

    trio.run(main)

    assert trio.Cancelled is type(client.last.error)


def test_cancelled_session():
    """So does who cancels the task of a session."""
    client = ASGIClient(forever)

    async def main():
        with anyio.move_on_after(0):
            await client.websocket()

    asyncio.run(main())

    assert asyncio.CancelledError is type(client.last.error)


def test_planned_cancellation():
    """A server that cancels is part of the test."""
    error = asyncio.CancelledError()
    client = ASGIClient(Script().asgi)

    async def main():
        return await client.request(send_error=(2, error))

    assert error is asyncio.run(main()).error


def test_an_applications_own_cancellation():
    """Without a task there is nobody to cancel."""
    error = asyncio.CancelledError()

    assert error is ASGIClient(Script(error=error, error_at=1).asgi).request_sync().error


def test_fifty_at_once():
    """Requests take turns at every message."""
    script = Script(chunks=[b"a", b"b"])
    client = ASGIClient(script.asgi, checkpoints=True)

    async def main():
        return await asyncio.gather(*[client.request() for _ in range(50)])

    assert {b"ab"} == {result.body for result in asyncio.run(main())}


def test_leaked_context_variables():
    """What an application leaves behind is named."""
    variable = contextvars.ContextVar("left")

    async def app(scope, receive, send):
        variable.set(1)
        await Script().asgi(scope, receive, send)

    assert ["left"] == contextvars.copy_context().run(ASGIClient(app).request_sync).leaked


# Sessions


async def echoing(scope, receive, send):
    """Sends back what it gets."""
    await receive()
    await send({"type": "websocket.accept", "subprotocol": scope["subprotocols"][0]})
    while (message := await receive())["type"] != "websocket.disconnect":
        await send({**message, "type": "websocket.send"})
    assert 1001 == message["code"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_session(backend):
    """The client's messages arrive, and the client closes in the end."""
    result = ASGIClient(echoing).websocket_sync(
        "/chat",
        subprotocols=["one", "two"],
        messages=["text", b"bytes", {"type": "websocket.receive", "text": "whole", "bytes": None}],
        close_code=1001,
        backend=backend,
    )

    assert (["text", b"bytes", "whole"], "one", None) == (
        result.received,
        result.subprotocol,
        result.error,
    )
    assert ("ws", "/chat") == (result.handed[0]["scheme"], result.handed[0]["path"])


def test_session_that_listens_too_early():
    """The client waits for its answer, then goes away."""

    async def app(scope, receive, send):
        await receive()
        assert "websocket.disconnect" == (await receive())["type"]

    result = ASGIClient(app).websocket_sync(messages=["x"])

    assert (None, None) == (result.error, result.status)


def test_session_without_versions():
    """Some servers say no spec_version: then it is 2.0 (ASGI www)."""
    app = sending({"type": "websocket.accept", "headers": [(b"x", b"y")]})
    result = ASGIClient(app, lint=False).websocket_sync(scope={"asgi": {}})

    assert ["accept-headers"] == [each.rule for each in result.violations]


def test_denied_session_ignores_other_messages():
    """Extensions may speak in sessions as well."""
    app = sending({"type": "x.custom"}, {"type": "websocket.close", "code": 4000, "reason": "no"})
    result = ASGIClient(app).websocket_sync(extensions={"x.custom": {}})

    assert (403, 4000, "no") == (result.status, result.close_code, result.close_reason)


# Lifespan


def test_lifespan_state():
    """The application fills it (ASGI lifespan, Lifespan State)."""

    async def app(scope, receive, send):
        scope["state"]["x"] = 1
        await Script().asgi(scope, receive, send)

    assert {"x": 1} == ASGIClient(app).lifespan_sync().state


def test_lifespan_refused():
    """An application that knows no lifespan raises, and servers go on."""
    error = ValueError("lifespan")
    app = sending()

    async def refusing(scope, receive, send):
        raise error

    assert error is ASGIClient(refusing).lifespan_sync().error
    assert (None, None) == (
        ASGIClient(app).lifespan_sync().startup,
        ASGIClient(app).lifespan_sync().shutdown,
    )


def test_lifespan_failed():
    """A failed startup is the end."""
    app = sending({"type": "lifespan.startup.failed", "message": "no"})
    result = ASGIClient(app).lifespan_sync()

    assert ("failed", None) == (result.startup, result.shutdown)


@pytest.mark.parametrize("kind", ["lifespan", "other"])
def test_inside_leaves_the_rest_alone(kind):
    """What is no exchange passes with the very same objects."""
    from dualware.testing.asgi import Inside

    seen = []

    async def app(*handed):
        seen.extend(handed)

    handed = ({"type": kind}, object(), object())
    with pytest.raises(StopIteration):
        Inside(app)(*handed).send(None)

    assert [id(each) for each in handed] == [id(each) for each in seen]
