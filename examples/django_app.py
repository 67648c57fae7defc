"""A Django project in one file, under both protocols.

    python -m waitress --listen=127.0.0.1:8000 examples.django_app:app
    python -m uvicorn --port 8001 examples.django_app:asgi_app

`app` is what ``wsgi.py`` of a project calls `application`, `asgi_app` the same of ``asgi.py``.
"""

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path

import dualware
from dualware.frameworks.django import asgi, wsgi
from examples.settings import SETTINGS

settings.configure(
    ALLOWED_HOSTS=["*"],
    DUALWARE=SETTINGS,
    INSTALLED_APPS=["dualware.frameworks.django"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of nobody",
)


def home(request):
    return HttpResponse(f"id: {dualware.request_id()}\n", content_type="text/plain")


def stream(request):
    return StreamingHttpResponse(f"part {number}\n" for number in (1, 2, 3))


async def item(request, number):
    return HttpResponse(f"item {number}\n")


def broken(request):
    raise RuntimeError("a bug")


urlpatterns = [
    path("", home),
    path("stream", stream),
    path("items/<int:number>", item),
    path("broken", broken),
]

dualware.configure_logging(json=True)
app = wsgi(get_wsgi_application())
asgi_app = asgi(get_asgi_application())
