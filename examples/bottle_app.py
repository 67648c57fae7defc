"""A Bottle application.

python -m waitress --listen=127.0.0.1:8000 examples.bottle_app:app
"""

from bottle import Bottle

import dualware
from examples.settings import SETTINGS

site = Bottle()


@site.get("/")
def home():
    return f"id: {dualware.request_id()}\n"


@site.get("/stream")
def stream():
    for number in (1, 2, 3):
        yield f"part {number}\n"


@site.get("/broken")
def broken():
    raise RuntimeError("a bug")


dualware.configure_logging(json=True)
app = dualware.wrap(site, SETTINGS)
