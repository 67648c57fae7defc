"""The WSGI driver: how it is called, and what it does to the environ (protocols W1 to W11).

Holds the driver to the rules with raw clients. Must never test a policy of its own: the
middleware here are as small as they can be.
"""

import gc
import inspect
import io
import pickle
import weakref

import pytest

from dualware import Stack
from dualware.testing import ABSENT, FileWrapper, Script, WSGIClient
from dualware.testing.wsgi import build_environ
from dualware.wsgi import RequestIDMiddleware, wrapper
from dualware.wsgi.driver import WSGIWrapper
from tests.protocols.wsgi_parts import EVERY_KIND, TEXT, Acts, Adds, Ends, Started, drive, stacked

ITERATOR = Script(body="iterator", chunks=[b"a", b"b"])


# The call


def test_plain_method():
    """Servers that read the head right after the call need it to run at once."""
    # protocols W1

    assert not inspect.isgeneratorfunction(WSGIWrapper.__call__)
    assert not inspect.iscoroutinefunction(WSGIWrapper.__call__)
    assert ["self", "environ", "start_response"] == list(
        inspect.signature(WSGIWrapper.__call__).parameters
    )


@EVERY_KIND
def test_called_once_positionally_eagerly(kind):
    """The application is called once, by position, before the call returns."""
    # protocols W1
    calls = []

    def app(*args, **kwargs):
        calls.append((len(args), kwargs))
        args[1]("200 OK", [TEXT])
        return iter([b"a"])

    stacked(kind, app)(build_environ(), Started())

    assert [(2, {})] == calls


@EVERY_KIND
def test_same_environ(kind):
    """The application gets the server's own dict."""
    # protocols W2
    script = Script()
    result = WSGIClient(stacked(kind, script.wsgi)).request()

    assert dict is type(script.probe.handed[0][0])
    assert result.handed[0] is script.probe.handed[0][0]


def test_same_environ_without_middleware():
    """An empty stack hands everything over as it is."""
    # protocols W2
    # protocols W12
    script = Script()
    result = drive(script.wsgi).request()

    assert result.handed == script.probe.handed[0]
    assert result.returned is script.probe.returned[0]


@pytest.mark.parametrize("broken", [None, 3, "app"])
def test_not_callable(broken):
    """What can't be called is refused when it is wrapped."""
    with pytest.raises(TypeError, match="must be callable"):
        Stack([Adds()]).wsgi(broken)


def test_repr():
    """A wrapper shows what it wraps."""
    assert f"WSGIWrapper({ABSENT.__init__!r})" == repr(WSGIWrapper(ABSENT.__init__, Stack()))


def test_pickle():
    """A wrapper pickles as what it does: its application and its stack."""
    copy = pickle.loads(pickle.dumps(Stack([Adds()]).wsgi(application)))

    assert "1" == WSGIClient(copy).request().header("X-Adds")


def application(environ, start_response):
    """An application that can be found by its name."""
    start_response("200 OK", [TEXT])
    return []


def test_wrapper():
    """A middleware class becomes a wrapper class, which takes the application first."""
    wrapped = wrapper(Adds)

    assert "Adds" == wrapped.__name__
    assert "app" == next(iter(inspect.signature(wrapped).parameters))
    result = WSGIClient(wrapped(application, "X-Own", value="2")).request()
    assert "2" == result.header("X-Own")


def test_neighbours_are_fused():
    """A wrapper around a wrapper runs as one, unless it is called in a way of its own."""

    class Own(WSGIWrapper):
        def __call__(self, environ, start_response):
            calls.append(environ["PATH_INFO"])
            return super().__call__(environ, start_response)

    calls = []
    script = Script()
    for inner in (WSGIWrapper, Own):
        wrapped = Stack([Adds("X-Outer")]).wsgi(inner(script.wsgi, Stack([Adds()])))
        result = WSGIClient(wrapped).request()

        assert ("1", "1") == (result.header("X-Outer"), result.header("X-Adds"))
    assert ["/"] == calls


# The environ


def test_our_keys_have_a_dot():
    """A key without a dot would have to be a native string."""
    # protocols W3

    def act(exchange):
        exchange.request.expose("number", 3)
        exchange.request.set_header("x-request-id", "abc")

    script = Script()
    environ = drive(script.wsgi, Acts(act, None), lint="chain").request().handed[0]

    assert (3, "abc") == (environ["dualware.number"], environ["HTTP_X_REQUEST_ID"])
    assert {"dualware.number", "HTTP_X_REQUEST_ID"} == set(environ) - set(build_environ())


@EVERY_KIND
@pytest.mark.parametrize("body", ["list", "iterator", "file"])
def test_file_wrapper_stays(kind, body):
    """gunicorn looks its file wrapper up again after the call."""
    # protocols W4
    result = WSGIClient(stacked(kind, Script(body=body).wsgi)).request()

    assert result.handed[0]["wsgi.file_wrapper"] is FileWrapper


def read_everything(request):
    """All that a middleware can ask a request."""
    return (
        request.kind,
        request.method,
        request.scheme,
        request.path,
        request.route_path,
        request.raw_path,
        request.query,
        request.http_version,
        request.client,
        request.header("host"),
        request.trailers,
    )


def asked(environ):
    """What a middleware is told of this very environ."""
    told = []

    def app(environ, start_response):
        start_response("200 OK", [])
        return []

    drive(app, Acts(lambda exchange: told.append(read_everything(exchange.request)))).run(environ)
    return told[0]


def test_empty_environ():
    """Test clients hand over less than PEP 3333 demands."""
    # protocols W5

    assert ("http", "GET", "http", "", "", "", "", None, None, None, False) == asked({})


@EVERY_KIND
@pytest.mark.parametrize("body", ["list", "iterator", "write"])
def test_nearly_empty_environ(kind, body):
    """Every path of the driver works without any key."""
    # protocols W5
    result = WSGIClient(stacked(kind, Script(body=body).wsgi)).run({"wsgi.errors": None})

    assert (200, None) == (result.status, result.error)


@pytest.mark.parametrize(
    ("port", "client"),
    [
        (ABSENT, ("127.0.0.1", None)),
        ("50000", ("127.0.0.1", 50000)),
        # Werkzeug's is an int.
        (50000, ("127.0.0.1", 50000)),
        ("", ("127.0.0.1", None)),
    ],
)
def test_remote_port(port, client):
    """REMOTE_PORT is absent, a string or an int."""
    # protocols W5
    environ = build_environ(environ={"REMOTE_PORT": port})

    assert client == asked(environ)[8]


def test_server_port_is_an_int():
    """hypercorn's and Starlette's are."""
    # protocols W5
    environ = build_environ(environ={"SERVER_PORT": 80})

    assert "/" == asked(environ)[3]


def test_no_client():
    """Behind a Unix socket the address is empty."""
    # protocols W5
    environ = build_environ(environ={"REMOTE_ADDR": ""})

    assert asked(environ)[8] is None


@pytest.mark.parametrize(
    ("protocol", "version"),
    [("HTTP/1.0", "1.0"), ("HTTP/1.1", "1.1"), ("HTTP/2.0", "2"), ("HTTP/3", "3"), ("", None)],
)
def test_http_version(protocol, version):
    """As ASGI says it, whatever the server says."""
    # protocols W5
    environ = build_environ(environ={"SERVER_PROTOCOL": protocol})

    assert version == asked(environ)[7]


def header_of(name, **keys):
    """A request header as middleware see it, with these keys in the environ."""
    told = []
    act = Acts(lambda exchange: told.append(exchange.request.header(name)))
    drive(Script().wsgi, act).request(environ=keys)
    return told[0]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        # PEP 3333, "environ Variables": these two come without HTTP_.
        ("content-type", "CONTENT_TYPE"),
        ("content-length", "CONTENT_LENGTH"),
        ("accept-encoding", "HTTP_ACCEPT_ENCODING"),
    ],
)
def test_header_keys(name, key):
    """Headers are found under the keys that CGI gave them."""
    # protocols W6

    assert "3" == header_of(name, **{key: "3"})
    assert header_of(name, **{key: ABSENT}) is None


@pytest.mark.parametrize("value", ["1,2", "1, 2", "2"])
def test_repeated_headers(value):
    """They arrive as the server joined them."""
    # protocols W6

    assert value == header_of("x-forwarded-for", HTTP_X_FORWARDED_FOR=value)


@pytest.mark.parametrize("value", ["a b", "a\x7f", "é", "x" * 2000, "<script>", ""])
def test_spoofed_request_id(value):
    """`X_Request_Id` gets past proxies which drop `X-Request-Id`.

    So the value is validated however it came.
    """
    # protocols W7
    client = WSGIClient(RequestIDMiddleware(Script().wsgi, trust="validated"))
    sent = client.request(environ={"HTTP_X_REQUEST_ID": value}).header("X-Request-ID")

    assert sent is not None
    assert value != sent


@pytest.mark.parametrize(
    ("path", "told"),
    [
        # PEP 3333, "Unicode Issues": UTF-8 that is shown as Latin-1.
        ("/caf\xc3\xa9", "/café"),
        ("/\xff", "/\ufffd"),
        # cheroot keeps it.
        ("/a%2Fb", "/a%2Fb"),
        # Django writes text over the bytes, while the exchange still goes on.
        ("/日本", "/日本"),
    ],
)
def test_path(path, told):
    """Paths are decoded, and the mount point stands in front."""
    # protocols W8
    environ = build_environ(environ={"PATH_INFO": path, "SCRIPT_NAME": "/app"})

    assert ("/app" + told, told) == asked(environ)[3:5]


@pytest.mark.parametrize(
    ("keys", "raw"),
    [
        ({"RAW_URI": "/a%2fb?c=d", "REQUEST_URI": "/other"}, "/a%2fb"),
        ({"REQUEST_URI": "/a%2fb?c=d"}, "/a%2fb"),
        # RFC 9112 §3.2.2: the absolute form.
        ({"REQUEST_URI": "http://example.org/a%2fb?c=d"}, "/a%2fb"),
        ({"REQUEST_URI": "http://example.org"}, "/"),
        # A path may hold a URL.
        ({"REQUEST_URI": "/http://example.org/"}, "/http://example.org/"),
        ({"REQUEST_URI": "*"}, "*"),
        ({}, "/app/caf%C3%A9%20(1)"),
    ],
)
def test_raw_path(keys, raw):
    """The target as sent where the server tells it, else quoted anew."""
    # protocols W8
    given = {"PATH_INFO": "/caf\xc3\xa9 (1)", "SCRIPT_NAME": "/app", **keys}
    environ = build_environ(environ=given)

    assert raw == asked(environ)[5]


def test_raw_path_of_text():
    """Quoted like any other, where a framework wrote text over the bytes."""
    # protocols W8
    environ = build_environ(environ={"PATH_INFO": "/日本"})

    assert "/%E6%97%A5%E6%9C%AC" == asked(environ)[5]


@EVERY_KIND
def test_input_is_not_touched(kind):
    """Nobody reads the request body but the application, as it likes."""
    # protocols W9
    streams = []

    def app(environ, start_response):
        stream = environ["wsgi.input"]
        streams.append(stream)
        answer = [stream.read(1), stream.readline(2), *stream.readlines(3), *stream]
        start_response("200 OK", [TEXT])
        return answer

    environ = build_environ(method="POST", body=b"ab\ncd\n")
    stream = environ["wsgi.input"]
    result = WSGIClient(stacked(kind, app)).run(environ)

    assert ["read(1)", "readline(2)", "readlines(3)", "iter()"] == result.reads
    assert streams[0] is stream


@EVERY_KIND
def test_input_stays_unread(kind):
    """A body that the application does not want is not read either."""
    # protocols W9
    result = WSGIClient(stacked(kind, ITERATOR.wsgi)).request("POST", body=b"abc")

    assert [] == result.reads


@EVERY_KIND
@pytest.mark.parametrize("body", ["list", "iterator", "write", "file"])
def test_unknown_keys(kind, body):
    """gunicorn's early hints, waitress' disconnect and the rest stay."""
    # protocols W10
    keys = {
        "wsgi.early_hints": print,
        "waitress.client_disconnected": bool,
        "asgi.scope": {"type": "http"},
        "x.unknown": object(),
    }
    environ = build_environ(environ=keys)
    before = dict(environ)
    WSGIClient(stacked(kind, Script(body=body).wsgi)).run(environ)

    assert before == environ


class Environ(dict):
    """A dict to which a weak reference can be had."""


class Items:
    """A body that knows nothing of its request."""

    def __init__(self, *items):
        self.items = items

    def __iter__(self):
        return iter(self.items)


@EVERY_KIND
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "make",
    [
        list,
        Items,
        lambda: Items(b"a", b"b"),
        lambda: FileWrapper(io.BytesIO(b"a")),
        lambda: map(bytes, [b"a"]),
    ],
)
def test_environ_is_let_go(kind, method, make):
    """Whoever keeps the body or the exchange keeps no environ."""
    # protocols W11
    kept = []

    def app(environ, start_response):
        start_response("200 OK", [TEXT])
        return make()

    environ = Environ(build_environ(method=method))
    watcher = weakref.ref(environ)
    wrapped = Stack([Acts(kept.append, None)]).wsgi(stacked(kind, app))
    body = wrapped(environ, Started())
    kept.append(body)
    getattr(body, "close", int)()
    del environ

    assert watcher() is None
    assert "" == kept[0].request.path


def test_environ_is_let_go_when_the_application_raises():
    """The traceback keeps the frames, the exchange keeps nothing."""
    # protocols W11
    kept = []

    def app(environ, start_response):
        raise KeyError

    environ = Environ(build_environ())
    with pytest.raises(KeyError):
        drive(app, Acts(kept.append, None), Ends()).app(environ, Started())

    assert not any(each is kept[0] for each in gc.get_referrers(environ))
    assert {} == kept[0]._source


def test_answers_let_the_environ_go():
    """Also where the application never ran."""
    # protocols W11
    kept = []

    def act(exchange):
        kept.append(exchange)
        exchange.respond(204)

    environ = Environ(build_environ())
    watcher = weakref.ref(environ)
    drive(Script().wsgi, Acts(act, None)).app(environ, Started())
    del environ

    assert watcher() is None
    assert {} == kept[0]._source


def test_response_is_not_there_on_the_way_in():
    """`response.status` is None until the head is known."""
    told = []
    drive(Script().wsgi, Acts(lambda e: told.append(e.response.status), None), Adds()).request()

    assert [None] == told
