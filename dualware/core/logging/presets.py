"""Presets: what the fields of a log line are called, and in which unit they are, by who reads it.

One table, a column for each preset, from which the docs' table is made too. Must never know an
exchange: the logging middleware finds out the facts, this file says how they are written down.

Sources: OpenTelemetry, "Semantic conventions for HTTP" and "General attributes" (url, client,
network, user_agent, error, exception); Elastic Common Schema 8 (http, url, client, source, event,
error, user_agent, tracing); Google Cloud Logging, ``LogEntry`` with its ``HttpRequest``, and
"Structured logging", special fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

__all__ = ["OPEN", "PRESETS", "RESERVED", "Names", "Preset", "nested"]


@dataclass(frozen=True, slots=True)
class Names:
    """What each fact is called. The defaults are the `otel` preset; ``""``: it is left out."""

    # The request
    method: str = "http.request.method"
    method_original: str = "http.request.method_original"
    path: str = "url.path"
    query: str = "url.query"
    scheme: str = "url.scheme"
    route: str = "http.route"
    request_size: str = "http.request.body.size"
    client: str = "client.address"
    peer: str = "network.peer.address"
    http_version: str = "network.protocol.version"
    user_agent: str = "user_agent.original"
    request_header: str = "http.request.header."
    # The response
    status: str = "http.response.status_code"
    status_inferred: str = "status_inferred"
    response_size: str = "http.response.body.size"
    response_header: str = "http.response.header."
    # Times
    duration: str = "http.server.request.duration"
    ttfb: str = "ttfb"
    # Ids. OpenTelemetry has no name for a request id.
    request_id: str = "http.request.id"
    request_id_source: str = "request_id_source"
    request_id_upstream: str = "request_id_upstream"
    trace_id: str = "trace_id"
    span_id: str = "span_id"
    parent_span_id: str = "parent_span_id"
    trace_sampled: str = ""
    # How it ended
    outcome: str = "outcome"
    event_outcome: str = ""
    error_type: str = "error.type"
    error_message: str = ""
    sample_rate: str = "sample_rate"
    fields_dropped: str = "fields_dropped"
    # A websocket session
    session_duration: str = "duration"
    accepted: str = "accepted"
    subprotocol: str = "subprotocol"
    close_code: str = "close_code"
    closed_by: str = "closed_by"
    messages_in: str = "messages_in"
    messages_out: str = "messages_out"
    bytes_in: str = "bytes_in"
    bytes_out: str = "bytes_out"
    # An exception, told in an event of its own
    phase: str = "phase"
    exception_type: str = "exception.type"
    exception_message: str = "exception.message"
    exception_trace: str = "exception.stacktrace"
    # What a reader of lines wants to see of it all
    severity: str = ""
    message: str = ""


OPEN: Final = ("request_header", "response_header")
"""Beginnings of names, which the name of a header follows."""


def _seconds(ns: int) -> float:
    """Microseconds are what clocks are good for; more digits say nothing."""
    return (ns // 1000) / 1_000_000


def _milliseconds(ns: int) -> float:
    return (ns // 1000) / 1000


def _nanoseconds(ns: int) -> int:
    return ns


def _duration_text(ns: int) -> str:
    """Protocol buffers' JSON form of a Duration."""
    return f"{ns // 1000 / 1_000_000:.6f}s"


@dataclass(frozen=True, slots=True)
class Preset:
    """A column: names, units, and what stands on every line."""

    names: Names
    duration: Callable[[int], Any] = _seconds
    """ns → the unit of `Names.duration`."""
    ttfb: Callable[[int], Any] = _seconds
    """ns → the unit of `Names.ttfb`."""
    size: Callable[[int], Any] = int
    """Bytes → how a size is written."""
    version: str = ""
    """What stands before the version of HTTP."""
    folds_method: bool = False
    """Whether a method that OpenTelemetry does not know becomes ``_OTHER``."""
    lists_headers: bool = False
    """Whether the value of a header is a list."""
    constant: Mapping[str, Any] | None = None
    """Fields that are the same on every line."""
    parent: str = ""
    """The object that all names beginning so are members of; ``""``: the line is flat."""

    @property
    def known(self) -> frozenset[str]:
        """Every name that a line may have; those of headers and users' own aside."""
        named = (getattr(self.names, each.name) for each in fields(Names) if each.name not in OPEN)
        return frozenset({name for name in named if name} | set(self.constant or ()))


_FLAT = Names(
    method="method",
    path="path",
    query="query",
    scheme="scheme",
    route="route",
    request_size="bytes_in",
    client="client",
    peer="peer",
    http_version="http_version",
    user_agent="user_agent",
    request_header="request_header_",
    status="status",
    response_size="bytes_out",
    response_header="response_header_",
    duration="duration_ms",
    session_duration="duration_ms",
    ttfb="ttfb_ms",
    method_original="",
    request_id="request_id",
    error_type="error",
    # Not "exception": structlog's console renderer puts what is called so on lines of its own.
    exception_type="error",
    exception_message="error_message",
    exception_trace="error_trace",
)

_ECS = Names(
    # ECS keeps the method in the case it came in.
    method_original="",
    request_size="http.request.body.bytes",
    client="client.ip",
    peer="source.ip",
    http_version="http.version",
    request_header="labels.request_header_",
    response_size="http.response.body.bytes",
    response_header="labels.response_header_",
    status_inferred="labels.status_inferred",
    duration="event.duration",
    session_duration="event.duration",
    # What ECS has no field for goes where it keeps such things.
    ttfb="labels.ttfb",
    route="labels.route",
    request_id_source="labels.request_id_source",
    request_id_upstream="labels.request_id_upstream",
    trace_id="trace.id",
    span_id="span.id",
    parent_span_id="parent.id",
    outcome="labels.outcome",
    event_outcome="event.outcome",
    error_message="error.message",
    sample_rate="labels.sample_rate",
    fields_dropped="labels.fields_dropped",
    accepted="labels.accepted",
    subprotocol="labels.subprotocol",
    close_code="labels.close_code",
    closed_by="labels.closed_by",
    messages_in="labels.messages_in",
    messages_out="labels.messages_out",
    bytes_in="labels.bytes_in",
    bytes_out="labels.bytes_out",
    phase="labels.phase",
    exception_type="error.type",
    exception_message="error.message",
    exception_trace="error.stack_trace",
)

_GCP = Names(
    method="httpRequest.requestMethod",
    method_original="",
    path="httpRequest.requestUrl",
    # requestUrl holds it.
    query="",
    scheme="scheme",
    route="route",
    request_size="httpRequest.requestSize",
    client="httpRequest.remoteIp",
    peer="peer",
    http_version="httpRequest.protocol",
    user_agent="httpRequest.userAgent",
    request_header="request_header_",
    status="httpRequest.status",
    response_size="httpRequest.responseSize",
    response_header="response_header_",
    duration="httpRequest.latency",
    session_duration="httpRequest.latency",
    request_id="request_id",
    trace_id="logging.googleapis.com/trace",
    span_id="logging.googleapis.com/spanId",
    trace_sampled="logging.googleapis.com/trace_sampled",
    error_type="error",
    exception_type="error",
    exception_message="error_message",
    # Error Reporting looks for a trace here.
    exception_trace="stack_trace",
    severity="severity",
    message="message",
)

PRESETS: Final[Mapping[str, Preset]] = {
    "otel": Preset(Names(), folds_method=True, lists_headers=True),
    "ecs": Preset(
        _ECS,
        duration=_nanoseconds,
        constant={"ecs.version": "8.11", "event.category": ["web"], "event.type": ["access"]},
    ),
    # HttpRequest: sizes are int64, which protocol buffers' JSON form writes as strings.
    "gcp": Preset(_GCP, duration=_duration_text, size=str, version="HTTP/", parent="httpRequest"),
    "flat": Preset(_FLAT, duration=_milliseconds, ttfb=_milliseconds),
}
"""The presets by the word that users write."""


def nested(line: dict[str, Any], parent: str) -> dict[str, Any]:
    """``line`` with every name that begins with ``parent`` and a dot inside one object.

    >>> nested({"a": 1, "r.x": 2, "r.y": 3}, "r")
    {'a': 1, 'r': {'x': 2, 'y': 3}}
    """
    prefix = f"{parent}."
    members = {
        name[len(prefix) :]: value for name, value in line.items() if name.startswith(prefix)
    }
    rest = {name: value for name, value in line.items() if not name.startswith(prefix)}
    return {**rest, parent: members} if members else rest


OF_LOGGERS: Final = frozenset(
    {
        "@timestamp", "_from_structlog", "_record", "event", "exc_info", "exception", "level",
        "log.level", "logger", "method_name", "positional_args", "self", "stack", "stack_info",
        "time", "timestamp",
    }
)  # fmt: skip
"""Names that structlog, `logging` and renderers use themselves; some are arguments of methods."""

RESERVED: Final = OF_LOGGERS.union(*(preset.known for preset in PRESETS.values()))
"""Names that are the line's own, whatever the preset: `add_fields` refuses them, so that code
which works with one preset works with all."""
