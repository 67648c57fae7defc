"""FAILURE: what waits for it hears of every end but a good one, and then all that END tells.

Knows a flow that waits for END, and one that waits for FAILURE, in two runs of the same exchange.
Must never say how an exchange ends: other files do.
"""

import asyncio
import weakref

import pytest

from dualware import BODY, END, RESPONSE, Middleware, Stack
from dualware.core.exchange import FAILURE
from dualware.core.message import ExchangeError
from dualware.testing import ASGIClient, Dual, Script
from dualware.testing.asgi import build_scope
from tests.core.bench import Of, begun
from tests.protocols.asgi_parts import Server
from tests.protocols.test_both import SCRIPTS, Encodes, Holds


class Guards(Middleware):
    """Notes what a flow sees of the end that it waits for."""

    observes = True

    def __init__(self, *waits):
        self.waits = waits
        self.seen = []
        self.closed = 0

    def __call__(self, exchange):
        """Wait, and change nothing."""
        try:
            yield from self.waits
        except GeneratorExit:
            self.closed += 1
            raise
        except BaseException as error:
            self.seen.append(type(error))
            raise
        finally:
            self.seen.append((exchange.outcome, exchange.sent, bool(exchange.first_at)))


WAITS = {"at the head": (RESPONSE,), "at the body": (RESPONSE, BODY)}
AROUND = {
    "nothing": lambda each: [each],
    "a body that is held": lambda each: [each, Holds()],
    "a codec": lambda each: [each, Encodes(BODY)],
    "an early codec": lambda each: [Holds(), each, Encodes(RESPONSE)],
    "one who follows": lambda each: [Guards(RESPONSE, END), each, Guards(END)],
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("read", [None, 0, 1])
@pytest.mark.parametrize("before", WAITS)
def test_it_is_the_end_unless_that_is_good(dual, around, script, method, read, before):
    """Outcome, bytes and error are those that END tells."""
    ends, fails = Guards(*WAITS[before], END), Guards(*WAITS[before], FAILURE)
    dual = Dual(dual.protocol, lint=False)
    expected = dual.request(Script(**SCRIPTS[script]), AROUND[around](ends), method, read=read)
    result = dual.request(Script(**SCRIPTS[script]), AROUND[around](fails), method, read=read)

    assert (expected.status, expected.headers, expected.chunks) == (
        result.status, result.headers, result.chunks,
    )  # fmt: skip
    assert type(expected.error) is type(result.error)
    ((outcome, *_),) = [each for each in ends.seen if isinstance(each, tuple)]
    good = outcome == "completed" and not ends.closed
    assert int(good) + ends.closed == fails.closed
    assert good or ends.seen == fails.seen


@pytest.mark.parametrize("fails", [2, 3])
@pytest.mark.parametrize("swallows", [False, True])
@pytest.mark.parametrize("chunks", [[b"whole"], [b"a", b"b"]])
def test_client_that_goes_away(fails, swallows, chunks):
    """Under ASGI `send` may raise, and the application may go on as if nothing was."""
    # one protocol: no WSGI server tells an application that its client is gone
    seen = {}
    for wait in (END, FAILURE):
        each = seen[wait] = Guards(RESPONSE, wait)

        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for index, chunk in enumerate(chunks):
                more = index + 1 < len(chunks)
                try:
                    await send({"type": "http.response.body", "body": chunk, "more_body": more})
                except OSError:
                    if not swallows:
                        raise
                    return

        server = Server(fails={fails: OSError("gone")})
        _called(app, each, server)

    assert seen[END].seen == seen[FAILURE].seen or fails > len(chunks) + 1


def test_client_that_is_seen_to_be_gone():
    """What a server takes after a disconnect is dropped: that is no good end."""
    # protocols A28
    seen = {}
    for wait in (END, FAILURE):
        each = seen[wait] = Guards(RESPONSE, wait)

        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await receive()
            await send({"type": "http.response.body", "body": b"lost"})

        _called(app, each, Server({"type": "http.disconnect"}))

    assert [("aborted", 4, True)] == seen[END].seen
    assert [("aborted", 4, True)] == seen[FAILURE].seen


def _called(app, each, server):
    async def run():
        try:
            await Stack([each]).asgi(app)(build_scope(), server.receive, server.send)
        except OSError:
            pass

    asyncio.run(run())


def test_not_before_there_is_a_response():
    """Where a flow begins it may wait for END alone."""

    def flow(_):
        yield FAILURE

    with pytest.raises(ExchangeError, match="yielded FAILURE where it may only"):
        begun(Of(flow))


def test_a_failure_when_closed_is_told():
    """It can't change the response any more."""

    def flow(_):
        yield RESPONSE
        try:
            yield FAILURE
        finally:
            raise ValueError("in the way")

    exchange = begun(Of(flow))
    exchange.give()
    exchange.outcome = "completed"
    exchange.spare()

    assert ["the middleware Of failed"] == [sentence for sentence, _ in exchange.reports]


def test_nothing_is_kept():
    """A flow that had nothing to do is over with its exchange, and refers to it no more."""
    kept = []

    class Keeps(Middleware):
        """Lives as long as its flow."""

        def __call__(self, exchange):
            """Wait."""
            token = Guards()
            kept.append(weakref.ref(token))
            yield RESPONSE
            yield FAILURE
            raise AssertionError(token)

    for protocol in ("wsgi", "asgi"):
        Dual(protocol, lint=False).request(Script(), [Keeps()])
        assert kept.pop()() is None


def test_the_record_takes_no_more(dual):
    """The exchange is over for everybody, whoever was not told."""
    records = []

    class Looks(Guards):
        """Keeps the record."""

        def __call__(self, exchange):
            """Wait."""
            records.append(exchange.record)
            yield from super().__call__(exchange)

    fails = Looks(RESPONSE, FAILURE)
    dual.request(Script(), [fails])

    assert 1 == fails.closed
    assert [True] == [record.ended for record in records]


@pytest.mark.parametrize(("code", "closed"), [(1000, 1), (1006, 0)])
def test_sessions(code, closed):
    """A session that is closed as it should be has completed."""
    # one protocol: WSGI has no sessions
    fails = Guards(RESPONSE, FAILURE)
    fails.websocket = True

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    ASGIClient(Stack([fails]).asgi(app)).websocket_sync(close_code=code)

    assert closed == fails.closed
    assert ["completed" if closed else "aborted"] == [outcome for outcome, _, _ in fails.seen]
