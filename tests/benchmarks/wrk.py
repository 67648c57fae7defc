"""The load: wrk, run for a few seconds, and what it counted.

Knows wrk's command line and what it prints. Must never know what is behind the port, nor count
anything as answered that was an error.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Load", "installed", "load", "parse", "version"]

_COUNTED = re.compile(r"^\s*(\d+) requests in ([\d.]+)(us|ms|s|m),", re.MULTILINE)
_BAD = re.compile(r"^\s*(?:Socket errors:|Non-2xx or 3xx responses:).*$", re.MULTILINE)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True)
class Load:
    """What wrk counted: answers, and the seconds that they took."""

    requests: int
    seconds: float


def installed() -> bool:
    """Whether there is a wrk."""
    return shutil.which("wrk") is not None


def version() -> str:
    """The first line of what ``wrk -v`` says; it ends with status 1."""
    told = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False, timeout=10)
    return (told.stdout or told.stderr).partition(" [")[0]


def load(url: str, headers: Mapping[str, str], *, connections: int, seconds: int) -> Load:
    """Ask for ``url`` as fast as one thread can on so many connections, which are kept alive.

    Raises ValueError if a single answer was no success.
    """
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    told = subprocess.run(
        [*command, url], capture_output=True, text=True, check=True, timeout=seconds + 30
    )
    return parse(told.stdout)


def parse(told: str) -> Load:
    """What wrk printed. Raises ValueError if it counted no answers, or an error among them."""
    counted = _COUNTED.search(told)
    if counted is None or int(counted[1]) == 0 or _BAD.search(told):
        raise ValueError(f"No clean run of wrk:\n{told}")
    return Load(int(counted[1]), float(counted[2]) * _SECONDS[counted[3]])
