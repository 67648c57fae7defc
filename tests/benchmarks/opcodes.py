"""``python -m tests.benchmarks.opcodes [FILE.svg]``: the steps of an exchange, by their part.

A step is an instruction of the interpreter: the same number in every run, whatever else the machine
does. Knows which file belongs to which part. Must never measure a time.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

import dualware
from tests.benchmarks import limit
from tests.benchmarks.exchanges import CASES, asgi_app, asgi_call, wsgi_app, wsgi_call
from tests.benchmarks.recipe import recipe

__all__ = ["counted", "main", "part_of"]

ROOT = Path(dualware.__file__).parent

PARTS = {
    "logging": ("middleware/logging", "core/logging", "core/memo", "core/timing/figures"),
    "request_id": ("middleware/request_id", "core/request_id"),
    "timing": ("middleware/timing", "core/timing"),
    "cors": ("middleware/cors", "core/cors"),
    "compression": ("middleware/compression", "core/compression"),
    "request and response": ("asgi/request", "wsgi/request", "core/message"),
    "fields of the head": ("asgi/quick", "wsgi/quick", "core/headers", "core/header_names",
                           "core/field_names", "core/fields", "core/lists"),
    "event model": ("core/engine", "core/ending", "core/nesting", "core/current", "core/record",
                    "core/exchange"),
    "driver": ("asgi/", "wsgi/"),
}  # fmt: skip
"""Where the files of each part stand; the first that fits counts."""
LINE = "structlog's line"
COLOURS = ("#4c72b0", "#dd8452", "#55a868", "#c44e52", "#8172b3", "#937860", "#da8bc3", "#8c8c8c",
           "#ccb974", "#64b5cd", "#303030")  # fmt: skip


def part_of(filename: str) -> str | None:
    """The part that a file belongs to; None for the application and the server."""
    path = Path(filename)
    if path.is_relative_to(ROOT):
        name = path.relative_to(ROOT).as_posix()
        return next((part for part, starts in PARTS.items() if name.startswith(starts)), "driver")
    if path.name == "limit.py":
        return "by hand"
    return LINE if "structlog" in path.parts or "json" in path.parts else None


def counted(call: Callable[[], object]) -> Counter[str]:
    """The steps of one call, by part, when everything that is remembered is."""
    for _ in range(50):
        call()
    steps: Counter[str] = Counter()

    def trace(frame: Any, event: str, _argument: object) -> Any:
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        part = part_of(frame.f_code.co_filename)
        if event == "opcode" and part is not None:
            steps[part] += 1
        return trace

    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(None)
    return steps


def _rows() -> list[tuple[str, Counter[str]]]:
    logger = structlog.get_logger("limit").bind()
    sides = {
        "ASGI": (asgi_app, asgi_call, limit.asgi_limit),
        "WSGI": (wsgi_app, wsgi_call, limit.wsgi_limit),
    }
    rows: list[tuple[str, Counter[str]]] = []
    for side, (made, calling, limited) in sides.items():
        for name in ("small", "preflight", "10 KB, gzip"):
            case = CASES[name]
            stack = dualware.wrap(made(case), limit.SETTINGS, protocol=side.lower())
            rows.append((f"{side} {name}", counted(calling(stack, case))))
            rows.append(("by hand", counted(calling(limited(made(case), logger), case))))
    return rows


def _svg(rows: list[tuple[str, Counter[str]]]) -> str:
    parts = ["by hand", LINE, *PARTS]
    wide = max(sum(steps.values()) for _, steps in rows)
    shapes: list[str] = []
    for index, (name, steps) in enumerate(rows):
        top, left = 12 + index * 22, 150.0
        shapes.append(f'<text x="144" y="{top + 12}" text-anchor="end">{name}</text>')
        for part, colour in zip(parts, COLOURS, strict=True):
            width = 560 * steps[part] / wide
            if width:
                shapes.append(
                    f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="16" '
                    f'fill="{colour}"><title>{part}: {steps[part]}</title></rect>'
                )
            left += width
        shapes.append(f'<text x="{left + 6:.1f}" y="{top + 12}">{sum(steps.values())}</text>')
    below = 24 + len(rows) * 22
    for index, (part, colour) in enumerate(zip(parts, COLOURS, strict=True)):
        x, y = 150 + index % 3 * 200, below + index // 3 * 18
        shapes.append(f'<rect x="{x}" y="{y}" width="12" height="12" fill="{colour}"/>')
        shapes.append(f'<text x="{x + 18}" y="{y + 10}">{part}</text>')
    size = f'width="780" height="{below + 80}"'
    style = "<style>text{font:12px sans-serif}</style>"
    ground = '<rect width="100%" height="100%" fill="#fff"/>'
    lines = "\n".join([style, ground, *shapes])
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n{lines}\n</svg>\n'


def main(arguments: list[str]) -> None:
    """Print the table, and draw it into the file that is named."""
    recipe()
    rows = _rows()
    for name, steps in rows:
        told = ", ".join(f"{part} {count}" for part, count in steps.most_common())
        print(f"{name:<18} {sum(steps.values()):>5}  {told}")
    for path in arguments:
        Path(path).write_text(_svg(rows), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
