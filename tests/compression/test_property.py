"""Any response and any client: it decodes, it varies alike for all, and both sides agree.

Knows scripts made at random. Must never know why a body was coded or not.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from dualware.testing import PROTOCOLS, Dual, Script
from tests.compression.parts import TEXT, accepting, decoded

FIELDS = st.lists(
    st.sampled_from(
        [
            ("Content-Type", "text/plain"),
            ("Content-Type", "image/png"),
            ("Content-Type", "text/event-stream"),
            ("Content-Encoding", "identity"),
            ("Cache-Control", "no-transform"),
            ("Cache-Control", "public"),
            ("ETag", '"a"'),
            ("Vary", "Cookie"),
            ("Vary", "*"),
            ("Accept-Ranges", "bytes"),
            ("Repr-Digest", "sha-256=:AA==:"),
        ]
    ),
    max_size=4,
    unique_by=lambda field: field[0],
)
SCRIPTS = st.builds(
    Script,
    status=st.sampled_from([200, 200, 200, 404, 206, 500]),
    headers=FIELDS,
    chunks=st.lists(st.sampled_from([b"", b"short", TEXT, b"x" * 499, b"y" * 500]), max_size=4),
    declare_length=st.booleans(),
    body=st.sampled_from(["list", "generator", "iterator"]),
    final_empty=st.booleans(),
)
CLIENTS = ["gzip", "identity", None, "gzip;q=0.5, identity", "br;q=0, *", "gzip;q=0"]
SETTINGS = st.fixed_dictionaries(
    {"breach_padding": st.sampled_from([0, 100]), "compress_live": st.booleans()}
)


@settings(max_examples=120, deadline=None)
@given(SCRIPTS, SETTINGS, st.sampled_from(PROTOCOLS), st.sampled_from(["GET", "HEAD"]))
def test_any_response(script, given_settings, protocol, method):
    """Every client gets the application's bytes; none can tell from Vary who else asked."""
    # compression 24, compression 25, compression 26
    whole = b"".join(script.body_for(method))
    said = set()
    for client in CLIENTS:
        result = Dual(protocol).request(
            script, {"gzip": given_settings}, method, headers=accepting(client)
        )
        coding = result.header("content-encoding")
        own = dict(script.headers).get("Content-Encoding")
        said.add(tuple(result.header_all("vary")))

        # HEAD says what GET would be coded by, and has no body.
        is_coded = coding == "gzip" and result.body
        assert whole == (decoded("gzip", result.body) if is_coded else result.body)
        assert coding in (own, "gzip")
        if coding == "gzip":
            assert client in ("gzip", "br;q=0, *")
            assert not result.header("accept-ranges")
    assert 1 == len(said)


@settings(max_examples=60, deadline=None)
@given(SCRIPTS, st.sampled_from(CLIENTS))
def test_both_protocols_agree(script, client):
    """Where both know as much of a body, the head is the same: a stream, or a declared length."""
    # compression 25, protocols C1
    if script.body == "list" and not script.declare_length:
        # WSGI sees the whole list, ASGI its first chunk.
        return
    mine, theirs = (
        Dual(protocol).request(script, {"gzip": {"breach_padding": 0}}, headers=accepting(client))
        for protocol in PROTOCOLS
    )
    names = ("content-encoding", "vary", "etag", "accept-ranges")
    if script.body != "list" and (script.declare_length or len(script.chunks) > 1):
        assert [mine.header_all(name) for name in names] == [
            theirs.header_all(name) for name in names
        ]
    codings = (mine.header("content-encoding"), theirs.header("content-encoding"))
    bodies = [
        decoded("gzip", result.body) if coding == "gzip" and result.body else result.body
        for result, coding in zip((mine, theirs), codings, strict=True)
    ]

    assert bodies[0] == bodies[1]
