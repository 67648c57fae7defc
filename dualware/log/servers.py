"""The access logs of servers, and how they are silenced: one line for each request, not two.

Knows under which names servers log, and what their lines about requests look like. Must never hold
back a line of anybody else, nor one of a server about anything else.
"""

from __future__ import annotations

import logging
import re
from typing import Final

__all__ = ["NotTwice", "adopt_server_loggers", "silence_server_access_log"]

_SERVERS: Final = frozenset(
    {"_granian", "daphne", "granian", "gunicorn", "hypercorn", "uvicorn", "waitress", "werkzeug"}
)
"""The loggers of servers are called so, or begin so."""

_ANY: Final = re.compile(r".*", re.DOTALL)
_REQUEST_LINE: Final = re.compile(r'.*"%s" %s %s\s*', re.DOTALL)
_ACCESS_LOGS: Final = {
    "granian.access": _ANY,
    "gunicorn.access": _ANY,
    "hypercorn.access": _ANY,
    "uvicorn.access": _ANY,
    # uvicorn tells of websocket sessions here, whatever its switch says.
    "uvicorn.error": re.compile(r'%s - "WebSocket %s".*|connection (?:open|closed)'),
    # The development servers of Werkzeug (Flask), Django, and daphne within Django.
    "werkzeug": _REQUEST_LINE,
    "django.server": _REQUEST_LINE,
    "django.channels.server": re.compile(r".*%\(client\)s\].*", re.DOTALL),
}
"""Logger → the formats of its lines about requests."""


class _NoAccess(logging.Filter):
    """Holds back what a server says about requests; its other lines pass."""

    def filter(self, record: logging.LogRecord) -> bool:
        return _ACCESS_LOGS[record.name].fullmatch(str(record.msg)) is None


_NO_ACCESS: Final = _NoAccess()


def _is_server(name: str) -> bool:
    return name.partition(".")[0] in _SERVERS


def adopt_server_loggers() -> None:
    """Have the servers of this process log through the root logger's handlers, not their own.

    It reaches the loggers that there are: those of a server which sets them up before it imports
    the application, as uvicorn, gunicorn and granian do.
    """
    for name, logger in list(logging.root.manager.loggerDict.items()):
        if isinstance(logger, logging.Logger) and _is_server(name):
            logger.handlers.clear()
            logger.propagate = True


class NotTwice(logging.Filter):
    """For a handler of the root logger: holds back what a server's own handler has written.

    hypercorn sets its loggers up after it has imported the application, and lets what they write
    reach the root logger as well.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return not (_is_server(record.name) and logging.getLogger(record.name).handlers)


def silence_server_access_log() -> None:
    """Keep the servers of this process from writing a line of their own about each request.

    It works before and after the server sets its logging up, and again does no more than once. A
    `dictConfig` of your own that follows needs ``disable_existing_loggers`` to be False, as ever:
    these loggers exist from now on, and their other lines are worth having.
    The server's own switch costs less, where it has one: it then makes no line at all. daphne
    and wsgiref write without logging, so only their switches help.

    >>> silence_server_access_log()
    """
    for name, formats in _ACCESS_LOGS.items():
        logger = logging.getLogger(name)
        # Set-ups replace handlers and levels, and leave the filters of a logger alone.
        logger.addFilter(_NO_ACCESS)
        if formats is _ANY:
            # uvicorn makes no line for a logger without any handler: a fifth of what it takes for
            # a request. Its switch works so too, and must not be undone.
            logger.handlers.clear()
            logger.propagate = False
