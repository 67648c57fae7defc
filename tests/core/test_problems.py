"""Problems: how they are told, one and many.

Knows codes and sentences. Must never know a setting.
"""

import pickle
import re

import pytest

from dualware.core.problems import CODES, Problem, SettingsError

PROBLEM = Problem("DW104", "cors.max_age", "is a str, not an int", "write 600")


def test_codes():
    """Codes look alike and stand in order, so that none is given twice unseen."""
    assert [] == [code for code in CODES if not re.fullmatch(r"DW\d{3}", code)]
    assert sorted(CODES) == list(CODES)


def test_a_problem():
    """Code, place, sentence, and what to write instead where that is known."""
    assert "DW104  cors.max_age: is a str, not an int; write 600" == str(PROBLEM)
    assert "DW101  crs: is unknown" == str(Problem("DW101", "crs", "is unknown"))


@pytest.mark.parametrize(
    ("problems", "source", "first"),
    [
        ([PROBLEM], None, "1 problem in the settings"),
        ([PROBLEM, PROBLEM], "pyproject.toml", "2 problems in pyproject.toml"),
        ([], "x", "0 problems in x"),
    ],
)
def test_the_error(problems, source, first):
    """Every problem at once, one line each."""
    error = SettingsError(iter(problems)) if source is None else SettingsError(problems, source)

    assert tuple(problems) == error.problems
    assert (source or "the settings") == error.source
    assert [first, *(f"  {each}" for each in problems)] == str(error).split("\n")
    assert isinstance(error, ValueError)


def test_the_error_pickles():
    """Workers send it to their parent."""
    error = pickle.loads(pickle.dumps(SettingsError([PROBLEM], "file")))

    assert ((PROBLEM,), "file") == (error.problems, error.source)
    assert str(SettingsError([PROBLEM], "file")) == str(error)
