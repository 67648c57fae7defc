"""Whether a request that comes in is part of an exchange that is going on already.

Stacks meet again inside stacks: a bridge between the protocols, a mounted application, a wrapper
under a foreign middleware. Knows how two views of one request may differ. Must never know which
bridge it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dualware.core.record import CURRENT

if TYPE_CHECKING:
    from dualware.core.engine import Engine
    from dualware.core.message import Request

__all__ = ["enclosing", "same_exchange"]


def enclosing(request: Request) -> Engine | None:
    """The exchange that ``request`` is already part of, None if it begins one.

    The context variable alone can't tell: it may be left over on a server's thread, or belong
    to a request that the application makes to itself.
    """
    outer: Engine | None = CURRENT.get()
    if outer is None:
        return None
    if not outer.running:
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
