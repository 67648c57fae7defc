"""What the application says itself: whether an origin may read, and which policy is for a response.

Knows the record, where the choice stands. Must never know what becomes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dualware.core.current import live_record

__all__ = ["Decision", "use_policy"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What an `allow_origins` callable may return instead of a bool."""

    allow: bool
    """Whether pages of that origin may read the response."""
    vary: tuple[str, ...] = ()
    """The request headers that it looked at, besides Origin: ``("Cookie",)``."""


def use_policy(name: str | Literal[False]) -> bool:
    """Choose the policy for this exchange's response, by its `name` in the settings.

    False shares the response with nobody. To be called by application code before its response
    starts; preflights go by the path all the same. Returns False, and does nothing, outside an
    exchange.
    """
    record = live_record()
    if record is None or record.ended:
        return False
    record.cors = name
    return True
