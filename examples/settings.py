"""The settings that every example is wrapped with: one mapping, whatever the protocol.

Must never name a framework or a protocol.
"""

SETTINGS = {
    "request_id": {"header": "X-Request-ID"},
    "logging": {"preset": "otel"},
    "timing": {"expose_spans": True},
}
