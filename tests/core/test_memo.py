"""What is remembered: the same as what was made, within a bound.

Knows the bound. Must never know what for it is used.
"""

from dualware.core.memo import LONGEST, Memo, all_short, is_short


def test_it_is_made_once():
    """Found, not made again."""
    asked = []
    memo = Memo(lambda value: asked.append(value) or value.upper())

    assert ["A", "A", "B"] == [memo[each] for each in "aab"]
    assert ["a", "b"] == asked


def test_long_texts_are_not_kept():
    """Clients choose them."""
    memo = Memo(len, is_short)

    assert (LONGEST, LONGEST + 1) == (memo["x" * LONGEST], memo["x" * (LONGEST + 1)])
    assert {"x" * LONGEST: LONGEST} == memo


def test_what_is_short():
    """None is; of several, every one has to be."""
    assert is_short(None)
    assert all_short(("a", None))
    assert not all_short(("a", "x" * (LONGEST + 1)))


def test_a_full_one_begins_anew():
    """So what comes today is remembered, whatever came before."""
    memo = Memo(str)
    answers = [memo[number] for number in range(3000)]

    assert [str(number) for number in range(3000)] == answers
    assert len(memo) <= 1024
    assert 2999 in memo
