"""What became of a thing that was handed over, told from a copy made before.

This file knows containers and keys. It must never know which changes are
allowed: who asks does.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, cast


def snapshot(value: Any) -> Any:
    """A copy of the containers in `value`, to compare with later."""
    if isinstance(value, MutableMapping):
        return {key: snapshot(part) for key, part in cast("Any", value).items()}
    if isinstance(value, list | tuple):
        return type(cast("Any", value)), [snapshot(part) for part in cast("list[Any]", value)]
    return value


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The keys under which two snapshots differ."""
    missing = object()
    keys = {*before, *after}
    return sorted(key for key in keys if before.get(key, missing) != after.get(key, missing))
