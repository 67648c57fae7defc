"""What compression costs, beside Starlette's GZipMiddleware at its defaults.

Requests per second end to end in one process, size, how long the event loop stands still, and what
open streams take of memory. Bodies are compared decoded. Padding against BREACH is on, as it is by
default, but where a line says that it is off. Knows both middleware as applications around one
application; ``python -m tests.benchmarks.compression NAME COUNT`` measures memory in a process of
its own.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

from starlette.middleware.gzip import GZipMiddleware as Starlettes

from dualware.asgi import CompressionMiddleware, GZipMiddleware
from tests.benchmarks.bodies import api_json
from tests.benchmarks.flows import SCOPE
from tests.benchmarks.measure import interleaved

__all__ = ["report"]

# Case → our settings → at least so many times Starlette's requests per second.
LIMITS = {
    "10 KB of JSON": {"zlib": 1.6, "fast": 4.0, "fast, no padding": 3.1},
    "100 KB of JSON": {"zlib": 2.7, "fast": 15.0},
    "27 bytes": {"zlib": 1.7},
    "an image": {"zlib": 1.7},
    "a client without gzip": {"zlib": 1.7},
}
POINTS = {"zlib": 2.2, "fast": 4.0}
"""At most so many points more of 100 KB than zlib's level 9 leaves."""

OURS: dict[str, dict[str, Any]] = {
    # No thread: what is measured is the CPU time of this one.
    "zlib": {"backend": "zlib", "max_block_ms": 1000.0},
    "fast": {"max_block_ms": 1000.0},
    "fast, no padding": {"max_block_ms": 1000.0, "breach_padding": 0},
}

_JSON = b"application/json"


def sending(body: bytes, kind: bytes = _JSON) -> Any:
    """An application that sends ``body`` in one message."""
    length = str(len(body)).encode()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", length), (b"content-type", kind)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def scope_of(accepted: bytes) -> Any:
    """A request as a browser makes it, with this Accept-Encoding."""
    return {
        **SCOPE,
        "headers": [
            (b"host", b"localhost:8000"),
            (b"connection", b"keep-alive"),
            (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101"),
            (b"accept", b"application/json"),
            (b"accept-language", b"en-GB,en;q=0.9"),
            (b"accept-encoding", accepted),
            (b"referer", b"http://localhost:8000/"),
            (b"cookie", b"session=0123456789abcdef"),
        ],
    }


async def _discard(message: Any) -> None:
    pass


def _call(app: Any, scope: Any) -> Callable[[], object]:
    def call() -> object:
        # Nothing in these applications waits, so one step is the whole of it: no loop needed.
        try:
            app({**scope}, None, _discard).send(None)
        except StopIteration:
            return None
        raise AssertionError

    return call


def body_of(app: Any, scope: Any) -> bytes:
    """What a client gets of an application."""
    chunks: list[bytes] = []

    async def send(message: Any) -> None:
        chunks.append(message.get("body", b""))

    try:
        app({**scope}, None, send).send(None)
    except StopIteration:
        pass
    return b"".join(chunks)


def _cases() -> Iterator[tuple[str, bytes, Any, Any, int]]:
    """Name, body, application, scope, calls in a batch."""
    gzip, none = scope_of(b"gzip, deflate"), scope_of(b"identity")
    small, medium, large = b'{"message":"Hello, World!"}', api_json(10_000), api_json(100_000)
    yield "10 KB of JSON", medium, sending(medium), gzip, 50
    yield "100 KB of JSON", large, sending(large), gzip, 3
    yield "27 bytes", small, sending(small), gzip, 1000
    yield "an image", medium, sending(medium, b"image/png"), gzip, 1000
    yield "a client without gzip", medium, sending(medium), none, 1000


def _ratios() -> bool:
    kept = True
    print("Requests per second, times those of Starlette's GZipMiddleware at its defaults")
    for name, body, app, scope, batch in _cases():
        apps = {"theirs": Starlettes(app)}
        apps |= {each: GZipMiddleware(app, **OURS[each]) for each in LIMITS[name]}
        for each in apps.values():
            data = body_of(each, scope)
            assert body == (zlib.decompress(data, 31) if data[:2] == b"\x1f\x8b" else data)
        cost = interleaved(
            {each: _call(app, scope) for each, app in apps.items()}, batch=batch, rounds=40
        )
        shown = []
        for each, least in LIMITS[name].items():
            ratio = cost["theirs"] / cost[each]
            kept &= ratio >= least
            broken = "" if ratio >= least else ", BROKEN"
            shown.append(f"{each} {ratio:.2f} (at least {least}{broken})")
        print(f"  {name + ':':<24}{'; '.join(shown)}")
    return kept


def _sizes() -> bool:
    body, scope = api_json(100_000), scope_of(b"gzip")
    app = sending(body)
    theirs = len(body_of(Starlettes(app), scope)) / len(body) * 100
    kept = True
    print(f"Size of 100 KB of JSON: {theirs:.1f} % by theirs, and by ours")
    for name, most in POINTS.items():
        ours = len(body_of(GZipMiddleware(app, **OURS[name]), scope)) / len(body) * 100
        kept &= ours - theirs <= most
        print(f"  {name:<10}{ours - theirs:+.1f} points (at most {most})")
    return kept


# The event loop


async def _stall(app: Any, accepted: bytes, bodies: int) -> float:
    """The longest time in ms that a ticker of 1 ms had to wait, less that ms."""
    scope = scope_of(accepted)
    longest, over = 0.0, False

    async def ticker() -> None:
        nonlocal longest
        last = time.perf_counter()
        while not over:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            longest, last = max(longest, now - last - 0.001), now

    ticking = asyncio.ensure_future(ticker())
    await asyncio.sleep(0.01)
    for _ in range(bodies):
        await app({**scope}, None, _discard)
        await asyncio.sleep(0.002)
    over = True
    await ticking
    return longest * 1000


def _stalls() -> None:
    print("Longest stall of a 1 ms ticker while 10 bodies are coded, one after the other, in ms:")
    print("the least of 8 turns, since a busy machine stalls loops by itself")
    for size in (100_000, 1_000_000):
        app = sending(api_json(size))
        theirs, zlibs, fast = (
            Starlettes(app),
            GZipMiddleware(app, backend="zlib"),
            GZipMiddleware(app),
        )
        sides = {
            "not coded": (fast, b"identity"),
            "theirs": (theirs, b"gzip"),
            "ours, zlib": (zlibs, b"gzip"),
            "ours, fast": (fast, b"gzip"),
        }
        least = dict.fromkeys(sides, float("inf"))
        for _ in range(8):
            for name, (each, accepted) in sides.items():
                least[name] = min(least[name], asyncio.run(_stall(each, accepted, 10)))
        told = ", ".join(f"{name} {value:.1f}" for name, value in least.items())
        print(f"  {size // 1000:>5} KB  {told}")


# Memory


async def _endless(scope: Any, receive: Any, send: Any) -> None:
    """Server-sent events without an end."""
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    number = 0
    while True:
        number += 1
        event = b'data: {"id": %d, "value": %d, "name": "sensor %d"}\n\n'
        data = event % (number, number * 7919 % 1000, number % 13)
        await send({"type": "http.response.body", "body": data, "more_body": True})


class _Open:
    """One open stream: stops its application after every so many messages."""

    def __init__(self, app: Any, coding: bytes) -> None:
        self.left = 0
        # As a task has one: exchanges that share a context count as one inside the other.
        self._context = copy_context()
        self._running = app(scope_of(coding), None, self._send)

    async def _send(self, message: Any) -> None:
        self.left -= 1
        if self.left <= 0:
            await _Pause()

    def run(self, messages: int) -> None:
        self.left = messages
        self._context.run(self._running.send, None)


class _Pause:
    def __await__(self) -> Iterator[None]:
        yield None


def _resident() -> int:
    """Bytes of this process that are in memory (Linux)."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


STREAMS: dict[str, tuple[bytes, dict[str, Any]]] = {
    "identity": (b"identity", {}),
    "gzip": (b"gzip", {}),
    "zstd": (b"zstd", {}),
    "gzip, as any stream": (b"gzip", {"live_content_types": []}),
    "zstd, as any stream": (b"zstd", {"live_content_types": []}),
}
"""Who asks, and how: with the last two, events are no live streams."""


def measure_memory(name: str, count: int) -> None:
    """Print the KiB for each of ``count`` open streams, and what 20 MB through one added."""
    coding, settings = STREAMS[name]
    app = CompressionMiddleware(_endless, compress_live=True, **settings)
    _Open(app, coding).run(100)
    gc.collect()
    before = _resident()
    streams = [_Open(app, coding) for _ in range(count)]
    for stream in streams:
        stream.run(100)
    each = (_resident() - before) / count / 1024
    streams[0].run(50_000)
    before = _resident()
    streams[0].run(300_000)
    print(f"{each:.0f} {(_resident() - before) / 1024:.0f}")


def _memory() -> None:
    if not Path("/proc/self/statm").exists():
        print("Memory is measured on Linux only")
        return
    print("Memory of 1000 open streams of events after 100 events each, KiB for each stream;")
    print("and what 300 000 events more through one of them added to the process, KiB")
    for name in STREAMS:
        command = [sys.executable, "-m", __name__, name, "1000"]
        each, added = subprocess.run(
            command, capture_output=True, text=True, check=True
        ).stdout.split()
        print(f"  {name:<22}{each:>5}{added:>8}")


def report() -> bool:
    """Print all of it. Returns whether `LIMITS` and `POINTS` are kept."""
    kept = _ratios()
    kept &= _sizes()
    _stalls()
    _memory()
    return kept


if __name__ == "__main__":
    measure_memory(sys.argv[1], int(sys.argv[2]))
