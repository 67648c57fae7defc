"""Who may open a websocket: browsers ask no leave, and send the user's cookies.

Knows the rules of section G. ASGI only: WSGI has no websockets.
"""

import asyncio

import pytest

from dualware import load
from dualware.testing import ASGIClient
from tests.cors.parts import EVIL, A, B, cors

DENIAL = {"websocket.http.response": {}}


class App:
    """Accepts every session, and counts them."""

    def __init__(self):
        self.calls = 0

    async def __call__(self, scope, receive, send):
        self.calls += 1
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})


def opens(stack, origin, backend=None, **options):
    """Whether a session opens. Where it does not, nobody saw it, and 403 says so."""
    app = App()
    headers = [] if origin is None else [("origin", origin)]
    headers += options.pop("headers", [])
    client = ASGIClient(stack.asgi(app))
    for extensions in (None, DENIAL):
        app.calls = 0
        result = client.websocket_sync(
            headers=headers, extensions=extensions, backend=backend, **options
        )

        assert result.accepted is (app.calls == 1)
        assert (101 if result.accepted else 403) == result.status
        assert [] == [name for name, _ in result.headers if name.startswith("access-control")]
        if not result.accepted and extensions is None:
            assert 1008 == result.close_code
    return result.accepted


@pytest.mark.parametrize("origin", [None, A, EVIL, "null"])
def test_nobody_asks_by_default(origin):
    """Without the setting sessions go by, untouched."""
    # cors R54
    stack = cors()
    (middleware,) = stack

    assert not middleware.websocket
    assert opens(stack, origin)


@pytest.mark.parametrize(
    ("setting", "origin", "expected"),
    [
        ([A], A, True),
        ([A], EVIL, False),
        ([A], B, False),
        ([A], "null", False),
        ([A], "nonsense", False),
        ([A], None, True),
        (["https://*.example"], EVIL, True),
        (["https://b.example:*"], "https://b.example:9", True),
        (["*"], EVIL, True),
        (["*"], "null", True),
        ([], A, False),
        ("same-policy", A, True),
        ("same-policy", EVIL, False),
        ("same-policy", "https://x.shop.example", True),
        ("same-policy", "https://shop.example", False),
        ("same-policy", None, True),
    ],
)
def test_who_may_open(setting, origin, expected):
    """A list of its own, or those who may read responses."""
    # cors R54
    stack = cors(allow_origins=[A, "https://*.shop.example"], websocket_origins=setting)

    assert expected is opens(stack, origin)


@pytest.mark.parametrize(
    ("scheme", "host", "origin", "expected"),
    [
        ("ws", "shop.example", "http://shop.example", True),
        ("wss", "shop.example", "https://shop.example", True),
        ("wss", "shop.example", "http://shop.example", False),
        ("ws", "shop.example", "https://shop.example", False),
        ("wss", "shop.example:443", "https://shop.example", True),
        ("ws", "shop.example:80", "http://shop.example", True),
        ("wss", "shop.example:8443", "https://shop.example:8443", True),
        ("wss", "shop.example:8443", "https://shop.example", False),
        ("wss", "SHOP.example", "https://shop.example", True),
        ("wss", "shop.example", "https://shop.example.evil", False),
        ("wss", "shop.example", "https://evil.shop.example", False),
        ("wss", "shop.example", "null", False),
        ("wss", "shop.example", None, True),
    ],
)
def test_the_same_origin(scheme, host, origin, expected):
    """The page has the scheme of the session, without the socket, and the host that it asked."""
    # cors R54
    stack = cors(websocket_origins="same-origin")

    assert expected is opens(stack, origin, scheme=scheme, headers=[("host", host)])


@pytest.mark.parametrize("setting", [None, [A], ["*"], "same-policy", "same-origin"])
def test_programs_may_be_refused(setting):
    """They send no Origin."""
    # cors R54
    settings = {} if setting is None else {"websocket_origins": setting}

    assert opens(cors(**settings), None)
    assert not opens(cors(**settings, require_origin=True), None)


def test_two_origins_open_nothing():
    """They are no origin."""
    # cors R54, cors R1
    assert not opens(cors(websocket_origins=[A]), A, headers=[("origin", A)])


@pytest.mark.parametrize("credentials", [True, False])
def test_everybody_has_to_be_said(credentials):
    """That everybody may read responses does not open sessions, which have cookies."""
    # cors R55
    with pytest.raises(ValueError, match="come with cookies"):
        cors(allow_origins=["*"], websocket_origins="same-policy")
    assert not opens(cors(allow_origins=["*"], websocket_origins=[A]), EVIL)
    assert opens(cors(allow_origins=["*"], websocket_origins=["*"]), EVIL)


def test_a_callable_decides():
    """The same as for responses, awaited or not."""
    # cors R54, cors R10

    async def later(origin, request):
        await asyncio.sleep(0)
        return origin == A and request.kind == "websocket"

    def at_once(origin, request):
        return origin == A and request.kind == "websocket"

    for decide in (at_once, later):
        stack = cors(allow_origins=decide, websocket_origins="same-policy")
        assert opens(stack, A, backend="asyncio")
        assert not opens(stack, EVIL, backend="asyncio")


@pytest.mark.parametrize(
    ("origin", "reason"),
    [(A, None), (EVIL, "origin-denied"), (None, "no-origin"), ("", "origin-invalid")],
)
def test_explained(origin, reason):
    """As all verdicts are."""
    # cors R47, cors R54
    from tests.cors.test_policies import Recorder

    recorder = Recorder()
    settings = {"websocket_origins": [A], "require_origin": True, "explain": True}
    (own,) = load({"cors": settings})
    from dualware import Stack

    opens(Stack([recorder, own]), origin)

    assert {("websocket", reason)} == {(each["kind"], each["reason"]) for each in recorder.events}
