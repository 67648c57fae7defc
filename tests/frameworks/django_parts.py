"""A small Django project, and every way to have a stack take effect in it.

Knows how Django is called. Must never know what a test expects.
"""

import asyncio
import contextlib
import io
import re
import warnings

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import include, path, re_path

import dualware
from dualware.core.current import CURRENT
from dualware.frameworks.django import asgi, wsgi
from dualware.testing import ASGIClient, WSGIClient

__all__ = ["MIDDLEWARE", "WAYS", "Failure", "asked", "masked", "project"]

MIDDLEWARE = "dualware.frameworks.django.DualwareMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"


class Failure(Exception):  # noqa: N818 - stands for any error of an application
    """What views raise."""


# Views


def home(request):
    return HttpResponse(f"Hello {dualware.request_id()}")


async def home_async(request):
    return HttpResponse(f"Hello {dualware.request_id()}")


def cookies(request):
    response = HttpResponse("Hello")
    response.set_cookie("one", "1", httponly=True)
    response.set_cookie("two", "2; 3", secure=True)
    return response


def item(request, number):
    dualware.add_fields(number=number)
    return HttpResponse(str(number))


def stream(request):
    def body():
        yield b"one "
        yield (dualware.request_id() or "none").encode()

    return StreamingHttpResponse(body(), content_type="text/plain")


def stream_async(request):
    async def body():
        yield b"one "
        await asyncio.sleep(0)
        yield (dualware.request_id() or "none").encode()

    return StreamingHttpResponse(body(), content_type="text/plain")


def file(request):
    return FileResponse(io.BytesIO(b"a file"), filename="notes.txt")


def big(request, size):
    return HttpResponse(b"words " * size)


def big_stream(request):
    return StreamingHttpResponse((b"words " * 1000 for _ in range(3)), content_type="text/plain")


def big_stream_async(request):
    async def body():
        for _ in range(3):
            yield b"words " * 100_000

    return StreamingHttpResponse(body(), content_type="text/plain")


def big_file(request):
    return FileResponse(io.BytesIO(b"words " * 1000), filename="notes.txt")


def empty(request):
    return HttpResponse(status=204)


def teapot(request):
    return HttpResponse("short and stout", status=418, reason="No coffee")


def timed(request):
    return HttpResponse("Hello", headers={"Server-Timing": "db;dur=1"})


def fail(request):
    raise Failure("a bug")


def body_size(request):
    return HttpResponse(str(len(request.body)))


def header(request):
    return HttpResponse(request.headers.get("X-Request-ID", "none"))


def break_stream(request):
    def body():
        yield b"one "
        raise Failure("half-way")

    return StreamingHttpResponse(body())


def break_stream_async(request):
    async def body():
        yield b"one "
        raise Failure("half-way")

    return StreamingHttpResponse(body())


class Urls:
    """The routes."""

    urlpatterns = (
        path("", home),
        path("async", home_async),
        path("cookies", cookies),
        path("items/<int:number>/", item),
        path("stream", stream),
        path("stream-async", stream_async),
        path("file", file),
        path("big/<int:size>", big),
        path("big-stream", big_stream),
        path("big-stream-async", big_stream_async),
        path("big-file", big_file),
        path("empty", empty),
        path("teapot", teapot),
        path("timed", timed),
        path("fail", fail),
        path("size", body_size),
        path("header", header),
        path("break", break_stream),
        path("break-async", break_stream_async),
        path("käse-日本", home),
        re_path(r"^years/(?P<year>[0-9]{4})$", lambda request, year: HttpResponse(year)),
        path("shop/", include([path("items/<int:number>", item)])),
    )


@contextlib.contextmanager
def project(stack, *middleware, **more):
    """The project with these settings."""
    if not settings.configured:
        settings.configure(SECRET_KEY="test", LOGGING_CONFIG=None)
    options = {
        "ALLOWED_HOSTS": ["*"],
        "DEBUG": False,
        "DUALWARE": stack,
        "MIDDLEWARE": [*middleware, COMMON],
        "ROOT_URLCONF": Urls,
        **more,
    }
    with override_settings(**options), warnings.catch_warnings():
        # A body that is no iterator of the kind that the handler wants: it works all the same.
        warnings.filterwarnings("ignore", "StreamingHttpResponse must consume")
        django.setup(set_prefix=False)
        CURRENT.set(None)
        yield


# Ways


class Asked:
    """What came back: status, header fields, body, and what the server saw raised, or left over."""

    def __init__(self, status, headers, body, error=None, leaked=()):
        self.status = status
        self.headers = sorted((name.lower(), value.strip()) for name, value in headers)
        self.body = body
        self.error = error
        self.leaked = leaked

    def header_all(self, name):
        """Every value of a field."""
        return [value for known, value in self.headers if known == name.lower()]


def by_wsgi(application, **request):
    """A raw request to a WSGI application."""
    result = WSGIClient(application, lint=False).request(**request)
    return Asked(result.status, result.headers, result.body, result.error, result.leaked)


def by_asgi(application, **request):
    """A raw request to an ASGI application. Django spells the names of fields as HTTP/1 does."""
    client = ASGIClient(application, lint=False)
    result = client.request_sync(backend="asyncio", **request)
    return Asked(result.status, result.headers, result.body, result.error, result.leaked)


def fields_of(response):
    """The fields of a response of a test client."""
    cookies = [("Set-Cookie", morsel.OutputString()) for morsel in response.cookies.values()]
    return [*response.items(), *cookies]


def arguments(method="GET", path="/", headers=None, body=b"", **_):
    """A request as Django's test clients take it."""
    return {
        "method": method,
        "path": path,
        "data": body,
        "content_type": "application/octet-stream" if body else "",
        "headers": headers or {},
    }


def by_client(**request):
    """A request of Django's test client, which calls no application."""
    response = Client(raise_request_exception=False).generic(**arguments(**request))
    error, chunks = None, []
    try:
        chunks += iter(response)
    except Failure as raised:
        error = raised
    return Asked(response.status_code, fields_of(response), b"".join(chunks), error)


def by_async_client(**request):
    """The same, where everything is awaited."""

    async def main():
        client = AsyncClient(raise_request_exception=False)
        response = await client.generic(**arguments(**request))
        error, chunks = None, []
        try:
            if response.streaming:
                async for chunk in response:
                    chunks.append(chunk)  # noqa: PERF401 - a comprehension would lose what came
            else:
                chunks += iter(response)
        except Failure as raised:
            error = raised
        return Asked(response.status_code, fields_of(response), b"".join(chunks), error)

    return asyncio.run(main())


WAYS = {
    "wsgi.py": ((), lambda **request: by_wsgi(wsgi(get_wsgi_application()), **request)),
    "asgi.py": ((), lambda **request: by_asgi(asgi(get_asgi_application()), **request)),
    "MIDDLEWARE under WSGI": (
        (MIDDLEWARE,),
        lambda **request: by_wsgi(get_wsgi_application(), **request),
    ),
    "MIDDLEWARE under ASGI": (
        (MIDDLEWARE,),
        lambda **request: by_asgi(get_asgi_application(), **request),
    ),
    "MIDDLEWARE and wsgi.py": (
        (MIDDLEWARE,),
        lambda **request: by_wsgi(wsgi(get_wsgi_application()), **request),
    ),
    "MIDDLEWARE and asgi.py": (
        (MIDDLEWARE,),
        lambda **request: by_asgi(asgi(get_asgi_application()), **request),
    ),
    "test client": ((MIDDLEWARE,), by_client),
    "async test client": ((MIDDLEWARE,), by_async_client),
}
"""What stands in MIDDLEWARE besides, and how a request is made."""


def asked(way, stack, *, before=(), **request):
    """What comes of one request made in that way."""
    middleware, ask = WAYS[way]
    with project(stack, *before, *middleware):
        return ask(**request)


DURATION = re.compile(r"dur=[\d.]+")


def masked(headers):
    """Header fields without what is different each time."""
    return [(name, DURATION.sub("dur=*", value)) for name, value in headers]
