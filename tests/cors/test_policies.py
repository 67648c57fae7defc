"""Policies by path and by choice, explanations, times, doubles, and the same on both sides.

Knows the rules of section F.
"""

import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualware import RESPONSE, Middleware, Stack, add_fields, load
from dualware.middleware.cors import CORS, CORSSettings, use_policy
from dualware.testing import PROTOCOLS, ASGIClient, Dual, Script, WSGIClient
from tests.builds import interpreted
from tests.cors.parts import EVIL, A, B, actual, cors, preflight, shared
from tests.timing_parts import World

# Explanations


class Recorder(Middleware):
    """Keeps what stands on the log line of each exchange."""

    websocket = True

    def __init__(self):
        self.events = []

    def __call__(self, exchange):
        yield RESPONSE
        self.events.append((exchange.record.fields or {}).get("cors"))

    @property
    def only(self):
        """The event of the one exchange that there was."""
        (event,) = self.events
        return event


EXPLAINED = {
    "allow_origins": [A, "https://*.shop.example", "http://local.example:8080"],
    "allow_methods": ["PUT", "PATCH"],
    "allow_headers": ["X-One"],
    "allow_credentials": True,
    "dangerously_allow_insecure_origins": True,
    "max_age": 60,
}


@pytest.mark.parametrize(
    ("origin", "method", "names", "reason", "near"),
    [
        (A, "PUT", "x-one", None, None),
        (EVIL, "PUT", None, "origin-denied", None),
        ("http://a.example", "PUT", None, "origin-denied", f"scheme of {A!r}"),
        ("https://a.example:8443", "PUT", None, "origin-denied", f"port of {A!r}"),
        ("https://www.a.example", "PUT", None, "origin-denied", f"www of {A!r}"),
        ("https://a.example/", "PUT", None, "origin-invalid", f"trailing slash after {A!r}"),
        ("https://A.example", "PUT", None, "origin-invalid", f"case of {A!r}"),
        ("null", "PUT", None, "origin-denied", None),
        ("a b", "PUT", None, "origin-invalid", None),
        (A, "DELETE", None, "method-denied", None),
        (A, "patch", None, "method-denied", "case of 'PATCH'"),
        (A, "PUT, PATCH", None, "method-invalid", None),
        (A, "PUT", "x-two", "header-denied", None),
        (A, "PUT", "," * 5000, "headers-too-long", None),
    ],
)
def test_explained_preflights(dual, origin, method, names, reason, near, caplog):
    """One event with the reason, and what was probably meant; 204 with what did pass."""
    # cors R47, cors R26, cors R29
    recorder = Recorder()
    stack = Stack([recorder, *cors(**EXPLAINED, explain=True)])
    lax = Dual(dual.protocol, lint=False)
    with caplog.at_level(logging.INFO, "dualware"):
        result = preflight(lax, stack, origin, method, names)

    assert {
        "kind": "preflight",
        "verdict": "denied" if reason else "allowed",
        "reason": reason,
        "origin": origin,
        "near_miss": near,
    } == recorder.only
    assert 204 == result.status
    told = shared(result)
    passed = {None: 4, "header-denied": 3, "headers-too-long": 3}.get(reason, 2)
    expected = ["allow-origin", "allow-credentials", "allow-methods", "allow-headers"][:passed]
    if reason is not None and reason.startswith("origin"):
        expected = []
    assert expected == [name for name in told if name != "max-age"]
    # cors R34: no age of a failure
    assert (reason is None) is ("max-age" in told)
    lines = [each for each in caplog.records if each.name == "dualware"]
    assert (reason is not None) is bool(lines)
    if lines:
        assert recorder.only == lines[0].cors
        assert reason in lines[0].message


@pytest.mark.parametrize(
    ("origin", "verdict", "reason"),
    [(A, "allowed", None), (EVIL, "denied", "origin-denied"), (None, "denied", "no-origin")],
)
def test_explained_responses(dual, origin, verdict, reason):
    """They change in nothing."""
    # cors R47
    recorder = Recorder()
    stack = Stack([recorder, *cors(explain=True)])
    result = actual(dual, stack, origin)

    assert ("actual", verdict, reason) == tuple(
        recorder.only[name] for name in ("kind", "verdict", "reason")
    )
    assert result.same_as(actual(dual, cors(), origin))


def test_what_is_told_is_escaped_and_cut(dual, caplog):
    """And once a second at most: a client can't fill the log (CVE-2024-1681)."""
    # cors R47
    world = World()
    recorder = Recorder()
    settings = CORSSettings(allow_origins=[A], explain=True)
    stack = world.stack(recorder, CORS(settings, world.effects))
    hostile = "https://\x1b[2J\x85\x9b" + "x" * 5000
    with caplog.at_level(logging.INFO, "dualware"):
        for _ in range(3):
            actual(Dual(dual.protocol, lint=False), stack, hostile)
        world.tick(1001)
        actual(Dual(dual.protocol, lint=False), stack, hostile)

    first, second = (each.getMessage() for each in caplog.records)
    assert first.isprintable()
    assert len(first) < 200
    assert second.endswith("(2 more since the last such line)")
    assert len(recorder.events[0]["origin"]) <= 64
    json.dumps(recorder.events)


def test_fields_of_the_application_stay(dual):
    """Ours is one more."""
    # cors R47
    seen = []

    class Fields(Middleware):
        def __call__(self, exchange):
            yield RESPONSE
            seen.append(dict(exchange.record.fields))

    script = Script(on_request=lambda: add_fields(user_id=7))
    actual(dual, Stack([Fields(), *cors(explain=True)]), script=script)

    assert {"user_id", "cors"} == seen[0].keys()


# Policies by path

OPEN = {"allow_origins": ["*"]}
OWN = {"allow_origins": [A], "allow_methods": ["PUT"]}
OTHER = {"allow_origins": [B]}

POLICIES = [
    ("/public", OPEN),
    ("/api/*/open/**", OPEN),
    ("/api", OWN),
    ("/api/admin", OTHER),
    ("/f?o/[ab]*.json", OTHER),
    ("/Case", OTHER),
]


def told(policy, origin=A):
    """What a response of that policy says to A."""
    return {None: None, "open": {"allow-origin": "*"}, "own": {"allow-origin": A}, "other": {}}[
        policy
    ]


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("/", None),
        ("/public", "open"),
        ("/public/", "open"),
        ("/public/a/b", "open"),
        ("/publicity", None),
        ("/PUBLIC", None),
        ("/public.html", None),
        ("/api", "own"),
        ("/api/admin", "own"),
        ("/api/v1/open/x/y", "open"),
        ("/api/v1/open", "open"),
        ("/api/v1/opened", "own"),
        ("/api/v1/v2/open/x", "own"),
        ("/foo/a.json", "other"),
        ("/foo/bcd.json", "other"),
        ("/foo/c.json", None),
        ("/foo/x/a.json", None),
        ("/case", None),
        ("/Case", "other"),
        ("/public/../api", "own"),
        ("/public/../private", None),
        ("/private/../public", "open"),
        ("/../../public", "open"),
        ("/./public/.", "open"),
        ("//public", "open"),
        ("/x//../public", "open"),
        ("/public;v=1/a", "open"),
        ("/api;/..;x/public", "open"),
        ("/api+x", None),
    ],
)
def test_policies_by_path(dual, path, policy):
    """The first that fits counts, in the order of the settings; every character for itself."""
    # cors R48
    stack = cors(policies=POLICIES)
    result = actual(dual, stack, path=path)

    if policy is None:
        assert ({}, None) == (shared(result), result.header("vary"))
    else:
        assert told(policy) == shared(result)
        assert (None if policy == "open" else "Origin") == result.header("vary")
    script = Script()
    answer = preflight(dual, stack, path=path, script=script)
    expected = {None: 200, "open": 403, "own": 204, "other": 403}[policy]
    assert (expected, policy is None) == (answer.status, script.probe.calls == 1)


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("/public/a/b", b"/public/a%2Fb"),
        ("/public/a/b", b"/public/a%2fb"),
        ("/public/a", b"/public%2fa"),
        ("/public/%2f", b"/public/%252f"),
        ("/public/%2e%2e/private", b"/public/%252e%252e/private"),
        ("/public/%3b", b"/public/%253b"),
        ("/public/a\\b", b"/public/a%5Cb"),
        ("/public/\ufffd", b"/public/%ff"),
        ("/public/\x00", b"/public/%00"),
        ("/public/" + "a" * 2048, None),
    ],
)
def test_ambiguous_paths_have_no_policy(path, raw):
    """What two parts of a system may take for two paths. The same verdict on both sides."""
    # cors R48
    stack = cors(policies=[("/", OPEN)])
    scope = {"path": path, "raw_path": raw}
    asgi = ASGIClient(stack.asgi(Script().asgi), lint=False)
    told_raw = {} if raw is None else {"RAW_URI": raw.decode()}
    environ = {"PATH_INFO": path.encode().decode("latin-1"), **told_raw}
    wsgi = WSGIClient(stack.wsgi(Script().wsgi), lint=False)

    assert {} == shared(asgi.request_sync(headers={"origin": A}, scope=scope))
    assert {} == shared(wsgi.request(headers={"origin": A}, environ=environ))


@pytest.mark.parametrize("mount", ["", "/mounted"])
def test_mounts(dual, mount):
    """The path is the application's own: without the prefix, however it is told."""
    # cors R48
    stack = cors(policies=[("/api", OWN)])

    assert {"allow-origin": A} == shared(actual(dual, stack, path="/api", script_name=mount))
    assert {} == shared(actual(dual, stack, path="/mounted/api", script_name=mount))


@pytest.mark.parametrize("policy", [{"websocket_origins": [A]}, OWN])
def test_sessions_go_by_path_as_well(policy):
    """ASGI only: WSGI has no websockets."""
    # cors R48, cors R54
    stack = cors(policies=[("/api", policy), ("/other", {"websocket_origins": [B]})])
    client = ASGIClient(stack.asgi(WebSocket()))
    opened = [
        client.websocket_sync(path, headers={"origin": A}).accepted
        for path in ("/api", "/other", "/")
    ]

    assert [True, False, True] == opened


def test_a_session_where_there_is_no_policy():
    """ASGI only. Nobody can choose one for it: it goes by."""
    # cors R49, cors R54
    policy = {"websocket_origins": [A], "name": "own"}
    client = ASGIClient(cors(policies=[("/api", policy)]).asgi(WebSocket()))

    assert client.websocket_sync("/else", headers={"origin": EVIL}).accepted


class WebSocket:
    """Accepts every session."""

    async def __call__(self, scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})


# Policies by choice

CHOICE = [
    ("/api", {**OWN, "name": "own"}),
    ("/open", {**OPEN, "name": "open"}),
    ("/far", {**OTHER, "name": "far"}),
]


def chooses(choice, how):
    """The pair of applications that choose a policy, by the function or by protocol objects."""

    def wsgi(environ, start_response):
        if how == "function":
            use_policy(choice)
        else:
            environ["dualware.cors"] = choice
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    async def asgi(scope, receive, send):
        if how == "function":
            use_policy(choice)
        else:
            scope["dualware.cors"] = choice
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    return wsgi, asgi


@pytest.mark.parametrize("how", ["function", "objects"])
@pytest.mark.parametrize(
    ("choice", "expected", "vary"),
    [
        (None, {"allow-origin": A}, "Origin"),
        ("own", {"allow-origin": A}, "Origin"),
        ("open", {"allow-origin": "*"}, None),
        ("far", {}, "Origin"),
        (False, {}, "Origin"),
        ("nobody", {}, "Origin"),
        (7, {}, "Origin"),
    ],
)
def test_the_application_chooses(dual, how, choice, expected, vary):
    """By name, for its response; what is no name allows nobody, and is reported."""
    # cors R49
    world = World()
    stack = world.stack(CORS(CORSSettings(policies=CHOICE), world.effects))
    lax = Dual(dual.protocol, lint=False)
    result = lax.request(chooses(choice, how), stack, path="/api/x", headers={"Origin": A})

    assert (expected, vary) == (shared(result), result.header("vary"))
    assert (choice in ("nobody", 7)) is bool(world.reports)


@pytest.mark.parametrize("how", ["function", "objects"])
@pytest.mark.parametrize(
    ("choice", "expected"), [(None, {"allow-origin": A}), (False, {}), ("own", {})]
)
@pytest.mark.parametrize("inside", [[], [{"request_id": {"set_request_header": True}}]])
def test_the_application_chooses_where_there_is_one_policy(dual, how, choice, expected, inside):
    """Nobody can be chosen there too, and a name that there is not means nobody.

    With a flow that changes the request for the application as well.
    """
    # cors R49
    stack = sum((load(each) for each in inside), start=cors())
    result = dual.request(chooses(choice, how), stack, headers={"Origin": A})

    assert (expected, "Origin") == (shared(result), result.header("vary"))


@pytest.mark.parametrize(("choice", "expected"), [("own", {"allow-origin": A}), (False, {})])
def test_the_choice_holds_for_an_exception(dual, choice, expected):
    """What the application raises after it chose is shared as it chose."""
    # cors R49, cors R21
    policies = [
        (path, {**each, "on_exception": "respond"}) for path, each in [("/api", OTHER), *CHOICE]
    ]

    def wsgi(environ, start_response):
        use_policy(choice)
        raise RuntimeError("a bug")

    async def asgi(scope, receive, send):
        use_policy(choice)
        raise RuntimeError("a bug")

    result = dual.request((wsgi, asgi), cors(policies=policies), path="/api", headers={"Origin": A})

    assert (500, expected) == (result.status, shared(result))


def test_preflights_go_by_path(dual):
    """Nobody can have chosen by then."""
    # cors R49
    stack = cors(policies=CHOICE)

    assert {"allow-origin": A, "allow-methods": "PUT"} == shared(
        preflight(dual, stack, path="/api/x")
    )


@pytest.mark.parametrize("origin", [A, "https://x.far.example", None])
def test_a_choice_where_there_is_no_policy(dual, origin):
    """It holds, and is reported: no preflight of that path is answered."""
    # cors R49
    world = World()
    policy = {"allow_origins": [A, "https://*.far.example"], "name": "far"}
    plain = world.stack(CORS(CORSSettings(policies=[("/far", policy)]), world.effects))
    result = dual.request(
        chooses("far", "function"),
        plain,
        path="/else",
        headers={} if origin is None else {"Origin": origin},
    )

    assert ({} if origin is None else {"allow-origin": origin}) == shared(result)
    assert "Origin" == result.header("vary")
    assert 1 == len(world.reports)
    assert "its preflights are not answered" in world.reports[0][0]
    untouched = actual(dual, plain, path="/else")
    assert ({}, None) == (shared(untouched), untouched.header("vary"))


def test_a_choice_outside_an_exchange():
    """There is nobody to tell."""
    # cors R49
    assert False is use_policy("open")


def test_a_choice_that_comes_late(dual):
    """After the end nobody listens."""
    # cors R49
    from dualware.core.current import live_record

    records = []
    actual(
        dual,
        load({"request_id": True, "cors": {"policies": CHOICE}}),
        script=Script(on_request=lambda: records.append(live_record())),
        path="/api",
    )
    (record,) = records

    assert record.ended
    assert None is record.cors


# Times


@pytest.mark.parametrize(
    ("timing", "origin", "expected", "vary"),
    [
        ("*", A, "*", "Origin"),
        ("*", None, "*", "Origin"),
        (["*"], EVIL, "*", "Origin"),
        ([B], B, B, "Origin"),
        ([B], A, None, "Origin"),
        (["https://*.b.example"], "https://x.b.example", "https://x.b.example", "Origin"),
        ([B], None, None, "Origin"),
    ],
)
def test_times(dual, timing, origin, expected, vary):
    """Who may read them is settled apart from who may read the response."""
    # cors R50
    result = actual(dual, cors(timing_origins=timing), origin)

    assert expected == result.header("timing-allow-origin")
    assert vary == result.header("vary")
    assert (A if origin == A else None) == result.header("access-control-allow-origin")
    assert None is preflight(dual, cors(timing_origins=timing), A, "GET").header(
        "timing-allow-origin"
    )


@pytest.mark.parametrize("origin", [A, B, EVIL, None])
def test_times_vary_even_where_everybody_may_read(dual, origin):
    """A list decides by the origin, whatever the policy does; '*' does not."""
    # cors R50, cors R13, cors R14
    result = actual(dual, cors(allow_origins=["*"], timing_origins=[B]), origin)
    assert ("*", "Origin") == (result.header("access-control-allow-origin"), result.header("vary"))
    assert (B if origin == B else None) == result.header("timing-allow-origin")
    constant = actual(dual, cors(allow_origins=["*"], timing_origins="*"), origin)
    assert ("*", None) == (constant.header("timing-allow-origin"), constant.header("vary"))


def test_a_callable_is_asked_of_those_who_may_read_times(dual):
    """That an origin is named for the one says nothing of the other."""
    # cors R50, cors R10
    stack = cors(allow_origins=lambda origin, request: origin == B, timing_origins=[A, B])

    assert {"allow-origin": B, "timing-allow-origin": B} == shared(actual(dual, stack, B))
    assert {"timing-allow-origin": A} == shared(actual(dual, stack, A))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, A), ({"on_existing": "keep"}, "https://own.example")],
)
def test_times_of_the_application(dual, settings, expected):
    """As all that is ours to write."""
    # cors R50, cors R19
    script = Script(headers=[("Timing-Allow-Origin", "https://own.example")])
    stack = cors(timing_origins=[A], **settings)

    assert [expected] == actual(dual, stack, script=script).header_all("timing-allow-origin")
    assert A == actual(dual, stack, script=script).header("access-control-allow-origin")
    others = actual(dual, cors(), script=script)
    assert ["https://own.example"] == others.header_all("timing-allow-origin")


def test_a_decision_of_the_application_leaves_times_to_us(dual):
    """Each of the two is somebody's as a whole."""
    # cors R50, cors R19
    script = Script(headers=[("Access-Control-Allow-Origin", "https://own.example")])
    stack = cors(timing_origins=[A], on_existing="keep", allow_credentials=True)

    assert {"allow-origin": "https://own.example", "timing-allow-origin": A} == shared(
        actual(dual, stack, script=script)
    )


# Twice


@pytest.mark.parametrize("how", ["request", "nested", "separate"])
@pytest.mark.parametrize("ask", ["actual", "preflight"])
def test_twice(dual, how, ask, caplog):
    """The outer one answers; there is one of everything, and it is told once."""
    # cors R51
    (outer,), (inner,) = cors(allow_methods=["PUT"]), cors(allow_origins=[B])
    asked = {"Access-Control-Request-Method": "PUT"} if ask == "preflight" else {}
    method = "OPTIONS" if asked else "GET"
    with caplog.at_level(logging.WARNING, "dualware"):
        for _ in range(2):
            result = getattr(dual, how)(
                Script(), [outer, inner], method, headers={"Origin": A, **asked}
            )

    assert [A] == result.header_all("access-control-allow-origin")
    assert 1 == result.header("vary").split(", ").count("Origin")
    seen = [each for each in caplog.records if "CORS stands inside CORS" in each.message]
    # Where the outer one answers, and they are not fused, nobody meets the inner one.
    assert (0 if how == "separate" and asked else 1) == len(seen)


# The same on both sides

ORIGINS = st.sampled_from([None, A, B, EVIL, "null", "https://x.shop.example", "a,b", "HTTPS://A"])
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "patch", "OPTIONS"])
WANTED = st.sampled_from([None, "GET", "PUT", "patch", "", "PUT, GET", "*"])
NAMES = st.sampled_from([None, "", "x-one", "X-One , x-two,,", "authorization", "x-nine", ",,"])
FIELDS = st.lists(
    st.sampled_from(
        [
            ("Vary", "Accept"),
            ("vary", "origin"),
            ("Vary", "*"),
            ("Access-Control-Allow-Origin", "*"),
            ("Access-Control-Max-Age", "9"),
            ("X-Own", "1"),
        ]
    ),
    max_size=3,
)
SETTINGS = st.fixed_dictionaries(
    {
        "allow_origins": st.sampled_from([[A], [A, B], ["https://*.shop.example"]]),
        "allow_methods": st.sampled_from([[], ["PUT"], ["*"], ["PUT", "PATCH"]]),
        "allow_headers": st.sampled_from([[], ["x-one", "x-two"], ["*"], ["*", "Authorization"]]),
        "allow_credentials": st.booleans(),
        "expose_headers": st.sampled_from([[], ["X-Own"]]),
        "max_age": st.sampled_from([None, 0, 60]),
        "on_existing": st.sampled_from(["replace", "keep"]),
        "advertise": st.sampled_from(["requested", "all"]),
        "strict_methods": st.booleans(),
        "passthrough": st.booleans(),
        "vary_preflight": st.booleans(),
        "private_network": st.just(False),
        "timing_origins": st.sampled_from([None, "*", [B]]),
        "explain": st.booleans(),
    }
)


@settings(max_examples=300, deadline=None)
@given(SETTINGS, ORIGINS, METHODS, WANTED, NAMES, FIELDS, st.sampled_from([200, 204, 304, 500]))
def test_the_same_on_both_sides(given_settings, origin, method, wanted, names, fields, status):
    """The same bytes give the same status and the same fields."""
    # cors R52
    stack = load({"cors": {n: v for n, v in given_settings.items() if v is not None}})
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": wanted,
        "Access-Control-Request-Headers": names,
    }
    headers = {name: value for name, value in asked.items() if value is not None}
    results = [
        Dual(protocol, lint=False).request(
            Script(status=status, headers=fields), stack, method, headers=headers
        )
        for protocol in PROTOCOLS
    ]

    assert results[0].same_as(results[1])


@interpreted("it splits text without asking a class of the test's")
def test_the_work_is_bounded(dual):
    """Whatever is asked for, little of it is looked at: no name is split off for nothing."""
    # cors R53, cors R30
    from dualware.core.cors import preflight as grammar

    class Counted(str):
        """Text that tells how far it was split."""

        __slots__ = ()
        most = 0

        def split(self, separator, most):
            Counted.most = max(Counted.most, most)
            return str.split(self, separator, most)

    for text in ("," * 60_000, ",".join(["x-a"] * 15_000), "x" * 60_000):
        assert "headers-too-long" == grammar.requested_names(Counted(text), {"x-a"})
    assert 0 == Counted.most
    grammar.requested_names(Counted("x-a," * 1000), {"x-a"})
    assert grammar.NAMES_MOST + grammar.EMPTIES_MOST == Counted.most


def test_what_a_response_costs(dual):
    """One look-up, and the very pairs that were made with the settings."""
    # cors R53
    stack = cors(allow_credentials=True, expose_headers=["X-One"])
    (middleware,) = stack
    head = middleware._plan.only.known[A]

    assert 4 == len(head.whole.text) == len(head.whole.wire)
    assert list(head.whole.wire) == [
        (name.lower().encode(), value.encode()) for name, value in head.whole.text
    ]
