"""The command line as a whole: how it is started, and what every command does alike.

Knows processes. Must never test what one command says.
"""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dualware.cli import main

SCRIPT = str(Path(sys.executable).with_name("dualware"))
COMMANDS = ("check", "stack", "explain", "schema", "serve", "demo")


def run(*command, **how):
    """Run a process to its end."""
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, **{"env": None, **how}
    )


@pytest.mark.parametrize("command", [[SCRIPT], [sys.executable, "-m", "dualware"]])
def test_both_ways_to_start_it(command, tmp_path):
    """As a program of its own, and as a module."""
    done = run(*command, "check", "none.toml", cwd=tmp_path)

    assert (1, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("dualware: 1 problem in none.toml\n  DW107  none.toml    can't")


def test_the_module_is_a_door():
    """Importing it starts nothing."""
    assert main is importlib.import_module("dualware.__main__").main


def test_help(capsys):
    """Every command is named, with the meaning of exit statuses."""
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    out = capsys.readouterr().out

    assert 0 == caught.value.code
    assert [] == [each for each in COMMANDS if f"\n    {each} " not in out]
    assert "0 all is well, 1 there are problems, 2 the" in out


@pytest.mark.parametrize(
    "arguments", [[], ["chek"], ["check", "--fromat", "json"], ["serve"], ["check", "a", "b"]]
)
def test_commands_that_make_no_sense(arguments, capsys):
    """They are told on standard error, with 2."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert 2 == caught.value.code
    assert "usage: dualware" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["check"], ["stack"]])
def test_nothing_to_look_at(command, arguments):
    """Where there are no settings, what was looked for is told."""
    status, out = command(*arguments)

    assert (2, "") == (status, out)
    assert (
        "dualware: no settings: no [tool.dualware] in pyproject.toml, no dualware.toml, and no "
        "environment variables that begin with DUALWARE_\n"
    ) == command.err


@pytest.mark.parametrize("arguments", [["check"], ["stack"], ["serve", "shop:app"]])
def test_two_sources(command, arguments):
    """Which of them counts nobody could tell."""
    source = ["--settings", "a.toml"] if arguments[0] == "serve" else ["a.toml"]

    assert (2, "") == command(*arguments, *source, "--env", "SHOP_")
    assert "dualware: name a source or --env, not both\n" == command.err


def test_a_reader_that_has_enough():
    """It went away, as `head` does: that ends without a traceback."""
    with subprocess.Popen(
        [sys.executable, "-m", "dualware", "schema"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        # Long before there is anything to read.
        process.stdout.close()
        said = process.stderr.read()

    assert (b"", 1) == (said, process.wait(60))


def test_it_loads_no_server():
    """Nor a framework, whatever is installed."""
    program = (
        "import sys\n"
        "from dualware.cli import main\n"
        "main(['explain', 'DW101'])\n"
        "loaded = {'uvicorn', 'waitress', 'starlette', 'flask', 'django'} & set(sys.modules)\n"
        "print(sorted(loaded))"
    )
    done = run(sys.executable, "-c", program)

    assert "[]" == done.stdout.splitlines()[-1]
