"""The command line: ``dualware check``, ``stack``, ``explain``, ``schema``, ``serve``, ``demo``.

Each command is a file of this room with two functions: ``add`` declares it, ``run`` does it and
returns the exit status: 0 if all is well, 1 if there are problems, 2 for a command that makes no
sense. Knows which commands there are. Must never hold a rule of its own: whatever it tells,
`dualware.settings` knows.
"""

from __future__ import annotations

import argparse
import os
import sys

from dualware.cli import check, demo, explain, schema, serve, stack
from dualware.cli.output import UsageError, refuse
from dualware.core.problems import SettingsError

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit status, or exits with 2 as `argparse` does."""
    parser = argparse.ArgumentParser(
        prog="dualware",
        description="HTTP middleware written once, for WSGI and ASGI.",
        epilog="Exit status: 0 all is well, 1 there are problems, 2 the command makes no sense.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (check, stack, explain, schema, serve, demo):
        command.add(commands)
    given = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(given, argparse.Namespace(arguments=given))
    try:
        status = _run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read, such as `head`, has enough; Python must not try to flush once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def _run(options: argparse.Namespace) -> int:
    try:
        status: int = options.run(options)
    except SettingsError as error:
        return refuse(error, getattr(options, "format", "text"))
    except UsageError as error:
        sys.stderr.write(f"dualware: {error}\n")
        return 2
    return status
