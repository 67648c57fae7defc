"""What a client and the flows see is the same under both protocols, and bare (C1, C2, C5).

Knows one application and one request at a time, driven through both drivers, or with and without
a stack that only watches. Must never name what only one of the protocols has: `tests.protocols`
has files of their own for those.
"""

import dataclasses

import pytest
from a2wsgi import WSGIMiddleware

from dualware import BODY, END, RESPONSE, Middleware, Stack, load
from dualware.asgi.driver import ASGIWrapper
from dualware.effects import REAL
from dualware.testing import PROTOCOLS, ASGIClient, Dual, Script, WSGIClient
from dualware.wsgi.driver import WSGIWrapper

ID = "f9ed4675f1c53513c61a3b3b4e25b4c0"
TEXT = ("Content-Type", "text/plain")


class Broken(Exception):  # noqa: N818 - it stands for any error of an application
    """What an application raises."""


# Middleware


class Adds(Middleware):
    """Adds a field, and replaces one that the application may have written."""

    def __init__(self, field="X-First"):
        self.field = field

    def __call__(self, exchange):
        """One line more, and one `X-Owner`."""
        yield RESPONSE
        exchange.response.headers.append(self.field, exchange.request.method)
        exchange.response.headers.set("X-Owner", self.field)


class Holds(Middleware):
    """Looks at the first chunk."""

    def __call__(self, exchange):
        """Mark the head when the first chunk is there."""
        yield BODY
        exchange.response.headers.append("X-Held", str(exchange.response.bodiless))


class Codec:
    """Puts a byte before each byte, and one at the end: no chunking may change that."""

    def compress(self, data):
        """Take a chunk."""
        return b"".join(b"+" + bytes([byte]) for byte in data)

    def flush(self):
        """End the coding."""
        return b"!"


class Encodes(Middleware):
    """Sends the body through a codec that any chunking leaves the same."""

    def __init__(self, event):
        self.event = event

    def __call__(self, exchange):
        """Encode what can be encoded."""
        yield self.event
        if exchange.response.encodable:
            exchange.response.headers.append("Content-Encoding", "plus")
            exchange.response.encode(Codec())


class Watches(Middleware):
    """What the flow sees of the end, as (outcome, sent, status, error)."""

    observes = True

    def __init__(self, *waits):
        self.waits = waits or (END,)
        self.seen = []

    def __call__(self, exchange):
        """Wait, and change nothing."""
        try:
            yield from self.waits
        finally:
            status = exchange.response.status
            self.seen.append((exchange.outcome, exchange.sent, status, exchange.error))


# Both ways


STACKS = {
    "real": lambda: load(
        {"request_id": {"expose": True}, "timing": {"legacy_header": "X-Runtime"}}
    ),
    "heads": lambda: Stack([Adds(), Adds("X-Second")]),
    "held": lambda: Stack([Adds(), Holds(), Adds("X-Second")]),
    "encoded": lambda: Stack([Adds(), Encodes(BODY), Holds()]),
    "encoded early": lambda: Stack([Holds(), Encodes(RESPONSE), Adds()]),
    "encoded twice": lambda: Stack([Encodes(BODY), Encodes(RESPONSE)]),
}
EVERY_STACK = pytest.mark.parametrize("stack", STACKS)


def made(stack):
    """A stack of this kind within one that watches, with a clock that stands."""
    effects = dataclasses.replace(REAL, clock=lambda: 1)
    watches = Watches(RESPONSE, END)
    return watches, Stack([watches, *STACKS[stack]()]), effects


def pair(stack, script, **options):
    """The same request under both protocols: results, and what the flows saw."""
    found = []
    for protocol in PROTOCOLS:
        watches, members, effects = made(stack)
        dual = Dual(protocol)
        make = {"wsgi": WSGIWrapper, "asgi": ASGIWrapper}[protocol]
        app = make(dual.app(script), members, effects=effects)
        headers = [("X-Request-ID", ID), ("Origin", "https://a.example")]
        client = WSGIClient(app) if protocol == "wsgi" else ASGIClient(app)
        ask = client.request if protocol == "wsgi" else client.request_sync
        found.append((ask(headers=headers, **options), watches.seen))
    return found


def fields(result):
    """The header list of a result, without what says a time."""
    # A clock of their own: the figures of the two differ, their places do not.
    return [
        (name, "…" if name in ("server-timing", "x-runtime") else value)
        for name, value in result.headers
    ]


def alike(found):
    """Assert that the two results of `pair` are the same."""
    (wsgi, wsgi_seen), (asgi, asgi_seen) = found

    assert wsgi.status == asgi.status
    assert wsgi.body == asgi.body
    # A list, not a set: how often, and in which order.
    assert fields(wsgi) == fields(asgi)
    assert wsgi.error is asgi.error
    assert wsgi_seen == asgi_seen


HEAD = [TEXT, ("X-Owner", "app"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Vary", "Accept")]
HEADS = {
    "200": (200, HEAD),
    "no headers": (200, []),
    "201": (201, [*HEAD, ("Location", "/a%2Fb?c=é")]),
    "204": (204, HEAD[1:]),
    "206": (206, [*HEAD, ("Content-Range", "bytes 0-3/9")]),
    "304": (304, [("ETag", '"a"'), *HEAD[1:]]),
    "404": (404, HEAD),
    "500": (500, HEAD),
    "unknown": (299, HEAD),
}


@EVERY_STACK
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_heads(stack, head, method):
    """Every kind of head, whoever asks."""
    # protocols C1
    status, headers = HEADS[head]
    # One message under ASGI, so that a codec knows the whole body there as it does under WSGI.
    script = Script(status=status, headers=headers, chunks=[b"hello"], final_empty=False)
    found = pair(stack, script, method=method)

    alike(found)
    assert status == found[0][0].status
    assert ["completed"] == [outcome for outcome, *_ in found[0][1]]


@EVERY_STACK
@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("chunks", [(b"hello ", b"world"), (b"",), ()])
def test_bodies(stack, declared, chunks, chunking):
    """The same bytes, however they are cut."""
    # protocols C1
    script = Script(headers=HEAD, chunks=chunking(chunks), declare_length=declared)
    found = pair(stack, script)
    whole = pair(stack, dataclasses.replace(script, chunks=(b"".join(chunks),)))

    assert found[0][0].body == found[1][0].body
    assert found[0][0].body == whole[1][0].body
    assert found[0][1] == found[1][1]


@EVERY_STACK
def test_streams(stack, chunking):
    """A body of which nobody knows the length, on either side: nothing differs at all."""
    # protocols C1
    chunks = chunking([b"hello ", b"world"])
    found = pair(stack, Script(headers=HEAD, chunks=chunks, body="generator"))

    alike(found)
    assert 11 == len(found[0][0].body.replace(b"+", b"").replace(b"!", b""))


@EVERY_STACK
@pytest.mark.parametrize("at", ["call", "head", 0, 1])
@pytest.mark.parametrize("body", ["generator", "iterator", "list"])
def test_exceptions(stack, at, body):
    """The same object is raised; what had gone out before it, had."""
    # protocols C1
    error = Broken("here")
    script = Script(headers=HEAD, chunks=[b"a", b"b"], body=body, error=error, error_at=at)
    (wsgi, wsgi_seen), (asgi, asgi_seen) = pair(stack, script)

    assert error is wsgi.error
    assert error is asgi.error
    assert wsgi.body == asgi.body
    assert ["error"] == [outcome for outcome, *_ in wsgi_seen]
    assert ["error"] == [outcome for outcome, *_ in asgi_seen]
    assert [error] == [seen for *_, seen in wsgi_seen]
    assert [error] == [seen for *_, seen in asgi_seen]


@EVERY_STACK
def test_uploads(stack):
    """The application reads the same request body."""
    # protocols C1
    script = Script(read_body=True, final_empty=False)
    found = pair(stack, script, method="POST", body=[b"a" * 10, b"", b"b"])

    alike(found)
    assert [b"a" * 10 + b"b"] * 2 == script.probe.bodies


class Answers(Middleware):
    """Answers in the application's place."""

    def __init__(self, status, headers, body):
        self.answer = (status, headers, body)

    def __call__(self, exchange):
        """Answer at once."""
        exchange.respond(*self.answer)
        return
        yield


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "answer",
    [(200, HEAD, b"mine"), (204, HEAD[1:], b""), (304, (), b""), (403, {"X-Own": "é"}, b"")],
)
@EVERY_STACK
def test_answers(stack, answer, method):
    """An answer of a middleware is one answer, too."""
    # protocols C1
    found = []
    script = Script()
    for protocol in PROTOCOLS:
        watches, members, _ = made(stack)
        result = Dual(protocol).request(script, [*members, Answers(*answer)], method)
        found.append((result, watches.seen))

    if stack == "real":
        # Each makes an id of its own.
        for result, _ in found:
            name, value = "x-request-id", result.header("x-request-id")
            result.headers[result.headers.index((name, value))] = (name, "…")
    alike(found)
    assert answer[0] == found[0][0].status
    assert 0 == script.probe.calls


# A bridge


def application(environ, start_response):
    """A WSGI application with a little of everything."""
    size = int(environ.get("CONTENT_LENGTH") or 0)
    sent = environ["wsgi.input"].read(size) if size else b""
    path = environ["PATH_INFO"]
    if path == "/error":
        raise Broken
    status = {"/204": "204 No Content", "/500": "500 Internal Server Error"}.get(path, "200 OK")
    start_response(status, [TEXT, ("X-Path", path), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    if path == "/204":
        return []
    return (part for part in (b"hello ", b"", environ["QUERY_STRING"].encode(), sent))


@pytest.mark.parametrize("stack", ["real", "heads"])
@pytest.mark.parametrize("path", ["/", "/204", "/500"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_bridge(stack, path, method):
    """A WSGI application as it is, and over a2wsgi under our ASGI wrapper."""
    # protocols C1
    options = {"query": "a=1&b", "body": b"sent" if method == "POST" else b""}
    headers = [("X-Request-ID", ID), ("Origin", "https://a.example")]
    near, members, effects = made(stack)
    wsgi = WSGIClient(WSGIWrapper(application, members, effects=effects)).request(
        method, path, headers=headers, **options
    )
    far, members, effects = made(stack)
    bridged = ASGIWrapper(WSGIMiddleware(application), members, effects=effects)
    asgi = ASGIClient(bridged).request_sync(
        method, path, headers=headers, backend="asyncio", **options
    )

    alike([(wsgi.reraise(), near.seen), (asgi.reraise(), far.seen)])


@pytest.mark.parametrize("stack", ["held", "encoded"])
def test_bridge_holds(stack):
    """Where a flow holds the head or encodes, the bytes and the fields are the same too."""
    # protocols C1
    near, members, _ = made(stack)
    wsgi = WSGIClient(members.wsgi(application)).request(query="a")
    far, members, _ = made(stack)
    asgi = ASGIClient(members.asgi(WSGIMiddleware(application))).request_sync(
        query="a", backend="asyncio"
    )

    alike([(wsgi.reraise(), near.seen), (asgi.reraise(), far.seen)])


def test_bridge_exception():
    """An exception crosses the bridge, and is told to the flows on either side of it."""
    # protocols C1
    near, members, _ = made("real")
    wsgi = WSGIClient(members.wsgi(application)).request(path="/error")
    far, members, _ = made("real")
    asgi = ASGIClient(members.asgi(WSGIMiddleware(application))).request_sync(
        path="/error", backend="asyncio"
    )

    assert Broken is type(wsgi.error)
    assert Broken is type(asgi.error)
    assert ["error"] == [outcome for outcome, *_ in near.seen]
    assert ["error"] == [outcome for outcome, *_ in far.seen]


# Nothing but watching


WATCHES = {
    "end": lambda: [Watches()],
    "response": lambda: [Watches(RESPONSE)],
    "all": lambda: [Watches(RESPONSE, END), Watches()],
}
SCRIPTS = {
    "list": {},
    "length": {"declare_length": True, "chunks": [b"a", b"", b"b"]},
    "empty": {"chunks": []},
    "iterator": {"body": "iterator", "chunks": [b"a", b"b"]},
    "iterable": {"body": "iterable", "chunks": [b"a", b"", b"b"]},
    "generator": {"body": "generator", "chunks": [b"", b"a", b"b"]},
    "write": {"body": "write", "chunks": [b"a", b"b"]},
    "file": {"body": "file", "chunks": [b"a" * 99]},
    "lazy": {"lazy": True, "body": "iterator"},
    "lazy generator": {"lazy": True, "body": "generator", "chunks": [b"a", b"b"]},
    "reason": {"status": 404, "reason": "Gone Fishing"},
    "no headers": {"headers": ()},
    "no headers key": {"headers": (), "headers_key": False},
    "204": {"status": 204, "headers": ()},
    "304": {"status": 304, "headers": [("ETag", '"a"')]},
    "500": {"status": 500},
    "replaced": {"replace_head": (500, [TEXT]), "body": "iterator"},
    "replaced late": {"replace_head": (500, [TEXT]), "replace_at": 1, "body": "iterator"},
    "inline end": {"final_empty": False, "chunks": [b"a", b"b"]},
    "no end": {"end": False},
    "upload": {"read_body": True},
    "head body": {"head_body": True, "body": "iterator"},
    **{
        f"error {at} {body}": {"error": Broken(), "error_at": at, "body": body}
        for at in ("call", "head", 0, 1, "close")
        for body in ("list", "iterator", "generator")
    },
    **{
        f"stop {at}": {"error": SystemExit(3), "error_at": at, "body": "generator"}
        for at in ("call", "head", 1)
    },
}


@pytest.mark.parametrize("watches", WATCHES)
@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("read", [None, 0, 1])
def test_watching(dual, watches, script, method, read):
    """A stack which only watches changes nothing: the server sees what it sees of the bare one."""
    # protocols C2
    bare = Script(**SCRIPTS[script])
    watched = Script(**SCRIPTS[script])
    # Scripts that break a rule are told so bare, too.
    dual = Dual(dual.protocol, lint=False)
    expected = dual.request(bare, (), method, body=b"sent", read=read)
    result = dual.request(watched, WATCHES[watches](), method, body=b"sent", read=read)

    for name in ("status", "reason", "headers", "chunks", "opaque", "trailers"):
        assert (name, getattr(expected, name)) == (name, getattr(result, name))
    # Headers that are not there are a list once a flow has looked at them (protocols A15).
    assert [{"headers": [], **message} for message in expected.messages] == [
        {"headers": [], **message} for message in result.messages
    ]
    # The server and the script make some errors anew for each exchange.
    made_anew = expected.error is not SCRIPTS[script].get("error")
    assert type(expected.error) is type(result.error)
    assert made_anew or expected.error is result.error
    assert [each.rule for each in expected.violations] == [each.rule for each in result.violations]
    for name in ("calls", "bodies", "received", "pulled", "closed", "finished"):
        assert (name, getattr(bare.probe, name)) == (name, getattr(watched.probe, name))
    # The body's iterator is made when its first item is asked for, which need not happen.
    assert {bare.probe.iterations, 0 if read == 0 else bare.probe.iterations} >= {
        watched.probe.iterations
    }
    assert [type(each) for each in bare.probe.raised] == [
        type(each) for each in watched.probe.raised
    ]


@pytest.mark.parametrize("watches", WATCHES)
@pytest.mark.parametrize("script", sorted({*SCRIPTS} - {"no headers key"}))
def test_watching_keeps_the_objects(watches, script):
    """Messages reach the server as the very objects, and the server's scope the application."""
    # protocols C2 (ASGI: messages are objects there)
    watched = Script(**SCRIPTS[script])
    app = watched.asgi
    own = [*app.messages, *app.silent, app.head]
    seen = ASGIClient(Stack(WATCHES[watches]()).asgi(app), lint=False).request_sync()

    assert all(any(message is mine for mine in own) for message in seen.messages)
    assert all(seen.handed[0] is scope for scope, *_ in watched.probe.handed)


@pytest.mark.parametrize("watches", WATCHES)
@pytest.mark.parametrize("script", ["list", "length", "empty", "file", "204", "write"])
def test_watching_keeps_the_body(watches, script):
    """Lists and files reach the server as the very objects."""
    # protocols C2 (WSGI: only there a body is one object)
    watched = Script(**SCRIPTS[script])
    seen = WSGIClient(Stack(WATCHES[watches]()).wsgi(watched.wsgi)).request().reraise()

    assert watched.probe.returned[0] is seen.returned
    assert seen.handed[0] is watched.probe.handed[0][0]


@pytest.mark.parametrize("script", SCRIPTS)
def test_watching_sees_one_end(dual, script):
    """Each of those exchanges ends once for each flow."""
    # protocols C2
    watches = [Watches(), Watches(RESPONSE, END)]
    Dual(dual.protocol, lint=False).request(Script(**SCRIPTS[script]), watches)

    assert [1, 1] == [len(each.seen) for each in watches]
    assert None is not watches[0].seen[0][0]
    assert watches[0].seen[0][0] == watches[1].seen[0][0]


# Who sees an answer


class Steps(Middleware):
    """Tells each step of its flow."""

    def __init__(self, name, told, answer=None):
        self.called = name
        self.told = told
        self.answer = answer

    def __call__(self, exchange):
        """Answer here if it is this one's to answer; a giver waits for END alone."""
        self.told.append(f"{self.called} starts")
        if self.answer is not None:
            exchange.respond(self.answer, body=b"answered")
        else:
            yield RESPONSE
            self.told.append(f"{self.called} sees {exchange.response.status}")
            exchange.response.headers.append("X-Seen", self.called)
        yield END
        self.told.append(f"{self.called} ends {exchange.outcome}")


@pytest.mark.parametrize("how", ["request", "nested", "separate"])
@pytest.mark.parametrize("giver", [0, 1, 2, 3])
def test_answer_passes_outwards(dual, giver, how):
    """RESPONSE of those outside the giver only, END of all that had started."""
    # protocols C5
    told = []
    script = Script()
    stack = [Steps(str(n), told, 403 if n == giver else None) for n in range(4)]
    result = getattr(dual, how)(script, stack)
    outside = [str(n) for n in range(giver)]

    assert (403, b"answered") == (result.status, result.body)
    assert outside[::-1] == result.header_all("X-Seen")
    steps = [
        *(f"{name} starts" for name in [*outside, str(giver)]),
        *(f"{name} sees 403" for name in outside[::-1]),
        *(f"{name} ends completed" for name in [str(giver), *outside[::-1]]),
    ]
    if how == "separate":
        # Wrappers apart from each other are told of the end as their server is: outermost first
        # under ASGI, where it is inside of send().
        assert sorted(steps) == sorted(told)
    else:
        assert steps == told
    assert 0 == script.probe.calls


@pytest.mark.parametrize("event", [RESPONSE, BODY])
def test_answer_reaches_every_wait(dual, event):
    """A flow that holds the head and one that encodes get an answer as any other response."""
    # protocols C5
    told = []
    result = dual.request(Script(), [Holds(), Encodes(event), Steps("inner", told, 429)])

    assert 429 == result.status
    assert b"+a+n+s+w+e+r+e+d!" == result.body
    assert str(len(result.body)) == result.header("Content-Length")
    assert "False" == result.header("X-Held")


class Rescues(Middleware):
    """Answers an exception of the application."""

    def __call__(self, exchange):
        """Deal with it."""
        try:
            yield RESPONSE
        except Broken:
            exchange.respond(503, body=b"rescued")


@pytest.mark.parametrize("at", ["call", "head"])
def test_answer_to_an_exception_passes_outwards(dual, at):
    """Those inside saw the exception, those outside see a response and no exception."""
    # protocols C5
    told = []
    error = Broken()
    inner = Watches()
    stack = [Steps("outer", told), Rescues(), inner]
    script = Script(error=error, error_at=at)
    # Under ASGI the head is out before the application fails, unless a flow holds it.
    held = [Holds(), *stack, Watches(BODY, END)]
    result = dual.request(script, held).reraise()

    assert (503, b"rescued") == (result.status, result.body)
    assert ["outer"] == result.header_all("X-Seen")
    assert ["outer starts", "outer sees 503", "outer ends completed"] == told
    assert [("error", error)] == [(outcome, seen) for outcome, _, _, seen in inner.seen]


# Failures after END


class Late(Middleware):
    """Keeps what it is told of failures after END."""

    def __init__(self, failure=None):
        self.failure = failure
        self.told = []

    def __call__(self, exchange):
        """Nothing: the method below is called all the same."""

    def on_late_error(self, exchange, error):
        """Take it down, and fail if that is asked for."""
        self.told.append((exchange.outcome, exchange.request.path, error))
        if self.failure is not None:
            raise self.failure


@pytest.mark.parametrize("watched", [True, False])
def test_a_failure_after_the_end_is_told(dual, watched):
    """Whoever asked hears of it, and the server gets the very exception."""
    # protocols A30, protocols W31
    error, late = Broken(), Late()
    # Only a body that somebody follows is closed by us (WSGI).
    stack = [late, Watches(END)] if watched or dual.protocol == "wsgi" else [late]
    script = Script(error=error, error_at="close", body="iterable")
    result = dual.request(script, stack, path="/late")

    assert error is result.error
    expected = ("completed", "/late", error) if watched or dual.protocol == "wsgi" else None
    assert [each for each in [expected] if each] == late.told


@pytest.mark.parametrize("at", ["call", 1])
def test_a_failure_that_is_the_end_is_not_late(dual, at):
    """It was raised at the waits of the flows."""
    # protocols C5
    late = Late()
    dual.request(Script(error=Broken(), error_at=at, body="generator"), [late, Watches(END)])

    assert [] == late.told


def test_what_is_no_exception_is_not_told(dual):
    """It asks a thread or a task to stop, and is no failure."""
    late = Late()
    script = Script(error=GeneratorExit(), error_at="close", body="iterable")
    dual.request(script, [late, Watches(END)])

    assert [] == late.told


def test_who_fails_at_a_late_failure_masks_nothing(dual, caplog):
    """It is reported, and the next one is told."""
    # protocols W45
    error, late, failing = Broken(), Late(), Late(KeyError())
    script = Script(error=error, error_at="close", body="iterable")
    result = dual.request(script, [failing, late, Watches(END)])

    assert error is result.error
    assert 1 == len(late.told) == len(failing.told)


# What is told without a `response`


class Peeks(Middleware):
    """Keeps what is told of the status, before there is a response and after it was made."""

    def __init__(self):
        self.told = []

    def __call__(self, exchange):
        """Ask at every moment."""
        self.told.append((exchange.status, exchange.has_response))
        yield RESPONSE
        self.told.append((exchange.status, exchange.has_response))
        exchange.response.status = 418
        self.told.append((exchange.status, exchange.has_response))


def test_the_status_is_told_without_a_response(dual):
    """And is that of the response where there is one."""
    peeks = Peeks()
    dual.request(Script(status=404), [peeks])

    assert [(None, False), (404, False), (418, True)] == peeks.told
