"""What the browser tests serve: pages, and one application in two frameworks, wrapped alike.

Must never know who asks. Where the pages are is told by the environment.
"""

import os

from flask import Flask, Response, redirect, request
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import Route, WebSocketRoute

import dualware

HOME = "DUALWARE_TEST_HOME"
"""The variable of the environment that names the origin of the pages."""


def settings():
    """The same for both applications. Times are shown below one path only."""
    home = os.environ[HOME]
    policy = {
        "allow_origins": [home],
        "allow_methods": ["PUT", "PATCH"],
        "allow_headers": ["Content-Type", "X-One", "Authorization"],
        "allow_credentials": True,
        "expose_headers": ["X-Total"],
        "max_age": "never",
        "on_exception": "respond",
        "websocket_origins": "same-policy",
    }
    everybody = {"allow_origins": ["*"], "allow_headers": ["*"], "expose_headers": ["*"]}
    shown = {**policy, "timing_origins": [home]}
    policies = [("/shown", shown), ("/everybody", everybody), ("/", policy)]
    return {"timing": {"metric": "app"}, "cors": {"policies": policies}}


FIELDS = {"X-Total": "7", "X-Hidden": "8", "Cache-Control": "no-store"}


def flask_app():
    """The application in Flask."""
    site = Flask(__name__)

    @site.route("/<any(items, shown, everybody):_>", methods=["GET", "POST", "PUT", "PATCH"])
    def items(_):
        return Response(f"{request.method} items", headers=FIELDS, mimetype="text/plain")

    @site.get("/login")
    def login():
        response = Response("welcome", mimetype="text/plain")
        response.set_cookie("session", "1")
        return response

    @site.get("/me")
    def me():
        return Response(request.cookies.get("session", "nobody"), mimetype="text/plain")

    @site.get("/broken")
    def broken():
        raise RuntimeError("a bug")

    @site.route("/near", methods=["GET", "POST", "PUT"])
    def near():
        return redirect("/items", 307)

    @site.get("/far")
    def far():
        return redirect(request.args["to"])

    return dualware.wrap(site, settings())


def starlette_app():
    """The same in Starlette."""

    async def items(request):
        return PlainTextResponse(f"{request.method} items", headers=FIELDS)

    async def login(request):
        response = PlainTextResponse("welcome")
        response.set_cookie("session", "1")
        return response

    async def me(request):
        return PlainTextResponse(request.cookies.get("session", "nobody"))

    async def broken(request):
        raise RuntimeError("a bug")

    async def near(request):
        return RedirectResponse("/items", 307)

    async def far(request):
        return RedirectResponse(request.query_params["to"], 302)

    async def chat(websocket):
        await websocket.accept()
        await websocket.close()

    methods = ["GET", "POST", "PUT", "PATCH"]
    site = Starlette(
        routes=[
            *(
                Route(f"/{name}", items, methods=methods)
                for name in ("items", "shown", "everybody")
            ),
            Route("/login", login),
            Route("/me", me),
            Route("/broken", broken),
            Route("/near", near, methods=["GET", "POST", "PUT"]),
            Route("/far", far),
            WebSocketRoute("/chat", chat),
        ]
    )
    return dualware.wrap(site, settings())


APPS = {"flask": flask_app, "starlette": starlette_app}


def pages(environ, start_response):
    """An empty page, whatever is asked for."""
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", "15")])
    return [b"<!doctype html>"]
