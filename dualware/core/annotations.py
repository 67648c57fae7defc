"""What the type of a setting says of the values that it takes.

Knows annotations. Must never look at a value, nor know which setting a type is of.
"""

from __future__ import annotations

import collections.abc
import re
import types
from collections.abc import Iterator
from typing import Annotated, Any, Final, Union, get_args, get_origin

__all__ = ["CALLABLE", "is_listed", "members", "names_object"]

CALLABLE: Final = get_origin(collections.abc.Callable[..., Any])
"""The origin of every callable type."""


def members(annotation: Any) -> Iterator[Any]:
    """The types that it takes, unions and annotations opened."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from members(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for member in get_args(annotation):
            yield from members(member)
    else:
        yield annotation


def is_listed(annotation: Any) -> bool:
    """Whether it takes lists."""
    return any(get_origin(each) in (list, tuple) for each in members(annotation))


def names_object(text: str, annotation: Any) -> bool:
    """Whether a text is ``package.module:NAME`` of an object that the type takes.

    That is a callable or a pattern. A type that takes any text as well decides for itself what a
    text means; beside a pattern, text is one that is not compiled yet, and nobody means a name.
    """
    module, _, name = text.partition(":")
    if not all(part.isidentifier() for part in [*module.split("."), name]):
        return False
    kinds = [get_origin(each) or each for each in members(annotation)]
    return re.Pattern in kinds or (CALLABLE in kinds and str not in kinds)
