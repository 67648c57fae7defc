"""Names of response fields that are looked for together, in either protocol's list.

Knows pairs of bytes and pairs of native strings. Must never know what a field means.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Final

__all__ = ["FieldNames", "Pair", "Parts"]

Pair = Any
"""A name and its value as the protocol writes them, bytes or `str`: a tuple by both specifications,
but a list of two passes where the server takes it."""

_NAME: Final = itemgetter(0)

_KNOWN_MOST: Final = 1024
"""Spellings that are remembered of one set of names."""


class FieldNames:
    """Names of fields that are looked for together, ready for both kinds of lists.

    Every spelling that was met is remembered, of other names too: an application has few.
    """

    __slots__ = ("as_bytes", "as_str")

    def __init__(self, *names: str) -> None:
        self.as_str: dict[str, str | None] = {name.lower(): name.lower() for name in names}
        self.as_bytes: dict[bytes, str | None] = {
            name.encode("latin-1"): name for name in self.as_str
        }

    def among(self, pairs: list[Pair]) -> dict[str, str]:
        """`Headers.pick` of pairs of bytes."""
        known = self.as_bytes
        found: dict[str, str] = {}
        # By subscripts, and by their type: compiled code takes a third of the time for that.
        for pair in pairs:
            raw = pair[0]
            try:
                name = known[raw]
            except KeyError:
                name = _learn(known, raw)
            if name is not None:
                value = pair[1]
                if isinstance(value, bytes):
                    text = value.decode("latin-1")
                else:
                    text = str(value, "latin-1")
                found[name] = f"{found[name]}, {text}" if name in found else text
        return found

    def among_native(self, pairs: list[Pair]) -> dict[str, str]:
        """`Headers.pick` of pairs of native strings."""
        known = self.as_str
        found: dict[str, str] = {}
        for pair in pairs:
            raw = pair[0]
            try:
                name = known[raw]
            except KeyError:
                name = _learn(known, raw)
            if name is not None:
                value = pair[1]
                found[name] = f"{found[name]}, {value}" if name in found else value
        return found


def _learn(known: dict[Any, str | None], raw: Any) -> str | None:
    """The name that ``raw`` is a spelling of, None where it is another."""
    name = known.get(raw.lower())
    if len(known) < _KNOWN_MOST:
        known[raw] = name
    return name


class Parts:
    """Parts of names (lower case) that a response must not hold already, looked for at little cost.

    Names are remembered with what was found, a bounded number: applications write the same few.
    """

    _MOST: Final = 256

    __slots__ = ("_harmful", "_harmless", "_parts")

    def __init__(self, *parts: str) -> None:
        self._parts = parts
        self._harmless: set[Any] = set()
        self._harmful: set[Any] = set()

    def may_stand_in(self, pairs: list[tuple[Any, Any]]) -> bool:
        """Whether a name among ``pairs`` may hold one of them.

        False is certain. True may be a name that is no text of the protocol, or in compiled code
        a pair that is no tuple: whoever hears it looks again.
        """
        harmless = self._harmless
        try:
            # Faster than `issuperset` for the few fields that most heads have.
            for name, _ in pairs:
                if name not in harmless:
                    break
            else:
                return False
            if not self._harmful.isdisjoint(map(_NAME, pairs)):
                return True
            for name, _ in pairs:
                # As text: looking for bytes in bytes takes four times as long.
                known: Any = name.lower()
                text: str = known if isinstance(known, str) else known.decode("latin-1")
                if any(part in text for part in self._parts):
                    if len(self._harmful) < self._MOST:
                        self._harmful.add(name)
                    return True
                if len(harmless) < self._MOST:
                    harmless.add(name)
        except (AttributeError, TypeError):
            return True
        return False
