"""What the wrappers of both protocols have in common: how they are made, fused and pickled.

Knows an application as a value, and that wrappers of one protocol may become one. Must never call
the application: each driver's room does, in its protocol.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dualware.core.effects import Effects
    from dualware.core.stack import Stack

__all__ = ["Wrapper"]


class Wrapper:
    """An application around another: the middleware of a stack, then ``app``.

    A wrapper directly around a wrapper of the same protocol runs as one. Holds no state of any
    exchange, no lock, loop or thread: it can be imported by name, pickled, forked at any time,
    and used by many threads and event loops at once.
    """

    app: Any
    """The application that was wrapped, as given."""
    stack: Stack
    """The middleware of this wrapper alone."""

    def __init__(self, app: Any, stack: Stack, effects: Effects, *, driver: type[Wrapper]) -> None:
        if not callable(app):
            raise TypeError(f"an application must be callable, not {app!r}")
        self.app = app
        self.stack = stack
        self._effects = effects
        self._driver = driver
        self._plan = stack
        self._inner: Any = app
        # Neighbours are fused: one exchange, one pass over the head, however many wrappers. One
        # that overrides __call__ does something of its own there, and stays apart.
        if (
            isinstance(app, driver)
            and type(app).__call__ is driver.__call__
            and app._effects is effects
        ):
            self._plan = stack + app._plan
            self._inner = app._inner

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.app!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        # As what it does; the class that it was made by may have no name to be found under.
        return self._driver, (self.app, self.stack)
