"""The two builds of the package: interpreted, and compiled by mypyc (`docs/compiled.md`).

Knows which of them is tested, and what only one of them can show.
"""

import pytest

from dualware.core import engine

__all__ = ["COMPILED", "REPLACED", "interpreted"]

COMPILED = not engine.__file__.endswith(".py")


def interpreted(why):
    """Marks a test that a compiled build can't run, ``why`` not."""
    return pytest.mark.skipif(COMPILED, reason=f"compiled: {why}")


REPLACED = interpreted("what a module holds can't be replaced from outside")
"""Of tests that replace a constant or a function of a module."""
