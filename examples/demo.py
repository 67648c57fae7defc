"""Start one application under each protocol, ask both the same, and show what came back.

    python -m examples.demo [--keep]

Exit status 0 only if a client can't tell the two apart. ``--keep`` leaves both running until
Ctrl-C. A new row of the table is a new value in `ROWS`; nothing else knows which rows there are.
Must never wait for anything without a bound, nor leave a server behind.
"""

from __future__ import annotations

import argparse
import contextlib
import http
import itertools
import os
import re
import signal
import sys
import textwrap
import threading
from dataclasses import dataclass, field

import httpx
from websockets.sync.client import connect

from examples import demo_log
from examples.demo_servers import PATIENCE, Server, Side, running

WIDTH = 38
"""Columns of one side of the table; the whole is 95 wide."""

# The two sides


WSGI = Side(
    "WSGI: Flask on waitress",
    ("waitress", "--listen=127.0.0.1:{port}", "examples.flask_app:app"),
)
ASGI = Side(
    "ASGI: Starlette on uvicorn",
    ("uvicorn", "--host=127.0.0.1", "--port={port}", "examples.starlette_app:app"),
    websockets=True,
)


# What they are asked


@dataclass(frozen=True)
class Row:
    """One request, sent to both sides."""

    title: str
    path: str
    method: str = "GET"
    headers: tuple[tuple[str, bytes], ...] = ()
    says: str | None = None
    """What the client says in a websocket session; None: it is a plain request."""


def inbound(*values: bytes) -> tuple[tuple[str, bytes], ...]:
    """Request headers with one X-Request-ID for each value."""
    return tuple(("X-Request-ID", value) for value in values)


def page(origin: str, **headers: str) -> tuple[tuple[str, bytes], ...]:
    """Request headers of a page of ``origin``; underscores in names are hyphens."""
    pairs = {"Origin": origin, **headers}.items()
    return tuple((name.replace("_", "-"), value.encode()) for name, value in pairs)


SHOP = "https://shop.example"
PUT = {"Access_Control_Request_Method": "PUT", "Access_Control_Request_Headers": "content-type"}
DELETE = {"Access_Control_Request_Method": "DELETE"}
PLAIN = {"Accept-Encoding": "identity"}
"""What a client sends that decodes nothing."""
EVERYTHING = b"gzip, br, zstd"


def accepting(value: bytes) -> tuple[tuple[str, bytes], ...]:
    """Request headers with this Accept-Encoding."""
    return (("Accept-Encoding", value),)


ROWS = (
    Row("A plain request gets an id", "/"),
    Row("A valid id that comes in is kept", "/", headers=inbound(b"from-the-proxy-7f3a")),
    Row("Spaces in an id: replaced", "/", headers=inbound(b"no spaces please")),
    Row("Quotes and markup in an id: replaced", "/", headers=inbound(b'"><script>alert(1)')),
    Row("Bytes that are not ASCII: replaced", "/", headers=inbound(b"caf\xe9")),
    Row("An id of 5000 characters: replaced", "/", headers=inbound(b"a" * 5000)),
    Row("Two ids: replaced, neither is believed", "/", headers=inbound(b"one", b"two")),
    Row("A span of the application shows in Server-Timing", "/report"),
    Row("A thread of the application sees the id", "/thread"),
    Row("A streamed answer", "/stream"),
    Row("A long answer, for a client that takes gzip", "/long", headers=accepting(b"gzip")),
    Row("For one that takes all: the server's favourite", "/long", headers=accepting(EVERYTHING)),
    Row("For one that takes none", "/long", headers=accepting(b"identity")),
    Row("A stream, compressed piece by piece", "/pieces", headers=accepting(b"gzip")),
    Row("HEAD", "/", method="HEAD"),
    Row("An answer without a body", "/empty"),
    Row("Not found", "/nowhere"),
    Row("The application raises", "/broken", headers=inbound(b"please-debug-me")),
    Row("A websocket session has an id, too", "/echo", says="hello from"),
    Row("A page of the shop, with a cookie: may read", "/", headers=page(SHOP, Cookie="a=b")),
    Row("A page of nobody: not a word of CORS", "/", headers=page("https://evil.example")),
    Row("A preflight of the shop: may PUT", "/", "OPTIONS", page(SHOP, **PUT)),
    Row("A preflight of the shop: may not DELETE", "/", "OPTIONS", page(SHOP, **DELETE)),
    Row("A preflight of nobody: denied", "/", "OPTIONS", page("https://evil.example", **PUT)),
)


# What came back

DURATION = re.compile(r"dur=\d+(\.\d+)?")
UNTOLD = frozenset({"connection", "date", "server"})
"""Headers that are the server's own business: no client relies on them."""


@dataclass(frozen=True)
class Answer:
    """What a client got, with every duration masked."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str
    sent: tuple[str, ...] = field(default=(), repr=False)
    """The ids that the request carried."""
    wire: int = 0
    """Bytes of the body on the wire; ``body`` is decoded."""

    def header(self, name: str) -> str:
        return ", ".join(value for known, value in self.headers if known == name)

    @property
    def sharing(self) -> list[str]:
        """What it says of CORS, shortly."""
        start = "access-control-"
        fields = [(name, value) for name, value in self.headers if name.startswith(start)]
        return [f"{name.removeprefix(start)}: {value}" for name, value in sorted(fields)]

    @property
    def new_id(self) -> str | None:
        """The id, if it was made by the side that answered."""
        given = self.header("x-request-id")
        return given if given and given not in self.sent else None

    def relied_on(self) -> tuple[object, ...]:
        """What a client relies on: all of it, but for ids that are new each time."""

        def known(text: str) -> str:
            return text.replace(self.new_id, "(new)") if self.new_id else text

        headers = sorted((name, known(value)) for name, value in self.headers)
        return self.status, headers, known(self.body), self.wire


def ask(row: Row, port: int, client: httpx.Client) -> Answer:
    """Send the row's request to one side."""
    sent = tuple(value.decode("latin-1") for _, value in row.headers)
    if row.says is not None:
        return talk(row.says, f"ws://127.0.0.1:{port}{row.path}")
    response = client.request(
        row.method, f"http://127.0.0.1:{port}{row.path}", headers=list(row.headers)
    )
    fields = told(response.headers.multi_items())
    wire = response.num_bytes_downloaded
    return Answer(response.status_code, fields, response.text, sent, wire)


def talk(says: str, url: str) -> Answer:
    """Say something in a websocket session, and hear one answer."""
    with connect(url, open_timeout=PATIENCE, close_timeout=PATIENCE, proxy=None) as session:
        session.send(says)
        heard = session.recv(timeout=PATIENCE)
        head = session.response
        fields = [(name.lower(), value) for name, value in head.headers.raw_items()]
        return Answer(head.status_code, told(fields), str(heard))


def told(fields: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, DURATION.sub("dur=*", value)) for name, value in fields if name not in UNTOLD
    )


# The table


def paint(text: str, colour: int) -> str:
    """Bold and coloured on a terminal whose owner wants that (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return f"\033[1;{colour}m{text}\033[0m"


def cut(text: str) -> str:
    """One line that fits into a side of the table."""
    line = text.rstrip("\n").replace("\n", " / ")
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"


def lines_of(answer: Answer | None) -> list[str]:
    """The cells of one side, from top to bottom."""
    if answer is None:
        return ["-"] * len(NAMES)
    status = f"{answer.status} {http.HTTPStatus(answer.status).phrase}"
    known = answer.header("x-request-id")
    return [
        status,
        f"{known} (new)" if answer.new_id else known or "none",
        answer.header("server-timing") or "none",
        coding_of(answer),
        answer.body or "(empty)",
    ]


def coding_of(answer: Answer) -> str:
    """The coding, and what it saves on the wire."""
    coding = answer.header("content-encoding")
    return f"{coding}, {answer.wire} of {len(answer.body)} bytes" if coding else "none"


NAMES = ("status", "X-Request-ID", "Server-Timing", "coding", "body")


def show(number: int, row: Row, answers: list[Answer | None]) -> bool:
    """Print one row of the table. Returns whether a client would see no difference."""
    there = [answer for answer in answers if answer is not None]
    same = len({repr(answer.relied_on()) for answer in there}) == 1
    verdict = "same" if len(there) == len(answers) else "one side only"
    print(f"\n{number:2}. {row.title:<76}", paint(verdict, 32) if same else paint("DIFFERENT", 31))
    request = f"{row.method} {row.path}"
    for name, value in row.headers:
        shown = ascii(value.decode("latin-1"))[1:-1]
        request += f"  {name}: {shown if len(shown) <= 24 else shown[:21] + '...'}"
    lines = textwrap.wrap(request, 87, break_on_hyphens=False)
    print(textwrap.indent("\n    ".join(lines), "    "))
    for name, *cells in zip(NAMES, *map(lines_of, answers), strict=True):
        show_cells(name, *cells)
    if any(name == "Origin" for name, _ in row.headers):
        told = [answer.sharing or ["none"] for answer in there]
        for line, cells in enumerate(itertools.zip_longest(*told, fillvalue="")):
            show_cells("" if line else "CORS", *cells)
    if not same:
        tell_difference(there)
    return same


def show_cells(name: str, left: str, right: str) -> None:
    """Print one line of the table."""
    print(f"    {name:<14}{cut(left):<{WIDTH + 1}}{cut(right)}")


def tell_difference(answers: list[Answer]) -> None:
    """Print every header of both sides: the table shows a few only."""
    for answer in answers:
        print("    ! " + repr(answer.relied_on()))


# The demo


def compare(servers: list[Server]) -> bool:
    """Print the table, then the log lines. Returns whether both are the same on both sides."""
    print("One settings mapping, two protocols. Durations are shown as *, and what a client")
    print("relies on is compared: status, body, every header but Connection, Date and Server.")
    print(f"\n    {'':<14}{WSGI.title:<{WIDTH + 1}}{ASGI.title}")
    verdicts = []
    table = []
    # Nothing between us and the servers: no proxy of the environment either.
    with httpx.Client(timeout=PATIENCE, trust_env=False, headers=PLAIN) as client:
        for number, row in enumerate(ROWS, 1):
            asked = [
                ask(row, server.port, client) if side.websockets or row.says is None else None
                for side, server in zip((WSGI, ASGI), servers, strict=True)
            ]
            verdicts.append(show(number, row, asked))
            table.append(asked)
    logged = compare_logs(servers, table)
    bad = verdicts.count(False)
    if bad:
        print(f"\n{bad} of {len(verdicts)} rows DIFFER.")
    elif logged:
        print("\nBoth sides agree wherever both can answer: neither a client nor a reader of logs")
        print("can tell them apart.")
    return not bad and logged


def compare_logs(servers: list[Server], table: list[list[Answer | None]]) -> bool:
    """Print the log lines of both sides. Returns whether they differ only where they must."""
    logs = []
    for index, server in enumerate(servers):
        asked = [answers[index] is not None for answers in table]
        found = iter(demo_log.read(server.log, sum(asked), PATIENCE))
        logs.append([next(found, {}) if each else None for each in asked])
    new = [frozenset(each.new_id for each in answers if each is not None) for answers in table]
    return demo_log.show(logs, new, paint)


def keep(servers: list[Server]) -> None:
    """Leave the servers up until Ctrl-C."""
    print("\nBoth are still running. Try:\n")
    for side, server in zip((WSGI, ASGI), servers, strict=True):
        print(f"  # {side.title}")
        print(f"  curl -i http://127.0.0.1:{server.port}/report")
        print(f"  curl -i -H 'X-Request-ID: my-own-id' http://127.0.0.1:{server.port}/broken\n")
    print("Ctrl-C stops both.", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


def main(arguments: list[str] | None = None) -> int:
    """Run the demo. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave both running until Ctrl-C")
    options = parser.parse_args(arguments)
    # Being told to stop must stop the servers, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(running(side)) for side in (WSGI, ASGI)]
        same = compare(servers)
        if options.keep:
            keep(servers)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
