"""What the tests of CORS share: origins, requests as browsers send them, and what came back.

Knows both protocols through `Dual`. Must never know what a test expects.
"""

from dualware import load
from dualware.testing import Script

A = "https://a.example"
B = "https://b.example"
EVIL = "https://evil.example"

VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
"""Vary of the answer to a preflight."""


def cors(**settings):
    """The stack of CORS alone; A is allowed unless something else is said."""
    given = {"allow_origins", "allow_origin_regex", "policies", "websocket_origins"}
    return load(
        {"cors": settings if given & settings.keys() else {"allow_origins": [A], **settings}}
    )


def headers_of(origin, more=()):
    """Header fields with the origin, if there is one; more are pairs or a mapping."""
    pairs = more.items() if isinstance(more, dict) else more
    return [*([] if origin is None else [("Origin", origin)]), *pairs]


def actual(dual, stack, origin=A, method="GET", headers=(), script=None, path="/", **options):
    """A request that is no preflight."""
    script = Script() if script is None else script
    return dual.request(script, stack, method, path, headers=headers_of(origin, headers), **options)


def preflight(dual, stack, origin=A, method="PUT", names=None, headers=(), script=None, path="/"):
    """A preflight for ``method`` and, where there are any, header ``names``."""
    asked = [("Access-Control-Request-Method", method)]
    if names is not None:
        asked.append(("Access-Control-Request-Headers", names))
    more = headers_of(None, headers)
    return actual(dual, stack, origin, "OPTIONS", [*asked, *more], script, path)


def shared(result):
    """What the response says of sharing, shortly: ``{"allow-origin": "*"}``."""
    return {
        name.removeprefix("access-control-"): value
        for name, value in result.headers
        if name.startswith("access-control-") or name == "timing-allow-origin"
    }
