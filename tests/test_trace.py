"""Trace headers: what is read from them, and that no text can break the reading.

No protocol is involved: both drivers hand over the same folded text.
"""

import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualware.core.request_id.trace import (
    EXTRACTORS,
    b3,
    current_span,
    traceparent,
    x_amzn_trace_id,
    x_cloud_trace_context,
)

TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"


def found(trace=TRACE, span=SPAN, flags="01"):
    """What a reader returns; None leaves a key out."""
    pairs = {"trace_id": trace, "parent_span_id": span, "trace_flags": flags}
    return {name: value for name, value in pairs.items() if value is not None}


# W3C traceparent

VALID = {
    "as in the standard": (GOOD, found()),
    "not sampled": (f"00-{TRACE}-{SPAN}-00", found(flags="00")),
    "unknown flags": (f"00-{TRACE}-{SPAN}-ff", found(flags="ff")),
    "whitespace around": (f" \t{GOOD} ", found()),
    "later version": (f"01-{TRACE}-{SPAN}-01", found()),
    "later version with more": (f"cc-{TRACE}-{SPAN}-01-what-the-future-holds", found()),
    "later version ending in a dash": (f"cc-{TRACE}-{SPAN}-01-", found()),
    "fe is the last version": (f"fe-{TRACE}-{SPAN}-01", found()),
}
INVALID = {
    "empty": "",
    "version ff": f"ff-{TRACE}-{SPAN}-01",
    "version 00 with more": f"{GOOD}-more",
    "version 00 ending in a dash": f"{GOOD}-",
    "54 characters": GOOD[:-1],
    "56 characters": GOOD + "0",
    "later version without a dash": f"cc-{TRACE}-{SPAN}-01.what",
    "later version cut short": f"cc-{TRACE}-{SPAN}-0",
    "upper case trace id": f"00-{TRACE.upper()}-{SPAN}-01",
    "upper case version": f"0A-{TRACE}-{SPAN}-01",
    "upper case flags": f"00-{TRACE}-{SPAN}-0A",
    "no hex": f"00-{'g' * 32}-{SPAN}-01",
    "trace id of zeros": f"00-{'0' * 32}-{SPAN}-01",
    "span id of zeros": f"00-{TRACE}-{'0' * 16}-01",
    "no version": f"{TRACE}-{SPAN}-01",
    "underscores": GOOD.replace("-", "_"),
    "two lines": f"{GOOD},{GOOD}",
    "two lines of a later version": f"cc-{TRACE}-{SPAN}-01-x,cc-{TRACE}-{SPAN}-01-x",
    "line feed after": f"{GOOD}\n",
    "over-long": f"cc-{TRACE}-{SPAN}-01-" + "x" * 1024,
    "other digits": GOOD.replace("0", "\u0660"),
}


@pytest.mark.parametrize(("value", "expected"), VALID.values(), ids=VALID)
def test_traceparent(value, expected):
    """A valid traceparent gives its three ids."""
    # observability R13

    assert expected == traceparent(value)


@pytest.mark.parametrize("value", INVALID.values(), ids=INVALID)
def test_no_traceparent(value):
    """An invalid one gives nothing, whatever else of it is right."""
    # observability R13

    assert traceparent(value) is None


# The others


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            "Root=1-5759e988-bd862e3fe1be46a994272793",
            found("5759e988bd862e3fe1be46a994272793", None, None),
        ),
        (
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
            found("5759e988bd862e3fe1be46a994272793", "53995c3f42cd8ad8", "01"),
        ),
        (
            "Self=1-6; Root = 1-67891233-ABCDEF012345678912345678 ;CalledFrom=app;Sampled=0",
            found("67891233abcdef012345678912345678", None, "00"),
        ),
        (
            "Parent=53995c3f;Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=?",
            found("5759e988bd862e3fe1be46a994272793", None, None),
        ),
        ("", None),
        ("Root", None),
        ("Root=1-0-0", None),
        ("Root=2-5759e988-bd862e3fe1be46a994272793", None),
        ("Root=1-00000000-000000000000000000000000", None),
        ("Parent=53995c3f42cd8ad8;Sampled=1", None),
        ("Root=1-5759e988-bd862e3fe1be46a994272793,Root=1-5759e988-bd862e3fe1be46a994272793", None),
        (";" * 1025, None),
    ],
)
def test_x_amzn_trace_id(value, expected):
    """The Root is what counts; what else is there may be wrong."""
    # observability R14

    assert expected == x_amzn_trace_id(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"{TRACE}/74;o=1", found(span="000000000000004a")),
        (f" {TRACE.upper()}/18446744073709551615;o=0 ", found(span="f" * 16, flags="00")),
        (f"{TRACE}/74", found(span="000000000000004a", flags=None)),
        (f"{TRACE};o=3", found(span=None)),
        (TRACE, found(span=None, flags=None)),
        (f"{TRACE}/0;o=1", found(span=None)),
        (f"{TRACE}/18446744073709551616", found(span=None, flags=None)),
        ("", None),
        (f"{'0' * 32}/74", None),
        (f"{TRACE}/", None),
        (f"{TRACE}/x", None),
        (f"{TRACE}/74;o=", None),
        (f"{TRACE}/{'9' * 21}", None),
        (f"{TRACE}/74,{TRACE}/74", None),
        (TRACE + " " * 1024, None),
    ],
)
def test_x_cloud_trace_context(value, expected):
    """The span id is decimal and becomes hex."""
    # observability R14

    assert expected == x_cloud_trace_context(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"{TRACE}-{SPAN}-1-{'5' * 16}", found()),
        (f" {TRACE}-{SPAN}-d", found()),
        (f"{TRACE}-{SPAN}-0", found(flags="00")),
        (f"{TRACE}-{SPAN}", found(flags=None)),
        (f"{SPAN}-{SPAN}", found(trace="0" * 16 + SPAN, flags=None)),
        (f"{TRACE}-{'0' * 16}-1", found(span=None)),
        ("0", None),
        ("1", None),
        ("d", None),
        ("", None),
        (f"{'0' * 32}-{SPAN}-1", None),
        (f"{TRACE.upper()}-{SPAN}-1", None),
        (f"{TRACE}-{SPAN}-2", None),
        (f"{TRACE}-{SPAN}-1-", None),
        (f"{TRACE}-{SPAN},{TRACE}-{SPAN}", None),
        (f"{TRACE}-{SPAN}" + " " * 1024, None),
    ],
)
def test_b3(value, expected):
    """The single header; a sampling decision alone has no ids."""
    # observability R14

    assert expected == b3(value)


# Total functions

ALPHABET = f"{TRACE}-{SPAN};=/,o1dRootParentSampled \t\x00\n\u0660é"


@pytest.mark.parametrize("name", EXTRACTORS)
@given(text=st.text() | st.text(alphabet=ALPHABET) | st.sampled_from([*INVALID.values(), "="]))
def test_total(name, text):
    """Any text gives ids in their form, or nothing."""
    # observability R13
    # observability R14
    trace = EXTRACTORS[name](text)

    assert trace is None or {"trace_id"} <= trace.keys() <= found().keys()
    sizes = {"trace_id": 32, "parent_span_id": 16, "trace_flags": 2}
    for key, value in (trace or {}).items():
        assert sizes[key] == len(value)
        assert set(value) <= set("0123456789abcdef")


@given(
    st.text("0123456789abcdef", min_size=32, max_size=32),
    st.text("0123456789abcdef", min_size=16, max_size=16),
    st.text("0123456789abcdef", min_size=2, max_size=2),
)
def test_round_trip(trace, span, flags):
    """Every traceparent that a conforming caller can write is read."""
    # observability R13
    usable = bool(trace.strip("0") and span.strip("0"))
    expected = found(trace, span, flags) if usable else None

    assert expected == traceparent(f"00-{trace}-{span}-{flags}")


# The current span of OpenTelemetry


def otel(monkeypatch, **context):
    """Install an API whose current span has this context."""
    span = SimpleNamespace(get_span_context=lambda: SimpleNamespace(**context))
    api = SimpleNamespace(get_current_span=lambda: span)
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", api)


def test_current_span(monkeypatch):
    """A valid span gives its ids, as hex."""
    # observability R13
    otel(monkeypatch, trace_id=int(TRACE, 16), span_id=0x4A, trace_flags=1, is_valid=True)
    expected = {"trace_id": TRACE, "span_id": "000000000000004a", "trace_flags": "01"}

    assert expected == current_span()


def test_no_valid_span(monkeypatch):
    """An invalid span gives nothing."""
    # observability R13
    otel(monkeypatch, trace_id=0, span_id=0, trace_flags=0, is_valid=False)

    assert current_span() is None


def test_another_api(monkeypatch):
    """A module that is not what its name says gives nothing."""
    # observability R13
    otel(monkeypatch, trace_id="text")

    assert current_span() is None


def test_no_api(monkeypatch):
    """Nobody imported OpenTelemetry, and neither do we."""
    # observability R13
    monkeypatch.delitem(sys.modules, "opentelemetry.trace", raising=False)

    assert current_span() is None
    assert "opentelemetry.trace" not in sys.modules
