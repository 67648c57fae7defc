"""The environ of a request, and the objects a server puts into it.

This file knows the keys of PEP 3333. It must never know an answer, nor what
drives the exchange.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from dualware.testing.request import (
    RequestBody,
    RequestHeaders,
    body_parts,
    overlay,
    request_fields,
)


class FileWrapper:
    """The server's file wrapper: an iterable over blocks of a file.

    PEP 3333, Optional Platform-Specific File Handling. A server recognises its
    own wrapper by type, so it must reach the server untouched.
    """

    def __init__(self, filelike: Any, block_size: int = 8192) -> None:
        self.filelike = filelike
        self.block_size = block_size
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.filelike.read(self.block_size), b"")


class RequestStream:
    """``wsgi.input``: a file that writes down how it is read.

    reads
        Each call with its arguments, as text: ``["read(5)", "readline()"]``.
    """

    def __init__(self, body: bytes) -> None:
        self._file = io.BytesIO(body)
        self.reads: list[str] = []

    def _record(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.reads.append(f"{name}({', '.join(map(repr, arguments))})")

    def read(self, *arguments: int) -> bytes:
        """Some bytes of the body."""
        self._record("read", arguments)
        return self._file.read(*arguments)

    def readline(self, *arguments: int) -> bytes:
        """One line of the body."""
        self._record("readline", arguments)
        return self._file.readline(*arguments)

    def readlines(self, *arguments: int) -> list[bytes]:
        """The lines of the body."""
        self._record("readlines", arguments)
        return self._file.readlines(*arguments)

    def __iter__(self) -> Iterator[bytes]:
        self._record("iter", ())
        return iter(self._file)


def _joined(name: str, values: list[str]) -> str:
    """Several fields of one name as one value (RFC 9110 §5.3; RFC 6265 §5.4 for Cookie)."""
    return ("; " if name == "cookie" else ",").join(values)


def _header_keys(fields: list[tuple[str, str]]) -> dict[str, str]:
    """Request fields as environ keys (PEP 3333, environ Variables)."""
    grouped: dict[str, list[str]] = {}
    for name, value in fields:
        grouped.setdefault(name, []).append(value)
    keys: dict[str, str] = {}
    for name, values in grouped.items():
        key = name.upper().replace("-", "_")
        # PEP 3333, environ Variables: these two stand without the prefix.
        prefix = "" if name in ("content-type", "content-length") else "HTTP_"
        keys[prefix + key] = _joined(name, values)
    return keys


def build_environ(
    *,
    method: str = "GET",
    path: str = "/",
    query: str = "",
    headers: RequestHeaders = (),
    body: RequestBody = b"",
    scheme: str = "http",
    script_name: str = "",
    environ: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The environ of one request, as a server would hand it over.

    path, script_name
        Decoded text; they arrive as UTF-8 seen as latin-1 (PEP 3333, Unicode Issues).
    environ
        Keys laid over the rest; the value `ABSENT` takes a key out.
    """
    base: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": script_name.encode().decode("latin-1"),
        "PATH_INFO": path.encode().decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "443" if scheme == "https" else "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": RequestStream(b"".join(body_parts(body))),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
        **_header_keys(request_fields(headers, body)),
    }
    return overlay(base, environ)
