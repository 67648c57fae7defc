"""A Starlette application under ASGI, the twin of `examples.flask_app`.

    python -m uvicorn --port 8001 examples.starlette_app:app

Shows what application code needs dualware for. Must never set a header that the settings set.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute

import dualware
from dualware.frameworks.starlette import install
from examples.settings import SETTINGS

workers = ThreadPoolExecutor(max_workers=2)


async def home(request):
    return PlainTextResponse(f"id: {dualware.request_id()}\n")


async def report(request):
    async with dualware.span("db", "42 rows"):
        rows = 42
    return PlainTextResponse(f"{rows} rows\n")


async def stream(request):
    parts = (f"part {number}\n" for number in (1, 2, 3))
    return StreamingResponse(parts, media_type="text/plain")


async def long(request):
    return PlainTextResponse("A line like many others.\n" * 400)


async def pieces(request):
    parts = (f"piece {number} of a hundred\n" * 20 for number in range(100))
    return StreamingResponse(parts, media_type="text/plain")


async def thread(request):
    loop = asyncio.get_running_loop()
    seen = await loop.run_in_executor(workers, dualware.carry(dualware.request_id))
    return PlainTextResponse(f"seen: {seen}\n")


async def empty(request):
    return Response(status_code=204)


async def broken(request):
    raise RuntimeError("a bug")


async def missing(request, error):
    return PlainTextResponse("There is nothing here.\n", 404)


async def failed(request, error):
    return PlainTextResponse(f"Our fault. Tell us {dualware.request_id()}.\n", 500)


async def echo(websocket):
    await websocket.accept()
    heard = await websocket.receive_text()
    await websocket.send_text(f"{heard} {dualware.request_id()}")
    await websocket.close()


app = Starlette(
    routes=[
        Route("/", home),
        Route("/report", report),
        Route("/stream", stream),
        Route("/long", long),
        Route("/pieces", pieces),
        Route("/thread", thread),
        Route("/empty", empty),
        Route("/broken", broken),
        WebSocketRoute("/echo", echo),
    ],
    exception_handlers={404: missing, 500: failed},
)

dualware.configure_logging(json=True)
install(app, SETTINGS)
