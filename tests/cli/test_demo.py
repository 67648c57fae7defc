"""``dualware demo``: where it runs, and where it says that it can't.

Must never test what the demo shows: `tests/test_demo.py` does.
"""

import subprocess
import sys
from pathlib import Path

import pytest

import dualware

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("arguments", "more"), [([], []), (["--keep"], ["--keep"])])
def test_in_a_checkout(command, monkeypatch, arguments, more):
    """It is the demo of the checkout, from whatever folder, and its exit status."""
    calls = []
    monkeypatch.setattr(
        subprocess, "call", lambda program, **how: calls.append((program, how)) or 7
    )

    assert (7, "") == command("demo", *arguments)
    assert [([sys.executable, "-m", "examples.demo", *more], {"cwd": ROOT})] == calls


def test_elsewhere(command, monkeypatch):
    """An installed package has no examples beside it, and says so."""
    monkeypatch.setattr(dualware, "__file__", str(command.folder / "dualware" / "__init__.py"))

    assert (2, "") == command("demo")
    assert "run 'make demo' in a checkout of dualware\n" in command.err
