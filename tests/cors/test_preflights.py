"""What preflights are answered: who, then which method, then which headers.

Knows the rules of section D, as tables of settings, requests and named outcomes.
"""

import logging

import pytest

from dualware import Middleware, Stack, load
from dualware.core.cors.preflight import BYTES_MOST, EMPTIES_MOST, NAMES_MOST
from dualware.testing import Dual, Script
from tests.cors.parts import EVIL, VARY, A, actual, cors, preflight, shared

OWN = "authorization"


def outcome(result):
    """The name of what came back."""
    assert b"" == result.body
    assert None is result.header("access-control-expose-headers")
    if 200 <= result.status <= 299:
        return "passes"
    assert 403 == result.status
    assert {} == shared(result)
    return "fails"


# The order of the checks


@pytest.mark.parametrize(
    ("origin", "method", "names", "reason"),
    [
        (EVIL, "DELETE", "x-two", "origin-denied"),
        ("nonsense", "DELETE", "x-two", "origin-invalid"),
        (A, "DELETE", "x-two", "method-denied"),
        (A, "DELETE, PUT", "x-two", "method-invalid"),
        (A, "PUT", "x-two", "header-denied"),
        (A, "PUT", ",".join(["x-one"] * 1000), "headers-too-long"),
        (A, "PUT", "x-one", None),
    ],
)
def test_the_first_failure_is_the_reason(dual, origin, method, names, reason):
    """Origin, method, headers. The application never sees it."""
    # cors R24, cors R47
    script = Script()
    stack = cors(allow_methods=["PUT"], allow_headers=["X-One"], explain=True)
    record = Recorder()
    result = preflight(dual, Stack([record, *stack]), origin, method, names, script=script)

    assert (204, 0) == (result.status, script.probe.calls)
    assert reason == record.events[0]["reason"]


class Recorder(Middleware):
    """Keeps what stands on the log line of each exchange."""

    def __init__(self):
        self.events = []

    def __call__(self, exchange):
        from dualware import RESPONSE

        yield RESPONSE
        self.events.append((exchange.record.fields or {}).get("cors"))


# Answers


@pytest.mark.parametrize("status", [200, 204, 205, 299])
def test_success(dual, status):
    """Any status that is ok, no body, no type; a length where there could be one."""
    # cors R25, protocols W27
    settings = {} if status == 204 else {"success_status": status}
    result = preflight(dual, cors(allow_methods=["PUT"], **settings))

    assert (status, b"") == (result.status, result.body)
    assert None is result.header("content-type")
    assert (None if status == 204 else "0") == result.header("content-length")


@pytest.mark.parametrize("status", [403, 400, 200, 204])
@pytest.mark.parametrize(
    ("origin", "method", "names"), [(EVIL, "PUT", None), (A, "PATCH", None), (A, "PUT", "x-two")]
)
def test_failure(dual, status, origin, method, names):
    """Nothing of the policy leaks, not even to an allowed origin."""
    # cors R26
    stack = cors(
        allow_methods=["PUT"],
        allow_headers=["X-One"],
        allow_credentials=True,
        max_age=60,
        advertise="all",
        **({} if status == 403 else {"failure_status": status}),
    )
    result = preflight(dual, stack, origin, method, names)

    assert (status, b"", {}) == (result.status, result.body, shared(result))
    assert None is result.header("content-type")


# Methods


@pytest.mark.parametrize(
    "method",
    ["", " ", "GET, DELETE", "GET,", "PUT DELETE", " PUT", "PUT ", "P\xdcT", "(PUT)", "PU\x00T"],
)
@pytest.mark.parametrize("methods", [["PUT"], ["*"]])
@pytest.mark.parametrize("credentials", [True, False])
def test_what_is_no_method(dual, method, methods, credentials):
    """Exactly one token; and nothing else is ever sent back."""
    # cors R27
    stack = cors(allow_methods=methods, allow_credentials=credentials)

    assert "fails" == outcome(preflight(Dual(dual.protocol, lint=False), stack, A, method))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("methods", [[], ["PUT"], ["*"], ["GET", "HEAD", "POST"]])
def test_safelisted_methods(dual, method, methods):
    """They need no leave, and no field."""
    # cors R28
    result = preflight(dual, cors(allow_methods=methods), A, method)

    assert {"allow-origin": A} == shared(result)
    assert 204 == result.status


@pytest.mark.parametrize(
    ("methods", "method", "told"),
    [
        ([], "GET", None),
        (["PUT"], "POST", None),
        (["GET"], "GET", "GET"),
        (["*"], "HEAD", "*"),
    ],
)
def test_safelisted_methods_as_starlette_has_them(dual, methods, method, told):
    """On demand they have to be listed as well."""
    # cors R28
    result = preflight(dual, cors(allow_methods=methods, strict_methods=True), A, method)

    assert ("fails" if told is None else "passes") == outcome(result)
    assert told == result.header("access-control-allow-methods")


@pytest.mark.parametrize(
    ("settings", "method", "told"),
    [
        ({"allow_methods": ["PUT", "PATCH"]}, "PUT", "PUT"),
        ({"allow_methods": ["put", "PATCH"]}, "PUT", "PUT"),
        ({"allow_methods": ["PUT", "PATCH"]}, "put", None),
        ({"allow_methods": ["PUT", "PATCH"]}, "patch", None),
        ({"allow_methods": ["PUT"]}, "PUTS", None),
        ({"allow_methods": ["PUT"]}, "*", None),
        ({"allow_methods": ["PUT", "PATCH"], "advertise": "all"}, "PUT", "PUT, PATCH"),
        ({"allow_methods": ["PUT", "PATCH"], "advertise": "all"}, "GET", "PUT, PATCH"),
        ({"advertise": "all"}, "GET", None),
        ({"allow_methods": ["*"]}, "PURGE", "*"),
        ({"allow_methods": ["*"], "advertise": "all"}, "PURGE", "*"),
        ({"allow_methods": ["*", "PUT"]}, "PUT", "PUT"),
        ({"allow_methods": ["*"], "allow_credentials": True}, "PURGE", "PURGE"),
        ({"allow_methods": ["*"], "allow_credentials": True, "advertise": "all"}, "PUT", "PUT"),
    ],
)
def test_methods(dual, settings, method, told):
    """The one that was asked for, all, or '*': which counts without credentials only."""
    # cors R29
    result = preflight(dual, cors(**settings), A, method)

    assert ("passes" if told or method == "GET" else "fails") == outcome(result)
    assert told == result.header("access-control-allow-methods")


# Header names

WITHIN = ",".join(f"x-{number}" for number in range(NAMES_MOST))


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("x-one", "x-one"),
        ("X-One", "x-one"),
        ("x-one,x-two", "x-one,x-two"),
        ("x-two,x-one", "x-two,x-one"),
        ("x-two,X-TWO , x-one", "x-two,x-one"),
        ("x-one \t,\t x-two", "x-one,x-two"),
        (",,x-one,,", "x-one"),
        ("x-one" + "," * EMPTIES_MOST, "x-one"),
        ("," * EMPTIES_MOST + "x-one", "x-one"),
        ("," * (EMPTIES_MOST + 1) + "x-one", None),
        ("x-one" + "," * (EMPTIES_MOST + 1), None),
        ("," * 60_000, None),
        ("x-one" * 20_000, None),
        (",".join(["x-one"] * NAMES_MOST), "x-one"),
        (",".join(["x-one"] * (NAMES_MOST + 1)), None),
        (" " * (BYTES_MOST - 5) + "x-one", "x-one"),
        (" " * (BYTES_MOST - 4) + "x-one", None),
        ("x-three", None),
        ("x-one,x-three", None),
        ("x-one x-two", None),
        ("x-one;x-two", None),
        ("x-on\xe9", None),
        ("x-one\x00", None),
        ("*", None),
    ],
    ids=lambda value: None if value is None else ascii(value)[:24],
)
@pytest.mark.parametrize("credentials", [True, False])
def test_header_names(dual, names, told, credentials):
    """A list in any order and case, with blanks and empty elements, and within bounds."""
    # cors R30, cors R33
    lax = Dual(dual.protocol, lint=False)
    stack = cors(allow_headers=["X-One", "x-two"], allow_credentials=credentials)
    result = preflight(lax, stack, A, "GET", names)

    assert ("fails" if told is None else "passes") == outcome(result)
    assert told == result.header("access-control-allow-headers")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["x-one", "x-two"], "x-one,x-two"),
        (["x-one,", "", " x-two"], "x-one,x-two"),
        ([""] * EMPTIES_MOST + ["x-one"], "x-one"),
        ([""] * (EMPTIES_MOST + 1) + ["x-one"], None),
        (["x-one", "x-three"], None),
    ],
)
def test_header_names_on_several_lines(dual, lines, told):
    """They are one list (RFC 9110 §5.3)."""
    # cors R30
    more = [("Access-Control-Request-Headers", line) for line in lines]
    stack = cors(allow_headers=["x-one", "x-two"])
    result = preflight(Dual(dual.protocol, lint=False), stack, A, "GET", headers=more)

    assert ("fails" if told is None else "passes") == outcome(result)
    assert told == result.header("access-control-allow-headers")


def test_as_many_names_as_may_be(dual):
    """And not one more, whatever is allowed."""
    # cors R30
    stack = cors(allow_headers=["*"], allow_credentials=True)

    assert WITHIN == preflight(dual, stack, A, "GET", WITHIN).header("access-control-allow-headers")
    assert "fails" == outcome(preflight(dual, stack, A, "GET", f"{WITHIN},x-more"))


@pytest.mark.parametrize("names", [None, "", " ", ",", "\t,"])
@pytest.mark.parametrize("listed", [[], ["x-one"]])
def test_no_header_names(dual, names, listed):
    """Nothing is asked, so nothing is said."""
    # cors R31
    result = preflight(Dual(dual.protocol, lint=False), cors(allow_headers=listed), A, "GET", names)

    assert "passes" == outcome(result)
    assert {"allow-origin": A} == shared(result)


@pytest.mark.parametrize("name", ["accept", "accept-language", "content-language", "content-type"])
def test_nothing_is_allowed_by_itself(dual, name):
    """JSON needs Content-Type by name, unless one wants it as Starlette has it."""
    # cors R32
    assert "fails" == outcome(preflight(dual, cors(), A, "POST", name))
    result = preflight(dual, cors(allow_safelisted_headers=True), A, "POST", name)
    assert name == result.header("access-control-allow-headers")


@pytest.mark.parametrize(
    ("settings", "names", "told"),
    [
        ({"allow_headers": ["X-One", "X-Two"]}, "x-two", "x-two"),
        ({"allow_headers": ["X-One", "X-Two"], "advertise": "all"}, "x-two", "x-one,x-two"),
        ({"allow_headers": ["X-One"], "advertise": "all"}, "x-two", None),
        ({"allow_headers": ["*"]}, "x-one", "*"),
        ({"allow_headers": ["*"]}, OWN, None),
        ({"allow_headers": ["*"]}, f"x-one,{OWN}", None),
        ({"allow_headers": ["*", "Authorization"]}, f"x-one,{OWN}", "*,authorization"),
        ({"allow_headers": ["*", "Authorization"]}, OWN, "*,authorization"),
        ({"allow_headers": ["*", "Authorization"]}, "x-one", "*,authorization"),
        ({"allow_headers": ["*", "X-One"]}, "x-one", "*"),
        ({"allow_headers": ["*"]}, "x one", None),
        ({"allow_headers": ["*"], "allow_credentials": True}, "X-B,x-a", "x-b,x-a"),
        ({"allow_headers": ["*"], "allow_credentials": True}, f"x-a,{OWN}", f"x-a,{OWN}"),
        ({"allow_headers": ["*"], "allow_credentials": True}, "x\x01", None),
    ],
)
def test_header_names_that_are_told(dual, settings, names, told):
    """Those asked for, all, or '*', which never covers Authorization."""
    # cors R33
    result = preflight(Dual(dual.protocol, lint=False), cors(**settings), A, "GET", names)

    assert ("fails" if told is None else "passes") == outcome(result)
    assert told == result.header("access-control-allow-headers")


# What else is told


@pytest.mark.parametrize(
    ("age", "told"), [(None, None), (0, "0"), (-1, "0"), ("never", "0"), (1, "1"), (86400, "86400")]
)
def test_age(dual, age, told):
    """Where the preflight passes, and only there."""
    # cors R34
    stack = cors(**({} if age is None else {"max_age": age}))

    assert told == preflight(dual, stack, A, "GET").header("access-control-max-age")
    assert None is preflight(dual, stack, A, "PUT").header("access-control-max-age")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, {"allow-origin": A}),
        ({"allow_credentials": True}, {"allow-origin": A, "allow-credentials": "true"}),
        ({"allow_origins": ["*"]}, {"allow-origin": "*"}),
    ],
)
def test_who_may(dual, settings, told):
    """As on the response; credentials by the settings, for a preflight has no cookie."""
    # cors R35, cors R36
    stack = cors(**settings, expose_headers=["X-One"])

    assert told == shared(preflight(dual, stack, A, "GET"))


@pytest.mark.parametrize("origin", [A, EVIL, "nonsense"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "no method"])
@pytest.mark.parametrize("settings", [{}, {"allow_origins": ["*"]}, {"allow_credentials": True}])
def test_vary_of_preflights(dual, origin, method, settings):
    """Whatever the answer is: these headers alone make it one."""
    # cors R37
    stack = cors(**settings, allow_methods=["PUT"])

    assert [VARY] == preflight(dual, stack, origin, method).header_all("vary")


@pytest.mark.parametrize("origin", [A, EVIL])
def test_no_vary_of_preflights_on_demand(dual, origin):
    """For caches that know that OPTIONS is not cacheable (RFC 9110 §9.3.7)."""
    # cors R37
    assert [] == preflight(dual, cors(vary_preflight=False), origin, "GET").header_all("vary")


def test_vary_names_what_a_callable_looked_at(dual):
    """Preflights vary on it too; and not where they do not vary."""
    # cors R37, cors R10
    from dualware.middleware.cors import Decision

    def decide(origin, request):
        return Decision(allow=True, vary=("X-Tenant",))

    answer = preflight(dual, cors(allow_origins=decide, vary=["cookie"]), A, "GET")
    assert f"{VARY}, cookie, X-Tenant" == answer.header("vary")
    stack = cors(allow_origins=decide, vary_preflight=False)
    assert None is preflight(dual, stack, A, "GET").header("vary")


# The application answers


@pytest.mark.parametrize("status", [200, 204, 401, 404])
def test_passthrough(dual, status):
    """It keeps its status and body; the fields are ours."""
    # cors R38
    script = Script(
        status=status, headers=[("Access-Control-Allow-Methods", "TRACE"), ("Vary", "Accept")]
    )
    stack = cors(
        passthrough=True, allow_methods=["PUT"], max_age=9, expose_headers=["X"], expose_all=False
    )
    result = preflight(dual, stack, script=script)

    assert (status, 1) == (result.status, script.probe.calls)
    assert {"allow-origin": A, "allow-methods": "PUT", "max-age": "9"} == shared(result)
    assert f"Accept, {VARY}" == result.header("vary")
    denied = preflight(dual, stack, EVIL, script=script)
    assert (status, {}) == (denied.status, shared(denied))
    assert f"Accept, {VARY}" == denied.header("vary")


def test_passthrough_without_vary(dual):
    """Both settings hold."""
    # cors R38, cors R37
    result = preflight(dual, cors(passthrough=True, vary_preflight=False), A, "GET")

    assert ({"allow-origin": A}, []) == (shared(result), result.header_all("vary"))


# Where it stands


class Guard(Middleware):
    """Authentication inside: a preflight has no credentials."""

    def __init__(self):
        self.seen = 0

    def __call__(self, exchange):
        self.seen += 1
        exchange.respond(401)


def test_preflights_skip_what_is_inside(dual):
    """By construction: the answer is given before anything inside starts."""
    # cors R39
    guard = Guard()
    (own,) = cors(allow_methods=["PUT"])

    assert 204 == preflight(dual, Stack([own, guard])).status
    assert 0 == guard.seen
    refused = actual(dual, Stack([own, guard]), A, "PUT")
    assert (401, {"allow-origin": A}) == (refused.status, shared(refused))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ([("PUT", A)] * 64, 1),
        ([("PUT", A)] * 200, 1),
        ([("PUT", A)] * 63, 0),
        ([("GET", A)] * 100, 0),
        ([("PUT", "http://localhost")] * 100, 0),
        ([("PUT", None)] * 100, 0),
        ([("OPTIONS", A)] * 100, 0),
        ([("preflight", A), *[("PUT", A)] * 100], 0),
    ],
    ids=["many", "more", "few", "simple", "own", "programs", "options", "seen"],
)
def test_preflights_that_never_come(dual, asked, told, caplog):
    """Something outside answers them: told once, when many requests came that need one."""
    # cors R39
    stack = cors(allow_methods=["PUT"])
    with caplog.at_level(logging.WARNING, "dualware"):
        for method, origin in asked:
            if method == "preflight":
                preflight(dual, stack, origin)
            else:
                actual(dual, stack, origin, method)

    assert told == len([each for each in caplog.records if "none of their pre" in each.message])


def test_unknown_paths(dual):
    """Nobody asks the router: what is not there has a preflight too."""
    # cors R40
    script = Script(status=404)

    assert 204 == preflight(dual, cors(), A, "GET", script=script, path="/nowhere").status
    assert 0 == script.probe.calls


NETWORK = "Access-Control-Request-Private-Network"


@pytest.mark.parametrize(
    ("enabled", "value", "method", "told"),
    [
        (True, "true", "GET", "true"),
        (True, "TRUE", "GET", None),
        (True, "true,true", "GET", None),
        (True, "1", "GET", None),
        (True, "", "GET", None),
        (True, None, "GET", None),
        (True, "true", "PUT", None),
        (False, "true", "GET", None),
    ],
)
def test_private_networks(dual, enabled, value, method, told):
    """Only where it is on, asked for in so many words, and all else passes (CVE-2024-6221)."""
    # cors R41
    more = {} if value is None else {NETWORK: value}
    result = preflight(dual, cors(private_network=enabled), A, method, headers=more)

    assert ("passes" if method == "GET" else "fails") == outcome(result)
    assert told == result.header("access-control-allow-private-network")
    assert enabled is (NETWORK in result.header("vary"))


def test_private_networks_are_deprecated(caplog):
    """Settings that ask for them are told so."""
    # cors R41
    with caplog.at_level(logging.WARNING, "dualware"):
        cors(private_network=True)

    assert "deprecated" in caplog.text


# Answers that were made before


@pytest.mark.parametrize("status", [204, 200])
def test_the_same_answer_again(dual, status):
    """However often, and whoever asked in between."""
    # cors R53, cors R22
    stack = cors(
        allow_methods=["PUT"],
        allow_headers=["x-one"],
        **({} if status == 204 else {"success_status": status}),
    )
    first = preflight(dual, stack, A, "PUT", "x-one")
    for origin in (EVIL, A):
        preflight(dual, stack, origin, "PUT", "x-two")
    again = preflight(dual, stack, A, "PUT", "x-one")

    assert first.same_as(again)
    assert status == again.status


@pytest.mark.parametrize("outer", ["request_id", "timing"])
def test_answers_are_seen_further_out(dual, outer):
    """They have an id, and are timed."""
    # cors R24, protocols C5
    stack = load({outer: True, "cors": {"allow_origins": [A]}})
    result = preflight(dual, stack, A, "GET")
    name = {"request_id": "x-request-id", "timing": "server-timing"}[outer]

    assert 204 == result.status
    assert None is not result.header(name)
    assert {"allow-origin": A} == shared(result)
