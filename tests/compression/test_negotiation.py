"""Which coding a client gets: Accept-Encoding against what is offered.

Knows the grammar and the weights. Must never know what a coding does to a body.
"""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dualware.core.compression import choices, media_types
from dualware.core.compression.negotiation import LONGEST, best, refuses_identity, weights
from dualware.testing import Script
from tests.builds import REPLACED
from tests.compression.parts import JSON, OFFERED, World, accepting, decoded

ALL = ("zstd", "br", "gzip")
SCRIPT = Script(headers=[("Content-Type", "application/json")], chunks=[JSON], declare_length=True)


def chosen(value, offered=ALL):
    """The coding for this Accept-Encoding, None for identity."""
    return best(weights(value), offered)


def coding_of(dual, value, **settings):
    """The coding that a response really has, and that it decodes."""
    result = dual.request(SCRIPT, {"compression": settings}, headers=accepting(value))
    coding = result.header("content-encoding")

    assert decoded(coding, result.body) == JSON
    return coding


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        (3, "GZip", "gzip"),
        (3, "gzip,deflate", "gzip"),
        (3, " \tgzip \t; \tq=0.5 , deflate", "gzip"),
        (3, "gzipped", None),
        (3, "agzip, notgzip, gzip-x", None),
        (4, "x-gzip", "gzip"),
        (4, "X-GZIP;q=0.5", "gzip"),
        (4, "x-gzip;q=0", None),
        (5, "gzip;q=0", None),
        (5, "gzip;q=0.000", None),
        (5, "gzip;Q=0.001", "gzip"),
        (5, "gzip;q=1.000", "gzip"),
        (5, "gzip;q=1.", "gzip"),
        (5, "gzip;q=0.1234", None),
        (5, "gzip;q=1.001", None),
        (5, "gzip;q=2", None),
        (5, "gzip;q=-1", None),
        (5, "gzip;q=.5", None),
        (5, "gzip;q=", None),
        (5, "gzip;q", None),
        (5, "gzip;q = 1", None),
        (5, "gzip;", None),
        (5, "gzip;level=9", None),
        (5, "gzip;q=1;level=9", None),
        (5, "gzip br", None),
        (5, "gzip, gzip;q=0", None),
        (5, "gzip;q=0, gzip", None),
        (6, "*", "zstd"),
        (6, "*;q=0.1", "zstd"),
        (6, "*;q=0", None),
        (6, "gzip, *;q=0", "gzip"),
        (6, "zstd;q=0, *", "br"),
        (6, "gzip;q=0.5, *;q=0.8", "zstd"),
        (7, "gzip;q=0.5, br;q=0.9", "br"),
        (7, "gzip, br;q=0.9, zstd;q=0.1", "gzip"),
        (7, "gzip;q=0.5, identity;q=0.8", None),
        (7, "gzip;q=0.8, identity;q=0.5", "gzip"),
        (7, "gzip, identity", "gzip"),
        (7, "gzip;q=0.001", "gzip"),
        (8, "gzip, br, zstd", "zstd"),
        (8, "gzip, br", "br"),
        (8, "br;q=0.5, gzip;q=0.5", "br"),
        (9, "deflate, compress", None),
        (9, "identity;q=0", None),
        (9, "identity;q=0, *;q=0", None),
        (11, "", None),
        (11, " , ,", None),
        (11, '";"', None),
    ],
)
def test_chosen(rule, value, expected):
    """The grammar of RFC 9110 §12.5.3, whole tokens, and weights."""
    # compression 3, compression 4, compression 5, compression 6, compression 7, compression 8
    # compression 9, compression 11: the number of each case stands before it
    assert expected == chosen(value), rule


@pytest.mark.parametrize("value", ["dcz", "dcb, dcz", "compress", "deflate"])
def test_not_offered(dual, value):
    """Shared dictionaries (RFC 9842) and the old codings are not among what is offered."""
    # compression decision 9
    assert None is chosen(value)
    assert None is coding_of(dual, value)


def test_requests_stay_coded(dual):
    """What a client sends coded is the application's to decode."""
    # compression decision 9
    script = Script(chunks=[JSON], read_body=True)
    sent = b"\x1f\x8b coded by the client"
    headers = accepting("gzip", **{"Content-Encoding": "gzip"})
    dual.request(script, {"gzip": True}, "POST", body=sent, headers=headers)

    assert [sent] == script.probe.bodies


def test_no_header(dual):
    """Nobody asked: identity, with Vary all the same."""
    # compression 1
    result = dual.request(SCRIPT, {"gzip": True})

    assert JSON == result.body
    assert None is result.header("content-encoding")
    assert "Accept-Encoding" == result.header("vary")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["deflate", "gzip"], "gzip"),
        (["gzip", "deflate"], "gzip"),
        (["gzip;q=0.5", "identity"], None),
        (["gzip", "gzip;q=0"], None),
    ],
)
def test_lines_are_joined(dual, lines, expected):
    """A repeated header is one value under both protocols (RFC 9110 §5.3)."""
    # compression 2
    fields = [("Accept-Encoding", line) for line in lines]
    result = dual.request(SCRIPT, {"gzip": True}, headers=fields)

    assert expected == result.header("content-encoding")


@pytest.mark.parametrize("value", ["x-gzip", "X-Gzip", "gzip;q=0.3", "*"])
def test_the_response_says_gzip(dual, value):
    """In lower case, whatever the client called it."""
    # compression 3, 4
    result = dual.request(SCRIPT, {"gzip": True}, headers=accepting(value))

    assert "gzip" == result.header("content-encoding")


@pytest.mark.parametrize("codings", [list(OFFERED), list(reversed(OFFERED))])
def test_equal_weights_are_the_servers_choice(dual, codings):
    """The first of the setting wins; without one zstd, br, gzip."""
    # compression 8
    assert codings[0] == coding_of(dual, "gzip, br, zstd", codings=codings)
    assert OFFERED[0] == coding_of(dual, "gzip, br, zstd")


@pytest.mark.parametrize("value", ["deflate", "identity;q=0", "*;q=0", "gzip;q=0"])
def test_nothing_acceptable_is_no_error(dual, value):
    """200 and identity, never 406."""
    # compression 9
    result = dual.request(SCRIPT, {"gzip": True}, headers=accepting(value))

    assert (200, JSON) == (result.status, result.body)
    assert None is result.header("content-encoding")


FORCING = ["gzip, identity;q=0", "gzip, *;q=0", "*, identity;q=0", "gzip;q=0.1, identity;q=0.0"]


@pytest.mark.parametrize("value", FORCING)
@pytest.mark.parametrize(
    ("headers", "chunk"),
    [
        ([("Content-Type", "application/json")], b"{}"),
        ([("Content-Type", "image/png")], JSON),
        ([("Content-Type", "text/plain")], bytes(range(256)) * 2),
    ],
    ids=["short", "excluded type", "grows"],
)
@pytest.mark.parametrize("declare", [True, False])
def test_identity_refused(dual, value, headers, chunk, declare):
    """A client that refuses identity gets a coding of what would not have had one."""
    # compression 10
    script = Script(
        headers=headers, chunks=[chunk], declare_length=declare, final_empty=False, body="list"
    )
    result = dual.request(script, {"gzip": True}, headers=accepting(value))

    assert ("gzip", "Accept-Encoding") == (
        result.header("content-encoding"),
        result.header("vary"),
    )
    assert chunk == decoded("gzip", result.body)
    assert str(len(result.body)) == result.header("content-length")


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (206, []),
        (200, [("Content-Encoding", "br")]),
        (200, [("Cache-Control", "no-transform")]),
        (200, [("Content-Range", "bytes 0-9/100")]),
        (200, [("Repr-Digest", "sha-256=:AAAA:")]),
    ],
)
def test_identity_refused_does_not_break_what_is_settled(dual, status, headers):
    """Not even then are bytes changed that the head speaks of."""
    # compression 10, compression 14, compression 15, compression 16, compression 17, compression 18
    script = Script(status=status, headers=headers, chunks=[JSON])
    result = dual.request(script, {"gzip": True}, headers=accepting("gzip, identity;q=0"))

    assert JSON == result.body
    assert headers == [(name, value) for name, value in headers if value in result.header_all(name)]
    assert None is result.header("vary")


def test_a_long_header_is_ignored(dual):
    """It is neither read nor remembered."""
    # compression 12
    world = World()
    middleware = world.compression()
    longest = "gzip," + "x" * (LONGEST - 5)
    answers = [
        dual.request(SCRIPT, world.stack(middleware), headers=accepting(value))
        for value in (longest, longest + "x")
    ]

    assert ["gzip", None] == [each.header("content-encoding") for each in answers]
    assert {None, longest} == set(middleware._choices)


@REPLACED
def test_answers_are_remembered_by_raw_value(dual, monkeypatch):
    """A value is worked out once; there is a bound to what is kept."""
    # compression 12
    asked = []
    monkeypatch.setattr(choices, "weights", lambda value: asked.append(value) or weights(value))
    monkeypatch.setattr(choices, "_KNOWN_MOST", 4)
    world = World()
    middleware = world.gzip()
    for value in ("gzip", "gzip", "GZIP", "gzip", "a", "b", "c", "c", "gzip"):
        dual.request(SCRIPT, world.stack(middleware), headers=accepting(value))

    assert ["gzip", "GZIP", "a", "b", "c", "c"] == asked
    assert 4 == len(middleware._choices)


@REPLACED
def test_types_are_remembered_with_a_bound(dual, monkeypatch):
    """An application that writes another boundary each time fills no memory."""
    # compression 20
    monkeypatch.setattr(media_types, "_KNOWN_MOST", 3)
    world = World()
    middleware = world.gzip()
    for number in range(5):
        script = Script(headers=[("Content-Type", f"text/plain; n={number}")], chunks=[JSON])
        dual.request(script, world.stack(middleware), headers=accepting("gzip"))

    assert 3 == len(middleware._types)


def test_brotli_is_slow_to_begin():
    """Below 4 KB it gives way to what the client likes as well; never to what it likes less."""
    # compression decision 3
    codings = [_Named("br", is_light=False), _Named("gzip", is_light=True)]
    found = choices.Choices(codings)

    assert ("br", "gzip", "gzip") == _tokens(found["gzip, br"])
    assert ("br", "br", "gzip") == _tokens(found["gzip;q=0.9, br"])
    assert ("br", "br", None) == _tokens(found["br"])
    sizes = (None, 4095, 4096)
    choice = found["gzip, br"]
    assert ["br", "gzip", "br"] == [choice.sized(size).token for size in sizes]


class _Named:
    """A coding as far as a choice goes."""

    def __init__(self, token, *, is_light):
        self.token = token
        self.is_light = is_light


def _tokens(choice):
    return tuple(each and each.token for each in (choice.whole, choice.small, choice.live))


MEMBERS = st.sampled_from(
    ["gzip", "x-gzip", "br", "zstd", "identity", "*", "deflate", "GZIP", "", "é", '"', "gz ip"]
)
WEIGHTS = st.sampled_from(["", ";q=0", ";q=1", ";q=0.5", "; q=0.123", ";q=0.1234", ";q=x", ";"])
HEADERS = st.lists(st.tuples(MEMBERS, WEIGHTS).map("".join), max_size=6).map(", ".join)


@given(HEADERS | st.text(max_size=80))
@example("gzip;q=0.5,,")
def test_any_text_is_an_answer(value):
    """No header raises; what is chosen was offered and not refused."""
    # compression 5
    found = weights(value)
    coding = best(found, ALL)

    assert all(0 <= weight <= 1000 for weight in found.values())
    assert coding in (None, *ALL)
    if coding is not None:
        assert 0 < found.get(coding, found.get("*", 0))
    assert refuses_identity(found) in (True, False)


@given(HEADERS)
def test_order_of_members_means_nothing(value):
    """Only weights and the server's order do (RFC 9110 §12.4.2)."""
    # compression 7, compression 8
    backwards = ", ".join(reversed(value.split(", ")))

    assert chosen(value) == chosen(backwards)


def test_many_members_take_one_pass():
    """The longest header there is takes no more than a header of commas would."""
    # compression 12
    assert {} == weights("," * LONGEST)
    assert {"a": 0} == weights(("a;" * LONGEST)[:LONGEST])
    assert LONGEST // 2 >= len(weights(",".join(map(str, range(500)))))
