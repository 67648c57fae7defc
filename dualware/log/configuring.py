"""`configure_logging`: one call, and every log line of the process is one event of one shape.

Knows structlog's configuration and the standard library's root logger. Must never be called by
dualware itself: who has a configuration keeps it.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO, Literal, TextIO

import structlog
from structlog.stdlib import ExtraAdder, ProcessorFormatter

from dualware.core.logging.presets import PRESETS
from dualware.log.ids import merge_record
from dualware.log.lines import JSONLine
from dualware.log.loggers import FILTERING
from dualware.log.servers import NotTwice, adopt_server_loggers, silence_server_access_log

__all__ = ["configure_logging"]


def configure_logging(
    json: bool | None = True,
    *,
    level: str = "info",
    preset: Literal["otel", "ecs", "gcp", "flat"] = "otel",
    processors: Iterable[Callable[..., Any]] = (),
    stream: TextIO | None = None,
    servers: bool = True,
) -> None:
    """Configure structlog and `logging`: one line per event on stdout, with the request id.

    Call it once, where the application is made, before the first line is logged. Calling it again
    replaces what it did before, but for structlog loggers that were used meanwhile: they stay.

    ``json``
        True: each line is one JSON object, by orjson where the extra ``fast`` is installed. False:
        for people. None: for people on a terminal, JSON elsewhere.
    ``level``
        The least level that is shown: ``"debug"``, ``"info"``, ``"warning"``, ``"error"``,
        ``"critical"``.
    ``preset``
        Whose names the lines carry; the same as the setting of the logging middleware.
    ``processors``
        structlog processors of your own, called before a line is rendered.
    ``stream``
        Where lines go; None for stdout.
    ``servers``
        True: the server that runs the application logs in the same shape, and nothing about single
        requests, since the access log does. False: its loggers are left alone.

    Raises ValueError for a level or preset that there is not.

    >>> configure_logging(json=True)  # doctest: +SKIP
    """
    if level.lower() not in FILTERING:
        raise ValueError(f"{level!r} is no level; use one of {', '.join(FILTERING)}")
    if preset not in PRESETS:
        raise ValueError(f"{preset!r} is no preset; use one of {', '.join(PRESETS)}")
    out: TextIO = sys.stdout if stream is None else stream
    own = list(processors)
    if json or (json is None and not out.isatty()):
        line = JSONLine(preset)
        # Bytes go past the text layer; a stream without any below (a test's StringIO) takes text.
        buffer = getattr(out, "buffer", None)
        if buffer is None:
            _structlog(structlog.WriteLoggerFactory(out), level, [*own, _Text(line)])
            _stdlib(out, level, [*own, _Text(line)])
        else:
            _structlog(structlog.BytesLoggerFactory(buffer), level, [*own, line])
            _stdlib(_UTF8(out, buffer), level, [*own, _Text(line)])
    else:
        chain = [
            merge_record,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            *own,
            structlog.dev.ConsoleRenderer(colors=out.isatty()),
        ]
        _structlog(structlog.WriteLoggerFactory(out), level, chain)
        _stdlib(out, level, chain)
    if servers:
        adopt_server_loggers()
        silence_server_access_log()


class _Text:
    """A renderer's bytes as the text that a `logging.Formatter` returns."""

    def __init__(self, render: JSONLine) -> None:
        self._render = render

    def __call__(self, logger: Any, method: str, event: Any) -> str:
        return self._render(logger, method, event).decode()


class _UTF8:
    """A stream of bytes as one of text: JSON is UTF-8 (RFC 8259 §8.1), whatever the locale says."""

    def __init__(self, stream: TextIO, buffer: BinaryIO) -> None:
        # A file that nobody else holds closes its bytes when it goes.
        self._stream = stream
        self._buffer = buffer
        self.flush = buffer.flush

    def write(self, text: str) -> None:
        self._buffer.write(text.encode())


def _structlog(factory: Callable[..., Any], level: str, processors: list[Any]) -> None:
    structlog.configure(
        processors=processors,
        wrapper_class=FILTERING[level.lower()],
        logger_factory=factory,
        # A logger is made once: it saves a third of a short line.
        cache_logger_on_first_use=True,
    )


def _stdlib(stream: TextIO | _UTF8, level: str, processors: list[Any]) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[ExtraAdder(), _of_record],
            processors=[ProcessorFormatter.remove_processors_meta, *processors],
        )
    )
    handler.addFilter(NotTwice())
    root = logging.getLogger()
    for former in root.handlers[:]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(level.upper())


def _of_record(_logger: Any, _method: str, event: Any) -> Any:
    """What a record of `logging` has besides, and what it has twice."""
    event.setdefault("logger", event["_record"].name)
    # What another handler has made of it, and uvicorn of what it says on a terminal.
    for name in ("asctime", "color_message", "message"):
        event.pop(name, None)
    return event
