"""Server processes: started on a free port, their CPU time read, ended by id (Linux).

Knows processes and /proc. Must never know what a server serves, and never end a process that it
did not start.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

__all__ = ["cores", "cpu_ns", "family", "pinned", "running"]

PATIENCE = 20.0
"""Seconds that a server may take to start, and to stop."""


def family(process: int, root: Path = Path("/proc")) -> list[int]:
    """The ids of a process and of all that descend from it; none where there is no such process.

    A server's master process forks the workers which do the work.
    """
    found = []
    open_ids = [process]
    for each in open_ids:
        try:
            # A child is listed with the thread that forked it.
            told = [
                (thread / "children").read_text(encoding="ascii")
                for thread in (root / str(each) / "task").iterdir()
            ]
        except (FileNotFoundError, ProcessLookupError):
            continue
        found.append(each)
        open_ids += [int(child) for children in told for child in children.split()]
    return found


def cpu_ns(process: int) -> int:
    """CPU time in ns, user's and system's, of a process with all its threads, ended ones too.

    The kernel's clock of the process: /proc/…/stat has the same sum in ticks of 10 ms, which are
    1 % of a slice. Raises ProcessLookupError where there is no such process.
    """
    clock = ctypes.c_int()
    failed = ctypes.CDLL(None).clock_getcpuclockid(process, ctypes.byref(clock))
    if failed:
        raise ProcessLookupError(failed, os.strerror(failed))
    return time.clock_gettime_ns(clock.value)


def cores() -> tuple[int, int] | None:
    """A core for the server and another for the load; None where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[-1], allowed[0]) if len(allowed) > 1 else None


@contextlib.contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """What is started within stays on this core: children inherit it. None pins nothing."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def running(command: str, log: IO[bytes]) -> Iterator[tuple[int, int]]:
    """Run a Python module as a server, until it listens; end it with all its workers.

    Gives its process id, and its port of 127.0.0.1. Raises TimeoutError if it does not listen.

    ``command``
        The module and its arguments; {port} is filled in.
    ``log``
        Where its standard error goes. Its standard output, the access log, is dropped.
    """
    # A port that was taken meanwhile is tried anew.
    for _ in range(3):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        process = _start(command.format(port=port).split(), log)
        try:
            if _listens(process, port):
                yield process.pid, port
                return
        finally:
            _end(process)
    raise TimeoutError(f"{command} does not listen")


def _start(words: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    # What `tests.benchmarks.__main__` says to malloc is nothing that a server's users say.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")
    }
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=log,
        # A group of its own: Ctrl-C comes to us alone, and we end what we started, in order.
        start_new_session=True,
    )


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return True
        # The pace of the attempts, and the end of them where the server gave up.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            return False
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        # Not yet waited for, so the id is still that of our group.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
