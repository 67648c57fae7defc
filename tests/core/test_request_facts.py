"""What is asked of a request in one call is what its properties say, one by one.

Knows the requests of both protocols, and servers that leave things out. Must never know what the
answers are for.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualware.asgi.request import ASGIRequest
from dualware.core.message import Request
from dualware.wsgi.request import WSGIRequest

LATIN = st.text(st.characters(max_codepoint=255), max_size=5)
TEXT = st.sampled_from(["", "/", "/a", "/a b", "/é", "/mount/a", "/a?b=1", "/a%20b"])
HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"user-agent", b"User-Agent", b"content-length", b"x-other"]),
        st.sampled_from([b"", b"5", b"caf\xe9"]),
    ),
    max_size=4,
)
SCOPES = st.fixed_dictionaries(
    {"type": st.sampled_from(["http", "websocket"])},
    optional={
        "method": st.sampled_from(["GET", "BREW"]),
        "path": TEXT,
        "raw_path": st.none() | TEXT.map(str.encode),
        "root_path": st.sampled_from(["", "/mount", "/mount/"]),
        "query_string": st.binary(max_size=3),
        "scheme": st.sampled_from(["http", "wss", "", None]),
        "http_version": st.sampled_from(["1.1", "2"]),
        "client": st.sampled_from([None, ("::1", 1), ("", 0), ("192.0.2.1", "x"), ["::1", 7]]),
        "headers": HEADERS | HEADERS.map(tuple),
    },
)
ENVIRONS = st.fixed_dictionaries(
    {},
    optional={
        "REQUEST_METHOD": st.sampled_from(["GET", "BREW"]),
        "SCRIPT_NAME": st.sampled_from(["", "/mount"]),
        "PATH_INFO": TEXT.map(lambda text: text.encode().decode("latin-1")),
        "RAW_URI": TEXT,
        "REQUEST_URI": TEXT | TEXT.map(lambda path: f"http://a{path}"),
        "QUERY_STRING": LATIN,
        "wsgi.url_scheme": st.sampled_from(["http", "https"]),
        "SERVER_PROTOCOL": st.sampled_from(["HTTP/1.1", "HTTP/2.0", "HTTP/3", ""]),
        "REMOTE_ADDR": st.sampled_from(["192.0.2.1", ""]),
        "REMOTE_PORT": st.sampled_from(["1", 1, "x"]),
        "HTTP_USER_AGENT": LATIN,
        "CONTENT_LENGTH": st.sampled_from(["", "5"]),
    },
)
REQUESTS = SCOPES.map(ASGIRequest) | ENVIRONS.map(WSGIRequest)


@given(REQUESTS)
def test_facts(request):
    """The shortest way of each protocol, with headers indexed or not."""
    # observability X1
    said = request.facts()

    assert Request.facts(request) == said
    assert said == request.facts()


@given(REQUESTS)
def test_paths(request):
    """As they are when they are taken."""
    # observability L6
    assert (request.method, request.raw_path, request.route_path) == request.paths(request.target())


@pytest.mark.parametrize("make", ["asgi", "wsgi"])
def test_paths_stay_as_they_were(make):
    """Applications move on in their scope or environ."""
    # observability L6, observability L13
    if make == "asgi":
        scope = {"type": "http", "method": "GET", "path": "/a/b", "root_path": ""}
        request, moved = ASGIRequest(scope), {"path": "/b", "root_path": "/a"}
    else:
        scope = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/a/b"}
        request, moved = WSGIRequest(scope), {"SCRIPT_NAME": "/a", "PATH_INFO": "/b"}
    target = request.target()
    scope.update(moved)

    assert ("GET", "/a/b", "/a/b") == request.paths(target)
    assert "/b" == request.route_path
