"""What each client gets of the codings on offer, worked out once for every Accept-Encoding.

Knows codings and what clients say of them. Must never know a response.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dualware.core.compression.coding import Coding
from dualware.core.compression.negotiation import LONGEST, best, refuses_identity, weights

__all__ = ["IDENTITY", "SMALL", "Choice", "Choices"]

SMALL: Final = 4096
"""Bytes of a body for which `Choice.small` is made: at 1 KB brotli takes 2.4 times as long."""

_KNOWN_MOST: Final = 256
"""Values of the header that are remembered with what they mean."""


class Choice:
    """The coding for one client, None for identity."""

    __slots__ = ("forced", "live", "small", "whole")

    def __init__(
        self, whole: Coding | None, small: Coding | None, live: Coding | None, *, forced: bool
    ) -> None:
        self.whole = whole
        """For bodies and streams."""
        self.small = small
        """For bodies of less than `SMALL`: brotli is slow to begin."""
        self.live = live
        """For streams that stay open."""
        self.forced = forced
        """Whether the client refuses identity, and takes a coding."""

    def sized(self, size: int | None) -> Coding | None:
        """The coding for a body of so many bytes; None where nobody knows."""
        return self.whole if size is None or size >= SMALL else self.small


IDENTITY: Final = Choice(None, None, None, forced=False)


class Choices(dict[str | None, Choice]):
    """From an Accept-Encoding to a choice. ``codings`` are those on offer, the favourite first."""

    def __init__(self, codings: Sequence[Coding]) -> None:
        self._codings = {coding.token: coding for coding in codings}
        self._orders = (
            tuple(self._codings),
            tuple(sorted(self._codings, key="br".__eq__)),
            tuple(coding.token for coding in codings if coding.is_light),
        )
        self[None] = IDENTITY

    def __missing__(self, accepted: str) -> Choice:
        if len(accepted) > LONGEST:
            # Neither read nor remembered.
            return IDENTITY
        given = weights(accepted)
        found = (best(given, order) for order in self._orders)
        whole, small, live = (None if each is None else self._codings[each] for each in found)
        choice = Choice(whole, small, live, forced=whole is not None and refuses_identity(given))
        if len(self) < _KNOWN_MOST:
            self[accepted] = choice
        return choice
