"""The id on lines of the application's own logs, inside both protocols' exchanges."""

import contextvars
import io
import logging
import threading

import pytest
import structlog
from structlog.testing import CapturingLogger

import dualware
from dualware.core.current import CURRENT
from dualware.effects import REAL
from dualware.log import RequestIdFilter, merge_record
from dualware.middleware.request_id import RequestID, RequestIDSettings
from dualware.testing import Script

GOOD = "f9ed4675f1c53513c61a3b3b4e25b4c0"


@pytest.fixture(autouse=True)
def outside():
    """No exchange is current when a test begins."""
    CURRENT.set(None)


def inside(dual, function):
    """What ``function`` returns inside an exchange."""
    script = Script(on_request=function)
    middleware = RequestID(RequestIDSettings(), REAL)
    dual.request(script, [middleware], headers={"X-Request-ID": GOOD}).reraise()
    return script.probe.seen[0]


def line():
    """A log record of the standard library."""
    return logging.LogRecord("app", logging.INFO, "app.py", 1, "message", None, None)


def shown(**options):
    """What the filter puts on a record here."""
    record = line()

    assert True is RequestIdFilter(**options).filter(record)
    return record.request_id


# The standard library


def test_filter(dual):
    """Every record passes, with the id."""
    # observability R16
    assert GOOD == inside(dual, shown)


@pytest.mark.parametrize(("length", "expected"), [(8, GOOD[:8]), (1000, GOOD), (None, GOOD)])
def test_filter_length(dual, length, expected):
    """The id can be shown short."""
    # observability R16
    assert expected == inside(dual, lambda: shown(length=length))


@pytest.mark.parametrize(("options", "expected"), [({}, "-"), ({"default": "none"}, "none")])
def test_filter_outside(options, expected):
    """Outside an exchange there is a default, not cut by the length."""
    # observability R16
    # No protocol is involved.
    assert expected == shown(**options, length=1)


def test_filter_without_an_id(dual):
    """An exchange without the middleware is as good as none."""
    # observability R16
    from dualware import Middleware

    class Other(Middleware):
        def __call__(self, exchange):
            return None

    script = Script(on_request=shown)
    dual.request(script, [Other()])

    assert ["-"] == script.probe.seen


@pytest.mark.parametrize("length", [0, -1])
def test_filter_bad_length(length):
    """A length of nothing is a mistake."""
    # observability X13
    # No protocol is involved.
    with pytest.raises(ValueError, match="cannot be a length"):
        RequestIdFilter(length=length)


def test_filters_do_not_stand_in_each_other_s_way(dual):
    """A short id on one handler leaves the next one the whole."""
    # observability R16

    def both():
        record = line()
        RequestIdFilter(length=8).filter(record)
        short = record.request_id
        RequestIdFilter().filter(record)
        return short, record.request_id

    assert (GOOD[:8], GOOD) == inside(dual, both)


def test_filter_behind_a_queue(dual):
    """A listener's thread knows of no exchange, and leaves what was known before."""
    # observability R16

    def made():
        record = line()
        RequestIdFilter().filter(record)
        return record

    record = inside(dual, made)
    RequestIdFilter().filter(record)

    assert GOOD == record.request_id


def test_filter_in_threads(dual):
    """Any thread with a copied context logs with the id, one without does not."""
    # observability R16
    seen = []

    def spread():
        context = contextvars.copy_context()
        for target in (
            dualware.carry(lambda: seen.append(shown())),
            lambda: context.run(lambda: seen.append(shown())),
            lambda: contextvars.Context().run(lambda: seen.append(shown())),
        ):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()

    inside(dual, spread)

    assert [GOOD, GOOD, "-"] == seen


def test_filter_on_a_handler(dual):
    """As it is used: on a handler, with the id in the format."""
    # observability R16
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(RequestIdFilter())
    handler.setFormatter(logging.Formatter("[%(request_id)s] %(message)s"))
    logger = logging.Logger("app")  # noqa: LOG001 - one that no other test can see
    logger.addHandler(handler)
    inside(dual, lambda: logger.warning("inside"))
    logger.warning("outside")

    assert f"[{GOOD}] inside\n[-] outside\n" == stream.getvalue()


# structlog


def test_merge(dual):
    """Every event gains the id."""
    # observability X10
    expected = {"event": "hello", "request_id": GOOD}

    assert expected == inside(dual, lambda: merge_record(None, "info", {"event": "hello"}))


def test_merge_same_event(dual):
    """The event goes on as the same object."""
    # observability X10
    event = {"event": "hello"}

    assert event is inside(dual, lambda: merge_record(None, "info", event))


def test_merge_own(dual):
    """An event that says which request it is about knows best."""
    # observability X10
    event = {"request_id": "own"}

    assert {"request_id": "own"} == inside(dual, lambda: merge_record(None, "info", event))


def test_merge_outside():
    """Outside an exchange nothing is added."""
    # observability X10
    # No protocol is involved.
    assert {"event": "hello"} == merge_record(None, "info", {"event": "hello"})


def test_merge_without_an_id(dual):
    """An exchange without the middleware is as good as none."""
    # observability X10
    from dualware import Middleware

    class Other(Middleware):
        def __call__(self, exchange):
            return None

    script = Script(on_request=lambda: merge_record(None, "info", {"event": "hello"}))
    dual.request(script, [Other()])

    assert [{"event": "hello"}] == script.probe.seen


def test_merge_in_structlog(dual):
    """As it is used: among the processors of a logger."""
    # observability X10
    inner = CapturingLogger()
    logger = structlog.wrap_logger(inner, processors=[merge_record])
    inside(dual, lambda: logger.info("inside", user=7))
    [call] = inner.calls

    assert {"event": "inside", "user": 7, "request_id": GOOD} == call.kwargs
