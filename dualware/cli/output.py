"""How commands speak: text for people, coloured where they want that, or JSON for programs.

Must never know what is said.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import re
import sys
from collections.abc import Mapping
from typing import Any, cast

from dualware.core.problems import SettingsError
from dualware.middleware.model import Settings

__all__ = [
    "UsageError",
    "add_format",
    "bold",
    "changed",
    "paint",
    "refuse",
    "say",
    "say_data",
    "value",
]


class UsageError(Exception):
    """A command that makes no sense, in words that say what would."""


def add_format(parser: argparse.ArgumentParser) -> None:
    """Let a command speak JSON."""
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="for people, or for programs"
    )


def say(text: str = "") -> None:
    """Print a line."""
    print(text)


def say_data(data: Any) -> None:
    """Print a JSON document."""
    print(json.dumps(data, indent=2, ensure_ascii=False))


def paint(text: str, code: int) -> str:
    """In a colour or style of ANSI, on terminals whose owner wants that (https://no-color.org)."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    if plain or not sys.stdout.isatty():
        return text
    return f"\033[{code}m{text}\033[0m"


def bold(text: str) -> str:
    """What stands out."""
    return paint(text, 1)


def refuse(error: SettingsError, form: str) -> int:
    """Print every problem, as the exception does or as JSON. Returns the exit status."""
    if form == "json":
        problems = [dataclasses.asdict(each) for each in error.problems]
        say_data({"source": error.source, "problems": problems, "stack": None})
        return 1
    for line in str(error).split("\n"):
        say(re.sub(r"^  DW\d{3}", lambda code: paint(code[0], 31), line))
    return 1


def changed(settings: Any) -> dict[str, Any]:
    """The settings that were given, in the order of the model, as `value` has them."""
    if not isinstance(settings, Settings):
        # Middleware of the user's own may have any.
        return {}
    given = settings.model_fields_set
    names = [name for name in type(settings).model_fields if name in given]
    return {name: value(getattr(settings, name)) for name in names}


def value(given: Any) -> Any:
    """A value of a setting as JSON has it; what is imported as ``package.module:NAME``."""
    if given is None or isinstance(given, bool | int | float | str):
        return given
    if isinstance(given, Mapping):
        return {str(key): value(each) for key, each in cast("Any", given).items()}
    if isinstance(given, list | tuple):
        return [value(each) for each in cast("Any", given)]
    if isinstance(given, Settings):
        return changed(given)
    if isinstance(given, re.Pattern):
        return cast("Any", given).pattern
    name = getattr(given, "__qualname__", None)
    return f"{given.__module__}:{name}" if name else repr(given)
