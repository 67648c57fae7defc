"""What importing costs: `dualware` against what it is made of, and what else comes in.

Each import is timed by ``-X importtime`` in a process of its own, the sides in turn, the least of
each counts: the sum of what every module took itself. Then there is what each public module may not
pull in, above all the room of the other protocol. Knows module names. Must never import what it
measures.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile

from tests.benchmarks.limit import SETTINGS

__all__ = ["ABSENT", "MOST", "loaded", "report"]

MOST = 1.3
"""At most so many times what the libraries cost that it is made of."""
LIBRARIES = "structlog, werkzeug.http, pydantic"

ABSENT: dict[str, tuple[str, ...]] = {
    "dualware": ("asyncio", "dualware.testing", "starlette", "django", "flask", "httpx", "uvicorn"),
    "dualware.asgi": ("dualware.wsgi", "dualware.frameworks", "dualware.cli", "asyncio"),
    "dualware.wsgi": ("dualware.asgi", "dualware.frameworks", "dualware.cli", "asyncio"),
    "dualware.frameworks.flask": ("dualware.asgi", "dualware.frameworks.starlette", "starlette"),
    "dualware.frameworks.starlette": ("dualware.wsgi", "dualware.frameworks.flask", "flask"),
}
"""A public module → what it must not load, submodules included."""

ROUNDS = 15
# -X importtime: "import time: self [us] | cumulative | imported package".
_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| +(\S+)")


def _run(*arguments: str, cache: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ)
    if cache is not None:
        # Compiled code is kept, as where the package is installed.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment["PYTHONPYCACHEPREFIX"] = cache
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=60, env=environment
    )


def cost(code: str, cache: str) -> int:
    """Run ``code`` in a process of its own. Returns the us of its imports, Python's own aside."""
    told = _run("-X", "importtime", "-c", code, cache=cache).stderr
    # What Python loads before it runs our line ends with `site`.
    return sum(int(took) for took, _ in _LINE.findall(told.rpartition("| site\n")[2]))


def loaded(modules: str) -> frozenset[str]:
    """Every module that importing ``modules`` loads."""
    code = f"import sys; before = set(sys.modules); import {modules}; "
    return frozenset(_run("-c", f"{code}print(*(set(sys.modules) - before))").stdout.split())


def unwanted(module: str) -> list[str]:
    """What ``module`` loads and must not."""
    # What the libraries load of it is theirs.
    found = loaded(module) - loaded(LIBRARIES)
    return sorted(
        name
        for each in ABSENT[module]
        for name in found
        if name == each or name.startswith(f"{each}.")
    )


def report() -> bool:
    """Print the ratio, and what is loaded that must not be. Returns whether all is kept."""
    sides = {
        "dualware": "import dualware",
        "rooms": "import dualware.asgi, dualware.wsgi",
        "made": f"import dualware; dualware.wrap(print, {SETTINGS}, protocol='asgi')",
        "libraries": f"import {LIBRARIES}",
    }
    taken: dict[str, list[int]] = {name: [] for name in sides}
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(ROUNDS):
            for name, code in sides.items():
                taken[name].append(cost(code, cache))
    ratio, rooms, made = (
        min(taken[name]) / min(taken["libraries"]) for name in ("dualware", "rooms", "made")
    )
    kept = ratio <= MOST
    print(f"import dualware, over import {LIBRARIES}: {ratio:.2f} (at most {MOST});")
    print(
        f"  with the wrappers of both protocols {rooms:.2f}, with a stack of five made {made:.2f}"
    )
    for module in ABSENT:
        found = unwanted(module)
        kept &= not found
        own = sum(name.startswith("dualware") for name in loaded(module))
        told = f"LOADS {', '.join(found)}" if found else "loads nothing that it must not"
        print(f"  {module}: {own} modules of ours, {told}")
    return kept
