"""What the stack of five costs, against natural peers, and against one function fused by hand.

All of it is what is added to the bare application, in one process, batch by batch in turn. On every
row of the table the same fields go through the same structlog configuration into a file that drops
them (`limit.FIELDS`, `recipe`). Below it stand further comparisons, each with what it is held to.
``python -m tests.benchmarks.stacks SECTION…`` prints single sections.

Must never move a limit to what is measured: a figure above its limit is printed as that.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import structlog

import dualware
from dualware import asgi, wsgi
from dualware.effects import REAL
from tests.benchmarks import barest, exchanges, limit
from tests.benchmarks.exchanges import CASES, Case
from tests.benchmarks.measure import Cost, above, interleaved, on_own_stack
from tests.benchmarks.recipe import NOWHERE, recipe

__all__ = ["LIMITS", "SECTIONS", "SIDES", "report"]

LIMITS: dict[str, dict[str, tuple[float | None, float | None]]] = {
    # case: at most so many times the peers, and the function fused by hand; None: no limit
    "ASGI": {
        "small": (0.45, 1.24),
        "404": (0.45, 1.24),
        "generated id": (0.42, 1.25),
        "preflight": (0.45, 1.20),
        "stream, identity": (0.32, 1.30),
        "stream, gzip": (None, 1.05),
        "10 KB, gzip": (0.75, 1.07),
    },
    "WSGI": {
        "small": (0.32, 1.13),
        "404": (0.32, 1.13),
        "generated id": (0.33, 1.13),
        "preflight": (0.55, 1.15),
        "stream, identity": (0.68, 1.23),
        "stream, gzip": (None, 1.05),
        "10 KB, gzip": (0.72, 1.05),
    },
}
AS_USED = {"ASGI": 0.30, "WSGI": 0.22}
"""Each as its users run it: at most so many times the peers, for a small response."""
ONE_BY_ONE = 1.05
"""Five wrappers directly around each other: at most so many times the one stack."""
FRAMEWORKS: dict[str, float | None] = {"Flask": 0.5, "Django": 0.2, "FastAPI": None}
"""Around a framework: at most so many times what its users put there."""
ALONE = {"request_id": 1.0, "logging": 1.0, "timing": 1.0, "cors": 0.65, "gzip": 0.5}
"""Each middleware alone under ASGI, a small response: at most so many times its peer."""
GZIP_ALONE = 1.0
"""And gzip alone, where it codes."""

ROUNDS = 40


def peers() -> Any:
    """The natural peers, None where they are not installed."""
    try:
        found = import_module("tests.benchmarks.peers")
        found.asgi_alone()
        found.wsgi_alone()
    except ImportError as error:
        print(f"  NO PEERS: {error}. `make bench` installs them: the group `bench`.")
        return None
    return found


class _Side:
    """One protocol."""

    def __init__(self, name: str, room: Any, limited: Any) -> None:
        self.name = name
        word = name.lower()
        self.room = room
        self.app: Callable[[Case], Any] = getattr(exchanges, f"{word}_app")
        self.call: Callable[[Any, Case], Callable[[], object]] = getattr(exchanges, f"{word}_call")
        self._limited = limited

    def stack(self, app: Any, settings: Mapping[str, Any] = limit.SETTINGS) -> Any:
        return dualware.wrap(app, settings, protocol=self.name.lower())  # type: ignore[call-overload]

    def limited(self, app: Any) -> Any:
        return self._limited(app, structlog.get_logger("access").bind())

    def one_by_one(self, app: Any) -> Any:
        """Five wrappers, one around the other."""
        room, settings = self.room, limit.SETTINGS
        app = room.GZipMiddleware(app, **settings["gzip"])
        app = room.CORSMiddleware(app, **settings["cors"])
        app = room.TimingMiddleware(app, **settings["timing"])
        app = room.LoggingMiddleware(app, **settings["logging"])
        return room.RequestIDMiddleware(app, **settings["request_id"])

    def cost(self, case: Case, *made: tuple[str, Callable[[Any], Any]]) -> dict[str, Cost]:
        """The cost of the case, bare and with each of what is put around its application."""
        app = self.app(case)
        calls = {"bare": self.call(app, case)}
        calls |= {name: self.call(make(app), case) for name, make in made}
        return _measured(calls, case)


def _measured(calls: Mapping[str, Callable[[], object]], case: Case) -> dict[str, Cost]:
    """The cost of all, where none of ours has failed and gone on without."""
    failures = REAL.report.count  # type: ignore[attr-defined]
    for call in calls.values():
        call()
    cost = interleaved(calls, batch=case.batch, rounds=ROUNDS)
    if REAL.report.count != failures:  # type: ignore[attr-defined]
        raise RuntimeError("what fails and is reported costs something else: see the log above")
    return cost


SIDES = (_Side("ASGI", asgi, limit.asgi_limit), _Side("WSGI", wsgi, limit.wsgi_limit))


class _Verdicts:
    """Figures, told with what they are held to."""

    def __init__(self) -> None:
        self.kept = True

    def told(self, ratios: tuple[float, ...], most: float | None) -> str:
        """A ratio by minima with its limit, and by medians in brackets."""
        least, median = ratios
        text = f"{least:.2f} [{median:.2f}]"
        if most is None:
            return text
        self.kept &= least <= most
        return f"{text} (at most {most:.2f}{'' if least <= most else ', BROKEN'})"


# Sections


def table() -> bool:
    """The stack of five, case by case."""
    recipe()
    natural, verdicts = peers(), _Verdicts()
    print("The stack of five above the bare application, over natural peers and over one function")
    print("fused by hand: ratios of minima [of medians]; the bare application over the latter")
    for side in SIDES:
        for name, case in CASES.items():
            made = [("ours", side.stack), ("limit", side.limited)]
            if natural is not None:
                made.append(("peers", getattr(natural, f"{side.name.lower()}_peers")))
            cost = side.cost(case, *made)
            by_peers, by_hand = LIMITS[side.name][name]
            told = verdicts.told(above(cost, "ours", "limit"), by_hand)
            versus = ""
            if natural is not None:
                versus = f"peers {verdicts.told(above(cost, 'ours', 'peers'), by_peers):<38} "
            bare = cost["bare"] / (cost["limit"] - cost["bare"])
            print(f"  {side.name} {name + ':':<18}{versus}fused {told}; bare {bare:.2f}")
    return verdicts.kept


def model() -> bool:
    """The event model at its barest, between the function fused by hand and the stack."""
    recipe()
    side = SIDES[0]
    print("The event model at its barest above the bare application, over the function fused by")
    print("hand; and the stack over it: what its laws, its settings and its other protocol take")
    for name in barest.CASES:
        cost = side.cost(
            CASES[name],
            ("ours", side.stack),
            ("limit", side.limited),
            ("barest", lambda app: barest.asgi_barest(app, structlog.get_logger("access").bind())),
        )
        by_hand, ours = above(cost, "barest", "limit"), above(cost, "ours", "barest")
        told = f"{by_hand[0]:.2f} [{by_hand[1]:.2f}]; the stack {ours[0]:.2f} [{ours[1]:.2f}]"
        print(f"  {side.name} {name + ':':<18}{told}")
    return True


def as_used() -> bool:
    """Ours with `configure_logging` and the extra `fast`, theirs with the recipe."""
    natural, verdicts = peers(), _Verdicts()
    if natural is None:
        return True
    print("Each as its users run it: `configure_logging`, all fields, and the extra `fast`")
    case = CASES["small"]
    for side in SIDES:
        recipe()
        around = getattr(natural, f"{side.name.lower()}_peers")
        app = side.app(case)
        theirs = around(app)
        # A logger stays as it was configured when it was first used.
        side.call(theirs, case)()
        dualware.configure_logging(stream=NOWHERE)
        settings = {**limit.SETTINGS, "logging": {}, "gzip": {}}
        ours = side.stack(app, settings)
        cost = side.cost(
            case, ("ours", lambda _, made=ours: made), ("peers", lambda _, made=theirs: made)
        )
        told = verdicts.told(above(cost, "ours", "peers"), AS_USED[side.name])
        print(f"  {side.name} small: {told}")
    return verdicts.kept


def one_by_one() -> bool:
    """Five wrappers against one stack."""
    recipe()
    verdicts = _Verdicts()
    print("Five wrappers applied one by one, over the one stack")
    for side in SIDES:
        for name in ("small", "stream, identity"):
            cost = side.cost(CASES[name], ("stack", side.stack), ("five", side.one_by_one))
            told = verdicts.told(above(cost, "five", "stack"), ONE_BY_ONE)
            print(f"  {side.name} {name}: {told}")
    return verdicts.kept


def alone() -> bool:
    """Each middleware alone, against the peer of its name."""
    recipe()
    natural, verdicts = peers(), _Verdicts()
    if natural is None:
        return True
    print("Each middleware alone, over its peer; others over the peer of what they do")
    for side in SIDES:
        theirs = getattr(natural, f"{side.name.lower()}_alone")()
        made = [
            (f"our {name}", lambda app, s={name: settings}, side=side: side.stack(app, s))
            for name, settings in limit.SETTINGS.items()
        ]
        cost = side.cost(CASES["small"], *made, *theirs.items())
        for name in limit.SETTINGS:
            # Limits are those of ASGI: its peers have the same names as ours.
            most = ALONE[name] if side.name == "ASGI" else None
            told = verdicts.told(above(cost, f"our {name}", name), most)
            print(f"  {side.name} {name}: {told}")
        for name in theirs.keys() - limit.SETTINGS.keys():
            ours = "our timing"
            if name == "Litestar's CORS":
                ours = "our cors"
            elif name == "Litestar's gzip":
                ours = "our gzip"
            print(f"  {side.name} {ours[4:]}, over {name}: {above(cost, ours, name)[0]:.2f}")
    side = SIDES[0]
    made = [("ours", lambda app: side.stack(app, {"gzip": limit.SETTINGS["gzip"]}))]
    cost = side.cost(CASES["10 KB, gzip"], *made, ("peer", natural.asgi_alone()["gzip"]))
    print(f"  ASGI gzip, 10 KB coded: {verdicts.told(above(cost, 'ours', 'peer'), GZIP_ALONE)}")
    return verdicts.kept


def frameworks() -> bool:
    """Around Flask, Django and FastAPI, against what their users put there."""
    recipe()
    natural, verdicts = peers(), _Verdicts()
    if natural is None:
        return True
    from tests.benchmarks import hosts

    asgi_side, wsgi_side = SIDES
    print("The stack of five around a framework, above it, over what its users put there")
    for name, most in FRAMEWORKS.items():
        side = asgi_side if name == "FastAPI" else wsgi_side
        bare, theirs, ours = getattr(hosts, name.lower())(natural)
        for which in ("small", "10 KB, gzip"):
            path = exchanges.PATH if which == "small" else "/items"
            case = CASES[which]._replace(batch=20, path=path)
            calls = {"bare": bare, "peers": theirs, "ours": ours}
            ready = {each: side.call(app, case) for each, app in calls.items()}
            cost = _measured(ready, case)
            limited = most if which == "small" else None
            print(f"  {name} {which}: {verdicts.told(above(cost, 'ours', 'peers'), limited)}")
    return verdicts.kept


SECTIONS: dict[str, Callable[[], bool]] = {
    "table": table,
    "model": model,
    "as_used": as_used,
    "one_by_one": one_by_one,
    "alone": alone,
    # Last: its recipes bind context variables with structlog, which others then have to look at.
    "frameworks": frameworks,
}

_PACKAGES = (
    "dualware", "structlog", "werkzeug", "isal", "zlib-ng", "orjson", "starlette", "fastapi",
    "litestar", "asgi-correlation-id", "timing-asgi", "opentelemetry-instrumentation-asgi",
    "opentelemetry-instrumentation-wsgi", "wsgi-request-id", "wsgicors", "paste", "flask",
    "flask-cors", "flask-compress", "django", "django-cors-headers", "django-structlog",
)  # fmt: skip


def _versions() -> str:
    told = []
    for name in _PACKAGES:
        try:
            told.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            told.append(f"no {name}")
    return ", ".join(told)


def _machine() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    model = models[0] if models else platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores, {platform.system()}"


def report(sections: tuple[str, ...] = tuple(SECTIONS)) -> bool:
    """Print the sections. Returns whether every limit is kept."""
    kept = True

    def run() -> None:
        nonlocal kept
        for name in sections:
            kept = SECTIONS[name]() and kept

    on_own_stack(run)
    structlog.reset_defaults()
    print(f"  {_machine()}; {_versions()}")
    return kept


if __name__ == "__main__":
    sys.exit(0 if report(tuple(sys.argv[1:]) or tuple(SECTIONS)) else 1)
