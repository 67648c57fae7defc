"""Natural peers: what people put together today to get what the stack of five does.

Libraries of others at their usual settings, and where there is none the recipe that everybody
copies. The group `bench` has the libraries; whoever calls a function here needs them. Where a line
is logged it says `limit.FIELDS` through the structlog configuration of the process. Must never be
made slower than people have it, nor be mended: what a peer leaves out, it leaves out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import structlog

from tests.benchmarks.limit import SETTINGS

__all__ = [
    "asgi_alone",
    "asgi_peers",
    "django_peers",
    "fastapi_peers",
    "flask_peers",
    "wsgi_alone",
    "wsgi_peers",
]

_CORS = SETTINGS["cors"]
_LEVEL = SETTINGS["gzip"]["compresslevel"]


def _log(
    logger: Any, method: str, path: str, status: int, size: int, took: int, request_id: Any
) -> None:
    log = logger.error if status >= 500 else logger.info
    log(
        "http.server.request",
        **{
            "http.request.method": method,
            "url.path": path,
            "http.response.status_code": status,
            "http.response.body.size": size,
            "http.server.request.duration": round(took / 1_000_000_000, 6),
            "http.request.id": request_id,
            "outcome": "error" if status >= 500 else "completed",
        },
    )


# ASGI


class AccessLog:
    """The structlog recipe, as a middleware of plain ASGI."""

    def __init__(self, app: Any, request_id: Callable[[], Any] = lambda: None) -> None:
        self.app = app
        self.logger = structlog.get_logger("access")
        self.request_id = request_id

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter_ns()
        status, size = 500, 0

        async def wrapped(message: Any) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, wrapped)
        finally:
            took = time.perf_counter_ns() - started
            method, path, request_id = scope["method"], scope["path"], self.request_id()
            _log(self.logger, method, path, status, size, took, request_id)


class ProcessTime:
    """FastAPI's example of a middleware, as one of plain ASGI."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()

        async def wrapped(message: Any) -> None:
            if message["type"] == "http.response.start":
                took = time.perf_counter() - started
                message["headers"] = [
                    *message.get("headers", []),
                    (b"x-process-time", str(took).encode()),
                ]
            await send(message)

        await self.app(scope, receive, wrapped)


def _asgi_classes() -> list[tuple[Any, dict[str, Any]]]:
    """The stack, outermost first: classes and what they are made with."""
    from asgi_correlation_id import CorrelationIdMiddleware
    from asgi_correlation_id.context import correlation_id
    from starlette.middleware.cors import CORSMiddleware
    from starlette.middleware.gzip import GZipMiddleware

    return [
        (CorrelationIdMiddleware, {}),
        (AccessLog, {"request_id": correlation_id.get}),
        (ProcessTime, {}),
        (CORSMiddleware, _CORS),
        (GZipMiddleware, {"compresslevel": _LEVEL}),
    ]


def asgi_peers(app: Any) -> Any:
    """asgi-correlation-id, the structlog recipe, X-Process-Time, Starlette's CORS and GZip."""
    for made, settings in reversed(_asgi_classes()):
        app = made(app, **settings)
    return app


def fastapi_peers(app: Any) -> Any:
    """The same, added to a FastAPI application as its documentation says."""
    for made, settings in reversed(_asgi_classes()):
        app.add_middleware(made, **settings)
    return app


def asgi_alone() -> dict[str, Callable[[Any], Any]]:
    """Each peer under ASGI alone: its name, and what puts it around an application."""
    from litestar.config.compression import CompressionConfig
    from litestar.config.cors import CORSConfig
    from litestar.middleware._internal.cors import CORSMiddleware as LitestarCORS
    from litestar.middleware.compression import CompressionMiddleware as LitestarCompression
    from litestar.middleware.compression.gzip_facade import GzipCompression
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    from timing_asgi import TimingClient, TimingMiddleware

    class Nobody(TimingClient):  # type: ignore[misc]
        def timing(self, metric_name: str, timing: float, tags: list[str]) -> None:
            pass

    (ids, _), (log, _), (took, _), (cors, _), (gzip, _) = _asgi_classes()
    return {
        "request_id": ids,
        "logging": log,
        "timing": lambda app: TimingMiddleware(app, client=Nobody()),
        "X-Process-Time": took,
        "cors": lambda app: cors(app, **_CORS),
        "gzip": lambda app: gzip(app, compresslevel=_LEVEL),
        "Litestar's CORS": lambda app: LitestarCORS(
            app,
            CORSConfig(
                allow_origins=_CORS["allow_origins"],
                allow_methods=_CORS["allow_methods"],
                allow_headers=_CORS["allow_headers"],
                allow_credentials=True,
                expose_headers=_CORS["expose_headers"],
                max_age=_CORS["max_age"],
            ),
        ),
        "Litestar's gzip": lambda app: LitestarCompression(
            app,
            CompressionConfig(
                backend="gzip",
                gzip_compress_level=_LEVEL,
                compression_facade=GzipCompression,
            ),
        ),
        "OpenTelemetry": _traced(OpenTelemetryMiddleware),
    }


def _traced(made: Any) -> Callable[[Any], Any]:
    """OpenTelemetry with its SDK, and spans that go nowhere."""
    from opentelemetry.sdk.trace import TracerProvider

    return lambda app: made(app, tracer_provider=TracerProvider())


# WSGI


class WSGIAccessLog:
    """The structlog recipe, as a middleware of plain WSGI."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.logger = structlog.get_logger("access")

    def __call__(self, environ: Any, start_response: Any) -> Any:
        started = time.perf_counter_ns()
        said = "500"

        def wrapped(status: str, headers: Any, exc_info: Any = None) -> Any:
            nonlocal said
            said = status
            return start_response(status, headers, exc_info)

        def log(size: int) -> None:
            took = time.perf_counter_ns() - started
            method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
            request_id = environ.get("REQUEST_ID")
            _log(self.logger, method, path, int(said[:3]), size, took, request_id)

        try:
            body = self.app(environ, wrapped)
        except Exception:
            log(0)
            raise
        if isinstance(body, list):
            log(sum(map(len, body)))
            return body
        return self.followed(body, log)

    @staticmethod
    def followed(body: Any, log: Callable[[int], None]) -> Iterator[bytes]:
        """The body, and the line behind it."""
        size = 0
        try:
            for chunk in body:
                size += len(chunk)
                yield chunk
        finally:
            if hasattr(body, "close"):
                body.close()
            log(size)


class WSGIProcessTime:
    """X-Process-Time by hand."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: Any, start_response: Any) -> Any:
        started = time.perf_counter()

        def wrapped(status: str, headers: Any, exc_info: Any = None) -> Any:
            headers.append(("X-Process-Time", str(time.perf_counter() - started)))
            return start_response(status, headers, exc_info)

        return self.app(environ, wrapped)


def _wsgi_cors(app: Any) -> Any:
    from wsgicors import CORS

    return CORS(
        app,
        origin=" ".join(_CORS["allow_origins"]),
        methods=",".join(_CORS["allow_methods"]),
        headers=",".join(_CORS["allow_headers"]),
        expose_headers=",".join(_CORS["expose_headers"]),
        credentials="true",
        maxage=str(_CORS["max_age"]),
    )


def wsgi_peers(app: Any) -> Any:
    """wsgi-request-id, the structlog recipe, X-Process-Time, wsgicors and Paste's gzip."""
    from paste.gzipper import middleware
    from wsgi_request_id import RequestID

    return RequestID(
        WSGIAccessLog(WSGIProcessTime(_wsgi_cors(middleware(app, compress_level=_LEVEL))))
    )


def wsgi_alone() -> dict[str, Callable[[Any], Any]]:
    """Each peer under WSGI alone: its name, and what puts it around an application."""
    from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
    from paste.gzipper import middleware
    from wsgi_request_id import RequestID

    return {
        "request_id": RequestID,
        "logging": WSGIAccessLog,
        "timing": WSGIProcessTime,
        "cors": _wsgi_cors,
        "gzip": lambda app: middleware(app, compress_level=_LEVEL),
        "OpenTelemetry": _traced(OpenTelemetryMiddleware),
    }


# Frameworks


def flask_peers(app: Any) -> Any:
    """Flask-CORS, Flask-Compress, and the usual hooks for id, time and structlog."""
    import uuid

    from flask import g, request
    from flask_compress import Compress
    from flask_cors import CORS

    logger = structlog.get_logger("access")

    @app.before_request
    def _begin() -> None:
        g.started = time.perf_counter_ns()
        g.request_id = request.headers.get("X-Request-ID") or uuid.uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    @app.after_request
    def _end(response: Any) -> Any:
        took = time.perf_counter_ns() - g.started
        response.headers["X-Request-ID"] = g.request_id
        response.headers["X-Process-Time"] = str(took / 1_000_000_000)
        size = response.content_length or 0
        _log(logger, request.method, request.path, response.status_code, size, took, g.request_id)
        return response

    CORS(
        app,
        origins=_CORS["allow_origins"],
        methods=_CORS["allow_methods"],
        allow_headers=_CORS["allow_headers"],
        expose_headers=_CORS["expose_headers"],
        supports_credentials=True,
        max_age=_CORS["max_age"],
    )
    app.config["COMPRESS_ALGORITHM"] = ["gzip"]
    app.config["COMPRESS_LEVEL"] = _LEVEL
    Compress(app)
    return app


def identified(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Django: the id that django-structlog has bound, in a response header."""

    def middleware(request: Any) -> Any:
        response = get_response(request)
        bound = structlog.contextvars.get_contextvars()
        response["X-Request-ID"] = bound.get("request_id", "")
        return response

    return middleware


def timed(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Django: X-Process-Time by hand."""

    def middleware(request: Any) -> Any:
        started = time.perf_counter()
        response = get_response(request)
        response["X-Process-Time"] = str(time.perf_counter() - started)
        return response

    return middleware


DJANGO_MIDDLEWARE = [
    "django_structlog.middlewares.RequestMiddleware",
    f"{__name__}.identified",
    f"{__name__}.timed",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.gzip.GZipMiddleware",
]
DJANGO_SETTINGS: dict[str, Any] = {
    "ALLOWED_HOSTS": ["*"],
    "INSTALLED_APPS": ["corsheaders", "django_structlog"],
    "LOGGING_CONFIG": None,
    "USE_I18N": False,
    "CORS_ALLOWED_ORIGINS": _CORS["allow_origins"],
    "CORS_ALLOW_METHODS": _CORS["allow_methods"],
    "CORS_ALLOW_HEADERS": _CORS["allow_headers"],
    "CORS_ALLOW_CREDENTIALS": True,
    "CORS_EXPOSE_HEADERS": _CORS["expose_headers"],
    "CORS_PREFLIGHT_MAX_AGE": _CORS["max_age"],
}


def django_peers(urls: str) -> tuple[Any, Any]:
    """Django with the URLs of the module ``urls``: bare, and with what its users put there.

    That is django-cors-headers, its own gzip, django-structlog, and id and time by hand.
    """
    import django
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application

    if not settings.configured:
        settings.configure(**DJANGO_SETTINGS, ROOT_URLCONF=urls, MIDDLEWARE=[])
        django.setup()
        # It writes a warning for every 404.
        logging.getLogger("django.request").setLevel(logging.ERROR)
    bare = get_wsgi_application()
    settings.MIDDLEWARE = DJANGO_MIDDLEWARE
    peers = get_wsgi_application()
    settings.MIDDLEWARE = []
    return bare, peers
