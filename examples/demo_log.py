"""The log lines of the demo: those of both sides, one under the other, the differences marked.

Knows a line as a dictionary of fields, and which of them differ between any two exchanges. Must
never know who wrote it, nor how the demo asks.
"""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Callable, Iterable
from typing import BinaryIO

EVENTS = frozenset({"http.server.request", "websocket.session"})
"""The events that an exchange ends with: one each."""
ALONE = frozenset({"duration", "http.server.request.duration", "timestamp", "ttfb"})
"""What no two exchanges have in common: when it was, and how long it took."""
MARK = "*"
"""Stands in front of a field that differs."""

Line = dict[str, object]
Paint = Callable[[str, int], str]
"""Colours a text, if its reader wants that."""


def read(log: BinaryIO, count: int, patience: float) -> list[Line]:
    """The lines that a server wrote to ``log``, as soon as there are ``count`` of them."""
    deadline = time.monotonic() + patience
    while True:
        log.seek(0)
        found = list(lines(log))
        if len(found) >= count or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def lines(log: Iterable[bytes]) -> Iterable[Line]:
    """Those lines of ``log`` that tell of an exchange; servers have lines of their own."""
    for text in log:
        if text.startswith(b"{"):
            line = json.loads(text)
            if line.get("event") in EVENTS:
                yield line


def differing(both: list[Line]) -> set[str]:
    """Names of the fields that are not the same in all lines."""
    names = {name for line in both for name in line}
    return {name for name in names if len({repr(line.get(name)) for line in both}) > 1}


def unexplained(both: list[Line], new: frozenset[object]) -> set[str]:
    """Of the fields that differ, those that need not: all but times, and ids made ``new``."""
    return {
        name for name in differing(both) - ALONE if not {line.get(name) for line in both} <= new
    }


def show(logs: list[list[Line | None]], new: list[frozenset[object]], paint: Paint) -> bool:
    """Print the lines of both sides, row by row. Returns whether they differ only where they must.

    ``new`` has the ids that were made anew for each row.
    """
    print(f"\n\nThe log lines of these requests, WSGI above ASGI. A {MARK} marks what")
    print("differs: when it was, how long it took, and ids that are new each time.")
    same = True
    for number, (ids, *both) in enumerate(zip(new, *logs, strict=True), 1):
        same &= show_row(number, [line for line in both if line is not None], ids, paint)
    return same


def show_row(number: int, both: list[Line], new: frozenset[object], paint: Paint) -> bool:
    """Print the lines of one row. Returns whether they differ only where they must."""
    marked = differing(both)
    for line in both:
        rows = shown(line, marked, lambda word: paint(word, 33), 90)
        for start, row in zip([f"{number:2}. ", *["    "] * len(rows)], rows, strict=False):
            print(start + row)
    bad = unexplained(both, new)
    if bad:
        print(f"    ! {paint('DIFFERENT', 31)}: {', '.join(sorted(bad))}")
    # One exchange is one line: an empty one is none.
    return not bad and all(both)


def shown(line: Line, marked: set[str], paint: Callable[[str], str], width: int) -> list[str]:
    """A line as text of at most ``width`` columns, with the ``marked`` fields marked."""
    words = [
        f"{MARK if name in marked else ''}{name}={json.dumps(value, ensure_ascii=False)}"
        for name, value in line.items()
    ]
    # No field is cut in two where it can be helped.
    rows = textwrap.wrap(
        " ".join(word.replace(" ", "\0") for word in words),
        width,
        break_on_hyphens=False,
    )
    return [
        " ".join(
            paint(word.replace("\0", " ")) if word.startswith(MARK) else word.replace("\0", " ")
            for word in row.split(" ")
        )
        for row in rows
    ]
