"""Sinks: structlog however it is configured, the standard library, and plain callables.

Knows the loggers of users. Must never know an exchange.
"""

import io
import json
import logging

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import CapturingLoggerFactory, capture_logs

from dualware.core.logging.levels import CRITICAL, DEBUG, ERROR, INFO, LEVEL_NAMES, WARNING
from dualware.core.logging.sinks import CallableSink, StdlibSink, StructlogSink

NAME = "dualware.access"
EVERY = [DEBUG, INFO, WARNING, ERROR, CRITICAL]


@pytest.fixture(autouse=True)
def _defaults():
    """structlog as it is before anybody configures it."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


@pytest.fixture
def factory():
    """Makes structlog's innermost loggers, and keeps what reaches them."""
    return CapturingLoggerFactory()


def told(factory):
    """What reached the innermost logger: method, and the event with its fields."""
    return [(call.method_name, call.kwargs) for call in factory.logger.calls]


def enabled(sink):
    """The levels that a sink wants."""
    wanted = [level for level in EVERY if sink.wanted()[level]]
    # What is settled says the same.
    assert sink.settled is None or wanted == [level for level in EVERY if sink.settled[level]]
    return wanted


def emit_all(sink):
    """An event of every level that the sink wants."""
    for level in enabled(sink):
        sink.emit(level, "event", {"a.b": 1, "level": LEVEL_NAMES[level]})


def emitted(levels):
    """What `emit_all` makes of these levels."""
    words = [LEVEL_NAMES[level] for level in levels]
    return [(word, {"event": "event", "a.b": 1, "level": word}) for word in words]


# observability L17: structlog's own filtering loggers


@pytest.mark.parametrize(
    ("least", "wanted"), [(0, EVERY), *((each, EVERY[i:]) for i, each in enumerate(EVERY))]
)
def test_native_filtering(factory, least, wanted):
    """What the logger drops is not even asked for; what it takes arrives by its method."""
    # observability L17, observability L12
    structlog.configure(
        processors=[],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=factory,
    )
    sink = StructlogSink(NAME)
    emit_all(sink)

    assert wanted == enabled(sink)
    assert emitted(wanted) == told(factory)


@pytest.mark.parametrize("least", [0, INFO])
def test_what_a_filtering_logger_is_told(factory, least):
    """What is bound, the processors, and their right to drop the event, as by its method."""
    # observability L17
    names = []

    def process(_logger, name, event):
        names.append(name)
        if event["event"] == "dropped":
            raise structlog.DropEvent
        return (event["event"],), {"given": event}

    structlog.configure(
        processors=[process],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=factory,
    )
    sink = StructlogSink(NAME)
    sink.emit(INFO, "dropped", {})
    sink.emit(ERROR, "event", {"a": 1})

    assert ["info", "error"] == names
    (call,) = factory.logger.calls
    assert ("error", ("event",), {"given": {"a": 1, "event": "event"}}) == tuple(call)


def test_a_filtering_logger_that_was_changed(factory):
    """A class of the user's own has methods of its own, and they are called."""
    # observability L17
    called = []

    class Mine(structlog.make_filtering_bound_logger(INFO)):
        def info(self, event, **fields):
            called.append((event, fields))

    structlog.configure(processors=[], wrapper_class=Mine, logger_factory=factory)
    StructlogSink(NAME).emit(INFO, "event", {"a": 1})

    assert [("event", {"a": 1})] == called
    assert [] == factory.logger.calls


def test_the_generic_logger(factory):
    """It filters nothing, and makes a log method of every name: of isEnabledFor too."""
    # observability L17
    structlog.configure(processors=[], wrapper_class=structlog.BoundLogger, logger_factory=factory)
    sink = StructlogSink(NAME)
    emit_all(sink)

    assert EVERY == enabled(sink)
    assert emitted(EVERY) == told(factory)


def test_structlog_as_it_comes(capsys):
    """Unconfigured it prints for people."""
    # observability L17
    sink = StructlogSink(NAME)
    emit_all(sink)

    assert EVERY == enabled(sink)
    assert 5 == len(capsys.readouterr().out.splitlines())


# observability L17: structlog over `logging`


@pytest.fixture
def stdlib_logger():
    """The standard library's logger of that name, with its handler's stream as ``stream``."""
    logger = logging.getLogger(NAME)
    logger.stream = io.StringIO()
    handler = logging.StreamHandler(logger.stream)
    former = logger.level, logger.propagate
    logger.propagate = False
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)
    logger.level, logger.propagate = former
    # `logging` remembers what is enabled.
    logger.setLevel(logger.level)
    del logger.stream


def test_structlog_over_logging(stdlib_logger):
    """The level may change at any time, and is asked each time."""
    # observability L17, observability L12
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    sink = StructlogSink(NAME)
    for least, wanted in [(WARNING, EVERY[2:]), (DEBUG, EVERY), (CRITICAL, EVERY[4:])]:
        stdlib_logger.setLevel(least)

        assert wanted == enabled(sink)

    stdlib_logger.setLevel(ERROR)
    emit_all(sink)

    lines = map(json.loads, stdlib_logger.stream.getvalue().splitlines())
    assert [fields for _, fields in emitted([ERROR, CRITICAL])] == list(lines)


@pytest.mark.parametrize("cached", [False, True])
def test_what_is_settled(factory, stdlib_logger, cached):
    """Whether a sink has to be asked again: not where nothing can change any more."""
    # observability L12
    configure(factory, WARNING, cached=cached)
    native = StructlogSink(NAME)
    assert native.settled is None
    native.wanted()
    assert (native.wanted() if cached else None) == native.settled

    over = StructlogSink(NAME)
    structlog.configure(
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=cached,
    )
    # Its level is the standard library's to change.
    over.wanted()
    stdlib = StdlibSink(NAME, lambda _: "")
    assert (None, None) == (over.settled, stdlib.settled)
    assert EVERY == enabled(CallableSink(print))
    assert CallableSink(print).settled is not None


# observability L17: wrapper classes of users


class Own(structlog.BoundLoggerBase):
    """A logger that has what its author needs, as in structlog's documentation."""

    def info(self, event, **fields):
        """Note."""
        return self._proxy_to_logger("info", event, own=True, **fields)

    def error(self, event, **fields):
        """Complain."""
        return self._proxy_to_logger("error", event, own=True, **fields)


def test_a_wrapper_class_of_the_users_own(factory):
    """Its methods are called."""
    # observability L17
    structlog.configure(processors=[], wrapper_class=Own, logger_factory=factory)
    sink = StructlogSink(NAME)
    sink.emit(INFO, "event", {"a": 1})
    sink.emit(ERROR, "event", {"a": 2})

    assert [
        ("info", {"event": "event", "a": 1, "own": True}),
        ("error", {"event": "event", "a": 2, "own": True}),
    ] == told(factory)


def test_a_wrapper_class_without_some_levels(factory):
    """An event goes to a level that there is, and none is lost."""
    # observability L17
    structlog.configure(processors=[], wrapper_class=Own, logger_factory=factory)
    sink = StructlogSink(NAME)
    for level in enabled(sink):
        sink.emit(level, LEVEL_NAMES[level], {})

    assert EVERY == enabled(sink)
    assert [
        ("info", "debug"),
        ("info", "info"),
        ("error", "warning"),
        ("error", "error"),
        ("error", "critical"),
    ] == [(method, fields["event"]) for method, fields in told(factory)]


def test_a_wrapper_class_without_any_level(factory):
    """There is nothing to call, and the failure says so."""
    # observability L17
    structlog.configure(wrapper_class=structlog.BoundLoggerBase, logger_factory=factory)
    with pytest.raises(TypeError, match=r"BoundLoggerBase.* has no method to log with"):
        StructlogSink(NAME).wanted()


class Asking(Own):
    """One that decides by itself what it wants."""

    def isEnabledFor(self, level):  # noqa: N802 - the standard library's name
        """Whether it wants ``level``."""
        return level == ERROR


def test_a_wrapper_class_that_can_be_asked(factory):
    """It is, whatever its methods would do."""
    # observability L17
    structlog.configure(processors=[], wrapper_class=Asking, logger_factory=factory)

    assert [ERROR] == enabled(StructlogSink(NAME))


# observability L17: structlog.configure before and after


def configure(factory, least, *, cached=False):
    """Configure structlog to filter at a level."""
    structlog.configure(
        processors=[],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=factory,
        cache_logger_on_first_use=cached,
    )


@pytest.mark.parametrize("cached", [False, True])
def test_a_configuration_after_the_sink_was_made(factory, cached):
    """It counts: the logger is bound when it is first asked."""
    # observability L17
    sink = StructlogSink(NAME)
    configure(factory, ERROR, cached=cached)
    emit_all(sink)

    assert emitted([ERROR, CRITICAL]) == told(factory)


def test_a_later_configuration_is_followed(factory):
    """Where loggers are made anew each time."""
    # observability L17
    sink = StructlogSink(NAME)
    configure(factory, ERROR)
    emit_all(sink)
    later = CapturingLoggerFactory()
    configure(later, CRITICAL)
    emit_all(sink)

    assert emitted([ERROR, CRITICAL]) == told(factory)
    assert emitted([CRITICAL]) == told(later)


def test_a_logger_that_was_cached_stays(factory):
    """As every structlog logger does then."""
    # observability L17
    sink = StructlogSink(NAME)
    configure(factory, ERROR, cached=True)
    emit_all(sink)
    configure(CapturingLoggerFactory(), CRITICAL, cached=True)
    emit_all(sink)

    assert 2 * emitted([ERROR, CRITICAL]) == told(factory)


def test_an_event_before_the_first_question(factory):
    """Binds the logger too."""
    # observability L17
    configure(factory, INFO)
    StructlogSink(NAME).emit(INFO, "event", {"a": 1})

    assert [("info", {"event": "event", "a": 1})] == told(factory)


def test_the_same_logger_goes_on(factory):
    """Nothing is bound anew for an event, as long as nobody configures."""
    # observability L17
    configure(factory, INFO)
    sink = StructlogSink(NAME)
    sink.wanted()
    bound = sink._bound
    emit_all(sink)

    assert bound is sink._bound


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("first", ["before", "inside"])
def test_capture_logs(factory, cached, first):
    """structlog's own way to test: it sees the events, and nobody else does."""
    # observability L17
    configure(factory, INFO, cached=cached)
    sink = StructlogSink(NAME)
    if first == "before":
        sink.wanted()
    with capture_logs() as captured:
        sink.emit(INFO, "event", {"a": 1})

    assert [{"event": "event", "a": 1, "log_level": "info"}] == captured
    assert [] == factory.logger.calls


def test_the_name_of_the_logger():
    """It is the factory's to know."""
    # observability L17
    names = []

    def make(*arguments):
        names.append(arguments)
        return structlog.testing.CapturingLogger()

    structlog.configure(processors=[], logger_factory=make)
    StructlogSink("shop.access").wanted()

    assert [("shop.access",)] == names


def test_the_logger_is_bound_at_first_use(factory):
    """Not when the sink is made, which is when modules are imported."""
    # observability L17
    structlog.configure(logger_factory=lambda *_: pytest.fail("too early"))
    StructlogSink(NAME)


# observability L17: the standard library


class Keeping(logging.Handler):
    """Keeps the records."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


def stdlib_sink(message=lambda fields: "GET /items/42 200"):
    """A sink, its logger, and the handler of that; no other test sees any of them."""
    sink = StdlibSink("dualware.tests.sinks", message)
    logger = sink._logger
    logger.propagate = False
    logger.handlers = [handler := Keeping()]
    logger.setLevel(INFO)
    return sink, logger, handler


def test_stdlib_levels():
    """The logger's own, asked each time."""
    # observability L17, observability L12
    sink, logger, _ = stdlib_sink()

    assert EVERY[1:] == enabled(sink)
    logger.setLevel(ERROR)
    assert EVERY[3:] == enabled(sink)


def test_stdlib_records():
    """Every field is an attribute, and the message is for people."""
    # observability L17
    sink, _, handler = stdlib_sink(lambda fields: f"GET {fields['url.path']}")
    sink.emit(WARNING, "http.server.request", {"url.path": "/items/%41", "status": 200})
    [record] = handler.records

    assert "GET /items/%41" == record.getMessage()
    assert ("WARNING", "dualware.tests.sinks") == (record.levelname, record.name)
    assert ("/items/%41", 200) == (vars(record)["url.path"], record.status)
    assert "http.server.request" == record.event


def test_stdlib_message_of_an_event_without_one():
    """The event's name stands there."""
    # observability L17
    sink, _, handler = stdlib_sink(lambda fields: "")
    sink.emit(INFO, "websocket.session", {})

    assert "websocket.session" == handler.records[0].getMessage()


OWN = sorted({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})


def test_stdlib_names_of_the_record():
    """Fields of such names get a "_" behind it: `logging` would raise KeyError."""
    # observability L17
    sink, _, handler = stdlib_sink()
    sink.emit(INFO, "event", dict.fromkeys([*OWN, "event", "a"], "field"))
    [record] = handler.records

    assert ["field"] * len(OWN) == [getattr(record, f"{name}_") for name in OWN]
    assert ("event", "field") == (record.event, record.a)
    assert ("GET /items/42 200", "INFO") == (record.getMessage(), record.levelname)
    assert "GET /items/42 200" == logging.Formatter("%(message)s").format(record)


@given(st.dictionaries(st.sampled_from(OWN) | st.text(), st.text()))
def test_stdlib_takes_every_name(fields):
    """Never an error, whatever fields are called."""
    # observability L17
    sink, _, handler = stdlib_sink()
    sink.emit(INFO, "event", fields)

    assert 1 == len(handler.records)


def test_stdlib_message_is_no_format():
    """A path with a "%" is no conversion."""
    # observability L17
    sink, _, handler = stdlib_sink(lambda fields: "GET /100%s%d 200")
    sink.emit(INFO, "event", {})

    assert "GET /100%s%d 200" == handler.records[0].getMessage()


# observability L17: callables


def test_callables():
    """One dictionary for each event, which is theirs to keep; every level is wanted."""
    # observability L17
    events = []
    sink = CallableSink(events.append)
    fields = {"a.b": 1}
    sink.emit(WARNING, "event", fields)

    assert EVERY == enabled(sink)
    assert [{"event": "event", "level": "warning", "a.b": 1}] == events
    assert events[0] is not fields
