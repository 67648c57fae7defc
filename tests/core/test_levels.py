"""Levels, tables by result, and the share of lines that are kept.

Must never know a logger, nor a middleware.
"""

import hashlib
import logging
import typing
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualware.core.exchange import Outcome
from dualware.core.logging.levels import (
    BROKEN,
    DEFAULT_LEVELS,
    LEVEL_NAMES,
    LEVELS,
    OUTCOMES,
    SILENT,
    ByResult,
    is_key,
    kept,
)


def test_levels_are_those_of_the_standard_library():
    """The same numbers; ``silent`` is below them all."""
    # observability L12
    names = ("debug", "info", "warning", "error", "critical")

    assert {name: getattr(logging, name.upper()) for name in names} | {"silent": 0} == LEVELS
    assert {number: name for name, number in LEVELS.items()} == LEVEL_NAMES
    assert min(LEVELS.values()) == SILENT


def test_outcomes_are_those_of_an_exchange():
    """Each of them can stand in a table."""
    # observability L12
    assert set(typing.get_args(Outcome)) == set(OUTCOMES)
    assert set(OUTCOMES) > BROKEN


def default_level(status, outcome):
    """The word for the level of this result, without any settings."""
    return ByResult(DEFAULT_LEVELS, "none")(status, outcome)


@pytest.mark.parametrize(
    ("status", "outcome", "expected"),
    [
        *((status, "completed", "info") for status in (101, 200, 204, 301, 304, 400, 404, 499)),
        *((status, "completed", "error") for status in (500, 502, 503, 599)),
        (500, "error", "error"),
        (200, "error", "error"),
        (None, "error", "error"),
        (None, "no_response", "error"),
        (200, "incomplete", "error"),
        (None, "aborted", "info"),
        (200, "aborted", "info"),
        (499, "aborted", "info"),
        (503, "aborted", "error"),
        (None, "cancelled", "info"),
        (200, "cancelled", "info"),
        # A session that was accepted.
        (None, "completed", "info"),
    ],
)
def test_the_default_levels(status, outcome, expected):
    """5xx and what the application failed to answer are errors, all else is told."""
    # observability L12
    assert expected == default_level(status, outcome)


TABLE = {"404": "code", "4xx": "class", "500": "five hundred", "aborted": "gone", "error": "broken"}


@pytest.mark.parametrize(
    ("status", "outcome", "expected"),
    [
        (404, "completed", "code"),
        (403, "completed", "class"),
        (200, "completed", "default"),
        (500, "completed", "five hundred"),
        (501, "completed", "default"),
        # A status counts before the outcome…
        (404, "aborted", "code"),
        (403, "aborted", "class"),
        (200, "aborted", "gone"),
        (None, "aborted", "gone"),
        (500, "error", "five hundred"),
        (501, "error", "broken"),
        # …unless the head was good and what came then was not.
        (404, "error", "broken"),
        (200, "error", "broken"),
        (404, "incomplete", "default"),
        (None, "no_response", "default"),
    ],
)
def test_the_order_of_a_table(status, outcome, expected):
    """Exact code, else class, else outcome, else default."""
    # observability L12
    assert expected == ByResult(TABLE, "default")(status, outcome)


def test_a_default_of_the_table():
    """It stands for what nothing else says."""
    # observability L12
    table = ByResult({"default": 1, "2xx": 2}, 3)

    assert (1, 2) == (table(404, "completed"), table(200, "completed"))
    assert {1, 2} == table.values
    assert 3 == ByResult({}, 3)(200, "completed")
    assert {3} == ByResult({}, 3).values


RESULTS = st.tuples(st.none() | st.integers(100, 599), st.sampled_from(OUTCOMES))


@given(st.lists(RESULTS))
def test_what_is_remembered_is_what_was_said(results):
    """A second look gives the same, and no table can be told by what it was asked before."""
    # observability L12
    table = ByResult(TABLE, "default")
    first = [table(*result) for result in results]

    assert first == [table(*result) for result in results]
    assert first == [ByResult(TABLE, "default")(*result) for result in results]


def test_what_is_remembered_is_bounded():
    """Applications choose statuses, and so must not be able to fill the memory."""
    # observability L12
    table = ByResult({"4xx": "class"}, "default")
    answers = [table(status, "completed") for status in range(3000)]

    assert "class" == answers[444]
    assert answers == [table(status, "completed") for status in range(3000)]
    assert len(table._known) == 1024


@pytest.mark.parametrize(
    "key", ["100", "404", "999", "1xx", "2xx", "3xx", "4xx", "5xx", *OUTCOMES, "default"]
)
def test_keys(key):
    """What may stand in a table."""
    # observability X13
    assert is_key(key)


@pytest.mark.parametrize(
    "key",
    ["", "40", "4040", "4XX", "6xx", "0xx", "xx", "٤٠٤", "²00", "-40", "4 4", "ok", "Default"],
)
def test_what_is_no_key(key):
    """A look-up would never find it."""
    # observability X13
    assert not is_key(key)


# observability L14: the share


# As random as ids are, and the same in every run.
IDS = [hashlib.md5(b"%d" % number).hexdigest().encode() for number in range(20_000)]


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.1, 0.25, 0.5, 0.9])
def test_the_share_is_near_the_rate(rate):
    """Within three times the deviation of a fair draw."""
    # observability L14
    share = sum(kept(each, rate) for each in IDS) / len(IDS)

    assert abs(share - rate) < 3 * (rate * (1 - rate) / len(IDS)) ** 0.5


def test_nothing_and_everything():
    """The ends of the scale are exact."""
    # observability L14
    assert not any(kept(each, 0.0) for each in IDS)
    assert all(kept(each, 1.0) for each in IDS)


@given(st.binary(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_keeps_what_a_smaller_one_does(identity, one, other):
    """And the same one decides the same each time."""
    # observability L14
    smaller, larger = sorted((one, other))

    assert kept(identity, smaller) <= kept(identity, larger)
    assert kept(identity, one) == kept(bytes(identity), one)


@pytest.mark.parametrize(
    ("identity", "crc"),
    # The check value of CRC-32, and two more that any language can compare with.
    [(b"123456789", 0xCBF43926), (b"", 0), (b"a", 0xE8B7BE43)],
)
def test_the_decision_is_that_of_crc_32(identity, crc):
    """So that a service in another language keeps the lines of the same requests."""
    # observability L14
    assert crc == zlib.crc32(identity)
    assert kept(identity, (crc + 1) / 2**32)
    assert not kept(identity, crc / 2**32)
