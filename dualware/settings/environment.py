"""Settings in environment variables: ``DUALWARE_TIMING__MAX_BYTES=4096``.

Knows how a name leads to a setting, and how text becomes what its type takes. Must never know
which settings there are, nor whether a value makes sense.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, cast, get_args, get_origin

from dualware.core.annotations import is_listed, members, names_object
from dualware.core.problems import Problem
from dualware.settings.advice import home, middleware_hint

if TYPE_CHECKING:
    from dualware.middleware.model import Settings

__all__ = ["mapping_of", "named"]

_ON: Final = frozenset({"1", "on", "true", "yes"})
_OFF: Final = frozenset({"0", "no", "off", "false"})

_Models = Mapping[str, "type[Settings]"]


def mapping_of(variables: Mapping[str, str], prefix: str, models: _Models) -> dict[str, Any]:
    """The mapping that all variables describe whose names begin with ``prefix``."""
    found: dict[str, Any] = {}
    # Shorter names first: a middleware as a whole, then what is set of it besides.
    for name in sorted(each for each in variables if each.startswith(prefix)):
        word, *rest = name[len(prefix) :].lower().split("__")
        text = variables[name]
        if not rest:
            found[word] = _value(text, list[str] if word == "order" else bool)
        else:
            _put(found, [word, *rest], _value(text, _annotation(models.get(word), rest)))
    return found


def _annotation(model: type[Settings] | None, rest: list[str]) -> Any:
    """The type of the setting that the names lead to; Any where there is no such setting."""
    field = None if model is None else model.model_fields.get(rest[0])
    if field is None:
        return Any
    if len(rest) == 1:
        return field.annotation
    inner = [get_args(each)[1] for each in members(field.annotation) if get_origin(each) is dict]
    return inner[0] if inner else Any


def _put(found: dict[str, Any], keys: list[str], value: Any) -> None:
    *outer, last = keys
    table: Any = found
    for key in outer:
        inner = table.get(key, True)
        if inner is True:
            inner = table[key] = {}
        if not isinstance(inner, dict):
            # What is off, or wrong, as a whole stays that.
            return
        table = cast("dict[str, Any]", inner)
    table[last] = value


def _value(text: str, annotation: Any) -> Any:
    """The text as what the type takes: a word, JSON, a list with commas, or as it is."""
    kinds = list(members(annotation))
    words = [word for each in kinds if get_origin(each) is Literal for word in get_args(each)]
    if text in words:
        return text
    if bool in kinds and text.lower() in _ON | _OFF:
        return text.lower() in _ON
    with suppress(ValueError):
        value = json.loads(text)
        # A setting for text takes what looks like a number as text.
        if str not in kinds or type(value) in (list, dict, *kinds):
            return value
    if names_object(text, annotation):
        return text
    if is_listed(annotation) and ("," in text or (str not in kinds and not words)):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def named(
    problems: Iterable[Problem], variables: Iterable[str], prefix: str, models: _Models
) -> list[Problem]:
    """The problems with the names of variables for their paths, and in hints about names."""
    names = {each for each in variables if each.startswith(prefix)}
    return [
        replace(each, path=_path(each, names, prefix), hint=_hint(each, prefix, models))
        for each in problems
    ]


def _path(problem: Problem, names: set[str], prefix: str) -> str:
    path, bracket, index = problem.path.partition("[")
    keys = path.upper().split(".")
    for count in range(len(keys), 0, -1):
        name = prefix + "__".join(keys[:count])
        if name in names:
            inside = "".join(f".{key.lower()}" for key in keys[count:])
            return f"{name}{inside}{bracket}{index}"
    return prefix + "__".join(keys) + bracket + index


def _hint(problem: Problem, prefix: str, models: _Models) -> str:
    if problem.code != "DW102":
        return problem.hint
    homes = [f"{word}__{said}" for word, said in home(problem.path, models) if said.isidentifier()]
    if homes:
        return f"write {' or '.join(prefix + each.upper() for each in homes)}"
    return middleware_hint(problem.path, models)
