# pyright: basic
"""The head of Django's response as a list of fields, and back.

Knows that Django keeps one value for each name, and cookies beside them. Must never touch a field,
or a cookie, that no flow changed.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

from dualware.core.exchange import Answer
from dualware.core.headers import Headers, StrHeaders

__all__ = ["fields_of", "response_of", "write_back"]

_COOKIE = "set-cookie"


def fields_of(response: Any) -> list[tuple[str, str]]:
    """The fields as Django's handlers send them."""
    return [*response.items(), *(("Set-Cookie", line) for line in _cookies(response).values())]


def _cookies(response: Any) -> dict[str, str]:
    return {name: morsel.OutputString() for name, morsel in response.cookies.items()}


def write_back(response: Any, headers: Headers[Any]) -> None:
    """Give ``response`` the fields that the flows left."""
    before = {name.lower(): value for name, value in response.items()}
    after: dict[str, str] = {}
    spelt: dict[str, str] = {}
    for name, value in headers.pairs:
        key = name.lower()
        # RFC 9110 §5.3: several lines of a name say what one with all their values says.
        after[key] = f"{after[key]}, {value}" if key in after else value
        spelt.setdefault(key, name)
    for key in before.keys() - after.keys():
        del response.headers[key]
    for key, value in after.items():
        if key != _COOKIE and before.get(key) != value:
            response.headers[spelt[key]] = value
    _write_cookies(response, headers.get_all(_COOKIE))


def _write_cookies(response: Any, lines: list[str]) -> None:
    # RFC 6265 §3: these can't be joined, and Django has a place for them.
    kept = _cookies(response)
    for name, line in kept.items():
        if line not in lines:
            del response.cookies[name]
    for line in lines:
        if line not in kept.values():
            response.cookies.load(line)


def response_of(answer: Answer) -> Any:
    """A flow's own answer as a response of Django's."""
    response = HttpResponse(answer.body, status=answer.status)
    # Django names a type where nobody did.
    del response.headers["Content-Type"]
    headers = StrHeaders()
    headers.extend(answer.headers)
    if answer.status not in (204, 304):
        headers.set("Content-Length", str(len(answer.body)))
    write_back(response, headers)
    return response
