"""`wrap`: one call from an application and a settings mapping to the wrapped application.

Joins `detect`, `settings` and the two protocols' wrappers. Must never hold a rule of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from dualware.detect import protocol_of
from dualware.settings import Source, load

if TYPE_CHECKING:
    from dualware.asgi.driver import ASGIWrapper
    from dualware.wsgi.driver import WSGIWrapper

__all__ = ["wrap"]


@overload
def wrap(
    app: Any, settings: Source | None = None, *, env: str | None = None, protocol: Literal["asgi"]
) -> ASGIWrapper: ...
@overload
def wrap(
    app: Any, settings: Source | None = None, *, env: str | None = None, protocol: Literal["wsgi"]
) -> WSGIWrapper: ...
@overload
def wrap(
    app: Any, settings: Source | None = None, *, env: str | None = None, protocol: None = None
) -> Any: ...
def wrap(
    app: Any,
    settings: Source | None = None,
    *,
    env: str | None = None,
    protocol: Literal["asgi", "wsgi"] | None = None,
) -> Any:
    """Wrap ``app`` with the middleware that ``settings`` name, in their order.

    Whether it is a WSGI or an ASGI application is told from how it is called; ``protocol`` says
    it where that can't be told. ``settings`` and ``env`` are what `dualware.load` takes: a mapping,
    a `Stack`, a file, a name to import; or what environment variables begin with.
    Raises SettingsError with every problem of the settings, TypeError for an application whose
    protocol can't be told.

    >>> app = dualware.wrap(app, {"request_id": True, "timing": True})  # doctest: +SKIP
    """
    if protocol not in (None, "asgi", "wsgi"):
        raise ValueError(f'protocol must be "asgi" or "wsgi", not {protocol!r}')
    stack = load(settings, env=env)
    spoken = protocol or protocol_of(app)
    return stack.asgi(app) if spoken == "asgi" else stack.wsgi(app)
