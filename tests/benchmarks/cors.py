"""What CORS costs, against Starlette's middleware for the same: a response, a preflight, an attack.

Both stand alone around the same application, with settings that mean the same. What is compared is
what each adds to the bare application. The attack is a preflight that asks for 60 KB of header
names, against an ordinary one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.middleware.cors import CORSMiddleware as StarletteCORS

from dualware import asgi, wsgi
from tests.benchmarks.exchanges import FETCH, ORIGIN, PREFLIGHT
from tests.benchmarks.flows import ENVIRON, SCOPE, asgi_app, asgi_call, wsgi_app, wsgi_call
from tests.benchmarks.measure import interleaved

__all__ = ["LIMITS", "report"]

LIMITS = {"simple": 0.65, "preflight": 0.65}
"""At most this many times what Starlette's middleware adds."""
MOST_OF_ATTACK = 20.0
"""At most this many times an ordinary preflight."""

SETTINGS: dict[str, Any] = {
    "allow_origins": ["https://a.example", ORIGIN],
    "allow_methods": ["PUT", "PATCH", "DELETE"],
    "allow_headers": ["content-type", "x-request-id"],
    "allow_credentials": True,
    "expose_headers": ["x-total"],
    "max_age": 600,
}
BAREST: dict[str, dict[str, Any]] = {
    "origins alone": {"allow_origins": SETTINGS["allow_origins"]},
    "any origin": {"allow_origins": ["*"]},
}
"""Where Starlette writes least. Shown, not held to a limit."""
ATTACK = {**PREFLIGHT, "access-control-request-headers": ",".join(["x-a"] * 15_000)}


def scope_of(method: str, headers: dict[str, str]) -> Any:
    """The scope of a request."""
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {**SCOPE, "method": method, "headers": sent}


def environ_of(method: str, headers: dict[str, str]) -> Any:
    """The environ of the same request."""
    sent = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    return {**ENVIRON, "REQUEST_METHOD": method, **sent}


def report() -> bool:
    """Print the ratios. Returns whether all keep to the limits."""
    scopes = {
        "simple": scope_of("GET", FETCH),
        "preflight": scope_of("OPTIONS", PREFLIGHT),
        "attack": scope_of("OPTIONS", ATTACK),
    }
    ours = asgi.CORSMiddleware(asgi_app, **SETTINGS)
    theirs = StarletteCORS(asgi_app, **SETTINGS)
    cases: dict[str, Callable[[], object]] = {"bare": asgi_call(asgi_app)}
    for name, scope in scopes.items():
        cases[f"ours {name}"] = asgi_call(ours, scope)
    for name in LIMITS:
        cases[f"theirs {name}"] = asgi_call(theirs, scopes[name])
    for name, settings in BAREST.items():
        for side, made in {"ours": asgi.CORSMiddleware, "theirs": StarletteCORS}.items():
            cases[f"{side} {name}"] = asgi_call(made(asgi_app, **settings), scopes["simple"])
    other = wsgi.CORSMiddleware(wsgi_app, **SETTINGS)
    for name, headers in {"preflight": PREFLIGHT, "attack": ATTACK}.items():
        cases[f"wsgi {name}"] = wsgi_call(other, environ_of("OPTIONS", headers))
    cost = interleaved(cases, batch=500)
    print("CORS alone, over what Starlette's adds to the bare application")
    kept = True
    for name, most in LIMITS.items():
        ratio = (cost[f"ours {name}"] - cost["bare"]) / (cost[f"theirs {name}"] - cost["bare"])
        kept &= ratio <= most
        whole = cost[f"ours {name}"] / cost[f"theirs {name}"]
        print(f"  {name:<10} {ratio:.2f} (at most {most:.2f}); application included {whole:.2f}")
    for name in BAREST:
        ratio = (cost[f"ours {name}"] - cost["bare"]) / (cost[f"theirs {name}"] - cost["bare"])
        print(f"  simple, {name} {ratio:.2f}")
    for side, attack, ordinary in (
        ("ASGI", cost["ours attack"], cost["ours preflight"]),
        ("WSGI", cost["wsgi attack"], cost["wsgi preflight"]),
    ):
        kept &= attack / ordinary <= MOST_OF_ATTACK
        print(
            f"  {side} 60 KB of header names, over an ordinary preflight {attack / ordinary:.1f} "
            f"(at most {MOST_OF_ATTACK:.0f})"
        )
    return kept
