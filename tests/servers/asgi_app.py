"""The ASGI application that every server under test serves.

One function for each way to answer, legal or not: a server's quirk must come out the same
through a stack. Must never know which server runs it.
"""

# ruff: noqa: D103 - the name of an answer is its description

import dualware
from tests.servers.stacks import stacks

TEXT = [(b"content-type", b"text/plain")]


def start(status=200, headers=TEXT, **more):
    return {"type": "http.response.start", "status": status, "headers": headers, **more}


def body(data=b"", **more):
    return {"type": "http.response.body", "body": data, **more}


def sending(*messages):
    """An application that sends ``messages``, and raises those that are exceptions."""

    async def respond(scope, receive, send):
        for message in messages:
            if isinstance(message, Exception):
                raise message
            await send(message)

    return respond


async def generated(scope, receive, send):
    await send(start(headers=(pair for pair in TEXT)))
    await send(body(b"hello world"))


async def upload(scope, receive, send):
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send(start())
    await send(body(str(size).encode()))


async def endless(scope, receive, send):
    await send(start())
    for _ in range(300):
        await send(body(b"x" * 65536, more_body=True))
    await send(body())


async def current(scope, receive, send):
    await send(start())
    await send(body(str(dualware.request_id()).encode()))


async def lived(scope, receive, send):
    await send(start())
    await send(body(str(scope.get("state", {}).get("lived")).encode()))


async def path(scope, receive, send):
    await send(start(headers=[*TEXT, (b"content-length", str(len(SOURCE)).encode())]))
    if "http.response.pathsend" in (scope.get("extensions") or {}):
        await send({"type": "http.response.pathsend", "path": __file__})
    else:
        await send(body(SOURCE))


with open(__file__, "rb") as opened:  # noqa: PTH123 - nothing else of pathlib is needed
    SOURCE = opened.read()

LONG = b"".join(b'{"number": %d, "text": "hello world"}\n' % number for number in range(3000))
"""100 KB that shrink."""

FAILURE = LookupError("of the application")
ROUTES = {
    "one": sending(start(), body(b"hello world")),
    "length": sending(
        start(headers=[*TEXT, (b"content-length", b"11")]), body(b"hello world", more_body=False)
    ),
    "stream": sending(
        start(), body(b"hello ", more_body=True), body(more_body=True), body(b"world")
    ),
    "closing": sending(start(), body(b"hello world", more_body=True), body()),
    "empty": sending(start(204, []), body()),
    "unmodified": sending(start(304, [(b"etag", b'"1"')]), body()),
    "repeated": sending(
        start(headers=[*TEXT, (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]),
        body(b"hello world"),
    ),
    "defaults": sending(start(), {"type": "http.response.body"}),
    "headerless": sending({"type": "http.response.start", "status": 200}, body(b"hello world")),
    "generated": generated,
    "over": sending(start(headers=[(b"content-length", b"5")]), body(b"hello world")),
    "under": sending(start(headers=[(b"content-length", b"50")]), body(b"hello world")),
    "extra": sending(start(), body(b"hello world"), body(b"more")),
    "hint": sending(
        {"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload"]},
        start(),
        body(b"hello world"),
    ),
    "failing": sending(FAILURE),
    "started": sending(start(), FAILURE),
    "late": sending(start(), body(b"hello ", more_body=True), FAILURE),
    "silent": sending(),
    "unfinished": sending(start(), body(b"hello ", more_body=True)),
    "upload": upload,
    "endless": endless,
    "current": current,
    "lived": lived,
    "path": path,
    "long": sending(start(), body(LONG)),
    "long_known": sending(
        start(headers=[*TEXT, (b"content-length", str(len(LONG)).encode())]),
        body(LONG, more_body=True),
        body(),
    ),
    "long_stream": sending(
        start(),
        body(LONG[:9], more_body=True),
        body(more_body=True),
        body(LONG[9:50_000], more_body=True),
        body(LONG[50_000:]),
    ),
    "events": sending(
        start(headers=[(b"content-type", b"text/event-stream")]),
        *(body(b"data: number %d of many\n\n" % number, more_body=True) for number in range(50)),
        body(),
    ),
}


async def echo(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept", "headers": [(b"x-accepted", b"1")]})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") == "bye":
            await send({"type": "websocket.close", "code": 4000})
            return
        await send({**message, "type": "websocket.send"})


async def refuse(scope, receive, send):
    await receive()
    await send({"type": "websocket.close", "code": 4001})


async def deny(scope, receive, send):
    await receive()
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})
        return
    headers = [*TEXT, (b"content-length", b"6")]
    await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b"denied"})


async def fail(scope, receive, send):
    await receive()
    raise LookupError("before accept")


async def drop(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    raise LookupError("after accept")


SESSIONS = {"echo": echo, "refuse": refuse, "deny": deny, "fail": fail, "drop": drop}


async def bare(scope, receive, send):
    """Route by the second segment of the path; anything else is a plain answer."""
    name = scope["path"].split("/")[2]
    routes = SESSIONS if scope["type"] == "websocket" else ROUTES
    await routes.get(name, ROUTES["one"])(scope, receive, send)


async def lifespan(scope, receive, send):
    """Leave a mark in the state that every scope gets a copy of."""
    await receive()
    if "state" in scope:
        scope["state"]["lived"] = True
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def inner(scope, receive, send):
    await (lifespan if scope["type"] == "lifespan" else bare)(scope, receive, send)


MOUNTS = {"bare": inner, **{name: stack.asgi(inner) for name, stack in stacks().items()}}


async def app(scope, receive, send):
    """Route by the first segment of the path; lifespan goes through a stack as well."""
    mount = "ours" if scope["type"] == "lifespan" else scope["path"].split("/")[1]
    await MOUNTS[mount](scope, receive, send)
