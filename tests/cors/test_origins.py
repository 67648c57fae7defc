"""Who is allowed: exact origins, wildcards, expressions, callables, null.

Knows the rules of section B.
"""

import asyncio
import re

import pytest

from dualware import SettingsError, Stack, asgi, load, wsgi
from dualware.middleware.cors import CORS, CORSSettings, Decision
from dualware.testing import ASGIClient, Dual, Script, WSGIClient
from tests.cors.parts import EVIL, A, B, actual, cors, preflight, shared
from tests.timing_parts import World


def allowed(dual, stack, origin):
    """Whether the actual response and the preflight, which must agree, allow the origin."""
    lax = Dual(dual.protocol, lint=False)
    answers = {
        shared(actual(lax, stack, origin)).get("allow-origin") == origin,
        204 == preflight(lax, stack, origin, "GET").status,
    }

    assert 1 == len(answers)
    return answers.pop()


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (A, True),
        ("http://local.example:8080", True),
        ("HTTPS://A.EXAMPLE", False),
        ("https://A.example", False),
        ("https://a.example:443", False),
        ("https://a.example:8443", False),
        ("http://a.example", False),
        ("https://a.example.", False),
        ("https://a.example.evil.example", False),
        ("https://evila.example", False),
        ("https://a.exampl", False),
        ("https://a.examplee", False),
        ("http://local.example", False),
        ("null", False),
        ("*", False),
    ],
)
def test_exact_origins(dual, origin, expected):
    """Byte for byte, and no more."""
    # cors R7
    stack = cors(allow_origins=[A, "http://local.example:8080"])

    assert expected is allowed(dual, stack, origin)


@pytest.mark.parametrize(
    ("pattern", "origin", "expected"),
    [
        ("https://*.example.com", "https://a.example.com", True),
        ("https://*.example.com", "https://a.b.c.example.com", True),
        ("https://*.example.com", "https://example.com", False),
        ("https://*.example.com", "https://evilexample.com", False),
        ("https://*.example.com", "https://a.example.com.evil", False),
        ("https://*.example.com", "https://a.example.com.evil.example.com.evil", False),
        ("https://*.example.com", "http://a.example.com", False),
        ("https://*.example.com", "https://a.example.com:8443", False),
        ("https://*.example.com", "https://.example.com", False),
        ("https://*.example.com", "https://a..example.com", False),
        ("https://*.example.com", "https://a.example.com.", False),
        ("https://*.example.com", "https://evil/.example.com", False),
        ("https://*.example.com", "https://evil#.example.com", False),
        ("https://*.example.com", "https://evil?.example.com", False),
        ("https://*.example.com", "https://evil@a.example.com", False),
        ("https://*.example.com", "https://[.example.com", False),
        ("https://*.example.com", "https://evil:1.example.com", False),
        ("https://*.example.com", "https://A.example.com", False),
        ("https://*.example.com:8443", "https://a.example.com:8443", True),
        ("https://*.example.com:8443", "https://a.example.com", False),
        ("http://localhost:*", "http://localhost", True),
        ("http://localhost:*", "http://localhost:3000", True),
        ("http://localhost:*", "http://localhost:0", False),
        ("http://localhost:*", "http://localhost:", False),
        ("http://localhost:*", "http://localhost:abc", False),
        ("http://localhost:*", "http://localhost.evil:3000", False),
        ("http://localhost:*", "https://localhost:3000", False),
        ("http://127.0.0.1:*", "http://127.0.0.1:9", True),
        ("http://[::1]:*", "http://[::1]:9", True),
        ("https://*.example.com:*", "https://a.example.com:9", True),
        ("https://*.example.com:*", "https://a.example.com", True),
        ("https://*.example.com:*", "https://example.com:9", False),
    ],
)
def test_wildcards(dual, pattern, origin, expected):
    """Whole labels in front, any port behind; nothing else."""
    # cors R8
    assert expected is allowed(dual, cors(allow_origins=[pattern]), origin)


@pytest.mark.parametrize("origin", ["https://foobar.com", "https://barfoo.com"])
def test_lists_that_share_a_suffix(dual, origin):
    """Two entries never make a third (GHSA-vhxv-fg4m-p2w8, jub0bs/cors)."""
    # cors R8
    assert not allowed(dual, cors(allow_origins=["https://foo.com", "https://bar.com"]), origin)


@pytest.mark.parametrize(
    ("regex", "origin", "expected"),
    [
        (r"https://.*\.example\.org", "https://a.example.org", True),
        (r"https://.*\.example\.org", "https://a.example.org.evil", False),
        (r"https://.*\.example\.org", "https://evil#.example.org", False),
        (r"https://.*\.example\.org", "https://evil/.example.org", False),
        (r"https://.*\.example\.org", "https://a.example.org\n", False),
        (r"https://a\.example", "https://a.example.evil", False),
        (re.compile(r"https://(a|b)\.example"), B, True),
        (r"null|https://a\.example", "null", False),
        (r"https://(a+)+\.example", f"https://{'a' * 400}!", False),
    ],
)
def test_regular_expressions(dual, regex, origin, expected):
    """The whole origin has to match, and to be one."""
    # cors R9
    assert expected is allowed(dual, cors(allow_origin_regex=regex), origin)


def test_a_regular_expression_beside_a_list(dual):
    """Either will do."""
    # cors R9
    stack = cors(allow_origins=[A], allow_origin_regex=r"https://b\.example")

    assert [True, True, False] == [allowed(dual, stack, each) for each in (A, B, EVIL)]


# Callables


@pytest.mark.parametrize("method", [actual, preflight])
def test_a_callable_decides(dual, method):
    """It is given the origin and the request, and may name what else it looked at."""
    # cors R10
    seen = []

    def decide(origin, request):
        seen.append((origin, request.header("cookie")))
        return Decision(origin == A, vary=("Cookie", "origin"))

    stack = cors(allow_origins=decide)
    results = [method(dual, stack, each, "GET", headers={"Cookie": "x=1"}) for each in (A, EVIL)]

    assert [(A, "x=1"), (EVIL, "x=1")] == seen
    assert [{"allow-origin": A}, {}] == [shared(each) for each in results]
    for result in results:
        assert "Cookie" in result.header("vary").split(", ")
        assert 1 == result.header("vary").lower().split(", ").count("origin")


@pytest.mark.parametrize("origin", [None, A, EVIL, "not an origin"])
def test_what_a_callable_looks_at_is_told_on_every_response(dual, origin):
    """It may be named in the settings, for responses about which nothing was asked."""
    # cors R10
    stack = cors(allow_origins=lambda origin, request: origin == A, vary=["cookie", "Origin"])

    assert "Origin, cookie" == actual(dual, stack, origin).header("vary")


def test_a_callable_is_asked_about_origins_only(dual):
    """Never about null, or what is no origin at all."""
    # cors R10, cors R11
    stack = cors(allow_origins=lambda origin, request: pytest.fail(origin))

    for origin in (None, "null", "", "https://a.example/x", "a b"):
        assert {} == shared(actual(Dual(dual.protocol, lint=False), stack, origin))


class Awaitable:
    """What a callable returns that should have been awaited."""

    def __await__(self):
        yield


@pytest.mark.parametrize(
    "said", [None, 1, "yes", re.match("a", "a"), Awaitable(), RuntimeError("broken")], ids=repr
)
def test_anything_but_yes_is_no(dual, said):
    """A failure too: it is reported, the response stays, and nobody is allowed."""
    # cors R10

    def decide(origin, request):
        if isinstance(said, Exception):
            raise said
        return said

    world = World()
    stack = world.stack(CORS(CORSSettings(allow_origins=decide), world.effects))
    result = actual(dual, stack)

    assert (200, b"hello", {}) == (result.status, result.body, shared(result))
    assert 403 == preflight(dual, stack).status
    assert 2 == len(world.reports)
    assert all(f"allow_origins of cors, {decide!r}" in sentence for sentence, _ in world.reports)
    assert {said if isinstance(said, Exception) else None} == {error for _, error in world.reports}


class Slow:
    """An instance whose call has to be awaited."""

    async def __call__(self, origin, request):
        await asyncio.sleep(0)
        return origin == A


async def slow(origin, request):
    """A coroutine function."""
    await asyncio.sleep(0)
    return Decision(origin == A, ("Cookie",))


async def broken(origin, request):
    """One that fails."""
    raise RuntimeError("broken")


def asked(function, origin, method="GET", **headers):
    """One request through ASGI, in a loop; under WSGI nothing can be awaited."""
    app = asgi.CORSMiddleware(Script().asgi, allow_origins=function, allow_methods=["PUT"])
    fields = [("origin", origin), *((k.replace("_", "-"), v) for k, v in headers.items())]
    return ASGIClient(app).request_sync(method, headers=fields, backend="asyncio")


@pytest.mark.parametrize("function", [slow, Slow()], ids=["function", "instance"])
@pytest.mark.parametrize(("origin", "expected"), [(A, {"allow-origin": A}), (EVIL, {})])
def test_a_callable_may_be_awaited(function, origin, expected):
    """ASGI only, before any flow starts; for preflights too."""
    # cors R10
    assert expected == shared(asked(function, origin))
    answer = asked(function, origin, "OPTIONS", access_control_request_method="PUT")
    assert (204 if expected else 403) == answer.status


def test_an_awaited_callable_that_fails():
    """Denied, and reported; the application runs."""
    # cors R10
    world = World()
    script = Script()
    app = world.stack(CORS(CORSSettings(allow_origins=broken), world.effects)).asgi(script.asgi)
    result = ASGIClient(app).request_sync(headers={"origin": A}, backend="asyncio")

    assert (200, {}, 1) == (result.status, shared(result), script.probe.calls)
    ((_, error),) = world.reports
    assert "broken" == str(error)


def test_nothing_is_asked_where_there_is_no_origin():
    """Nor of a path without a policy."""
    # cors R10
    asked_for = []

    async def decide(origin, request):
        asked_for.append(origin)
        return True

    stack = load({"cors": {"policies": [("/api", {"allow_origins": decide})]}})
    client = ASGIClient(stack.asgi(Script().asgi))
    for path, headers in (("/api", {}), ("/", {"origin": A}), ("/api", {"origin": "null"})):
        assert {} == shared(client.request_sync("GET", path, headers=headers, backend="asyncio"))
    assert [] == asked_for
    assert {"allow-origin": A} == shared(
        client.request_sync("GET", "/api/x", headers={"origin": A}, backend="asyncio")
    )


def test_cancelled_while_asking():
    """No flow had started: the cancellation leaves, and nothing stays current."""
    # cors R10
    from dualware.core.current import CURRENT

    async def forever(origin, request):
        await asyncio.Event().wait()

    app = asgi.CORSMiddleware(Script().asgi, allow_origins=forever)

    async def main():
        client = ASGIClient(app)
        task = asyncio.ensure_future(client.request(headers={"origin": A}))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert CURRENT.get() is None

    asyncio.run(main())


@pytest.mark.parametrize("function", [slow, Slow()], ids=["function", "instance"])
def test_wsgi_awaits_nothing(function):
    """Refused when the application is wrapped, not at the first request."""
    # cors R10
    with pytest.raises(SettingsError) as caught:
        wsgi.CORSMiddleware(Script().wsgi, allow_origins=function)

    (problem,) = caught.value.problems
    assert ("DW205", "cors") == (problem.code, problem.path)
    assert "WSGI awaits nothing" in problem.sentence


# null, and what is remembered


def test_null(dual):
    """Only where it was asked for, and never with credentials."""
    # cors R11
    assert {} == shared(actual(dual, cors(), "null"))
    assert 403 == preflight(dual, cors(), "null").status
    stack = cors(dangerously_allow_null_origin=True)
    assert {"allow-origin": "null"} == shared(actual(dual, stack, "null"))
    assert 204 == preflight(dual, stack, "null", "GET").status


def test_nothing_is_remembered_by_what_clients_send(dual):
    """Ten thousand origins leave no trace: a policy has what its settings gave it."""
    # cors R12
    stack = cors(allow_origins=[A, "https://*.b.example"], allow_methods=["*"], allow_headers=["*"])
    (middleware,) = stack
    policy = middleware._plan.only
    before = len(policy.known)
    for number in range(600):
        actual(dual, stack, f"https://x{number}.b.example")
        preflight(dual, stack, f"https://x{number}.b.example", "PUT", "x-a")
        preflight(dual, stack, A, f"M{number}", f"x-{number}")
        preflight(dual, stack, A, "PUT", "x-" + "a" * 300)

    assert before == len(policy.known)
    assert 256 == len(policy.ready)
    assert {A} == {origin for origin, _, _ in policy.ready}


def test_the_same_client_in_both_rooms():
    """The helpers above compare what both protocols give."""
    # cors R52
    results = [
        WSGIClient(Stack(cors()).wsgi(Script().wsgi)).request(headers={"Origin": A}),
        ASGIClient(Stack(cors()).asgi(Script().asgi)).request_sync(headers={"Origin": A}),
    ]

    assert results[0].same_as(results[1])
