"""The order of middleware: which is wrong, why, and that what is said to be lost is lost.

Knows the table of constraints. Must never test an order that the table says nothing of.
"""

import pytest

from dualware import Stack, load
from dualware.settings import ORDER
from dualware.settings.ordering import CONSTRAINTS, Constraint, reasons
from dualware.testing import Script
from tests.settings.parts import told


def test_the_table():
    """Each pair stands there once, with a reason."""
    pairs = [(each.outer, each.inner) for each in CONSTRAINTS]

    assert len(pairs) == len(set(pairs))
    assert all(each.why and each.why[-1] != "." for each in CONSTRAINTS)
    assert set(ORDER) == {word for pair in pairs for word in pair}


def test_the_canonical_order_keeps_it():
    """So that nobody who says nothing can be wrong."""
    words = list(ORDER)

    assert [] == [each for each in CONSTRAINTS if words.index(each.inner) < words.index(each.outer)]


@pytest.mark.parametrize("order", [["request_id", "timing"], ["timing", "request_id"]])
@pytest.mark.parametrize("kind", [list, tuple])
def test_an_order(order, kind):
    """Where nothing is against it, it is as it is given."""
    stack = load({"request_id": True, "timing": True, "order": kind(order)})

    assert list(order) == [each.name for each in stack]


def test_no_order():
    """None is none."""
    assert list(ORDER)[:2] == [
        each.name for each in load({**dict.fromkeys(list(ORDER)[:2], True), "order": None})
    ]


@pytest.mark.parametrize("given", ["timing", 3, {"timing": 1}, ["timing", 3], True])
def test_no_list(given):
    """An order is a list of words."""
    sentence = f"expected a list of middleware, outermost first, got {given!r}"

    assert [("DW104", "order", sentence, 'write ["timing"]')] == told(
        {"timing": True, "order": given}
    )


@pytest.mark.parametrize(
    ("order", "sentences"),
    [
        (["timing"], ["'request_id' is configured and left out"]),
        (["timing", "request_id", "timing"], ["'timing' stands there more than once"]),
        (["timing", "request_id", "cros"], ["'cros' is not configured"]),
        # Off is not configured.
        (["timing", "request_id", "logging"], ["'logging' is not configured"]),
        (
            [],
            ["'request_id' is configured and left out", "'timing' is configured and left out"],
        ),
    ],
)
def test_an_order_of_something_else(order, sentences):
    """It names all that is configured, each once, and nothing else."""
    settings = {"request_id": True, "timing": True, "logging": False, "order": order}
    hint = 'write all that is configured: ["request_id", "timing"]'
    said = [each for each in told(settings) if each[0] == "DW108"]

    assert [("DW108", "order", sentence, hint) for sentence in sentences] == said


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=lambda each: f"{each.outer}-{each.inner}")
def test_violations(constraint):
    """Each says what would be lost, and what to write."""
    outer, inner = constraint.outer, constraint.inner
    settings = {outer: True, inner: True, "order": [inner, outer]}

    if {"cors"} & {outer, inner}:
        settings["cors"] = {"allow_origins": ["https://shop.example"]}
    assert [
        (
            "DW109",
            "order",
            f"{outer} must stand outside {inner}, so that {constraint.why}",
            f"write {outer!r} before {inner!r}, or leave order out",
        )
    ] == told(settings)


def test_all_at_once():
    """Problems of the order stand behind those of the settings."""
    found = told({"request_id": {"heder": 1}, "logging": True, "order": ["logging", "request_id"]})

    assert ["DW101", "DW109"] == [code for code, *_ in found]


def test_reasons():
    """Outer middleware have reasons to be outside; the innermost has reasons to be inside."""
    first = Constraint("request_id", "logging", "the start of a request is logged with its id")
    last = reasons("timing", ["logging", "timing"])

    assert [first] == reasons("request_id", ["request_id", "logging", "timing"])
    assert [("logging", "timing")] == [(each.outer, each.inner) for each in last]
    assert [] == reasons("timing", ["timing", "request_id"])
    assert [] == reasons("mine", ["mine"])


# What is lost


def lines(dual, order, method="GET", headers=(), **settings):
    """The events that logging tells where the middleware stand in that order."""
    events = []
    logging = {"sink": events.append, **settings.pop("logging", {})}
    parts = {each.name: each for each in load({**settings, "logging": logging})}
    stack = Stack([parts[word] for word in order])
    dual.request(Script(chunks=(b"ok",)), stack, method, headers=headers)
    return events


@pytest.mark.parametrize(
    ("order", "known"),
    [(["request_id", "logging"], True), (["logging", "request_id"], False)],
)
def test_the_start_is_logged_with_the_id(dual, order, known):
    """request_id outside logging: at the start there would be no id yet."""
    start, _ = lines(dual, order, request_id=True, logging={"start_event": True})

    assert known == ("http.request.id" in start)


@pytest.mark.parametrize(
    ("order", "known"), [(["logging", "timing"], True), (["timing", "logging"], False)]
)
def test_the_line_takes_over_the_route(dual, order, known):
    """logging outside timing: END comes to the inner one first."""
    timing = {"metrics": [lambda figures: None], "route": lambda request: "/items/{id}"}
    (line,) = lines(dual, order, timing=timing)

    assert ("/items/{id}" if known else None) == line.get("http.route")


PREFLIGHT = [("Origin", "https://shop.example"), ("Access-Control-Request-Method", "PUT")]
CORS = {"allow_origins": ["https://shop.example"], "allow_methods": ["PUT"]}


@pytest.mark.parametrize("order", [["logging", "cors"], ["cors", "logging"]])
def test_a_preflight_has_a_line(dual, order):
    """logging outside cors: what stands inside never sees a preflight."""
    found = lines(dual, order, cors=CORS, method="OPTIONS", headers=PREFLIGHT)

    assert (order[0] == "logging") == bool(found)


@pytest.mark.parametrize("order", [["request_id", "cors"], ["cors", "request_id"]])
def test_a_preflight_has_an_id(dual, order):
    """request_id outside cors: the same."""
    parts = {each.name: each for each in load({"request_id": True, "cors": CORS})}
    stack = Stack([parts[word] for word in order])
    result = dual.request(Script(), stack, "OPTIONS", headers=PREFLIGHT)

    assert 204 == result.status
    assert (order[0] == "request_id") == (result.header("x-request-id") is not None)
