"""What went wrong in other libraries that code or part bodies, and does not here.

Knows the advisories of peers; the number beside a test is that of the library named with it. Must
never measure time: cost is counted, or bounded by size.
"""

import pytest

from dualware.core.compression.negotiation import LONGEST
from dualware.testing import Script
from tests.compression.parts import CODINGS, JSON, World, accepting, decoded

GZIP = accepting("gzip")


@pytest.mark.parametrize("coding", CODINGS)
def test_lengths_can_not_be_averaged(dual, coding):
    """CVE-2013-3587 (BREACH): asking a hundred times tells no more than asking once.

    With padding that is new each time, the mean of many answers is the length without it.
    """
    # compression 47
    world = World()
    stack = world.stack(world.compression(codings=[coding]))
    lengths = {
        len(dual.request(script, stack, headers=accepting(coding)).body)
        for script in [Script(chunks=[JSON + b"guess"], declare_length=True)]
        for _ in range(100)
    }

    assert 1 == len(lengths)


def test_a_better_guess_need_not_be_shorter():
    """CVE-2013-3587 (BREACH): the order of lengths is not that of the guesses' worth."""
    # compression 47
    # Five keys: with one, the order is the same once in 5 040 runs (PYTHONHASHSEED).
    keys = [lambda size, byte=byte: byte * size for byte in (b"a", b"b", b"c", b"d", b"e")]
    codings = [World(random=key).gzip()._codings[0] for key in keys]
    (bare,) = World().gzip(breach_padding=0)._codings
    bodies = [JSON + b'"secret": "abcdef", "echo": "%s"' % b"abcdef"[:size] for size in range(7)]

    def order(code):
        return sorted(range(7), key=lambda size: len(code.whole(bodies[size])))

    assert any(order(coding) != order(bare) for coding in codings)


@pytest.mark.parametrize("value", ["bytes=0-1", "bytes=" + "0-," * 5000, "x" * 9000])
def test_ranges_are_not_read(dual, value):
    """CVE-2025-62727 (Starlette), CVE-2022-44570 (Rack): parsing Range took quadratic time.

    Nobody reads it here, and a part that the application sends is never coded.
    """
    # compression 15
    whole = Script(chunks=[JSON], declare_length=True)
    part = Script(status=206, headers=[("Content-Range", "bytes 0-9/10")], chunks=[JSON])
    headers = accepting("gzip", Range=value)
    coded = dual.request(whole, {"gzip": True}, headers=headers)

    assert JSON == decoded("gzip", coded.body)
    assert JSON == dual.request(part, {"gzip": True}, headers=headers).body


@pytest.mark.parametrize(
    "value", ["," * 100_000, "gzip;q=" + "0" * 100_000, "gzip" + " " * 100_000, "a;" * 50_000]
)
def test_hostile_accept_encoding(dual, value):
    """GHSA-vh9x-phq6-fx54 (rs/cors): a megabyte of commas was split into 116 MB of heap.

    What is longer than any client sends is not split, and not kept.
    """
    # compression 12
    world = World()
    middleware = world.gzip()
    script = Script(chunks=[JSON], declare_length=True)
    result = dual.request(script, world.stack(middleware), headers=accepting(value))

    assert len(value) > LONGEST
    assert (JSON, {None}) == (result.body, set(middleware._choices))


def test_caches_can_tell(dual):
    """CVE-2023-30861 (Flask): a response without Vary was given to another client.

    Whichever client a cache asked for, what it keeps says that there is another answer.
    """
    # compression 25
    script = Script(headers=[("Vary", "Cookie")], chunks=[JSON], declare_length=True)
    for accepted in ("gzip", "identity", None, "br;q=0"):
        result = dual.request(script, {"gzip": True}, headers=accepting(accepted))

        assert "Cookie, Accept-Encoding" == result.header("vary")


def test_no_body_is_kept(dual):
    """CVE-2026-33034 (Django): bodies were gathered without a bound.

    A stream's chunk has left before the next is asked for; nothing of it is held back.
    """
    # compression 33
    sizes = []

    class Chunks(list):
        def __iter__(self):
            for chunk in super().__iter__():
                sizes.append(len(chunk))
                yield chunk

    script = Script(chunks=Chunks([JSON] * 20), body="generator")
    result = dual.request(script, {"gzip": {"breach_padding": 0}}, headers=GZIP)
    coded = [chunk for chunk in result.chunks if chunk]

    assert JSON * 20 == decoded("gzip", result.body)
    assert len(coded) in (20, 21)
    assert max(map(len, coded[1:])) < len(JSON) / 4


def test_framing_is_the_servers(dual):
    """CVE-2024-1135 (gunicorn): lengths that contradict each other were smuggling.

    Of a coded body there is one length that is true, or none; the transfer coding is left alone.
    """
    # compression 24
    for body in ("list", "generator"):
        script = Script(chunks=[JSON, JSON], declare_length=True, body=body)
        result = dual.request(script, {"gzip": True}, headers=GZIP)

        assert result.header("content-length") in (None, str(len(result.body)))
        assert None is result.header("transfer-encoding")
