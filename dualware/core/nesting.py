"""An exchange among others: which one is current, and what is shared with those around it.

Stacks meet again inside stacks: a bridge between the protocols, a mounted application, a wrapper
under a foreign middleware. Knows how two views of one request may differ. Must never know which
bridge it is, nor how an exchange moves on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from dualware.core.compiling import mypyc_attr
from dualware.core.current import CURRENT, leave
from dualware.core.exchange import Exchange
from dualware.core.record import Record

if TYPE_CHECKING:
    import weakref
    from contextvars import Token

    from dualware.core.effects import Effects
    from dualware.core.message import Request, Response
    from dualware.core.stack import Stack

__all__ = ["Member", "enclosing", "same_exchange"]


# Bound once: every exchange calls each of them.
_current: Final = CURRENT.get
_make_current: Final = CURRENT.set
_reset: Final = CURRENT.reset

# Shared and never changed.
_NO_FLOWS: Final[list[Any]] = []
_NOTHING: Final[dict[str, Any]] = {}


@mypyc_attr(allow_interpreted_subclasses=True)
class Member(Exchange):
    """What an exchange has to do with the record, the context, and exchanges around it."""

    __slots__ = ("_exits", "_plan", "_record", "effects")

    effects: Effects
    token: Token[Any] | None = None
    """What makes the context's former exchange current again; None if we changed nothing."""
    outer: Member | None = None
    """The outermost exchange that this one is part of; None if it is that one itself."""
    running: bool = True
    """Whether the application runs now, or may at any time. False between two items of a body
    whose server may never come back: another call in that context is another exchange."""
    puller: Any = None
    """The generator that pulls the body, where one does: it knows by itself whether it runs."""
    lingers_for: weakref.ref[Any] | None = None
    """The body for which an exchange that is over stays current."""

    # Those of the engine that are let go of when the application is over.
    _flows: Sequence[Any]
    _held: Any
    _pairs: list[Any] | None
    _passed: list[Any]
    _outwards: Any
    _request: Request | None
    _response: Response | None
    _source: Any

    _plan: Stack
    _record: Record | None
    _joined: tuple[Stack, ...] = ()

    @property
    def record(self) -> Record:
        record = self._record
        if record is None:
            outer = self.outer
            record = (
                Record(self.effects.clock, ended=self.outcome is not None)
                if outer is None
                else outer.record
            )
            self._record = record
        return record

    @property
    def noted(self) -> Record | None:
        return self._record if self.outer is None else self.outer.noted

    @property
    def ran(self) -> frozenset[str | int]:
        """Keys of the middleware that took part, kept by the outermost exchange: each runs once."""
        if not self._joined:
            return self._plan.keys
        return self._plan.keys.union(*(plan.keys for plan in self._joined))

    def enter(self, plan: Stack) -> Stack | None:
        """Become part of the exchange around this one, or current if there is none.

        Returns what is left of ``plan`` to run, None where nothing is.
        """
        if _current() is not None:
            outer = enclosing(self.request)
            if outer is not None:
                left = plan.without(outer.ran)
                if not left.middleware:
                    return None
                outer.join(left)
                self.outer = outer
                return left
        self.token = _make_current(self)
        return plan

    def join(self, plan: Stack) -> None:
        """The middleware of another stack take part too."""
        # The stack itself is kept: the keys of nameless middleware are good while they live.
        self._joined = (*self._joined, plan)

    @property
    def lingers(self) -> bool:
        """Whether code that finds this exchange current may still be inside it."""
        body = None if self.lingers_for is None else self.lingers_for()
        # A generator tells that it is exhausted or closed; of other bodies nobody can say.
        return body is not None and getattr(body, "gi_frame", body) is not None

    def seal(self) -> None:
        """The record takes no more, unless an exchange around this one still fills it."""
        if self.outer is None:
            (self._record or self.record).ended = True

    def release(self, error: BaseException | None = None) -> None:
        """The application itself is over, maybe long after END.

        Tells whoever asked, and makes current again what was so before this exchange.
        """
        if self.outcome is None:
            # Nobody followed it, so nobody is there to be told of anything else.
            self.outcome = "completed"
            if self._record is not None:
                self.seal()
        elif error is not None and error is not self.error and isinstance(error, Exception):
            self._late(error)
        if self._exits is not None:
            self.over(error)
        if self.token is not None:
            # As `leave`, without the call: every exchange under ASGI ends here.
            try:
                _reset(self.token)
            except (ValueError, RuntimeError):
                leave(self)
            self.token = None
        # Copies of the context live on, and we in them: uvicorn's timer for a connection that is
        # kept alive has one, and asyncio keeps those that were cancelled for a while. What we kept
        # of the server's would make the collector run a hundred times as often.
        self._flows = self._passed = _NO_FLOWS
        self._held = self._outwards = self._pairs = self._request = None
        if self._response is not None:
            self._response.first_chunk = None
        self._source = _NOTHING

    def leave(self) -> None:
        """Make current again what was so before this exchange, if this one is current."""
        token, self.token = self.token, None
        if token is not None:
            try:
                _reset(token)
            except (ValueError, RuntimeError):
                leave(self)

    def _late(self, error: Exception) -> None:
        """Tell whoever asks of a failure that came after END."""
        for tell in self._plan.late:
            try:
                tell(self, error)
            except Exception as raised:
                self.effects.report(f"{tell!r} failed", raised)

    def over(self, error: BaseException | None = None) -> None:
        """Call the exit callbacks with what the application raised after END."""
        exits, self._exits = self._exits, None
        for callback in exits or ():
            try:
                callback(error)
            except Exception as raised:
                self.effects.report(f"the exit callback {callback!r} failed", raised)


def enclosing(request: Request) -> Member | None:
    """The exchange that ``request`` is already part of, None if it begins one.

    The context variable alone can't tell: it may be left over on a server's thread, or belong
    to a request that the application makes to itself.
    """
    outer: Member | None = CURRENT.get()
    if outer is None:
        return None
    puller = outer.puller
    if not (outer.running or (puller is not None and puller.gi_running)):
        if outer.outcome is not None:
            # It lingers for a body that nobody follows. Ours must not bring it back at its end.
            CURRENT.set(None)
        return None
    if outer.outcome is not None or not same_exchange(outer.request, request):
        return None
    return outer


def same_exchange(outer: Request, inner: Request) -> bool:
    """Whether two views show the same request, one of them possibly inside a mount.

    Bridges between the protocols keep method and query; the path comes whole, without its mount
    prefix, or with the prefix twice (a2wsgi and asgiref, by version).
    """
    return (
        outer.method == inner.method
        and outer.query == inner.query
        and (outer.path in (inner.path, inner.route_path) or outer.route_path == inner.path)
    )
