"""A Litestar application.

python -m uvicorn --port 8001 examples.litestar_app:app
"""

from collections.abc import AsyncIterator

from litestar import Litestar, get
from litestar.response import Stream

import dualware
from examples.settings import SETTINGS


@get("/")
async def home() -> str:
    return f"id: {dualware.request_id()}\n"


@get("/stream")
async def stream() -> Stream:
    async def parts() -> AsyncIterator[str]:
        for number in (1, 2, 3):
            yield f"part {number}\n"

    return Stream(parts())


@get("/broken")
async def broken() -> None:
    raise RuntimeError("a bug")


dualware.configure_logging(json=True)
app = dualware.wrap(Litestar([home, stream, broken], openapi_config=None), SETTINGS)
