"""What pydantic finds wrong, as problems in words that mend it.

Knows pydantic's error types and the shape of a field's type. Must never know a field by name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from dualware.core.annotations import CALLABLE, is_listed, members
from dualware.core.problems import Problem, SettingsError
from dualware.middleware.model import Settings
from dualware.settings.advice import setting_hint

__all__ = ["described", "problems_of", "validated"]

# pydantic's error type → our code, where it is not about the type of a value.
_CODES = {
    "missing": "DW103",
    "literal_error": "DW106",
    "enum": "DW106",
    "greater_than": "DW106",
    "greater_than_equal": "DW106",
    "less_than": "DW106",
    "less_than_equal": "DW106",
    "finite_number": "DW106",
    "too_short": "DW106",
    "too_long": "DW106",
    "string_too_short": "DW106",
    "string_too_long": "DW106",
}


def validated(model: type[Settings], word: str, options: Any) -> Settings:
    """``options`` as the model's frozen instance. Raises SettingsError with every problem."""
    if isinstance(options, model):
        return options
    if not isinstance(options, Mapping):
        sentence = f"expected a mapping of settings, True or False, got {_shown(options)}"
        raise SettingsError([Problem("DW105", word, sentence)])
    given = _without_defaults(model, options)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        problems = problems_of(word, error, model)
        raise SettingsError([*problems, *_together(word, error, model, given)]) from error


def problems_of(word: str, error: ValueError, model: type[Settings] | None = None) -> list[Problem]:
    """Every problem that ``error`` tells of the settings of ``word``, one for each place."""
    if not isinstance(error, ValidationError) or model is None:
        return [Problem("DW299", word, str(error))]
    places: dict[tuple[str | int, ...], list[Any]] = {}
    for each in error.errors(include_url=False):
        places.setdefault(_place(each, model), []).append(each)
    return [
        _problem(word, model, place, errors)
        for place, errors in places.items()
        # Beside what is wrong inside a list, that it is no tuple either says nothing.
        if not place or not any(each[: len(place)] == place for each in places if each != place)
    ]


def _together(
    word: str, error: ValidationError, model: type[Settings], given: dict[Any, Any]
) -> list[Problem]:
    """What else is wrong with those settings together that are fine by themselves.

    pydantic asks that only where each of them is. What speaks of one that is not is left out.
    """
    wrong = {str(each["loc"][0]) for each in error.errors(include_url=False) if each["loc"]}
    try:
        model.model_validate({name: each for name, each in given.items() if str(name) not in wrong})
    except ValidationError as again:
        found = [each for each in problems_of(word, again, model) if each.path == word]
        return [each for each in found if wrong and not any(name in each.said for name in wrong)]
    return []


def _without_defaults(model: type[Settings], options: Any) -> dict[Any, Any]:
    return {name: each for name, each in options.items() if not _is_default(model, name, each)}


def _is_default(model: type[Settings], name: Any, value: Any) -> bool:
    field = model.model_fields.get(name)
    # Of the same type too: True == 1, and a model that is strict tells them apart.
    return field is not None and type(value) is type(field.default) and value == field.default


def _place(error: Any, model: type[Settings]) -> tuple[str | int, ...]:
    # Behind the field pydantic names the branch of a union that it tried, which is no place, or
    # the key of a mapping or a setting inside the setting, which are.
    loc: tuple[str | int, ...] = error["loc"]
    field = model.model_fields.get(str(loc[0])) if loc else None
    kinds = () if field is None else members(field.annotation)
    keyed = [dict] == [get_origin(each) for each in kinds if each is not type(None)]
    known = {*_fields(model), *(loc[-1:] if error["type"] == "extra_forbidden" else ())}
    rest = (
        part
        for part in loc[1:]
        if isinstance(part, int) or part in known or (keyed and part != "[key]")
    )
    return (*loc[:1], *rest)


def _fields(model: type[Settings]) -> dict[str, FieldInfo]:
    """The fields of a model, and of that inside it."""
    return {**(model.inner.model_fields if model.inner else {}), **model.model_fields}


def _problem(
    word: str, model: type[Settings], place: tuple[str | int, ...], errors: list[Any]
) -> Problem:
    path = word + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place)
    for each in errors:
        if each["type"].startswith("DW"):
            context = each["ctx"]
            return Problem(each["type"], path, context["sentence"], context["hint"])
    first = errors[0]
    if first["type"] == "extra_forbidden":
        hint = setting_hint(word, str(place[-1]), _fields(model))
        return Problem("DW101", path, "unknown setting", hint)
    if first["type"] == "value_error":
        return Problem("DW106", path, str(first["ctx"]["error"]))
    if first["type"] in _CODES and len(errors) == 1:
        return Problem(_CODES[first["type"]], path, _sentence(first), _choice_hint(first))
    return _wrong_type(path, model, place, first)


def _wrong_type(
    path: str, model: type[Settings], place: tuple[str | int, ...], error: Any
) -> Problem:
    value = error["input"]
    field = _fields(model).get(str(place[-1])) if place else None
    if field is None:
        return Problem("DW104", path, f"{_sentence(error)}, got {_shown(value)}")
    sentence = f"expected {described(field.annotation)}, got {_shown(value)}"
    return Problem("DW104", path, sentence, _type_hint(field.annotation, value))


def _type_hint(annotation: Any, value: object) -> str:
    if not isinstance(value, str):
        return ""
    if is_listed(annotation):
        return f'write ["{value}"]'
    kinds = [get_origin(each) or each for each in members(annotation)]
    return "write 'package.module:NAME'" if CALLABLE in kinds else ""


def _sentence(error: Any) -> str:
    message: str = error["msg"]
    return message[0].lower() + message[1:]


def _choice_hint(error: Any) -> str:
    context: dict[str, str] = error.get("ctx") or {}
    expected = re.findall(r"'([^']*)'", context.get("expected", ""))
    close = difflib.get_close_matches(str(error["input"]), expected, n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def _shown(value: object) -> str:
    kind = "the string " if isinstance(value, str) else ""
    text = repr(value)
    return kind + (text if len(text) <= 60 else f"{text[:57]}...")


# Types in words

_WORDS: dict[Any, str] = {
    bool: "True or False",
    bytes: "bytes",
    float: "a number",
    int: "a whole number",
    str: "a string",
    type(None): "None",
}
_PLURALS: dict[Any, str] = {str: "strings", int: "whole numbers"}


def described(annotation: Any) -> str:
    """A field's type in words: ``a list of strings or None``."""
    words = list(dict.fromkeys(_described(member) for member in members(annotation)))
    return " or ".join(words)


def _described(member: Any) -> str:
    origin = get_origin(member)
    if origin is Literal:
        return "one of " + ", ".join(repr(choice) for choice in get_args(member))
    if origin in (list, tuple):
        inner = next(members(get_args(member)[0]))
        return f"a list of {_PLURALS.get(inner, described(inner))}"
    if CALLABLE in (origin, member):
        return "a callable"
    if origin is dict:
        return "a mapping"
    if origin is re.Pattern or member is re.Pattern:
        return "a compiled pattern"
    return _WORDS.get(member) or str(getattr(member, "__name__", member))
