"""structlog's filtering loggers as `configure_logging` sets them: the same, and cheaper.

Knows what structlog's own do, and holds these to it. Must never know a renderer.
"""

import asyncio
import pickle

import pytest
import structlog
from structlog.exceptions import DropEvent
from structlog.testing import CapturingLogger, CapturingLoggerFactory, capture_logs

from dualware.core.logging.sinks import StructlogSink
from dualware.log.loggers import FILTERING

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
METHODS = {
    **LEVELS,
    # Other names for the same.
    "msg": 20,
    "warn": 30,
    "exception": 40,
    "fatal": 50,
}

EVERY = pytest.mark.parametrize("word", FILTERING)


@pytest.fixture(autouse=True)
def _defaults():
    """structlog as it is before anybody configures it."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


def render(_logger, method, event):
    """Show an event with the method it came by, as structlog's renderers do: a string."""
    return f"{method} {sorted(event.items())}"


def made(wrapper, *processors, context=None):
    """A logger of this class, and the list of what it wrote."""
    inner = CapturingLogger()
    logger = wrapper(inner, [*processors, render], context or {})
    return logger, inner.calls


def both(word, act):
    """What structlog's own logger writes and returns, and what ours does.

    What one release of structlog takes, another refuses: a TypeError is a result too.
    """
    results = []
    for wrapper in (structlog.make_filtering_bound_logger(LEVELS[word]), FILTERING[word]):
        logger, calls = made(wrapper, context={"bound": 1})
        try:
            returned = act(logger)
        except TypeError as error:
            returned = str(error)
        results.append(([call.args for call in calls], returned))
    return results


def test_a_logger_for_each_level():
    """By the words that `configure_logging` takes."""
    assert list(LEVELS) == list(FILTERING)


@EVERY
@pytest.mark.parametrize("method", METHODS)
def test_what_passes(word, method):
    """A level and all above it, as structlog lets them."""
    # observability L12
    structlogs, ours = both(word, lambda logger: getattr(logger, method)("hello", user=7))

    assert structlogs == ours
    # To structlog 23.1 "fatal" is another name for an error.
    if method != "fatal":
        assert (METHODS[method] >= LEVELS[word]) == bool(ours[0])


@EVERY
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("event", "arguments"),
    [("%s of %d", ("one", 2)), ("%(a)s", ({"a": 1},)), ("100%", ()), ("%s", ("%s",))],
)
def test_arguments(word, method, event, arguments):
    """They are put into the event with "%", where there are any."""
    structlogs, ours = both(word, lambda logger: getattr(logger, method)(event, *arguments))

    assert structlogs == ours


@EVERY
def test_wrong_arguments(word):
    """A mistake in a format is the caller's to see, as structlog has it."""
    event = "%s of %d"
    for wrapper in (structlog.make_filtering_bound_logger(LEVELS[word]), FILTERING[word]):
        logger, _ = made(wrapper)
        with pytest.raises(TypeError, match="not enough arguments"):
            logger.critical(event, "one")


@EVERY
def test_fields_stand_over_the_context(word):
    """Those of the call win; and neither the context nor the fields are changed."""
    context, fields = {"a": 1, "b": 1}, {"b": 2}

    def spoil(_logger, _method, event):
        event.clear()
        return {"spoilt": True, "event": "x"}

    logger, calls = made(FILTERING[word], context=context)
    logger.critical("hello", **fields)
    made(FILTERING[word], spoil, context=context)[0].critical("hello", **fields)

    assert "critical [('a', 1), ('b', 2), ('event', 'hello')]" == calls[0].args[0]
    assert ({"a": 1, "b": 1}, {"b": 2}) == (context, fields)


@EVERY
def test_exception(word):
    """At the level error, with the exception that is being handled."""

    def act(logger):
        try:
            raise KeyError("x")
        except KeyError:
            return logger.exception("failed", user=7)

    structlogs, ours = both(word, act)

    assert structlogs == ours
    assert (word != "critical") == (
        ours[0] == [("error [('bound', 1), ('event', 'failed'), ('exc_info', True), ('user', 7)]",)]
    )


@EVERY
@pytest.mark.parametrize("number", LEVELS.values())
def test_log_with_a_number(word, number):
    """`log` takes a level, as structlog's does."""
    structlogs, ours = both(word, lambda logger: logger.log(number, "hello", a=1))

    assert structlogs == ours
    assert (number >= LEVELS[word]) == bool(ours[0])


@EVERY
def test_awaited_methods(word):
    """They are structlog's own."""
    structlogs, ours = both(word, lambda logger: asyncio.run(logger.aerror("hello", a=1)))

    assert structlogs == ours
    assert (word != "critical") == bool(ours[0])


@EVERY
def test_bind(word):
    """A bound logger is one of the same kind, with the context, and the first stays as it was."""
    logger, calls = made(FILTERING[word])
    bound = logger.bind(a=1).bind(b=2).unbind("a")
    bound.critical("bound")
    bound.new(c=3).critical("new")
    logger.critical("first")

    assert FILTERING[word] is type(bound)
    assert [
        "critical [('b', 2), ('event', 'bound')]",
        "critical [('c', 3), ('event', 'new')]",
        "critical [('event', 'first')]",
    ] == [call.args[0] for call in calls]


@EVERY
def test_a_dropped_event(word):
    """Nothing is written, nothing is raised, and what would come after does not run."""

    def drop(*_):
        raise DropEvent

    logger, calls = made(FILTERING[word], drop, lambda *_: pytest.fail("it was dropped"))

    assert None is logger.critical("hello")
    assert [] == calls


@EVERY
def test_a_processor_that_fails(word):
    """Is heard of."""

    def fail(*_):
        raise ZeroDivisionError

    logger, calls = made(FILTERING[word], fail)
    with pytest.raises(ZeroDivisionError):
        logger.critical("hello")

    assert [] == calls


@EVERY
def test_processors_know_the_logger(word):
    """They are called with the innermost logger, the method and the event."""
    seen = []

    def see(*given):
        seen.append(given)
        return given[2]

    logger, _ = made(FILTERING[word], see)
    logger.critical("hello", a=1)

    assert [(logger._logger, "critical", {"event": "hello", "a": 1})] == seen


def test_an_event_without_a_name():
    """A mistake, as with structlog's own."""
    logger, _ = made(FILTERING["debug"])
    with pytest.raises(TypeError, match="event"):
        logger.info(user=7)


@EVERY
def test_pickle(word):
    """A logger goes to another process as structlog's do."""
    logger = FILTERING[word](structlog.PrintLogger(), [], {"a": 1})
    copy = pickle.loads(pickle.dumps(logger))

    assert type(logger) is type(copy)
    assert {"a": 1} == copy._context
    assert f"FilteringAt{word.capitalize()}" == type(copy).__name__
    assert FILTERING[word] is pickle.loads(pickle.dumps(FILTERING[word]))


@EVERY
@pytest.mark.parametrize("cached", [False, True])
def test_capture_logs(word, cached):
    """structlog's own way to test works with them."""
    structlog.configure(
        processors=[render],
        wrapper_class=FILTERING[word],
        logger_factory=CapturingLoggerFactory(),
        cache_logger_on_first_use=cached,
    )
    logger = structlog.get_logger()
    with capture_logs() as captured:
        for method in LEVELS:
            getattr(logger, method)("hello", a=1)

    assert [
        {"event": "hello", "a": 1, "log_level": name}
        for name, level in LEVELS.items()
        if level >= LEVELS[word]
    ] == captured


@EVERY
@pytest.mark.parametrize("method", LEVELS)
def test_methods_say_what_they_are(word, method):
    """A name and a docstring; the sink tells by the name whether a level is wanted."""
    # observability L17
    function = getattr(FILTERING[word], method)
    if LEVELS[method] < LEVELS[word]:
        assert "_nop" == function.__name__
    else:
        assert method == function.__name__
        assert f"``{method}``" in function.__doc__


# What the access log hands over


def configure(factory, wrapper, *processors):
    """Configure structlog with this class."""
    structlog.configure(
        processors=[*processors, render], wrapper_class=wrapper, logger_factory=factory
    )


@pytest.mark.parametrize("wrapper", [structlog.make_filtering_bound_logger(20), FILTERING["info"]])
def test_an_event_that_is_taken_whole(wrapper):
    """It becomes what the method makes of it; nothing where it is dropped, or below the level."""
    # observability L17

    def drop(_logger, _method, event):
        if event["event"] == "dropped":
            raise DropEvent
        return event

    factory = CapturingLoggerFactory()
    configure(factory, wrapper, drop)
    sink = StructlogSink("access")
    for level, event in [(20, "hello"), (20, "dropped"), (10, "below"), (40, "hello")]:
        sink.emit(level, event, {"a": 1})
    logger = structlog.get_logger("access")
    logger.info("hello", a=1)
    logger.error("hello", a=1)
    written = [call.args for call in factory.logger.calls]

    assert 4 == len(written)
    assert written[:2] == written[2:]


@EVERY
def test_a_class_made_from_one_of_them(word):
    """It may have methods of its own, and they are called."""
    # observability L17
    called = []

    class Mine(FILTERING[word]):
        def critical(self, event, **fields):
            called.append((event, fields))

    factory = CapturingLoggerFactory()
    configure(factory, Mine)
    StructlogSink("access").emit(50, "hello", {"a": 1})

    assert [("hello", {"a": 1})] == called
    assert [] == factory.logger.calls
