"""The page about the command line: its commands say what stands there.

Must never know a command: it runs those of the page.
"""

import re
import shlex
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "command_line.md"
BLOCK = re.compile(r"```(?:toml|text)\n# (\S+)\n(.*?)```|```console\n\$ (.*?)\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("name", ["check", "stack", "explain"])
def test_command(command, name):
    """With the files that the page shows, it prints what the page shows."""
    tried = 0
    for file, text, line, out in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if file:
            (command.folder / file).write_text(f"# {file}\n{text}", encoding="utf-8")
        elif line.startswith(f"dualware {name}"):
            tried += 1

            assert out == command(*shlex.split(line)[1:])[1]
    assert tried
