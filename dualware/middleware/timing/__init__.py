"""Tell the browser how long the application took, and metrics how long the whole exchange did.

The response says what is known when its head leaves: ``app``, and the spans of `dualware.span`
if the request may see them (W3C Server Timing, "Privacy and Security": whoever reads the
response reads them). ``total`` and ``stream`` follow in trailers where server and client both
take them. With nobody to tell of the rest, the flow is over at the head, and the body goes by
untouched.

A metric sink is a callable that takes the finished `Figures`, once for every exchange
(`dualware.metrics.Sink`). Two come with the package; one of your own may be as short as this::

    def observe(figures):
        statsd.timing("http.requests", figures.total_ms)

Place it inside logging, which reads `record.timing`, and outside what changes the response.

Knows when events happen. Must never know a protocol, read or delay a body, or let a sink or a
predicate of the user change what the client gets.

The settings stand in `settings`, and what happens in an exchange in `flows`.
"""

from dualware.core.timing.figures import Figures
from dualware.middleware.timing.flows import Timing
from dualware.middleware.timing.settings import TimingSettings

__all__ = ["Figures", "Timing", "TimingSettings"]
