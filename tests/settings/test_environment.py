"""Environment variables: what a name leads to, and what becomes of text.

Knows the settings of the middleware that there are. Must never read the process's environment.
"""

import pytest

from dualware.core.problems import Problem
from dualware.settings.environment import mapping_of, named
from dualware.settings.loading import models


def mapping(**variables):
    """What is made of the variables; their prefix is left out here."""
    given = {f"DUALWARE_{name}": text for name, text in variables.items()}
    return mapping_of({**given, "HOME": "/", "DUALWARE": "x"}, "DUALWARE_", models())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("True", True),
        ("1", True),
        ("on", True),
        ("YES", True),
        ("false", False),
        ("0", False),
        ("off", False),
        ("No", False),
        ("null", None),
        ('{"metric": "shop"}', {"metric": "shop"}),
        # What it stands for is told to who wrote it.
        ("", ""),
        ("ture", "ture"),
        ("2", 2),
    ],
)
def test_a_middleware(text, expected):
    """On or off in the words that people use, or all of its settings as JSON."""
    assert {"timing": expected} == mapping(TIMING=text)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        # Booleans
        ("TIMING__TRAILERS", "true", True),
        ("TIMING__TRAILERS", "0", False),
        ("TIMING__TRAILERS", "ja", "ja"),
        ("TIMING__EXPOSE_SPANS", "yes", True),
        ("TIMING__EXPOSE_SPANS", "shop.staff:may", "shop.staff:may"),
        # Numbers
        ("TIMING__MAX_BYTES", "4096", 4096),
        ("TIMING__MAX_BYTES", "1", 1),
        ("TIMING__MAX_BYTES", "many", "many"),
        ("LOGGING__SLOW_MS", "0.5", 0.5),
        # Text, whatever it looks like
        ("TIMING__METRIC", "app", "app"),
        ("TIMING__METRIC", "8", "8"),
        ("TIMING__METRIC", "true", "true"),
        ("TIMING__METRIC", "null", "null"),
        ("TIMING__METRIC", "a,b", "a,b"),
        ("TIMING__METRIC", "", ""),
        ("REQUEST_ID__VALIDATOR", "[0-9]{1,2}", "[0-9]{1,2}"),
        ("TIMING__LEGACY_HEADER", "null", None),
        ("TIMING__LEGACY_HEADER", "X-Runtime", "X-Runtime"),
        # One of some words, or something else
        ("REQUEST_ID__ON_INVALID", "reject", "reject"),
        ("REQUEST_ID__TRACEPARENT", "off", "off"),
        ("REQUEST_ID__TRACEPARENT", "false", False),
        ("REQUEST_ID__TRUST", "never", "never"),
        ("REQUEST_ID__TRUST", "nevr", "nevr"),
        ("REQUEST_ID__TRUST", "10.0.0.0/8,unix", ["10.0.0.0/8", "unix"]),
        ("REQUEST_ID__TRUST", '["10.0.0.0/8"]', ["10.0.0.0/8"]),
        ("REQUEST_ID__TRUST", "shop:trusts", "shop:trusts"),
        ("LOGGING__CLIENT_IP", "x-real-ip", "x-real-ip"),
        ("LOGGING__CLIENT_IP", "2", 2),
        ("LOGGING__CLIENT_IP", "10.0.0.0/8, unix", ["10.0.0.0/8", "unix"]),
        # Lists
        ("REQUEST_ID__INBOUND", "X-A", ["X-A"]),
        ("REQUEST_ID__INBOUND", "X-A, X-B,", ["X-A", "X-B"]),
        ("REQUEST_ID__INBOUND", '["X-A"]', ["X-A"]),
        ("REQUEST_ID__INBOUND", "", []),
        ("REQUEST_ID__INBOUND", "null", None),
        ("TIMING__METRICS", "prometheus", ["prometheus"]),
        # Mappings
        ("LOGGING__LEVELS", '{"404": "debug"}', {"404": "debug"}),
        ("LOGGING__LEVELS", "debug", "debug"),
        # What there is not
        ("TIMING__NOTHING", "8", 8),
        ("TIMING__NOTHING", "x", "x"),
        ("NOTHING__AT_ALL", "[1]", [1]),
    ],
)
def test_a_setting(name, text, expected):
    """Text becomes what the setting takes, or stays what it is."""
    word, setting = name.lower().split("__")

    assert {word: {setting: expected}} == mapping(**{name: text})


def test_a_key_of_a_setting():
    """Two more underscores lead into a mapping."""
    given = {
        "LOGGING__LEVELS__404": "debug",
        "LOGGING__LEVELS__4XX": "info",
        "LOGGING__MAX_LENGTHS__PATH": "64",
        "TIMING__METRIC__DEEPER": "8",
    }

    assert {
        "logging": {"levels": {"404": "debug", "4xx": "info"}, "max_lengths": {"path": 64}},
        "timing": {"metric": {"deeper": 8}},
    } == mapping(**given)


@pytest.mark.parametrize(
    ("whole", "expected"),
    [
        ("true", {"metric": "shop"}),
        ('{"header": "X", "metric": "y"}', {"header": "X", "metric": "shop"}),
        # What is off stays off, and what is wrong stays wrong.
        ("false", False),
        ("null", None),
        ("ture", "ture"),
    ],
)
def test_a_middleware_and_a_setting(whole, expected):
    """A setting comes on top of the whole."""
    assert {"timing": expected} == mapping(TIMING=whole, TIMING__METRIC="shop")


@pytest.mark.parametrize("text", ["timing,request_id", '["timing", "request_id"]'])
def test_order(text):
    """A list like others."""
    assert {"order": ["timing", "request_id"]} == mapping(ORDER=text)


@pytest.mark.parametrize(
    ("problem", "path", "hint"),
    [
        (Problem("DW106", "timing.metric", "", "x"), "P_TIMING__METRIC", "x"),
        (Problem("DW202", "request_id.trust[1]", ""), "P_REQUEST_ID__TRUST[1]", ""),
        (Problem("DW106", "logging.levels.404", ""), "P_LOGGING__LEVELS.404", ""),
        (Problem("DW203", "timing", ""), "P_TIMING", ""),
        (
            Problem("DW102", "timing_metric", "", "y"),
            "P_TIMING_METRIC",
            "write P_TIMING__METRIC",
        ),
        (
            Problem("DW102", "header", "", "y"),
            "P_HEADER",
            "write P_REQUEST_ID__HEADER or P_TIMING__HEADER",
        ),
        (Problem("DW102", "timng", "", "y"), "P_TIMNG", "did you mean 'timing'?"),
        (
            Problem("DW102", "django_structlog_celery_enabled", ""),
            "P_DJANGO_STRUCTLOG_CELERY_ENABLED",
            "logging: leave it out: there is a line for HTTP exchanges and websocket sessions only",
        ),
    ],
    ids=str,
)
def test_problems_are_named(problem, path, hint):
    """By the variable that is there, or else by the one that would be."""
    names = ["P_TIMING__METRIC", "P_REQUEST_ID__TRUST", "P_LOGGING__LEVELS", "OTHER"]
    (said,) = named([problem], names, "P_", models())

    assert (path, hint) == (said.path, said.hint)
