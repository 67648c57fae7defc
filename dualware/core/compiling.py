"""What tells the compiler of the optional compiled build how a class is used.

Knows mypyc's decorator, which interpreted code has no use for. Must never change what a class does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

__all__ = ["mypyc_attr"]

if TYPE_CHECKING:
    # The compiler knows the decorator by this name, and nothing of it is left in what it compiles.
    from mypy_extensions import mypyc_attr
else:
    _T = TypeVar("_T")

    def mypyc_attr(**_attributes: bool) -> Callable[[_T], _T]:
        """`mypy_extensions.mypyc_attr`, without a dependency for it."""
        return lambda made: made
