"""The order of middleware: what must stand outside what, and why.

Knows middleware by their words only. Must never know what a setting says, but ``order`` itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, cast

from dualware.core.problems import Problem

__all__ = ["CONSTRAINTS", "Constraint", "ordered", "reasons"]


@dataclass(frozen=True, slots=True)
class Constraint:
    """One middleware that must stand outside another."""

    outer: str
    inner: str
    why: str
    """What is gained by it, as the end of a sentence."""


def _coding(outer: str, why: str) -> Iterator[Constraint]:
    """The same for both words of the middleware that codes bodies."""
    for inner in ("compression", "gzip"):
        yield Constraint(outer, inner, why)


CONSTRAINTS: Final = (
    Constraint("request_id", "logging", "the start of a request is logged with its id"),
    Constraint("request_id", "cors", "a preflight, which cors answers itself, has an id too"),
    Constraint("logging", "timing", "the line takes over the route, which timing knows by then"),
    Constraint("logging", "cors", "a preflight, which cors answers itself, has a line too"),
    *_coding("logging", "the durations of the line include the coding of bodies"),
    *_coding("timing", "the browser is told the time that coding took, too"),
    *_coding("cors", "a preflight is answered before anybody looks for a coding"),
)
"""Everything that makes an order wrong. The canonical order keeps all of it."""


def ordered(wanted: list[str], given: Any) -> tuple[list[str], list[Problem]]:
    """The ``wanted`` words in the order that ``given`` says, with what is wrong with it.

    ``wanted`` is in canonical order, which None stands for.
    """
    if given is None:
        return wanted, []
    if not isinstance(given, list | tuple) or not all(
        isinstance(each, str) for each in cast("list[Any]", given)
    ):
        hint = f"write {_spelt(wanted)}"
        sentence = f"expected a list of middleware, outermost first, got {given!r:.60}"
        return wanted, [Problem("DW104", "order", sentence, hint)]
    words = list(cast("list[str]", given))
    problems = [*_incomplete(wanted, words), *_violations(words)]
    return (wanted if problems else words), problems


def reasons(word: str, words: Iterable[str]) -> list[Constraint]:
    """Why ``word`` stands outside others of ``words``; of the innermost, why it stands inside."""
    there = set(words)
    known = [each for each in CONSTRAINTS if {each.outer, each.inner} <= there]
    return [each for each in known if each.outer == word] or [
        each for each in known if each.inner == word
    ]


def _incomplete(wanted: list[str], words: list[str]) -> Iterator[Problem]:
    hint = f"write all that is configured: {_spelt(wanted)}"
    for word in dict.fromkeys(words):
        if words.count(word) > 1:
            yield Problem("DW108", "order", f"{word!r} stands there more than once", hint)
        if word not in wanted:
            yield Problem("DW108", "order", f"{word!r} is not configured", hint)
    for word in wanted:
        if word not in words:
            yield Problem("DW108", "order", f"{word!r} is configured and left out", hint)


def _violations(words: list[str]) -> Iterator[Problem]:
    for each in CONSTRAINTS:
        if {each.outer, each.inner} <= set(words):
            outer, inner = words.index(each.outer), words.index(each.inner)
            if inner < outer:
                sentence = f"{each.outer} must stand outside {each.inner}, so that {each.why}"
                hint = f"write {each.outer!r} before {each.inner!r}, or leave order out"
                yield Problem("DW109", "order", sentence, hint)


def _spelt(words: list[str]) -> str:
    return f"[{', '.join(f'{each!r}' for each in words)}]".replace("'", '"')
