"""What an ASGI application receives (protocols A10 to A12), and a client that goes away (A28).

This file knows receive() alone; what is sent is another's business.
"""

import zlib

import anyio
import pytest

from dualware import Middleware
from dualware.testing import ASGIClient
from dualware.testing.asgi import build_scope
from tests.protocols.asgi_parts import (
    PATHS,
    Answering,
    Observer,
    Server,
    body,
    sending,
    start,
    wrap,
)

INCOMING = [
    {"type": "http.request", "body": b"a", "more_body": True},
    {"type": "http.request"},
    {"type": "http.unknown", "odd": object()},
    {"type": "http.disconnect"},
]


def receiving(count, got):
    """An application that receives so many messages, then answers."""

    async def app(scope, receive, send):
        got.extend([await receive() for _ in range(count)])
        await sending(start(), body(b"x"))(scope, receive, send)

    return app


@pytest.mark.parametrize("path", PATHS)
def test_messages_pass_unchanged(path):
    """The very messages, unknown ones too, and no more of them than were asked for."""
    # protocols A10
    got = []
    server = Server(*INCOMING)
    before = [{**message} for message in INCOMING]
    assert server.run(wrap(receiving(3, got), *PATHS[path]([]))) is None

    assert [True] * 3 == [a is b for a, b in zip(got, INCOMING, strict=False)]
    assert INCOMING[3:] == server.incoming
    assert before == INCOMING


@pytest.mark.parametrize("middleware", [[Answering()], [Observer([]), Answering(204)]])
def test_never_received_for_ourselves(middleware):
    """An answer in the application's place leaves the request where it is."""
    # protocols A10
    server = Server(*INCOMING)
    assert server.run(wrap(sending(), *middleware)) is None

    assert INCOMING == server.incoming


@pytest.mark.parametrize("parts", [[b"abcdef"], [b"abc", b"", b"def", b""], list(b"abcdef")])
@pytest.mark.parametrize("path", PATHS)
def test_chunking_of_the_request(path, parts):
    """However a server cuts the request body, the application gets its bytes."""
    # protocols A12
    parts = [bytes([part]) if isinstance(part, int) else part for part in parts]

    async def app(scope, receive, send):
        got, more = [], True
        while more:
            message = await receive()
            got.append(message["body"])
            more = message["more_body"]
        assert parts == got
        await sending(start(), body(b"".join(got)))(scope, receive, send)

    result = ASGIClient(wrap(app, *PATHS[path]([]))).request_sync("POST", body=parts).reraise()

    assert b"abcdef" == (zlib.decompress(result.body) if "coded" in path else result.body)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("path", PATHS)
def test_receive_pending_while_sending(path, backend):
    """Django listens for a disconnect in a task of its own, and cancels it in the end."""
    # protocols A11
    seen, cancelled = [], []

    async def listen(receive, listening):
        listening.set()
        try:
            await receive()
        except anyio.get_cancelled_exc_class():
            cancelled.append(True)
            raise

    async def app(scope, receive, send):
        await receive()
        listening = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen, receive, listening)
            await listening.wait()
            await sending(start(), body(b"a", more_body=True), body(b"b"))(scope, receive, send)
            tasks.cancel_scope.cancel()

    class Patient(Server):
        async def receive(self):
            if not self.incoming:
                await anyio.sleep_forever()
            return self.incoming.pop(0)

    server = Patient({"type": "http.request"})
    wrapped = wrap(app, *PATHS[path](seen))

    async def main():
        await wrapped(build_scope(), server.receive, server.send)

    anyio.run(main, backend=backend)

    assert [True] == cancelled
    assert "start" == server.types[0]
    assert not server.messages[-1].get("more_body", False)
    assert [("END", "completed")] * (path != "plain") == seen


@pytest.mark.parametrize("path", [path for path in PATHS if path != "plain"])
@pytest.mark.parametrize("goes_on", [True, False])
def test_disconnect_received(path, goes_on):
    """A disconnect before the last of the body: the client went away, whatever is sent then."""
    # protocols A28
    seen = []

    async def app(scope, receive, send):
        await sending(start(), body(b"a", more_body=True))(scope, receive, send)
        await receive()
        if goes_on:
            await send(body(b"b"))

    server = Server({"type": "http.disconnect"})
    assert server.run(wrap(app, *PATHS[path](seen))) is None

    assert [("END", "aborted")] == seen


def test_disconnect_before_the_start():
    """The client went away before there was a response."""
    # protocols A28
    seen = []
    server = Server({"type": "http.disconnect"})

    async def app(scope, receive, send):
        await receive()

    assert server.run(wrap(app, Observer(seen))) is None
    assert [("END", "aborted")] == seen


def test_error_after_a_disconnect():
    """What the application raises because of it is not its failure."""
    # protocols A28
    seen = []
    error = RuntimeError("client disconnected")

    async def app(scope, receive, send):
        await receive()
        raise error

    assert Server({"type": "http.disconnect"}).run(wrap(app, Observer(seen))) is error
    assert [("END", "aborted")] == seen


@pytest.mark.parametrize("path", PATHS)
def test_disconnect_after_the_end(path):
    """Every server sends one when the response is complete; that is nothing."""
    # protocols A28
    seen, got = [], []

    async def app(scope, receive, send):
        await sending(start(), body(b"a"))(scope, receive, send)
        got.append(await receive())

    server = Server({"type": "http.disconnect"})
    assert server.run(wrap(app, *PATHS[path](seen))) is None

    assert [{"type": "http.disconnect"}] == got
    assert [("END", "completed")] * (path != "plain") == seen


def test_what_is_read_before_the_flow_waits():
    """A flow that is over at once leaves `receive` to the application."""
    # protocols A10
    got = []

    class Nothing(Middleware):
        def __call__(self, exchange):
            return None

    server = Server({"type": "http.request"})
    assert server.run(wrap(receiving(1, got), Nothing())) is None
    assert [{"type": "http.request"}] == got
