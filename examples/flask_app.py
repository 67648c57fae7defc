"""A Flask application under WSGI, the twin of `examples.starlette_app`.

    python -m waitress --listen=127.0.0.1:8000 examples.flask_app:app

Shows what application code needs dualware for. Must never set a header that the settings set.
"""

from concurrent.futures import ThreadPoolExecutor

from flask import Flask, Response

import dualware
from dualware.frameworks.flask import Dualware
from examples.settings import SETTINGS

app = Flask(__name__)
workers = ThreadPoolExecutor(max_workers=2)


def text(body, status=200):
    return Response(body, status, mimetype="text/plain")


@app.get("/")
def home():
    return text(f"id: {dualware.request_id()}\n")


@app.get("/report")
def report():
    with dualware.span("db", "42 rows"):
        rows = 42
    return text(f"{rows} rows\n")


@app.get("/stream")
def stream():
    return text(f"part {number}\n" for number in (1, 2, 3))


@app.get("/long")
def long():
    return text("A line like many others.\n" * 400)


@app.get("/pieces")
def pieces():
    return text(f"piece {number} of a hundred\n" * 20 for number in range(100))


@app.get("/thread")
def thread():
    seen = workers.submit(dualware.carry(dualware.request_id)).result()
    return text(f"seen: {seen}\n")


@app.get("/empty")
def empty():
    response = Response(status=204)
    # Flask names a type even of what is not there.
    del response.headers["Content-Type"]
    return response


@app.get("/broken")
def broken():
    raise RuntimeError("a bug")


@app.errorhandler(404)
def missing(error):
    return text("There is nothing here.\n", 404)


@app.errorhandler(500)
def failed(error):
    return text(f"Our fault. Tell us {dualware.request_id()}.\n", 500)


dualware.configure_logging(json=True)
Dualware(app, SETTINGS)
