"""The settings that every example is wrapped with: one mapping, whatever the protocol.

Must never name a framework or a protocol.
"""

SETTINGS = {
    "request_id": {"header": "X-Request-ID"},
    "logging": {"preset": "otel"},
    "timing": {"expose_spans": True},
    "cors": {
        "allow_origins": ["https://shop.example"],
        "allow_methods": ["PUT"],
        "allow_headers": ["Content-Type"],
        "allow_credentials": True,
        "expose_headers": ["X-Request-ID"],
        "max_age": 600,
    },
    # Padding hides lengths, and has another key in each process: here both sides are compared.
    "compression": {"breach_padding": 0},
}
