"""What is coded and what is not: status, fields, type and length of a response.

Knows responses as scripts. Must never know how a client is chosen for, nor a coding's bytes.
"""

import pytest

from dualware.core.compression.media_types import COMPRESSED, MediaTypes, is_pattern
from dualware.testing import FileWrapper, Script
from tests.compression.parts import JSON, TEXT, World, accepting, decoded, sent_through

GZIP = accepting("gzip")
PLAIN = ("Content-Type", "text/plain")


def outcome(result):
    """What became of a response: its coding, and whether it says that it varies."""
    return result.header("content-encoding"), "accept-encoding" in (
        result.header("vary") or ""
    ).lower()


CODED, VARIES, UNTOUCHED = ("gzip", True), (None, True), (None, False)


@pytest.mark.parametrize("status", [204, 205, 304])
@pytest.mark.parametrize("type_", [PLAIN, ("X-Other", "1")])
def test_no_content(dual, status, type_):
    """What has no body passes; only a 304 says that the response it stands for varies."""
    # compression 14, compression 25
    headers = [type_] if status != 204 else []
    script = Script(status=status, headers=headers, chunks=[b""])
    result = dual.request(script, {"gzip": True}, headers=GZIP)

    assert (VARIES if status == 304 else UNTOUCHED) == outcome(result)
    assert b"" == result.body


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], VARIES),
        ([PLAIN], VARIES),
        ([("Content-Type", "image/png")], UNTOUCHED),
        ([("Content-Length", "0")], VARIES),
        ([("Content-Length", "5000")], VARIES),
        ([("Content-Length", "20")], UNTOUCHED),
        ([("Cache-Control", "no-transform")], UNTOUCHED),
        ([("ETag", '"a"')], VARIES),
    ],
)
@pytest.mark.parametrize("accepted", ["gzip", None])
def test_not_modified(dual, fields, expected, accepted):
    """A 304 varies where the 200 did, and keeps its ETag: caches compare it weakly."""
    # compression 14, compression 25
    script = Script(status=304, headers=fields)
    result = dual.request(script, {"gzip": True}, headers=accepting(accepted))

    assert expected == outcome(result)
    assert [(name, result.header(name)) for name, _ in fields] == fields


def test_informational(dual):
    """1xx is no final response; a driver that meets one passes it."""
    # compression 14
    result = dual.request(Script(status=103, headers=[PLAIN]), {"gzip": True}, headers=GZIP)

    assert UNTOUCHED == outcome(result)


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (206, [("Content-Range", "bytes 0-1799/5000")]),
        (206, [("Content-Type", "multipart/byteranges; boundary=x")]),
        (200, [("Content-Range", "bytes 0-1799/5000")]),
        (416, [("Content-Range", "bytes */5000")]),
    ],
)
def test_parts(dual, status, fields):
    """A part is counted in the bytes that it is of."""
    # compression 15
    script = Script(status=status, headers=fields, chunks=[TEXT])
    result = dual.request(script, {"gzip": True}, headers=GZIP)

    assert UNTOUCHED == outcome(result)
    assert TEXT == result.body


@pytest.mark.parametrize("coding", ["gzip", "br", "identity", "IDENTITY", "", "x"])
@pytest.mark.parametrize("name", ["Content-Encoding", "content-encoding", "CONTENT-ENCODING"])
def test_coded_already(dual, coding, name):
    """Any Content-Encoding is the application's word, ``identity`` its way to opt out."""
    # compression 16, compression 29
    script = Script(headers=[PLAIN, (name, coding)], chunks=[TEXT])
    result = dual.request(script, {"gzip": True}, headers=GZIP)

    assert [coding] == result.header_all("content-encoding")
    assert (TEXT, None) == (result.body, result.header("vary"))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["no-transform"], UNTOUCHED),
        (["public, no-transform"], UNTOUCHED),
        (["No-Transform, max-age=60"], UNTOUCHED),
        (["public ,  NO-TRANSFORM , max-age=60"], UNTOUCHED),
        (["public", "no-transform"], UNTOUCHED),
        (["no-transform-ever"], CODED),
        (["x-no-transform"], CODED),
        (["max-age=60"], CODED),
    ],
)
def test_no_transform(dual, lines, expected):
    """A whole token, in any case, at any place, on any line."""
    # compression 17
    headers = [PLAIN, *(("Cache-Control", line) for line in lines)]
    result = dual.request(Script(headers=headers, chunks=[TEXT]), {"gzip": True}, headers=GZIP)

    assert expected == outcome(result)


@pytest.mark.parametrize("name", ["Content-Digest", "Repr-Digest", "Digest", "Content-MD5"])
def test_digests(dual, name):
    """They are of the coded bytes (RFC 9530), and whoever made one did not code."""
    # compression 18
    script = Script(headers=[PLAIN, (name, "sha-256=:AAAA:")], chunks=[TEXT])
    result = dual.request(script, {"gzip": True}, headers=GZIP)

    assert UNTOUCHED == outcome(result)
    assert TEXT == result.body


@pytest.mark.parametrize("type_", ["image/png", "text/plain"])
def test_file_wrapper(type_):
    """WSGI alone has one: a file goes to the server as the same object, whatever its type."""
    # compression 19
    given = FileWrapper(open(__file__, "rb"))  # noqa: SIM115, PTH123 - closed below
    environ = {"REQUEST_METHOD": "GET", "HTTP_ACCEPT_ENCODING": "gzip"}
    environ["wsgi.file_wrapper"] = FileWrapper
    heads = []

    def app(_environ, start_response):
        start_response("200 OK", [("Content-Type", type_), ("Content-Length", "5000")])
        return given

    world = World()
    wrapped = world.stack(world.gzip()).wsgi(app)
    returned = wrapped(environ, lambda status, headers: heads.append(headers))
    returned.close()

    assert returned is given
    assert [("Content-Type", type_), ("Content-Length", "5000")] == heads[0]


@pytest.mark.parametrize("kind", ["http.response.pathsend", "http.response.zerocopysend"])
@pytest.mark.parametrize("type_", [b"image/png", b"text/plain"])
def test_sent_by_the_server(kind, type_):
    """ASGI alone has these: the message passes as the same object."""
    # compression 19, compression 42
    world = World()
    message = {"type": kind, "path": __file__, "file": 3}
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", type_)]}
    sent = sent_through(world.stack(world.gzip()), [start, message])

    assert sent[1] is message
    if type_ == b"image/png":
        assert sent[0] is start


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (None, CODED),
        ("text/html", CODED),
        ("text/html; charset=utf-8", CODED),
        ("application/json", CODED),
        ("application/octet-stream", CODED),
        ("image/svg+xml", CODED),
        ("IMAGE/SVG+XML; charset=utf-8", CODED),
        ("image/bmp", CODED),
        ("image/x-icon", CODED),
        ("image/vnd.microsoft.icon", CODED),
        ("image/png", UNTOUCHED),
        ("Image/PNG", UNTOUCHED),
        ("image/png; x=y", UNTOUCHED),
        (" image/webp ;q", UNTOUCHED),
        ("image/avif", UNTOUCHED),
        ("audio/mpeg", UNTOUCHED),
        ("video/mp4", UNTOUCHED),
        ("application/zip", UNTOUCHED),
        ("application/gzip", UNTOUCHED),
        ("application/zstd", UNTOUCHED),
        ("application/x-7z-compressed", UNTOUCHED),
        ("application/x-brotli", UNTOUCHED),
        ("font/woff", UNTOUCHED),
        ("font/woff2", UNTOUCHED),
        ("font/ttf", CODED),
        ("application/grpc", UNTOUCHED),
        ("application/grpc+proto", UNTOUCHED),
        ("application/grpc-web", CODED),
        ("application/grpc-web+proto", CODED),
        ("application/grpc-web-text", CODED),
        ("text/event-stream", UNTOUCHED),
        ("text/event-stream; charset=utf-8", UNTOUCHED),
        ("not a type", CODED),
        ("", CODED),
    ],
)
def test_types(dual, type_, expected):
    """What is compressed already is left alone; case and parameters do not matter."""
    # compression 20
    headers = [] if type_ is None else [("Content-Type", type_.strip())]
    result = dual.request(Script(headers=headers, chunks=[TEXT]), {"gzip": True}, headers=GZIP)

    assert expected == outcome(result)
    assert TEXT == decoded(expected[0], result.body)


@pytest.mark.parametrize(
    ("patterns", "type_", "expected"),
    [
        (["text/*"], "text/plain", UNTOUCHED),
        (["text/*"], "image/png", CODED),
        (["*+json"], "application/problem+json", UNTOUCHED),
        (["*+json"], "application/json", CODED),
        (["TEXT/CSV"], "text/csv", UNTOUCHED),
        (["application/x-*"], "application/x-tar", UNTOUCHED),
        (["application/*", "!*/json"], "application/json", CODED),
        (["!application/json", "application/*"], "application/json", CODED),
        ([], "image/png", CODED),
        ((), "video/mp4", CODED),
    ],
)
def test_list_of_types(dual, patterns, type_, expected):
    """The list is the user's to replace, exceptions behind ``!`` included."""
    # compression 20
    settings = {"gzip": {"exclude_content_types": patterns}}
    script = Script(headers=[("Content-Type", type_)], chunks=[TEXT])

    assert expected == outcome(dual.request(script, settings, headers=GZIP))


@pytest.mark.parametrize("pattern", COMPRESSED)
def test_the_list_is_made_of_patterns(pattern):
    """What stands in it is what a setting could say."""
    # compression 20
    assert is_pattern(pattern)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("text/html", True),
        ("!image/svg+xml", True),
        ("*+json", True),
        ("application/grpc+*", True),
        ("*", False),
        ("*/*", False),
        ("text", False),
        ("text/", False),
        ("a/*b", False),
        ("a/**", False),
        ("te xt/html", False),
        ("text/html; charset=utf-8", False),
        ("", False),
        ("!", False),
    ],
)
def test_patterns(text, expected):
    """One asterisk, at the end or the beginning."""
    # compression 20
    assert expected is is_pattern(text)


def test_a_set_of_types_takes_any_text():
    """What an application writes need not be a type."""
    # compression 20
    types = MediaTypes(["a/b", "c/*"])

    assert ["a/b", "A/B ;x", "c/"] == [
        each for each in ("a/b", "A/B ;x", "c/", "", ";", "a") if each in types
    ]


# Length


@pytest.mark.parametrize(
    ("size", "expected"), [(499, UNTOUCHED), (500, CODED), (1, UNTOUCHED), (2000, CODED)]
)
@pytest.mark.parametrize("declare", [True, False])
@pytest.mark.parametrize("accepted", ["gzip", None])
def test_minimum_size(dual, size, expected, declare, accepted):
    """Declared or seen; a body that is too short for everybody does not vary either."""
    # compression 21, compression 25, compression decision 4
    script = Script(chunks=[b"x" * size], declare_length=declare, final_empty=False)
    result = dual.request(script, {"gzip": True}, headers=accepting(accepted))

    assert expected[1] is outcome(result)[1]
    assert (expected[0] if accepted else None) == outcome(result)[0]


@pytest.mark.parametrize(("minimum", "expected"), [(0, CODED), (1800, CODED), (1801, UNTOUCHED)])
def test_minimum_size_is_a_setting(dual, minimum, expected):
    """The option is called what Starlette calls it."""
    # compression 21
    settings = {"gzip": {"minimum_size": minimum}}
    script = Script(chunks=[TEXT], final_empty=False)

    assert expected == outcome(dual.request(script, settings, headers=GZIP))


@pytest.mark.parametrize("body", ["list", "generator"])
def test_declared_length_of_a_stream(dual, body):
    """A stream that says it is short is left alone, and its head does not wait."""
    # compression 21, compression 35
    script = Script(chunks=[b"a" * 100, b"b" * 100], declare_length=True, body=body)
    result = dual.request(script, {"gzip": True}, headers=GZIP)

    assert UNTOUCHED == outcome(result)
    assert "200" == result.header("content-length")


@pytest.mark.parametrize("declared", ["1_0", "+10", "ten", "9" * 30, "010"])
def test_declared_length_that_is_none(dual, declared):
    """What is no number declares nothing; "010" is ten."""
    # compression 21
    script = Script(headers=[PLAIN, ("Content-Length", declared)], chunks=[TEXT])
    dual.lint = False
    result = dual.request(script, {"gzip": True}, headers=GZIP)

    assert (UNTOUCHED if declared == "010" else CODED) == outcome(result)


@pytest.mark.parametrize("minimum", [0, 500])
@pytest.mark.parametrize("declare", [True, False])
@pytest.mark.parametrize("accepted", ["gzip", "gzip, identity;q=0"])
def test_empty(dual, minimum, declare, accepted):
    """Nothing can't be made shorter."""
    # compression 22
    script = Script(chunks=[b""], declare_length=declare, final_empty=False)
    settings = {"gzip": {"minimum_size": minimum}}
    result = dual.request(script, settings, headers=accepting(accepted))

    assert UNTOUCHED == outcome(result)
    assert b"" == result.body


def test_a_body_that_grows(dual):
    """It goes out as it was, with its own head, and with Vary: another client may get less."""
    # compression 23
    script = Script(
        headers=[("Content-Type", "application/octet-stream"), ("ETag", '"a"')],
        chunks=[_noise(2000)],
        declare_length=True,
    )
    result = dual.request(script, {"gzip": True}, headers=GZIP)

    assert VARIES == outcome(result)
    assert script.chunks[0] == result.body
    assert ("2000", '"a"') == (result.header("content-length"), result.header("etag"))


def _noise(size):
    """Bytes that do not shrink."""
    state, made = 1, bytearray()
    for _ in range(size):
        state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
        made.append(state >> 56)
    return bytes(made)


def test_noise_does_not_shrink():
    """Or the test above would test nothing."""
    world = World()
    (coding,) = world.gzip(breach_padding=0)._codings

    assert len(coding.whole(_noise(2000))) >= 2000
    assert len(coding.whole(JSON)) < len(JSON) / 2
