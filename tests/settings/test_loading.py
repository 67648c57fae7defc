"""`dualware.load`: which mappings make which stack, and what it says of all others.

Knows mappings as people write them, right and wrong. Must never send a request.
"""

import re
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

import dualware
from dualware import SettingsError, Stack
from dualware.core.problems import CODES
from dualware.effects import REAL
from dualware.middleware.request_id import RequestID, RequestIDSettings
from dualware.settings import ORDER, load, loading, model_of, single
from dualware.settings.loading import SHARED
from tests.least import least


def told(settings):
    """What is said of ``settings``: (code, path, sentence, hint) of each problem."""
    with pytest.raises(SettingsError) as caught:
        load(settings)
    return [(each.code, each.path, each.sentence, each.hint) for each in caught.value.problems]


# Mappings that make a stack


@pytest.mark.parametrize("off", [{}, {"timing": False}, {"timing": None}])
def test_nothing(off):
    """Absence, False and None leave a middleware out."""
    stack = load(off)

    assert isinstance(stack, Stack)
    assert [] == list(stack)


@pytest.mark.parametrize("on", [True, {}, MappingProxyType({}), RequestIDSettings()], ids=repr)
def test_defaults(on):
    """True and an empty mapping mean the defaults; settings that were built are taken too."""
    (built,) = load({"request_id": on})

    assert RequestID is type(built)
    assert RequestIDSettings() == built.settings
    assert REAL is built.effects


def test_settings():
    """What is given reaches the middleware, what is not has its default."""
    (built,) = load({"request_id": {"header": "X-Id", "trace_headers": ["b3"]}, "timing": False})

    assert RequestIDSettings(header="X-Id", trace_headers=["b3"]) == built.settings


def test_order():
    """The order of the mapping means nothing: the canonical one holds."""
    words = [word for word in ORDER if word not in SHARED]
    forth = load({word: least(word) for word in words})
    back = load({word: least(word) for word in reversed(words)})

    assert [ORDER[word] for word in words] == [type(each).__name__ for each in forth]
    assert [type(each) for each in forth] == [type(each) for each in back]


@pytest.mark.parametrize(("word", "other"), SHARED.items())
def test_forms_of_one_middleware(word, other):
    """Of two words for one middleware a mapping may name one only; off is not named."""
    with pytest.raises(SettingsError) as raised:
        load({other: {}, word: True})

    (problem,) = raised.value.problems
    assert ("DW203", word) == (problem.code, problem.path)
    assert f"{word} and {other} exclude each other" == problem.sentence
    assert 1 == len(load({other: True, word: False}))
    assert 1 == len(load({other: None, word: {}}))


def test_a_default_counts_as_not_given():
    """Wrappers hand every default on; tuples stand in their signatures, lists in models."""
    (built,) = load({"request_id": {"trace_headers": (), "header": "X-Request-ID"}})

    assert set() == built.settings.model_fields_set


def test_the_mapping_stays_as_it_is():
    """Neither it nor what is in it is changed or kept."""
    inbound = ["X-One"]
    options = {"inbound": inbound}
    settings = {"request_id": options}
    (built,) = load(settings)
    inbound.append("X-Two")

    assert {"request_id": {"inbound": ["X-One", "X-Two"]}} == settings
    assert ["x-one"] == built.settings.inbound


def test_effects():
    """Tests hand their own world to what is built."""
    effects = replace(REAL, now=lambda: 0)
    (built,) = load({"request_id": True}, effects=effects)

    assert effects is built.effects


# Mappings that don't


@pytest.mark.parametrize("given", [None, [], "timing", 3, {"timing"}], ids=repr)
def test_no_source(given):
    """The settings themselves must be a mapping, or lead to one."""
    sentence = (
        "expected a mapping, a Stack, a path that ends in .toml or .json, or "
        f"'package.module:NAME', got {given!r}"
    )

    assert [("DW105", "settings", sentence, "")] == told(given)


def test_no_mapping():
    """What a file holds may be something else."""
    with pytest.raises(SettingsError) as caught:
        loading.build([])

    assert ["DW105  settings: expected a mapping, got []"] == list(map(str, caught.value.problems))


def test_no_mapping_of_any_length():
    """What is wrong is shown in part, if there is much of it."""
    ((_, _, sentence, _),) = told(["x" * 1000])

    assert 180 > len(sentence)


@pytest.mark.parametrize("given", [3, "on", ["header"], 0, ""], ids=repr)
def test_no_options(given):
    """Nor do a number, a text or a list stand for options; 0 and "" are no way to say False."""
    shown = f"the string {given!r}" if isinstance(given, str) else repr(given)
    sentence = f"expected a mapping of settings, True or False, got {shown}"

    assert [("DW105", "timing", sentence, "")] == told({"timing": given})


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("request_ids", "did you mean 'request_id'?"),
        ("timings", "did you mean 'timing'?"),
        ("Timing", "did you mean 'timing'?"),
        ("nonsense", f"there are: {', '.join(ORDER)}"),
        (3, f"there are: {', '.join(ORDER)}"),
    ],
)
def test_unknown_middleware(word, hint):
    """What was meant is said, or else what there is; even where it is off."""
    expected = [("DW102", str(word), "unknown middleware", hint)]

    assert expected == told({word: True})
    assert expected == told({word: False})


def test_unknown_setting():
    """The same for settings."""
    known = ", ".join(model_of("timing").model_fields)
    expected = [
        ("DW101", "timing.heder", "unknown setting", "did you mean 'header'?"),
        ("DW101", "timing.qqq", "unknown setting", f"there are: {known}"),
    ]

    assert expected == told({"timing": {"heder": "X", "qqq": None}})


@pytest.mark.parametrize(
    ("name", "value", "code", "place", "sentence", "hint"),
    [
        ("header", 3, "DW104", "", "expected a string, got 3", ""),
        ("max_length", "64", "DW104", "", "expected a whole number, got the string '64'", ""),
        ("max_length", True, "DW104", "", "expected a whole number, got True", ""),
        ("max_length", 1.5, "DW104", "", "expected a whole number, got 1.5", ""),
        ("expose", 1, "DW104", "", "expected True or False, got 1", ""),
        ("expose", None, "DW104", "", "expected True or False, got None", ""),
        (
            "inbound",
            "X-Id",
            "DW104",
            "",
            "expected a list of strings or None, got the string 'X-Id'",
            'write ["X-Id"]',
        ),
        ("inbound", {}, "DW104", "", "expected a list of strings or None, got {}", ""),
        ("inbound", ["X-Id", 3], "DW104", "[1]", "input should be a valid string, got 3", ""),
        ("max_length", 0, "DW106", "", "input should be greater than or equal to 1", ""),
        ("max_length", 1025, "DW106", "", "input should be less than or equal to 1024", ""),
        (
            "on_invalid",
            "replce",
            "DW106",
            "",
            "input should be 'replace' or 'reject'",
            "did you mean 'replace'?",
        ),
        (
            "generator",
            "no.such:thing",
            "DW205",
            "",
            "'no.such:thing' can't be imported: No module named 'no'",
            "",
        ),
        (
            "generator",
            "os:such",
            "DW205",
            "",
            "'os:such' can't be imported: module 'os' has no attribute 'such'",
            "",
        ),
        ("on_invalid", "x", "DW106", "", "input should be 'replace' or 'reject'", ""),
    ],
)
def test_a_wrong_value(name, value, code, place, sentence, hint):
    """A code to look up, the place, what is wrong, and what to write if that is known."""
    expected = [(code, f"request_id.{name}{place}", sentence, hint)]

    assert expected == told({"request_id": {name: value}})


def test_a_value_is_shown_in_part():
    """A secret in the wrong place is not poured into the log as a whole."""
    ((_, _, sentence, _),) = told({"timing": {"max_bytes": "x" * 1000}})

    assert f"expected a whole number, got the string '{'x' * 56}..." == sentence


def test_several_problems():
    """Every problem is told at once, unknown words first, then in canonical order."""
    problems = told(
        {
            "timing": {"max_entries": 0, "heder": "X"},
            "cros": True,
            "request_id": {"header": 3, "expose": "yes"},
        }
    )

    assert [
        ("DW102", "cros"),
        ("DW104", "request_id.header"),
        ("DW104", "request_id.expose"),
        ("DW106", "timing.max_entries"),
        ("DW101", "timing.heder"),
    ] == [(code, path) for code, path, _, _ in problems]


def test_every_field_at_once():
    """However many are wrong, each is told exactly once."""
    for word in ORDER:
        names = list(model_of(word).model_fields)
        # bytes are the type of no setting.
        problems = told({word: dict.fromkeys(names, b"no")})

        assert [f"{word}.{name}" for name in names] == [path for _, path, _, _ in problems]


def test_the_error():
    """It reads as a list, one line for each problem, and says where the settings came from."""
    with pytest.raises(SettingsError) as caught:
        dualware.load({"timings": True, "timing": {"metric": 3}})

    assert (
        "dualware: 2 problems in the settings\n"
        "  DW102  timings          unknown middleware; did you mean 'timing'?\n"
        "  DW104  timing.metric    expected a string, got 3\n"
        "  more: dualware explain DW104"
    ) == str(caught.value)
    assert isinstance(caught.value, ValueError)


# The registry


@pytest.mark.parametrize("word", ORDER)
def test_single(word):
    """One middleware by its word."""
    assert ORDER[word] == type(single(word, least(word))).__name__
    # The outer one of two forms of one middleware runs, so they have one name.
    assert SHARED.get(word, word) == single(word, least(word)).name


def test_a_middleware_may_refuse(monkeypatch):
    """A ValueError of a constructor is a problem as well, of the middleware as a whole."""

    class Refusing:
        Settings = RequestIDSettings

        def __init__(self, settings, effects):
            raise ValueError("not on a Monday")

    monkeypatch.setattr(loading, "class_of", lambda word: Refusing)

    assert [("DW299", "request_id", "not on a Monday", "")] == told({"request_id": True})


def test_codes():
    """Every code of the table is one that something uses, and there is one sentence for each."""
    package = Path(dualware.__file__).parent
    sources = [
        path.read_text(encoding="utf-8")
        for path in package.rglob("*.py")
        if path.name not in ("problems.py", "explanations.py")
    ]
    used = {code for source in sources for code in re.findall(r'"(DW[0-9]+)"', source)}

    assert set(CODES) == used
    assert len(CODES) == len(set(CODES.values()))
    assert all(re.fullmatch("DW[1-3][0-9][0-9]", code) for code in CODES)
