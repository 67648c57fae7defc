"""A server in a process of its own, and the client that talks to it.

Knows how each server is started, when it is up, how to speak to it byte for byte, and how to
hear what the stacks tell. Must never know what an answer should be. Everything is bounded in
time, and stopped by the id that it was started with.
"""

import collections
import contextlib
import http.client
import importlib.util
import io
import itertools
import json
import os
import socket
import struct
import subprocess
import sys
from dataclasses import dataclass

import httpx
import pytest

PATIENCE = 20
"""Seconds that anything may take; nothing does unless it is broken."""

WSGI = "tests.servers.wsgi_app:app"
ASGI = "tests.servers.asgi_app:app"

# Server → the module it is in, and its command line; {port} is filled in.
WSGI_SERVERS = {
    "waitress": ("waitress", f"waitress --listen=127.0.0.1:{{port}} {WSGI}"),
    "gunicorn-sync": ("gunicorn", f"gunicorn -k sync -b 127.0.0.1:{{port}} {WSGI}"),
    "gunicorn-gthread": (
        "gunicorn",
        f"gunicorn -k gthread --threads 4 -b 127.0.0.1:{{port}} {WSGI}",
    ),
    "cheroot": ("cheroot", f"cheroot --bind 127.0.0.1:{{port}} {WSGI}"),
    "granian": (
        "granian",
        f"granian --interface wsgi --host 127.0.0.1 --port {{port}} {WSGI}",
    ),
    "hypercorn": ("hypercorn", f"hypercorn -b 127.0.0.1:{{port}} wsgi:{WSGI}"),
    "uvicorn": ("uvicorn", f"uvicorn --interface wsgi --port {{port}} {WSGI}"),
    "wsgiref": ("wsgiref", "tests.servers.small wsgiref {port}"),
    "werkzeug": ("werkzeug", "tests.servers.small werkzeug {port}"),
}
ASGI_SERVERS = {
    "uvicorn-h11": ("h11", f"uvicorn --http h11 --port {{port}} {ASGI}"),
    "uvicorn-httptools": ("httptools", f"uvicorn --http httptools --port {{port}} {ASGI}"),
    "hypercorn": ("hypercorn", f"hypercorn -b 127.0.0.1:{{port}} {ASGI}"),
    "daphne": ("daphne", f"daphne -b 127.0.0.1 -p {{port}} {ASGI}"),
    "granian": (
        "granian",
        f"granian --interface asgi --host 127.0.0.1 --port {{port}} {ASGI}",
    ),
    "gunicorn-asgi": (
        "gunicorn.asgi",
        f"gunicorn -k asgi -b 127.0.0.1:{{port}} {ASGI}",
    ),
}


def need(module):
    """Be loud where a server is not installed: fail where everything must be tested, else skip."""
    try:
        found = importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        found = False
    if found:
        return
    sentence = f"{module} IS NOT INSTALLED, so it is NOT TESTED here"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


@dataclass
class Wire:
    """What came back, byte for byte, until the server closed the connection."""

    raw: bytes
    method: str = "GET"

    @property
    def head(self):
        return self.raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")

    @property
    def status(self):
        return int(self.head[0].split(" ")[1])

    @property
    def fields(self):
        """The fields as (lower-case name, value), in order."""
        pairs = (line.partition(":") for line in self.head[1:])
        return [(name.lower(), value.strip()) for name, _, value in pairs]

    def values(self, name):
        return [value for known, value in self.fields if known == name]

    @property
    def body(self):
        """The body without its framing."""
        response = http.client.HTTPResponse(_Replay(self.raw), method=self.method)
        response.begin()
        return response.read()

    def bare(self, added=frozenset()):
        """What must be the same with and without a stack: all but the clock and ``added``."""
        fields = [pair for pair in self.fields if pair[0] not in {"date", *added}]
        return self.head[0], sorted(fields), self.raw.partition(b"\r\n\r\n")[2]


class _Replay:
    """Just enough of a socket for `http.client` to read what was read already."""

    def __init__(self, raw):
        self.raw = raw

    def makefile(self, _mode):
        return io.BytesIO(self.raw)


class Server:
    """A running server, and what its stacks told."""

    def __init__(self, name, port, process, ear):
        self.name = name
        self.port = port
        self._process = process
        self._ear = ear
        self._tokens = map(str, itertools.count(1))
        self._told = collections.defaultdict(list)
        self._bare = {}

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def request(self, target, method="GET", fields=(), body=b"", close=True):
        """The bytes of a request."""
        lines = [f"{method} {target} HTTP/1.1", "Host: example.com", *fields]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        if close:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    def get(self, target, method="GET", fields=(), body=b""):
        """Send a request of its own connection; read until the server closes it."""
        with self.connect() as connection:
            connection.sendall(self.request(target, method, fields, body))
            return Wire(read_all(connection), method)

    def exchange(self, target, method="GET", fields=(), body=b""):
        """The same, with a token, and with what the stack told about it."""
        token = self.token()
        wire = self.get(f"{target}?token={token}", method, fields, body)
        return wire, self.told(token)

    def fetch(self, target, **headers):
        """What httpx makes of an answer, with what the stack told about it."""
        token = self.token()
        url = f"http://127.0.0.1:{self.port}{target}?token={token}"
        with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
            return client.get(url, headers=headers), self.told(token)

    def bare(self, route, method="GET"):
        """What the application answers without a stack; asked for once."""
        key = route, method
        if key not in self._bare:
            self._bare[key] = self.get(f"/bare/{route}", method)
        return self._bare[key]

    def two(self, mount):
        """The lines of two answers on one connection, without the clock."""
        targets = (f"/{mount}/{route}?token={self.token()}" for route in ("stream", "parts"))
        with self.connect() as connection:
            connection.sendall(self.request(next(targets), close=False))
            first = connection.recv(65536)
            while not first.endswith((b"0\r\n\r\n", b"world")):
                first += connection.recv(65536)
            # A server that closes after every answer may refuse the second request.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(self.request(next(targets)))
            lines = (first + read_all(connection)).split(b"\r\n")
        return [line for line in lines if not line.lower().startswith(b"date:")]

    def watch(self, target):
        """Send a request, hear what the stack tells of it, and go away without the answer."""
        token = self.token()
        with self.connect() as connection:
            connection.sendall(self.request(f"{target}?token={token}"))
            return self.told(token)

    def leave(self, target):
        """Send a request, go away after the first of its answer. Returns what the stack told."""
        token = self.token()
        connection = self.connect()
        try:
            connection.sendall(self.request(f"{target}?token={token}"))
            assert connection.recv(1024)
        finally:
            vanish(connection)
        told = self.told(token)
        if self.name == "gunicorn-asgi":
            self._lose()
        return told

    def _lose(self):
        """Give up the next connections: gunicorn's worker for ASGI never answers one or two.

        From Python 3.12 on, bare applications included: it watches a file descriptor that the
        client who left had, and selectors refuse that.
        """
        for _ in range(5):
            with self.connect() as connection, contextlib.suppress(TimeoutError):
                connection.settimeout(1.0)
                connection.sendall(self.request("/bare/one"))
                if read_all(connection):
                    return

    def token(self):
        """What tells an exchange from all others."""
        return next(self._tokens)

    def told(self, token):
        """What the stack told about the exchange with ``token``; waits for it."""
        while not self._told[token]:
            self._hear()
        return self._told[token][0]

    def _hear(self):
        told = json.loads(self._ear.recv(65536))
        self._told[told["token"]].append(told)

    def stop(self):
        """Stop the server. Returns how often each exchange was told about."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._ear.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._hear()
        return {token: len(told) for token, told in self._told.items()}


def read_all(connection):
    """Everything until the server closes the connection."""
    chunks = []
    # A server that gives up may reset the connection: what came before counts.
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            chunks.append(chunk)
    return b"".join(chunks)


def vanish(connection):
    """Close ``connection`` so that the server is told at once: a reset instead of an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@contextlib.contextmanager
def running(name, module, command, log):
    """Start a server on a free port, wait until it answers, and stop it in the end."""
    need(module)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear, log.open("wb") as output:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(PATIENCE)
        # Exchanges of a whole module may be told about before anybody listens.
        ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        tell = ":".join(map(str, ear.getsockname()))
        process, port = _started(command, {**os.environ, "DUALWARE_TELL": tell}, output, log)
        server = Server(name, port, process, ear)
        try:
            yield server
        finally:
            server.stop()


def _started(command, environment, output, log):
    """A process that answers, and its port. A port that was taken meanwhile is tried anew."""
    for _ in range(3):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, "-m", *command.format(port=port).split()],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        if _answers(process, port):
            return process, port
        process.kill()
        process.wait()
    pytest.fail(f"{command} does not answer:\n{log.read_text(errors='replace')[-4000:]}")


def _answers(process, port):
    for _ in range(PATIENCE * 20):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
                connection.sendall(
                    b"GET /bare/one HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                )
                if read_all(connection):
                    return True
        except OSError:
            pass
        # The pace of the attempts, and the end of them where the server gave up.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            return False
    return False
