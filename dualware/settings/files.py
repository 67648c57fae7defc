"""Settings in TOML and JSON files: the mapping in one, and the line of each setting.

Knows the two formats. Must never know which settings there are.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

if sys.version_info >= (3, 11):  # pragma: no cover - no branch of one interpreter
    import tomllib
else:  # pragma: no cover - the same
    import tomli as tomllib

__all__ = ["SUFFIXES", "TABLES", "line_of", "parsed", "statements", "table_of"]

SUFFIXES: Final = (".toml", ".json")
"""How the name of a file ends that can be read."""

TABLES: Final = (("tool", "dualware"), ("dualware",))
"""Where settings stand in a file that has others as well."""

Keys = tuple[str, ...]


def parsed(path: Path, text: str) -> Any:
    """What a file says. Raises ValueError, with the line, where it is not what its name says."""
    if path.suffix == ".toml":
        return tomllib.loads(text)
    return json.loads(text, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # JSON leaves open what a key means that stands there twice; TOML refuses it, and so do we.
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = next(key for key, _ in pairs if [k for k, _ in pairs].count(key) > 1)
        raise ValueError(f"{twice!r} stands in one object more than once")
    return made


def table_of(content: Any) -> Keys | None:
    """The keys of the table that is for us; None where there is none."""
    for keys in TABLES:
        if _contains(content, keys):
            return keys
    return None


def statements(path: Path, text: str) -> list[tuple[int, Any]]:
    """Each setting of a file that can be parsed, as if it stood there alone, with its line."""
    return list(_toml(text) if path.suffix == ".toml" else _json(text))


def line_of(stated: Iterable[tuple[int, Any]], keys: Keys) -> int | None:
    """The line, from 1, of the first of the statements that says something of the ``keys``."""
    return next((line for line, content in stated if _contains(content, keys)), None)


def _contains(content: Any, keys: Keys) -> bool:
    for key in keys:
        if not isinstance(content, Mapping) or key not in content:
            return False
        content = cast("Mapping[str, Any]", content)[key]
    return True


def _toml(text: str) -> Iterator[tuple[int, Any]]:
    """Each statement, as what a file says that has only this one, with its first line.

    A statement is over where what there is of it parses: TOML ends one at the end of a line, and
    what goes on in the next can't be parsed before.
    """
    header, start = "", 0
    # TOML knows no other ends of lines; `splitlines` would.
    lines = text.split("\n")
    for end in range(1, len(lines) + 1):
        statement = "\n".join(lines[start:end])
        try:
            tomllib.loads(statement)
        except ValueError:
            continue
        if statement.lstrip().startswith("["):
            header = statement
        if statement.strip():
            alone = statement if statement is header else f"{header}\n{statement}"
            yield start + 1, tomllib.loads(alone)
        start = end


_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|\n')


def _json(text: str) -> Iterator[tuple[int, Any]]:
    """Each key of an object, as the nested objects that lead to it, with its line."""
    line, last = 1, ""
    # One entry for each open object or list: the key that is being read there.
    path: list[str] = []
    for match in _TOKEN.finditer(text):
        mark = match[0]
        if mark == "\n":
            line += 1
        elif mark in "{[":
            path.append("")
        elif mark in "}]":
            path.pop()
        elif mark == ":":
            path[-1] = json.loads(last)
            yield line, _nested(path)
        else:
            last = mark


def _nested(path: list[str]) -> Any:
    content: Any = None
    for key in reversed(path):
        content = {key: content}
    return content
