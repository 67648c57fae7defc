"""The head under WSGI: a status line and pairs of native strings.

Knows how a status is written, and how the changes of one head are done to another. Must never know
an exchange.
"""

from __future__ import annotations

import http
from typing import TYPE_CHECKING

from dualware.core.fields import length_of

if TYPE_CHECKING:
    from dualware.core.message import Response

__all__ = ["Pairs", "code_of", "declared_length", "rebased", "status_line"]

# Status lines that were parsed before. Applications use a handful; the bound is for those which
# write the reason phrase anew each time.
_CODES: dict[str, int] = {}
_CODES_MOST = 512
_LINES = {status.value: f"{status.value} {status.phrase}" for status in http.HTTPStatus}

Pairs = list[tuple[str, str]]


def declared_length(response: Response) -> int | None:
    """Content-Length in bytes, None where it is absent or not a number."""
    return length_of(response.headers.get("Content-Length"))


def code_of(status: str) -> int:
    """The code of a status line. ValueError where it begins with none."""
    code = _CODES.get(status)
    if code is None:
        # "200" without a reason is not legal, but servers take it (protocols W16).
        code = int(status[:3])
        if len(_CODES) < _CODES_MOST:
            _CODES[status] = code
    return code


def status_line(code: int) -> str:
    """The status line for a code: ``404 Not Found``."""
    try:
        return _LINES[code]
    except KeyError:
        return f"{code} Unknown"


def rebased(given: Pairs, changed: Pairs, new: Pairs) -> Pairs:
    """What the flows made of ``given``, done to ``new``.

    Where they only added fields of a name, the new head gains those; where they replaced or
    removed some, it has of that name what they left.
    """
    result = list(new)
    for name in dict.fromkeys(name.lower() for name, _ in (*given, *changed)):
        before = [pair for pair in given if pair[0].lower() == name]
        after = [pair for pair in changed if pair[0].lower() == name]
        if before == after:
            continue
        if after[: len(before)] == before:
            result += after[len(before) :]
        else:
            result = [pair for pair in result if pair[0].lower() != name] + after
    return result
