"""Real WSGI servers: what a client gets through a stack is what it gets without one.

Every answer is compared byte for byte with the bare application's under the same server, so that
a server's quirk is nobody's failure. Where the two must differ, the test says so and why. Must
never know how a server is started.
"""

import zlib

import pytest

from tests.servers import sharing
from tests.servers.running import WSGI_SERVERS, running
from tests.servers.stacks import ADDED

TRANSPARENT = ["seen", "ours", "held"]


@pytest.fixture(scope="module", params=WSGI_SERVERS)
def server(request, tmp_path_factory):
    """One running server, asked by every test of this file."""
    module, command = WSGI_SERVERS[request.param]
    log = tmp_path_factory.mktemp(request.param) / "log"
    with running(request.param, module, command, log) as started:
        yield started


# What END says of each answer: outcome, bytes, exception, status.
FINE = ("completed", 11, None, 200)
ENDS = {
    "one": FINE,
    "parts": FINE,  # protocols W33
    "stream": FINE,  # protocols W22, W24, W28
    "length": FINE,
    "empty": ("completed", 0, None, 204),  # protocols W27
    "unmodified": ("completed", 0, None, 304),  # protocols W27
    "repeated": FINE,  # protocols W13
    "lazy": FINE,  # protocols W21
    "reasonless": FINE,  # protocols W16
    "twice": FINE,  # protocols W20
    "written": FINE,  # protocols W14
    "unstarted": FINE,  # protocols W23
    "blank": FINE,  # protocols W24
    "failing": ("error", 0, "LookupError", None),  # protocols W42
    "late": ("error", 6, "LookupError", 200),
}

# A server that refuses what it is given makes the application fail; END says what the server did.
REFUSED = {
    "reasonless": {
        "hypercorn": ("error", 0, "ValueError", 200),
        "uvicorn": ("error", 0, "ValueError", 200),
        "wsgiref": ("error", 0, "AssertionError", 200),
    },
    "twice": {
        **dict.fromkeys(
            ("waitress", "gunicorn-sync", "gunicorn-gthread", "wsgiref", "werkzeug"),
            ("error", 0, "AssertionError", 200),
        ),
        "cheroot": ("error", 0, "RuntimeError", 200),
    },
    # start_response returned None: calling that fails as it does bare.
    "written": dict.fromkeys(("granian", "hypercorn"), ("error", 0, "TypeError", 200)),
    # These refuse output before start_response, and close the body.
    "unstarted": dict.fromkeys(("hypercorn", "wsgiref", "werkzeug"), ("aborted", 0, None, None)),
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


# protocols W4, W35
@pytest.mark.parametrize("mount", TRANSPARENT)
def test_file_wrapper(server, mount):
    """A file goes out as it does bare: by the server's own file wrapper where it has one."""
    wire, told = server.exchange(f"/{mount}/file")

    assert server.bare("file").bare() == wire.bare(ADDED)
    assert "completed" == told["outcome"]
    assert told["sent"] in (None, len(wire.body))


# protocols W17
@pytest.mark.parametrize("mount", TRANSPARENT)
def test_head_replaced_before_output(server, mount):
    """The new head stands alone, also under servers that send both or keep the old one."""
    wire, told = server.exchange(f"/{mount}/replaced")

    assert 500 == wire.status
    assert ["text/plain"] == wire.values("content-type")
    assert [] == wire.values("x-first")
    assert ["1"] == wire.values("x-second")
    assert ["once"] * (mount == "ours") == wire.values("x-added")
    assert b"replaced" == wire.body
    assert ("completed", 8, None, 500) == end_of(told)


# protocols W18
@pytest.mark.parametrize("mount", TRANSPARENT)
def test_head_replaced_after_output(server, mount):
    """The exception is raised again, also under servers that would let the application go on."""
    wire, told = server.exchange(f"/{mount}/overdue")

    assert b"hello " in wire.raw
    assert b"never" not in wire.raw
    assert server.bare("overdue").head[0] == wire.head[0]
    assert ("error", 6, "LookupError", 200) == end_of(told)


# protocols W42
@pytest.mark.parametrize("mount", TRANSPARENT)
def test_failure_after_start_response(server, mount):
    """Nothing was sent yet, so the server says 500; uvicorn would have sent the 200 (W17)."""
    wire, told = server.exchange(f"/{mount}/started")

    assert 500 == wire.status
    if server.name != "uvicorn":
        assert server.bare("started").bare() == wire.bare()
    assert ("error", 0, "LookupError", None) == end_of(told)


@pytest.mark.parametrize("route", ["long", "long_known", "long_stream", "long_lazy", "events"])
@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_gzip(server, route, accepted):
    """httpx decodes to what the bare application sends, in fewer bytes, each length right."""
    response, told = server.fetch(f"/gzipped/{route}", **{"Accept-Encoding": accepted})
    whole = server.bare(route).body
    # granian sends a head of its own for a generator that calls start_response late.
    lost = (server.name, route) == ("granian", "long_lazy")

    assert whole == response.content
    assert "completed" == told["outcome"]
    coded = accepted == "gzip" and not lost
    assert ("gzip" if coded else None) == response.headers.get("content-encoding")
    assert coded is (told["sent"] is not None and told["sent"] < len(whole))
    if route in ("long", "long_known") and coded:
        assert str(told["sent"]) == response.headers["content-length"]


@pytest.mark.parametrize("route", ["one", "parts", "stream", "length", "lazy", "repeated", "file"])
def test_codec(server, route):
    """The body arrives whole through a codec; a file wrapper's takes none."""
    wire, told = server.exchange(f"/coded/{route}")

    body = wire.body
    if wire.values("content-encoding"):
        body = zlib.decompress(body)
        assert len(wire.body) == told["sent"]
        assert wire.values("content-length") in ([], [str(len(wire.body))])
    else:
        # granian asks for the head when the application returns: no field of a lazy one gets out,
        # so its body takes no codec either.
        assert "file" == route or (server.name, route) == ("granian", "lazy")
    assert server.bare(route).body == body
    assert "completed" == told["outcome"]


# protocols W40
@pytest.mark.parametrize("mount", TRANSPARENT)
@pytest.mark.parametrize("route", ["one", "stream", "length", "file"])
def test_head_request(server, mount, route):
    """HEAD is answered as bare, and nothing counts as sent."""
    wire, told = server.exchange(f"/{mount}/{route}", "HEAD")

    assert server.bare(route, "HEAD").bare() == wire.bare(ADDED)
    assert ("completed", 0, None, 200) == end_of(told)


# protocols W40
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


@pytest.mark.parametrize("route", ["failing", "started"])
def test_answer_to_a_failure(server, route):
    """A flow answers in place of an application that raised."""
    wire, told = server.exchange(f"/guarded/{route}")

    assert (503, b"guarded") == (wire.status, wire.body)
    assert ["once"] == wire.values("x-added")
    assert ("completed", 7, None, 503) == end_of(told)


# protocols W41
@pytest.mark.parametrize("mount", TRANSPARENT)
def test_client_goes_away(server, mount):
    """Native servers close the body; uvicorn and hypercorn run it to its end first."""
    told = server.leave(f"/{mount}/endless")

    whole = 600 * 65536
    if server.name in ("uvicorn", "hypercorn"):
        assert ("completed", whole, None, 200) == end_of(told)
    else:
        assert ("aborted", None, 200) == (told["outcome"], told["error"], told["status"])
        assert told["sent"] < whole


# protocols W44
def test_nothing_is_left_behind(server):
    """The next request on the same thread sees no record of the one before."""
    inside, told = server.exchange("/ours/current")
    outside = server.get("/bare/current")

    assert told["request_id"].encode() == inside.body
    assert b"None" == outside.body


# protocols W7
@pytest.mark.parametrize(
    "field",
    [
        "X_Request_Id: not valid",
        "X-Request-ID: not valid",
        'X-Request-ID: quo"ted',
        "X-Request-ID: caf\xe9",
        "X-Request-ID: " + "a" * 201,
    ],
)
def test_hostile_request_id(server, field):
    """An id that is not valid is replaced, by whatever name the server shows it."""
    wire, told = server.exchange("/ours/one", fields=[field])

    given = field.partition(": ")[2]
    assert given != told["request_id"]
    assert [told["request_id"]] == wire.values("x-request-id")


# protocols W6
def test_repeated_request_id(server):
    """Several lines are invalid; cheroot shows the last one only, so there it is valid."""
    wire, told = server.exchange("/ours/one", fields=["X-Request-ID: a", "X-Request-ID: b"])

    assert [told["request_id"]] == wire.values("x-request-id")
    if server.name == "cheroot":
        assert "b" == told["request_id"]
    else:
        assert 32 == len(told["request_id"])


def test_valid_request_id(server):
    """A valid id comes back as it came in."""
    wire, told = server.exchange("/ours/one", fields=["X-Request-ID: given-by-the-client"])

    assert "given-by-the-client" == told["request_id"]
    assert ["given-by-the-client"] == wire.values("x-request-id")


# protocols W8
def test_path(server):
    """The path is decoded, and shown as sent where the server tells; cheroot keeps %2F."""
    _, told = server.exchange("/seen/caf%C3%A9%2Fx")

    tells = server.name not in ("granian", "hypercorn", "uvicorn", "wsgiref")
    assert ("/seen/café%2Fx" if server.name == "cheroot" else "/seen/café/x") == told["path"]
    assert ("/seen/caf%C3%A9%2Fx" if tells else "/seen/caf%C3%A9/x") == told["raw_path"]


def test_connection_is_kept(server):
    """Two requests on one connection are framed as bare."""
    if server.name == "werkzeug":
        pytest.skip("werkzeug's server takes one request, then waits for the client to close")

    bare, seen = server.two("bare"), server.two("seen")

    assert bare == seen


# CORS


@pytest.mark.parametrize(("method", "fields", "status", "expected"), sharing.ROWS)
def test_sharing(server, method, fields, status, expected):
    """The fields reach the client, and preflights are answered in the application's place."""
    # cors R15, cors R16, cors R25, cors R26, cors R52
    sharing.check(server, method, fields, status, expected)


def test_sharing_of_repeated_lines(server):
    """The same, but for cheroot, which keeps the last of repeated lines (protocols W6)."""
    # cors R1, cors R30
    sharing.check_lines(server, joins=server.name != "cheroot")


# protocols W32
def test_end_came_once(server):
    """Of every exchange of this file, END was told once. Stops the server: keep this test last."""
    told = server.stop()

    assert {} == {token: count for token, count in told.items() if count != 1}
