"""Small wrapped applications, and as much of a Django project as its development server needs.

They write an access log of their own. With ``DUALWARE_SILENCE`` in the environment they tell the
server's to be silent, when they are imported, as a user's own module would; with
``DUALWARE_SERVERS`` `configure_logging` has the server log as they do.
"""

import os

import dualware
from dualware.log import configure_logging, silence_server_access_log

configure_logging(servers="DUALWARE_SERVERS" in os.environ)
if "DUALWARE_SILENCE" in os.environ:
    silence_server_access_log()

# Django

SECRET_KEY = "of nobody"
DEBUG = True
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = __name__
USE_TZ = True
WSGI_APPLICATION = f"{__name__}.wsgi"
ASGI_APPLICATION = f"{__name__}.asgi"
INSTALLED_APPS = os.environ.get("DUALWARE_DJANGO_APPS", "").split()
urlpatterns = []


def answer(environ, start_response):
    """The same for everybody."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]


async def answer_or_accept(scope, receive, send):
    """The same for everybody; a websocket session is accepted and left to the client to close."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        return
    if scope["type"] == "http":
        head = [(b"content-type", b"text/plain"), (b"content-length", b"5")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"hello"})
        return
    raise RuntimeError(scope["type"])


wsgi = dualware.wrap(answer, {"request_id": True, "logging": True})
asgi = dualware.wrap(answer_or_accept, {"request_id": True, "logging": True})
