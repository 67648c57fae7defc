"""``dualware explain DW203``: what a code is about, with the mistake and its mending.

Must never explain anything by itself: the table of explanations does, and `dualware.cli.cors` for
``dualware explain cors``.
"""

from __future__ import annotations

import argparse
import difflib
import textwrap
from typing import Any

from dualware.cli import cors
from dualware.cli.output import UsageError, add_format, bold, say, say_data
from dualware.core.problems import CODES
from dualware.settings.explanations import EXPLANATIONS

__all__ = ["add", "run"]


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("explain", help="explain a code, or 'cors'; or list all codes")
    parser.add_argument("code", metavar="CODE", nargs="?", help="such as DW203; or 'cors'")
    cors.add_options(parser)
    add_format(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Explain a code or CORS, or list the codes."""
    if options.code == "cors":
        return cors.run(options)
    if options.origin is not None:
        raise UsageError("--origin is for 'dualware explain cors'")
    code: str | None = options.code and options.code.upper()
    if code is None:
        _list(options.format)
        return 0
    if code not in CODES:
        close = difflib.get_close_matches(code, CODES, n=1)
        hint = f"did you mean {close[0]}?" if close else "'dualware explain' lists all"
        raise UsageError(f"there is no code {options.code}; {hint}")
    if options.format == "json":
        say_data(_data(code))
    else:
        _explain(code)
    return 0


def _list(form: str) -> None:
    if form == "json":
        say_data([_data(code) for code in CODES])
        return
    for code, title in CODES.items():
        say(f"{bold(code)}  {title}")


def _data(code: str) -> dict[str, Any]:
    known = EXPLANATIONS[code]
    return {
        "code": code,
        "title": CODES[code],
        "why": known.why,
        "wrong": known.wrong,
        "right": known.right,
    }


def _explain(code: str) -> None:
    known = EXPLANATIONS[code]
    say(f"{bold(code)}  {CODES[code]}\n")
    say(textwrap.fill(known.why, 88))
    say(f"\nInstead of\n    {_spelt(known.wrong)}\nwrite\n    {_spelt(known.right)}")


def _spelt(settings: Any) -> str:
    """As Python has it, with the quotes that JSON has too."""
    return repr(settings).replace("'", '"')
