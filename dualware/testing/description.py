"""A neutral description of what an application does, and the record of what was done to it.

This file knows heads, chunks and failures as values. It must never know how
either protocol carries them, nor the applications that play them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

Moment = Literal["call", "head", "close"] | int
"""Where a script fails: before the head, after it, after so many chunks, at the close."""

BodyKind = Literal["list", "iterator", "iterable", "generator", "write", "file"]
"""What a WSGI script returns."""

Head = tuple[int, Sequence[tuple[str, str]]]
"""A status and header pairs."""


class HeadReplaced(Exception):  # noqa: N818 - it stands for any error of an application
    """The error a script had when it replaced its head (``replace_head``)."""


@dataclass(slots=True)
class Probe:
    """What happened to a script; shared by its WSGI and ASGI side.

    calls
        How often it was called for an exchange.
    handed
        The very objects of each call.
    seen
        What ``on_request`` returned, call by call.
    bodies
        The request bodies (``read_body=True``), call by call.
    received
        Every client message the script received (ASGI).
    returned
        What it returned, the very objects (WSGI).
    iterations, pulled, closed
        How often iter() was called, how many chunks were taken, how often
        close() was called. A list can not count: its numbers stay 0. A real
        generator counts as closed when it was closed before its end.
    raised
        What the script saw raised by the callables it was handed.
    finished
        How often it ran to its end.
    threads
        The identifiers of the threads it ran in.
    """

    calls: int = 0
    handed: list[tuple[Any, ...]] = field(default_factory=list[tuple[Any, ...]])
    seen: list[Any] = field(default_factory=list[Any])
    bodies: list[bytes] = field(default_factory=list[bytes])
    received: list[Any] = field(default_factory=list[Any])
    returned: list[Any] = field(default_factory=list[Any])
    iterations: int = 0
    pulled: int = 0
    closed: int = 0
    raised: list[BaseException] = field(default_factory=list[BaseException])
    finished: int = 0
    threads: set[int] = field(default_factory=set[int])

    def call(self, *handed: Any) -> None:
        """The script is being called."""
        self.calls += 1
        self.handed.append(handed)
        self.threads.add(threading.get_ident())

    def pull(self) -> None:
        """A chunk is being taken."""
        self.pulled += 1
        self.threads.add(threading.get_ident())


@dataclass(frozen=True)
class Description:
    """What an application does, in words that are neither protocol's.

    status, reason, headers
        The head; the reason is that of the status when not given, and headers
        are pairs of str.
    chunks
        The body. A script does not send it to HEAD requests (``head_body=True``
        does), nor with 1xx, 204 and 304.
    declare_length
        Add the Content-Length of the chunks.
    error, error_at
        Raise `error` at this moment: "call" is before the head, "head" after it
        and before any chunk, a number after so many chunks, "close" is close()
        under WSGI and after the final message under ASGI.
    lazy
        WSGI: start_response is called inside the first next().
    body
        WSGI: what is returned. "iterator" is its own iterator, "iterable" has a
        separate one, and close() is on the iterable only; both count. "write"
        sends every chunk through write(), "file" uses the server's file wrapper.
        A list can neither fail half-way nor count its closing: "list" with an
        error there becomes "iterator", and "generator" when lazy.
    replace_head, replace_at
        WSGI: after so many chunks call start_response again, with exc_info and
        this (status, headers). ASGI has nothing of the kind: before any chunk
        the script sends the new head only, later it raises `HeadReplaced`.
    end
        ASGI: False never sends the final message.
    final_empty
        ASGI: False makes the last chunk the final message; True sends an empty
        one after it.
    read_body
        Read the whole request body before answering.
    on_request
        Called inside the application; its answers are in ``probe.seen``.
    headers_key
        ASGI: False leaves the key out of a start message without headers.

    The list and the messages a script hands out are made once and used in every
    exchange, as a static response would be: who changes them is found out.
    """

    status: int = 200
    reason: str | None = None
    headers: Sequence[tuple[str, str]] = (("Content-Type", "text/plain"),)
    chunks: Sequence[bytes] = (b"hello",)
    declare_length: bool = False
    error: BaseException | None = None
    error_at: Moment | None = None
    lazy: bool = False
    body: BodyKind = "list"
    replace_head: Head | None = None
    replace_at: int = 0
    end: bool = True
    final_empty: bool = True
    read_body: bool = False
    head_body: bool = False
    headers_key: bool = True
    on_request: Callable[[], Any] | None = None
    probe: Probe = field(default_factory=Probe, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse what describes no application."""
        if (self.error is None) != (self.error_at is None):
            msg = "error and error_at come together"
            raise ValueError(msg)
        if self.lazy and self.body in ("write", "file"):
            # PEP 3333, The write() Callable: not "from within their return iterable"
            msg = f"lazy excludes body={self.body!r}: its iterable runs no code of the application"
            raise ValueError(msg)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The header pairs, with the Content-Length when it is declared."""
        return self.with_length(self.headers)

    def with_length(self, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """`headers`, with the Content-Length when it is declared."""
        size = [("Content-Length", str(sum(map(len, self.chunks))))] if self.declare_length else []
        return [*headers, *size]

    @property
    def status_line(self) -> str:
        """The status with its reason: ``"404 Not Found"``."""
        return status_line(self.status, self.reason)

    def body_for(self, method: str) -> Sequence[bytes]:
        """The chunks the answer to this method has (RFC 9110 §6.4.1, §9.3.2)."""
        silent = method == "HEAD" or 100 <= self.status < 200 or self.status in (204, 304)
        return () if silent and not self.head_body else self.chunks

    def fail(self, moment: Moment) -> None:
        """Raise the error if this is its moment."""
        # A bool is no moment, and 1 == True: only the very kind counts.
        if self.error is not None and self.error_at == moment:
            raise self.error


def status_line(status: int, reason: str | None = None) -> str:
    """A status with its reason, that of the status when none is given: ``"404 Not Found"``."""
    if reason is None:
        reason = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "Unknown"
    return f"{status} {reason}"
