"""Which protocol an application speaks, told from how it can be called.

Knows the two calling conventions. Must never call the application, nor guess: where the signature
does not tell, the caller has to.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any, Literal

__all__ = ["protocol_of"]

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_SAY = 'say it with protocol="asgi" or protocol="wsgi"'


def protocol_of(app: Any) -> Literal["asgi", "wsgi"]:
    """``"asgi"`` or ``"wsgi"``. Raises TypeError, with what to do, where it can't be told.

    ASGI is a coroutine function, or three positional parameters: ``(scope, receive, send)``.
    WSGI is two: ``(environ, start_response)``. Instances, bound methods and partials count as
    what calling them does.
    """
    if inspect.isclass(app):
        raise TypeError(f"{app!r} is a class; wrap the application that it makes")
    if not callable(app):
        raise TypeError(f"an application must be callable, not {app!r}")
    if _is_async(app):
        return "asgi"
    required, most = _counts(app)
    if required <= 2 <= most and required != 0 and not _names_asgi(app):
        return "wsgi"
    if required == 3:
        return "asgi"
    if required == 1 == most:
        raise TypeError(
            f"{app!r} takes one argument, as ASGI 2 applications did; make it one of ASGI 3 with "
            "asgiref.compatibility.guarantee_single_callable(app)"
        )
    raise TypeError(f"can't tell whether {app!r} is a WSGI or an ASGI application; {_SAY}")


def _is_async(app: Any) -> bool:
    if isinstance(app, functools.partial):
        return _is_async(app.func)
    # Asked of the class: an instance's own __call__ is not what calling it calls.
    called = type(app).__call__  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(called)


def _parameters(app: Any) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(app).parameters.values())
    except (TypeError, ValueError):
        raise TypeError(f"{app!r} does not tell its parameters; {_SAY}") from None


def _counts(app: Any) -> tuple[int, int]:
    """How many positional arguments ``app`` needs, and how many it takes."""
    parameters = _parameters(app)
    if any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in parameters):
        # A decorator that hides the signature: (*args, **kwargs).
        return 0, 0
    positional = [each for each in parameters if each.kind in _POSITIONAL]
    required = [each for each in positional if each.default is each.empty]
    return len(required), len(positional)


def _names_asgi(app: Any) -> bool:
    return [each.name for each in _parameters(app)][:3] == ["scope", "receive", "send"]
