"""What every server hands on of CORS: rows of requests, and what is to come back.

Knows the stack ``shared``. Must never know a server.
"""

import pytest

SHOP = "Origin: https://shop.example"
EVIL = "Origin: https://evil.example"
PUT = "Access-Control-Request-Method: PUT"
ONE, TWO = (f"Access-Control-Request-Headers: x-{each}" for each in ("one", "two"))

NOBODY = {}
SHARED = {"allow-origin": "https://shop.example", "allow-credentials": "true"}
MAY_PUT = {**SHARED, "allow-methods": "PUT"}
MAY_ASK = {**MAY_PUT, "allow-headers": "x-one"}

ROWS = [
    pytest.param("GET", [], 200, NOBODY, id="no origin"),
    pytest.param("GET", [SHOP], 200, SHARED, id="allowed"),
    pytest.param("GET", [EVIL], 200, NOBODY, id="denied"),
    pytest.param("GET", [f"{SHOP},https://evil.example"], 200, NOBODY, id="two in one line"),
    pytest.param("PUT", [SHOP], 200, SHARED, id="allowed PUT"),
    pytest.param("OPTIONS", [SHOP, PUT], 204, MAY_PUT, id="preflight"),
    pytest.param(
        "OPTIONS", [SHOP, PUT, ONE], 204, {**MAY_PUT, "allow-headers": "x-one"}, id="names"
    ),
    pytest.param("OPTIONS", [EVIL, PUT], 403, NOBODY, id="preflight denied"),
    pytest.param("OPTIONS", [SHOP, PUT, f"{ONE},x-three"], 403, NOBODY, id="other names"),
    pytest.param("OPTIONS", [SHOP], 200, SHARED, id="no preflight"),
]


def check(server, method, fields, status, expected):
    """Ask one row."""
    wire, told = server.exchange("/shared/one", method, fields)
    start = "access-control-"
    found = {name.removeprefix(start): v for name, v in wire.fields if name.startswith(start)}

    assert (status, expected) == (wire.status, found)
    assert "origin" in wire.values("vary")[0].lower()
    assert "completed" == told["outcome"]
    if status in (204, 403):
        assert b"" == wire.body


def check_lines(server, joins):
    """Repeated lines are one list, and two origins are none; some servers keep the last alone."""
    wire, _ = server.exchange("/shared/one", "OPTIONS", [SHOP, PUT, ONE, TWO])

    assert 204 == wire.status
    assert ["x-one,x-two" if joins else "x-two"] == wire.values("access-control-allow-headers")
    both, _ = server.exchange("/shared/one", fields=[EVIL, SHOP])
    assert ([] if joins else ["true"]) == both.values("access-control-allow-credentials")
