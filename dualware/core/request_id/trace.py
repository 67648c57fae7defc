"""Trace context: what callers say about the trace that a request belongs to.

Total functions over header values: whatever the text, they return ids or None, and never raise.
Must never make an id up, correct one, or write a trace header; that is a tracer's business.

All return the same keys, those that are known: ``trace_id`` (32 lower-case hex digits),
``parent_span_id`` (16), ``trace_flags`` (2; the lowest bit is "sampled").
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = [
    "EXTRACTORS",
    "VALUE_MOST",
    "b3",
    "current_span",
    "traceparent",
    "x_amzn_trace_id",
    "x_cloud_trace_context",
]

VALUE_MOST: Final = 1024
"""Characters of the longest value that is looked at."""

_BLANK: Final = " \t"
"""RFC 9110 §5.6.3: optional whitespace, which may surround a value."""

# W3C Trace Context §3.2.2: version "-" trace-id "-" parent-id "-" trace-flags. Lower case only,
# version ff and ids of zeros are invalid. A comma means several lines, which are invalid too.
_TRACEPARENT: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-[^,]*)?"
)


def traceparent(value: str) -> dict[str, str] | None:
    """The ids of a W3C ``traceparent`` header, None if it is invalid.

    >>> traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")["parent_span_id"]
    'b7ad6b7169203331'
    """
    if len(value) > VALUE_MOST:
        return None
    match = _TRACEPARENT.fullmatch(value.strip(_BLANK))
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    # §3.2.2.1: version 00 ends here. §4.3: a later one may go on after another dash.
    if version == "00" and more is not None:
        return None
    return {"trace_id": trace_id, "parent_span_id": span_id, "trace_flags": flags}


# AWS X-Ray: Root=1-{8 digits of time}-{24 digits};Parent={16 digits};Sampled={0, 1 or ?}; a load
# balancer adds Self=…, and applications fields of their own.
_ROOT: Final = re.compile(r"1-([0-9a-fA-F]{8})-([0-9a-fA-F]{24})")
_SPAN: Final = re.compile(r"[0-9a-fA-F]{16}")


def x_amzn_trace_id(value: str) -> dict[str, str] | None:
    """The ids of an ``X-Amzn-Trace-Id`` header, None without a valid ``Root``.

    The two parts of Root, put together, are the trace id in W3C form.
    """
    if len(value) > VALUE_MOST:
        return None
    parts = (part.partition("=") for part in value.split(";"))
    fields = {name.strip(_BLANK): text.strip(_BLANK) for name, _, text in parts}
    root = _ROOT.fullmatch(fields.get("Root", ""))
    if root is None:
        return None
    span = fields.get("Parent", "")
    sampled = {"0": "00", "1": "01"}.get(fields.get("Sampled", ""))
    return _trace("".join(root.groups()), span if _SPAN.fullmatch(span) else None, sampled)


# Google Cloud: {32 hex digits}/{span id, decimal};o={options, the lowest bit is "sampled"}.
_CLOUD: Final = re.compile(r"([0-9a-fA-F]{32})(?:/([0-9]{1,20}))?(?:;o=([0-9]{1,3}))?")


def x_cloud_trace_context(value: str) -> dict[str, str] | None:
    """The ids of an ``X-Cloud-Trace-Context`` header, None if it is invalid."""
    match = _CLOUD.fullmatch(value.strip(_BLANK)) if len(value) <= VALUE_MOST else None
    if match is None:
        return None
    trace_id, span, options = match.groups()
    number = int(span or "0")
    return _trace(
        trace_id,
        # 20 digits can say more than the 64 bits of a span id.
        f"{number:016x}" if number < 1 << 64 else None,
        None if options is None else f"{int(options) & 1:02x}",
    )


# B3, single header: {trace id, 64 or 128 bits}-{span id}[-{0, 1 or d}[-{parent span id}]].
_B3: Final = re.compile(
    r"([0-9a-f]{32}|[0-9a-f]{16})-([0-9a-f]{16})(?:-([01d])(?:-[0-9a-f]{16})?)?"
)


def b3(value: str) -> dict[str, str] | None:
    """The ids of a single ``b3`` header, None if it is invalid or only a sampling decision.

    A trace id of 64 bits is filled up with zeros, as tracers of 128 bits do. The span id is the
    caller's, so it is our parent. Debug (``d``) implies "sampled".
    """
    match = _B3.fullmatch(value.strip(_BLANK)) if len(value) <= VALUE_MOST else None
    if match is None:
        return None
    trace_id, span, state = match.groups()
    return _trace(trace_id.zfill(32), span, {None: None, "0": "00"}.get(state, "01"))


def _trace(trace_id: str, span: str | None, flags: str | None) -> dict[str, str] | None:
    """What is known, in one form; ids of zeros are none (W3C Trace Context §3.2.2)."""
    if not trace_id.strip("0"):
        return None
    found = {"trace_id": trace_id.lower()}
    if span is not None and span.strip("0"):
        found["parent_span_id"] = span.lower()
    if flags is not None:
        found["trace_flags"] = flags
    return found


EXTRACTORS: Final[Mapping[str, Callable[[str], dict[str, str] | None]]] = {
    "traceparent": traceparent,
    "x-amzn-trace-id": x_amzn_trace_id,
    "x-cloud-trace-context": x_cloud_trace_context,
    "b3": b3,
}
"""Header name (lower case) → what reads it."""


def current_span() -> dict[str, str] | None:
    """The ids of OpenTelemetry's current span, None without a valid one.

    ``trace_id``, ``span_id`` and ``trace_flags``: where there is such a span, it knows better
    than the headers of the request. Who has not imported OpenTelemetry has no span, so it is not
    imported here either.
    """
    api: Any = sys.modules.get("opentelemetry.trace")
    if api is None:
        return None
    try:
        context = api.get_current_span().get_span_context()
        # Asked before anything is written out: most code runs outside any span.
        return _ids_of(context) if context.is_valid else None
    except Exception:
        # Half imported, or not the API that we know: there is no span to be had.
        return None


def _ids_of(context: Any) -> dict[str, str]:
    return {
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "trace_flags": f"{context.trace_flags:02x}",
    }
