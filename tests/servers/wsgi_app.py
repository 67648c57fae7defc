"""The WSGI application that every server under test serves.

One function for each way to answer, legal or not: a server's quirk must come out the same
through a stack. Must never know which server runs it.
"""

# ruff: noqa: D103 - the name of an answer is its description

import sys

import dualware
from tests.servers.stacks import stacks

# No list: wsgiref adds to the one it is given.
TEXT = (("Content-Type", "text/plain"),)


class Chunks:
    """An iterable that is no list, with a close that must be called once."""

    def __init__(self, *chunks):
        self.chunks = iter(chunks)
        self.closed = 0

    def __iter__(self):
        return self

    def __next__(self):
        return next(self.chunks)

    def close(self):
        self.closed += 1
        assert self.closed == 1


def one(environ, start_response):
    start_response("200 OK", [*TEXT])
    return [b"hello world"]


def parts(environ, start_response):
    start_response("200 OK", [*TEXT])
    return [b"hello ", b"", b"world"]


def stream(environ, start_response):
    start_response("200 OK", [*TEXT])
    return Chunks(b"hello ", b"", b"world")


def length(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "11")])
    return Chunks(b"hello ", b"world")


def empty(environ, start_response):
    start_response("204 No Content", [])
    return []


def unmodified(environ, start_response):
    start_response("304 Not Modified", [("ETag", '"1"')])
    return [b""]


def repeated(environ, start_response):
    start_response("200 OK", [*TEXT, ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    return [b"hello world"]


def lazy(environ, start_response):
    start_response("200 OK", [*TEXT])
    yield b"hello world"


def reasonless(environ, start_response):
    start_response("200", [*TEXT])
    return [b"hello world"]


def twice(environ, start_response):
    start_response("200 OK", [*TEXT])
    start_response("202 Accepted", [*TEXT, ("X-Second", "1")])
    return [b"hello world"]


def written(environ, start_response):
    write = start_response("200 OK", [*TEXT])
    write(b"hello ")
    return [b"world"]


def unstarted(environ, start_response):
    yield b""
    start_response("200 OK", [*TEXT])
    yield b"hello world"


def blank(environ, start_response):
    start_response("200 OK", [*TEXT])
    return Chunks(b"", b"hello world")


def file(environ, start_response):
    wrap = environ.get("wsgi.file_wrapper", lambda opened, size: iter([opened.read()]))
    opened = open(__file__, "rb")  # noqa: SIM115, PTH123 - the server closes it
    start_response("200 OK", [*TEXT])
    return wrap(opened, 4096)


def failing(environ, start_response):
    raise LookupError("before start_response")


def started(environ, start_response):
    start_response("200 OK", [*TEXT])
    raise LookupError("after start_response")


def late(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "11")])
    yield b"hello "
    raise LookupError("after the first chunk")


def replaced(environ, start_response):
    start_response("200 OK", [*TEXT, ("X-First", "1")])
    try:
        raise LookupError("before any output")
    except LookupError:
        start_response("500 Internal Server Error", [*TEXT, ("X-Second", "1")], sys.exc_info())
    return [b"replaced"]


def overdue(environ, start_response):
    start_response("200 OK", [*TEXT])
    yield b"hello "
    try:
        raise LookupError("after output")
    except LookupError:
        start_response("500 Internal Server Error", [*TEXT], sys.exc_info())
    yield b"never"


LONG = b"".join(b'{"number": %d, "text": "hello world"}\n' % number for number in range(3000))
"""100 KB that shrink."""


def long(environ, start_response):
    start_response("200 OK", [*TEXT])
    return [LONG]


def long_known(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", str(len(LONG)))])
    return Chunks(LONG)


def long_stream(environ, start_response):
    start_response("200 OK", [*TEXT])
    return Chunks(LONG[:9], b"", LONG[9:50_000], LONG[50_000:])


def long_lazy(environ, start_response):
    start_response("200 OK", [*TEXT])
    yield LONG[:9]
    yield LONG[9:]


def events(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    return Chunks(*(b"data: number %d of many numbers\n\n" % number for number in range(50)))


def endless(environ, start_response):
    start_response("200 OK", [*TEXT])
    return Chunks(*[b"x" * 65536] * 600)


def current(environ, start_response):
    start_response("200 OK", [*TEXT])
    return [str(dualware.request_id()).encode()]


ROUTES = {
    function.__name__: function
    for function in (
        one, parts, stream, length, empty, unmodified, repeated, lazy, reasonless, twice, written,
        unstarted, blank, file, failing, started, late, replaced, overdue, endless, current,
        long, long_known, long_stream, long_lazy, events,
    )
}  # fmt: skip


def bare(environ, start_response):
    """Route by the second segment of the path; anything else is a plain answer."""
    name = environ["PATH_INFO"].split("/")[2]
    return ROUTES.get(name, one)(environ, start_response)


MOUNTS = {"bare": bare, **{name: stack.wsgi(bare) for name, stack in stacks().items()}}


def app(environ, start_response):
    """Route by the first segment of the path."""
    return MOUNTS[environ["PATH_INFO"].split("/")[1]](environ, start_response)
