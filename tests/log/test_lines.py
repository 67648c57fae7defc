"""One event, one line of JSON: whatever the event holds, and whichever encoder writes it.

Knows both encoders and the names of the presets. That the lines of a whole process have one shape
is held by test_configuring.py.
"""

import collections
import contextvars
import dataclasses
import datetime as dt
import decimal
import enum
import json
import logging
import math
import sys
import types
import uuid

import orjson
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from dualware.core.current import CURRENT, live_record
from dualware.core.logging.presets import PRESETS
from dualware.core.record import Record
from dualware.log import JSONLine
from dualware.log.lines import fastest, standard, timestamps
from dualware.testing import Script
from tests.logging_parts import LogWorld

NOW = 1_700_000_000_123_456_789
TIME = "2023-11-14T22:13:20.123456Z"
EVERY = pytest.mark.parametrize("preset", PRESETS)


@pytest.fixture(params=[orjson.dumps, standard], ids=["orjson", "json"])
def dumps(request):
    """An encoder."""
    return request.param


def rendered(event, method="info", preset="otel", dumps=None):
    """The line of an event, as it is read again."""
    line = JSONLine(preset, dumps=dumps, now=lambda: NOW)(None, method, event)

    assert isinstance(line, bytes)
    # Of str: it knows every character that somebody takes for the end of a line.
    text = line.decode()
    assert [text] == text.splitlines()
    assert set(HARMFUL).isdisjoint(text)
    return json.loads(line, parse_constant=pytest.fail)


# The encoders


def test_the_fastest_encoder(monkeypatch):
    """orjson's where it is installed, the standard library's elsewhere."""
    assert orjson.dumps is fastest()
    # None makes an import fail.
    monkeypatch.setitem(sys.modules, "orjson", None)
    assert standard is fastest()
    assert b'{"a":"\xc3\xa9","b":[1,2.5,null,true]}' == standard(
        {"a": "é", "b": [1, 2.5, None, True]}
    )


# The head


HEADS = {
    "otel": {"event": "hello", "level": "info", "timestamp": TIME},
    "ecs": {"message": "hello", "log.level": "info", "@timestamp": TIME},
    "gcp": {"message": "hello", "severity": "INFO", "time": TIME},
    "flat": {"event": "hello", "level": "info", "timestamp": TIME},
}


@EVERY
def test_heads(preset, dumps):
    """What is read first stands first, under the names of the preset."""
    # observability L5
    line = rendered({"event": "hello", "user": 7}, preset=preset, dumps=dumps)

    assert {**HEADS[preset], "user": 7} == line
    assert [*HEADS[preset], "user"] == list(line)


@EVERY
def test_an_event_that_has_its_head(preset):
    """The line of an exchange may say its message itself; the event stands beside it."""
    # observability L5
    event = {"event": "http.server.request", "message": "GET /"}
    line = rendered(event, preset=preset)

    assert "GET /" == line["message"]
    assert "http.server.request" == line["event"]


@EVERY
def test_an_event_without_a_name(preset):
    """An empty text stands there."""
    name = list(HEADS[preset])[0]  # noqa: RUF015 - the first of a mapping

    assert "" == rendered({}, preset=preset)[name]


@pytest.mark.parametrize(
    ("method", "level"),
    [
        ("debug", "debug"),
        ("info", "info"),
        ("msg", "info"),
        ("warning", "warning"),
        ("warn", "warning"),
        ("error", "error"),
        ("exception", "error"),
        ("critical", "critical"),
        ("fatal", "critical"),
        # Levels of the user's own.
        ("notice", "notice"),
        ("level 25", "level 25"),
    ],
)
@EVERY
def test_levels(preset, method, level):
    """By the method that was called; Cloud Logging's are in capitals."""
    # observability L5, observability L12
    name = list(HEADS[preset])[1]

    assert (level.upper() if preset == "gcp" else level) == rendered(
        {"event": "x"}, method, preset
    )[name]


@EVERY
def test_fields_of_these_names_win(preset):
    """Who says the time of an event knows it."""
    own = dict.fromkeys(list(HEADS[preset])[1:], "own")

    assert own.items() <= rendered({"event": "x", **own}, preset=preset).items()


# The time


def test_timestamps():
    """ISO 8601 in UTC, to the microsecond, whatever second it is."""
    times = iter([0, 1_000, 999_999_999, 1_000_000_000, 1_709_164_800_000_001_000, 1_000_000_000])
    stamp = timestamps(lambda: next(times))

    assert [
        "1970-01-01T00:00:00.000000Z",
        "1970-01-01T00:00:00.000001Z",
        "1970-01-01T00:00:00.999999Z",
        "1970-01-01T00:00:01.000000Z",
        "2024-02-29T00:00:00.000001Z",
        # A clock that was set back.
        "1970-01-01T00:00:01.000000Z",
    ] == [stamp() for _ in range(6)]


@given(st.lists(st.integers(0, 4_000_000_000 * 10**9), min_size=1))
def test_timestamps_are_those_of_datetime(times):
    """In any order."""
    left = iter(times)
    stamp = timestamps(lambda: next(left))
    start = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)

    for ns in times:
        moment = start + dt.timedelta(microseconds=ns // 1000)
        assert f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z" == stamp()


def test_the_real_time():
    """It is now."""
    line = json.loads(JSONLine()(None, "info", {"event": "x"}))
    told = dt.datetime.fromisoformat(line["timestamp"].replace("Z", "+00:00"))

    assert abs(dt.datetime.now(dt.timezone.utc) - told) < dt.timedelta(minutes=1)


# Ids


TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
IDS = {
    "otel": ("http.request.id", "trace_id", "span_id"),
    "ecs": ("http.request.id", "trace.id", "span.id"),
    "gcp": ("request_id", "logging.googleapis.com/trace", "logging.googleapis.com/spanId"),
    "flat": ("request_id", "trace_id", "span_id"),
}


def inside(dual, event, preset="otel", headers=()):
    """The line of an event that the application logs inside an exchange, and the record's ids."""
    world = LogWorld()
    script = Script(on_request=lambda: (rendered(event, preset=preset), live_record()))
    dual.request(script, world.stack(world.request_id()), headers=headers).reraise()
    return script.probe.seen[0]


@EVERY
def test_ids_of_the_exchange(dual, preset):
    """The request's, and the trace's where it came with one."""
    # observability X10, observability R13
    request_id, trace_id, _ = IDS[preset]
    headers = {"X-Request-ID": "abc", "traceparent": PARENT}
    line, _ = inside(dual, {"event": "x"}, preset, headers)

    assert {request_id: "abc", trace_id: TRACE} == {
        name: line[name] for name in IDS[preset] if name in line
    }


@EVERY
def test_ids_without_a_trace(dual, preset):
    """The request's alone."""
    # observability X10
    line, record = inside(dual, {"event": "x"}, preset)

    assert {IDS[preset][0]: record.request_id} == {
        name: line[name] for name in IDS[preset] if name in line
    }


@pytest.fixture
def span(monkeypatch):
    """A span of OpenTelemetry is current."""
    context = types.SimpleNamespace(is_valid=True, trace_id=0xAB, span_id=0xCD, trace_flags=1)
    current = types.SimpleNamespace(get_span_context=lambda: context)
    trace = types.ModuleType("opentelemetry.trace")
    trace.get_current_span = lambda: current
    monkeypatch.setitem(sys.modules, "opentelemetry", types.ModuleType("opentelemetry"))
    sys.modules["opentelemetry"].trace = trace
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", trace)


@EVERY
def test_ids_of_opentelemetry(dual, span, preset):
    """A tracer in the process knows better than the headers of the request."""
    # observability R13
    line, _ = inside(dual, {"event": "x"}, preset, {"traceparent": PARENT})

    assert (f"{0xAB:032x}", f"{0xCD:016x}") == tuple(line[name] for name in IDS[preset][1:])


@EVERY
def test_ids_that_the_event_has(dual, preset):
    """It may be about another request; then nothing is added."""
    # observability X10
    own = dict.fromkeys(IDS[preset], "own")
    line, _ = inside(dual, {"event": "x", **own}, preset, {"traceparent": PARENT})

    assert own.items() <= line.items()


def test_a_trace_that_the_event_has(dual, span):
    """Stays, beside the id of the request."""
    # observability X10
    line, record = inside(dual, {"event": "x", "trace_id": "own", "span_id": "own"})

    assert (record.request_id, "own", "own") == tuple(line[name] for name in IDS["otel"])


@pytest.mark.parametrize("record", [None, Record(lambda: 0)])
def test_no_ids(record):
    """Outside an exchange, and without the middleware, there are none."""
    # observability X10
    if record is not None:
        CURRENT.set(types.SimpleNamespace(lingers_for=None, record=record))

    assert {"event", "level", "timestamp"} == rendered({"event": "x"}).keys()


# Context variables


def test_context_variables():
    """What is bound with structlog is on the line; the event's own fields win."""
    # observability X10

    def bound():
        structlog.contextvars.bind_contextvars(user=7, order=8)
        return rendered({"event": "x", "order": 9})

    line = contextvars.copy_context().run(bound)

    assert (7, 9) == (line["user"], line["order"])


def test_context_variables_before_any_was_bound(monkeypatch):
    """There is nothing to merge; a structlog that keeps them elsewhere is asked all the same."""
    monkeypatch.setattr(structlog.contextvars, "_CONTEXT_VARS", {})

    assert "user" not in rendered({"event": "x"})
    monkeypatch.delattr(structlog.contextvars, "_CONTEXT_VARS")
    monkeypatch.setattr(
        "dualware.log.lines.merge_contextvars", lambda _l, _m, event: event.update(user=7)
    )
    assert 7 == rendered({"event": "x"})["user"]


# Exceptions


TRACES = {
    "otel": "exception.stacktrace",
    "ecs": "error.stack_trace",
    "gcp": "stack_trace",
    "flat": "error_trace",
}


class UnspeakableError(Exception):
    """Can't be shown."""

    def __str__(self):
        raise RuntimeError


@EVERY
@pytest.mark.parametrize("given", ["true", "exception", "tuple"])
def test_exc_info(preset, given):
    """The traceback is text in one field of the preset."""
    # observability L8
    try:
        raise KeyError("user\n7")
    except KeyError as error:
        infos = {"true": True, "exception": error, "tuple": sys.exc_info()}
        line = rendered({"event": "x", "exc_info": infos[given]}, "error", preset)

    text = line[TRACES[preset]]
    assert text.startswith("Traceback (most recent call last):\n")
    assert text.endswith(r"KeyError: 'user\n7'")
    assert {"exc_info", "exception"}.isdisjoint(line)


@pytest.mark.parametrize("given", [None, False, ()])
def test_no_exc_info(given):
    """Who says that there is none is believed."""
    assert {"event", "level", "timestamp"} == rendered({"event": "x", "exc_info": given}).keys()


def test_exc_info_without_an_exception():
    """`exc_info=True` outside an except."""
    line = rendered({"event": "x", "exc_info": True})

    assert "exc_info" not in line


def test_an_exception_that_can_t_be_shown():
    """Costs the line nothing else."""
    line = rendered({"event": "x", "exc_info": UnspeakableError()})

    assert "UnspeakableError" in line[TRACES["otel"]]


@EVERY
def test_stack_info(preset):
    """The stack is text in the same field."""
    # observability L8
    line = rendered({"event": "x", "stack_info": True}, preset=preset)

    assert line[TRACES[preset]].startswith("Stack (most recent call last):\n")
    assert {"stack_info", "stack"}.isdisjoint(line)


def test_stack_info_of_the_standard_library():
    """It has made text of it already."""
    stack = "Stack (most recent call last):\n  File …"

    assert stack == rendered({"event": "x", "stack_info": stack})[TRACES["otel"]]


@pytest.mark.parametrize("given", [None, False])
def test_no_stack_info(given):
    """Who wants none gets none."""
    assert {"event", "level", "timestamp"} == rendered({"event": "x", "stack_info": given}).keys()


def test_both():
    """The exception, then the stack."""
    text = rendered({"event": "x", "exc_info": KeyError("a"), "stack_info": "Stack: here"})

    assert "KeyError: 'a'\nStack: here" == text[TRACES["otel"]]


# What JSON can't say


class Raising:
    """An object that can't be shown."""

    def __str__(self):
        raise RuntimeError


class Iso:
    """Looks like a date."""

    def isoformat(self):
        """Say when."""
        return "then"


class Never(Iso):
    """Looks like a date, and is none."""

    def isoformat(self):
        """Fail."""
        raise RuntimeError


class Changing(dict):
    """A mapping that another thread adds to."""

    def items(self):
        raise RuntimeError("dictionary changed size during iteration")


class Colour(enum.Enum):
    """Choices."""

    RED = "red"
    PAIR = (1, 2)


class Number(enum.IntEnum):
    """Choices that are numbers."""

    ONE = 1


@dataclasses.dataclass
class Item:
    """Some data, and a part that is nobody's business."""

    name: str
    tags: tuple = ()
    _secret: str = "hidden"


Pair = collections.namedtuple("Pair", "left right")  # noqa: PYI024 - as people write them
SELF = []
SELF.append(SELF)
TREE = {"children": [{"name": each} for each in range(20)]}
for _child in TREE["children"]:
    _child["parent"] = TREE


def nest(levels):
    """A list in a list, and so on."""
    value = "deep"
    for _ in range(levels):
        value = [value]
    return value


HARMFUL = "\x7f\x80\x85\x9b\x9f\u2028\u2029\u202a\u202e\u2066\u2069"
"""What JSON may leave as it is, and a terminal or a reader of lines does not."""
MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.timezone.utc)
SHOWN = [
    ("é\n'\\\x00😀", "é\n'\\\x00😀"),
    (HARMFUL, HARMFUL),
    ("\ud800", "\ud800"),
    (2**70, 2**70),
    (-(2**70), -(2**70)),
    (10**5000, "<int that can't be shown>"),
    (math.nan, None),
    (math.inf, None),
    (-math.inf, None),
    (1e300, 1e300),
    ({7}, [7]),
    (frozenset({7}), [7]),
    ((1, (2,)), [1, [2]]),
    (Pair(1, 2), [1, 2]),
    (collections.OrderedDict(a=1), {"a": 1}),
    (types.MappingProxyType({"a": {1}}), {"a": [1]}),
    (MOMENT, "2026-01-02T03:04:05.000006+00:00"),
    (MOMENT.date(), "2026-01-02"),
    (dt.time(3, 4), "03:04:00"),
    (dt.time(3, 4, tzinfo=dt.timezone.utc), "03:04:00+00:00"),
    (dt.timedelta(seconds=90), "0:01:30"),
    (decimal.Decimal("1.50"), "1.50"),
    (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    (b"ab", "b'ab'"),
    (Colour.RED, "red"),
    (Colour.PAIR, [1, 2]),
    (Number.ONE, 1),
    (Item("a", (1,)), {"name": "a", "tags": [1]}),
    (Iso(), "then"),
    (KeyError("x"), "'x'"),
    (Raising(), "<Raising that can't be shown>"),
    (Never(), "<Never that can't be shown>"),
    ([1, {"a": Raising()}], [1, {"a": "<Raising that can't be shown>"}]),
    ({1: "a", 2.5: "b", None: "c", False: "d"}, {"1": "a", "2.5": "b", "null": "c", "false": "d"}),
    ({(1, 2): "a", Colour.RED: "b"}, {"(1, 2)": "a", "Colour.RED": "b"}),
    ({Number.ONE: "a"}, {"1": "a"}),
    ({Raising(): 1}, {"<Raising that can't be shown>": 1}),
    ({"a\ud800": 1}, {"a\ud800": 1}),
    (nest(12), nest(12)),
    (SELF, ["<list that contains itself>"]),
    (
        TREE,
        {
            "children": [
                {"name": each, "parent": "<dict that contains itself>"} for each in range(20)
            ]
        },
    ),
    # What can't be said of one part does not change the others.
    ([math.nan, MOMENT, {1}, 2**70], [None, "2026-01-02T03:04:05.000006+00:00", [1], 2**70]),
    (["\ud800", Item("a"), Colour.RED], ["\ud800", {"name": "a", "tags": []}, "red"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "expected"), SHOWN, ids=[str(each) for each in range(len(SHOWN))]
)
def test_values(dumps, value, expected):
    """Both encoders show the same; what has no form is text, and never an error."""
    # observability L8
    line = rendered({"event": "x", "value": value, "beside": 7}, dumps=dumps)

    assert expected == line["value"]
    assert type(expected) is type(line["value"])
    assert 7 == line["beside"]


def test_a_value_that_changes_meanwhile(dumps):
    """A mapping of another thread (orjson looks at its members without asking it)."""
    # observability L8
    line = rendered({"event": "x", "value": Changing(a=1), "beside": 7}, dumps=dumps)

    assert line["value"] in ({"a": 1}, "<Changing that can't be shown>")
    assert 7 == line["beside"]


def test_a_class_is_no_datum(dumps):
    """A dataclass itself is shown by its name."""
    assert str(Item) == rendered({"event": "x", "value": Item}, dumps=dumps)["value"]


def test_deep_values(dumps):
    """Deeper than any encoder goes: as text, from some level on."""
    # observability L8
    value = rendered({"event": "x", "value": nest(5000), "beside": 7}, dumps=dumps)["value"]
    depth = 0
    while isinstance(value, list):
        (value,) = value
        depth += 1

    assert isinstance(value, str)
    # From 3.13 on the standard library has no bottom of its own.
    assert 10 < depth < 20 or (dumps is standard and depth == 5000)


def test_an_encoder_of_the_users_own():
    """It gets the line, and what shows values that it has no form for; its bytes are the line."""
    seen = []

    def own(line, default):
        seen.append((line, default({1})))
        return b"{}"

    assert {} == rendered({"event": "x"}, dumps=own)
    assert [({"event": "x", "level": "info", "timestamp": TIME}, [1])] == seen


def test_an_encoder_that_fails():
    """The standard library writes the line then."""

    def fails(line, default):
        raise OSError

    assert 7 == rendered({"event": "x", "a": 7}, dumps=fails)["a"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)
SURROGATES = st.text(st.characters() | st.integers(0xD800, 0xDFFF).map(chr))
ANY = st.recursive(
    JSON
    | st.integers()
    | st.floats()
    | SURROGATES
    | st.binary()
    | st.datetimes(timezones=st.none() | st.just(dt.timezone.utc))
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.decimals()
    | st.uuids()
    | st.complex_numbers()
    | st.sampled_from([*Colour, *Number, Raising(), Never(), Iso(), SELF, Item("a"), Item])
    | st.frozensets(st.integers(), max_size=1),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(
            SURROGATES | st.integers(0, 99) | st.none() | st.booleans() | st.tuples(st.integers()),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)
NAMES = st.text(min_size=1).filter(
    lambda name: name not in {"event", "exc_info", "level", "stack_info", "timestamp"}
)


@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_what_json_can_say_is_said_as_it_is(fields):
    """Round trip, with both encoders."""
    for dumps in (orjson.dumps, standard):
        line = rendered({"event": "x", **fields}, dumps=dumps)

        assert {"event": "x", "level": "info", "timestamp": TIME, **fields} == line


@given(SURROGATES, st.dictionaries(SURROGATES, ANY, max_size=4), st.sampled_from([*PRESETS]))
def test_every_event_is_one_line(event, fields, preset):
    """Whatever it holds, and the same from both encoders."""
    # observability L8
    lines = [
        rendered({**fields, "event": event}, preset=preset, dumps=dumps)
        for dumps in (orjson.dumps, standard)
    ]

    assert lines[0] == lines[1]


def test_records_of_the_standard_library():
    """What `ProcessorFormatter` hands over is one line too."""
    # observability L8
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            JSONLine(now=lambda: NOW),
            lambda _logger, _method, line: line.decode(),
        ]
    )
    record = logging.makeLogRecord({"msg": "a\n%s", "args": ("b",), "levelname": "WARNING"})

    assert {"event": "a\nb", "level": "warning", "timestamp": TIME} == json.loads(
        formatter.format(record)
    )
