"""Starlette and FastAPI: `install` puts a stack around everything that the application answers.

    app = FastAPI()
    install(app, {"request_id": True, "logging": True, "timing": True})

``app`` stays what it was. The stack stands outside Starlette's own ServerErrorMiddleware, where
`add_middleware` can't reach, so that its 500 responses carry what every response carries.

Knows how Starlette builds its middleware stack and what routers leave in the scope. Must never put
the value of a path parameter where a template belongs, nor touch lifespan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

from starlette.applications import Starlette
from starlette.middleware import Middleware as Added
from starlette.routing import Match, Mount

from dualware.core.current import live_record
from dualware.core.exchange import RESPONSE, Exchange, Flow
from dualware.core.middleware import Middleware
from dualware.core.stack import Stack
from dualware.frameworks.settings import stack_of
from dualware.settings import Source

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from dualware.asgi.request import ASGIRequest

__all__ = ["install"]

_REST = "/{path}"
"""How a mount's template goes on (`starlette.routing.Mount`)."""


def install(app: Starlette, settings: Source) -> None:
    """Put the stack of ``settings`` around ``app``, a Starlette or a FastAPI.

    It takes effect at once, before the first request as well as after it, and stands outside
    whatever `add_middleware` adds, then or later. Called once more, it puts another stack around
    the first; of two middleware of the same name the outer one runs. Raises SettingsError with
    every problem of the settings, TypeError for any other application.
    """
    if not isinstance(app, Starlette):
        raise TypeError(
            f"install takes a Starlette or a FastAPI, not {app!r}; "
            "dualware.wrap(app, settings) takes any application"
        )
    whole = stack_of(settings, "settings", 'install(app, {"request_id": True})')
    whole += Stack([_Routing(app)])
    build = app.build_middleware_stack

    def built() -> ASGIApp:
        # Innermost of what is outside the application's own middleware, only while it is built:
        # what was listed by then stays listed as it was.
        app.user_middleware.insert(0, Added(_Failures))
        try:
            return whole.asgi(build())
        finally:
            del app.user_middleware[0]

    app.build_middleware_stack = built  # type: ignore[method-assign]
    if app.middleware_stack is not None:
        # Requests were served, so it is built already.
        app.middleware_stack = whole.asgi(app.middleware_stack)


class _Failures:
    """Tells the record of exceptions of which ServerErrorMiddleware makes a response.

    It raises them again, but only after that response, and with it the exchange, is over.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            record = live_record()
            if record is not None and not record.ended:
                record.error = error
            raise


class _Routing(Middleware):
    """Tells the record which route answers: its template, those of the mounts around included."""

    name = "starlette.route"
    observes = True
    websocket = True

    def __init__(self, app: Starlette) -> None:
        self._app = app

    def __call__(self, exchange: Exchange) -> Flow:
        # Its scope is what the routers go through, and write into.
        request = cast("ASGIRequest", exchange.request)
        root = request.scope.get("root_path", "")
        try:
            yield RESPONSE
        finally:
            route = self._template(request.scope, root, exchange.record.route)
            if route is not None:
                exchange.record.route = route

    def _template(self, scope: Scope, root: str, told: str | None) -> str | None:
        """The template of the whole path; ``told`` is what a mounted application told by itself."""
        if "endpoint" not in scope:
            # No router found anything.
            return None
        route = _chosen(scope)
        template = getattr(route, "path_format", None)
        if scope.get("root_path", "") == root and template is not None:
            is_outside = told is not None and isinstance(route, Mount)
            return told if is_outside else cast("str", template)
        # Below a mount the innermost route is all that the scope has; older releases tell none.
        return _found(self._app.routes, _as_asked(scope, root), told or _REST)


def _chosen(scope: Scope) -> Any:
    """The innermost route. Of included routers FastAPI keeps what it was made of elsewhere."""
    route = scope.get("route")
    kept: dict[str, Any] = scope.get("fastapi") or {}
    effective = kept.get("effective_route_context")
    if effective is None or (
        effective.original_route is not route and hasattr(route, "path_format")
    ):
        return route
    return effective.starlette_route or effective


def _as_asked(scope: Scope, root: str) -> Scope:
    """A scope for routers to look at: as it was before they wrote into it."""
    kept = {name: value for name, value in scope.items() if name != "fastapi"}
    return {**kept, "root_path": root, "path_params": {}}


def _found(routes: Iterable[Any], scope: Scope, rest: str) -> str | None:
    """The template of the route that matches, ``rest`` for what no route of ours knows."""
    partial: str | None = None
    for route in _opened(routes):
        match, child = route.matches(scope)
        if match is Match.FULL:
            template: str = getattr(route, "path_format", "")
            if not hasattr(route, "routes"):
                return template
            return template.removesuffix(_REST) + (
                _found(route.routes or (), {**scope, **child}, rest) or rest
            )
        if match is Match.PARTIAL and partial is None:
            # The path is known, the method is not: 405.
            partial = route.path_format
    return partial


def _opened(routes: Iterable[Any]) -> Iterator[Any]:
    """Routes one by one, those of FastAPI's included routers with their prefix."""
    for route in routes:
        if hasattr(route, "effective_route_contexts"):
            for effective in route.effective_route_contexts():
                yield effective.starlette_route or effective
        else:
            yield route
