"""A Quart application: wrapped inside, as Flask is, so that `app` stays a Quart object.

python -m uvicorn --port 8001 examples.quart_app:app
"""

from quart import Quart

import dualware
from examples.settings import SETTINGS

app = Quart(__name__)


@app.get("/")
async def home():
    return f"id: {dualware.request_id()}\n"


@app.get("/stream")
async def stream():
    async def parts():
        for number in (1, 2, 3):
            yield f"part {number}\n"

    return parts(), {"Content-Type": "text/plain"}


@app.get("/broken")
async def broken():
    raise RuntimeError("a bug")


dualware.configure_logging(json=True)
app.asgi_app = dualware.wrap(app.asgi_app, SETTINGS)
