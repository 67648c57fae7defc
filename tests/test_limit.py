"""The function that the stack is measured against does what the stack does (`limit.py`)."""

import zlib

import pytest
import structlog

import dualware
from tests.benchmarks import barest, limit
from tests.benchmarks.exchanges import (
    CASES,
    asgi_answer,
    asgi_app,
    wsgi_answer,
    wsgi_app,
)

WANDERS = {"server-timing", "x-request-id"}
"""What is another value each time."""
_ALWAYS = {"http.request.id", "http.server.request.duration"}


@pytest.fixture
def lines():
    """Every line that is logged, as its level and its fields."""
    logged = []

    def take(_logger, method, event):
        logged.append((method, event))
        raise structlog.DropEvent

    structlog.configure(processors=[take])
    yield logged
    structlog.reset_defaults()


class Side:
    """One protocol: how applications are wrapped, and what a client gets."""

    def __init__(self, name, limited, answer, app):
        self.name = name
        self.answer = answer
        self.app = app
        self._limited = limited

    def both(self, app):
        """The stack and the limit around ``app``."""
        logger = structlog.get_logger("limit").bind()
        return dualware.wrap(app, limit.SETTINGS, protocol=self.name), self._limited(app, logger)


SIDES = [
    Side("asgi", limit.asgi_limit, asgi_answer, asgi_app),
    Side("wsgi", limit.wsgi_limit, wsgi_answer, wsgi_app),
]


@pytest.fixture(params=SIDES, ids=lambda side: side.name)
def side(request):
    """Each protocol."""
    return request.param


def decoded(answer):
    """The body as a client reads it."""
    body = b"".join(answer.chunks)
    if body and answer.get("content-encoding") == "gzip":
        return zlib.decompress(body, 31)
    return body


def head(answer):
    """The head in a form that does not depend on the order of its fields."""
    fields = []
    for name, value in answer.headers:
        shown = value
        if name == "vary":
            shown = sorted(value.lower().split(", "))
        elif name in WANDERS:
            shown = "one"
        elif name == "content-length" and answer.get("content-encoding") == "gzip":
            # Padding has a random key, and each side its own.
            assert int(value) == sum(map(len, answer.chunks))
            shown = "exact"
        fields.append((name, shown))
    return answer.status, sorted(fields, key=repr)


def told(line):
    """A line without what is another value each time."""
    level, fields = line
    kept = {name: value for name, value in fields.items() if name not in _ALWAYS}
    return level, kept


def asked(side, case, app, lines):
    """What the stack and the limit make of it: answers, and lines."""
    answers, logged = [], []
    for each in side.both(app):
        lines.clear()
        answers.append(side.answer(each, case))
        (line,) = lines
        logged.append(line)
    return answers, logged


def agree(side, case, app, lines):
    """The stack and the limit do the same. Returns the answer and the line of the limit."""
    answers, logged = asked(side, case, app, lines)
    ours, theirs = answers
    assert head(ours) == head(theirs)
    assert decoded(ours) == decoded(theirs)
    for answer, (_, fields) in zip(answers, logged, strict=True):
        assert fields["http.request.id"] == answer.get("x-request-id")
        if "x-request-id" in case.headers:
            assert answer.get("x-request-id") == case.headers["x-request-id"]
        assert 0 < fields["http.server.request.duration"] < 60
        if case.method != "HEAD":
            assert fields["http.response.body.size"] == sum(map(len, answer.chunks))
    if ours.get("content-encoding") and case.method != "HEAD":
        # The padding of either is its own.
        for _, fields in logged:
            fields["http.response.body.size"] = "as told"
    assert told(logged[0]) == told(logged[1])
    return theirs, logged[1]


@pytest.mark.parametrize("name", CASES)
def test_same_response_and_line(name, side, lines):
    """Every case of the benchmark: head, decoded body and line."""
    case = CASES[name]
    answer, (level, fields) = agree(side, case, side.app(case), lines)

    assert list(fields)[: len(limit.FIELDS)] == list(limit.FIELDS)
    assert level == "info"
    assert fields["outcome"] == "completed"
    assert (answer.get("content-encoding") == "gzip") == ("gzip" in name.split(", "))


@pytest.mark.parametrize("name", barest.CASES)
def test_barest_event_model(name, lines):
    """What the price of the model is read off does the same work, where it can."""
    # one protocol: so does `barest`
    side = Side("asgi", barest.asgi_barest, asgi_answer, asgi_app)
    case = CASES[name]
    _, (level, fields) = agree(side, case, side.app(case), lines)

    assert ("info", "completed") == (level, fields["outcome"])


# What no case of the benchmark has


def replying(side, status, headers, chunks, *, whole=True):
    """An application that says this, under the protocol of ``side``."""
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers]

    async def asgi(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        *before, last = chunks if whole else [*chunks, b""]
        for chunk in before:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": last})

    def wsgi(environ, start_response):
        start_response(f"{status} Said", headers)
        return list(chunks) if whole else iter(chunks)

    return asgi if side.name == "asgi" else wsgi


GET = CASES["small"]
PLAIN = ("Content-Type", "text/plain")
LONG = b"a long text, " * 1000
LENGTH = ("Content-Length", str(len(LONG)))


@pytest.mark.parametrize(
    ("method", "status", "headers", "chunks"),
    [
        ("HEAD", 200, [PLAIN, LENGTH], [b""]),
        ("HEAD", 200, [PLAIN, LENGTH, ("ETag", '"1"'), ("Accept-Ranges", "bytes")], [b""]),
        ("GET", 204, [], [b""]),
        ("GET", 304, [("ETag", '"1"')], [b""]),
        ("GET", 200, [PLAIN, LENGTH, ("ETag", '"1"'), ("Accept-Ranges", "bytes")], [LONG]),
        ("GET", 200, [PLAIN, LENGTH, ("Vary", "Cookie, origin")], [LONG]),
        ("GET", 200, [PLAIN, ("Vary", "Cookie"), ("X-Request-ID", "theirs")], [b"short", b""]),
        ("GET", 200, [PLAIN, LENGTH, ("Cache-Control", "no-transform")], [LONG]),
        ("GET", 200, [PLAIN, LENGTH, ("Content-Encoding", "br")], [LONG]),
        ("GET", 200, [("Content-Type", "image/png"), LENGTH], [LONG]),
        ("GET", 200, [PLAIN, LENGTH, ("Access-Control-Allow-Origin", "*")], [LONG]),
        ("GET", 200, [PLAIN, ("Content-Length", "5"), ("Server-Timing", "db;dur=1")], [b"short"]),
        ("GET", 500, [PLAIN, ("Content-Length", "5")], [b"short"]),
        ("OPTIONS", 200, [PLAIN, ("Content-Length", "5")], [b"short"]),
    ],
)
def test_same_for_other_heads(method, status, headers, chunks, side, lines):
    """Heads that decide otherwise: no body, validators, fields that the application wrote."""
    case = GET._replace(method=method)
    if not any(name == "Content-Length" for name, _ in headers):
        # Too short a body to be known at the head: see the law of `limit`.
        case = case._replace(headers={**case.headers, "accept-encoding": "gzip"})

    agree(
        side,
        case,
        replying(
            side, status, headers, chunks, whole="Vary" not in str(headers) or LENGTH in headers
        ),
        lines,
    )


@pytest.mark.parametrize(
    "more",
    [
        {"origin": "https://evil.example"},
        {"accept-encoding": "gzip;q=0, identity"},
        {"x-request-id": "not, valid"},
    ],
)
@pytest.mark.parametrize("name", ["small", "preflight", "10 KB, gzip", "stream, gzip"])
def test_same_for_other_requests(name, more, side, lines):
    """Another origin, a client without gzip, an id that is none."""
    case = CASES[name]
    case = case._replace(headers={**case.headers, **more})
    answers, logged = asked(side, case, side.app(case), lines)

    assert head(answers[0]) == head(answers[1])
    assert decoded(answers[0]) == decoded(answers[1])
    assert [answer.get("x-request-id") for answer in answers] == [
        fields["http.request.id"] for _, fields in logged
    ]


@pytest.mark.parametrize("asked_for", [("DELETE", None), ("GET", "x-other"), ("PURGE", None)])
def test_same_for_other_preflights(asked_for, side, lines):
    """Preflights that ask for less, or for what is not allowed."""
    method, names = asked_for
    headers = {**CASES["preflight"].headers, "access-control-request-method": method}
    del headers["access-control-request-headers"]
    if names:
        headers["access-control-request-headers"] = names
    case = CASES["preflight"]._replace(headers=headers)

    agree(side, case, side.app(case), lines)


class GoneError(OSError):
    """What a server raises for a client that is not there."""


def fails_at(side, place):
    """An application that raises, before its head or after its first chunk."""

    async def asgi(scope, receive, send):
        if place == "body":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"first", "more_body": True})
        elif place == "head":
            headers = [(b"content-type", b"text/plain")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
        raise RuntimeError("the application's own")

    def chunks():
        yield b"first"
        raise RuntimeError("the application's own")

    def wsgi(environ, start_response):
        if place == "body":
            start_response("200 OK", [])
            return chunks()
        if place == "head":
            start_response("200 OK", [PLAIN])
        raise RuntimeError("the application's own")

    return asgi if side.name == "asgi" else wsgi


@pytest.mark.parametrize("place", ["start", "head", "body"])
def test_same_line_for_a_failure(place, side, lines):
    """The application raises: before its head, behind it, in its body."""
    logged = []
    case = CASES["stream, identity"] if place == "body" else GET
    for each in side.both(fails_at(side, place)):
        lines.clear()
        with pytest.raises(RuntimeError, match="own"):
            side.answer(each, case)
        (line,) = lines
        logged.append(told(line))

    assert logged[0] == logged[1]
    assert logged[1][0] == "error"
    assert logged[1][1]["outcome"] == "error"
    assert logged[1][1]["http.response.status_code"] == (200 if place == "body" else 500)


@pytest.mark.parametrize("taken", [0, 1, 3])
@pytest.mark.parametrize("name", ["small", "preflight", "stream, identity"])
def test_same_line_for_a_client_that_leaves_asgi(name, taken, lines):
    """The server raises OSError for a message."""
    side, case = SIDES[0], CASES[name]
    logged = []
    for each in side.both(side.app(case)):
        lines.clear()
        left = taken

        async def send(message):
            nonlocal left
            left -= 1
            if left < 0:
                raise GoneError

        try:
            each(case.scope, None, send).send(None)
        except (StopIteration, GoneError):
            pass
        (line,) = lines
        logged.append(told(line))

    assert logged[0] == logged[1]


def test_same_line_for_a_client_that_leaves_wsgi(lines):
    """The server closes a body before its end."""
    side, case = SIDES[1], CASES["stream, identity"]
    logged = []
    for each in side.both(side.app(case)):
        lines.clear()
        body = each(case.environ, lambda *_: None)
        running = iter(body)
        next(running)
        next(running)
        body.close()
        (line,) = lines
        logged.append(told(line))

    assert logged[0] == logged[1]
    assert logged[1][1]["outcome"] == "aborted"


def test_same_line_for_what_is_left_undone(lines):
    """The application returns without a response, or in the middle of it."""

    async def nothing(scope, receive, send):
        pass

    async def half(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})

    side, case = SIDES[0], CASES["stream, identity"]
    for app, outcome in ((nothing, "no_response"), (half, "incomplete")):
        logged = []
        for each in side.both(app):
            lines.clear()
            try:
                each(case.scope, None, _ignored).send(None)
            except StopIteration:
                pass
            (line,) = lines
            logged.append(told(line))
        assert logged[0] == logged[1]
        assert logged[1][1]["outcome"] == outcome


async def _ignored(message):
    pass


def test_code_inside_finds_the_id(lines):
    """The context variable holds it for as long as the exchange lasts."""
    found = []

    def app(environ, start_response):
        found.append(limit.CURRENT.get())
        start_response("200 OK", [])
        return [b""]

    limited = limit.wsgi_limit(app, structlog.get_logger("limit").bind())
    wsgi_answer(limited, GET)

    assert found == [GET.headers["x-request-id"]]
    assert limit.CURRENT.get() is None
