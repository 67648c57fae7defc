"""Results: what is asked of them, and how they differ."""

import pytest

from dualware.testing import Result, SessionResult
from dualware.testing.result import lower_pairs

HEADERS = [("set-cookie", "a=1"), ("vary", "Origin"), ("set-cookie", "b=2")]


@pytest.mark.parametrize("kind", [Result, SessionResult])
def test_header(kind):
    """A header is found in any case, or is None."""
    result = kind(headers=HEADERS)

    assert ("Origin", None) == (result.header("Vary"), result.header("x-none"))


def test_header_all_keeps_the_order():
    """Repeated fields come in wire order."""
    assert ["a=1", "b=2"] == Result(headers=HEADERS).header_all("Set-Cookie")


def test_header_refuses_repetition():
    """Who asks for the only one is told that there are more."""
    with pytest.raises(AssertionError, match="set-cookie was sent 2 times"):
        Result(headers=HEADERS).header("set-cookie")


def test_body_is_every_chunk():
    """The body is one, however it was cut."""
    assert b"hello" == Result(chunks=[b"he", b"", b"llo"]).body


def test_reraise():
    """The error surfaces where a test wants it to, else the result goes on."""
    fine, failed = Result(), Result(error=ValueError("oh"))

    assert fine is fine.reraise()
    with pytest.raises(ValueError, match="oh"):
        failed.reraise()


def test_same_as_ignores_cuts_and_the_order_of_different_names():
    """What no client could tell apart is the same."""
    one = Result(status=200, headers=HEADERS, chunks=[b"ab"])
    other = Result(status=200, headers=sorted(HEADERS), chunks=[b"a", b"b"])

    assert one.same_as(other)


def test_same_as_says_every_difference():
    """A difference is readable."""
    one = Result(status=200, headers=HEADERS, chunks=[b"a"])
    other = Result(status=404, headers=HEADERS[::-1], chunks=[b"b"])
    with pytest.raises(AssertionError) as raised:
        one.same_as(other)

    assert [
        "status: 200 != 404",
        "set-cookie: ['a=1', 'b=2'] != ['b=2', 'a=1']",
        "body: b'a' != b'b'",
    ] == str(raised.value).splitlines()


def test_lower_pairs_of_anything():
    """Bytes, text and what is neither; what is no pair is left out."""
    given = [(b"A", b"\xe9"), ("B", "c"), (1, None), b"de", "fg", 3, ("x",)]

    assert [("a", "\xe9"), ("b", "c"), ("1", "None")] == lower_pairs(given)
    assert [] == lower_pairs(None)
