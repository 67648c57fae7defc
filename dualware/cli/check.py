"""``dualware check``: every problem of some settings, or what they configure.

Must never start anything: what is checked is built, and thrown away.
"""

from __future__ import annotations

import argparse
from typing import Any

from dualware.cli import sources
from dualware.cli.output import add_format, paint, say, say_data
from dualware.settings.loading import word_of

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("check", help="tell every problem of the settings")
    sources.add_source(parser)
    add_format(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Check the settings."""
    found, stack = sources.needed(options)
    words = [word_of(each) for each in stack]
    if options.format == "json":
        say_data({"source": found.name, "problems": [], "stack": words})
    else:
        configured = ", ".join(words) or "nothing is configured"
        say(f"dualware: {paint('no problems', 32)} in {found.name}: {configured}")
    return 0
