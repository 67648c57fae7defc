"""Where a framework keeps the settings, and what becomes of them.

Knows how to turn what was given into a stack, and what to say if nothing was. Must never know a
framework.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, cast

from dualware.core.problems import Problem, SettingsError
from dualware.core.stack import Stack
from dualware.settings import load

__all__ = ["Given", "stack_of"]

Given = Mapping[str, Any] | Stack | str | os.PathLike[str]
"""Settings as `dualware.load` takes them, or a stack."""


def stack_of(given: Given | None, place: str, example: str) -> Stack:
    """The stack that ``given`` describes.

    ``place`` says where settings are looked for, ``example`` what to write there. Raises
    SettingsError with every problem, and for no settings at all: nothing is on by itself.
    """
    if given is None:
        raise SettingsError([Problem("DW103", place, "there are no settings", f"write {example}")])
    return given if isinstance(given, Stack) else load(cast("Any", given))
