"""The Server-Timing field: metrics in, one field value out; and X-Request-Start, read.

Pure functions over the grammar of W3C Server Timing, "The Server-Timing Header Field", and over
what proxies write. Times are whole ns, so that none can be infinite or not a number. Must never
know what is measured, who may see it, or an exchange.

    >>> joined([metric("app", 47_200_000), metric("cache", description="hit")])
    'app;dur=47.200, cache;desc="hit"'
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from dualware.core.fields import is_token

__all__ = ["joined", "metric", "milliseconds", "quoted", "stamp"]

# RFC 9110 §5.6.2: what is no tchar.
_NO_TCHAR: Final = re.compile(r"[^!#$%&'*+\-.^_`|~0-9A-Za-z]")
# C0, DEL, and C1, which Latin-1 would let pass; the tab is legal there, but not under WSGI.
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def metric(name: str, duration: int | None = None, description: str | None = None) -> str:
    """One ``server-timing-metric``, or nothing where ``name`` is empty.

    ``name`` is made a token: what may not stand in one becomes ``_``. ``duration`` is in ns, sent
    in ms; None sends none, which says that something happened. ``description`` is what `quoted`
    makes of it; an empty one is left out.
    """
    if not name:
        return ""
    text = name if is_token(name) else _NO_TCHAR.sub("_", name)
    # W3C Server Timing: of a parameter that is given twice the first counts, so each is
    # written once; their order means nothing.
    if description:
        text += f";desc={quoted(description)}"
    return text if duration is None else f"{text};dur={milliseconds(duration)}"


def milliseconds(duration: int) -> str:
    """A duration in ns as ms: fixed point, three decimals, never below zero."""
    if duration <= 0:
        return "0.000"
    us = (duration + 500) // 1000
    # By whole numbers, with a thousand more to keep the zeros: compiled, two thirds of a format.
    return f"{us // 1000}.{str(us % 1000 + 1000)[1:]}"


def quoted(text: str) -> str:
    """``text`` as a ``quoted-string`` (RFC 9110 §5.6.4).

    Control characters are left out, and ``?`` stands for what Latin-1 has no character for.
    """
    clean = _CONTROLS.sub("", text).encode("latin-1", "replace").decode("latin-1")
    escaped = clean.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def joined(metrics: Iterable[str], *, entries: int = 32, size: int = 2048) -> str:
    """The field value: what `metric` made, at most ``entries`` of them in ``size`` bytes.

    What is too much is cut off at the end, always a whole metric; empty ones do not count.
    """
    kept: list[str] = []
    for text in filter(None, metrics):
        # In a field value a character is a byte (RFC 9110 §5.5); comma and blank are two more.
        size -= len(text) + (2 if kept else 0)
        if size < 0 or len(kept) == entries:
            break
        kept.append(text)
    return ", ".join(kept)


# Heroku sends ms, Apache's %t µs, nginx's $msec seconds; the number of digits tells them apart
# from 2001 to 2286.
_STAMP: Final = re.compile(r"(?:t=)?([0-9]{10}|[0-9]{13}|[0-9]{16})(?:\.([0-9]{1,9}))?")


def stamp(text: str) -> int | None:
    """The time that X-Request-Start says, in ns since 1970; None where it is no such stamp.

    >>> stamp("t=1700000000.123"), stamp("1700000000123")
    (1700000000123000000, 1700000000123000000)
    """
    found = _STAMP.fullmatch(text.strip(" \t"))
    if found is None:
        return None
    whole, fraction = found.groups(default="")
    return int((whole + fraction).ljust(19, "0")[:19])
