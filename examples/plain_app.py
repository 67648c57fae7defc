"""Applications without a framework, one for each protocol.

    python -m waitress --listen=127.0.0.1:8000 examples.plain_app:app
    python -m uvicorn --port 8001 examples.plain_app:asgi_app

Nobody else makes a 500 here, so `error_response` has dualware make one.
"""

import dualware
from examples.settings import SETTINGS

PLAIN = {**SETTINGS, "request_id": {"error_response": True}}


def site(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/broken":
        raise RuntimeError("a bug")
    start_response("200 OK" if path in ("/", "/stream") else "404 Not Found", [])
    return (f"part {number}\n".encode() for number in (1, 2, 3))


async def asgi_site(scope, receive, send):
    if scope["path"] == "/broken":
        raise RuntimeError("a bug")
    status = 200 if scope["path"] in ("/", "/stream") else 404
    await send({"type": "http.response.start", "status": status})
    for number in (1, 2, 3):
        body = f"part {number}\n".encode()
        await send({"type": "http.response.body", "body": body, "more_body": number < 3})


dualware.configure_logging(json=True)
app = dualware.wrap(site, PLAIN)
asgi_app = dualware.wrap(asgi_site, PLAIN)
