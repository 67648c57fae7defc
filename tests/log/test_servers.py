"""The loggers of servers, adopted: one shape, and no line twice.

Knows loggers by name only; what real servers do with theirs is tried in tests/servers.
"""

import logging

import pytest

from dualware.log.servers import NotTwice, adopt_server_loggers


@pytest.fixture
def own():
    """A logger of a server, and one of the application, each with a handler of its own."""
    loggers = [logging.getLogger("hypercorn.a_test"), logging.getLogger("app.a_test")]
    handler = logging.NullHandler()
    for each in loggers:
        each.addHandler(handler)
        each.propagate = False
    yield (*loggers, handler)
    for each in loggers:
        each.removeHandler(handler)
        each.propagate = True


def record(name):
    """A record of the logger of that name."""
    return logging.makeLogRecord({"name": name, "msg": "x"})


def test_servers_are_adopted(own):
    """Their lines then come by the root logger; nobody else's logger is touched."""
    # observability L20
    server, application, handler = own
    adopt_server_loggers()

    # pytest puts handlers of its own on loggers that don't propagate.
    assert (False, True) == (handler in server.handlers, server.propagate)
    assert (True, False) == (handler in application.handlers, application.propagate)


def test_nothing_is_written_twice(own):
    """What a server's own handler has written is not for the root logger's."""
    # observability L20
    server, application, _ = own
    once = NotTwice()

    assert [False, True] == [once.filter(record(each.name)) for each in (server, application)]
    server.handlers.clear()
    assert once.filter(record(server.name))
