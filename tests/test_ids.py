"""Request ids: their shapes, their order, and what is taken for one.

No protocol is involved: both drivers call the very same functions.
"""

import os
import re
import threading
import uuid
import warnings
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualware.core.request_id import ids
from dualware.core.request_id.ids import (
    NAMED,
    Order,
    hex_ids,
    is_request_id,
    nanoid_ids,
    order_of,
    ulid_ids,
    uuid4_ids,
    uuid7_ids,
    well_formed,
)
from dualware.effects import REAL

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def ones(size):
    """Randomness of ones only."""
    return b"\xff" * size


def zeros(size):
    """Randomness of zeros only."""
    return bytes(size)


def clock(*milliseconds):
    """A wall clock that says these milliseconds, in ns, one after the other."""
    return iter([each * 1_000_000 for each in milliseconds]).__next__


# Well-formed ids

ACCEPTED = {
    "uuid4": "1f5bc1f4-2c47-4b6c-9d8a-0e1c5c2f9f11",
    "nginx": "444535f9378a3dfa1b8604bc9e05a303",
    "heroku": "a" * 200,
    "mod_unique_id": "abcxyz@AcoAAEAAAAAAAAAAB",
    "cloudfront": "k3vh8C2d0eYp9zqJ1x7w5Q==",
    "chi": "host/rand-000001",
    "ulid": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "one character": "-",
}
REJECTED = {
    "201 characters": "a" * 201,
    "empty": "",
    "comma": "one,two",
    "space": "one two",
    "carriage return": "one\rtwo",
    "line feed": "one\n",
    "null": "one\x00",
    "escape": "\x1b[31mone",
    "quote": '"one"',
    "not ASCII": "idé",
    "other digits": "١٢٣",
    "braces": "{1f5bc1f4-2c47-4b6c-9d8a-0e1c5c2f9f11}",
    "tab": "one\ttwo",
    "semicolon": "one;two",
    "angle": "<one>",
}


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(text):
    """What proxies and platforms send is an id."""
    # observability R3

    assert is_request_id(text)


@pytest.mark.parametrize("text", REJECTED.values(), ids=REJECTED)
def test_rejected(text):
    """What could mean something to whoever reads it is none."""
    # observability R3

    assert not is_request_id(text)


@given(st.text(max_size=220))
def test_any_text(text):
    """The verdict is that of the rule, for any text."""
    # observability R3
    alphabet = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_.:~@-")

    assert (0 < len(text) <= 200 and set(text) <= alphabet) == is_request_id(text)


def test_other_length():
    """The pattern of another length takes that length and no more."""
    pattern = well_formed(3)

    assert pattern.fullmatch("abc")
    assert not pattern.fullmatch("abcd")


# Random ids


def test_hex():
    """The default is what it was drawn as."""
    # observability R7
    generate = hex_ids(lambda size: bytes(range(size)))

    assert "000102030405060708090a0b0c0d0e0f" == generate()


def test_hex_is_never_zero():
    """Not all zeros, which would be no W3C trace id."""
    # observability R7
    generate = hex_ids(zeros)

    assert "00000000000000000000000000000001" == generate()


def test_uuid4():
    """Version and variant are set over the random bits, the others are not touched."""
    # observability R7
    assert "ffffffff-ffff-4fff-bfff-ffffffffffff" == uuid4_ids(ones)()
    assert "00000000-0000-4000-8000-000000000000" == uuid4_ids(zeros)()


def test_uuid4_is_the_standard_library_s():
    """From the same bytes the standard library makes the same."""
    # observability R7
    drawn = os.urandom(16)

    assert str(uuid.UUID(bytes=drawn, version=4)) == uuid4_ids(lambda _: drawn)()


def test_nanoid():
    """21 characters of the URL-safe alphabet, each as likely as the others."""
    # observability R7
    assert "_" * 21 == nanoid_ids(ones)().replace("-", "_")
    assert "A" * 21 == nanoid_ids(zeros)()
    assert 64 == len({nanoid_ids(lambda n, b=b: bytes([b]) * n)() for b in range(256)})


@pytest.mark.parametrize("name", NAMED)
def test_named(name):
    """Every generator makes ids that pass, each another."""
    # observability R7
    generate = NAMED[name](REAL.random, REAL.now)
    made = [generate() for _ in range(100)]

    assert 100 == len(set(made))
    assert all(is_request_id(each) for each in made)


@pytest.mark.parametrize(("name", "bits"), [("hex", 128), ("uuid4", 122), ("nanoid", 126)])
def test_random_bits(name, bits):
    """Who does not sort by time has at least 122 random bits: that many positions change."""
    # observability R7
    flips = set()
    base = NAMED[name](zeros, REAL.now)()
    size = 21 if name == "nanoid" else 16
    for index in range(size * 8):
        drawn = (1 << index).to_bytes(size, "big")
        made = NAMED[name](lambda _, drawn=drawn: drawn, REAL.now)()
        if made != base:
            flips.add(made)

    # The one hex id of zeros is drawn as ...01 already.
    assert bits == len(flips) + (name == "hex")


# Ids in order


def test_uuid7():
    """RFC 9562 §5.7: milliseconds, version, variant."""
    # observability R7
    generate = uuid7_ids(zeros, clock(0x0123456789AB))

    assert "01234567-89ab-7000-8000-000000000000" == generate()
    # The counter begins in the lower half of its range; the tail is random.
    assert "01234567-89ab-77ff-bfff-ffffffffffff" == uuid7_ids(ones, clock(0x0123456789AB))()


def test_uuid7_is_one():
    """The standard library takes it for a UUID of version 7, with the time we gave."""
    # observability R7
    made = uuid.UUID(uuid7_ids(REAL.random, clock(1_700_000_000_000))())

    assert (7, uuid.RFC_4122) == (made.version, made.variant)
    assert 1_700_000_000_000 == made.int >> 80


def test_ulid():
    """26 digits of Crockford's base 32; time first."""
    # observability R7
    assert "00000000000000000000000000" == ulid_ids(zeros, clock(0))()
    # The greatest time there can be; 41 ones, then a tail of 38.
    assert "7ZZZZZZZZZFZZZZZZZZZZZZZZZ" == ulid_ids(ones, clock((1 << 48) - 1))()


def test_ulid_says_its_time():
    """The time of the specification's example is in its first ten digits."""
    # observability R7
    made = ulid_ids(REAL.random, clock(1469918176385))()
    time = 0
    for digit in made[:10]:
        time = time * 32 + CROCKFORD.index(digit)

    assert "01ARYZ6S41" == made[:10]
    assert 1469918176385 == time
    assert re.fullmatch(f"[{CROCKFORD}]{{26}}", made)


@pytest.mark.parametrize("make", [uuid7_ids, ulid_ids])
def test_order_whatever_the_clock_does(make):
    """A clock that stands, steps back and goes on: every id is greater than the one before."""
    # observability R7
    times = (5, 5, 5, 3, 0, 5, 6, 6, 1)
    generate = make(ones, clock(*times))
    made = [generate() for _ in times]

    assert sorted(set(made)) == made


@pytest.mark.parametrize("make", [uuid7_ids, ulid_ids])
def test_order_under_threads(make):
    """100 000 ids from 4 threads: each thread's grow, and no two are the same."""
    # observability R7
    generate = make(REAL.random, REAL.now)
    made = [[] for _ in range(4)]
    begin = threading.Barrier(4)

    def work(own):
        begin.wait()
        own += [generate() for _ in range(25_000)]

    threads = [threading.Thread(target=work, args=(own,)) for own in made]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert all(first < second for own in made for first, second in pairwise(own))
    assert 100_000 == len(set().union(*made))


def test_one_order_for_a_process():
    """Two generators that read the same clock share the order: "inside a process" is one."""
    # observability R7
    times = clock(1, 1, 1, 1)
    first, second = uuid7_ids(REAL.random, times), uuid7_ids(REAL.random, times)
    made = [first(), second(), first(), second()]

    assert sorted(set(made)) == made
    assert order_of(times) is order_of(times)


def test_counter_rolls_over():
    """A full counter lends a millisecond from the future (RFC 9562 §6.2)."""
    order = Order()

    assert (7, Order.MOST) == order.step(7, Order.MOST)
    assert (8, 3) == order.step(7, 3)
    assert (8, 4) == order.step(7, 9)
    assert (9, 1) == order.step(9, 1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_fork():
    """A child draws a counter of its own, above all that the parent gave, and frees the lock."""
    # observability X14
    order = order_of(clock())
    before = order.step(10, 1000)
    order._lock.acquire()
    read, write = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns where other tests have left threads behind.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:  # pragma: no cover - coverage does not follow os._exit
        same = order.step(10, 5), order.step(10, 6), order.step(10, 7)
        os.write(write, repr(same).encode())
        os._exit(0)
    order._lock.release()
    os.waitpid(child, 0)
    said = os.read(read, 100).decode()
    os.close(read)
    os.close(write)

    assert (10, 1000) == before
    assert "((11, 5), (11, 6), (11, 7))" == said
    assert (10, 1001) == order.step(10, 5)


def test_part():
    """What happens in a child, without one: the next millisecond, and a counter drawn anew."""
    # observability X14
    order = Order()
    order.step(10, 1000)
    order.part()

    assert (11, 5) == order.step(10, 5)
    ids._part()
    assert (20, 6) == order.step(20, 6)
    ids._part()
    assert (21, 7) == order.step(20, 7)


def test_part_before_the_first():
    """A child of a process that has made no id yet is like any other."""
    # observability X14
    order = Order()
    order.part()

    assert (20, 6) == order.step(20, 6)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, (1 << 41) - 1)), max_size=30))
def test_order_grows(steps):
    """Pairs grow for any clock and any randomness."""
    # observability R7
    order = Order()
    pairs = [order.step(*each) for each in steps]

    assert sorted(set(pairs)) == pairs
