"""Which request is what: no CORS, an actual request, a preflight.

Knows the rules of section A. Must never look at what a preflight is answered: only at whether it
is one.
"""

import pytest

from dualware.testing import ASGIClient, Dual, Script
from tests.cors.parts import EVIL, A, actual, cors, preflight, shared


@pytest.mark.parametrize(
    "origin",
    [
        "https://a.example, https://a.example",
        "https://a.example,https://b.example",
        "https://a.example https://b.example",
        " https://a.example",
        "https://a.example\t",
        "https://a.example\x7f",
        "https://\xe9.example",
        "",
        "nonsense",
        "https://a.example/",
        f"https://{'a' * 63}.{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 63}.{'f' * 30}",
        "https://a.example" + "a" * 100_000,
    ],
    ids=lambda origin: ascii(origin)[:24],
)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"allow_origins": ["https://*.example", "https://a.example:*"]},
        {"allow_origin_regex": r"(?s).*"},
        {"allow_origins": lambda origin, request: True},
    ],
    ids=["exact", "wildcards", "regex", "callable"],
)
def test_an_invalid_origin_is_denied(dual, origin, settings):
    """Never an error, never a match, whatever the patterns say; and the application runs."""
    # cors R1
    script = Script()
    lax = Dual(dual.protocol, lint=False)
    result = actual(lax, cors(**settings), origin, script=script)

    assert (200, b"hello", 1) == (result.status, result.body, script.probe.calls)
    assert {} == shared(result)
    assert ["Origin"] == result.header_all("vary")


def test_several_origin_lines_are_invalid(dual):
    """Two lines under ASGI are one folded value under WSGI: the same verdict."""
    # cors R1, cors R52
    result = actual(dual, cors(), A, headers=[("Origin", A)])

    assert {} == shared(result)
    assert "Origin" == result.header("vary")


def test_an_invalid_origin_of_a_preflight_is_denied(dual):
    """A preflight it is all the same."""
    # cors R1
    assert 403 == preflight(dual, cors(), "https://a.example, https://a.example").status


@pytest.mark.parametrize("origin", ["null", "a,b", "https://evil.example", "x" * 1000])
def test_everybody_is_everybody(dual, origin):
    """Without credentials there is nothing to protect, not even from invalid origins."""
    # cors R1
    result = actual(dual, cors(allow_origins=["*"]), origin)

    assert {"allow-origin": "*"} == shared(result)


METHOD = "Access-Control-Request-Method"


@pytest.mark.parametrize(
    ("method", "headers", "calls"),
    [
        ("OPTIONS", {"Origin": A, METHOD: "PUT"}, 0),
        ("OPTIONS", {"Origin": EVIL, METHOD: "PUT"}, 0),
        ("OPTIONS", {"Origin": A, METHOD: ""}, 0),
        ("OPTIONS", {"Origin": "", METHOD: "PUT"}, 0),
        ("OPTIONS", {"Origin": A}, 1),
        ("OPTIONS", {METHOD: "PUT"}, 1),
        ("OPTIONS", {}, 1),
        ("options", {"Origin": A, METHOD: "PUT"}, 1),
        ("GET", {"Origin": A, METHOD: "PUT"}, 1),
        ("PUT", {"Origin": A, METHOD: "PUT"}, 1),
        ("QUERY", {"Origin": A, METHOD: "PUT"}, 1),
    ],
)
def test_what_is_a_preflight(dual, method, headers, calls):
    """OPTIONS with both headers, even empty ones; everything else is the application's."""
    # cors R2, cors R3, cors R6
    script = Script()
    Dual(dual.protocol, lint=False).request(
        script, cors(allow_methods=["*"]), method, headers=headers
    )

    assert calls == script.probe.calls


def test_options_of_the_application(dual):
    """Without the method that it asks for, OPTIONS is a request like others."""
    # cors R3
    stack = cors(allow_credentials=True, max_age=5)

    assert {"allow-origin": A, "allow-credentials": "true"} == shared(
        actual(dual, stack, A, "OPTIONS")
    )
    assert {} == shared(actual(dual, stack, None, "OPTIONS", {METHOD: "PUT"}))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("status", [200, 201, 302, 304, 401, 404, 500])
def test_no_request_is_stopped_because_of_its_origin(dual, method, status):
    """A page of the same origin sends Origin with POST too."""
    # cors R4
    script = Script(status=status)
    result = actual(dual, cors(), EVIL, method, script=script)

    assert (status, 1) == (result.status, script.probe.calls)


def test_lifespan_passes():
    """No business of CORS. ASGI only: WSGI has none."""
    # cors R5
    lifespan = ASGIClient(cors().asgi(Script().asgi)).lifespan_sync()

    assert "complete" == lifespan.startup


@pytest.mark.parametrize("name", ["origin", "ORIGIN", "oRiGiN"])
def test_header_names_in_any_case(name):
    """ASGI servers should write them in lower case; who does not is understood.

    ASGI only: under WSGI there is one spelling for all.
    """
    # cors R6, protocols A7
    raw = [(b"host", b"x"), (name.encode(), A.encode())]
    client = ASGIClient(cors().asgi(Script().asgi), lint=False)

    assert {"allow-origin": A} == shared(client.request_sync(scope={"headers": raw}))
    assert {} == shared(client.request_sync(scope={"headers": [*raw, *raw]}))


@pytest.mark.parametrize("names", [("ORIGIN", METHOD.upper()), ("origin", METHOD.lower())])
def test_header_names_of_a_preflight_in_any_case(names):
    """As above."""
    # cors R6
    raw = [(name.encode(), value) for name, value in zip(names, (A.encode(), b"PUT"), strict=True)]
    client = ASGIClient(cors(allow_methods=["PUT"]).asgi(Script().asgi), lint=False)

    assert 204 == client.request_sync("OPTIONS", scope={"headers": raw}).status
    repeated = client.request_sync("OPTIONS", scope={"headers": [*raw, *raw]})
    assert 403 == repeated.status


@pytest.mark.parametrize(("method", "status"), [("PATCH", 204), ("patch", 403), ("Patch", 403)])
def test_methods_in_their_case(dual, method, status):
    """RFC 9110 §9.1: they are case-sensitive."""
    # cors R6, cors R29
    assert status == preflight(dual, cors(allow_methods=["PATCH"]), method=method).status
