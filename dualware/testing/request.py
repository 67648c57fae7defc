"""The request a raw client makes, in the same words for both protocols.

This file knows an HTTP request as values: fields in order, a body in parts. It
must never know how a server hands it to an application.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextvars import Context, copy_context
from typing import Any, Final, TypedDict, cast

from .rules import CURRENT

RequestHeaders = Mapping[str, str] | Iterable[tuple[str, str]]
"""Header fields of a request: ``{"Origin": "https://a.example"}`` or pairs."""

RequestBody = bytes | Sequence[bytes]
"""A request body, whole or in the parts in which it arrives."""


class RequestOptions(TypedDict, total=False):
    """What a request takes under both protocols, besides method and path.

    query
        The raw query string, without "?".
    headers
        A mapping or pairs; Host and Content-Length are added when missing.
    body
        bytes, or the parts in which they arrive.
    scheme
        "http" or "https".
    script_name
        Where the application is mounted: ``"/api"``.
    read
        Take only so many body chunks, then go away.
    """

    query: str
    headers: RequestHeaders
    body: RequestBody
    scheme: str
    script_name: str
    read: int | None


class _Absent:
    """The type of `ABSENT`."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final[Any] = _Absent()
"""The value that takes a key out of what the server hands over: ``{"QUERY_STRING": ABSENT}``."""


def body_parts(body: RequestBody) -> list[bytes]:
    """The body as the list of parts in which it arrives; at least one."""
    if isinstance(body, bytes):
        return [body]
    return list(body) or [b""]


def request_fields(headers: RequestHeaders, body: RequestBody) -> list[tuple[str, str]]:
    """The fields of the request, names lower-cased, as a client would complete them.

    A Host is added (RFC 9110 §7.2), and a Content-Length when there is a body.
    """
    pairs = cast("Mapping[str, str]", headers).items() if isinstance(headers, Mapping) else headers
    fields = [(name.lower(), value) for name, value in pairs]
    names = {name for name, _ in fields}
    if "host" not in names:
        fields.insert(0, ("host", "localhost"))
    size = sum(map(len, body_parts(body)))
    if size and not names & {"content-length", "transfer-encoding"}:
        fields.append(("content-length", str(size)))
    return fields


def overlay(base: dict[str, Any], extra: Mapping[str, Any] | None) -> dict[str, Any]:
    """`base` with `extra` written over it, in place; `ABSENT` takes a key out."""
    for key, value in (extra or {}).items():
        if value is ABSENT:
            base.pop(key, None)
        else:
            base[key] = value
    return base


def leaked_names(before: Context) -> list[str]:
    """Names of the context variables that have another value than in `before`.

    None counts as no value: it is what can be set where a token is of another context.
    """
    after = copy_context()
    return sorted(
        variable.name
        for variable in {*before, *after} - {CURRENT}
        if before.get(variable) is not after.get(variable)
    )
