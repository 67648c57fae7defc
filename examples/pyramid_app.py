"""A Pyramid application.

    python -m waitress --listen=127.0.0.1:8000 examples.pyramid_app:app

Pyramid lets exceptions pass to the server unless there is a view for them.
"""

from pyramid.config import Configurator
from pyramid.response import Response

import dualware
from examples.settings import SETTINGS


def home(request):
    return Response(f"id: {dualware.request_id()}\n")


def stream(request):
    parts = (f"part {number}\n".encode() for number in (1, 2, 3))
    return Response(app_iter=parts, content_type="text/plain")


def broken(request):
    raise RuntimeError("a bug")


def failed(error, request):
    return Response(f"Our fault. Tell us {dualware.request_id()}.\n", status=500)


with Configurator() as config:
    for name, path, view in (
        ("home", "/", home),
        ("stream", "/stream", stream),
        ("broken", "/broken", broken),
    ):
        config.add_route(name, path)
        config.add_view(view, route_name=name)
    config.add_exception_view(failed, context=Exception)
    site = config.make_wsgi_app()

dualware.configure_logging(json=True)
app = dualware.wrap(site, SETTINGS)
