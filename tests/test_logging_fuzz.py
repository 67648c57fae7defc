"""One event is one line, whoever writes the request and whoever renders the event.

Knows hostile requests and applications, and the renderers that people use, with their defaults.
Must never look at what a line says: tests/test_logging.py does.
"""

import dataclasses
import io
import json
import logging
import unicodedata

import orjson
import pytest
import structlog
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import dualware
from dualware.core.logging.presets import OF_LOGGERS, PRESETS, RESERVED
from dualware.log import JSONLine
from dualware.log.lines import standard
from dualware.log.loggers import FILTERING
from dualware.testing import PROTOCOLS, Dual, Script
from tests.logging_parts import LogWorld

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
NASTY = [
    *(chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))),
    "\u2028",
    "\u2029",
    *BIDI,
    # Orders to a terminal, and a line that looks like one of ours.
    "\x1b[2J\x1b]2;owned\x07",
    "\x9b31m",
    '\n{"event":"http.server.request"}',
    "\r\n[info     ] all is well",
    # What means something to a format, or to a renderer.
    "%s%d%(message)s",
    "{0}{event}",
    '"',
    "\\",
    " = ",
    "[bold]",
]
LONE = st.integers(0xD800, 0xDFFF).map(chr)
TEXT = st.lists(st.sampled_from(NASTY) | st.characters() | LONE, max_size=8).map("".join)
"""What an application may say."""
LATIN = st.lists(
    st.sampled_from([each for each in NASTY if max(each) < "\u0100"])
    | st.characters(max_codepoint=255)
    # UTF-8 as servers show it.
    | st.sampled_from(["\u2028", "\u202e", "\x85", "é", "😀"]).map(
        lambda text: text.encode().decode("latin-1")
    ),
    max_size=8,
).map("".join)
"""What a client may say: bytes seen as Latin-1, UTF-8 or not."""

REFERER = "X-Any"
EVERYTHING = {
    "request_headers": ["x-any", "referer"],
    "response_headers": ["x-echo"],
    "query": "redacted",
}


def is_one_line(text):
    """Whether nobody takes ``text`` for more than a line, and no terminal for an order."""
    body = text.removesuffix("\n")
    return (
        [body] == body.splitlines()
        and not set(BIDI) & set(body)
        and all(unicodedata.category(each) not in {"Cc", "Cs", "Zl", "Zp"} for each in body)
    )


# Renderers


def _text(renderer):
    return lambda *given: renderer(*given).decode()


RENDERERS = {
    "json": structlog.processors.JSONRenderer(),
    "json, not ascii": structlog.processors.JSONRenderer(ensure_ascii=False),
    "orjson": _text(structlog.processors.JSONRenderer(serializer=orjson.dumps)),
    "logfmt": structlog.processors.LogfmtRenderer(),
    "key=value": structlog.processors.KeyValueRenderer(),
    "console": structlog.dev.ConsoleRenderer(colors=False),
    **{f"JSONLine({preset!r})": _text(JSONLine(preset)) for preset in PRESETS},
    "JSONLine, standard library": _text(JSONLine(dumps=standard)),
}
# KeyError for a name with a blank, by its author's decision; its own words for True.
STRICT = {"logfmt"}


@pytest.fixture(autouse=True)
def _defaults():
    """structlog as it is before anybody configures it."""
    yield
    structlog.reset_defaults()


def through_structlog(name):
    """Configure structlog with a renderer; returns the stream that lines go to."""
    stream = io.StringIO()
    structlog.configure(
        processors=[structlog.processors.add_log_level, RENDERERS[name]],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    return stream


def through_logging(logger):
    """A handler with the usual format; returns the stream that lines go to."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger(logger)
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
    return stream


class Writing(structlog.WriteLogger):
    """structlog's simplest logger, which can be asked for levels as those of `logging` can."""

    def isEnabledFor(self, level):  # noqa: N802 - the standard library's name
        """Everything."""
        return True


def str_or_class(name):
    """What a parameter is called."""
    return name if isinstance(name, str) else type(name).__name__


# Exchanges


@dataclasses.dataclass
class Said:
    """What a client and an application say."""

    path: str = "/"
    query: str = ""
    agent: str = ""
    header: str = ""
    fields: dict = dataclasses.field(default_factory=dict)
    extra: dict = dataclasses.field(default_factory=dict)
    error: str | None = None


def names(text):
    """Names of fields: none of the line's own."""
    return text.filter(lambda name: name not in RESERVED)


def values(text):
    """What applications put into fields."""
    return st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | text | st.binary() | st.dates(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text, inner, max_size=2),
        max_leaves=4,
    )


def sayings(field_names):
    """Strategies for `Said`."""
    return st.builds(
        Said,
        path=TEXT.map(lambda text: "/" + text),
        query=LATIN,
        agent=LATIN,
        header=LATIN,
        fields=st.dictionaries(names(field_names), values(TEXT), max_size=3),
        extra=st.dictionaries(names(field_names), values(TEXT), max_size=2),
        error=st.none() | TEXT,
    )


SAYINGS = sayings(TEXT)
# As identifiers, which is what logfmt takes; blanks in a name are its user's mistake.
PLAIN_SAYINGS = sayings(st.from_regex("[a-z_]{1,12}", fullmatch=True))
FUZZED = settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def exchange(protocol, said, **options):
    """One exchange in which all that is said; returns its world."""
    world = LogWorld()

    def act():
        if said.fields:
            # As keywords, so that any text may be a name.
            dualware.add_fields(**said.fields)

    failing = {} if said.error is None else {"error": ValueError(said.error), "error_at": "call"}
    script = Script(on_request=act, **failing)
    extra = {"extra": lambda _: said.extra} if said.extra else {}
    stack = world.logged(**EVERYTHING, **extra, **options)
    headers = [("User-Agent", said.agent), ("X-Any", said.header), ("Referer", f"/?{said.header}")]
    dual = Dual(protocol, lint=False)
    path = said.path.encode("utf-8", "replace").decode()
    dual.request(script, stack, "GET", path, query=said.query, headers=headers)
    return world


def hold(lines, world):
    """Exactly one line came out, and nobody had anything to complain about."""
    assert [] == world.reports
    assert lines.endswith("\n")
    assert is_one_line(lines), lines


HOSTILE = Said(
    path="/\x1b[2J\n\u2028\u202e\x85",
    query="a=\n\x85&token=\n\x9b",
    agent="\r\n\x1b]2;x\x07\xff\xe2\x80\xa8",
    header="\n[info] forged\xc2\x85",
    fields={"\n\u2028": "\ud800\x9b", "n": [2**70, float("nan"), {"\x7f": b"\n"}]},
    extra={"\u202e": "\x85"},
    error="first\nsecond\u2029",
)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("renderer", RENDERERS)
@FUZZED
@given(data=st.data(), preset=st.sampled_from([*PRESETS]))
def test_through_structlog(protocol, renderer, data, preset):
    """Each renderer, with its defaults."""
    # observability L8
    said = data.draw(PLAIN_SAYINGS if renderer in STRICT else SAYINGS)
    stream = through_structlog(renderer)
    world = exchange(protocol, said, sink="structlog", preset=preset)

    hold(stream.getvalue(), world)
    if "json" in renderer.lower():
        assert isinstance(json.loads(stream.getvalue()), dict)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("renderer", [each for each in RENDERERS if each not in STRICT])
@pytest.mark.parametrize("preset", PRESETS)
def test_the_worst_of_each(protocol, renderer, preset):
    """All at once, in every run."""
    # observability L8
    stream = through_structlog(renderer)
    world = exchange(protocol, HOSTILE, sink="structlog", preset=preset)

    hold(stream.getvalue(), world)


WRAPPERS = {
    "filtering": structlog.make_filtering_bound_logger(logging.INFO),
    "ours": FILTERING["info"],
    "generic": structlog.BoundLogger,
    "over logging": structlog.stdlib.BoundLogger,
}
TAKEN = sorted(OF_LOGGERS)


class Unnamed:
    """A key that can't be shown."""

    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("wrapper", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.parametrize("name", [*TAKEN, 7, None, Unnamed()], ids=str_or_class)
def test_names_that_loggers_take_for_themselves(protocol, wrapper, name):
    """They are arguments of methods, too: an `extra` of such a name must not cost the line."""
    # observability L1, observability L16
    stream = through_structlog("json")
    structlog.configure(wrapper_class=wrapper, logger_factory=lambda *_: Writing(stream))
    world = exchange(protocol, Said(extra={name: "own"}), sink="structlog")

    hold(stream.getvalue(), world)
    line = json.loads(stream.getvalue())
    assert "http.server.request" == line["event"]
    assert "own" in line.values()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("sink", ["callable", "stdlib"])
def test_such_names_in_other_sinks(protocol, sink):
    """They get a "_" behind them, wherever the line goes."""
    # observability L16
    extra = dict.fromkeys(TAKEN, "own")
    if sink == "callable":
        world = exchange(protocol, Said(extra=extra))
        line = world.log.only
    else:
        through_logging("dualware.tests.fuzz")
        records = []
        logging.getLogger("dualware.tests.fuzz").handlers[0].emit = records.append
        world = exchange(protocol, Said(extra=extra), sink="stdlib", logger="dualware.tests.fuzz")
        line = vars(records[0])

    assert [] == world.reports
    assert "http.server.request" == line["event"]
    assert {f"{name}_": "own" for name in TAKEN}.items() <= line.items()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@FUZZED
@given(said=SAYINGS, preset=st.sampled_from([*PRESETS]))
@example(said=HOSTILE, preset="otel")
def test_through_logging(protocol, said, preset):
    """The standard library's usual format, with the message alone."""
    # observability L8
    stream = through_logging("dualware.tests.fuzz")
    world = exchange(protocol, said, sink="stdlib", logger="dualware.tests.fuzz", preset=preset)

    hold(stream.getvalue(), world)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@FUZZED
@given(said=SAYINGS, preset=st.sampled_from([*PRESETS]))
@example(said=HOSTILE, preset="gcp")
def test_through_a_callable(protocol, said, preset):
    """Everything in the dictionary itself is safe, names and values, at any depth."""
    # observability L8
    world = exchange(protocol, said, preset=preset)

    assert [] == world.reports
    assert is_safe(world.log.only)


def is_safe(value):
    """Whether every text in ``value`` is one line."""
    if isinstance(value, dict):
        return all(is_safe(name) and is_safe(each) for name, each in value.items())
    if isinstance(value, list):
        return all(map(is_safe, value))
    return not isinstance(value, str) or not value or is_one_line(value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "renderer", [each for each in RENDERERS if "JSON" in each or "json" in each]
)
@FUZZED
@given(said=SAYINGS)
def test_exceptions_on_demand(protocol, renderer, said):
    """Their event is one line too: JSON escapes the line feeds of a traceback."""
    # observability L8, observability L17
    said.error = said.error or "a\nb"
    stream = through_structlog(renderer)
    world = exchange(protocol, said, sink="structlog", log_exceptions=True)
    lines = stream.getvalue().splitlines(keepends=True)

    assert 2 == len(lines)
    for line in lines:
        hold(line, world)
