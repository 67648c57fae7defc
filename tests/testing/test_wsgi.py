"""The raw WSGI server: what it does beyond checking."""

import contextvars
import sys

import pytest

from dualware.testing import FileWrapper, HeadReplaced, Script, WSGIClient
from dualware.testing.wsgi import PassThrough, build_environ

TWO = [b"a", b"b"]


def test_write_reaches_the_client():
    """Data given to write() comes before the items (PEP 3333, The write() Callable)."""

    def app(environ, start_response):
        start_response("200 OK", [])(b"a")
        return [b"b"]

    assert TWO == WSGIClient(app).request().chunks


def test_no_write():
    """Where start_response returns None, write() fails as it does there."""
    result = WSGIClient(Script(body="write").wsgi, no_write=True).request()

    assert TypeError is type(result.error)


def test_read_some():
    """The client goes away after so many items, and the server closes."""
    script = Script(chunks=TWO, body="iterator", declare_length=True)
    result = WSGIClient(script.wsgi).request(read=1)

    assert ([b"a"], 1, 1, True) == (
        result.chunks,
        script.probe.pulled,
        result.closed,
        result.disconnected,
    )


def test_read_all_but_the_end():
    """Every item is read, and the end is not seen: that is going away, too."""
    result = WSGIClient(Script(chunks=TWO, body="iterator").wsgi).request(read=2)

    assert (TWO, True) == (result.chunks, result.disconnected)


def test_never_iterated():
    """close() is called even then (PEP 3333, Specification Details)."""
    script = Script(body="iterable")
    result = WSGIClient(script.wsgi).request(iterate=False)

    assert (200, b"", 0, 1) == (
        result.status,
        result.body,
        script.probe.iterations,
        script.probe.closed,
    )


def test_never_closed():
    """Some bridges do not."""
    script = Script(body="iterator")
    result = WSGIClient(script.wsgi).request(close=False)

    assert (0, 0) == (result.closed, script.probe.closed)


def test_the_first_error_is_the_error():
    """An error of close() does not hide the one before."""

    class Items:
        def __iter__(self):
            raise ValueError

        def close(self):
            raise KeyError

    def app(environ, start_response):
        start_response("200 OK", [])
        return Items()

    result = WSGIClient(app).request()

    assert (ValueError, 1) == (type(result.error), result.closed)


def failing_app(environ, start_response):
    """Starts, and fails before any output."""
    start_response("200 OK", [])
    raise ValueError


def test_uncommitted_head():
    """The server answers in the application's place, so that no head was seen."""
    result = WSGIClient(failing_app).request()

    assert (None, None, [(200, [])]) == (result.status, result.reason, result.starts)


def empty_then_replaced(environ, start_response):
    """Yields nothing, then thinks better of it."""
    start_response("200 OK", [])
    yield b""
    try:
        raise HeadReplaced
    except HeadReplaced:
        start_response("500 Oh", [], sys.exc_info())
    yield b"x"


def test_an_empty_item_keeps_the_head_back():
    """PEP 3333: headers go out with the first non-empty item."""
    result = WSGIClient(empty_then_replaced).request()

    assert (500, [b"", b"x"]) == (result.status, result.chunks)


def test_flush_empty():
    """Several servers send the head with it."""
    result = WSGIClient(empty_then_replaced, flush_empty=True).request()

    assert (200, [b""], HeadReplaced) == (result.status, result.chunks, type(result.error))


def test_lenient():
    """Several servers raise no exc_info again."""
    script = Script(chunks=TWO, replace_head=(500, ()), replace_at=1)
    result = WSGIClient(script.wsgi, lenient=True).request()

    assert (200, TWO, None) == (result.status, result.chunks, result.error)


@pytest.mark.parametrize(
    ("lazy", "headers"), [(False, [("content-type", "text/plain")]), (True, [])]
)
def test_eager_status(lazy, headers):
    """A server may read the head when the call returns."""
    result = WSGIClient(Script(lazy=lazy).wsgi, eager_status=True).request()

    assert (200, headers, b"hello") == (result.status, result.headers, result.body)


def test_two_arguments():
    """Some test clients take no exc_info at all."""
    plain = WSGIClient(Script().wsgi, two_arguments=True).request()
    replaced = WSGIClient(Script(replace_head=(500, ())).wsgi, two_arguments=True).request()

    assert (200, TypeError) == (plain.status, type(replaced.error))


def test_second_start_is_accepted():
    """It breaks a rule, and servers take it: so can a test that says so."""

    def app(environ, start_response):
        start_response("500 Oh", [])
        start_response("200 OK", [])
        return []

    assert (200, "OK") == (
        WSGIClient(app, lint=False).request().status,
        WSGIClient(app, lint=False).request().reason,
    )


def test_file_wrapper(tmp_path):
    """The server's own wrapper comes back to it, and closes the file."""
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    file = path.open("rb")

    def app(environ, start_response):
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](file, 2)

    result = WSGIClient(app).request()

    assert ([b"ab", b"c"], True, True) == (result.chunks, result.opaque, file.closed)


def test_file_wrapper_of_what_can_not_be_closed():
    """close() is there when the file has one."""

    class Readable:
        def read(self, size):
            return b""

    assert not hasattr(FileWrapper(Readable()), "close")


def test_leaked_context_variables():
    """What an application leaves behind is named."""
    variable = contextvars.ContextVar("left")
    kept = contextvars.ContextVar("kept")

    def app(environ, start_response):
        variable.set(1)
        kept.reset(kept.set(1))
        return Script().wsgi(environ, start_response)

    assert ["left"] == contextvars.copy_context().run(WSGIClient(app).request).leaked


def test_cleared_context_variable():
    """A variable that is gone was left behind as well."""
    variable = contextvars.ContextVar("gone")

    def request():
        token = variable.set(1)

        def app(environ, start_response):
            variable.reset(token)
            return Script().wsgi(environ, start_response)

        return WSGIClient(app).request()

    assert ["gone"] == contextvars.copy_context().run(request).leaked


def test_an_almost_empty_environ():
    """A test may hand over any environ."""
    result = WSGIClient(Script().wsgi).run({"wsgi.x": 1})

    assert (b"hello", []) == (result.body, result.reads)


def test_the_very_environ_is_handed_over():
    """So that servers that read it back find what was put there."""
    environ = build_environ()
    result = WSGIClient(PassThrough(Script().wsgi)).run(environ)

    assert environ is result.handed[0]
