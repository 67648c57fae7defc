"""Steps: what was checked, by which sentence of the standard, and how it came out.

This file knows how a verdict is told. It must never know what a check is about.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an algorithm.

    cites
        Where it stands: ``"Fetch, CORS check, step 4"``.
    passed
        Whether the fetch goes on.
    because
        What was found, in words.

    >>> print(Step("Fetch, CORS check, step 2", False, "there is no ACAO"))
    FAILS   Fetch, CORS check, step 2: there is no ACAO
    """

    cites: str
    passed: bool
    because: str

    def __str__(self) -> str:
        return f"{'passes' if self.passed else 'FAILS '}  {self.cites}: {self.because}"


class NetworkError(Exception):
    """What a page gets where a step failed: nothing, not even the status."""

    def __init__(self, step: Step) -> None:
        super().__init__(str(step))
        self.step = step
