"""A FastAPI application.

python -m uvicorn --port 8001 examples.fastapi_app:app
"""

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

import dualware
from dualware.frameworks.starlette import install
from examples.settings import SETTINGS

app = FastAPI()
dualware.configure_logging(json=True)
install(app, SETTINGS)


@app.get("/")
async def home():
    return {"id": dualware.request_id()}


@app.get("/stream")
async def stream():
    return StreamingResponse(f"part {number}\n" for number in (1, 2, 3))


@app.get("/items/{number}")
async def item(number: int):
    return {"item": number}


@app.get("/broken")
async def broken():
    raise RuntimeError("a bug")
