"""Presets: one name for each fact, one unit, and the names that are nobody else's.

Knows the table. What a whole line looks like under each preset is held by golden files, elsewhere.
"""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualware.core.logging.presets import PRESETS, RESERVED, Names, nested

OPEN = {"request_header", "response_header"}
"""Beginnings of names."""

ABSENT = {
    # What a preset has no place for; everything else has a name in each of them.
    "otel": {"trace_sampled", "event_outcome", "error_message", "severity", "message"},
    "ecs": {"method_original", "trace_sampled", "severity", "message"},
    "gcp": {"method_original", "query", "event_outcome", "error_message"},
    "flat": {
        "method_original",
        "trace_sampled",
        "event_outcome",
        "error_message",
        "severity",
        "message",
    },
}
SHARED = {
    # Facts of different events, or of which one line has one only.
    "otel": [],
    "ecs": [
        {"duration", "session_duration"},
        {"error_type", "exception_type"},
        {"error_message", "exception_message"},
    ],
    "gcp": [{"duration", "session_duration"}, {"error_type", "exception_type"}],
    "flat": [
        {"duration", "session_duration"},
        {"error_type", "exception_type"},
        {"request_size", "bytes_in"},
        {"response_size", "bytes_out"},
    ],
}

EVERY = pytest.mark.parametrize("word", PRESETS)


def named(word):
    """Fact → name, for the facts that the preset has a name for."""
    names = PRESETS[word].names
    return {each.name: name for each in fields(Names) if (name := getattr(names, each.name))}


def test_the_presets():
    """Four, the default first."""
    # observability L5
    assert ["otel", "ecs", "gcp", "flat"] == list(PRESETS)


@EVERY
def test_every_fact_has_a_name(word):
    """Except those that stand in the table above."""
    # observability L5
    assert {each.name for each in fields(Names)} - named(word).keys() == ABSENT[word]


@EVERY
def test_no_two_facts_share_a_name(word):
    """Except facts that never stand on one line."""
    # observability L5
    facts = {}
    for fact, name in named(word).items():
        facts.setdefault(name, set()).add(fact)

    assert sorted(map(sorted, SHARED[word])) == sorted(
        sorted(each) for each in facts.values() if len(each) > 1
    )


@EVERY
def test_the_known_names(word):
    """All that may stand on a line, those of headers aside."""
    # observability L5
    preset = PRESETS[word]
    names = {name for fact, name in named(word).items() if fact not in OPEN}

    assert names | set(preset.constant or ()) == preset.known
    assert "" not in preset.known


@EVERY
def test_names_of_headers_are_beginnings(word):
    """A name follows them, and none of them is a name of something else."""
    # observability L10
    for fact in OPEN:
        assert named(word)[fact].endswith((".", "_"))
        assert not any(name.startswith(named(word)[fact]) for name in PRESETS[word].known)


@EVERY
def test_add_fields_takes_none_of_the_lines_own(word):
    """Nor of any other preset, so that code works with all of them."""
    # observability L16
    assert PRESETS[word].known <= RESERVED


def test_add_fields_takes_none_of_what_loggers_add():
    """structlog, `logging`, and processors that everybody uses."""
    # observability L16
    assert {
        "event",
        "level",
        "timestamp",
        "logger",
        "exc_info",
        "stack_info",
        "exception",
        "stack",
        "positional_args",
        "_record",
        "_from_structlog",
    } <= RESERVED
    # Names that people give their own.
    assert RESERVED.isdisjoint({"user_id", "tenant", "order", "user", "app_event"})


# What the semantic conventions call them: a slip would be found by a query only.


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (
            "otel",
            {
                "method": "http.request.method",
                "method_original": "http.request.method_original",
                "path": "url.path",
                "query": "url.query",
                "scheme": "url.scheme",
                "route": "http.route",
                "status": "http.response.status_code",
                "request_size": "http.request.body.size",
                "response_size": "http.response.body.size",
                "duration": "http.server.request.duration",
                "client": "client.address",
                "peer": "network.peer.address",
                "http_version": "network.protocol.version",
                "user_agent": "user_agent.original",
                "request_id": "http.request.id",
                "trace_id": "trace_id",
                "span_id": "span_id",
                "error_type": "error.type",
                "outcome": "outcome",
                "ttfb": "ttfb",
                "request_id_source": "request_id_source",
                "sample_rate": "sample_rate",
                "request_header": "http.request.header.",
                "response_header": "http.response.header.",
            },
        ),
        (
            "ecs",
            {
                "method": "http.request.method",
                "path": "url.path",
                "query": "url.query",
                "scheme": "url.scheme",
                "status": "http.response.status_code",
                "request_size": "http.request.body.bytes",
                "response_size": "http.response.body.bytes",
                "duration": "event.duration",
                "event_outcome": "event.outcome",
                "client": "client.ip",
                "peer": "source.ip",
                "http_version": "http.version",
                "user_agent": "user_agent.original",
                "request_id": "http.request.id",
                "trace_id": "trace.id",
                "span_id": "span.id",
                "error_type": "error.type",
                "error_message": "error.message",
                "exception_trace": "error.stack_trace",
            },
        ),
        (
            "gcp",
            {
                "method": "httpRequest.requestMethod",
                "path": "httpRequest.requestUrl",
                "status": "httpRequest.status",
                "request_size": "httpRequest.requestSize",
                "response_size": "httpRequest.responseSize",
                "duration": "httpRequest.latency",
                "client": "httpRequest.remoteIp",
                "http_version": "httpRequest.protocol",
                "user_agent": "httpRequest.userAgent",
                "trace_id": "logging.googleapis.com/trace",
                "span_id": "logging.googleapis.com/spanId",
                "trace_sampled": "logging.googleapis.com/trace_sampled",
                "severity": "severity",
                "message": "message",
                "exception_trace": "stack_trace",
            },
        ),
        (
            "flat",
            {
                "method": "method",
                "path": "path",
                "query": "query",
                "scheme": "scheme",
                "route": "route",
                "status": "status",
                "request_size": "bytes_in",
                "response_size": "bytes_out",
                "duration": "duration_ms",
                "client": "client",
                "peer": "peer",
                "http_version": "http_version",
                "user_agent": "user_agent",
                "request_id": "request_id",
                "trace_id": "trace_id",
                "span_id": "span_id",
                "error_type": "error",
            },
        ),
    ],
    ids=PRESETS,
)
def test_the_names(word, expected):
    """As the readers of each preset look for them."""
    # observability L5
    assert expected == {fact: name for fact, name in named(word).items() if fact in expected}


@pytest.mark.parametrize(
    ("word", "duration", "ttfb", "size"),
    [
        # Of 12 345 678 ns and 1234 bytes.
        ("otel", 0.012345, 0.012345, 1234),
        ("ecs", 12_345_678, 0.012345, 1234),
        ("gcp", "0.012345s", 0.012345, "1234"),
        ("flat", 12.345, 12.345, 1234),
    ],
)
def test_the_units(word, duration, ttfb, size):
    """Seconds, nanoseconds, a Duration of protocol buffers, milliseconds; bytes."""
    # observability L5
    preset = PRESETS[word]

    assert duration == preset.duration(12_345_678)
    assert ttfb == preset.ttfb(12_345_678)
    assert size == preset.size(1234)


@EVERY
@given(ns=st.integers(0, 10**15))
def test_durations_are_exact_to_the_microsecond(word, ns):
    """Up to ten days, whatever the unit; the rest is cut off, never rounded up."""
    # observability L5
    told = PRESETS[word].duration(ns)
    microseconds = {
        "otel": lambda: round(told * 10**6),
        "ecs": lambda: told // 1000,
        "gcp": lambda: int(told.removesuffix("s").replace(".", "")),
        "flat": lambda: round(told * 1000),
    }

    assert ns // 1000 == microseconds[word]()


def test_what_else_differs():
    """One row for each: the version's prefix, unknown methods, header lists, constants, nesting."""
    # observability L5
    assert {
        "otel": ("", True, True, None, ""),
        "ecs": (
            "",
            False,
            False,
            {"ecs.version": "8.11", "event.category": ["web"], "event.type": ["access"]},
            "",
        ),
        "gcp": ("HTTP/", False, False, None, "httpRequest"),
        "flat": ("", False, False, None, ""),
    } == {
        word: (
            preset.version,
            preset.folds_method,
            preset.lists_headers,
            preset.constant,
            preset.parent,
        )
        for word, preset in PRESETS.items()
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({}, {}),
        ({"a": 1}, {"a": 1}),
        ({"r": 1, "rx": 2}, {"r": 1, "rx": 2}),
        ({"a": 1, "r.x": 2, "b": 3, "r.y": 4}, {"a": 1, "b": 3, "r": {"x": 2, "y": 4}}),
        ({"r.x.y": 1}, {"r": {"x.y": 1}}),
    ],
)
def test_nested(line, expected):
    """Names that begin with the parent and a dot become members; the rest keeps its order."""
    # observability L5
    made = nested(line, "r")

    assert expected == made
    assert list(expected) == list(made)
