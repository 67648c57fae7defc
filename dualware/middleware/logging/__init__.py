"""Write one line for every exchange: what was asked, what came of it, how long it took.

Exactly one terminal event, whatever happens: an answer, an exception before or after the head, a
client that goes away, a task that is cancelled, an application that never answers. Its fields
carry OpenTelemetry's names unless a preset says otherwise, and are the same under both protocols.

    dualware.wrap(app, {"logging": {"client_ip": ["10.0.0.0/8"], "slow_ms": 500}})

Place it inside request_id, whose id it shows, and outside what changes the response, so that sizes
are those on the wire.

Knows when there is a line, at which level, and who takes it. Must never know a protocol or a
renderer, read a body, or let a sink change what the client gets.

The settings stand in `settings`, and what happens in an exchange in `flows`.
"""

from dualware.core.logging.line import MOST
from dualware.core.logging.query import SECRET_PARAMS
from dualware.core.logging.shown_headers import SECRET_HEADERS
from dualware.middleware.logging.flows import Logging
from dualware.middleware.logging.settings import LoggingSettings

__all__ = ["MOST", "SECRET_HEADERS", "SECRET_PARAMS", "Logging", "LoggingSettings"]
