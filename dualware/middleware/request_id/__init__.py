"""Give every request an id: taken from its headers where they may be believed, or made here.

The id goes into the record, back to the client in one response header, to the application, and
on to whatever the application calls (`dualware.outbound`). On the way in everything is settled;
on the way out one header is written. Place it outermost: everything inside may log.

    dualware.wrap(app, {"request_id": {"trust": ["10.0.0.0/8"], "generator": "uuid7"}})

Knows what a request id is and who may give one. Must never know a protocol, repair an id that
came in, or make a request fail because an id could not be had.

The settings stand in `settings`, and what happens in an exchange in `flows`.
"""

from dualware.middleware.request_id.flows import RequestID
from dualware.middleware.request_id.settings import RequestIDSettings

__all__ = ["RequestID", "RequestIDSettings"]
