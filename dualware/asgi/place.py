"""Where the response of an exchange stands under ASGI: the values of its `_place`, in order.

Knows numbers. Must never know what is done there.
"""

from __future__ import annotations

from typing import Final

__all__ = ["BEFORE", "BROKEN", "CODED", "FOLLOWED", "GUARDED", "HELD", "OPEN", "OVER", "PLAIN"]

BROKEN: Final = -1
"""A policy failed, or a part of the response was lost."""
BEFORE: Final = 0
"""No head yet."""
HELD: Final = 1
"""The head waits for the first body message."""
OPEN: Final = 2
"""The head was sent, and a body follows of which nothing is to be known but its size and end."""
FOLLOWED: Final = 3
"""The head was sent; the rest is followed, whatever it is."""
CODED: Final = 4
"""The same, and the body passes a codec."""
GUARDED: Final = 5
"""The head was sent; the rest is followed if it is more than one message, or if that fails."""
PLAIN: Final = 6
"""The head was sent, and nobody needs the rest: from here on every message goes straight to the
server."""
OVER: Final = 7
"""END was delivered. What the application still sends is between it and the server."""
