"""``dualware stack``: the order with its reasons, and what was set.

Must never know the table of constraints by heart.
"""

import re
from functools import partial

import pytest

from dualware import Middleware, Stack, load
from dualware.cli.output import changed, value
from dualware.middleware.timing import TimingSettings
from dualware.settings.ordering import reasons

SETTINGS = """
import re

def route(request):
    return None

SETTINGS = {
    "timing": {"route": route, "max_bytes": 2048},
    "logging": {"exclude_regex": re.compile("/x"), "levels": {"404": "debug"}, "exclude": ("/a",)},
    "request_id": True,
}
"""


def test_text(command):
    """Outermost first, with the reason of each and with what differs from the defaults."""
    command.write(shop_py=SETTINGS)
    (first,) = reasons("request_id", ["request_id", "logging"])
    (last,) = reasons("timing", ["logging", "timing"])

    assert (
        0,
        f"""Stack of shop:SETTINGS, outermost first

  1  request_id
       outside logging: {first.why}

  2  logging
       outside timing: {last.why}
       levels = {{"404": "debug"}}
       exclude = ["/a"]
       exclude_regex = "/x"

  3  timing
       inside logging: {last.why}
       route = "shop:route"

  4  the application
""",
    ) == command("stack", "shop:SETTINGS")


def test_json(command):
    """For programs."""
    command.write(dualware_toml='timing.metric = "shop"\nlogging = true')
    (constraint,) = reasons("logging", ["logging", "timing"])
    why = {"outer": "logging", "inner": "timing", "why": constraint.why}

    assert (
        0,
        {
            "source": "dualware.toml",
            "stack": [
                {"middleware": "logging", "reasons": [why], "settings": {}, "does": None},
                {
                    "middleware": "timing",
                    "reasons": [why],
                    "settings": {"metric": "shop"},
                    "does": None,
                },
            ],
        },
    ) == command.data("stack")


def test_settings_inside_settings(command):
    """What differs from the defaults there, too."""
    command.write(paths_json='{"cors": {"policies": [["/api", {"allow_origins": ["*"]}]]}}')
    _, data = command.data("stack", "paths.json")

    assert {"policies": [["/api", {"allow_origins": ["*"]}]]} == data["stack"][0]["settings"]
    assert {} == changed({"settings": "of others"})


def test_middleware_of_others(command):
    """They have a name, and maybe something to say of themselves."""
    command.write(
        shop_py="""
from dualware import Middleware, Stack

class Team(Middleware):
    described = "blue 3; red 4"

    def __call__(self, exchange):
        return None

STACK = Stack([Team()])
"""
    )

    status, out = command("stack", "shop:STACK")

    assert 0 == status
    assert [
        "Stack of shop:STACK, outermost first",
        "",
        "  1  Team",
        "       does blue 3; red 4",
        "",
        "  2  the application",
    ] == out.splitlines()


def test_problems(command):
    """They are told as `check` tells them."""
    command.write(dualware_toml="timng = true")
    status, out = command("stack")

    assert (1, "dualware: 1 problem in dualware.toml") == (status, out.split("\n")[0])
    assert (1, ["DW102"]) == (
        (told := command.data("stack"))[0],
        [each["code"] for each in told[1]["problems"]],
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        (True, True),
        (0.5, 0.5),
        ("x", "x"),
        (("a", 1), ["a", 1]),
        ({"a": {1: re.compile("x")}}, {"a": {"1": "x"}}),
        (load, "dualware.settings.sources:load"),
        (Stack, "dualware.core.stack:Stack"),
        (TimingSettings(metric="shop"), {"metric": "shop"}),
        (Middleware.on_late_error, "dualware.core.middleware:Middleware.on_late_error"),
        (partial(int, base=2), "functools.partial(<class 'int'>, base=2)"),
    ],
    ids=repr,
)
def test_values(given, expected):
    """As JSON has them; what is imported by its name."""
    assert expected == value(given)
