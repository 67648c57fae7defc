"""The test that the linter lints: each rule is broken by one application, under each protocol.

This file knows faulty applications, and which rule each breaks. It must never
hold a faultless one to anything but silence.
"""

import sys

import pytest

from dualware.testing import RULES, ASGIClient, ProtocolError, Script, Violation, WSGIClient
from dualware.testing import asgi as asgi_room
from dualware.testing import wsgi as wsgi_room

PLAIN = [("Content-Type", "text/plain")]


# WSGI: faulty applications


def answering(status="200 OK", headers=None, items=(b"hello",)):
    """An application that starts its response this way and returns these items."""

    def application(environ, start_response):
        start_response(status, PLAIN if headers is None else headers)
        return items

    return application


def with_header(name, value="x"):
    """An application with one more header."""
    return answering(headers=[*PLAIN, (name, value)])


def never_started(environ, start_response):
    """Returns a body without a head."""
    return []


def started_after_an_empty_item(environ, start_response):
    """Yields before it starts the head."""
    yield b""
    start_response("200 OK", PLAIN)


def started_twice(environ, start_response):
    """Starts again, and gives no reason for it."""
    start_response("500 Oh", PLAIN)
    start_response("200 OK", PLAIN)
    return []


def restarted_with(exc_info):
    """An application that starts again with this as exc_info."""

    def application(environ, start_response):
        start_response("200 OK", PLAIN)
        start_response("500 Oh", PLAIN, exc_info)
        return []

    return application


def writing_text(environ, start_response):
    """Gives write() what is no bytes."""
    start_response("200 OK", PLAIN)("hello")
    return []


def setting(key, value):
    """An application that sets a key of its environ."""

    def application(environ, start_response):
        environ[key] = value
        return answering()(environ, start_response)

    return application


class Boastful(list):
    """A list that says it has more items than it has."""

    def __len__(self):
        return 7


class Text(str):
    """A str that is none to a strict server."""

    __slots__ = ()


# WSGI: faulty middleware


def twice(app):
    """Calls its application twice."""

    def middleware(environ, start_response):
        app(environ, lambda *arguments: None)
        return app(environ, start_response)

    return middleware


def growing(app):
    """Appends to the application's own list."""

    def middleware(environ, start_response):
        def start(status, headers, *exc_info):
            headers.append(("X-Grown", "1"))
            return start_response(status, headers, *exc_info)

        return app(environ, start)

    return middleware


class Environ(dict):
    """An environ that is no dict to a strict application."""


def with_environ_class(app):
    """Hands over a subclass of dict."""
    return lambda environ, start_response: app(Environ(environ), start_response)


def generating(app):
    """Is a generator function, so that it starts nothing until it is iterated."""

    def middleware(environ, start_response):
        yield from app(environ, start_response)

    return middleware


def holding_until_iterated(app):
    """Keeps the head until the first item is asked for."""

    def middleware(environ, start_response):
        held = []
        inner = app(environ, lambda *arguments: held.append(arguments))

        def items():
            start_response(*held[0])
            yield from inner

        return items()

    return middleware


def draining(app):
    """Takes everything for the first item."""

    def middleware(environ, start_response):
        inner = app(environ, start_response)

        def drained():
            try:
                yield from list(inner)
            finally:
                inner.close()

        return drained()

    return middleware


def unclosing(app):
    """Forgets to close what it got."""
    return lambda environ, start_response: iter([*app(environ, start_response)])


def unclosing_one_by_one(app):
    """Forgets to close what it got, but takes one item at a time."""
    return lambda environ, start_response: map(bytes, app(environ, start_response))


def closing_twice(app):
    """Closes what it got at its end, and again."""

    class Twice:
        def __init__(self, inner):
            self.inner = inner

        def __iter__(self):
            return iter(self.inner)

        def close(self):
            self.inner.close()
            self.inner.close()

    return lambda environ, start_response: Twice(app(environ, start_response))


COUNTING = Script(chunks=[b"a", b"b"], body="iterator")

BROKEN_WSGI = [
    ("app-called-once", twice(Script().wsgi), {}),
    ("body-before-head", started_after_an_empty_item, {}),
    ("body-forbidden", answering("204 No Content"), {}),
    ("body-forbidden", answering("304 Not Modified"), {}),
    ("body-on-head", answering(), {"method": "HEAD"}),
    ("close-once", closing_twice(COUNTING.wsgi), {}),
    ("close-once", unclosing_one_by_one(COUNTING.wsgi), {}),
    ("content-length", answering(headers=[("Content-Length", "4")]), {}),
    ("content-length", answering(headers=[("Content-Length", "5"), ("Content-Length", "5")]), {}),
    ("environment-type", with_environ_class(Script().wsgi), {}),
    ("environment-value", setting("UNDOTTED", 3), {}),
    ("environment-value", setting("REQUEST_METHOD", Text("GET")), {}),
    ("file-wrapper", setting("wsgi.file_wrapper", iter), {}),
    ("head-late", generating(Script().wsgi), {}),
    ("head-late", holding_until_iterated(Script().wsgi), {}),
    ("header-ending", with_header("X-"), {}),
    ("header-ending", with_header("X_"), {}),
    ("header-ending", with_header("Status"), {}),
    ("header-hop-by-hop", with_header("Connection", "close"), {}),
    ("header-hop-by-hop", with_header("Proxy-Something"), {}),
    ("header-name", with_header("X Y"), {}),
    ("header-name", with_header(""), {}),
    ("header-value", with_header("X", "a\r\nb"), {}),
    ("header-value", with_header("X", "a\tb"), {}),
    ("headers-mutated", growing(Script().wsgi), {}),
    ("item-type", answering(items=["hello"]), {}),
    ("item-type", answering(items=[bytearray(b"hello")]), {}),
    ("item-type", answering(items=b"hello"), {}),
    ("item-type", writing_text, {}),
    ("iterable", answering(items=None), {}),
    ("length-forbidden", answering("204 No Content", [("Content-Length", "0")], []), {}),
    ("length-of-iterable", answering(items=Boastful([b"hello"])), {}),
    ("read-ahead", draining(COUNTING.wsgi), {}),
    ("start-exc-info", restarted_with(True), {}),
    ("start-exc-info", restarted_with((None, None)), {}),
    ("start-headers", answering(headers=tuple(PLAIN)), {}),
    ("start-headers", answering(headers=None or {}), {}),
    ("start-headers", answering(headers=[["X", "y"]]), {}),
    ("start-headers", answering(headers=[("X", "y", "z")]), {}),
    ("start-headers", answering(headers=[("X", b"y")]), {}),
    ("start-headers", answering(headers=[(Text("X"), "y")]), {}),
    ("start-headers", answering(headers=[("X", "\u20ac")]), {}),
    ("start-headers", answering(headers=3), {}),
    ("start-missing", never_started, {}),
    ("start-status", answering("200"), {}),
    ("start-status", answering("200 OK "), {}),
    ("start-status", answering("OK"), {}),
    ("start-status", answering("200 O\nK"), {}),
    ("start-status", answering(200), {}),
    ("start-status", answering(Text("200 OK")), {}),
    ("start-twice", started_twice, {}),
]


@pytest.mark.parametrize(("rule", "app", "request_args"), BROKEN_WSGI)
def test_wsgi_rule(rule, app, request_args):
    """The application breaks this rule, and no other."""
    result = WSGIClient(app, lint=False).request(**request_args)

    assert {rule} == {violation.rule for violation in result.violations}


def test_wsgi_unclosed_and_drained():
    """Several broken rules are all written down."""
    result = WSGIClient(unclosing(COUNTING.wsgi), lint=False).request()

    assert ["read-ahead", "close-once"] == [each.rule for each in result.violations]


def test_wsgi_close_is_not_missed_from_a_server_that_never_closes():
    """Who is not closed needs not close."""
    result = WSGIClient(COUNTING.wsgi).request(close=False)

    assert [] == result.violations


# ASGI: faulty applications

START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"hello"}


def sending(*messages, returned=None):
    """An application that sends these messages."""

    async def application(scope, receive, send):
        for message in messages:
            await send(message)
        return returned

    return application


def starting(**fields):
    """An application whose start message has these fields."""
    return sending({**START, **fields}, BODY)


def with_pair(*pair):
    """An application with this header."""
    return starting(headers=[pair])


def extended(kind, **fields):
    """An application that sends a message of an extension as its body."""
    return sending(START, {"type": kind, **fields})


# ASGI: faulty middleware


def around(app, *, scope=lambda scope: scope, receive=lambda message: message, send=None):
    """Middleware that changes what passes."""

    async def middleware(outer_scope, outer_receive, outer_send):
        async def changed_receive():
            return receive(await outer_receive())

        async def changed_send(message):
            send(message)
            await outer_send(message)

        await app(scope(outer_scope), changed_receive, changed_send if send else outer_send)

    return middleware


def writing_to_scope(app):
    """Changes the server's own scope."""
    return around(app, scope=lambda scope: scope.update(path="/other") or scope)


def growing_messages(message):
    """Changes the application's own headers."""
    message.get("headers", []).append((b"x-grown", b"1"))


def holding(app):
    """Holds the start back, then changes the application's own message."""

    async def middleware(scope, receive, send):
        held = []

        async def changed(message):
            held.append(message)
            if len(held) > 1:
                held[0]["status"] = 201
                for each in held:
                    await send(each)
                held[:] = []

        await app(scope, receive, changed)

    return middleware


def twice_awaited(app):
    """Calls its application twice."""

    async def middleware(scope, receive, send):
        async def ignored(message):
            pass

        await app(scope, receive, ignored)
        await app(scope, receive, send)

    return middleware


class Scope(dict):
    """A scope that is no dict to a strict application."""


OFFER_DEBUG = {"extensions": {"http.response.debug": {}}}
OFFER_TRAILERS = {"extensions": {"http.response.trailers": {}}}
TRAILED = {**START, "trailers": True}

BROKEN_ASGI = [
    ("app-called-once", twice_awaited(Script().asgi), {}),
    ("body-forbidden", starting(status=204), {}),
    ("body-forbidden", starting(status=304), {}),
    ("connection-mutated", writing_to_scope(Script().asgi), {}),
    (
        "connection-mutated",
        around(Script().asgi, scope=lambda scope: scope.pop("path") and scope),
        {},
    ),
    ("connection-type", around(Script().asgi, scope=Scope), {}),
    ("content-length", with_pair(b"content-length", b"4"), {}),
    ("header-case", with_pair(b"X-Upper", b"1"), {}),
    ("header-name", with_pair(b"x y", b"1"), {}),
    ("header-pairs", with_pair("x", b"1"), {}),
    ("header-pairs", with_pair(b"x"), {}),
    ("header-pairs", starting(headers=[b"xy"]), {}),
    ("header-pairs", starting(headers=[3]), {}),
    ("header-pairs", starting(headers=3), {}),
    ("header-value", with_pair(b"x", b"a\r\nb"), {}),
    ("headers-mutated", around(Script().asgi, send=growing_messages), {}),
    ("headers-mutated", holding(Script(final_empty=False).asgi), {}),
    (
        "incoming-form",
        around(Script(read_body=True).asgi, receive=lambda message: {**message, "body": "text"}),
        {},
    ),
    ("incomplete", sending(), {}),
    ("incomplete", sending(START), {}),
    ("incomplete", sending(START, {**BODY, "more_body": True}), {}),
    ("incomplete", sending(TRAILED, BODY), OFFER_TRAILERS),
    (
        "length-forbidden",
        sending(
            {**START, "status": 204, "headers": [(b"content-length", b"0")]},
            {"type": "http.response.body"},
        ),
        {},
    ),
    ("message-order", sending(START, BODY, BODY), {}),
    ("message-order", sending(START, START, BODY), {}),
    ("message-order", sending(BODY, START, BODY), {}),
    ("message-order", sending(START, BODY, {"type": "http.response.debug"}), OFFER_DEBUG),
    ("message-order", sending(START, BODY, {"type": "http.response.trailers"}), OFFER_TRAILERS),
    ("message-order", sending({"type": "websocket.accept"}, START, BODY), {}),
    ("message-not-offered", sending({"type": "http.response.debug"}, START, BODY), {}),
    ("returned", sending(START, BODY, returned=3), {}),
]

# These keep the exchange from going on, so that it is incomplete as well.
UNREADABLE_ASGI = [
    ("message-field", starting(status="200"), {}),
    ("message-field", starting(trailers=1), {}),
    ("message-field", sending({"type": "http.response.start"}), {}),
    ("message-field", sending(START, {**BODY, "body": "text"}), {}),
    ("message-field", sending(START, {**BODY, "body": memoryview(b"x")}), {}),
    ("message-field", sending(START, {**BODY, "more_body": 1}), {}),
    ("message-field", extended("http.response.pathsend"), {}),
    ("message-field", extended("http.response.pathsend", path=b"x"), {}),
    ("message-field", extended("http.response.zerocopysend"), {}),
    ("message-form", sending(START, None), {}),
    ("message-form", sending(START, {"body": b""}), {}),
    ("message-form", sending(START, {"type": b"http.response.body"}), {}),
    ("message-not-offered", sending(TRAILED, BODY), {}),
]


@pytest.mark.parametrize(("rule", "app", "request_args"), BROKEN_ASGI)
def test_asgi_rule(rule, app, request_args):
    """The application breaks this rule, and no other."""
    result = ASGIClient(app, lint=False).request_sync(**request_args)

    assert {rule} == {violation.rule for violation in result.violations}


@pytest.mark.parametrize(("rule", "app", "request_args"), UNREADABLE_ASGI)
def test_asgi_unreadable_message(rule, app, request_args):
    """A message that is wrong means nothing, so that what it ends stays unfinished."""
    result = ASGIClient(app, lint=False).request_sync(**request_args)

    assert (
        rule
        in {violation.rule for violation in result.violations}
        <= {rule, "incomplete", "message-order"}
    )


ACCEPT = {"type": "websocket.accept"}
CLOSE = {"type": "websocket.close"}
DENY = {"type": "websocket.http.response.start", "status": 401, "headers": []}

BROKEN_SESSIONS = [
    (
        "accept-headers",
        sending({**ACCEPT, "headers": [(b"x", b"y")]}, CLOSE),
        {"spec_version": "2.0"},
    ),
    (
        "accept-headers",
        sending({**ACCEPT, "headers": [(b"sec-websocket-protocol", b"x")]}, CLOSE),
        {},
    ),
    ("incomplete", sending(), {}),
    ("message-field", sending(ACCEPT, {"type": "websocket.send"}, CLOSE), {}),
    ("message-field", sending(ACCEPT, {"type": "websocket.send", "text": "x", "bytes": b"x"}), {}),
    ("message-field", sending(ACCEPT, {"type": "websocket.send", "text": b"x"}), {}),
    ("message-field", sending(ACCEPT, {**CLOSE, "code": "1000"}), {}),
    ("message-not-offered", sending(DENY, {"type": "websocket.http.response.body"}), {}),
    ("message-order", sending(ACCEPT, ACCEPT, CLOSE), {}),
    ("message-order", sending(ACCEPT, CLOSE, CLOSE), {}),
    ("message-order", sending(CLOSE, ACCEPT), {}),
]


@pytest.mark.parametrize(("rule", "app", "options"), BROKEN_SESSIONS)
def test_websocket_rule(rule, app, options):
    """The application breaks this rule, and no other."""
    result = ASGIClient(app, lint=False).websocket_sync(**options)

    assert {rule} == {violation.rule for violation in result.violations}


def test_lifespan_rule():
    """Lifespan is held to its order as well."""
    app = sending({"type": "lifespan.shutdown.complete"})
    result = ASGIClient(app, lint=False).lifespan_sync()

    assert ["message-order"] == [violation.rule for violation in result.violations]
    assert None is result.shutdown


# The other linters


def chained(app, **request_args):
    """The violations the other linters find."""
    result = WSGIClient(app, lint=False).request(**request_args)
    client = WSGIClient(app, lint="chain")
    with pytest.raises(ProtocolError) as raised:
        client.request(**request_args)
    own = {each.rule for each in result.violations}
    return {each.rule for each in raised.value.violations} - own


def test_wsgiref_objects():
    """wsgiref.validate misses a Content-Type that nobody else misses."""
    assert {"other-linter"} == chained(answering(headers=[("X", "y")]))


def test_werkzeug_objects():
    """The linter of werkzeug does not like to see an ETag without quotes."""
    assert {"other-linter"} == chained(answering(headers=[*PLAIN, ("ETag", "x")]))


def test_chain_about_head():
    """After HEAD the length is that of GET, which werkzeug's linter does not know."""
    client = WSGIClient(Script(declare_length=True).wsgi, lint="chain")

    assert "5" == client.request("HEAD").header("content-length")


def test_chain_is_silent():
    """Neither objects to a script, not even when the client goes away."""
    script = Script(chunks=[b"a", b"b"], body="iterator", declare_length=True)
    client = WSGIClient(script.wsgi, lint="chain")

    assert [b"ab", b"a"] == [client.request().body, client.request(read=1).body]


def test_an_applications_own_assertion_is_no_violation():
    """Only what the linter asserts is its finding."""
    script = Script(error=AssertionError("mine"), error_at="call")

    assert script.error is WSGIClient(script.wsgi, lint="chain").request().error


# All of them


def test_every_rule_is_broken():
    """No rule goes without a test."""
    tables = (*BROKEN_WSGI, *BROKEN_ASGI, *UNREADABLE_ASGI, *BROKEN_SESSIONS)

    assert set(RULES) - {"other-linter"} == {rule for rule, _, _ in tables}


def test_lint_raises(dual):
    """With lint on, what was noticed is raised, all of it."""
    app = (answering("204 No Content"), starting(status=204))
    with pytest.raises(
        ProtocolError, match="body-forbidden: 5 body bytes after status 204"
    ) as raised:
        dual.request(app)

    assert [Violation("body-forbidden", "5 body bytes after status 204")] == list(
        raised.value.violations
    )


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_a_script_is_faultless(dual, method):
    """A faultless application passes in silence."""
    assert [] == dual.request(Script(), method=method).violations


# Whose fault


def test_the_applications_own_case_is_not_blamed_on_middleware():
    """Some frameworks send upper case; that is not the fault of what is around them."""
    app = with_pair(b"X-Upper", b"1")

    assert [] == ASGIClient(asgi_room.Inside(app)).request_sync().violations


def test_the_applications_own_body_on_head_is_not_blamed_on_middleware():
    """Some frameworks leave it to the server to drop it."""
    assert b"hello" == WSGIClient(wsgi_room.Inside(answering())).request("HEAD").body


def test_a_body_on_head_is_blamed_on_middleware():
    """It is when the application has none."""

    def adding(environ, start_response):
        return [*Script().wsgi(environ, start_response), b"more"]

    result = WSGIClient(adding, lint=False).request("HEAD")

    assert ["body-on-head"] == [violation.rule for violation in result.violations]


def test_the_applications_own_scope_is_not_blamed_on_middleware():
    """Frameworks write to the scope they are handed."""

    async def app(scope, receive, send):
        scope["app"] = scope["state"]["touched"] = True
        await sending(START, BODY)(scope, receive, send)

    assert [] == ASGIClient(asgi_room.Inside(app)).request_sync(state={}).violations


def test_the_applications_own_nonsense_goes_through_inside():
    """What is no message reaches the server, which objects."""
    result = ASGIClient(asgi_room.Inside(sending(3, START, BODY)), lint=False).request_sync()

    assert ["message-form"] == [violation.rule for violation in result.violations]


def test_inside_is_silent_without_a_client():
    """Nothing is checked where nobody asked for it."""
    handed = []
    app = wsgi_room.Inside(answering())
    items = app(Environ(), lambda *arguments: handed.append(arguments))

    assert ((b"hello",), [("200 OK", PLAIN)]) == (items, handed)


def test_inside_keeps_no_traceback():
    """exc_info goes through and is forgotten (PEP 3333, The start_response() Callable)."""
    seen = []

    def app(environ, start_response):
        try:
            raise ValueError
        except ValueError:
            start_response("500 Oh", PLAIN, sys.exc_info())
        return []

    WSGIClient(wsgi_room.Inside(app)).request()
    wsgi_room.Inside(app)({}, lambda *arguments: seen.append(arguments[2][0]))

    assert [ValueError] == seen
