"""``dualware check``: which settings it looks at, and what it says of them.

Must never test which settings are wrong: `tests/settings` does.
"""

import pytest

GOOD = "timing = true\n"
BAD = "timng = true\n[timing]\nmax_bytes = 0\n"


@pytest.mark.parametrize(
    ("files", "arguments", "source"),
    [
        ({"dualware_toml": GOOD}, [], "dualware.toml"),
        ({"other_toml": GOOD}, ["other.toml"], "other.toml"),
        ({"other_json": '{"timing": true}'}, ["./other.json"], "other.json"),
        ({"shop_py": "SETTINGS = {'timing': True}"}, ["shop:SETTINGS"], "shop:SETTINGS"),
        (
            {"pyproject_toml": "[tool.dualware]\ntiming = true", "dualware_toml": BAD},
            [],
            "pyproject.toml [tool.dualware]",
        ),
        ({"pyproject_toml": "[tool.other]", "dualware_toml": GOOD}, [], "dualware.toml"),
    ],
)
def test_what_it_reads(command, files, arguments, source):
    """What it is given, or what is there: it says what it read."""
    command.write(**files)

    assert (0, f"dualware: no problems in {source}: timing\n") == command("check", *arguments)


def test_it_reads_variables(command, monkeypatch):
    """Those of the prefix it is given, or ours where there is nothing else."""
    monkeypatch.setenv("DUALWARE_TIMING", "true")
    monkeypatch.setenv("SHOP_LOGGING", "true")

    assert (0, "dualware: no problems in environment variables DUALWARE_*: timing\n") == command(
        "check"
    )
    assert (0, "dualware: no problems in environment variables SHOP_*: logging\n") == command(
        "check", "--env", "SHOP_"
    )


def test_a_stack(command):
    """Made by hand, with middleware of the user's own."""
    command.write(
        shop_py="""
from dualware import Middleware, Stack, load

class Team(Middleware):
    def __call__(self, exchange):
        return None

STACK = Stack([Team()]) + load({"timing": True})
"""
    )

    assert (0, "dualware: no problems in shop:STACK: Team, timing\n") == command(
        "check", "shop:STACK"
    )


def test_nothing_is_configured(command):
    """Which is no problem, and told."""
    command.write(dualware_toml="")

    assert (0, "dualware: no problems in dualware.toml: nothing is configured\n") == command(
        "check"
    )


def test_problems(command):
    """All of them, as the exception tells them, with 1."""
    command.write(dualware_toml=BAD)

    status, out = command("check")

    assert 1 == status
    assert [
        "dualware: 2 problems in dualware.toml",
        "  DW102  timng               unknown middleware; did you mean 'timing'? (line 1)",
        "  DW106  timing.max_bytes    input should be greater than or equal to 128 (line 3)",
        "  more: dualware explain DW106",
    ] == out.splitlines()


def test_problems_of_the_source(command):
    """A broken file is told, even where it was only looked for."""
    command.write(pyproject_toml="[tool.dualware\n")
    status, out = command("check")

    assert 1 == status
    assert "  DW107  pyproject.toml    not TOML: " in out


@pytest.mark.parametrize(
    ("text", "status", "problems", "stack"),
    [
        (GOOD, 0, [], ["timing"]),
        (
            BAD,
            1,
            [
                {
                    "code": "DW102",
                    "path": "timng",
                    "sentence": "unknown middleware",
                    "hint": "did you mean 'timing'?",
                    "line": 1,
                },
                {
                    "code": "DW106",
                    "path": "timing.max_bytes",
                    "sentence": "input should be greater than or equal to 128",
                    "hint": "",
                    "line": 3,
                },
            ],
            None,
        ),
    ],
)
def test_json(command, text, status, problems, stack):
    """For programs."""
    command.write(dualware_toml=text)

    assert (
        status,
        {"source": "dualware.toml", "problems": problems, "stack": stack},
    ) == command.data("check")


@pytest.mark.parametrize(
    ("terminal", "environment", "coloured"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_colour(command, monkeypatch, terminal, environment, coloured):
    """On terminals only, whose owner has nothing against it."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    command.write(dualware_toml=BAD)
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    _, out = command("check")

    assert coloured == ("\033[31m  DW102\033[0m  timng" in out)
    assert coloured == ("\033" in out)
