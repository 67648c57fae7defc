"""Applications of frameworks: bare, with the peers', and with ours.

Each function takes the module of the peers and returns three applications, which answer the path
of the small case with 27 bytes of JSON and ``/items`` with 10 KB. Must never do anything that the
framework's users would not.
"""

from __future__ import annotations

import json
from typing import Any

import dualware
from tests.benchmarks import limit
from tests.benchmarks.bodies import api_json
from tests.benchmarks.exchanges import PATH

__all__ = ["django", "fastapi", "flask"]

_RECORDS = json.loads(api_json(10_000))
_SMALL = {"message": "Hello, World!"}

Three = tuple[Any, Any, Any]


def flask(natural: Any) -> Three:
    """Flask: its extensions, and `dualware.frameworks.flask`."""
    from flask import Flask, jsonify

    from dualware.frameworks.flask import Dualware

    def made() -> Any:
        app = Flask(__name__)
        app.add_url_rule(PATH, "one", lambda: jsonify(_SMALL))
        app.add_url_rule("/items", "all", lambda: jsonify(_RECORDS))
        return app

    ours = made()
    ours.config["DUALWARE"] = limit.SETTINGS
    Dualware(ours)
    return made(), natural.flask_peers(made()), ours


def fastapi(natural: Any) -> Three:
    """FastAPI: `add_middleware`, and `dualware.frameworks.starlette`."""
    from fastapi import FastAPI

    from dualware.frameworks.starlette import install

    def made() -> Any:
        app = FastAPI()

        async def one() -> Any:
            return _SMALL

        async def everything() -> Any:
            return _RECORDS

        app.add_api_route(PATH, one)
        app.add_api_route("/items", everything)
        return app

    ours = made()
    install(ours, limit.SETTINGS)
    return made(), natural.fastapi_peers(made()), ours


def django(natural: Any) -> Three:
    """Django: its middleware, and a wrapper around its WSGI application."""
    bare, theirs = natural.django_peers(__name__)
    return bare, theirs, dualware.wrap(bare, limit.SETTINGS, protocol="wsgi")


def __getattr__(name: str) -> Any:
    # Django looks for them in this module, which others import without having Django.
    if name != "urlpatterns":
        raise AttributeError(name)
    from django.http import JsonResponse
    from django.urls import path

    return [
        path(PATH.lstrip("/"), lambda _: JsonResponse(_SMALL)),
        path("items", lambda _: JsonResponse(_RECORDS, safe=False)),
    ]
