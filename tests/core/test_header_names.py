"""Which request headers are looked for, and how they are found among all that a client sends."""

import pytest

from dualware.asgi.request import ASGIRequest
from dualware.core.header_names import ASKED, AskedNames, HeaderName, HeaderNames


def test_a_spelling_is_learnt_once():
    """What is asked for has its name in lower case, what nobody asks for none."""
    # protocols A7
    asked = AskedNames()
    asked.ask(b"x-mine")
    spellings = asked.spellings

    assert [b"x-mine", b"x-mine", None] == [
        asked.learn(spellings, raw) for raw in (b"x-mine", b"X-Mine", b"x-other")
    ]
    assert {b"x-mine": b"x-mine", b"X-Mine": b"x-mine", b"x-other": None} == spellings


def test_a_new_name_makes_all_that_was_learnt_void():
    """It may stand there as a name that nobody asks for. A known one changes nothing."""
    asked = AskedNames()
    before = asked.spellings
    asked.learn(before, b"x-new")
    asked.ask(b"x-new")
    after = asked.spellings
    asked.ask(b"x-new")

    assert {b"x-new": None} == before
    assert {} == after
    assert asked.spellings is after
    assert b"x-new" == asked.learn(after, b"x-new")


def test_names_that_clients_make_up_are_not_kept():
    """Neither many nor long ones: they would stay for as long as the process."""
    asked = AskedNames()
    asked.ask(b"last")
    spellings = asked.spellings
    for number in range(2000):
        assert asked.learn(spellings, b"x-%d" % number) is None

    assert len(spellings) == 1024
    assert b"last" == asked.learn(spellings, b"LAST")
    assert b"LAST" not in spellings
    asked.ask(b"another")
    assert asked.learn(asked.spellings, b"x" * 65) is None
    assert {} == asked.spellings


PAIRS = [(b"X-Asked", b"1"), (b"x-other", b"2"), (b"x-asked", b"3"), (b"x-other", b"4")]


@pytest.mark.parametrize(
    "headers",
    [
        PAIRS,
        tuple(PAIRS),
        [list(pair) for pair in PAIRS],
        [tuple(map(bytearray, pair)) for pair in PAIRS],
    ],
    ids=["list", "tuple", "lists", "bytearrays"],
)
def test_headers_in_any_form(headers):
    """Any iterable of pairs of byte strings, names in any case, each as often as it may be."""
    # protocols A7
    name = HeaderName("x-asked")
    request = ASGIRequest({"headers": headers})

    assert {name.wire: b"1,3"} == request.index()
    found = [request.header(each) for each in ("x-asked", "x-other", "x-none")]
    assert ["1,3", "2,4", None] == found
    assert ["1,3"] == request.several(HeaderNames("x-asked"))


def test_a_name_that_is_new_since_the_index_was_made():
    """It is found all the same, in any of the ways."""
    request = ASGIRequest({"headers": [(b"x-late-1", b"1"), (b"X-Late-2", b"2")]})
    assert {} == request.index()
    names = HeaderNames("x-late-1", "x-late-2", "x-late-3")

    assert ["1", "2", None] == request.several(names)
    assert ["1", "2", None] == [request.header(each.text) for each in names.names]
    assert {b"x-late-1", b"x-late-2", b"x-late-3"} <= ASKED.names


def test_headers_that_are_none():
    """A server that gives something else is told so, whoever looks."""
    request = ASGIRequest({"headers": [None]})
    with pytest.raises(TypeError):
        request.index()
