"""Which exchanges get a line, and at which level: settings and results, table by table.

Knows requests of both protocols, and exchanges as values. Must never know what a line looks like.
"""

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualware.asgi.request import ASGIRequest
from dualware.core.exchange import Session
from dualware.core.logging.levels import (
    BROKEN,
    DEBUG,
    ERROR,
    INFO,
    LEVELS,
    OUTCOMES,
    SILENT,
    WARNING,
    kept,
)
from dualware.core.logging.seen import Seen
from dualware.core.logging.selection import Exclusion, Selection
from dualware.wsgi.request import WSGIRequest
from tests.core.bench import Bench
from tests.timing_parts import MS, World


def wsgi(path="/", mount=""):
    """The request of an environ; ``path`` is what the application routes by."""
    decoded = path.encode().decode("latin-1")
    return WSGIRequest({"PATH_INFO": decoded, "SCRIPT_NAME": mount, "QUERY_STRING": "q=/healthz"})


def asgi(path="/", mount=""):
    """The request of a scope."""
    return ASGIRequest(
        {"type": "http", "path": mount + path, "root_path": mount, "query_string": b"q=/healthz"}
    )


@pytest.fixture(params=[wsgi, asgi], ids=["wsgi", "asgi"])
def make(request):
    """Makes a request of one protocol."""
    return request.param


@pytest.fixture
def world():
    """Effects that keep what is reported."""
    return World()


def exclusion(world, paths=(), prefixes=(), expression=None, when=None, *, errors=False):
    """An `Exclusion` in this world."""
    return Exclusion(paths, prefixes, expression, when, world.effects, errors=errors)


# observability L13: exclusion


@pytest.mark.parametrize(
    ("settings", "path", "expected"),
    [
        ({"paths": ["/healthz"]}, "/healthz", True),
        # No test for a substring, nor for a beginning.
        ({"paths": ["/healthz"]}, "/healthz/", False),
        ({"paths": ["/healthz"]}, "/healthzz", False),
        ({"paths": ["/healthz"]}, "/api/healthz", False),
        ({"paths": ["/healthz"]}, "/", False),
        ({"paths": ["/healthz"]}, "/HEALTHZ", False),
        ({"paths": ["/a", "/b"]}, "/b", True),
        # Decoded.
        ({"paths": ["/a b"]}, "/a b", True),
        ({"paths": ["/é/ж"]}, "/é/ж", True),
        # As it came: nobody routes by another spelling.
        ({"paths": ["/b"]}, "/a/../b", False),
        ({"prefixes": ["/static/"]}, "/static/a.css", True),
        ({"prefixes": ["/static/"]}, "/static/", True),
        ({"prefixes": ["/static/"]}, "/static", False),
        ({"prefixes": ["/static/"]}, "/a/static/", False),
        ({"prefixes": ["/a/", "/b/"]}, "/b/c", True),
        # The whole path.
        ({"expression": r"/v\d+/ping"}, "/v12/ping", True),
        ({"expression": r"/v\d+/ping"}, "/v12/ping/x", False),
        ({"expression": r"/v\d+/ping"}, "/x/v12/ping", False),
        ({"expression": r"/v\d+/ping$"}, "/v12/ping\n", False),
        ({"expression": re.compile("/PING", re.IGNORECASE)}, "/ping", True),
        # Any of them is enough.
        ({"paths": ["/a"], "prefixes": ["/b/"], "expression": "/c"}, "/c", True),
        ({"paths": ["/a"], "prefixes": ["/b/"], "expression": "/c"}, "/d", False),
        ({}, "/", False),
    ],
)
def test_paths(world, make, settings, path, expected):
    """The decoded path without its query, as the application routes by it."""
    # observability L13
    excluded = exclusion(world, **settings)

    assert expected == excluded(make(path), 200, "completed")
    # Where the application is mounted makes no difference.
    assert expected == excluded(make(path, "/mount"), 200, "completed")


@pytest.mark.parametrize("errors", [False, True])
@pytest.mark.parametrize(
    ("status", "outcome", "well"),
    [
        (200, "completed", True),
        (304, "completed", True),
        (399, "completed", True),
        (101, "completed", True),
        (400, "completed", False),
        (503, "completed", False),
        *((200, outcome, False) for outcome in OUTCOMES if outcome != "completed"),
        *((None, outcome, False) for outcome in OUTCOMES),
    ],
)
def test_a_failure_is_told_all_the_same(world, make, status, outcome, well, errors):
    """A health check that fails is what one looks for; unless the settings say otherwise."""
    # observability L13
    asked = []
    settings = {"paths": ["/a"], "prefixes": ["/b/"], "expression": "/c", "errors": errors}
    excluded = exclusion(world, **settings, when=lambda *given: asked.append(given) or True)

    for path in ("/a", "/b/", "/c", "/d"):
        assert (well or errors) == excluded(make(path), status, outcome)
    assert (1 if well or errors else 0) == len(asked)


def test_when_is_asked_last(world, make):
    """It gets the request, the status and the outcome."""
    # observability L13
    request = make("/x")
    asked = []
    excluded = exclusion(world, ["/a"], when=lambda *given: asked.append(given))

    assert excluded(make("/a"), 200, "completed")
    assert [] == asked
    assert not excluded(request, 204, "completed")
    assert [(request, 204, "completed")] == asked


@pytest.mark.parametrize(
    ("answer", "expected"), [(True, True), (1, True), (None, False), ("", False)]
)
def test_when_answers_yes_or_no(world, make, answer, expected):
    """Anything that Python takes for one of them."""
    # observability L13
    assert expected is exclusion(world, when=lambda *_: answer)(make(), 200, "completed")


class Undecided:
    """Neither true nor false."""

    def __bool__(self):
        raise TypeError("neither")


@pytest.mark.parametrize("fails", ["call", "answer"])
def test_when_fails(world, make, fails):
    """It is reported, and excludes nothing."""
    # observability L13, observability X12
    error = TypeError("neither")

    def when(*_):
        if fails == "call":
            raise error
        return Undecided()

    assert not exclusion(world, when=when)(make(), 200, "completed")
    [(sentence, raised)] = world.reports
    assert "exclude_when" in sentence
    assert isinstance(raised, TypeError)


@given(st.text(), st.text())
def test_exclusion_is_total(path, other):
    """Whatever path; a prefix is the beginning of a path, an exact one is all of it."""
    # observability L13
    request = ASGIRequest({"type": "http", "path": path})

    assert (path == other) == exclusion(World(), [other])(request, 200, "completed")
    assert path.startswith(other) == exclusion(World(), (), [other])(request, 200, "completed")


# observability L12: levels


def exchange(outcome="completed", request_id=None, session=None, request=None):
    """What a selection looks at."""
    made = Bench(request=request or asgi())
    made.outcome, made.session = outcome, session
    made.record.request_id = request_id
    return made


def seen(status=200, ms=0, request=None):
    """What the flow saw: a status, how long it took, and what was asked."""
    request = request or asgi()
    made = Seen(7 * MS, request.target())
    made.paths = request.paths(made.target)
    made.status = status
    made.ended_at = 7 * MS + round(ms * MS)
    return made


def selection(world, levels=None, slow_ms=None, sample=None, excluded=None):
    """A `Selection` in this world."""
    excluded = excluded or exclusion(world)
    return Selection(levels or {}, slow_ms, sample or {}, excluded, world.effects)


@pytest.mark.parametrize(
    ("levels", "status", "outcome", "expected"),
    [
        ({}, 200, "completed", INFO),
        ({}, 404, "completed", INFO),
        ({}, 500, "completed", ERROR),
        ({}, None, "aborted", INFO),
        ({"404": "debug"}, 404, "completed", DEBUG),
        ({"4xx": "warning"}, 404, "completed", WARNING),
        ({"404": "silent", "4xx": "warning"}, 404, "completed", SILENT),
        ({"aborted": "warning"}, None, "aborted", WARNING),
        # What is not named keeps its default.
        ({"404": "debug"}, 500, "completed", ERROR),
        ({"default": "debug"}, 200, "completed", DEBUG),
        ({"default": "debug"}, 404, "completed", INFO),
        ({"5xx": "critical"}, 500, "error", LEVELS["critical"]),
        ({"2xx": "silent"}, 200, "error", ERROR),
    ],
)
def test_levels(world, levels, status, outcome, expected):
    """Settings stand over the defaults, key by key."""
    # observability L12
    assert expected == selection(world, levels).level(exchange(outcome), seen(status))


@pytest.mark.parametrize(
    ("levels", "ms", "status", "expected"),
    [
        ({}, 499.999, 200, INFO),
        ({}, 500, 200, WARNING),
        ({}, 500, 404, WARNING),
        # Raised, never lowered.
        ({}, 500, 500, ERROR),
        ({"2xx": "warning"}, 500, 200, WARNING),
        ({"2xx": "debug"}, 500, 200, WARNING),
        # What has no line gets none for being slow.
        ({"2xx": "silent"}, 500, 200, SILENT),
    ],
)
def test_slow_requests(world, levels, ms, status, expected):
    """From so many ms on they are worth a warning."""
    # observability L12
    assert expected == selection(world, levels, 500).level(exchange(), seen(status, ms))


def test_sessions_are_never_slow(world):
    """One lasts as long as somebody stays."""
    # observability L12
    assert INFO == selection(world, {}, 500).level(exchange(session=Session()), seen(None, 10**6))


def test_part_of_a_millisecond(world):
    """`slow_ms` need be no whole number."""
    # observability L12
    chosen = selection(world, {}, 0.5)

    assert [INFO, WARNING] == [chosen.level(exchange(), seen(200, ms)) for ms in (0.4999, 0.5)]


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({}, "error"),
        ({"500": "critical"}, "critical"),
        # An exception's own event is an error, whatever becomes of the line.
        (dict.fromkeys([*OUTCOMES, "default", "4xx", "5xx"], "silent"), "error"),
    ],
)
def test_the_highest_level(world, levels, expected):
    """A sink that does not want it wants nothing of an exchange."""
    # observability L12
    assert LEVELS[expected] == selection(world, levels).highest


# observability L14: sampling


IDS = [f"id-{number}" for number in range(400)]
KEPT = {identity: kept(identity.encode(), 0.25) for identity in IDS}


def taken(world, sample, identity, level=INFO, outcome="completed", status=200):
    """Whether the exchange gets its line, and the rate that stands on it."""
    noted = seen(status)
    takes = selection(world, sample=sample).takes(exchange(outcome, identity), noted, level)
    return takes, noted.rate


def test_every_line_without_a_sample(world):
    """And no rate stands on them."""
    # observability L14
    assert {(True, None)} == {taken(world, {}, identity) for identity in IDS}
    assert {(True, None)} == {taken(world, {"2xx": 1.0}, identity) for identity in IDS}
    assert {(True, None)} == {taken(world, {"5xx": 0.25}, identity) for identity in IDS}


def test_a_share_of_the_lines(world):
    """The id decides, and lines that are kept say of how many they are one."""
    # observability L14
    sample = {"2xx": 0.25}

    assert [(KEPT[each], 0.25) for each in IDS] == [taken(world, sample, each) for each in IDS]
    assert {True, False} == set(KEPT.values())


def test_none_of_the_lines(world):
    """A share of 0."""
    # observability L14
    assert {(False, 0)} == {taken(world, {"2xx": 0}, identity) for identity in IDS}


@pytest.mark.parametrize(
    ("level", "outcome", "status"),
    [
        # Warnings, which slow requests are, and errors.
        (WARNING, "completed", 200),
        (ERROR, "completed", 500),
        *((ERROR, outcome, 200) for outcome in BROKEN),
        (INFO, "aborted", 200),
        (INFO, "aborted", None),
        (DEBUG, "aborted", None),
    ],
)
def test_what_tells_of_trouble_is_never_sampled_out(world, level, outcome, status):
    """Nor is there a rate on it."""
    # observability L14
    sample = {"default": 0, "2xx": 0, "5xx": 0, **dict.fromkeys(OUTCOMES, 0)}

    assert {(True, None)} == {
        taken(world, sample, identity, level, outcome, status) for identity in IDS
    }


def test_without_an_id_chance_decides(world):
    """From the source of randomness that the driver lends."""
    # observability L14
    asked = []
    given_bytes = [b"\0" * 8, b"12345678"]

    def random(size):
        asked.append(size)
        return given_bytes[len(asked) - 1]

    world.effects = dataclasses.replace(world.effects, random=random)

    assert [(kept(each, 0.5), 0.5) for each in given_bytes] == [
        taken(world, {"2xx": 0.5}, None) for _ in given_bytes
    ]
    assert [8, 8] == asked


def test_exclusion_comes_first(world, make):
    """What is excluded gets no line, whatever its level."""
    # observability L13, observability L14
    excluded = exclusion(world, ["/a"], errors=True)
    chosen = selection(world, sample={"2xx": 1}, excluded=excluded)

    def taken(request):
        return chosen.takes(exchange("error", request=request), seen(500, request=request), ERROR)

    assert not taken(make("/a"))
    assert taken(make("/b"))
