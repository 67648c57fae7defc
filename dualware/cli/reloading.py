"""A command that is started anew whenever a file of the current folder changes.

The same for both protocols and every server: the command runs in a process of its own. Must never
leave that process behind.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dualware.cli.output import say

__all__ = ["changes", "reloaded"]

_INTERVAL = 0.3
"""Seconds between two looks."""
_SUFFIXES = (".json", ".py", ".toml")
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})


def reloaded(arguments: list[str]) -> int:
    """Run the command without its ``--reload``, again and again, until told to stop."""
    kept = [each for each in arguments if each != "--reload"]
    command = [sys.executable, "-m", "dualware", *kept]
    # Being told to stop must stop the process, too.
    signal.signal(signal.SIGTERM, _stop)
    seen = changes(Path())
    try:
        while True:
            with subprocess.Popen(command) as process:  # noqa: S603 - the user's own command
                try:
                    seen = _changed(seen)
                finally:
                    process.terminate()
            say("dualware: a file changed, starting anew")
            sys.stdout.flush()
    except KeyboardInterrupt:
        return 0


def _stop(*_: Any) -> None:
    raise KeyboardInterrupt


def _changed(seen: dict[str, float]) -> dict[str, float]:
    """Wait until the files are others than those that were seen. Returns what they are then."""
    while (now := changes(Path())) == seen:
        time.sleep(_INTERVAL)
    return now


def changes(folder: Path) -> dict[str, float]:
    """When each file below the folder changed that an application may be made of."""
    return dict(_walk(folder))


def _walk(folder: Path) -> Iterator[tuple[str, float]]:
    for root, folders, names in os.walk(folder):
        folders[:] = [each for each in folders if each not in _SKIPPED and each[0] != "."]
        for name in names:
            if name.endswith(_SUFFIXES):
                path = Path(root, name)
                try:
                    yield str(path), path.stat().st_mtime
                except OSError:
                    # It went away while we looked.
                    continue
