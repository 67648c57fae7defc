"""One test, both protocols: what the fixtures give."""

import doctest
import importlib

import pytest

import dualware
import dualware.testing
from dualware import RESPONSE, Middleware, Stack
from dualware.testing import CHUNKINGS, Dual, Script


class Tag(Middleware):
    """Adds its name to the response."""

    def __init__(self, name):
        self.name = name

    def __call__(self, exchange):
        yield RESPONSE
        exchange.response.headers.append("X-Tag", self.name)


WAYS = ["request", "nested", "separate"]


@pytest.mark.parametrize("way", WAYS)
def test_middleware_in_order(dual, way):
    """The first is the outermost, in every way to wrap."""
    result = getattr(dual, way)(Script(), [Tag("outer"), Tag("inner")])

    assert ["inner", "outer"] == result.header_all("x-tag")


@pytest.mark.parametrize("way", WAYS)
def test_a_stack(dual, way):
    """Where middleware goes, a Stack goes."""
    result = getattr(dual, way)(Script(), Stack([Tag("a")]))

    assert "a" == result.header("x-tag")


@pytest.mark.parametrize("way", WAYS)
def test_settings(dual, way, monkeypatch):
    """Where middleware goes, settings go."""
    monkeypatch.setattr(
        dualware, "load", lambda settings: Stack([Tag(settings["tag"])]), raising=False
    )
    result = getattr(dual, way)(Script(), {"tag": "set"})

    assert "set" == result.header("x-tag")


def test_separate_is_not_fused(dual):
    """Between two wrappers stands one that is not ours."""
    nested = dual.wrap_nested(Script(), [Tag("a"), Tag("b")])
    separate = dual.wrap_separate(Script(), [Tag("a"), Tag("b")])

    assert type(nested) is type(separate)
    assert type(nested.app) is not type(separate.app)


def test_bare(dual):
    """Without middleware the application is driven as it is."""
    script = Script()
    wrapped = dual.wrap(script, ())

    assert type(getattr(script, dual.protocol)) is type(wrapped)


def wsgi_app(environ, start_response):
    """A WSGI application."""
    start_response("200 OK", [])
    return [environ["wsgi.url_scheme"].encode()]


async def asgi_app(scope, receive, send):
    """An ASGI application."""
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": scope["scheme"].encode()})


def test_a_pair_of_applications(dual):
    """The one of the protocol at hand is driven."""
    assert b"https" == dual.request((wsgi_app, asgi_app), scheme="https").body


def test_one_application():
    """So is an application of the protocol in use."""
    assert b"http" == Dual("wsgi").request(wsgi_app).body == Dual("asgi").request(asgi_app).body


def test_request_arguments(dual):
    """Method and path by position, the rest by name."""
    seen = []
    script = Script(on_request=lambda: seen.append("called"))
    result = dual.request(
        script, (), "POST", "/a", query="b=c", headers={"X": "y"}, script_name="/m"
    )
    wanted = {"wsgi": ("POST", "/m", "b=c"), "asgi": ("POST", "/m", b"b=c")}
    names = {
        "wsgi": ("REQUEST_METHOD", "SCRIPT_NAME", "QUERY_STRING"),
        "asgi": ("method", "root_path", "query_string"),
    }

    assert wanted[dual.protocol] == tuple(result.handed[0][name] for name in names[dual.protocol])
    assert ["called"] == seen


def test_read_some(dual):
    """A client that goes away does so under both protocols."""
    result = dual.request(Script(chunks=[b"a", b"b"], body="iterator"), read=1)

    assert (200, b"a", True) == (result.status, result.body, result.disconnected)


def test_options_of_one_protocol(dual):
    """They reach that protocol's client, its construction and its request."""
    result = dual.request(
        Script(),
        wsgi={"no_write": True, "environ": {"x.y": 1}},
        asgi={"keyword": True, "state": {"x": 1}, "backend": "asyncio"},
    )

    assert {"wsgi": ("x.y", 1), "asgi": ("state", {"x": 1})}[dual.protocol] in result.handed[
        0
    ].items()


def test_lint_can_be_turned_off(dual):
    """For one request, or for all."""
    script = Script(declare_length=True, headers=[("Content-Length", "1")])
    lint = {"lint": False}
    dual.lint = dual.protocol == "asgi"
    result = dual.request(script, asgi=lint)

    assert ["content-length"] == [each.rule for each in result.violations]


def test_backend():
    """Applications get an event loop; scripts need none."""

    async def app(scope, receive, send):
        import asyncio

        await asyncio.sleep(0)
        await asgi_app(scope, receive, send)

    assert b"http" == Dual("asgi").request(app).body


def test_repr():
    """A failing test says which protocol it was."""
    assert "Dual('wsgi')" == repr(Dual("wsgi"))


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("whole", (b"abc",)),
        ("byte_by_byte", (b"a", b"b", b"c")),
        ("with_empty", (b"", b"ab", b"", b"c", b"")),
    ],
)
def test_chunkings(name, cut):
    """The same bytes, cut in other places."""
    assert cut == CHUNKINGS[name]([b"ab", b"c"])


def test_chunking(dual, chunking):
    """However it is cut, a body is the same."""
    assert b"hello world" == dual.request(Script(chunks=chunking([b"hello ", b"world"]))).body


@pytest.mark.parametrize("name", dualware.testing.__all__)
def test_exports(name):
    """Every name is there when it is asked for."""
    vars(dualware.testing).pop(name, None)

    assert getattr(dualware.testing, name) is vars(dualware.testing)[name]


def test_no_other_export():
    """What is not there is missed in the usual words."""
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        dualware.testing.nothing  # noqa: B018 - the access is the test


@pytest.mark.parametrize(
    "name", ["asgi", "dual", "messages", "request", "result", "rules", "script", "wsgi"]
)
def test_examples(name):
    """The examples in the docstrings are true."""
    module = importlib.import_module(f"dualware.testing.{name}")

    assert 0 == doctest.testmod(module).failed
