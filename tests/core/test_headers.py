"""One interface over two header lists: the same questions, the same answers, and no copies.

Knows both lists. Must never know who made them.
"""

import pytest

from dualware.core import field_names
from dualware.core import headers as headers_module
from dualware.core.field_names import FieldNames, Parts
from dualware.core.headers import (
    BytesHeaders,
    Fields,
    Headers,
    StrHeaders,
    drop_length,
    weaken_etag,
)
from dualware.core.lists import add_vary, union
from tests.builds import REPLACED


class Text(str):
    """No native string (PEP 3333): a subclass."""

    __slots__ = ()


def strings(*pairs):
    """WSGI's list."""
    return StrHeaders([(name, value) for name, value in pairs])


def byte_pairs(*pairs):
    """ASGI's list."""
    return BytesHeaders(
        [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
    )


@pytest.fixture(params=[strings, byte_pairs], ids=["str", "bytes"])
def make(request):
    """Both lists, one after the other."""
    return request.param


def shown(headers):
    """The fields as they are read."""
    return list(headers)


# Reading


def test_reading(make):
    """Names in any case; the first value, or all in order."""
    headers = make(("Set-Cookie", "a=1"), ("X-A", "é"), ("Set-Cookie", "b=2"))

    assert "a=1" == headers.get("set-cookie")
    assert "é" == headers.get("X-a")
    assert None is headers.get("X-B")
    assert ["a=1", "b=2"] == headers.get_all("SET-COOKIE")
    assert [] == headers.get_all("X-B")
    assert "x-A" in headers
    assert "X-B" not in headers
    assert 3 == len(headers)
    assert [("set-cookie", "a=1"), ("x-a", "é"), ("set-cookie", "b=2")] == shown(headers)


def test_empty():
    """Without a list there is one of our own."""
    headers = StrHeaders()

    assert [] == headers.pairs
    assert 0 == len(headers)


def test_an_application_may_write_names_in_any_case():
    """ASGI wants lower case; some do not care."""
    headers = BytesHeaders([(b"X-A", b"1")])

    assert "1" == headers.get("x-a")
    assert [("x-a", "1")] == shown(headers)


def test_a_name_that_is_known_is_looked_up_as_one_that_is_not(make):
    """The table of known names changes nothing but the time it takes."""
    headers = make(("X-Known-Later", "1"))

    assert "1" == headers.get("X-Known-Later")

    headers.append("X-Known-Later", "2")

    assert ["1", "2"] == headers.get_all("X-Known-Later")


# Copy on write


def test_reading_copies_nothing(make):
    """The application's own list comes back."""
    pairs = make(("X-A", "1")).pairs
    headers = type(make())(pairs)
    headers.get("x-a")
    headers.remove("x-b")
    headers.setdefault("X-A", "2")

    assert pairs is headers.pairs
    assert not headers.changed


CHANGES = [
    (lambda headers: headers.append("X-B", "2"), [("x-a", "1"), ("x-b", "2")]),
    (lambda headers: headers.set("X-A", "2"), [("x-a", "2")]),
    (lambda headers: headers.set("X-B", "2"), [("x-a", "1"), ("x-b", "2")]),
    (lambda headers: headers.setdefault("X-B", "2"), [("x-a", "1"), ("x-b", "2")]),
    (lambda headers: headers.remove("X-A"), []),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES)
def test_changing_copies_once(make, change, expected):
    """The application's list stays as it was; the second change works on the same copy."""
    pairs = make(("X-A", "1")).pairs
    before = list(pairs)
    headers = type(make())(pairs)
    change(headers)

    assert before == pairs
    assert pairs is not headers.pairs
    assert headers.changed
    assert expected == shown(headers)

    own = headers.pairs
    headers.append("X-C", "3")

    assert own is headers.pairs
    assert [*expected, ("x-c", "3")] == shown(headers)


@pytest.mark.parametrize("kind", [tuple, iter])
def test_what_is_no_list_is_read_once(make, kind):
    """A generator could not be read again (protocols A15)."""
    pairs = make(("X-A", "1")).pairs
    headers = type(make())(kind(pairs))

    assert pairs == headers.pairs
    assert list is type(headers.pairs)
    assert headers.changed


# Changing


def test_append_comes_last(make):
    """Whether or not there is one of that name."""
    headers = make(("X-A", "1"), ("X-B", "2"))
    headers.append("X-A", "3")

    assert [("x-a", "1"), ("x-b", "2"), ("x-a", "3")] == shown(headers)


def test_set_keeps_the_place_of_the_first(make):
    """The others of that name go."""
    headers = make(("X-B", "0"), ("X-A", "1"), ("X-B", "2"), ("x-a", "3"))
    headers.set("X-A", "4")

    assert [("x-b", "0"), ("x-a", "4"), ("x-b", "2")] == shown(headers)


def test_setdefault_says_whether_it_added(make):
    """It adds only where there is none."""
    headers = make(("X-A", "1"))

    assert False is headers.setdefault("x-a", "2")
    assert True is headers.setdefault("X-B", "2")
    assert [("x-a", "1"), ("x-b", "2")] == shown(headers)


def test_remove_says_whether_there_was_one(make):
    """Every field of the name goes."""
    headers = make(("X-A", "1"), ("X-B", "2"), ("x-a", "3"))

    assert True is headers.remove("X-a")
    assert False is headers.remove("X-a")
    assert [("x-b", "2")] == shown(headers)


def test_the_wire_form():
    """ASGI names in lower case, bytes; WSGI as written, exact native strings."""
    under_asgi, under_wsgi = BytesHeaders(), StrHeaders()
    for headers in (under_asgi, under_wsgi):
        headers.append(Text("X-Name"), Text("é"))

    assert [(b"x-name", b"\xe9")] == under_asgi.pairs
    assert [("X-Name", "é")] == under_wsgi.pairs
    assert [str, str] == [type(part) for part in under_wsgi.pairs[0]]


# What may stand there


@pytest.mark.parametrize(
    "name", ["", "a b", "a:b", "é", "a\r\nb", "X-", "X_", "Status", "status", "x\n"]
)
def test_illegal_names(make, name):
    """RFC 9110 tokens, less what WSGI servers refuse (protocols W26)."""
    headers = make()
    with pytest.raises(ValueError, match="response header name") as raised:
        headers.append(name, "1")

    assert (
        f"{name!r} cannot be a response header name; use an RFC 9110 token that does not end in "
        "'-' or '_' and is not 'Status'"
    ) == str(raised.value)
    assert [] == shown(headers)


@pytest.mark.parametrize(
    "name",
    [
        "Connection",
        "keep-alive",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Proxy-Connection",
        "TE",
        "Transfer-Encoding",
        "Upgrade",
    ],
)
def test_hop_by_hop_names(make, name):
    """Only the server may set them (protocols W25)."""
    with pytest.raises(ValueError, match="hop-by-hop") as raised:
        make().set(name, "1")

    assert f"{name!r} is a hop-by-hop field; only the server may set it" == str(raised.value)


def test_trailer():
    """ASGI leaves that one to the application; WSGI has no trailers."""
    headers = BytesHeaders()
    headers.append("Trailer", "Server-Timing")

    assert [(b"trailer", b"Server-Timing")] == headers.pairs

    with pytest.raises(ValueError, match="trailers") as raised:
        StrHeaders().append("Trailer", "Server-Timing")

    assert "'Trailer' is a hop-by-hop field, and WSGI has no trailers" == str(raised.value)


@pytest.mark.parametrize(
    "value", ["a\r\nb", "a\nb", "\x00", "\x7f", "a\x1fb", "€", " a", "a ", "\ta"]
)
@pytest.mark.parametrize("method", ["append", "set", "setdefault"])
def test_illegal_values(make, method, value):
    """Nobody splits a response through us (protocols A16, W26)."""
    headers = make()
    with pytest.raises(ValueError, match="may stand in a header") as raised:
        getattr(headers, method)("X-A", value)

    assert (
        f"{value!r} cannot be the value of X-A: only Latin-1 without control characters or "
        "surrounding spaces may stand in a header"
    ) == str(raised.value)
    assert [] == shown(headers)


def test_a_long_illegal_value_is_cut_in_the_sentence():
    """A hostile value must not fill the log."""
    with pytest.raises(ValueError, match="cannot be the value") as raised:
        StrHeaders().append("X-A", "a" * 1000 + "\n")

    assert str(raised.value).startswith(f"{'a' * 64!r} cannot")


def test_known_names_are_bounded(make, monkeypatch):
    """Names made from requests do not fill the memory, and work all the same."""
    known = {}
    monkeypatch.setattr(headers_module, "_KNOWN", known)
    monkeypatch.setattr(headers_module, "_KNOWN_MOST", 1)
    headers = make()
    headers.append("X-One", "1")
    headers.append("X-Two", "2")

    assert {"X-One": b"x-one"} == known
    assert [("x-one", "1"), ("x-two", "2")] == shown(headers)
    assert ("1", "2") == (headers.get("X-One"), headers.get("X-Two"))


# What middleware do most


@pytest.mark.parametrize(
    ("lines", "names", "expected"),
    [
        ([], ["Origin"], ["Origin"]),
        ([], ["Origin", "Accept-Encoding"], ["Origin, Accept-Encoding"]),
        (["Accept"], ["Origin"], ["Accept, Origin"]),
        (["accept, ORIGIN"], ["Origin"], ["accept, ORIGIN"]),
        (["Accept", "Cookie"], ["Origin"], ["Accept, Cookie, Origin"]),
        (["Accept", "Origin"], ["Origin"], ["Accept, Origin"]),
        (["Accept", "origin"], ["Origin"], ["Accept, origin"]),
        (["Origin, ORIGIN"], ["Origin"], ["Origin"]),
        (["*", "Accept"], ["Origin"], ["*", "Accept"]),
        # Nothing is missing, so nothing is written.
        (["accept, Origin"], ["Origin", "Accept"], ["accept, Origin"]),
        (["Accept", "Accept"], ["Origin"], ["Accept, Origin"]),
        (["*"], ["Origin"], ["*"]),
        (["Accept, *"], ["Origin"], ["Accept, *"]),
        ([" , Accept,,\t"], ["Origin"], ["Accept, Origin"]),
        ([""], ["Origin"], ["Origin"]),
        (["Accept"], [], ["Accept"]),
    ],
)
def test_add_vary(make, lines, names, expected):
    """A union that keeps what stands there (RFC 9110 §12.5.5)."""
    headers = make(*[("Vary", line) for line in lines])
    before = headers.pairs
    add_vary(headers, tuple(names))

    assert expected == headers.get_all("Vary")
    assert (expected != lines) is headers.changed
    assert (expected == lines) is (before is headers.pairs)


@pytest.mark.parametrize(
    ("etag", "expected"),
    [('"abc"', 'W/"abc"'), ('W/"abc"', 'W/"abc"'), ("abc", "abc"), (None, None)],
)
def test_weaken_etag(make, etag, expected):
    """Only a strong validator changes (RFC 9110 §8.8.1)."""
    headers = make(*([] if etag is None else [("ETag", etag)]))
    weaken_etag(headers)

    assert expected == headers.get("etag")
    assert (expected != etag) is headers.changed


def test_drop_length(make):
    """Every line of it."""
    headers = make(("Content-Length", "1"), ("X-A", "1"), ("content-length", "1"))
    drop_length(headers)

    assert [("x-a", "1")] == shown(headers)


@pytest.mark.parametrize(
    "ask",
    [
        lambda headers: headers.get("X"),
        lambda headers: headers._text("X"),
        lambda headers: headers._made(Fields()),
        lambda headers: headers.append("X", "1"),
    ],
)
def test_what_a_protocol_fills_in(ask):
    """The base class knows no wire form."""
    with pytest.raises(NotImplementedError):
        ask(Headers())


# What is made ready


def test_fields_are_made_for_both():
    """Checked once, in either form."""
    fields = Fields([("X-One", "1"), ("Vary", "Origin")])

    assert [("X-One", "1"), ("Vary", "Origin")] == fields.text
    assert [(b"x-one", b"1"), (b"vary", b"Origin")] == fields.wire
    both = fields + Fields([("X-Two", "2")])
    assert (3, 3, 2) == (len(both.text), len(both.wire), len(fields.text))


@pytest.mark.parametrize(
    "pair", [("X\r\nY", "1"), ("X", "1\r\nY: 2"), ("Connection", "close"), ("Trailer", "X")]
)
def test_fields_are_checked(pair):
    """As every field that is added."""
    with pytest.raises(ValueError, match=r"cannot be|hop-by-hop"):
        Fields([pair])


def test_fields_are_taken_over(make):
    """The list that was handed over stays as it is, and so do the fields."""
    headers = make(("X-App", "1"))
    before = headers.pairs
    fields = Fields([("X-One", "1")])
    headers.extend(fields)
    headers.append("X-Two", "2")
    headers.extend([("X-Three", "3")])

    assert [("x-app", "1"), ("x-one", "1"), ("x-two", "2"), ("x-three", "3")] == shown(headers)
    assert 1 == len(before) == len(fields.text) == len(fields.wire)


@pytest.mark.parametrize(
    ("names", "added"),
    [
        ([], True),
        (["X-One", "Content-Type"], True),
        (["VARY"], False),
        (["x-vary-more"], False),
        (["X-Va", "Ry"], True),
    ],
)
def test_fields_unless_a_name_is_taken(make, names, added):
    """A cheap look, and the same each time: it may say no for nothing, never yes."""
    parts = Parts("vary")
    for _ in range(2):
        headers = make(*[(name, "1") for name in names])

        assert added is headers.extend_alone(Fields([("X-Mine", "1")]), parts)
        assert added is ("X-Mine" in headers)


def test_harmless_names_are_not_remembered_without_end(make):
    """An application may make names of what clients send."""
    parts = Parts("vary")
    for number in range(300):
        assert not parts.may_stand_in(make((f"X-{number}", "1")).pairs)

    assert 256 == len(parts._harmless)
    assert parts.may_stand_in(make(("X-299", "1"), ("Vary", "*")).pairs)


def test_names_in_the_way_are_not_remembered_without_end(make):
    """Nor those that hold the part."""
    parts = Parts("vary")
    for number in range(300):
        assert parts.may_stand_in(make(("X-1", "1"), (f"X-Vary-{number}", "1")).pairs)

    assert 256 == len(parts._harmful)
    assert parts.may_stand_in(make(("X-1", "1"), ("X-Vary-299", "1")).pairs)


def test_names(make):
    """Each once, in lower case and in order."""
    headers = make(("X-B", "1"), ("x-a", "2"), ("x-b", "3"))

    assert ["x-b", "x-a"] == headers.names


def test_names_that_are_no_text():
    """What an application writes that is not the protocol's is left to the server.

    ASGI only: wsgiref refuses what is no str long before.
    """
    headers = BytesHeaders([(b"x-a", b"1"), ("x-b", "2")])

    assert ["x-a"] == headers.names
    assert not Parts("vary").may_stand_in(headers.pairs)
    assert Parts("vary").may_stand_in([*headers.pairs, ("Vary", "*")])
    # Nobody knows what that stands for.
    assert Parts("vary").may_stand_in([*headers.pairs, (None, b"1")])


def test_union():
    """The first spelling counts."""
    assert ["Origin", "Cookie"] == union(["Origin", "Cookie", "origin", "COOKIE"])


# Many names at once, and lengths


def test_picking(make):
    """In one pass: names in any case, several values as one, others left out."""
    headers = make(("Vary", "A"), ("ETAG", '"é"'), ("X-Other", "1"), ("vary", "B"))
    names = FieldNames("Vary", "ETag", "Accept-Ranges")

    for _ in range(2):
        assert {"vary": "A, B", "etag": '"é"'} == headers.pick(names)
    assert not headers.changed


@REPLACED
def test_picking_remembers_spellings_within_a_bound(make, monkeypatch):
    """Names that an application makes up for each response fill no memory."""
    names = FieldNames("Vary")
    monkeypatch.setattr(field_names, "_KNOWN_MOST", 4)
    for number in range(20):
        assert {"vary": "A"} == make((f"X-{number}", "1"), ("VARY", "A")).pick(names)

    assert 5 > len(names.as_str) + len(names.as_bytes) - 1


def test_lengths(make):
    """Set like any field, in the place of the first."""
    headers = make(("Content-Length", "1"), ("X-A", "1"), ("content-length", "2"))
    headers.set_length(12345)

    assert [("content-length", "12345"), ("x-a", "1")] == shown(headers)
    assert type(headers.pairs[0][1]) in (str, bytes)


def test_the_interface():
    """What each kind of list fills in."""
    headers = Headers([])

    for ask in (
        lambda: headers.pick(FieldNames()),
        lambda: headers.set_length(1),
    ):
        with pytest.raises(NotImplementedError):
            ask()
