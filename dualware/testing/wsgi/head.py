"""The head as an application gives it to start_response: what it says, and what is wrong with it.

This file knows the status and the list of headers as values. It must never know
when the head comes, nor who gave it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dualware.testing.rules import HOP_BY_HOP, field_faults, type_of

# PEP 3333, The start_response() Callable: "no surrounding whitespace or other characters"
STATUS = re.compile(r"[1-9][0-9]{2} [^\x00-\x1f\x7f]*[^\x00-\x20\x7f]")


def code_of(status: object) -> int | None:
    """The number a status string starts with."""
    digits = status[:3] if isinstance(status, str) else ""
    return int(digits) if re.fullmatch("[0-9]{3}", digits) else None


def reason_of(status: object) -> str | None:
    """What follows the number of a status string."""
    return status[4:] if isinstance(status, str) else None


def header_faults(headers: Any) -> Iterator[tuple[str, str]]:
    """What is wrong with the list of headers, as pairs of rule and detail."""
    # PEP 3333, The start_response() Callable: `type(response_headers) is ListType`
    if type_of(headers) is not list:
        yield "start-headers", f"{headers!r} is no list"
        return
    for pair in headers:
        # wsgiref.validate.check_headers: a subclass of tuple or str will not do either.
        if type_of(pair) is tuple and [type_of(part) for part in pair] == [str, str]:
            yield from _pair_faults(*pair)
        else:
            yield "start-headers", f"{pair!r} is no pair of native strings"


def _pair_faults(name: str, value: str) -> Iterator[tuple[str, str]]:
    """What is wrong with one header, as pairs of rule and detail."""
    yield from field_faults(name, value, tabs=False)
    if not value.isascii() and max(map(ord, value)) > 255:
        # PEP 3333, Unicode Issues: native strings hold latin-1 only.
        yield "start-headers", f"{name}: {value!r} is not latin-1"
    if name.endswith(("-", "_")) or name.lower() == "status":
        yield "header-ending", f"{name!r}"
    if name.lower() in HOP_BY_HOP or name.lower().startswith("proxy-"):
        yield "header-hop-by-hop", f"{name}: {value}"
