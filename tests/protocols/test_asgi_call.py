"""The call of an ASGI application: names, scopes, lifespan (protocols A1 to A9)."""

import inspect

import pytest

from dualware import Stack
from dualware.testing import ABSENT, ASGIClient, Script
from dualware.testing.asgi import Inside, PassThrough, build_scope
from tests.protocols.asgi_parts import (
    PATHS,
    UNTOUCHED,
    Asking,
    Head,
    Observer,
    Server,
    body,
    sending,
    start,
    wrap,
)


def asked(ask, *, kind="http", **options):
    """What ``ask`` gets to see of a request."""
    answers = []
    app = wrap(sending(start(), body()), Asking(lambda exchange: answers.append(ask(exchange))))
    assert Server({"type": "websocket.connect"}).call(app, build_scope(kind, **options)) is None
    return answers[0]


def field(name, **options):
    """One field of the request."""
    return asked(lambda exchange: getattr(exchange.request, name), **options)


# The call


def test_names_of_parameters():
    """The parameters are called as the specification calls them: daphne passes them so."""
    # protocols A1
    wrapper = wrap(Script().asgi, Head())

    assert ["scope", "receive", "send"] == list(inspect.signature(wrapper).parameters)
    assert "1" == ASGIClient(wrapper, keyword=True).request_sync().header("x-head")


def test_servers_see_a_coroutine_function():
    """Servers tell ASGI 3 from ASGI 2 by asking for a coroutine function."""
    # protocols A1
    wrapper = wrap(Script().asgi)

    assert inspect.iscoroutinefunction(type(wrapper).__call__)
    assert inspect.iscoroutinefunction(wrapper.__call__)


@pytest.mark.parametrize("path", PATHS)
def test_returns_none(path):
    """What the application returns goes no further."""
    # protocols A2

    async def app(scope, receive, send):
        await sending(start(), body(b"x"))(scope, receive, send)
        return "something"

    assert ASGIClient(wrap(app, *PATHS[path]([]))).request_sync().returned is None


@pytest.mark.parametrize("kind", ["http", "websocket", "lifespan", "strange"])
def test_returns_none_without_a_flow(kind):
    """Nor where no middleware takes part."""
    # protocols A2

    async def app(scope, receive, send):
        return "something"

    server = Server()
    with pytest.raises(StopIteration) as stop:
        wrap(app)(build_scope(kind), server.receive, server.send).send(None)

    assert stop.value.value is None


# Scopes that are no exchange


@pytest.mark.parametrize("kind", ["lifespan", "strange", "websocket"])
@pytest.mark.parametrize("way", ["plain", "held"])
def test_other_scopes_pass_by(kind, way):
    """The application gets the very objects; a websocket does where nobody opted in."""
    # protocols A3, A31
    got = []

    async def app(scope, receive, send):
        got.append((scope, receive, send))

    server = Server()
    scope, receive, send = build_scope(kind), server.receive, server.send
    middleware = [each for each in PATHS[way]([]) if not each.websocket]
    list(wrap(app, *middleware)(scope, receive, send).__await__())

    assert [True] == [a is scope and b is receive and c is send for a, b, c in got]


@pytest.mark.parametrize("kind", ["lifespan", "strange"])
def test_errors_of_other_scopes(kind):
    """Django raises ValueError for a lifespan; the server gets that very error."""
    # protocols A3, A4
    error = ValueError(kind)
    raised = Server().run(wrap(sending(then=error), Observer([])), kind=kind)

    assert raised is error
    assert (None, None) == (error.__cause__, error.__context__)


def test_lifespan_is_the_applications():
    """It is neither answered nor delayed, and its state is the application's to fill."""
    # protocols A4, A9
    result = ASGIClient(wrap(Script().asgi, Head(), Observer([]))).lifespan_sync()

    assert ("complete", "complete", {}) == (result.startup, result.shutdown, result.state)


def test_lifespan_is_not_needed():
    """Daphne never sends one; the first request works without."""
    # protocols A4
    assert 200 == ASGIClient(wrap(Script().asgi, Head())).request_sync().status


# The scope


@pytest.mark.parametrize("path", PATHS)
def test_same_scope(path):
    """The application gets the server's own scope, unchanged, with its state in it."""
    # protocols A5, A9
    got = []

    async def app(scope, receive, send):
        scope["route"] = "/{item}"
        got.append(scope)
        await sending(start(), body(b"x"))(scope, receive, send)

    scope = build_scope(state={"pool": 1}, extensions={"tls": {}})
    before = {**scope}
    state, extensions = scope["state"], scope["extensions"]
    assert Server().call(wrap(app, *PATHS[path]([])), scope) is None

    assert [True] == [each is scope for each in got]
    # Outer layers read the route afterwards.
    assert {**before, "route": "/{item}"} == scope
    assert state is scope["state"]
    assert extensions is scope["extensions"]
    assert ({"pool": 1}, {"tls": {}}) == (state, extensions)


def test_changed_header_copies_the_scope():
    """A request header that we set is in a shallow copy, which only the application sees."""
    # protocols A5, A9
    got = []

    async def app(scope, receive, send):
        got.append(scope)
        await sending(start(), body())(scope, receive, send)

    def ask(exchange):
        exchange.request.header("x-id")
        exchange.request.set_header("x-id", "new")
        got.append(exchange.request.header("x-id"))

    headers = [(b"X-Id", b"old"), (b"a", b"1"), (b"x-id", b"older")]
    scope = build_scope(scope={"headers": headers}, state={})
    state, before = scope["state"], {**scope}
    assert Server().call(wrap(app, Asking(ask)), scope) is None

    assert before == scope
    assert [(b"X-Id", b"old"), (b"a", b"1"), (b"x-id", b"older")] == headers
    assert "new" == got[0]
    assert {**before, "headers": [(b"a", b"1"), (b"x-id", b"new")]} == got[1]
    assert state is got[1]["state"]


def test_changed_header_of_a_session():
    """A websocket session is called with the copy too."""
    # protocols A5
    got = []

    async def app(scope, receive, send):
        got.append(scope)

    asking = Asking(lambda exchange: exchange.request.set_header("x-id", "new"))
    scope = build_scope("websocket", scope={"headers": []})
    assert Server().call(wrap(app, asking), scope) is None

    assert ([], [(b"x-id", b"new")]) == (scope["headers"], got[0]["headers"])


def test_expose_in_the_state():
    """What is shown to the application stands in the state, where there is one."""
    # protocols A5
    asking = Asking(lambda exchange: exchange.request.expose("request_id", "a"))
    app = wrap(Inside(sending(start(), body())), asking)
    with_state = ASGIClient(app).request_sync(state={})
    without = ASGIClient(app).request_sync()

    assert {"request_id": "a"} == with_state.handed[0]["state"]
    assert "state" not in without.handed[0]


ALL = (
    "kind", "method", "scheme", "path", "route_path", "raw_path", "query", "http_version",
    "client", "trailers",
)  # fmt: skip


def everything(exchange):
    """All that a middleware can ask of a request."""
    request = exchange.request
    return (*(getattr(request, name) for name in ALL), request.header("host"))


def test_full_scope():
    """What the server says."""
    # protocols A6
    seen = asked(
        everything,
        method="PUT",
        path="/é",
        query="a=%20",
        scheme="https",
        headers={"TE": "gzip, trailers;q=0.5", "Host": "h"},
        extensions={"http.response.trailers": {}},
    )

    assert (
        "http", "PUT", "https", "/é", "/é", "/%C3%A9", "a=%20", "1.1", ("127.0.0.1", 50000), True,
        "h",
    ) == seen  # fmt: skip


def test_scope_of_daphne():
    """Extensions, state and spec_version are absent, a websocket has neither scheme nor version."""
    # protocols A6
    gone = dict.fromkeys(("asgi", "scheme", "http_version", "client", "server"), ABSENT)
    seen = asked(everything, kind="websocket", headers={"Host": "h"}, scope=gone)

    assert ("websocket", "GET", "ws", "/", "/", "/", "", None, None, False, "h") == seen


def test_almost_empty_scope():
    """Nothing but the type: what is asked for has a default."""
    # protocols A6
    seen = []
    app = wrap(sending(start(), body()), Asking(lambda exchange: seen.append(everything(exchange))))
    error = Server().call(app, {"type": "http"})

    assert error is None
    assert [("http", "GET", "http", "", "", "", "", None, None, False, None)] == seen


@pytest.mark.parametrize("path", PATHS)
def test_empty_scope_needs_no_flow_to_care(path):
    """Nor does the driver itself need more, on any of its ways."""
    # protocols A6
    server = Server()

    assert (
        server.call(wrap(sending(start(), body(b"x")), *PATHS[path]([])), {"type": "http"}) is None
    )
    assert ["start", "body"] == server.types


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (None, None),  # the server does not know
        (("", 0), None),  # a Unix socket under uvicorn
        (["h", 1], ("h", 1)),
        (("h", "80"), ("h", 80)),  # granian
        (("h", None), ("h", None)),
        (("h", "none"), ("h", None)),
        (("h",), ("h", None)),
    ],
)
def test_client(client, expected):
    """Client and port may be None, text or not there."""
    # protocols A6
    assert expected == field("client", scope={"client": client})


def test_trailers_need_both_sides():
    """Trailers are taken where the server offers them and the client says so."""
    # protocols A6
    offer = {"http.response.trailers": {}}

    assert not field("trailers", headers={"TE": "trailers"}, extensions={})
    assert not field("trailers", headers={"TE": "gzip"}, extensions=offer)
    assert not field("trailers", extensions=offer)
    assert field("trailers", headers={"TE": "Trailers"}, extensions=offer)


def test_extensions_pass():
    """The extensions are the server's, tls among them."""
    # protocols A6
    extensions = {"tls": {"client_cert_error": None}}
    result = ASGIClient(wrap(Script().asgi, Observer([]))).request_sync(extensions=extensions)

    assert extensions == result.handed[0]["extensions"]


@pytest.mark.parametrize("make", [list, tuple, lambda pairs: dict(enumerate(pairs)).values()])
@pytest.mark.parametrize("pair", [list, tuple])
def test_header_lookup(make, pair):
    """Any iterable of pairs, names in any case, duplicates folded, Cookie in its own way."""
    # protocols A7
    raw = [
        (b"Accept", b"a"), (b"cookie", b"x=1"), (b"accept", b"b"), (b"Cookie", b"y=2"),
        (b"ACCEPT", b"\xe9"), (b"cookie", b"z=3"), (b"x_id", b"no"), (b"host", b"h"),
    ]  # fmt: skip
    headers = make([pair(each) for each in raw])
    names = ("accept", "cookie", "host", "x-id", "none")
    seen = asked(
        lambda exchange: [exchange.request.header(name) for name in names],
        scope={"headers": headers},
    )

    assert ["a,b,é", "x=1; y=2; z=3", "h", None, None] == seen


@pytest.mark.parametrize(
    ("mount", "path", "full", "route"),
    [
        ("", "/a", "/a", "/a"),
        ("/api", "/api/a", "/api/a", "/a"),  # the specification: the path has the mount
        ("/api", "/a", "/api/a", "/a"),  # FastAPI(root_path="/api"): it has not
        ("/foo", "/foobar", "/foo/foobar", "/foobar"),  # no prefix on a segment boundary
        ("/foo", "/foo", "/foo", ""),
        ("/api/", "/api/a", "/api/a", "/a"),  # a slash too many
        ("/api/", "/a", "/api/a", "/a"),
    ],
)
def test_full_path(mount, path, full, route):
    """The path has the mount exactly once, whether or not the server put it there."""
    # protocols A8
    options = {"scope": {"root_path": mount, "path": path, "raw_path": path.encode()}}

    assert full == field("path", **options)
    assert route == field("route_path", **options)
    assert full == field("raw_path", **options)


def test_raw_path():
    """It is as sent where the server tells it, made from the path elsewhere, and has no query."""
    # protocols A8
    assert "/a%2fb" == field("raw_path", path="/a/b", raw_path=b"/a%2fb?x=1")
    assert "/a%20b/%C3%A9;v=1" == field("raw_path", path="/a b/é;v=1", scope={"raw_path": None})


# Wrappers around wrappers


def test_fused():
    """A wrapper directly around a wrapper runs as one, with the same headers."""
    # protocols A25
    inner = wrap(Script().asgi, Head("X-Inner"))
    outer = wrap(inner, Head("X-Outer"))
    result = ASGIClient(outer).request_sync()

    assert inner is outer.app
    assert ["x-inner", "x-outer"] == [name for name, _ in result.headers if name[:2] == "x-"]
    assert f"ASGIWrapper({inner!r})" == repr(outer)


def test_own_call_stays_apart():
    """A wrapper that does something of its own when called is not passed over."""
    # protocols A1
    called = []

    class Mine(type(wrap(sending()))):
        async def __call__(self, scope, receive, send):
            called.append(scope["type"])
            await super().__call__(scope, receive, send)

    inner = Mine(Script().asgi, Stack([Head("X-Inner")]))
    result = ASGIClient(wrap(inner, Head("X-Outer"))).request_sync()

    assert ["http"] == called
    assert ("1", "1") == (result.header("x-inner"), result.header("x-outer"))


@pytest.mark.parametrize("path", UNTOUCHED)
def test_same_middleware_inside_passes_through(path):
    """Met again inside the exchange, with foreign middleware between, it runs once."""
    # protocols A29
    seen = []
    middleware = [*UNTOUCHED[path](seen), Head()]
    inner = wrap(Script().asgi, *middleware)
    result = ASGIClient(wrap(PassThrough(inner), *middleware)).request_sync()

    assert "1" == result.header("x-head")
    assert [("END", "completed")] * (path != "plain") == seen


def test_other_middleware_inside_joins():
    """What did not run yet runs inside, and is part of the same exchange."""
    # protocols A29
    seen, records = [], []
    outer, inner = Head("X-Outer"), Head("X-Inner")
    asking = Asking(lambda exchange: records.append(exchange.record))
    innermost = wrap(Script().asgi, inner)
    middle = wrap(PassThrough(innermost), inner, outer, Observer(seen), asking)
    also = Asking(lambda exchange: records.append(exchange.record))
    result = ASGIClient(wrap(PassThrough(middle), outer, also)).request_sync()

    assert ("1", "1") == (result.header("x-inner"), result.header("x-outer"))
    assert [("END", "completed")] == seen
    assert records[0] is records[1]
