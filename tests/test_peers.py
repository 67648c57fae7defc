"""The peers that the stack is measured against do the corresponding work (`peers.py`).

Where the group `bench` is not installed there are no peers, and nothing to test: `make bench` runs
these tests where it is.
"""

import zlib

import pytest
import structlog

from tests.benchmarks import exchanges, limit
from tests.benchmarks.exchanges import CASES, ORIGIN

for _name in ("asgi_correlation_id", "wsgi_request_id", "wsgicors", "paste.gzipper", "timing_asgi"):
    pytest.importorskip(_name, reason=f"NO PEERS: {_name} is not installed, run `make bench`")

from tests.benchmarks import hosts, peers  # noqa: E402 - after what it needs was looked for


@pytest.fixture
def lines():
    """The fields of every line that is logged."""
    logged = []

    def take(_logger, _method, event):
        logged.append(event)
        raise structlog.DropEvent

    structlog.configure(processors=[take])
    yield logged
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def asked(word, app, case):
    """What a client gets under the protocol ``word``."""
    return getattr(exchanges, f"{word}_answer")(app, case)


def does_the_work(answer, case, ids):
    """The head has what each of the five writes, and the body is the application's."""
    assert any(answer.get(name) for name in ids)
    assert answer.get("access-control-allow-origin") == ORIGIN
    if case.method == "OPTIONS":
        assert answer.get("access-control-allow-methods")
        return
    assert answer.get("x-process-time")
    body = b"".join(answer.chunks)
    coded = answer.get("content-encoding") == "gzip"
    assert coded or "gzip" not in case.headers["accept-encoding"] or len(body) < 500
    if coded:
        body = zlib.decompress(body, 31)
    assert body == b"".join(case.chunks)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("word", ["asgi", "wsgi"])
def test_peers_do_the_work(word, name, lines):
    """Every case of the table, and a line with the fields of all rows."""
    case = CASES[name]
    app = getattr(exchanges, f"{word}_app")(case)
    answer = asked(word, getattr(peers, f"{word}_peers")(app), case)

    does_the_work(answer, case, ["x-request-id", "request-id"])
    (line,) = lines
    assert list(line)[: len(limit.FIELDS)] == list(limit.FIELDS)
    # wsgicors ends a preflight with a list of nothing.
    assert line["http.response.body.size"] == sum(map(len, answer.chunks))
    assert line["http.response.status_code"] == answer.status


@pytest.mark.parametrize("word", ["asgi", "wsgi"])
def test_each_alone_answers(word, lines):
    """Every peer that is measured alone passes the body of the application on."""
    case = CASES["small"]
    app = getattr(exchanges, f"{word}_app")(case)

    for made in getattr(peers, f"{word}_alone")().values():
        body = b"".join(asked(word, made(app), case).chunks)
        assert body == case.chunks[0] or zlib.decompress(body, 31) == case.chunks[0]


@pytest.mark.parametrize("framework", ["flask", "django", "fastapi"])
@pytest.mark.parametrize("path", [exchanges.PATH, "/items"])
def test_frameworks_do_the_work(framework, path, lines):
    """Around the frameworks too, theirs and ours."""
    case = CASES["small"]._replace(path=path)
    word = "asgi" if framework == "fastapi" else "wsgi"
    bare, theirs, ours = getattr(hosts, framework)(peers)

    plain = asked(word, bare, case)
    for app in (theirs, ours):
        answer = asked(word, app, case)
        body = b"".join(answer.chunks)
        assert answer.get("x-request-id") == case.headers["x-request-id"] or framework == "django"
        assert answer.get("access-control-allow-origin") == ORIGIN
        assert answer.get("server-timing") or answer.get("x-process-time")
        assert (answer.get("content-encoding") == "gzip") == (path == "/items")
        if path == "/items":
            body = zlib.decompress(body, 31)
        assert body == b"".join(plain.chunks)
    assert len(lines) >= 2
