"""Real ASGI servers: what a client gets through a stack is what it gets without one.

Every answer is compared byte for byte with the bare application's under the same server, so that
a server's quirk is nobody's failure. Where the two must differ, the test says so and why. Must
never know how a server is started.
"""

import zlib

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.servers import sharing
from tests.servers.running import ASGI_SERVERS, PATIENCE, running
from tests.servers.stacks import ADDED

TRANSPARENT = ["seen", "ours", "held"]


@pytest.fixture(scope="module", params=ASGI_SERVERS)
def server(request, tmp_path_factory):
    """One running server, asked by every test of this file."""
    module, command = ASGI_SERVERS[request.param]
    log = tmp_path_factory.mktemp(request.param) / "log"
    with running(request.param, module, command, log) as started:
        yield started


# What END says of each answer: outcome, bytes, exception, status.
FINE = ("completed", 11, None, 200)
ENDS = {
    "one": FINE,
    "length": FINE,
    "stream": FINE,  # protocols A25
    "closing": FINE,
    "empty": ("completed", 0, None, 204),  # protocols A23
    "unmodified": ("completed", 0, None, 304),  # protocols A23
    "repeated": FINE,
    "defaults": ("completed", 0, None, 200),  # protocols A17
    "over": FINE,  # protocols A24
    "extra": FINE,  # protocols A26
    "hint": FINE,  # protocols A13
    "failing": ("error", 0, "LookupError", None),
}
# What a server refuses, it raises in the application.
REFUSED = {
    "over": {
        "uvicorn-h11": ("error", 0, "LocalProtocolError", 200),
        "uvicorn-httptools": ("error", 0, "RuntimeError", 200),
        "hypercorn": ("error", 0, "LocalProtocolError", 200),
    },
    "hint": {
        "uvicorn-h11": ("error", 0, "RuntimeError", None),
        "uvicorn-httptools": ("error", 0, "RuntimeError", None),
        "hypercorn": ("error", 0, "UnexpectedMessageError", None),
        "daphne": ("error", 0, "ValueError", None),
        "granian": ("error", 0, "RuntimeError", None),
    },
}
# After these daphne lets its client wait for ever, bare or not.
CUT_SHORT = {
    "late": ("error", 6, "LookupError", 200),
    "started": ("error", 0, "LookupError", 200),  # protocols A20
    "silent": ("no_response", 0, None, None),
    "unfinished": ("incomplete", 6, None, 200),
}


def end_of(told):
    """What END said, as the tables of this file write it."""
    return told["outcome"], told["sent"], told["error"], told["status"]


@pytest.mark.parametrize("mount", TRANSPARENT)
@pytest.mark.parametrize("route", ENDS)
def test_answers_as_the_bare_application(server, mount, route):
    """Status, fields, framing and body are the bare application's; END says what was sent."""
    wire, told = server.exchange(f"/{mount}/{route}")

    assert server.bare(route).bare() == wire.bare(ADDED)
    assert REFUSED.get(route, {}).get(server.name, ENDS[route]) == end_of(told)


@pytest.mark.parametrize("mount", ["seen", "ours"])
@pytest.mark.parametrize("route", CUT_SHORT)
def test_application_leaves_early(server, mount, route):
    """The client sees what it sees bare, and END is told at once, whether or not it sees an end."""
    if server.name == "daphne":
        told = server.watch(f"/{mount}/{route}")
    else:
        wire, told = server.exchange(f"/{mount}/{route}")

        assert server.bare(route).bare() == wire.bare(ADDED)
    assert CUT_SHORT[route] == end_of(told)


# protocols A20
def test_failure_behind_a_held_head(server):
    """A head that is held when the application fails is dropped, so that the server can say 500."""
    if server.name == "daphne":
        told = server.watch("/held/started")
    else:
        wire, told = server.exchange("/held/started")

        assert 500 == wire.status
    assert ("error", 0, "LookupError", None) == end_of(told)


# protocols A15
@pytest.mark.parametrize("mount", TRANSPARENT)
@pytest.mark.parametrize(("route", "given"), [("headerless", []), ("generated", ["text/plain"])])
def test_headers_that_are_no_list(server, mount, route, given):
    """Headers that are absent or a generator go out, also where the server would lose them."""
    wire, told = server.exchange(f"/{mount}/{route}")

    assert 200 == wire.status
    assert given == wire.values("content-type")
    assert b"hello world" == wire.body
    assert FINE == end_of(told)


@pytest.mark.parametrize("route", ["one", "length", "stream", "closing", "repeated", "path"])
def test_codec(server, route):
    """The body arrives whole through a codec; a file that the server sends takes none."""
    wire, told = server.exchange(f"/coded/{route}")

    body = wire.body
    if wire.values("content-encoding"):
        body = zlib.decompress(body)
        assert len(wire.body) == told["sent"]
        assert wire.values("content-length") in ([], [str(len(wire.body))])
    else:
        assert ("granian", "path") == (server.name, route)
    assert server.bare(route).body == body
    assert "completed" == told["outcome"]


@pytest.mark.parametrize("route", ["long", "long_known", "long_stream", "events"])
@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_gzip(server, route, accepted):
    """httpx decodes to what the bare application sends, in fewer bytes, each length right."""
    response, told = server.fetch(f"/gzipped/{route}", **{"Accept-Encoding": accepted})
    whole = server.bare(route).body

    assert whole == response.content
    assert "completed" == told["outcome"]
    coded = accepted == "gzip"
    assert ("gzip" if coded else None) == response.headers.get("content-encoding")
    assert coded is (told["sent"] is not None and told["sent"] < len(whole))
    if route in ("long", "long_known") and coded:
        assert str(told["sent"]) == response.headers["content-length"]


# protocols A22
@pytest.mark.parametrize("mount", TRANSPARENT)
def test_pathsend(server, mount):
    """A file goes out as it does bare: by the server itself where it offers that (granian)."""
    wire, told = server.exchange(f"/{mount}/path")

    assert server.bare("path").bare() == wire.bare(ADDED)
    assert ("completed", len(wire.body), None, 200) == end_of(told)


# protocols A23
@pytest.mark.parametrize("mount", TRANSPARENT)
@pytest.mark.parametrize("route", ["one", "stream", "length", "path"])
def test_head_request(server, mount, route):
    """HEAD is answered as bare, and nothing counts as sent."""
    wire, told = server.exchange(f"/{mount}/{route}", "HEAD")

    assert server.bare(route, "HEAD").bare() == wire.bare(ADDED)
    assert ("completed", 0, None, 200) == end_of(told)


# protocols A23
def test_own_answer(server):
    """An answer of a flow has its length, and no body for HEAD."""
    wire, told = server.exchange("/answered/one")
    head, told_of_head = server.exchange("/answered/one", "HEAD")

    assert (200, b"answered") == (wire.status, wire.body)
    assert ["once"] == wire.values("x-added")
    assert ("completed", 8, None, 200) == end_of(told)
    assert ["8"] == head.values("content-length")
    assert head.raw.endswith(b"\r\n\r\n")
    assert ("completed", 0, None, 200) == end_of(told_of_head)


def test_answer_to_a_failure(server):
    """A flow answers in place of an application that raised."""
    wire, told = server.exchange("/guarded/failing")

    assert (503, b"guarded") == (wire.status, wire.body)
    assert ["once"] == wire.values("x-added")
    assert ("completed", 7, None, 503) == end_of(told)


# protocols A12
@pytest.mark.parametrize("mount", TRANSPARENT)
def test_upload(server, mount):
    """A request body arrives whole, in whatever pieces the server gives it."""
    wire, _ = server.exchange(f"/{mount}/upload", "POST", body=b"x" * 100_000)

    assert b"100000" == wire.body


# protocols A28
@pytest.mark.parametrize("mount", TRANSPARENT)
def test_client_goes_away(server, mount):
    """Servers take all that is sent to a client that is gone; some cancel the application."""
    told = server.leave(f"/{mount}/endless")

    assert told["outcome"] in ("completed", "cancelled", "aborted")
    assert 200 == told["status"]


# protocols A4, A9
def test_lifespan(server):
    """Lifespan passed through a stack: its state is in every scope. daphne has no lifespan."""
    wire = server.get("/ours/lived")

    assert (b"None" if server.name == "daphne" else b"True") == wire.body


# protocols A32
def test_nothing_is_left_behind(server):
    """The next request sees no record of the one before."""
    inside, told = server.exchange("/ours/current")
    outside = server.get("/bare/current")

    assert told["request_id"].encode() == inside.body
    assert b"None" == outside.body


@pytest.mark.parametrize(
    "field",
    [
        "X_Request_Id: not-the-header",
        "X-Request-ID: not valid",
        'X-Request-ID: quo"ted',
        "X-Request-ID: caf\xe9",
        "X-Request-ID: " + "a" * 201,
    ],
)
def test_hostile_request_id(server, field):
    """An id that is not valid is replaced; a name with underscores is another name."""
    wire, told = server.exchange("/ours/one", fields=[field])

    assert field.partition(": ")[2] != told["request_id"]
    assert [told["request_id"]] == wire.values("x-request-id")


def test_repeated_request_id(server):
    """Several lines are invalid."""
    wire, told = server.exchange("/ours/one", fields=["X-Request-ID: a", "X-Request-ID: b"])

    assert [told["request_id"]] == wire.values("x-request-id")
    assert 32 == len(told["request_id"])


def test_valid_request_id(server):
    """A valid id comes back as it came in."""
    wire, told = server.exchange("/ours/one", fields=["X-Request-ID: given-by-the-client"])

    assert "given-by-the-client" == told["request_id"]
    assert ["given-by-the-client"] == wire.values("x-request-id")


# protocols A8
def test_path(server):
    """The path is decoded, and shown as sent."""
    _, told = server.exchange("/seen/caf%C3%A9%2Fx")

    assert "/seen/café/x" == told["path"]
    assert "/seen/caf%C3%A9%2Fx" == told["raw_path"]


def test_connection_is_kept(server):
    """Two requests on one connection are framed as bare."""
    bare, seen = server.two("bare"), server.two("seen")

    assert bare == seen


# Websocket sessions


def talk(server, mount, route):
    """Speak in a session. Returns the handshake's answer, what was heard, and how it was closed."""
    token = server.token()
    url = f"ws://127.0.0.1:{server.port}/{mount}/{route}?token={token}"
    heard = []
    try:
        with connect(url, proxy=None, open_timeout=PATIENCE, close_timeout=PATIENCE) as socket:
            answer = socket.response
            try:
                if route == "echo":
                    for message in ("hé", b"ab", "bye"):
                        socket.send(message)
                while True:
                    heard.append(socket.recv(timeout=PATIENCE))
            except ConnectionClosed as closed:
                heard.append(closed.rcvd and int(closed.rcvd.code))
    except InvalidStatus as refused:
        answer = refused.response
    names = {"x-accepted", "content-type", "content-length"}
    fields = [(name.lower(), value) for name, value in answer.headers.raw_items()]
    added = sorted(name for name, _ in fields if name in ADDED)
    kept = sorted(pair for pair in fields if pair[0] in names)
    told = None if mount == "bare" else server.told(token)
    return (answer.status_code, kept, bytes(answer.body or b""), heard), added, told


def session(accepted, code, by, bytes_in=0, bytes_out=0):
    """What END says of a session."""
    return {
        "accepted": accepted,
        "bytes_in": bytes_in,
        "bytes_out": bytes_out,
        "close_code": code,
        "closed_by": by,
    }


# What END says of each session: outcome, exception, status, and the session.
SESSIONS = {
    "echo": ("completed", None, 101, session(True, 4000, "server", 8, 5)),
    "refuse": ("completed", None, 403, session(False, 4001, "server")),
    "deny": ("completed", None, 401, session(False, None, None)),
    "fail": ("error", "LookupError", None, session(False, None, "error")),
    "drop": ("error", "LookupError", 101, session(True, None, "error")),
}
# Without the denial extension the application closes before it accepts.
UNDENIED = ("completed", None, 403, session(False, 1000, "server"))


# protocols A31
@pytest.mark.parametrize("mount", ["seen", "ours"])
@pytest.mark.parametrize("route", SESSIONS)
def test_session(server, mount, route):
    """A session goes as it does bare, and END says how it was closed."""
    bare, _, _ = talk(server, "bare", route)
    seen, added, told = talk(server, mount, route)

    assert bare == seen
    undenied = route == "deny" and server.name in ("daphne", "gunicorn-asgi")
    assert (UNDENIED if undenied else SESSIONS[route]) == (
        told["outcome"], told["error"], told["status"], told["session"]
    )  # fmt: skip
    # daphne and granian send no header of an accept message; a refusal's head is the server's.
    ours = mount == "ours" and (
        (route in ("echo", "drop") and server.name not in ("daphne", "granian"))
        or (route == "deny" and not undenied)
    )
    assert ["x-added", "x-request-id"] * ours == added


# CORS


@pytest.mark.parametrize(("method", "fields", "status", "expected"), sharing.ROWS)
def test_sharing(server, method, fields, status, expected):
    """The fields reach the client, and preflights are answered in the application's place."""
    # cors R15, cors R16, cors R25, cors R26, cors R52
    sharing.check(server, method, fields, status, expected)


def test_sharing_of_repeated_lines(server):
    """Two origins are none, and names on two lines one list."""
    # cors R1, cors R30
    sharing.check_lines(server, joins=True)


# protocols A29
def test_end_came_once(server):
    """Of every exchange of this file, END was told once. Stops the server: keep this test last."""
    told = server.stop()

    assert {} == {token: count for token, count in told.items() if count != 1}
