"""Falcon applications, one for each protocol.

python -m waitress --listen=127.0.0.1:8000 examples.falcon_app:app
python -m uvicorn --port 8001 examples.falcon_app:asgi_app
"""

import falcon
import falcon.asgi

import dualware
from examples.settings import SETTINGS


class Home:
    def on_get(self, request, response):
        response.text = f"id: {dualware.request_id()}\n"


class Stream:
    def on_get(self, request, response):
        response.stream = (f"part {number}\n".encode() for number in (1, 2, 3))


class Broken:
    def on_get(self, request, response):
        raise RuntimeError("a bug")


class AsyncHome:
    async def on_get(self, request, response):
        response.text = f"id: {dualware.request_id()}\n"


class AsyncStream:
    async def on_get(self, request, response):
        async def parts():
            for number in (1, 2, 3):
                yield f"part {number}\n".encode()

        response.stream = parts()


class AsyncBroken:
    async def on_get(self, request, response):
        raise RuntimeError("a bug")


site = falcon.App()
site.add_route("/", Home())
site.add_route("/stream", Stream())
site.add_route("/broken", Broken())

asgi_site = falcon.asgi.App()
asgi_site.add_route("/", AsyncHome())
asgi_site.add_route("/stream", AsyncStream())
asgi_site.add_route("/broken", AsyncBroken())

dualware.configure_logging(json=True)
app = dualware.wrap(site, SETTINGS)
asgi_app = dualware.wrap(asgi_site, SETTINGS)
