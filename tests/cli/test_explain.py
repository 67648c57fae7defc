"""``dualware explain``: a code at length, or all codes.

Must never test an explanation: `tests/settings/test_explanations.py` does.
"""

import pytest

from dualware.core.problems import CODES
from dualware.settings.explanations import EXPLANATIONS


@pytest.mark.parametrize("code", CODES)
def test_a_code(command, code):
    """What it is about, the mistake, and its mending; in lines that fit a terminal."""
    status, out = command("explain", code)
    known = EXPLANATIONS[code]

    assert 0 == status
    assert out.startswith(f"{code}  {CODES[code]}\n\n")
    assert known.why in out.replace("\n", " ")
    assert (
        f"\nInstead of\n    {known.wrong!r}\nwrite\n    {known.right!r}\n".replace("'", '"')
        == out[out.index("\nInstead") :]
    )
    assert 96 >= max(map(len, out.split("\n")))


def test_case_of_a_code(command):
    """People write it in any."""
    assert command("explain", "DW101") == command("explain", "dw101")


def test_all_codes(command):
    """One line each."""
    status, out = command("explain")

    assert 0 == status
    assert [f"{code}  {title}" for code, title in CODES.items()] == out.splitlines()


def test_json(command):
    """For programs: one, or all of them."""
    status, one = command.data("explain", "DW106")
    _, every = command.data("explain")

    assert (0, {"code", "title", "why", "wrong", "right"}) == (status, set(one))
    assert {"request_id": {"on_invalid": "reject"}} == one["right"]
    assert list(CODES) == [each["code"] for each in every]
    assert one in every


def test_options_of_something_else(command):
    """A page is asked about with `cors` only."""
    assert (2, "") == command("explain", "DW101", "--origin", "https://shop.example")
    assert "dualware: --origin is for 'dualware explain cors'\n" == command.err


@pytest.mark.parametrize(
    ("code", "hint"),
    [("DW999", "did you mean DW299?"), ("cros", "'dualware explain' lists all")],
)
def test_no_code(command, code, hint):
    """What was meant is told, or where to look."""
    assert (2, "") == command("explain", code)
    assert f"dualware: there is no code {code}; {hint}\n" == command.err
