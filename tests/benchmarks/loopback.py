"""What the five middleware cost in real servers: CPU time of the server per request, under wrk.

Three processes of each server run side by side, one worker each: the bare application, the
application in our five, and in five by others (`tests.benchmarks.served`), each as its users have
it, with a JSON line of the same fields per request to standard output. wrk loads them in turns, a
second each, so that a slow spell of the machine hits all of them; the server's CPU time in that
second, over the answers that wrk counted, is the cost of one. Server and wrk each have a
core of their own where there are two.

Two ratios are shown. **Whole** is the server's CPU time per request through our stack over that
through the others'. It is what the limit says, and it is also the stricter of the two wherever ours
is the cheaper one: parsing and writing HTTP costs both sides the same, and pulls the ratio towards
1 however little a stack costs. **Above bare** is the same after the cost of the bare application is
taken off both: what the stacks themselves cost. Of each, the ratio of the minima over all slices,
which the limit is held to, and in brackets the median of the ratios within each turn: where other
programs keep the machine busy, the second is the steadier one, and the first should be measured
again. The third figure is answers per second, ours over the others', turn by turn too.

``python -m tests.benchmarks.loopback``, or as part of ``make bench``; two and a half minutes.
Needs wrk (``scripts/install-wrk.sh``), and Linux for the CPU time of another process. Must never
listen or connect anywhere but on 127.0.0.1, nor leave a server behind.
"""

from __future__ import annotations

import contextlib
import gzip
import http.client
import signal
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from types import FrameType
from typing import IO, NamedTuple

from tests.benchmarks import processes, wrk
from tests.benchmarks.exchanges import ORIGIN
from tests.benchmarks.served import BODIES

__all__ = ["MOST", "Ratios", "Slices", "report"]

MOST = 0.6
"""The server's CPU time per request is at most so much of that through the peers' stack."""

SIDES = ("bare", "ours", "peers")
ROUNDS = 5
SECONDS = 1
CONNECTIONS = 8

# Server → module and arguments; {side} and {port} are filled in. The servers write no access log of
# their own: the stacks do.
APP = "tests.benchmarks.served"
SERVERS = {
    "uvicorn": (
        f"uvicorn --factory --workers 1 --no-access-log --http httptools --host 127.0.0.1 "
        f"--port {{port}} {APP}:asgi_{{side}}"
    ),
    "granian, ASGI": (
        f"granian --factory --workers 1 --interface asgi --host 127.0.0.1 --port {{port}} "
        f"{APP}:asgi_{{side}}"
    ),
    "granian, WSGI": (
        f"granian --factory --workers 1 --interface wsgi --host 127.0.0.1 --port {{port}} "
        f"{APP}:wsgi_{{side}}"
    ),
    # Its other workers close the connection after each answer: one would measure the making of
    # connections.
    "gunicorn, gthread": (
        f"gunicorn --workers 1 -k gthread --threads 1 --keep-alive 30 --bind 127.0.0.1:{{port}} "
        f"{APP}:wsgi_{{side}}()"
    ),
}

NEEDED = (
    "granian",
    "gunicorn",
    "httptools",
    "isal",  # the extra `fast`, as are the next two
    "orjson",
    "zlib_ng",
    "uvicorn",
    "asgi_correlation_id",
    "paste",
    "wsgi_request_id",
    "wsgicors",
)
"""Modules that servers and stacks are made of."""

CASES = {"27 bytes": "/small", "10 KB, gzip": "/large"}
"""Case → path."""

HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "Origin": ORIGIN,
    "X-Request-ID": "7d0f4c1c6f0e4c0fa1e35a0d4be0c0f9",
}


class Ratios(NamedTuple):
    """Ours over the peers'."""

    whole: float
    above: float
    """After the bare application's is taken off both."""
    rate: float

    @classmethod
    def of(
        cls, bare: float, ours: float, peers: float, _: float, our_rate: float, peers_rate: float
    ) -> Ratios:
        """From costs, and requests per second, of each side."""
        return cls(ours / peers, (ours - bare) / (peers - bare), our_rate / peers_rate)


@dataclass
class Slices:
    """What the slices of each side showed: CPU time per request in ns, and requests per second."""

    costs: dict[str, list[float]] = field(default_factory=lambda: {side: [] for side in SIDES})
    rates: dict[str, list[float]] = field(default_factory=lambda: {side: [] for side in SIDES})

    def add(self, side: str, cpu_ns: int, load: wrk.Load) -> None:
        """One slice more."""
        self.costs[side].append(cpu_ns / load.requests)
        self.rates[side].append(load.requests / load.seconds)

    def minima(self) -> Ratios:
        """The ratios of what each side took in its best slice."""
        rates = (max(self.rates[side]) for side in SIDES)
        return Ratios.of(*(min(self.costs[side]) for side in SIDES), *rates)

    def medians(self) -> Ratios:
        """The medians of the ratios within each turn."""
        slices = (self.costs[side] for side in SIDES), (self.rates[side] for side in SIDES)
        turns = [Ratios.of(*turn) for turn in zip(*slices[0], *slices[1], strict=True)]
        return Ratios(*map(statistics.median, zip(*turns, strict=True)))


@dataclass(frozen=True)
class Server:
    """One that runs: its process, and where it listens."""

    process: int
    port: int

    def cpu_ns(self) -> int:
        """CPU time so far of its process and its workers."""
        return sum(map(processes.cpu_ns, processes.family(self.process)))

    def slice(self, path: str) -> tuple[int, wrk.Load]:
        """The CPU time that it takes for a second of load, and what wrk counted."""
        before = self.cpu_ns()
        load = wrk.load(
            f"http://127.0.0.1:{self.port}{path}",
            HEADERS,
            connections=CONNECTIONS,
            seconds=SECONDS,
        )
        return self.cpu_ns() - before, load


def _verify(side: str, server: Server) -> None:
    """Raise AssertionError unless this side does what it is measured for."""
    for path, body in BODIES.items():
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", path, headers=HEADERS)
            response = connection.getresponse()
            data = response.read()
        coded = response.getheader("Content-Encoding") == "gzip"
        assert response.status == 200
        assert (gzip.decompress(data) if coded else data) == body
        if side == "bare":
            assert not coded
            continue
        assert response.getheader("Access-Control-Allow-Origin") == ORIGIN
        assert response.getheader("X-Request-ID") or response.getheader("Request-Id")
        assert coded or path != "/large"


@contextlib.contextmanager
def _three(command: str, log: IO[bytes]) -> Iterator[Mapping[str, Server]]:
    """A server of each side, all of them up and answering as they should."""
    with contextlib.ExitStack() as stack:
        servers = {}
        for side in SIDES:
            words = command.replace("{side}", side)
            servers[side] = Server(*stack.enter_context(processes.running(words, log)))
            _verify(side, servers[side])
        yield servers


def _measured(command: str) -> dict[str, Slices]:
    """What each case costs through one server."""
    found = {case: Slices() for case in CASES}
    server_core, load_core = processes.cores() or (None, None)
    with tempfile.TemporaryFile() as log:
        try:
            with (
                processes.pinned(server_core),
                _three(command, log) as servers,
                processes.pinned(load_core),
            ):
                for case, path in CASES.items():
                    for _ in range(ROUNDS):
                        for side, server in servers.items():
                            found[case].add(side, *server.slice(path))
        except Exception:
            log.seek(0)
            print(f"{command}:\n{log.read().decode(errors='replace')[-4000:]}", file=sys.stderr)
            raise
    return found


def _stop(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _missing() -> str:
    """Why nothing can be measured here; empty where it can."""
    if sys.platform != "linux":
        return "the CPU time of servers is read on Linux only"
    if not wrk.installed():
        return "there is no wrk (Debian's package, or https://github.com/wg/wrk)"
    absent = [name for name in NEEDED if find_spec(name) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


def report() -> bool:
    """Print the ratios. Returns whether all of them keep to `MOST`.

    What can't be measured here is said, and breaks no limit.
    """
    if missing := _missing():
        print(f"SERVERS OVER LOOPBACK ARE NOT MEASURED: {missing}")
        return True
    told = ", ".join(f"{name} {version(name)}" for name in ("uvicorn", "granian", "gunicorn"))
    print(
        "Server CPU per request over loopback, ours over the peers': of minima (medians of turns)"
    )
    print(f"  {told}, {wrk.version()}; cores of their own: {'yes' if processes.cores() else 'no'}")
    kept = True
    # Servers are ended on Ctrl-C; so they are where somebody ends us.
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        for name, command in SERVERS.items():
            for case, slices in _measured(command).items():
                least, middle = slices.minima(), slices.medians()
                kept &= least.whole <= MOST
                print(
                    f"  {name + ', ' + case + ':':<32}{least.whole:.2f} ({middle.whole:.2f}; "
                    f"at most {MOST}); above bare {least.above:.2f} ({middle.above:.2f}); "
                    f"requests per second {least.rate:.2f} ({middle.rate:.2f})",
                    flush=True,
                )
    finally:
        signal.signal(signal.SIGTERM, before)
    return kept


if __name__ == "__main__":
    sys.exit(0 if report() else 1)
