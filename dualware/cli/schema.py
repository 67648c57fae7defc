"""``dualware schema``: the JSON Schema of the settings, for editors.

Must never describe a setting: the models do.
"""

from __future__ import annotations

import argparse
from typing import Any

from dualware.cli.output import say_data
from dualware.settings import schema

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("schema", help="print the JSON Schema of the settings")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:  # noqa: ARG001 - there are none
    """Print the schema."""
    say_data(schema())
    return 0
