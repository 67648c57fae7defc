"""The application's own logs: ids on every line, and a sane start for who has no configuration.

The door of the room. Must never configure anything by being imported.
"""

from dualware.log.configuring import configure_logging
from dualware.log.ids import RequestIdFilter, merge_record
from dualware.log.lines import JSONLine
from dualware.log.servers import silence_server_access_log

__all__ = [
    "JSONLine",
    "RequestIdFilter",
    "configure_logging",
    "merge_record",
    "silence_server_access_log",
]
