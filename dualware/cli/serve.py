"""``dualware serve module:app``: an application with its middleware, on a server of its protocol.

For trying things out: it is one process on one port. Knows uvicorn and waitress. Must never know
what the middleware do.
"""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING, Any

from dualware.cli import sources
from dualware.cli.output import UsageError, say
from dualware.cli.reloading import reloaded
from dualware.core.checks import Unfit, imported
from dualware.core.stack import Stack
from dualware.detect import protocol_of
from dualware.settings.loading import word_of
from dualware.settings.sources import built

if TYPE_CHECKING:
    from dualware.settings.sources import Found

__all__ = ["add", "run"]

_EXTRA = "pip install 'dualware[serve]'"


def add(commands: Any) -> None:
    """Declare the command."""
    # No abbreviations: `--reload` has to be found among the arguments.
    parser = commands.add_parser(
        "serve", help="serve an application with its middleware", allow_abbrev=False
    )
    parser.add_argument("app", metavar="APP", help="the application, as package.module:NAME")
    sources.add_source(parser, "--settings")
    parser.add_argument("--protocol", choices=("asgi", "wsgi"), help="where it can't be told")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at (%(default)s)")
    parser.add_argument("--port", type=_port, default=8000, help="port to listen at (%(default)s)")
    parser.add_argument("--reload", action="store_true", help="start anew when a file changes")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve until stopped."""
    if options.reload:
        return reloaded(options.arguments)
    found = sources.given(options)
    stack = Stack() if found is None else built(found)
    app = _application(options.app)
    try:
        protocol = options.protocol or protocol_of(app)
    except TypeError as error:
        said = re.sub(r'protocol="(\w+)"', r"--protocol \1", str(error))
        raise UsageError(said) from error
    where = f"http://{options.host}:{options.port}"
    say(f"dualware: {options.app} ({protocol.upper()}) at {where}, {_with(found, stack)}")
    sys.stdout.flush()
    serve = _uvicorn if protocol == "asgi" else _waitress
    return serve(stack.asgi(app) if protocol == "asgi" else stack.wsgi(app), options)


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is no port; write a number from 1 to 65535")
    return port


def _application(name: str) -> Any:
    if ":" not in name:
        raise UsageError(f"{name!r} does not name an application; write package.module:NAME")
    try:
        return imported(name)
    except Unfit as error:
        raise UsageError(str(error)) from error


def _with(found: Found | None, stack: Stack) -> str:
    if found is None:
        return f"as it is ({sources.NOTHING})"
    words = ", ".join(word_of(each) for each in stack) or "nothing"
    return f"with {words} of {found.name}"


def _uvicorn(app: Any, options: argparse.Namespace) -> int:
    try:
        import uvicorn
    except ImportError as error:
        raise UsageError(f"ASGI applications are served by uvicorn: {_EXTRA}") from error
    # One line for each request is enough, and there may be one of ours.
    try:
        uvicorn.run(app, host=options.host, port=options.port, access_log=False)
    except SystemExit:
        # The port is taken, say; uvicorn has told it, and has a status of its own for that.
        return 1
    return 0


def _waitress(app: Any, options: argparse.Namespace) -> int:
    try:
        import waitress
    except ImportError as error:
        raise UsageError(f"WSGI applications are served by waitress: {_EXTRA}") from error
    try:
        waitress.serve(app, host=options.host, port=options.port)
    except (OSError, ValueError) as error:
        # The port is taken, or there is no such address.
        say(f"dualware: can't listen at {options.host}:{options.port}: {error}")
        return 1
    return 0
