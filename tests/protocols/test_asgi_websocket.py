"""Websocket sessions (protocols A31): the handshake answer is RESPONSE, the close is END.

For ASGI alone: WSGI has no websockets. This file knows sessions; requests are another's business.
"""

import asyncio

import pytest

from dualware import BODY, END, RESPONSE, Middleware
from dualware.testing import ABSENT, ASGIClient
from dualware.testing.asgi import Inside, PassThrough, build_scope
from tests.protocols.asgi_parts import (
    Answering,
    Broken,
    Head,
    Observer,
    Server,
    reporting,
    sending,
    wrap,
)

DENIAL = {"websocket.http.response": {}}
CONNECT = {"type": "websocket.connect"}
ACCEPT = {"type": "websocket.accept"}
CLOSE = {"type": "websocket.close"}


class Opted(Middleware):
    """Takes part in sessions: adds a field at RESPONSE, keeps the exchange."""

    websocket = True

    def __init__(self, seen=None, event=RESPONSE, name="X-Head"):
        self.seen = [] if seen is None else seen
        self.event = event
        self.field = name

    def __call__(self, exchange):
        """Add a field, then wait for END."""
        try:
            yield self.event
            exchange.response.headers.append(self.field, "1")
            yield END
        finally:
            self.seen.append(exchange)


class OptedAnswer(Answering):
    """Refuses a handshake."""

    websocket = True


def said(exchange):
    """What is known of a session when it is over."""
    session = exchange.session
    return (exchange.outcome, exchange.response.status, session.close_code, session.closed_by)


def deny(status=403, *chunks, **more):
    """The messages of a denial response."""
    kind = "websocket.http.response"
    bodies = [{"type": f"{kind}.body", "body": chunk, "more_body": True} for chunk in chunks]
    last = {"type": f"{kind}.body"}
    return [{"type": f"{kind}.start", "status": status, **more}, *bodies, last]


def session_server(*incoming, **options):
    """A server with a client that connects, and says this."""
    return Server(CONNECT, *incoming, **options)


async def echo(scope, receive, send):
    """Take part in a session as an application does."""
    await receive()
    await send(ACCEPT)
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        await send({**message, "type": "websocket.send"})


# Who takes part


def test_untouched_without_opting_in():
    """A session is not for middleware of requests: the very objects pass."""
    # protocols A31
    handed = []

    async def app(scope, receive, send):
        handed.extend((scope, receive, send))
        await sending(ACCEPT, CLOSE)(scope, receive, send)

    result = ASGIClient(wrap(app, Head(), Answering(403))).websocket_sync()

    assert [True] * 3 == [a is b for a, b in zip(handed, result.handed, strict=True)]
    assert ACCEPT is result.messages[0]
    assert [] == result.headers


def test_only_who_opted_in():
    """The others of the stack do not run."""
    # protocols A31
    result = ASGIClient(wrap(Inside(echo), Head("X-Not"), Opted(), Answering())).websocket_sync()

    assert [("x-head", "1")] == result.headers


def test_same_middleware_inside_passes_through():
    """Met again inside the session, with foreign middleware between, it runs once."""
    # protocols A31
    seen = []
    opted, other = Opted(seen), Opted(seen, name="X-Inner")
    innermost = PassThrough(wrap(Inside(echo), opted))
    inner = wrap(innermost, other, opted)
    result = ASGIClient(wrap(PassThrough(inner), opted)).websocket_sync(messages=["a"])

    assert [("x-inner", "1"), ("x-head", "1")] == result.headers
    assert [1, 1] == [exchange.session.messages_in for exchange in seen]


# Accept


@pytest.mark.parametrize("event", [RESPONSE, BODY], ids=str)
@pytest.mark.parametrize(
    ("version", "sent"),
    [("2.0", False), (ABSENT, False), ("2", False), ("2.1", True), ("2.4", True), ("2.10", True)],
)
def test_accept_headers(version, sent, event):
    """They came with version 2.1; before it, the application's own message goes out."""
    # protocols A31
    server = session_server()
    versions = {"version": "3.0", "spec_version": version}
    scope = build_scope("websocket", scope={"asgi": versions})
    if version is ABSENT:
        del scope["asgi"]
    before = {**ACCEPT}
    assert server.call(wrap(sending(ACCEPT, CLOSE), Opted(event=event)), scope) is None

    assert before == ACCEPT
    assert ({**ACCEPT, "headers": [(b"x-head", b"1")]} if sent else ACCEPT) == server.messages[0]
    assert sent != (ACCEPT is server.messages[0])


@pytest.mark.parametrize("headers", [None, [], [(b"a", b"1")]], ids=str)
@pytest.mark.parametrize("event", [RESPONSE, BODY, END], ids=str)
def test_untouched_accept(event, headers):
    """Where no flow adds a field, the very message goes out."""
    # protocols A31, A14

    class Waits(Middleware):
        websocket = True

        def __call__(self, exchange):
            yield event

    message = ACCEPT if headers is None else {**ACCEPT, "headers": headers}
    server = session_server()
    app = wrap(sending(message, CLOSE), Observer([]), Waits())
    assert server.run(app, kind="websocket") is None

    assert message is server.messages[0]
    assert CLOSE is server.messages[1]


@pytest.mark.parametrize("make", [list, tuple])
def test_applications_headers(make):
    """They stay, and are never changed in place."""
    # protocols A31, A14
    pairs = make([(b"Set-Cookie", b"a"), (b"set-cookie", b"b")])
    message = {**ACCEPT, "headers": pairs, "subprotocol": "chat"}
    before = {**message}
    server, seen = session_server(), []
    assert server.run(wrap(sending(message, CLOSE), Opted(seen)), kind="websocket") is None

    assert before == message
    assert 2 == len(pairs)
    assert {**message, "headers": [*pairs, (b"x-head", b"1")]} == server.messages[0]
    assert ("chat", True) == (seen[0].session.subprotocol, seen[0].session.accepted)


def test_subprotocol_is_no_header():
    """We never add it; one that the application put there is its problem."""
    # protocols A31
    ours, theirs = session_server(), session_server()
    middleware = Opted(name="Sec-WebSocket-Protocol")
    message = {**ACCEPT, "headers": [(b"Sec-WebSocket-Protocol", b"chat")]}
    assert ours.run(wrap(sending(ACCEPT, CLOSE), middleware), kind="websocket") is None
    assert theirs.run(wrap(sending(message, CLOSE), Opted()), kind="websocket") is None

    assert [] == ours.messages[0]["headers"]
    assert [*message["headers"], (b"x-head", b"1")] == theirs.messages[0]["headers"]


def test_status_of_an_accept():
    """It is 101, and no key of the message, whatever a flow makes of it."""
    # protocols A31

    class Status(Middleware):
        websocket = True

        def __call__(self, exchange):
            yield RESPONSE
            assert exchange.response.status == 101
            assert not exchange.response.encodable
            exchange.response.status = 200

    server = session_server()
    assert server.run(wrap(sending(ACCEPT, CLOSE), Status()), kind="websocket") is None

    assert "status" not in server.messages[0]


def test_second_answer_is_the_servers():
    """RESPONSE comes once; a second answer is the server's to refuse."""
    # protocols A31
    seen = []
    messages = [ACCEPT, {**ACCEPT}, deny()[0]]
    server = session_server()
    assert server.run(wrap(sending(*messages), Opted(seen)), kind="websocket") is None

    assert messages[1] is server.messages[1]
    assert messages[2] is server.messages[2]
    assert [101] == [exchange.response.status for exchange in seen]


# What is said


def test_counts():
    """Messages and bytes, both ways; text counts as UTF-8; the messages are the very objects."""
    # protocols A31
    seen = []
    incoming = [
        {"type": "websocket.receive", "text": "é"},
        {"type": "websocket.receive", "bytes": b"abc", "text": None},
        {"type": "websocket.receive", "text": "\ud800"},
        {"type": "websocket.unknown"},
        {"type": "websocket.disconnect", "code": 1000},
    ]
    outgoing = [
        {"type": "websocket.send", "text": "éé"},
        {"type": "websocket.send", "bytes": b"", "text": None},
        {"type": "websocket.unknown"},
    ]
    received = []

    async def app(scope, receive, send):
        received.append(await receive())
        await sending(ACCEPT, *outgoing)(scope, receive, send)
        received.extend([await receive() for _ in incoming])

    server = session_server(*incoming)
    assert server.run(wrap(app, Opted(seen)), kind="websocket") is None

    assert [True] * 6 == [a is b for a, b in zip(received, [CONNECT, *incoming], strict=True)]
    assert [True] * 3 == [a is b for a, b in zip(server.messages[1:], outgoing, strict=True)]
    session = seen[0].session
    assert (3, 8) == (session.messages_in, session.bytes_in)
    assert (2, 4) == (session.messages_out, session.bytes_out)
    assert "completed" == seen[0].outcome


# How a session ends


@pytest.mark.parametrize(
    ("disconnect", "code", "outcome"),
    [
        ({"code": 1000}, 1000, "completed"),
        ({"code": 1001, "reason": "away"}, 1001, "completed"),
        ({"code": 4000}, 4000, "completed"),
        ({}, 1005, "completed"),
        ({"code": None}, 1005, "completed"),
        ({"code": 1006}, 1006, "aborted"),
    ],
)
def test_client_closes(disconnect, code, outcome):
    """END comes with the disconnect; 1006 says that there was no close frame."""
    # protocols A31
    seen = []
    server = session_server({"type": "websocket.disconnect", **disconnect})
    assert server.run(wrap(echo, Opted(seen)), kind="websocket") is None

    assert [(outcome, 101, code, "client")] == [said(exchange) for exchange in seen]


def test_client_leaves_before_the_answer():
    """It went away, whatever code it gave."""
    # protocols A31
    seen = []

    async def app(scope, receive, send):
        await receive()
        await receive()

    server = session_server({"type": "websocket.disconnect", "code": 1001})
    assert server.run(wrap(app, Opted(seen)), kind="websocket") is None

    assert [("aborted", None, 1001, "client")] == [said(exchange) for exchange in seen]


@pytest.mark.parametrize("code", [None, 1000, 1011, 4001])
def test_server_closes(code):
    """END comes with the close; what the server says after it is nothing."""
    # protocols A31
    log, seen = [], []
    close = CLOSE if code is None else {**CLOSE, "code": code}

    async def app(scope, receive, send):
        await receive()
        await sending(ACCEPT, close)(scope, receive, send)
        log.append("after")
        log.append((await receive())["code"])
        await send({**CLOSE, "code": 1002})

    server = session_server({"type": "websocket.disconnect", "code": 1006}, log=log)
    assert server.run(wrap(app, Observer(log), Opted(seen)), kind="websocket") is None

    assert ["websocket.accept", "websocket.close", ("END", "completed"), "after", 1006] == log[:5]
    assert close is server.messages[1]
    assert [("completed", 101, code or 1000, "server")] == [said(exchange) for exchange in seen]


@pytest.mark.parametrize("event", [RESPONSE, BODY], ids=str)
def test_close_before_accept(event):
    """The server answers 403; a flow sees that, but its fields can't be sent."""
    # protocols A31
    seen = []
    result = ASGIClient(wrap(Inside(sending(CLOSE)), Opted(seen, event))).websocket_sync()

    assert (False, 403, []) == (result.accepted, result.status, result.headers)
    assert CLOSE is result.messages[0]
    assert [("completed", 403, 1000, "server")] == [said(exchange) for exchange in seen]


@pytest.mark.parametrize("chunks", [[], [b"no", b"!"]])
def test_denial_of_the_application(chunks):
    """A denial response is an answer with head and body."""
    # protocols A31
    seen = []
    messages = deny(401, *chunks, headers=[(b"a", b"1")])
    app = wrap(Inside(sending(*messages)), Opted(seen))
    result = ASGIClient(app).websocket_sync(extensions=DENIAL)

    assert (401, b"".join(chunks)) == (result.status, result.body)
    assert [("a", "1"), ("x-head", "1")] == result.headers
    assert [("completed", 401, None, None)] == [said(exchange) for exchange in seen]
    assert len(result.body) == seen[0].sent
    assert not seen[0].session.accepted


def test_status_of_a_denial():
    """A flow may change it."""
    # protocols A31

    class Status(Middleware):
        websocket = True

        def __call__(self, exchange):
            yield RESPONSE
            exchange.response.status = 418

    result = ASGIClient(wrap(Inside(sending(*deny(401))), Status())).websocket_sync(
        extensions=DENIAL
    )

    assert 418 == result.status


def test_untouched_denial():
    """Where no flow changes the head, the very messages go out."""
    # protocols A31
    messages = deny(401, b"no")
    server = session_server()
    app = wrap(sending(*messages), Observer([]))
    assert server.run(app, kind="websocket", extensions=DENIAL) is None

    assert [True] * 3 == [a is b for a, b in zip(server.messages, messages, strict=True)]


@pytest.mark.parametrize(
    ("messages", "outcome", "status"),
    [
        ([], "no_response", None),
        ([ACCEPT], "incomplete", 101),
        (deny(401)[:1], "incomplete", 401),
        (deny(401, b"no")[:2], "incomplete", 401),
    ],
)
def test_application_returns_early(messages, outcome, status):
    """END comes then."""
    # protocols A31
    seen = []
    server = session_server()
    app = wrap(sending(*messages), Observer(seen))
    assert server.run(app, kind="websocket", extensions=DENIAL) is None

    assert [("END", outcome)] == seen


@pytest.mark.parametrize("error", [ValueError("x"), asyncio.CancelledError()], ids=repr)
@pytest.mark.parametrize("messages", [[], [ACCEPT], deny(401)[:1]], ids=len)
def test_application_fails(messages, error):
    """The same object leaves, and every flow sees it."""
    # protocols A30, A31
    seen, sessions = [], []

    class Keep(Observer):
        def __call__(self, exchange):
            sessions.append(exchange)
            return super().__call__(exchange)

    error.__traceback__ = None
    server = session_server()
    app = wrap(sending(*messages, then=error), Keep(seen))
    assert server.run(app, kind="websocket", extensions=DENIAL) is error

    outcome = "error" if isinstance(error, Exception) else "cancelled"
    assert [("END", outcome)] == seen
    assert [("error", error)] == [(each.session.closed_by, each.error) for each in sessions]
    assert (None, None) == (error.__cause__, error.__context__)


@pytest.mark.parametrize("last", [CLOSE, None], ids=["closed", "left"])
def test_application_fails_after_the_end(last):
    """The same object leaves; whoever asked is told of it."""
    # protocols A30, A31
    seen, exits, error = [], [], ValueError("late")

    class Exits(Middleware):
        websocket = True

        def __call__(self, exchange):
            exchange.on_exit(exits.append)

    async def app(scope, receive, send):
        await receive()
        await send(ACCEPT)
        await (receive() if last is None else send(last))
        raise error

    server = session_server({"type": "websocket.disconnect", "code": 1000})
    assert server.run(wrap(app, Observer(seen), Exits()), kind="websocket") is error

    assert [("END", "completed")] == seen
    assert [error] == exits


@pytest.mark.parametrize("swallowed", [True, False])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_send_raises(number, swallowed):
    """The client is gone: told as such, the very error passes."""
    # protocols A27, A31
    seen, sessions, caught, gone = [], [], [], OSError("gone")

    class Keep(Observer):
        def __call__(self, exchange):
            sessions.append(exchange.session)
            return super().__call__(exchange)

    async def app(scope, receive, send):
        try:
            message = {"type": "websocket.send", "text": "a"}
            await sending(ACCEPT, message, CLOSE)(scope, receive, send)
        except OSError as error:
            caught.append(error)
            if not swallowed:
                raise

    server = session_server(fails={number: gone})
    raised = server.run(wrap(app, Keep(seen)), kind="websocket")

    assert raised is (None if swallowed else gone)
    assert [True] == [each is gone for each in caught]
    assert [("END", "aborted")] == seen
    assert [("client", None)] == [(each.closed_by, each.close_code) for each in sessions]
    assert [number == 3] == [bool(each.messages_out) for each in sessions]


def test_failure_is_not_the_clients_after_it_left():
    """Who closed the session first stays known."""
    # protocols A31
    sessions = []

    class Keep(Middleware):
        websocket = True

        def __call__(self, exchange):
            sessions.append(exchange.session)
            yield END

    server = session_server({"type": "websocket.disconnect", "code": 1001}, fails={2: OSError()})

    async def app(scope, receive, send):
        await sending(ACCEPT)(scope, receive, send)
        await receive()
        await receive()
        await send({"type": "websocket.send", "text": "a"})

    assert OSError is type(server.run(wrap(app, Keep()), kind="websocket"))
    assert [("client", 1001)] == [(each.closed_by, each.close_code) for each in sessions]


# Answers


@pytest.mark.parametrize("event", [RESPONSE, BODY], ids=str)
def test_answer_with_denial(event):
    """A flow refuses the handshake with a response, where the server can send one."""
    # protocols A31
    seen, inside = [], []
    answering = OptedAnswer(429, {"Retry-After": "1"}, b"later")
    middleware = [Opted(seen, event), answering, Observer(inside)]
    app = wrap(sending(then=AssertionError("it ran")), *middleware)
    result = ASGIClient(app).websocket_sync(extensions=DENIAL)

    assert (None, 429, b"later") == (result.error, result.status, result.body)
    assert [("retry-after", "1"), ("content-length", "5"), ("x-head", "1")] == result.headers
    assert [("completed", 429, None, None)] == [said(exchange) for exchange in seen]
    assert 5 == seen[0].sent
    assert [] == inside


@pytest.mark.parametrize("extensions", [None, {}, {"tls": {}}], ids=str)
def test_answer_without_denial(extensions):
    """Elsewhere it closes; the server makes that a 403."""
    # protocols A31
    seen = []
    app = wrap(sending(), Opted(seen), OptedAnswer(429, (), b"later"))
    result = ASGIClient(app).websocket_sync(extensions=extensions)

    assert (None, 403, 1008, []) == (
        result.error, result.status, result.close_code, result.headers,
    )  # fmt: skip
    assert [("completed", 403, 1008, "server")] == [said(exchange) for exchange in seen]


def test_answer_takes_one_message():
    """The connect message, which waits for an application that never runs; no other."""
    # protocols A10, A31
    server = session_server({"type": "websocket.disconnect", "code": 1006})
    assert server.run(wrap(sending(), OptedAnswer(403)), kind="websocket") is None

    assert 1 == len(server.incoming)


def test_answer_cannot_be_sent():
    """END comes all the same, once."""
    # protocols A29, A31
    seen, gone = [], OSError("gone")
    app = wrap(sending(), Observer(seen), OptedAnswer(403))
    assert session_server(fails={1: gone}).run(app, kind="websocket") is gone

    assert [("END", "aborted")] == seen


def test_no_answer_after_an_error():
    """The application may have taken the connect message: nobody can answer in its place."""
    # protocols A31
    error = ValueError("x")

    class Rescue(Middleware):
        websocket = True

        def __call__(self, exchange):
            try:
                yield RESPONSE
            except ValueError:
                exchange.respond(500)

    app, reports = reporting(sending(then=error), Rescue())
    server = session_server()
    assert server.run(app, kind="websocket") is error

    assert [] == server.messages
    assert ["ExchangeError"] == [type(report).__name__ for report in reports]


# Failing flows


@pytest.mark.parametrize("event", [None, RESPONSE, BODY], ids=str)
@pytest.mark.parametrize("swallowed", [True, False])
@pytest.mark.parametrize("message", [ACCEPT, CLOSE, deny()[0]], ids=lambda m: m["type"])
def test_policy_fails_closed(event, swallowed, message):
    """No session begins, whatever the application makes of the failure."""
    # protocols A31
    seen, broken = [], KeyError("of a policy")

    async def app(scope, receive, send):
        for each in (message, {"type": "websocket.send", "text": "secret"}):
            try:
                await send(each)
            except KeyError:
                if not swallowed:
                    raise

    server = session_server()
    app = wrap(app, Observer(seen), Broken(broken, event))
    assert server.run(app, kind="websocket", extensions=DENIAL) is broken

    assert [] == server.messages
    assert [("END", "error")] == seen


# Event loops


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_event_loops(backend):
    """A session runs in any of them."""
    # protocols A31, A33
    seen = []
    client = ASGIClient(wrap(Inside(echo), Opted(seen)), checkpoints=True)
    result = client.websocket_sync(messages=["a", b"b"], close_code=1001, backend=backend)

    assert (["a", b"b"], "1") == (result.received, result.header("x-head"))
    assert [("completed", 101, 1001, "client")] == [said(exchange) for exchange in seen]
