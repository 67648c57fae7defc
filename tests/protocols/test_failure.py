"""FAILURE: what waits for it hears of every end but a good one, and then all that END tells.

An exception of the application is told, and not raised at the wait.

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
        self.closed = self.raised = 0
        self.reached = None

    def __call__(self, exchange):
        """Wait, and change nothing."""
        try:
            for wait in self.waits:
                self.reached = wait
                yield wait
        except GeneratorExit:
            self.closed += 1
            raise
        except BaseException:
            self.raised += 1
            raise
        finally:
            first = bool(exchange.first_at)
            self.seen.append((exchange.outcome, exchange.sent, first, type(exchange.error)))


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
    ((outcome, *_),) = ends.seen
    if outcome == "completed" and not ends.closed and fails.closed:
        # Nobody followed it: nothing was counted.
        assert (1, 1) == (len(fails.seen), fails.closed)
    else:
        assert (ends.seen, ends.closed) == (fails.seen, fails.closed)
    # Raised where it waits for anything else, and told where it waits for that.
    assert fails.raised == (0 if fails.reached is FAILURE else ends.raised)


class Answers(Middleware):
    """Answers a failure, and notes what it hears after that."""

    def __init__(self):
        self.heard = []

    def __call__(self, exchange):
        """Wait for a failure, answer it, and wait for the end."""
        yield RESPONSE
        yield FAILURE
        exchange.respond(503, body=b"sorry")
        try:
            yield END
        except ValueError as error:
            self.heard.append(error.args)
            raise
        self.heard.append(exchange.outcome)


@pytest.mark.parametrize("refuses", [False, True])
def test_an_answer_there(dual, refuses):
    """It may answer as where an exception passes, and is then as any flow that has answered."""

    class Outside(Middleware):
        """Holds the head that the application gives up, and looks at the answer in its place."""

        def __call__(self, exchange):
            """Wait for the body."""
            yield BODY
            if refuses:
                raise ValueError("refused")

    answers = Answers()
    dual = Dual(dual.protocol, lint=False)
    script = Script(error=LookupError(), error_at=0, body="generator", declare_length=True)
    result = dual.request(script, [Outside(), answers])

    told = (None, [("refused",)]) if refuses else (503, ["completed"])
    assert told == (result.status, answers.heard)


@pytest.mark.parametrize("fails", [1, 2, 3])
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

    assert [("aborted", 4, True, type(None))] == seen[END].seen
    assert [("aborted", 4, True, type(None))] == seen[FAILURE].seen


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
            assert "completed" == exchange.outcome, token

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

    assert ["completed"] == [outcome for outcome, *_ in fails.seen]
    assert [True] == [record.ended for record in records]


def test_one_piece_is_not_followed(dual):
    """A body that comes in one piece is over with that: the flow is closed."""
    fails = Guards(RESPONSE, FAILURE)
    dual.request(Script(chunks=[b"whole"], final_empty=False), [fails])

    assert (1, [("completed", 0, False, type(None))]) == (fails.closed, fails.seen)


def test_another_status_is_told(dual):
    """The exchange completed with another head than the flow has seen."""
    fails = Guards(RESPONSE, FAILURE)

    class Changes(Middleware):
        """Another status, further out."""

        def __call__(self, exchange):
            """Change it."""
            yield RESPONSE
            exchange.response.status = 503

    result = dual.request(Script(chunks=[b"whole"], final_empty=False), [Changes(), fails])

    assert (503, 0) == (result.status, fails.closed)
    assert [("completed", 5, True, type(None))] == fails.seen


@pytest.mark.parametrize(("code", "outcome"), [(1000, "completed"), (1006, "aborted")])
def test_sessions(code, outcome):
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

    assert [outcome] == [told for told, *_ in fails.seen]
