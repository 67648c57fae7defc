"""`load`: settings from wherever they are kept.

Knows where settings may stand, and names the place in whatever is wrong with them. Must never
look into a setting.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from dualware.core.checks import Unfit, imported
from dualware.core.problems import Problem, SettingsError
from dualware.core.stack import Stack
from dualware.effects import REAL
from dualware.settings import environment, files
from dualware.settings.loading import build, models

if TYPE_CHECKING:
    from dualware.core.effects import Effects

__all__ = ["Found", "Source", "built", "find", "load"]

Source = Mapping[str, Any] | Stack | str | os.PathLike[str]
"""What settings may be taken from."""

_EXPECTED = "a mapping, a Stack, a path that ends in .toml or .json, or 'package.module:NAME'"


class Found(NamedTuple):
    """What stands in a source."""

    content: Any
    """A mapping as for `load`, or a Stack; or something else, which is a problem."""
    name: str
    """The source, for messages."""
    located: Callable[[Iterable[Problem]], list[Problem]] = list
    """Puts into problems where in the source they are."""


def load(source: Source | None = None, *, env: str | None = None, effects: Effects = REAL) -> Stack:
    """Build the stack that ``source`` describes, in its ``order`` or in canonical order.

    ``source`` is a mapping, a path to a TOML or JSON file, or ``"package.module:NAME"`` of a
    mapping; a Stack is returned as it is. A mapping has, for the word of each middleware, a
    mapping of its settings; True and ``{}`` mean its defaults, False and None leave it out. In a
    file it may stand in the table ``tool.dualware`` or ``dualware``. Instead of a source, ``env``
    is what environment variables begin with: ``"DUALWARE_"`` reads ``DUALWARE_TIMING__METRIC``.

    Raises SettingsError with every problem at once.

    >>> load({"request_id": {"header": "X-Correlation-ID"}, "timing": True})
    Stack([RequestID, Timing])
    """
    return built(find(source, env=env), effects=effects)


def built(found: Found, *, effects: Effects = REAL) -> Stack:
    """The stack that was found. Raises SettingsError with every problem at once."""
    if isinstance(found.content, Stack):
        return found.content
    try:
        return build(found.content, effects=effects)
    except SettingsError as error:
        raise SettingsError(found.located(error.problems), found.name) from error


def find(source: Any, *, env: str | None = None) -> Found:
    """What stands in the source, unchecked. Raises SettingsError where it can't be read."""
    if env is not None:
        if source is not None:
            raise TypeError("settings come from a source or from env, not from both")
        return _variables(env)
    if isinstance(source, Mapping | Stack):
        return Found(source, "the settings")
    if isinstance(source, os.PathLike) or (
        isinstance(source, str) and source.endswith(files.SUFFIXES)
    ):
        return _file(Path(cast("Any", source)))
    if isinstance(source, str) and ":" in source:
        return _module(source)
    sentence = f"expected {_EXPECTED}, got {source!r:.60}"
    raise SettingsError([Problem("DW105", "settings", sentence)])


def _unreadable(name: str, sentence: str, hint: str = "") -> SettingsError:
    return SettingsError([Problem("DW107", name, sentence, hint)], name)


def _file(path: Path) -> Found:
    name = str(path)
    if path.suffix not in files.SUFFIXES:
        raise _unreadable(name, "not a TOML or JSON file", "name it .toml or .json")
    try:
        text = path.read_text(encoding="utf-8-sig")
        content: Any = files.parsed(path, text)
    except OSError as error:
        raise _unreadable(name, f"can't be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        kind = path.suffix[1:].upper()
        raise _unreadable(name, f"not {kind}: {error}") from error
    table = files.table_of(content)
    if table is None and path.name == "pyproject.toml":
        raise _unreadable(name, "there is no table [tool.dualware]", "write one")
    for key in table or ():
        content = content[key]
    if table:
        name = f"{name} [{'.'.join(table)}]"
    elif isinstance(content, dict):
        # Where editors look for the schema of a file.
        content = {key: each for key, each in cast("Any", content).items() if key != "$schema"}

    def located(problems: Iterable[Problem]) -> list[Problem]:
        stated = files.statements(path, text)
        return [
            replace(each, line=files.line_of(stated, (*(table or ()), *_keys(each.path))))
            for each in problems
        ]

    return Found(content, name, located)


def _keys(path: str) -> tuple[str, ...]:
    """The keys that lead to a problem; a list has none."""
    return tuple(path.partition("[")[0].split("."))


def _module(name: str) -> Found:
    try:
        content = imported(name)
    except Unfit as error:
        raise _unreadable(name, error.sentence.removeprefix(f"{name!r} "), error.hint) from error
    if not isinstance(content, Mapping | Stack):
        kind = type(content).__name__
        raise _unreadable(name, f"is neither a mapping nor a Stack, but of type {kind}")
    return Found(cast("Any", content), name)


def _variables(prefix: str) -> Found:
    name = f"environment variables {prefix}*"
    # Windows has them in upper case only; so do we, everywhere.
    if not prefix.isidentifier() or prefix != prefix.upper():
        sentence = f"{prefix!r} is no beginning of their names"
        raise _unreadable(name, sentence, "write something like 'DUALWARE_'")
    variables = {key: text for key, text in os.environ.items() if key.startswith(prefix)}
    if not variables:
        raise _unreadable(name, "there are none", f"set {prefix}REQUEST_ID=true, or no prefix")
    known = models()

    def located(problems: Iterable[Problem]) -> list[Problem]:
        return environment.named(problems, variables, prefix, known)

    return Found(environment.mapping_of(variables, prefix, known), name, located)
