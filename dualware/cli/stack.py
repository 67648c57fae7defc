"""``dualware stack``: what is configured, outermost first, and why it stands there.

Must never know an order: the table of constraints does.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from typing import Any

from dualware.cli import sources
from dualware.cli.output import add_format, bold, changed, say, say_data
from dualware.core.middleware import Middleware
from dualware.settings.loading import word_of
from dualware.settings.ordering import reasons

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("stack", help="show the order, and the reason for each place")
    sources.add_source(parser)
    add_format(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Show the stack."""
    found, stack = sources.needed(options)
    words = [word_of(each) for each in stack]
    layers = [_layer(word, each, words) for word, each in zip(words, stack, strict=True)]
    if options.format == "json":
        say_data({"source": found.name, "stack": layers})
        return 0
    say(f"Stack of {found.name}, outermost first")
    for number, layer in enumerate(layers, 1):
        _show(number, layer)
    say(f"\n  {len(layers) + 1}  the application")
    return 0


def _layer(word: str, middleware: Middleware, words: list[str]) -> dict[str, Any]:
    """One middleware for programs, and for `_show`."""
    return {
        "middleware": word,
        "reasons": [dataclasses.asdict(each) for each in reasons(word, words)],
        "settings": changed(getattr(middleware, "settings", None)),
        # What a middleware says of itself, such as who codes and how hard.
        "does": getattr(middleware, "described", None),
    }


def _show(number: int, layer: dict[str, Any]) -> None:
    say(f"\n  {number}  {bold(layer['middleware'])}")
    for each in layer["reasons"]:
        is_outer = each["outer"] == layer["middleware"]
        place = f"outside {each['inner']}" if is_outer else f"inside {each['outer']}"
        say(f"       {place}: {each['why']}")
    if layer["does"]:
        say(f"       does {layer['does']}")
    for name, each in layer["settings"].items():
        say(f"       {name} = {json.dumps(each, ensure_ascii=False)}")
