"""The servers of the demo: started on a free port, waited for, and stopped.

Knows processes and sockets. Must never know what a server serves, wait for anything without a
bound, nor leave one behind.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

PATIENCE = 20.0
"""Seconds that anything may take."""
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Side:
    """An application and the server that runs it."""

    title: str
    command: tuple[str, ...]
    websockets: bool = False


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    port: int
    log: BinaryIO
    """What it writes to stdout and stderr."""


@contextlib.contextmanager
def running(side: Side) -> Iterator[Server]:
    """Run a server, wait until it answers, stop it in the end."""
    with tempfile.TemporaryFile() as log:
        process, port = start(side, log)
        try:
            yield Server(port, log)
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def start(side: Side, log: BinaryIO) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server on a free port. A port that was taken meanwhile is tried anew."""
    for _ in range(3):
        port = free_port()
        command = [sys.executable, "-m", *(part.format(port=port) for part in side.command)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        if answers(process, port):
            return process, port
        process.kill()
        process.wait()
    log.seek(0)
    said = log.read(2000).decode(errors="replace")
    raise SystemExit(f"{side.title} does not start:\n{said}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server answers. Returns False if it ends, or never does."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            return False
    return False
