"""``dualware explain cors``: what a page of some origin would get, and why.

The real settings answer a request that a browser would send, and the Fetch standard's client side
says what becomes of it, step by step. Must never decide anything: CORS and the browser do.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from dualware.cli import sources
from dualware.cli.output import UsageError, bold, paint, say, say_data
from dualware.core.exchange import END, Exchange, Flow
from dualware.core.middleware import Middleware
from dualware.core.stack import Stack
from dualware.settings.loading import word_of

if TYPE_CHECKING:
    from dualware.testing.fetch import Fetched

__all__ = ["add_options", "run"]

_MENDING: Final = {
    "origin-denied": "name the origin in allow_origins, if you trust its pages",
    "origin-invalid": "write an origin as browsers do: scheme, host and port, nothing else",
    "method-denied": "name the method in allow_methods",
    "method-invalid": "write a method that there is",
    "header-denied": "name the header in allow_headers",
    "headers-too-long": "ask for fewer headers: a browser that asks for so many is none",
}
"""The reason of a verdict → what to do about it."""
_NULL: Final = "leave it so: every sandboxed frame has the origin null, whoever wrote it"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let a command take a request of a page."""
    page = parser.add_argument_group("explain cors", "what a page would get by your settings")
    page.add_argument("--origin", help="the page's: https://shop.example")
    page.add_argument("--url", default="https://api.invalid/", help="asked for (%(default)s)")
    page.add_argument("--method", default="GET", help="such as PUT (%(default)s)")
    page.add_argument(
        "--header", action="append", default=[], help="sent by the script: name or 'name: value'"
    )
    page.add_argument("--credentials", action="store_true", help="send cookies along")
    sources.add_source(page, "--settings")


def run(options: argparse.Namespace) -> int:
    """Explain what becomes of the request."""
    if options.origin is None:
        raise UsageError("say whose page asks: --origin https://shop.example")
    if not urlsplit(str(options.url)).netloc:
        raise UsageError(f"{options.url!r} is no URL; write --url https://api.example/items")
    found, stack = sources.needed(options)
    parts = {word_of(each): each for each in stack}
    if "cors" not in parts:
        raise UsageError(f"{found.name} does not configure cors, so no page of another origin can")
    # What only watches would write lines of its own.
    kept = [each for word, each in parts.items() if word not in ("logging", "timing")]
    fetched = _fetched(Stack(kept), options)
    verdicts = list(_verdicts(cast("Any", parts["cors"]), options))
    if options.format == "json":
        say_data(_data(found.name, fetched, verdicts))
    else:
        _tell(found.name, options, fetched, verdicts)
    return 0 if fetched else 1


async def _application(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body"})


def _fetched(stack: Stack, options: argparse.Namespace) -> Fetched:
    """What the page gets."""
    from dualware.testing.fetch import Browser
    from dualware.testing.fetch.messages import origin_of

    headers = [(name.strip(), value.strip()) for name, value in map(_header, options.header)]
    browser = Browser({origin_of(options.url): stack.asgi(_application)}, cookies="session=1")
    return browser.fetch(
        options.url,
        origin=options.origin,
        method=options.method,
        headers=headers,
        credentials="include" if options.credentials else "same-origin",
    )


def _header(text: str) -> tuple[str, str]:
    name, _, value = text.partition(":")
    # A type that a form could send would need no leave.
    usual = "application/json" if name.strip().lower() == "content-type" else "x"
    return name, value or usual


class _Listener(Middleware):
    """Hears what CORS says of an exchange."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []

    def __call__(self, exchange: Exchange) -> Flow:
        yield END
        self.heard += [each for each in [(exchange.record.fields or {}).get("cors")] if each]


def _verdicts(cors: Any, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """What CORS itself says, with its reasons, of each request of the page."""
    logger = logging.getLogger("dualware")
    listener = _Listener()
    # What it has to say of the settings it said when they were read.
    logger.disabled, before = True, logger.disabled
    try:
        explaining = type(cors)(_explained(cors.settings), cors.effects)
        _fetched(Stack([listener, explaining]), options)
    finally:
        logger.disabled = before
    for each in listener.heard:
        yield {name: value for name, value in each.items() if name != "origin"}


def _explained(settings: Any) -> Any:
    """The settings, of which each verdict is told."""
    changes: dict[str, Any] = {"explain": True}
    if policies := getattr(settings, "policies", ()):
        changes["policies"] = [(path, _explained(policy)) for path, policy in policies]
    return settings.model_copy(update=changes)


# What is told


def _data(source: str, fetched: Fetched, verdicts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "source": source,
        "succeeded": fetched.succeeded,
        "requests": [{"method": method, "url": url} for method, url, _ in fetched.sent],
        "steps": [dataclasses.asdict(each) for each in fetched.steps],
        "verdicts": verdicts,
        "headers": [name for name, _ in fetched.headers],
    }


def _tell(
    source: str, options: argparse.Namespace, fetched: Fetched, verdicts: list[dict[str, Any]]
) -> None:
    sent = [f"the header {each}" for each in options.header]
    sent += ["credentials"] if options.credentials else []
    along = f" with {', '.join(sent)}" if sent else ""
    say(f"A page of {options.origin} asks for {options.method} {options.url}{along},")
    say(f"by the settings of {source}\n")
    say("What is sent")
    for method, url, _ in fetched.sent:
        say(f"  {method} {url}")
    for name in _left_out(fetched, options.header):
        say(f"  without {name}, which no script can set")
    if fetched.steps:
        _explain(options, fetched, verdicts)
    else:
        say("\nNothing is checked: the page is of the same origin.")
    shown = ", ".join(["its status", "its body", *(name for name, _ in fetched.headers)])
    say(f"\nThe page {bold(f'can read the response: {shown}' if fetched else 'gets nothing')}.")


def _left_out(fetched: Fetched, headers: list[str]) -> Iterator[str]:
    """The headers that the browser does not send, whatever the script says."""
    fields = [field for _, _, pairs in fetched.sent for field in pairs]
    # Those that a preflight asks for stand in one list.
    sent = {part for name, value in fields for part in (name, *value.split(","))}
    for given in headers:
        name = given.partition(":")[0].strip()
        if fetched.sent and name.lower() not in sent:
            yield name


def _explain(options: argparse.Namespace, fetched: Fetched, verdicts: list[dict[str, Any]]) -> None:
    say("\nWhat the browser checks (https://fetch.spec.whatwg.org)")
    for step in fetched.steps:
        say(f"  {paint(str(step), 32 if step.passed else 31)}")
    say("\nWhat the settings say")
    for line in _said(fetched, verdicts, options):
        say(f"  {line}")


def _said(
    fetched: Fetched, verdicts: list[dict[str, Any]], options: argparse.Namespace
) -> Iterator[str]:
    if not fetched.sent:
        yield "nothing: they are not asked"
    elif not verdicts:
        yield "nothing: no policy is for that path"
    for each in verdicts:
        reason, near = each["reason"], each["near_miss"]
        yield f"{each['kind']}: {each['verdict']}" + (f", {reason}" if reason else "")
        if near:
            yield f"  it is nearly allowed; mind the {near}"
        if reason in _MENDING:
            yield f"  {_MENDING[reason] if options.origin != 'null' else _NULL}"
    if not fetched and options.credentials and all(each["reason"] is None for each in verdicts):
        yield "allowed, but not with credentials: set allow_credentials, and name the origins"
