"""Which settings a command is about: those that it is given, or those of the folder it runs in.

Must never look into them.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from dualware.cli.output import UsageError
from dualware.core.stack import Stack
from dualware.settings import files
from dualware.settings.sources import Found, built, find

__all__ = ["NOTHING", "add_source", "given", "needed"]

_PREFIX = "DUALWARE_"

NOTHING = (
    "no settings: no [tool.dualware] in pyproject.toml, no dualware.toml, and no environment "
    "variables that begin with DUALWARE_"
)
"""What there is to say where `given` finds nothing."""


def add_source(parser: argparse._ActionsContainer, name: str = "source") -> None:
    """Let a command take settings, as its argument or as an option."""
    help_ = (
        "a TOML or JSON file, or package.module:NAME; without it [tool.dualware] of "
        "pyproject.toml, dualware.toml, or environment variables that begin with DUALWARE_"
    )
    if name.startswith("-"):
        parser.add_argument(name, metavar="SOURCE", dest="source", help=help_)
    else:
        parser.add_argument(name, metavar="SOURCE", nargs="?", help=help_)
    parser.add_argument("--env", metavar="PREFIX", help="environment variables that begin with it")


def given(options: argparse.Namespace) -> Found | None:
    """The settings that a command was given, or those that are there; None if there are none.

    Raises SettingsError where they can't be read.
    """
    _importable()
    if options.source is None and options.env is None:
        return _looked_for()
    if options.source is not None and options.env is not None:
        raise UsageError("name a source or --env, not both")
    return find(options.source, env=options.env)


def needed(options: argparse.Namespace) -> tuple[Found, Stack]:
    """The same, and the stack that they make, for a command that is about nothing else."""
    found = given(options)
    if found is None:
        raise UsageError(NOTHING)
    return found, built(found)


def _importable() -> None:
    """Let names of the current folder be imported, as servers do."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)


def _looked_for() -> Found | None:
    """The settings of the current folder, or of the environment."""
    if _has_table(Path("pyproject.toml")):
        return find("pyproject.toml")
    if Path("dualware.toml").is_file():
        return find("dualware.toml")
    if any(name.startswith(_PREFIX) for name in os.environ):
        return find(None, env=_PREFIX)
    return None


def _has_table(path: Path) -> bool:
    try:
        content = files.parsed(path, path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        # If it is there, `find` tells what is wrong with it.
        return path.is_file()
    return files.table_of(content) is not None
