"""What can be wrong with settings: one table of codes, and the error that carries all problems.

Knows how a problem is told. Must never know which setting has it, nor how it was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["CODES", "Problem", "SettingsError"]

CODES: Final[dict[str, str]] = {
    # DW1xx: the shape of the mapping.
    "DW101": "unknown setting",
    "DW102": "unknown middleware",
    "DW103": "a setting that must be given is missing",
    "DW104": "wrong type",
    "DW105": "not the mapping that settings are",
    "DW106": "value outside its range or not one of the choices",
    "DW107": "a source of settings that can't be read",
    "DW108": "an order that does not name what is configured",
    "DW109": "an order in which something would go wrong",
    # DW2xx: values that are well formed and still make no sense.
    "DW201": "not a header name",
    "DW202": "not a network, host, address or origin",
    "DW203": "settings that exclude each other",
    "DW204": "not a name that the grammar of its header allows",
    "DW205": "a callable that can't be used here",
    "DW206": "not a regular expression",
    "DW207": "not a field of the log line",
    "DW208": "a library that is not installed",
    "DW209": "not a media type",
    "DW299": "refused by the middleware",
    # DW3xx: what can't be shared across origins.
    "DW301": "a method that can't be allowed",
    "DW302": "a header that can't be allowed or exposed",
    "DW303": "credentials for origins that somebody else can have",
    "DW304": "not a path that a policy can be for",
}
"""Code → what it stands for. A code is never used again for something else."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with settings, in words that mend it."""

    code: str
    """A key of `CODES`."""
    path: str
    """Where: ``cors.allow_origins[0]``, or the name of an environment variable."""
    sentence: str
    """What is wrong there."""
    hint: str = ""
    """What to write instead, if that is known."""
    line: int | None = None
    """The line of the file, from 1; None where there is no file, or the line is not certain."""

    @property
    def said(self) -> str:
        """All but code and path, in one line."""
        hint = f"; {self.hint}" if self.hint else ""
        line = f" (line {self.line})" if self.line else ""
        return f"{self.sentence}{hint}{line}"

    def __str__(self) -> str:
        return f"{self.code}  {self.path}: {self.said}"


class SettingsError(ValueError):
    """Settings that can't be used, with every problem at once in ``problems``."""

    def __init__(self, problems: Iterable[Problem], source: str = "the settings") -> None:
        self.problems = tuple(problems)
        """All problems, in the order of the settings."""
        self.source = source
        """Where the settings came from."""
        super().__init__("\n".join(_lines(self.problems, source)))

    def __reduce__(self) -> tuple[type[SettingsError], tuple[tuple[Problem, ...], str]]:
        return SettingsError, (self.problems, self.source)


def _lines(problems: tuple[Problem, ...], source: str) -> Iterator[str]:
    count = len(problems)
    yield f"dualware: {count} problem{'s' if count != 1 else ''} in {source}"
    width = max((len(each.path) for each in problems), default=0) + 4
    for each in problems:
        yield f"  {each.code}  {each.path:<{width}}{each.said}"
    if problems:
        # The higher the code, the less the sentence can say.
        yield f"  more: dualware explain {max(each.code for each in problems)}"
