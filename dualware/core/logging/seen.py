"""What the access log has seen of one exchange, before there is a line.

Knows moments, a target and a status. Must never know what becomes of them.
"""

from __future__ import annotations

from dualware.core.message import Target

__all__ = ["Seen"]


class Seen:
    """What the logging flow saw of one exchange. Moments are ns of the exchange's clock."""

    # What every line needs has a slot, the rest stands on the class.
    __slots__ = (
        "__dict__",
        "ended_at",
        "paths",
        "responded_at",
        "started_at",
        "status",
        "target",
    )

    paths: tuple[str, str, str]
    """What `Request.paths` makes of the target."""
    status: int | None
    status_inferred: bool = False
    """Whether nobody said the status."""
    rate: float | None = None
    """How many of the lines of this kind are kept, 0 to 1; None for all."""

    def __init__(
        self, started_at: int, target: Target, responded_at: int = 0, ended_at: int = 0
    ) -> None:
        self.started_at = started_at
        self.target = target
        """What was asked, see `Request.target`."""
        self.responded_at = responded_at
        """When the head was known; 0 if it never was."""
        self.ended_at = ended_at
