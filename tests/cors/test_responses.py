"""What actual responses say: to whom, of what, and to caches.

Knows the rules of section C. The application inside is often a hostile one: it writes the same
fields itself, fails, or uses one header list for ever.
"""

import logging

import pytest

from dualware import BODY, RESPONSE, Middleware, Stack
from dualware.core.lists import add_vary
from dualware.middleware.cors import CORS, CORSSettings
from dualware.testing import CHUNKINGS, ASGIClient, Dual, Script
from tests.cors.parts import EVIL, A, actual, cors, preflight, shared
from tests.timing_parts import World

STATUSES = [200, 201, 204, 206, 301, 302, 304, 400, 401, 403, 404, 500, 503]
CREDENTIALS = {"allow-origin": A, "allow-credentials": "true"}


# Who is told what


@pytest.mark.parametrize("origin", [None, A, EVIL, "null", "no origin"])
@pytest.mark.parametrize("status", STATUSES)
def test_everybody(dual, origin, status):
    """A constant: with or without Origin, and so nothing for caches to tell apart."""
    # cors R13
    stack = cors(allow_origins=["*"], expose_headers=["X-Total"])
    result = actual(dual, stack, origin, script=Script(status=status))

    assert status == result.status
    assert {"allow-origin": "*", "expose-headers": "X-Total"} == shared(result)
    assert [] == result.header_all("vary")


def test_everybody_may_read_all(dual):
    """The star of the exposed headers too."""
    # cors R13
    stack = cors(allow_origins=["*"], expose_headers=["*"])

    assert {"allow-origin": "*", "expose-headers": "*"} == shared(actual(dual, stack))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"allow_origins": ["https://a.example:*"]},
        {"allow_origins": [A, "https://b.example"], "allow_credentials": True},
        {"allow_origin_regex": r"https://a\.example"},
        {"allow_origins": lambda origin, request: origin == A},
    ],
    ids=["one", "wildcard", "credentials", "regex", "callable"],
)
@pytest.mark.parametrize("origin", [None, A, EVIL, "null", "nonsense"])
@pytest.mark.parametrize("status", STATUSES)
def test_vary_wherever_the_origin_decides(dual, settings, origin, status):
    """On every response: allowed, denied, invalid, without Origin, of every status."""
    # cors R14, cors R16, cors R20
    result = actual(dual, cors(**settings), origin, script=Script(status=status))

    assert status == result.status
    assert ["Origin"] == result.header_all("vary")
    assert (origin == A) is bool(shared(result))


@pytest.mark.parametrize("origin", [None, A, EVIL])
def test_always_the_same_origin(dual, origin):
    """One constant origin needs no Vary: the browser compares."""
    # cors R14
    stack = cors(always_send=True, allow_credentials=True, allow_methods=["PUT"])
    result = actual(dual, stack, origin)

    assert CREDENTIALS == shared(result)
    assert [] == result.header_all("vary")
    if origin is not None:
        answer = preflight(dual, stack, origin)
        assert (204 if origin == A else 403) == answer.status
        assert (origin == A) is bool(shared(answer))


@pytest.mark.parametrize("headers", [{}, {"Cookie": "session=1"}])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
def test_allowed(dual, headers, method):
    """The origin as it came, once; credentials by the settings, not by the cookie."""
    # cors R15
    stack = cors(allow_credentials=True, expose_headers=["X-One", "ETag", "Content-Type"])
    result = actual(dual, stack, A, method, headers)

    assert {**CREDENTIALS, "expose-headers": "X-One,ETag"} == shared(result)
    assert [A] == result.header_all("access-control-allow-origin")
    assert {"allow-origin": A} == shared(actual(dual, cors(), A, method, headers))


@pytest.mark.parametrize("origin", [None, EVIL])
def test_the_denied_learn_nothing(dual, origin):
    """Not a word of what others may do."""
    # cors R16
    stack = cors(allow_credentials=True, expose_headers=["X-One"], allow_methods=["PUT"], max_age=9)

    assert {} == shared(actual(dual, stack, origin))


def test_what_is_for_preflights_stays_there(dual):
    """Methods, headers, age, private networks."""
    # cors R17
    stack = cors(
        allow_methods=["PUT"],
        allow_headers=["X-One"],
        max_age=60,
        private_network=True,
        advertise="all",
    )
    asked = {
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "x-one",
        "Access-Control-Request-Private-Network": "true",
    }

    assert {"allow-origin": A} == shared(actual(dual, stack, A, "PUT", asked))


# Vary of the application, and of neighbours


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["Accept"], ["Accept, Origin"]),
        (["accept-encoding, ORIGIN"], ["accept-encoding, ORIGIN"]),
        (["Accept", "Cookie"], ["Accept, Cookie, Origin"]),
        (["Accept", "origin", "accept"], ["Accept, origin"]),
        (["Origin, Origin"], ["Origin"]),
        ([" , Accept,,\t"], ["Accept, Origin"]),
        ([""], ["Origin"]),
        (["*"], ["*"]),
        (["Accept, *"], ["Accept, *"]),
    ],
)
@pytest.mark.parametrize("origin", [None, A, EVIL])
def test_vary_is_a_union(dual, lines, expected, origin):
    """Nothing of the application's is lost, and nothing stands there twice."""
    # cors R18
    script = Script(headers=[("vAry", line) for line in lines])
    result = actual(Dual(dual.protocol, lint=False), cors(), origin, script=script)

    assert expected == result.header_all("vary")


class Varies(Middleware):
    """A neighbour whose response depends on something else, as compression's does."""

    def __call__(self, exchange):
        yield BODY
        add_vary(exchange.response.headers, ("Accept-Encoding",))


class Careless(Middleware):
    """A neighbour that adds one more line."""

    def __call__(self, exchange):
        yield RESPONSE
        exchange.response.headers.append("Vary", "Cookie")


@pytest.mark.parametrize("inner", [True, False])
@pytest.mark.parametrize("separate", ["request", "nested", "separate"])
@pytest.mark.parametrize(
    ("neighbour", "name"), [(Varies(), "Accept-Encoding"), (Careless(), "Cookie")]
)
def test_vary_of_neighbours(dual, inner, separate, neighbour, name):
    """In either order, fused or not."""
    # cors R18
    (own,) = cors()
    stack = [own, neighbour] if inner else [neighbour, own]
    result = getattr(dual, separate)(Script(), stack, headers={"Origin": A})
    united = ", ".join(result.header_all("vary")).split(", ")

    assert sorted(["Origin", name]) == sorted(united)
    assert {"allow-origin": A} == shared(result)


# Fields that the application writes itself

THEIRS = [
    ("Access-Control-Allow-Origin", "*"),
    ("ACCESS-CONTROL-ALLOW-ORIGIN", EVIL),
    ("Access-Control-Allow-Credentials", "true"),
    ("Access-Control-Allow-Methods", "PUT"),
    ("X-Own", "1"),
]


@pytest.mark.parametrize("origin", [None, A, EVIL])
def test_ours_replace(dual, origin, caplog):
    """Exactly one of each, or none; the rest of the head stays. It is told once."""
    # cors R19, cors R16
    stack = cors(expose_headers=["X-Own"])
    with caplog.at_level(logging.WARNING, "dualware"):
        results = [actual(dual, stack, origin, script=Script(headers=THEIRS)) for _ in range(3)]

    for result in results:
        ours = {"allow-origin": A, "expose-headers": "X-Own"} if origin == A else {}
        assert ours == shared(result)
        assert [("x-own", "1")] == [pair for pair in result.headers if pair[0] == "x-own"]
        assert ["Origin"] == result.header_all("vary")
    assert 1 == len(caplog.records)
    assert "on_existing" in caplog.text


@pytest.mark.parametrize("origin", [None, A, EVIL])
def test_theirs_stay(dual, origin):
    """The application's are left alone, all of them, and the response varies."""
    # cors R19
    theirs = [("Access-Control-Allow-Origin", "https://own.example"), ("Vary", "Accept")]
    stack = cors(on_existing="keep", allow_credentials=True)
    result = actual(dual, stack, origin, script=Script(headers=theirs))

    assert {"allow-origin": "https://own.example"} == shared(result)
    assert ["Accept, Origin"] == result.header_all("vary")


def test_nothing_of_theirs_to_keep(dual):
    """Then ours are written."""
    # cors R19
    assert {"allow-origin": A} == shared(actual(dual, cors(on_existing="keep")))


def test_a_head_that_is_no_list():
    """ASGI only: headers may be a tuple, or of another type than bytes (protocols A15, A16)."""
    # cors R19, cors R18

    def app(headers):
        async def asgi(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body"})

        return cors().asgi(asgi)

    for headers in ((), ((b"vary", b"accept"),), [("x-str", "1")], []):
        client = ASGIClient(app(headers), lint=False)
        result = client.request_sync(headers={"origin": A})
        assert {"allow-origin": A} == shared(result)
        assert "origin" in result.header("vary").lower()


# Statuses, errors


def test_304_says_what_200_would(dual):
    """A cache updates what it stored with the fields of the 304 (RFC 9111 §4.3.4)."""
    # cors R20
    stack = cors(allow_credentials=True, expose_headers=["ETag", "X-One"])
    fields = [
        shared(actual(dual, stack, script=Script(status=status))) | {"vary": "Origin"}
        for status in (200, 304)
    ]

    assert fields[0] == fields[1]
    assert "ETag,X-One" == fields[0]["expose-headers"]


@pytest.mark.parametrize("moment", ["call", "head"])
def test_an_exception_passes(dual, moment, caplog):
    """By default the server answers, and a hint tells why no page can read that."""
    # cors R21
    error = RuntimeError("a bug")
    script = Script(error=error, error_at=moment)
    stack = cors()
    with caplog.at_level(logging.WARNING, "dualware"):
        results = [actual(dual, stack, origin, script=script) for origin in (EVIL, None, A, A)]

    assert [error] * 4 == [result.error for result in results]
    if moment == "call":
        assert 1 == len([each for each in caplog.records if "on_exception" in each.message])


@pytest.mark.parametrize(("origin", "expected"), [(A, CREDENTIALS), (EVIL, {}), (None, {})])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_exception_is_answered_on_demand(dual, origin, expected, method):
    """With a 500 that the page may read; the same exception leaves all the same."""
    # cors R21
    error = RuntimeError("a bug")
    script = Script(error=error, error_at="call")
    stack = cors(on_exception="respond", allow_credentials=True)
    result = actual(dual, stack, origin, method, script=script)

    assert error is result.error
    assert (500, b"Internal Server Error\n") == (result.status, result.body)
    assert "text/plain; charset=utf-8" == result.header("content-type")
    assert expected == shared(result)
    assert "Origin" == result.header("vary")


def test_an_exception_after_the_start_is_nobodys_to_answer(dual):
    """What was sent was sent."""
    # cors R21
    error = RuntimeError("a bug")
    script = Script(error=error, error_at=1, chunks=[b"a", b"b"], body="generator")
    result = actual(dual, cors(on_exception="respond"), script=script)

    assert error is result.error
    assert (200, {"allow-origin": A}) == (result.status, shared(result))


def test_a_client_that_is_gone_gets_no_answer():
    """ASGI only: it is told of that. The outcome is no error of the application."""
    # cors R21
    stack = cors(on_exception="respond")
    script = Script(read_body=True, error=RuntimeError("gone"), error_at="call")
    result = ASGIClient(stack.asgi(script.asgi), lint=False).request_sync(
        headers={"origin": A}, disconnect_after=0
    )

    assert result.status in (None, 500)


# Fresh each time


class Mutates(Middleware):
    """A hostile neighbour outside: it changes the very list that it is given."""

    def __call__(self, exchange):
        yield RESPONSE
        headers = exchange.response.headers
        headers.append("X-Request", "1")
        headers._pairs.clear()


@pytest.mark.parametrize("settings", [{}, {"allow_origins": ["*"]}], ids=["exact", "everybody"])
@pytest.mark.parametrize("ask", [actual, preflight])
def test_responses_are_fresh(dual, settings, ask):
    """Whatever somebody does to one, the next one is whole."""
    # cors R22
    (own,) = cors(**settings, allow_methods=["PUT"])
    expected = ask(dual, Stack([own])).headers
    ask(Dual(dual.protocol, lint=False), Stack([Mutates(), own]))

    assert expected == ask(dual, Stack([own])).headers


@pytest.mark.parametrize("ask", [actual, preflight])
def test_what_the_server_gets_is_its_own(dual, ask):
    """A server, or foreign middleware, may do with the list what it likes."""
    # cors R22
    stack = cors(allow_methods=["PUT"])
    results = []
    for _ in range(2):
        result = ask(dual, stack)
        results.append(list(result.headers))
        for message in result.messages:
            message.get("headers", []).append((b"x-more", b"1"))

    assert results[0] == results[1]


def test_the_list_of_the_application_stays(dual):
    """Static responses use theirs for ever."""
    # cors R22, protocols A14, protocols W13
    script = Script(headers=[("Content-Type", "text/plain"), ("Vary", "Accept")])
    for _ in range(3):
        result = actual(dual, cors(), script=script)

        assert ["Accept, Origin"] == result.header_all("vary")
        assert 1 == len(result.header_all("access-control-allow-origin"))


# Exposed headers


def test_all_that_is_there_is_exposed(dual):
    """By name, since '*' says nothing with credentials; what nobody may read is left out."""
    # cors R23
    headers = [
        ("Content-Type", "text/plain"),
        ("X-Total", "7"),
        ("x-total", "8"),
        ("ETag", '"a"'),
        ("Set-Cookie", "a=b"),
        ("Vary", "Accept"),
        ("Access-Control-Allow-Origin", "*"),
    ]
    stack = cors(expose_all=True, allow_credentials=True)

    assert {**CREDENTIALS, "expose-headers": "x-total,etag"} == shared(
        actual(dual, stack, script=Script(headers=headers))
    )
    assert {} == shared(actual(dual, stack, EVIL, script=Script(headers=headers)))
    assert CREDENTIALS == shared(actual(dual, stack, script=Script(headers=[])))


# Bodies go by


@pytest.mark.parametrize("chunks", CHUNKINGS.values())
@pytest.mark.parametrize("body", ["list", "iterator", "iterable", "generator", "write"])
def test_the_body_is_left_alone(dual, chunks, body):
    """However it is cut, and whatever a WSGI application returns."""
    # cors R15
    script = Script(chunks=chunks([b"hello ", b"world"]), body=body)
    result = actual(dual, cors(), script=script)

    assert (b"hello world", {"allow-origin": A}) == (result.body, shared(result))


def test_a_head_that_is_replaced():
    """WSGI only: what CORS wrote stands in the new head, once (protocols W17)."""
    # cors R15, cors R18
    script = Script(
        body="generator", replace_head=(500, [("Vary", "Cookie"), ("X-New", "1")]), replace_at=0
    )
    result = actual(Dual("wsgi"), cors(), script=script)

    assert 500 == result.status
    assert {"allow-origin": A} == shared(result)


@pytest.mark.parametrize("origin", [A, EVIL, None])
def test_a_policy_fails_closed(dual, origin):
    """If writing the head fails, no response leaves."""
    # cors R15
    world = World()
    stack = world.stack(CORS(CORSSettings(allow_origins=[A]), world.effects))
    stack.middleware[0]._plan.only.known.update(dict.fromkeys((A, EVIL, None), "no verdict"))
    result = actual(Dual(dual.protocol, lint=False), stack, origin)

    # Compiled code looks at the type first.
    assert isinstance(result.error, AttributeError | TypeError)
    assert result.status is None
