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


def test_a_problem_of_a_file():
    """The line stands behind what is said, where it is known."""
    assert "DW101  crs: is unknown (line 7)" == str(Problem("DW101", "crs", "is unknown", "", 7))


def test_the_error():
    """The issue's own picture: columns of code, place and what is said, then where more is."""
    problems = [
        Problem("DW101", "cors.allow_orgins", "unknown setting", "did you mean 'allow_origins'?"),
        Problem("DW203", "cors", "these exclude each other. List others.", line=3),
        Problem("DW104", "cors.expose_headers", "expected a list of strings"),
    ]
    error = SettingsError(iter(problems), "settings.toml")

    assert tuple(problems) == error.problems
    assert "settings.toml" == error.source
    assert [
        "dualware: 3 problems in settings.toml",
        "  DW101  cors.allow_orgins      unknown setting; did you mean 'allow_origins'?",
        "  DW203  cors                   these exclude each other. List others. (line 3)",
        "  DW104  cors.expose_headers    expected a list of strings",
        "  more: dualware explain DW203",
    ] == str(error).split("\n")
    assert isinstance(error, ValueError)


@pytest.mark.parametrize(
    ("problems", "lines"),
    [
        (
            [PROBLEM],
            [
                "dualware: 1 problem in the settings",
                "  DW104  cors.max_age    is a str, not an int; write 600",
                "  more: dualware explain DW104",
            ],
        ),
        ([], ["dualware: 0 problems in the settings"]),
    ],
)
def test_few_problems(problems, lines):
    """One is counted as one, and none is explained."""
    assert lines == str(SettingsError(problems)).split("\n")


def test_the_error_pickles():
    """Workers send it to their parent."""
    error = pickle.loads(pickle.dumps(SettingsError([PROBLEM], "file")))

    assert ((PROBLEM,), "file") == (error.problems, error.source)
    assert str(SettingsError([PROBLEM], "file")) == str(error)
