"""A folder to run commands in, and a way to run them in this process.

Must never leave a module, a path or a variable behind.
"""

import json
import os
import sys

import pytest

from dualware.cli import main


class Command:
    """Runs commands in a folder of their own."""

    def __init__(self, folder, capsys):
        self.folder = folder
        self._capsys = capsys

    def write(self, **files):
        """Files of the folder by their stem: ``write(shop_py="…")``."""
        for name, text in files.items():
            path = self.folder / ".".join(name.rsplit("_", 1))
            path.write_text(text, encoding="utf-8")

    def __call__(self, *arguments):
        """Run one. Returns the exit status, and what it printed."""
        self._capsys.readouterr()
        status = main(list(arguments))
        out, self.err = self._capsys.readouterr()
        return status, out

    def data(self, *arguments):
        """Run one that speaks JSON. Returns the exit status, and what it said."""
        status, out = self(*arguments, "--format", "json")
        return status, json.loads(out)


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """What runs commands; the environment has nothing to say to them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in os.environ:
        if name.startswith("DUALWARE_"):
            monkeypatch.delenv(name)
    before = set(sys.modules)
    yield Command(tmp_path, capsys)
    for name in set(sys.modules) - before:
        if name.startswith("shop"):
            del sys.modules[name]
