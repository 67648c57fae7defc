"""What the access log costs: switched off, against a flow that does nothing; and one line.

Switched off is two things. Where the logger takes no event at all, nobody looks at the exchange;
where it takes errors only, every exchange is watched for a failure, since nobody knows before how
it ends: shown beside it is what a flow costs which waits for END and does nothing. Both are held to
the limit.

The line goes through structlog with what `configure_logging` configures, against the usual recipe:
the same fields, the same information, both written to a file that drops them.
"""

from __future__ import annotations

import os
from pathlib import Path

import structlog

from dualware import END, RESPONSE, Exchange, Flow, Middleware, asgi, wsgi
from dualware.log.lines import JSONLine, fastest, standard
from dualware.log.loggers import FILTERING
from tests.benchmarks.flows import (
    ASGIClosure,
    NoOp,
    WSGIClosure,
    asgi_app,
    asgi_call,
    wsgi_app,
    wsgi_call,
)
from tests.benchmarks.measure import interleaved

__all__ = ["LINE_MOST", "OFF_MOST", "report"]

OFF_MOST = 1.5 / 0.7
"""Above the flow that does nothing, switched off costs at most so many closures written by hand."""
LINE_MOST = 0.5
"""The line costs at most this much of the recipe's, with orjson."""

FIELDS = {
    "http.request.method": "GET",
    "url.path": "/items/42",
    "url.query": "page=2&sig=REDACTED",
    "url.scheme": "https",
    "http.response.status_code": 200,
    "http.response.body.size": 1234,
    "http.server.request.duration": 0.012345,
    "ttfb": 0.0119,
    "client.address": "203.0.113.9",
    "network.peer.address": "10.0.0.7",
    "network.protocol.version": "1.1",
    "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0",
    "http.request.id": "f9ed4675f1c53513c61a3b3b4e25b4c0",
    "outcome": "completed",
}


class Follow(Middleware):
    """Waits for all there is, and does nothing with it."""

    def __call__(self, exchange: Exchange) -> Flow:
        yield RESPONSE
        yield END


def _off() -> bool:
    kept = True
    sides = {
        "ASGI": (asgi_app, ASGIClosure, asgi, asgi_call),
        "WSGI": (wsgi_app, WSGIClosure, wsgi, wsgi_call),
    }
    print("The access log, switched off, in ASGI closures above a flow that does nothing")
    unit = 0.0
    for name, (app, closure, room, call) in sides.items():
        cases = {
            "bare": call(app),
            "closure": call(closure(app)),
            "flow": call(room.wrapper(NoOp)(app)),
            "follow": call(room.wrapper(Follow)(app)),
        }
        for least in ("critical", "error"):
            structlog.configure(
                processors=[JSONLine()],
                wrapper_class=FILTERING[least],
                cache_logger_on_first_use=True,
            )
            cases[least] = call(room.LoggingMiddleware(app, logger=f"benchmark.{least}"))
            cases[least]()
        cost = interleaved(cases, batch=500)
        # ASGI's, which comes first: under WSGI a closure is a third of that.
        unit = unit or cost["closure"] - cost["bare"]
        off = (cost["critical"] - cost["flow"]) / unit
        errors = (cost["error"] - cost["flow"]) / unit
        following = (cost["follow"] - cost["flow"]) / unit
        kept &= off <= OFF_MOST and errors <= OFF_MOST
        print(
            f"  {name}  all off {off:.2f}, errors only {errors:.2f} (at most {OFF_MOST:.2f}); "
            f"following to the end {following:.2f}"
        )
    structlog.reset_defaults()
    return kept


def _line() -> bool:
    with Path(os.devnull).open("w", encoding="utf-8") as file:
        recipe = structlog.make_filtering_bound_logger(20)(
            structlog.WriteLogger(file),
            [
                structlog.contextvars.merge_contextvars,
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso"),
                structlog.processors.JSONRenderer(),
            ],
            {},
        )
        loggers = {
            "fast": FILTERING["info"](structlog.BytesLogger(file.buffer), [JSONLine()], {}),
            "standard": FILTERING["info"](
                structlog.BytesLogger(file.buffer), [JSONLine(dumps=standard)], {}
            ),
            "recipe": recipe,
        }
        cost = interleaved(
            {
                name: lambda logger=logger: logger.info("http.server.request", **FIELDS)
                for name, logger in loggers.items()
            },
            batch=500,
        )
    ratio = cost["fast"] / cost["recipe"]
    parser = "orjson" if fastest().__module__ == "orjson" else "json"
    print(
        f"One line over the usual recipe's: {ratio:.2f} with {parser} (at most {LINE_MOST}), "
        f"{cost['standard'] / cost['recipe']:.2f} without orjson"
    )
    return ratio <= LINE_MOST


def report() -> bool:
    """Print the ratios. Returns whether they keep to the limits."""
    off = _off()
    return _line() and off
