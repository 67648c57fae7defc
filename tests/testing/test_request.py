"""Requests: the same words become the right request under each protocol."""

import pytest

from dualware.testing import ABSENT, Script
from dualware.testing.asgi import build_scope
from dualware.testing.request import body_parts, overlay, request_fields
from dualware.testing.wsgi import build_environ

BODIES = [(b"", [b""]), ((), [b""]), (b"ab", [b"ab"]), ([b"a", b"b"], [b"a", b"b"])]


@pytest.mark.parametrize(("body", "parts"), BODIES)
def test_body_parts(body, parts):
    """A body arrives in at least one part."""
    assert parts == body_parts(body)


def test_fields_are_completed():
    """A client sends Host, and Content-Length with a body."""
    assert [
        ("host", "localhost"),
        ("x-one", "1"),
        ("content-length", "2"),
    ] == request_fields({"X-One": "1"}, [b"a", b"b"])


@pytest.mark.parametrize("name", ["Content-Length", "Transfer-Encoding"])
def test_fields_are_kept(name):
    """What the test says, nobody says better."""
    assert [("host", "a.example"), (name.lower(), "x")] == request_fields(
        [("Host", "a.example"), (name, "x")], b"ab"
    )


def test_overlay():
    """Keys are laid over, and taken out."""
    assert {"a": 3, "c": 4} == overlay({"a": 1, "b": 2}, {"a": 3, "b": ABSENT, "c": 4})
    assert "ABSENT" == repr(ABSENT)


REQUEST = {
    "method": "POST",
    "path": "/caf\xe9",
    "query": "a=%20",
    "headers": [
        ("Content-Type", "text/plain"),
        ("Cookie", "a=1"),
        ("Cookie", "b=2"),
        ("X", "1"),
        ("x", "2"),
    ],
    "body": b"hello",
    "scheme": "https",
    "script_name": "/mount",
}


def test_environ():
    """PEP 3333, environ Variables and Unicode Issues."""
    environ = build_environ(**REQUEST, environ={"REMOTE_ADDR": ABSENT, "x.y": 1})
    names = ("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_PORT")
    names += ("CONTENT_TYPE", "CONTENT_LENGTH", "HTTP_COOKIE", "HTTP_X", "HTTP_HOST", "x.y")

    assert {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "/mount",
        "PATH_INFO": "/caf\xc3\xa9",
        "QUERY_STRING": "a=%20",
        "SERVER_PORT": "443",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "5",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_X": "1,2",
        "HTTP_HOST": "localhost",
        "x.y": 1,
    } == {name: environ[name] for name in names}
    assert not {"REMOTE_ADDR", "HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & environ.keys()


def test_scope():
    """ASGI www, HTTP Connection Scope."""
    scope = build_scope(**REQUEST, scope={"client": ABSENT, "x": 1}, extensions={"a": {}}, state={})

    assert {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": "/mount/caf\xe9",
        "raw_path": b"/mount/caf%C3%A9",
        "query_string": b"a=%20",
        "root_path": "/mount",
        "headers": [
            (b"host", b"localhost"),
            (b"content-type", b"text/plain"),
            (b"cookie", b"a=1"),
            (b"cookie", b"b=2"),
            (b"x", b"1"),
            (b"x", b"2"),
            (b"content-length", b"5"),
        ],
        "server": ("localhost", 443),
        "extensions": {"a": {}},
        "state": {},
        "x": 1,
    } == scope


def test_scope_with_a_root_path_of_the_servers():
    """The path knows nothing of it; the raw path is what the test says."""
    scope = build_scope(path="/a", root_path="/root", raw_path=b"/%61")

    assert ("/a", "/root", b"/%61") == (scope["path"], scope["root_path"], scope["raw_path"])


@pytest.mark.parametrize("body", [b"hello", [b"he", b"llo"]])
def test_the_body_arrives(dual, body):
    """The application reads what the client sent."""
    script = Script(read_body=True)
    result = dual.request(script, method="POST", body=body)

    assert [b"hello"] == script.probe.bodies
    assert {
        "wsgi": ["read(5)"],
        "asgi": ["receive()"] * len(body if isinstance(body, list) else "1"),
    }[dual.protocol] == result.reads


def test_an_untouched_body(dual):
    """Nobody has to read."""
    assert [] == dual.request(Script(), method="POST", body=b"hello").reads
