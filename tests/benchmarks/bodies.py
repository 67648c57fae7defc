"""Bodies that benchmarks compress: JSON as an API sends it, the same in every run.

Knows the shape of such bodies. Must never be tuned to a coding: names, numbers, dates and ids stand
in it in the measure in which they stand in what people send.
"""

from __future__ import annotations

import json
import random
from typing import Any

__all__ = ["api_json"]

_WORDS = (
    "account", "address", "annual", "balance", "blue", "branch", "budget", "cable", "central",
    "change", "charge", "city", "clear", "client", "coast", "contract", "corner", "credit",
    "current", "daily", "delivery", "design", "direct", "district", "dollar", "east", "engine",
    "entry", "express", "factory", "field", "final", "first", "flight", "forest", "garden",
    "general", "glass", "global", "gold", "grand", "green", "group", "harbour", "health", "heavy",
    "home", "house", "import", "inner", "island", "item", "junction", "key", "lake", "land",
    "level", "light", "line", "local", "main", "market", "master", "meter", "model", "modern",
    "monthly", "mountain", "national", "north", "number", "office", "old", "open", "order",
    "outer", "paper", "park", "part", "plain", "plant", "point", "port", "premium", "price",
    "prime", "project", "public", "quality", "quick", "rail", "red", "region", "rental", "repair",
    "report", "river", "road", "round", "royal", "sample", "school", "service", "short", "silver",
    "small", "south", "square", "standard", "state", "station", "steel", "stone", "store",
    "street", "summer", "supply", "support", "system", "test", "title", "total", "tower", "town",
    "track", "trade", "union", "unit", "upper", "valley", "value", "view", "water", "week",
    "west", "white", "winter", "wood", "work", "world", "yard", "year", "zone",
)  # fmt: skip


def api_json(size: int) -> bytes:
    """A list of records, as near to ``size`` bytes as whole records come, and no longer."""
    source = random.Random(20261126)
    records = [_record(source)]
    while len(json.dumps(records)) < size:
        records.append(_record(source))
    return json.dumps(records[:-1] or records).encode()


def _record(source: random.Random) -> dict[str, Any]:
    def some(number: int) -> str:
        return " ".join(source.choice(_WORDS) for _ in range(number))

    first, last = source.choice(_WORDS), source.choice(_WORDS)
    return {
        "id": source.randrange(10**6),
        "reference": f"{source.getrandbits(64):016x}",
        "name": f"{first.title()} {last.title()}",
        "email": f"{first}.{last}@example.com",
        "active": source.random() < 0.8,
        "created_at": f"2026-{source.randint(1, 12):02}-{source.randint(1, 28):02}T"
        f"{source.randint(0, 23):02}:{source.randint(0, 59):02}:00Z",
        "balance": round(source.random() * 1000, 2),
        "description": some(source.randint(6, 18)),
        "tags": [source.choice(_WORDS) for _ in range(source.randint(0, 3))],
    }
