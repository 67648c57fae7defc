"""What pydantic says, put into words: models of every shape, and what is told of wrong values.

Knows models made up here. Must never rely on what the package's own settings happen to be.
"""

import collections.abc
import enum
import re
import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal, Optional, Union

import pytest
from pydantic import AfterValidator, Field, ValidationError, model_validator

from dualware.core.problems import CODES, SettingsError
from dualware.middleware.model import HeaderName, Settings, fault
from dualware.settings.reading import described, problems_of, validated


class Kind(enum.Enum):
    """Choices."""

    A = "a"


def _lucky(number):
    if number == 13:
        raise ValueError("13 brings bad luck")
    return number


class Toy(Settings):
    """A setting of every shape."""

    must: int
    name: HeaderName = "X-Toy"
    either: str | list[str] | tuple[str, ...] | None = None
    nested: list[list[int] | tuple[int, ...]] | None = None
    choice: Literal["red", "green"] = "red"
    kind: Kind = Kind.A
    lucky: Annotated[int, AfterValidator(_lucky)] = 7
    ratio: float = Field(default=1.0, ge=0, allow_inf_nan=False)
    short: str = Field(default="ab", min_length=2, max_length=4)
    pair: list[int] | None = Field(default=None, min_length=2)
    call: Callable[[int], int] | None = None
    flag: bool = True
    table: dict[str, Annotated[int, AfterValidator(_lucky)]] | None = None
    tables: dict[str, int] | str | None = None

    @model_validator(mode="after")
    def _together(self):
        if self.must == 99:
            raise fault("DW203", "99 and all the rest exclude each other", "write 98")
        if self.must == 98:
            raise ValueError("98 neither")
        return self


def told(**options):
    """What is said of ``options``: (code, path, sentence, hint) of each problem."""
    with pytest.raises(SettingsError) as caught:
        validated(Toy, "toy", {"must": 1, **options})
    return [(each.code, each.path, each.sentence, each.hint) for each in caught.value.problems]


def test_valid():
    """A frozen instance of the model."""
    built = validated(Toy, "toy", {"must": 2, "name": "X-B", "either": ("a", "b"), "call": abs})

    assert (2, "X-B", ("a", "b"), abs) == (built.must, built.name, built.either, built.call)
    with pytest.raises(ValidationError):
        built.must = 3


def test_an_instance():
    """One that was built already is taken as it is."""
    built = Toy(must=1)

    assert built is validated(Toy, "toy", built)


def test_missing():
    """What has no default must be given."""
    with pytest.raises(SettingsError) as caught:
        validated(Toy, "toy", {})

    assert ["DW103  toy.must: field required"] == [str(each) for each in caught.value.problems]


def test_a_default_is_told_from_what_equals_it():
    """1 is no True: strict models tell them apart."""
    built = validated(Toy, "toy", {"must": 1, "flag": True})

    assert {"must"} == built.model_fields_set
    assert [("DW104", "toy.flag", "expected True or False, got 1", "")] == told(flag=1)


@pytest.mark.parametrize(
    ("options", "code", "path", "sentence", "hint"),
    [
        ({"name": "X Toy"}, "DW201", ".name", "'X Toy' cannot be a response header name", ...),
        ({"name": "X-Toy-"}, "DW201", ".name", "'X-Toy-' cannot be a response header name", ...),
        ({"name": "Status"}, "DW201", ".name", "'Status' cannot be a response header name", ...),
        ({"name": "Connection"}, "DW201", ".name", "'Connection' is a hop-by-hop field", ...),
        ({"lucky": 13}, "DW106", ".lucky", "13 brings bad luck", ""),
        ({"ratio": -1.0}, "DW106", ".ratio", "input should be greater than or equal to 0", ""),
        ({"ratio": float("inf")}, "DW106", ".ratio", "input should be a finite number", ""),
        ({"ratio": "1"}, "DW104", ".ratio", "expected a number, got the string '1'", ""),
        ({"short": "a"}, "DW106", ".short", "string should have at least 2 characters", ""),
        ({"short": "abcde"}, "DW106", ".short", "string should have at most 4 characters", ""),
        (
            {"pair": [1]},
            "DW106",
            ".pair",
            "list should have at least 2 items after validation, not 1",
            "",
        ),
        ({"call": 3}, "DW104", ".call", "expected a callable or None, got 3", ""),
        (
            {"choice": "gren"},
            "DW106",
            ".choice",
            "input should be 'red' or 'green'",
            "did you mean 'green'?",
        ),
        ({"kind": "b"}, "DW104", ".kind", "expected Kind, got the string 'b'", ""),
        # Of a mapping the key is the place; of a union it can't be told from a branch.
        ({"table": 3}, "DW104", ".table", "expected a mapping or None, got 3", ""),
        ({"table": {"a": 1, "b": 13}}, "DW106", ".table.b", "13 brings bad luck", ""),
        (
            {"table": {"a": 1, "b": "2"}},
            "DW104",
            ".table.b",
            "input should be a valid integer, got the string '2'",
            "",
        ),
        ({"table": {7: 1}}, "DW104", ".table[7]", "input should be a valid string, got 7", ""),
        (
            {"tables": {"a": "b"}},
            "DW104",
            ".tables",
            "expected a mapping or a string or None, got the string 'b'",
            "",
        ),
        (
            {"either": 3},
            "DW104",
            ".either",
            "expected a string or a list of strings or None, got 3",
            "",
        ),
        (
            {"either": ["a", 3, "b"]},
            "DW104",
            ".either[1]",
            "input should be a valid string, got 3",
            "",
        ),
        (
            {"nested": [[1], [2, "3"]]},
            "DW104",
            ".nested[1][1]",
            "input should be a valid integer, got the string '3'",
            "",
        ),
        ({"nested": "x"}, "DW104", ".nested", ..., 'write ["x"]'),
        ({"chioce": "red"}, "DW101", ".chioce", "unknown setting", "did you mean 'choice'?"),
        ({"must": 99}, "DW203", "", "99 and all the rest exclude each other", "write 98"),
        ({"must": 98}, "DW106", "", "98 neither", ""),
    ],
    ids=repr,
)
def test_a_problem(options, code, path, sentence, hint):
    """Every kind of error that pydantic knows, and those of our own validators."""
    ((real_code, real_path, real_sentence, real_hint),) = told(**options)

    assert (code, f"toy{path}") == (real_code, real_path)
    assert sentence in (real_sentence, ...)
    assert hint in (real_hint, ...)


def test_several_in_one_list():
    """Each place of a list has its own problem."""
    assert ["toy.either[0]", "toy.either[2]"] == [
        path for _, path, _, _ in told(either=[1, "a", 2])
    ]


def test_a_key_that_is_no_name():
    """A mapping can have one."""
    with pytest.raises(SettingsError) as caught:
        validated(Toy, "toy", {"must": 1, 3: 4})
    told = [str(each) for each in caught.value.problems]

    assert ["DW104  toy[3]: keys should be strings, got 3"] == told


@pytest.mark.parametrize("given", [None, 3, "x" * 100], ids=repr)
def test_no_mapping(given):
    """Options come in a mapping."""
    with pytest.raises(SettingsError) as caught:
        validated(Toy, "toy", given)
    (problem,) = caught.value.problems

    assert ("DW105", "toy") == (problem.code, problem.path)
    assert problem.sentence.startswith("expected a mapping of settings, True or False, got ")


def test_other_errors():
    """What a constructor raises is told in its own words, whatever it is made of."""
    with pytest.raises(ValidationError) as caught:
        Toy()

    assert ["DW299  toy: no"] == [str(each) for each in problems_of("toy", ValueError("no"), Toy)]
    assert ["DW299"] == [each.code for each in problems_of("toy", caught.value)]


def test_fault_knows_its_codes():
    """A code that is not in the table is a mistake of ours."""
    with pytest.raises(KeyError, match="DW999"):
        fault("DW999", "there is no such code")

    assert "DW203" in CODES


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (bool, "True or False"),
        (bytes, "bytes"),
        (float, "a number"),
        (int, "a whole number"),
        (str, "a string"),
        (None | str, "None or a string"),
        (Optional[int], "a whole number or None"),  # noqa: UP045 an older spelling
        (Union[int, str], "a whole number or a string"),  # noqa: UP007 an older spelling
        (Annotated[int | None, "anything"], "a whole number or None"),
        (list[str], "a list of strings"),
        (list[str] | tuple[str, ...], "a list of strings"),
        (tuple[int, ...], "a list of whole numbers"),
        (list[float], "a list of a number"),
        (list[Annotated[str, "anything"]], "a list of strings"),
        (Literal["a", "b", False], "one of 'a', 'b', False"),
        (Callable[[int], str], "a callable"),
        (collections.abc.Callable, "a callable"),
        (typing.Callable, "a callable"),
        (typing.Callable[..., Any], "a callable"),
        (re.Pattern, "a compiled pattern"),
        (re.Pattern[str], "a compiled pattern"),
        (Kind, "Kind"),
        (dict[str, int], "a mapping"),
    ],
    ids=repr,
)
def test_types_in_words(annotation, words):
    """As people say it, nothing twice."""
    assert words == described(annotation)


def test_what_is_wrong_together_is_told_at_once():
    """Beside what is wrong by itself, unless it speaks of that."""
    sentence = "99 and all the rest exclude each other"
    together = ("DW203", "toy", sentence, "write 98")

    assert [("DW101", "toy.flg"), ("DW203", "toy")] == [
        each[:2] for each in told(must=99, flg=True)
    ]
    assert [together] == told(must=99)
    assert [("DW101", "toy.rest")] == [each[:2] for each in told(must=99, rest=1)]
    assert [("DW104", "toy.must")] == [each[:2] for each in told(must="99")]
