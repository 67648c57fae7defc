"""``dualware demo``: one application under each protocol, side by side.

The applications are examples of the repository and no part of the package, so the demo runs from
a checkout only. Must never know what it shows.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import dualware
from dualware.cli.output import UsageError

__all__ = ["add", "run"]

_NEEDS = (
    "the demo shows the examples of the repository, which are no part of the installed package; "
    "run 'make demo' in a checkout of dualware"
)


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "demo", help="show one application under each protocol (in a checkout of dualware)"
    )
    parser.add_argument("--keep", action="store_true", help="leave both running until Ctrl-C")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the demo of the checkout that the package was imported from."""
    root = Path(dualware.__file__).parent.parent
    if not (root / "examples" / "demo.py").is_file():
        raise UsageError(_NEEDS)
    command = [sys.executable, "-m", "examples.demo", *(["--keep"] if options.keep else [])]
    return subprocess.call(command, cwd=root)  # noqa: S603 - a command of our own
