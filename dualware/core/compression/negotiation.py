"""Which content coding a client gets (RFC 9110 §12.5.3).

Knows the grammar of Accept-Encoding and what its weights mean. Must never know what a coding is,
nor a response: the caller says which names there are, the best first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

__all__ = ["LONGEST", "best", "refuses_identity", "weights"]

LONGEST: Final = 2048
"""Characters of the longest Accept-Encoding that is worth a look; browsers send 30."""

_MEMBER: Final = re.compile(
    # RFC 9110 §5.6.2, §12.5.3: codings, with at most a weight behind. §12.4.2: qvalue.
    r"[ \t]*([!#$%&'*+\-.^_`|~0-9a-z]+)"
    r"[ \t]*(?:;[ \t]*q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*)?"
)
_NAME: Final = re.compile(r"[ \t]*([!#$%&'*+\-.^_`|~0-9a-z]+)")
# RFC 9110 §8.4.1.3: "x-gzip" is to be taken for "gzip".
_SAME: Final = {"x-gzip": "gzip"}


def weights(value: str) -> dict[str, int]:
    """Name → weight in thousandths, for each member of an Accept-Encoding.

    A member that breaks the grammar counts as refused, and of two for the same coding the lower
    weight counts: identity is always safe. What is empty says nothing.
    """
    found: dict[str, int] = {}
    for member in value.lower().split(","):
        whole = _MEMBER.fullmatch(member)
        named = whole or _NAME.match(member)
        if named is None:
            continue
        name = _SAME.get(named[1], named[1])
        weight = 0 if whole is None else round(float(whole[2] or 1) * 1000)
        found[name] = min(weight, found.get(name, 1000))
    return found


def best(given: Mapping[str, int], offered: Iterable[str]) -> str | None:
    """The coding of ``offered``, the server's favourite first, that the client likes best.

    None where it refuses them all, or likes identity better.
    """
    # An asterisk is each of those that are not named, identity among them.
    others = given.get("*", 0)
    ranked = [(given.get(name, others), name) for name in offered]
    # The first of the greatest: max() keeps the order of what is equal.
    weight, chosen = max(ranked, key=lambda pair: pair[0], default=(0, ""))
    # Identity that is not named is acceptable, but better than nothing only.
    return chosen if weight > 0 and weight >= given.get("identity", others) else None


def refuses_identity(given: Mapping[str, int]) -> bool:
    """Whether the client wants any coding rather than none."""
    return given.get("identity", given.get("*", 1)) == 0
