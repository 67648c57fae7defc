# pyright: basic
"""The stack around Django's application, for ``wsgi.py`` and ``asgi.py``.

    from django.core.wsgi import get_wsgi_application
    from dualware.frameworks.django import wsgi

    application = wsgi(get_wsgi_application())

Knows where Django's handlers resolve a request. Must never see the request itself otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.core.handlers.base import BaseHandler

from dualware.frameworks.django.configured import configured, tell_errors, tell_route

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from dualware.asgi.driver import ASGIApp, ASGIWrapper
    from dualware.wsgi.driver import WSGIWrapper

__all__ = ["asgi", "wsgi"]


def wsgi(application: WSGIApplication) -> WSGIWrapper:
    """Put the stack of `settings.DUALWARE` around what `get_wsgi_application` made.

    Other middleware may already be around it. Raises SettingsError with every problem at once.
    """
    stack = configured()
    _observe(application)
    return stack.wsgi(application)


def asgi(application: ASGIApp) -> ASGIWrapper:
    """Put the stack of `settings.DUALWARE` around what `get_asgi_application` made.

    Other middleware, or a router of Channels, may already be around it. Raises SettingsError with
    every problem at once.
    """
    stack = configured()
    _observe(application)
    return stack.asgi(application)


def _observe(application: Any) -> None:
    tell_errors()
    handler: Any = application if isinstance(application, BaseHandler) else None
    if handler is not None:
        # The one step that both kinds of handler take. Django keeps its result on the request
        # alone, which never leaves the handler.
        handler.resolve_request = _telling(handler.resolve_request)


def _telling(resolve: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def resolve_request(request: Any) -> Any:
        match = resolve(request)
        tell_route(request)
        return match

    return resolve_request
