"""What has to be awaited before a flow starts: ASGI awaits it, WSGI refuses, others cost nothing.

Knows middleware of its own that ask, and the engine's short ways past request and response.
"""

import asyncio

import pytest

from dualware import RESPONSE, Middleware, SettingsError, Stack, asgi, wsgi
from dualware.core.field_names import Parts
from dualware.core.header_names import HeaderName, HeaderNames
from dualware.core.headers import Fields
from dualware.testing import ASGIClient, Dual, Script, WSGIClient


class Asks(Middleware):
    """Asks, and writes down what it was told."""

    websocket = True

    def __init__(self, ask):
        self.asks = ask
        self.told = []

    def __call__(self, exchange):
        self.told.append((exchange.asked or {}).get(self.key, "nothing"))
        yield RESPONSE


def request(app, **options):
    """One request, in a loop."""
    return ASGIClient(app).request_sync(backend="asyncio", **options)


async def path_of(request):
    """What is asked of each request."""
    await asyncio.sleep(0)
    return request.path


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_it_is_awaited(kind):
    """Before any flow starts, in requests and sessions."""
    one, two = Asks(path_of), Asks(lambda request: None)
    app = Stack([one, two, Asks(None)]).asgi(Script().asgi)
    if kind == "http":
        assert 200 == request(app, path="/x").status
    else:
        ASGIClient(app, lint=False).websocket_sync("/x", backend="asyncio")

    assert (["/x"], ["nothing"]) == (one.told, two.told)


@pytest.mark.parametrize("late", [True, False])
def test_a_failure_is_an_answer(late):
    """What it means is for the flow to say; the others are asked all the same."""
    error = LookupError("nobody knows")

    async def fails(request):
        raise error

    def fails_at_once(request):
        raise error

    one, two = Asks(fails if late else fails_at_once), Asks(path_of)
    result = request(Stack([one, two]).asgi(Script().asgi))

    assert (200, None) == (result.status, result.error)
    assert ([error], ["/"]) == (one.told, two.told)


def test_wsgi_refuses():
    """When the application is wrapped: it could not await anything."""
    for make in (
        lambda: Stack([Asks(path_of)]).wsgi(Script().wsgi),
        lambda: wsgi.wrapper(Asks)(Script().wsgi, path_of),
    ):
        with pytest.raises(SettingsError) as caught:
            make()

        (problem,) = caught.value.problems
        assert ("DW205", "Asks") == (problem.code, problem.path)
    assert asgi.wrapper(Asks)(Script().asgi, path_of)
    assert WSGIClient(Stack([Asks(None)]).wsgi(Script().wsgi)).request().status == 200


def test_others_ask_nothing(dual):
    """And have nothing to look up."""
    quiet = Asks(None)
    seen = []
    script = Script()
    dual.request(script, [quiet])

    assert ["nothing"] == quiet.told
    assert () == Stack([quiet]).asking
    assert [] == seen


# The short ways


class Peeks(Middleware):
    """Takes the short ways, and keeps what they gave."""

    def __init__(self, first=None):
        self.first = first
        self.seen = []

    def __call__(self, exchange):
        if self.first:
            getattr(exchange.request, self.first)
            exchange.request.header("host")
        self.seen.append(
            (
                exchange.method,
                exchange.peek(HeaderName("x-one")),
                exchange.peek(HeaderName("x-none")),
                exchange.request.several(HeaderNames("x-one", "x-none", "x-two")),
            )
        )
        yield RESPONSE
        self.seen.append(exchange.add(Fields([("X-Mine", "1")]), Parts("vary")))


@pytest.mark.parametrize("first", [None, "path"])
@pytest.mark.parametrize(
    ("headers", "one", "two"),
    [
        ([("X-One", "1"), ("X-Two", "2")], "1", "2"),
        ([("X-One", "1"), ("X-One", "2"), ("X-Two", "2")], "1,2", "2"),
        ([("X-Two", "2"), ("X-Two", "3")], None, "2,3"),
    ],
)
def test_short_ways_say_the_same(dual, first, headers, one, two):
    """As the request says, whether somebody looked at it before or not."""
    peeks = Peeks(first)
    result = dual.request(Script(), [peeks], "POST", headers=headers)

    assert [("POST", one, None, [one, None, two]), True] == peeks.seen
    assert "1" == result.header("x-mine")


@pytest.mark.parametrize("name", [b"X-One", b"x-ONE"])
def test_short_ways_in_any_case(name):
    """ASGI only, whose servers may fail to write names in lower case (protocols A7)."""
    peeks = Peeks()
    client = ASGIClient(Stack([peeks]).asgi(Script().asgi), lint=False)
    client.request_sync(scope={"headers": [(name, b"1")]})

    assert "1" == peeks.seen[0][1] == peeks.seen[0][3][0]


@pytest.mark.parametrize("vary", [(), (("Vary", "Accept"),)])
@pytest.mark.parametrize("body", ["list", "generator"])
def test_fields_are_added_unless(dual, vary, body):
    """The application's list stays, and outer flows see what was added."""
    outer = Peeks()
    peeks = Peeks()
    seen = []

    class Looks(Middleware):
        def __call__(self, exchange):
            yield RESPONSE
            seen.append(exchange.response.headers.get("x-mine"))

    script = Script(headers=[("X-App", "1"), *vary], body=body)
    for _ in range(2):
        result = dual.request(script, [Looks(), peeks])
        assert (["1"] if not vary else []) == result.header_all("x-mine")
    assert [not vary] * 2 == [each for each in peeks.seen if isinstance(each, bool)]
    assert [None if vary else "1"] * 2 == seen
    assert [] == outer.seen


def test_a_server_that_loses_the_client_while_it_is_answered():
    """ASGI only: `send` raises what it raises (protocols A27)."""

    class Answers(Middleware):
        def __call__(self, exchange):
            exchange.respond(200, Fields([("X-Own", "1")]), b"own")

    gone = OSError("gone")
    result = ASGIClient(Stack([Answers()]).asgi(Script().asgi), lint=False).request_sync(
        send_error=(1, gone)
    )

    assert gone is result.error


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [200, 204, 304])
def test_an_answer_of_ready_fields(dual, method, status):
    """A length where there could be one; no body for HEAD (protocols A23, W40)."""
    fields = Fields([("X-Own", "1")])

    class Answers(Middleware):
        def __call__(self, exchange):
            exchange.respond(status, fields, b"own" if status == 200 else b"")

    for _ in range(2):
        result = Dual(dual.protocol).request(Script(), [Answers()], method)

        assert (status, "1") == (result.status, result.header("x-own"))
        assert (b"own" if (method, status) == ("GET", 200) else b"") == result.body
        assert ("3" if status == 200 else None) == result.header("content-length")
        for message in result.messages:
            message.get("headers", []).append((b"x-more", b"1"))
    assert 1 == len(fields.wire)
