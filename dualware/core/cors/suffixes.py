"""Public suffixes: names below which anybody can have a name, such as ``com`` and ``co.uk``.

Knows the full list where ``publicsuffixlist`` is installed, else only that names of one label are
such suffixes. Must never be asked by a request: it is for settings.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

__all__ = ["is_public_suffix"]


def is_public_suffix(domain: str) -> bool:
    """Whether anybody can have a name below ``domain``, which is written in punycode.

    >>> is_public_suffix("com")
    True
    """
    name = domain.removesuffix(".")
    if name == "localhost":
        # RFC 6761 §6.3: all of it is this machine.
        return False
    listed = _listed()
    return "." not in name or (listed is not None and bool(listed.is_public(name)))


@lru_cache(maxsize=1)
def _listed() -> Any:
    try:
        from publicsuffixlist import PublicSuffixList
    except ImportError:
        return None
    return PublicSuffixList()
