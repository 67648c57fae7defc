"""Where a framework keeps the settings, and what becomes of them.

Knows how to turn what was given into a stack, and what to say if nothing was. Must never know a
framework.
"""

from __future__ import annotations

from dualware.core.problems import Problem, SettingsError
from dualware.core.stack import Stack
from dualware.settings import Source, load

__all__ = ["stack_of"]


def stack_of(given: Source | None, place: str, example: str) -> Stack:
    """The stack that ``given`` describes, in any way that `dualware.load` takes.

    ``place`` says where settings are looked for, ``example`` what to write there. Raises
    SettingsError with every problem, and for no settings at all: nothing is on by itself.
    """
    if given is None:
        raise SettingsError([Problem("DW103", place, "there are no settings", f"write {example}")])
    return load(given)
