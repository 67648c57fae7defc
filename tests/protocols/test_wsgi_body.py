"""The WSGI driver: the iterable, its end, and what happens when something fails (W28 to W45).

Holds the driver to the rules with raw clients and hand-made bodies. Must never test a policy of
its own: the middleware here are as small as they can be.
"""

import contextvars
import io
import itertools
import threading
import zlib
from wsgiref.validate import validator

import pytest

from dualware import BODY, END, RESPONSE, Middleware, Stack, add_fields
from dualware.core.current import CURRENT, live_record
from dualware.testing import FileWrapper, Script, WSGIClient
from dualware.testing.wsgi import PassThrough, build_environ
from dualware.wsgi.driver import WSGIWrapper
from tests.protocols.wsgi_parts import (
    EVERY_KIND,
    FOLLOWED,
    TEXT,
    UNTOUCHED,
    Acts,
    Adds,
    Encodes,
    Ends,
    Holds,
    Reports,
    Rescues,
    Started,
    Watches,
    decoded,
    drive,
    stacked,
)

ITERABLES = pytest.mark.parametrize("body", ["iterator", "iterable", "generator"])
BODIES = pytest.mark.parametrize("body", ["list", "iterator", "iterable", "generator", "write"])
AB = [b"a", b"b"]


def returning(body, *headers, status="200 OK"):
    """An application that returns this very object."""

    def app(environ, start_response):
        start_response(status, [TEXT, *headers])
        return body

    return app


class Items:
    """An iterable that knows nothing but its items."""

    def __init__(self, *items):
        self.items = items

    def __iter__(self):
        return iter(self.items)


@pytest.fixture(autouse=True)
def _no_context():
    """A body that a test left unclosed is no part of the next test."""
    CURRENT.set(None)


class Closing(Items):
    """An iterable whose close raises."""

    error = KeyError("close")

    def close(self):
        raise self.error


def shape(result):
    """What a client can tell."""
    return result.status, decoded(result), result.error, result.header("X-Adds")


# The whole of it under the other linters


@EVERY_KIND
@BODIES
@pytest.mark.parametrize("declare_length", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("side", ["outside", "inside"])
def test_other_linters(kind, body, declare_length, method, side):
    """They object to nothing. From inside only wsgiref's: werkzeug's changes the environ."""
    app = Script(body=body, chunks=[b"a", b"", b"b"], declare_length=declare_length).wsgi
    if side == "inside":
        app = validator(app)
    lint = "chain" if side == "outside" else True
    result = WSGIClient(stacked(kind, app), lint).request(method)

    assert (200, b"ab" if method == "GET" else b"", None, "1") == shape(result)


@EVERY_KIND
@BODIES
def test_under_every_quirk(kind, body):
    """Servers that flush early, read the head early and take two arguments get the same."""
    script = Script(body=body, chunks=AB)
    quirks = {"eager_status": True, "flush_empty": True, "lenient": True, "two_arguments": True}
    result = WSGIClient(stacked(kind, script.wsgi), **quirks).request()

    assert (200, b"ab", None, "1") == shape(result)


# Block boundaries


@EVERY_KIND
def test_nothing_is_pulled_before_the_server_asks(kind):
    """One item out for each item in, for a body without an end too."""
    # protocols W28
    pulled = itertools.count()
    items = iter(stacked(kind, returning(b"%d," % n for n in pulled))(build_environ(), Started()))

    for asked in range(1, 6):
        next(items)
        # What next() of the counter tells is how often it was called before.
        assert asked == next(pulled) - asked + 1
    items.close()


@EVERY_KIND
@pytest.mark.parametrize("declare_length", [False, True])
def test_one_item_out_for_each_item_in(kind, declare_length):
    """A codec that keeps everything back yields an empty item."""
    # protocols W28
    script = Script(body="iterator", chunks=[b"a", b"", b"b"], declare_length=declare_length)
    result = WSGIClient(stacked(kind, script.wsgi)).request()
    extra = 1 if result.header("Content-Encoding") else 0

    assert 3 + extra == len(result.chunks)
    assert b"ab" == decoded(result)


def test_declared_length_is_taken_for_no_stream():
    """Only a flow that waits for BODY, and a declared length, take the first item early."""
    # protocols W28
    pulled = []
    for middleware in ([Holds()], [Ends()], [Adds()]):
        for length in ([], [("Content-Length", "2")]):
            script = Script(body="iterator", headers=length, chunks=AB)
            body = Stack(middleware).wsgi(script.wsgi)(build_environ(), Started())
            pulled.append(script.probe.pulled)
            body.close()

    assert [0, 1, 0, 0, 0, 0] == pulled


def test_first_chunk():
    """What is known of the body when the head is to go."""
    # protocols W28
    holds = Holds()
    for script in (
        Script(chunks=AB),
        Script(chunks=[]),
        Script(body="iterator", chunks=AB),
        Script(body="iterator", chunks=AB, declare_length=True),
        Script(body="iterator", chunks=[b"ab"], declare_length=True),
        Script(body="iterator", chunks=[], declare_length=True),
        Script(body="write", chunks=AB),
        Script(body="file", chunks=AB),
    ):
        drive(script.wsgi, holds).request()

    assert [
        (b"ab", True, False),
        (b"", True, False),
        (None, False, False),
        (b"a", False, False),
        (b"ab", True, False),
        (b"", True, False),
        (b"a", False, False),
        (None, False, True),
    ] == holds.seen


@EVERY_KIND
@pytest.mark.parametrize("lazy", [False, True])
def test_iter_is_called_lazily(kind, lazy):
    """Django's and uWSGI's file wrappers need it."""
    # protocols W29
    script = Script(body="iterator" if lazy else "iterable", lazy=lazy, chunks=AB)
    body = stacked(kind, script.wsgi)(build_environ(), Started())

    assert 0 == script.probe.iterations
    assert 2 <= len(list(body))
    assert 1 == script.probe.iterations
    body.close()


# close()


@EVERY_KIND
@ITERABLES
@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize(
    "how", [{}, {"read": 1}, {"read": 2}, {"iterate": False}], ids=["all", "1", "2", "none"]
)
def test_close_once(kind, body, lazy, how):
    """The iterable's own close is called once: exhausted, partly read, or never iterated."""
    # protocols W30
    script = Script(body=body, lazy=lazy, chunks=[*AB, b"c"])
    WSGIClient(stacked(kind, script.wsgi)).request(**how)

    # A generator closed before it began, or after its end, has nothing to notice.
    unnoticed = body == "generator" and ("iterate" in how or not how)
    assert (0 if unnoticed else 1) == script.probe.closed


@EVERY_KIND
@pytest.mark.parametrize("error_at", [0, 1, 3])
@pytest.mark.parametrize("body", ["iterator", "iterable"])
def test_close_once_after_a_failure(kind, error_at, body):
    """The iterable's own close is called once when it failed, too."""
    # protocols W30
    error = KeyError()
    script = Script(body=body, chunks=[*AB, b"c"], error=error, error_at=error_at)
    result = WSGIClient(stacked(kind, script.wsgi)).request()

    assert result.error is error
    assert 1 == script.probe.closed


@FOLLOWED
def test_close_twice(kind):
    """A server that closes twice closes the application's body once."""
    # protocols W30
    script = Script(body="iterator")
    body = stacked(kind, script.wsgi)(build_environ(), Started())
    body.close()
    body.close()

    assert 1 == script.probe.closed


@EVERY_KIND
def test_no_close(kind):
    """An iterable needs none."""
    # protocols W31
    result = WSGIClient(stacked(kind, returning(Items(*AB)))).request()

    assert (200, b"ab", None, "1") == shape(result)


@EVERY_KIND
@pytest.mark.parametrize("how", [{}, {"read": 1}, {"iterate": False}], ids=["all", "1", "none"])
def test_close_raises(kind, how):
    """It reaches the server as the same object, and END still runs, once."""
    # protocols W31
    ends = Ends()
    wrapped = Stack([ends]).wsgi(stacked(kind, returning(Closing(*AB))))
    result = WSGIClient(wrapped).request(**how)
    told = ("completed", None) if not how else ("error", Closing.error)

    assert result.error is Closing.error
    assert [told] == [(outcome, error) for outcome, _, _, error in ends.seen]
    assert CURRENT.get() is None


def test_close_raises_where_nobody_answers():
    """An answer would come too late when close() raises."""

    # protocols W31
    def app(environ, start_response):
        return Closing()

    started = Started()
    body = Stack([Rescues()]).wsgi(app)(build_environ(), started)
    with pytest.raises(KeyError) as caught:
        body.close()

    assert caught.value is Closing.error
    assert [] == started.calls


# END


def ended(how):
    """One exchange, watched by `Ends`, that ends in this way."""
    length = ("Content-Length", "2")
    ends = Ends()
    if how == "exhaustion":
        items = iter(Stack([ends]).wsgi(returning(Items(*AB)))(build_environ(), Started()))
        before = [next(items), next(items), list(ends.seen)]
        assert [b"a", b"b", []] == before
        list(items)
    elif how == "exception":
        drive(Script(error=KeyError(), error_at="head").wsgi, ends).request()
    elif how == "declared length":
        body = Stack([ends]).wsgi(returning(Items(*AB), length))(build_environ(), Started())
        next(body)
        assert [] == ends.seen
        next(body)
    elif how == "close":
        Stack([ends]).wsgi(returning(Items(*AB)))(build_environ(), Started()).close()
    else:
        Stack([ends]).wsgi(returning(AB))(build_environ(), Started())
    return ends


@pytest.mark.parametrize(
    ("how", "outcome", "sent"),
    [
        ("exhaustion", "completed", 2),
        ("exception", "error", 0),
        ("declared length", "completed", 2),
        ("close", "aborted", 0),
        ("list", "completed", 2),
    ],
)
def test_end(how, outcome, sent):
    """END comes at the first of these, though nothing else follows."""
    # protocols W32
    # An exception of the application takes the head that was held down with it.
    status = None if how == "exception" else 200
    assert [(outcome, sent, status)] == [each[:3] for each in ended(how).seen]


@BODIES
@pytest.mark.parametrize("declare_length", [False, True])
@pytest.mark.parametrize("close", [False, True])
@pytest.mark.parametrize("lazy", [False, True])
def test_end_once(body, declare_length, close, lazy):
    """However many of them follow each other, for a server that never closes too."""
    # protocols W32
    ends, watches = Ends(), Watches()
    script = Script(
        body=body, lazy=lazy and body != "write", chunks=AB, declare_length=declare_length
    )
    drive(script.wsgi, ends, Holds(), watches).request(close=close)

    assert [("completed", 2, 200, None)] == ends.seen
    assert ends.seen == watches.seen


@FOLLOWED
def test_end_of_an_encoded_body(kind):
    """What counts is what goes to the server."""
    # protocols W32
    ends = Ends()
    for script in (
        Script(chunks=AB),
        Script(chunks=AB, body="iterator"),
        Script(chunks=AB, body="iterator", declare_length=True),
        Script(chunks=[b"ab"], body="iterator", declare_length=True),
        Script(chunks=AB, body="write"),
    ):
        result = WSGIClient(Stack([ends]).wsgi(stacked(kind, script.wsgi))).request()

        assert b"ab" == decoded(result)
        assert ("completed", len(result.body), 200, None) == ends.seen.pop()
        assert [] == ends.seen


def test_end_reported_before_the_last_item_leaves():
    """asgiref stops at the declared length: END is there when the last byte is handed over."""
    # protocols W32
    ends = Ends()
    script = Script(body="iterator", chunks=AB, declare_length=True)
    drive(script.wsgi, ends).request(read=2, close=False)

    assert [("completed", 2, 200, None)] == ends.seen


def test_first_at_and_send_wait():
    """The first byte is clocked, and where somebody measures, the time the server takes."""
    # protocols W32
    ticks = itertools.count(1)
    reports = Reports()
    seen = []
    effects = type(reports.effects)(
        clock=lambda: next(ticks),
        cpu_clock=lambda: 0,
        now=lambda: 0,
        random=bytes,
        report=reports.effects.report,
    )

    class Clocks(Middleware):
        measures = True

        def __call__(self, exchange):
            yield END
            seen.append((exchange.first_at, exchange.send_wait))

    WSGIClient(WSGIWrapper(returning(Items(*AB)), Stack([Clocks()]), effects=effects)).request()

    # first at 1, handed at 2, back at 3, handed at 4, back at 5.
    assert [(1, 2)] == seen


# What is returned


@EVERY_KIND
@pytest.mark.parametrize("chunks", [[b"ab"], AB, []])
@pytest.mark.parametrize("make", [list, tuple])
def test_a_list_stays_a_list(kind, chunks, make):
    """granian's and wsgiref's fast paths want one; the body is transformed at once."""
    # protocols W33
    given = make(chunks)
    result = WSGIClient(stacked(kind, returning(given))).request()
    encoded = result.header("Content-Encoding") is not None

    assert (200, b"".join(chunks), None, "1") == shape(result)
    assert (list if encoded else make) is type(result.returned)
    assert encoded or result.returned is given
    if encoded:
        assert 1 == len(result.returned)


@pytest.mark.parametrize("kind", ["encoded", "everything"])
def test_an_encoded_list_has_its_length(kind):
    """Known whole, it says its new length."""
    # protocols W33
    result = WSGIClient(stacked(kind, Script(chunks=AB, declare_length=True).wsgi)).request()

    assert str(len(zlib.compress(b"ab"))) == result.header("Content-Length")


@pytest.mark.parametrize("kind", UNTOUCHED)
@pytest.mark.parametrize(
    "make", [list, tuple, iter, lambda items: Items(*items), lambda items: map(bytes, items)]
)
def test_identity(kind, make):
    """What nobody needs to follow is handed over as the very object."""
    # protocols W33
    # protocols W35
    given = make(AB)
    body = stacked(kind, returning(given))(build_environ(), Started())

    assert body is given


@FOLLOWED
def test_what_is_followed_is_another_object(kind):
    """A body that somebody follows goes out as an iterator of ours, its own close behind it."""
    # protocols W33
    given = Items(*AB)
    body = stacked(kind, returning(given))(build_environ(), Started())

    assert body is not given
    assert hasattr(body, "__next__")
    body.close()


@FOLLOWED
@pytest.mark.parametrize("first", [0, 1, 2])
def test_items_come_by_next_and_by_iter(kind, first):
    """Whether the server asks the body itself or its iterator, and in whatever mixture."""
    # protocols W29
    app = stacked(kind, returning(Items(*AB)))
    expected = app(build_environ(), Started())
    body = app(build_environ(), Started())
    taken = [next(body) for _ in range(first)]
    rest = iter(body)

    assert list(iter(lambda: next(expected, None), None)) == [*taken, *rest]
    assert [] == list(rest) == list(body)
    expected.close()
    body.close()


@FOLLOWED
def test_no_length(kind):
    """A body that is followed may grow: it has no len()."""
    # protocols W34
    body = stacked(kind, Script(body="iterator").wsgi)(build_environ(), Started())

    assert not hasattr(body, "__len__")
    body.close()


class Sized(Items):
    """An iterable that must not be measured."""

    def __len__(self):
        raise AssertionError


@EVERY_KIND
@pytest.mark.parametrize("length", [[], [("Content-Length", "2")]])
def test_nobody_measures(kind, length):
    """An unknown iterable is neither measured nor joined."""
    # protocols W36
    body = stacked(kind, returning(Sized(*AB), *length))(build_environ(), Started())
    whole = b"".join(list(iter(body)))

    assert b"ab" == (zlib.decompress(whole) if whole != b"ab" else whole)
    getattr(body, "close", int)()


# Files


class Slotted:
    """A file that takes no new attribute."""

    __slots__ = ("file",)

    def __init__(self, file, _size=None):
        self.file = file

    def __iter__(self):
        return iter(self.file)

    def fileno(self):
        return 3


FILE_WRAPPERS = pytest.mark.parametrize(
    "wrapper",
    [
        FileWrapper,
        Slotted,
        # uWSGI's is a function that returns the file itself.
        lambda file, _size=None: Slotted(file),
    ],
    ids=["class", "slots", "function"],
)


@EVERY_KIND
@FILE_WRAPPERS
def test_file_wrapper_is_returned_untouched(kind, wrapper):
    """Servers know their own by type or by identity; no codec gets at it."""
    # protocols W35
    script = Script(body="file", chunks=AB)
    environ = {"wsgi.file_wrapper": wrapper}
    result = WSGIClient(stacked(kind, script.wsgi)).request(environ=environ)

    assert result.returned is script.probe.returned[0]
    assert (200, b"ab", "1") == (result.status, result.body, result.header("X-Adds"))
    assert result.header("Content-Encoding") is None


@pytest.mark.parametrize("length", [None, 2])
@FILE_WRAPPERS
def test_end_of_a_file(wrapper, length):
    """When the server closes it, else at return. The size is what was declared."""
    # protocols W35
    ends = Ends()
    script = Script(body="file", chunks=AB, declare_length=length is not None)
    environ = build_environ(environ={"wsgi.file_wrapper": wrapper})
    body = Stack([ends]).wsgi(script.wsgi)(environ, Started())
    closes = hasattr(body, "close")

    assert closes == (ends.seen == [])
    getattr(body, "close", int)()
    assert [("completed", length, 200, None)] == ends.seen


def test_file_is_closed():
    """The close that was there runs too, once; a failure of it passes."""
    # protocols W35
    ends, closed = Ends(), []
    error = KeyError()

    class File(io.BytesIO):
        def close(self):
            closed.append(True)
            raise error

    file = File(b"ab")
    try:
        result = drive(returning(FileWrapper(file)), ends).request()
    finally:
        io.BytesIO.close(file)

    assert result.error is error
    assert [True] == closed
    assert [("error", None, 200, error)] == ends.seen


def test_head_of_a_file():
    """Nothing goes out of it."""
    # protocols W35
    ends = Ends()
    body = FileWrapper(io.BytesIO(b"ab"))
    drive(returning(body, ("Content-Length", "2")), ends).request("HEAD", iterate=False)

    assert [("completed", 0, 200, None)] == ends.seen


def test_a_file_after_write():
    """What was written before changes nothing of that, unless a codec runs."""

    # protocols W35
    def app(environ, start_response):
        start_response("200 OK", [TEXT])(b"a")
        return FileWrapper(io.BytesIO(b"b"))

    ends = Ends()
    result = drive(app, ends).request()
    encoded = drive(app, Encodes()).request()

    assert FileWrapper is type(result.returned)
    assert [("completed", None, 200, None)] == ends.seen
    assert b"ab" == result.body == decoded(encoded)


def test_a_file_is_closed_on_another_thread():
    """waitress does that, while the thread of the call takes its next request."""
    # protocols W35
    # protocols W44
    ends = Ends()
    wrapped = Stack([ends]).wsgi(returning(FileWrapper(io.BytesIO(b"ab"))))
    first = wrapped(build_environ(), Started())
    leaked = CURRENT.get()
    second = wrapped(build_environ(), Started())
    for body in (first, second):
        thread = threading.Thread(target=body.close)
        thread.start()
        thread.join()

    assert leaked is None
    assert 2 == len(ends.seen)


def test_no_file_wrapper():
    """Without one in the environ, a file is an iterable like any other."""
    # protocols W35
    ends = Ends()
    result = drive(returning(Slotted(io.BytesIO(b"ab"))), ends).run({})

    assert b"ab" == result.body
    assert [("completed", 2, 200, None)] == ends.seen


# What passes


@EVERY_KIND
@BODIES
def test_the_callers_thread(kind, body):
    """Application, iteration and close run where the server runs them."""
    # protocols W37
    script = Script(body=body, chunks=AB)
    client = WSGIClient(stacked(kind, script.wsgi))
    threads = []

    def serve():
        threads.append(threading.get_ident())
        client.request()

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join()

    assert set(threads) == script.probe.threads


@pytest.mark.parametrize("middleware", [Ends, Holds, Adds])
@pytest.mark.parametrize("make", [list, iter])
@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_chunks_pass_as_given(middleware, make, kind):
    """What is no exact bytes is the server's to refuse, as it does bare."""
    # protocols W38
    chunk = kind(b"ab")
    body = Stack([middleware()]).wsgi(returning(make([chunk])))(build_environ(), Started())
    (passed,) = body

    assert passed is chunk
    getattr(body, "close", int)()


@pytest.mark.parametrize("make", [list, iter])
@pytest.mark.parametrize("event", [BODY, RESPONSE])
def test_codecs_make_exact_bytes(make, event):
    """We produce bytes from whatever the application gave."""
    # protocols W38
    app = returning(make([memoryview(b"a"), bytearray(b"b")]))
    body = Stack([Encodes(event)]).wsgi(app)(build_environ(), Started())
    chunks = list(body)

    assert {bytes} == {type(chunk) for chunk in chunks}
    assert b"ab" == zlib.decompress(b"".join(chunks))
    getattr(body, "close", int)()


@EVERY_KIND
@pytest.mark.parametrize("returned", [None, object()])
@pytest.mark.parametrize("start", ["never", "started", "written"])
def test_already_handled(kind, returned, start):
    """gevent's sentinel goes back as it is, and that was the end."""

    # protocols W39
    def app(environ, start_response):
        if start != "never":
            write = start_response("200 OK", [TEXT])
        if start == "written":
            write(b"a")
        return returned

    ends, started = Ends(), Started()
    body = Stack([ends]).wsgi(stacked(kind, app))(build_environ(), started)

    assert body is returned
    assert ["completed"] == ends.outcomes
    assert (0 if start == "never" else 1) == len(started.calls)
    assert CURRENT.get() is None


@EVERY_KIND
@pytest.mark.parametrize(
    ("method", "status", "body"),
    [("HEAD", 200, b"body"), ("HEAD", 404, b"body"), ("GET", 204, b""), ("GET", 304, b"")],
)
def test_answers_that_have_no_body(kind, method, status, body):
    """Five servers would transmit one."""
    # protocols W40
    answer = Stack([Acts(lambda exchange: exchange.respond(status, body=body), None)])
    ends = Ends()
    wrapped = Stack([ends]).wsgi(stacked(kind, answer.wsgi(Script().wsgi)))
    result = WSGIClient(wrapped).request(method)

    assert [b""] == result.returned
    assert [("completed", 0, status, None)] == ends.seen
    assert ("4" if body else None) == result.header("Content-Length")


@EVERY_KIND
def test_answers_have_a_body(kind):
    """One for GET, through the codecs of the flows outside."""
    # protocols W40
    act = Acts(lambda exchange: exchange.respond(200, {"X-Own": "1"}, b"own"), None)
    script = Script()
    result = WSGIClient(stacked(kind, Stack([act]).wsgi(script.wsgi))).request()

    assert (200, b"own", None, "1") == shape(result)
    assert ("1", 0) == (result.header("X-Own"), script.probe.calls)
    assert list is type(result.returned)


@EVERY_KIND
@BODIES
@pytest.mark.parametrize("status", [200, 204, 304])
def test_no_codec_for_head(kind, body, status):
    """A response without content is not encoded, and ends as completed."""
    # protocols W40
    ends = Ends()
    script = Script(status, headers=[], body=body)
    method = "HEAD" if status == 200 else "GET"
    result = WSGIClient(Stack([ends]).wsgi(stacked(kind, script.wsgi))).request(method)

    assert (status, b"", None) == (result.status, result.body, result.header("Content-Encoding"))
    assert [("completed", 0, status, None)] == ends.seen


@pytest.mark.parametrize("read", [0, 1, 3])
def test_client_goes_away(read):
    """Servers close early: aborted, with the bytes that went out."""
    # protocols W41
    ends = Ends()
    script = Script(body="iterator", chunks=[b"x"] * 300)
    drive(script.wsgi, ends).request(read=read)

    assert [("aborted", read, 200, None)] == ends.seen


def test_client_goes_away_unseen():
    """Some servers run a body to its end all the same."""
    # protocols W41
    ends = Ends()
    drive(Script(body="iterator", chunks=[b"x"] * 300).wsgi, ends).request(close=False)

    assert [("completed", 300, 200, None)] == ends.seen


def test_client_goes_away_before_a_lazy_head():
    """No head was ever there."""
    # protocols W41
    ends = Ends()
    script = Script(body="iterator", lazy=True)
    drive(script.wsgi, ends).request(iterate=False)

    assert [("aborted", 0, None, None)] == ends.seen


def test_no_response():
    """An application that never starts one."""
    # protocols W42
    for returned in ([], iter([])):
        ends = Ends()
        drive(lambda *_, body=returned: body, ends, lint=False).request()

        assert [("no_response", 0, None, None)] == ends.seen


# What raises


@EVERY_KIND
@pytest.mark.parametrize("make", [KeyError, SystemExit, KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize(("body", "error_at"), [("list", "call"), ("list", "head")])
def test_application_raises(kind, make, body, error_at):
    """The same object leaves, with nothing added to it; no status was there."""
    # protocols W42
    # protocols W43
    error, ends = make(), Ends()
    script = Script(body=body, error=error, error_at=error_at)
    wrapped = Stack([ends]).wsgi(stacked(kind, script.wsgi))
    result = WSGIClient(wrapped).request()

    assert result.error is error
    assert (None, None, False) == (
        error.__cause__,
        error.__context__,
        error.__suppress_context__,
    )
    assert [] == result.starts
    # What asks a thread to stop is not the application's error.
    outcome = "error" if isinstance(error, Exception) else "cancelled"
    # The head that the application gave went down with it: the server makes another.
    assert [(outcome, 0, None, error)] == ends.seen
    assert CURRENT.get() is None


@EVERY_KIND
@pytest.mark.parametrize("make", [KeyError, SystemExit])
@pytest.mark.parametrize(("error_at", "sent"), [(0, b""), (1, b"a")])
@pytest.mark.parametrize("lazy", [False, True])
def test_body_raises(kind, make, error_at, sent, lazy):
    """The same object leaves from the iterable, and flows have it at their wait."""
    # protocols W43
    error = make()
    script = Script(body="iterator", chunks=AB, error=error, error_at=error_at, lazy=lazy)
    ends = Ends()
    wrapped = Stack([ends]).wsgi(stacked(kind, script.wsgi))
    result = WSGIClient(wrapped).request()

    assert result.error is error
    assert (None, None) == (error.__cause__, error.__context__)
    outcome = "error" if isinstance(error, Exception) else "cancelled"
    assert [(outcome, len(result.body))] == [each[:2] for each in ends.seen]
    if result.header("Content-Encoding") is None:
        assert sent == result.body


def test_traceback_is_the_applications():
    """The frames of the flows are not in it."""

    # protocols W42
    def app(environ, start_response):
        raise KeyError

    with pytest.raises(KeyError) as caught:
        list(Stack([Ends(), Rescues(again=True), Ends()]).wsgi(app)(build_environ(), Started()))

    assert "wsgi_parts.py" not in {entry.path.name for entry in caught.traceback}


@EVERY_KIND
@pytest.mark.parametrize("body", ["list", "iterator"])
@pytest.mark.parametrize("lazy", [False, True])
def test_an_answer_to_an_exception(kind, body, lazy):
    """Nothing was sent: the flow's answer passes the flows outside, once."""
    # protocols W42
    script = Script(body=body, error=KeyError(), error_at=0 if lazy else "call", lazy=lazy)
    ends = Ends()
    wrapped = Stack([ends]).wsgi(stacked(kind, Stack([Rescues()]).wsgi(script.wsgi)))
    result = WSGIClient(wrapped).request()

    assert (503, b"rescued", None, "1") == shape(result)
    assert [("completed", len(result.body), 503, None)] == ends.seen
    assert CURRENT.get() is None


@EVERY_KIND
@pytest.mark.parametrize("make", [KeyError, SystemExit])
@pytest.mark.parametrize("lazy", [False, True])
def test_an_answer_and_the_exception(kind, make, lazy):
    """A flow that raises again, or can't deal with it, lets the server have both."""
    # protocols W43
    error, ends = make(), Ends()
    rescues = Rescues(again=make is KeyError)
    script = Script(error=error, error_at=0 if lazy else "call", lazy=lazy)
    wrapped = Stack([ends]).wsgi(stacked(kind, Stack([rescues]).wsgi(script.wsgi)))
    result = WSGIClient(wrapped).request()

    assert (503, b"rescued") == (result.starts[-1][0], decoded_again(result))
    assert result.error is error
    assert [("completed", len(result.body), 503, None)] == ends.seen
    assert CURRENT.get() is None


def decoded_again(result):
    """The body of a response whose head the server had not yet made its own."""
    encoded = ("content-encoding", "deflate") in result.starts[-1][1]
    return zlib.decompress(result.body) if encoded else result.body


@pytest.mark.parametrize("length", [[], [("Content-Length", "2")]])
def test_a_body_that_raises_at_once(length):
    """What iter() raises is an error of the application; the body is closed all the same."""

    # protocols W42
    class Raising(Items):
        closed = 0

        def __iter__(self):
            raise error

        def close(self):
            self.closed += 1

    error = KeyError()
    body, ends = Raising(), Ends()
    result = drive(returning(body, *length), ends, Holds()).request()

    assert result.error is error
    assert 1 == body.closed
    # Where the length is declared the first item is pulled while the head is still held.
    assert [("error", 0, None if length else 200, error)] == ends.seen


@pytest.mark.parametrize("body", ["iterator", "iterable", "generator", "write"])
def test_the_application_raises_after_the_end(body):
    """The declared length was reached, and END delivered: the error leaves, and is not told."""
    # protocols W32
    # protocols W42
    error, ends = KeyError(), Ends()
    script = Script(body=body, chunks=AB, declare_length=True, error=error, error_at=2)
    result = drive(script.wsgi, ends, Rescues()).request()

    assert (b"ab", error) == (result.body, result.error)
    assert [("completed", 2, 200, None)] == ends.seen


@BODIES
def test_a_body_for_head(body):
    """Most servers send it nevertheless; by the book nothing went out."""
    # protocols W40
    ends = Ends()
    client = drive(Script(body=body, head_body=True).wsgi, ends, lint=False)
    client.request("HEAD")

    assert [("completed", 0, 200, None)] == ends.seen


def test_output_before_the_head_is_not_counted():
    """It is the server's to refuse; one that does not has no response to count it for."""

    # protocols W23
    # protocols W42
    def app(environ, start_response):
        yield b"early"
        start_response("200 OK", [TEXT])
        yield b"a"

    ends = Ends()
    drive(app, ends, lint=False).request()

    assert [("completed", 1, 200, None)] == ends.seen


def test_an_early_item_that_raises_is_answered():
    """A flow that still waits for BODY may answer what the first item raised."""

    # protocols W42
    class Answers(Middleware):
        def __call__(self, exchange):
            try:
                yield BODY
            except KeyError:
                exchange.respond(503, body=b"rescued")

    error = KeyError()
    script = Script(body="iterator", declare_length=True, error=error, error_at=0)
    ends = Ends()
    result = drive(script.wsgi, ends, Answers()).request()

    assert (503, b"rescued", None) == (result.status, result.body, result.error)
    assert [("completed", 7, 503, None)] == ends.seen
    assert 1 == script.probe.closed


def test_close_that_raises_hides_no_error():
    """The first error leaves; that of close() is reported, and nothing of ours stays open."""
    # protocols W42
    first = ValueError()

    class Bad(Closing):
        def __iter__(self):
            raise first

    reports, ends = Reports(), Ends()
    app = returning(Bad(), ("Content-Length", "2"))
    result = reports.drive(app, ends, Holds()).request()

    assert result.error is first
    assert [Closing.error] == [error for _, error in reports.reported]
    assert ["error"] == ends.outcomes
    assert CURRENT.get() is None


def test_answer_that_fails():
    """A policy outside fails at the answer: the application's error leaves, and all is closed."""
    # protocols W42
    error, reports, ends = KeyError(), Reports(), Ends()
    script = Script(error=error, error_at="call")
    fails = Adds("bad name")
    result = reports.drive(script.wsgi, ends, fails, Rescues()).request()

    assert result.error is error
    assert [ValueError] == [type(raised) for _, raised in reports.reported]
    assert ["error"] == ends.outcomes
    assert CURRENT.get() is None


def test_answer_that_the_server_refuses():
    """What start_response raises at an answer hides no error of the application either."""
    # protocols W42
    error, reports = KeyError(), Reports()
    refused = AssertionError()
    wrapped = reports.drive(Script(error=error, error_at="call").wsgi, Ends(), Rescues()).app

    def refusing(*_):
        raise refused

    with pytest.raises(KeyError) as caught:
        wrapped(build_environ(), refusing)

    assert caught.value is error
    assert [refused] == [raised for _, raised in reports.reported]
    assert CURRENT.get() is None


@EVERY_KIND
@pytest.mark.parametrize("body", ["list", "iterator", "iterable", "file"])
def test_server_refuses_the_head(kind, body):
    """What start_response raises leaves as it is; the body is closed, END runs."""
    # protocols W42
    refused, ends = AssertionError(), Ends()
    script = Script(body=body, chunks=AB)

    def refusing(*_):
        raise refused

    with pytest.raises(AssertionError) as caught:
        Stack([ends]).wsgi(stacked(kind, script.wsgi))(build_environ(), refusing)

    assert caught.value is refused
    assert ["error"] == ends.outcomes
    assert (1 if body in ("iterator", "iterable") else 0) == script.probe.closed
    assert CURRENT.get() is None


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("body", ["list", "iterator"])
def test_policy_fails(lazy, body):
    """It fails closed: no head, and the body is closed."""
    # protocols W42
    ends = Ends()
    script = Script(body=body, lazy=lazy)
    fails = Acts(lambda exchange: 1 / 0)
    result = drive(script.wsgi, ends, fails).request()

    assert (ZeroDivisionError, []) == (type(result.error), result.starts)
    assert ["error"] == ends.outcomes
    if body == "iterator":
        assert 1 == script.probe.closed


def test_codec_fails_at_the_end():
    """What flush() raises is an error like any other."""
    # protocols W42
    ends, error = Ends(), KeyError()

    class Codec:
        compress = bytes

        def flush(self):
            raise error

    encodes = Acts(lambda exchange: exchange.response.encode(Codec()))
    result = drive(returning(Items(*AB)), ends, encodes).request()

    assert result.error is error
    assert [("error", 2, 200, error)] == ends.seen


# The context variable


def serve(app, limit=None):
    """Make one request as a server does that keeps nothing of it."""
    body = app(build_environ(), Started())
    try:
        return list(itertools.islice(body, limit))
    finally:
        getattr(body, "close", int)()


@EVERY_KIND
@pytest.mark.parametrize("body", ["list", "items", "generator"])
@pytest.mark.parametrize("limit", [None, 1, 0])
def test_three_requests_on_one_thread(kind, body, limit):
    """Each has its own record, also inside its body, and leaves none behind."""
    # protocols W44
    records = []

    def items():
        for item in AB:
            assert live_record() is records[-1]
            yield item

    def app(environ, start_response):
        records.append(live_record())
        start_response("200 OK", [TEXT])
        return {"list": list(AB), "items": Items(*AB), "generator": items()}[body]

    wrapped = stacked(kind, app)
    for _ in range(3):
        serve(wrapped, limit)

        assert CURRENT.get() is None
    assert 3 == len({id(record) for record in records})
    assert [True] * 3 == [record.ended for record in records]


def test_untouched_body_that_is_kept():
    """Whoever keeps a generator that is over does not keep its record current."""
    # protocols W44
    kept, records = [], []

    def items():
        records.append(live_record())
        yield b"a"

    def app(environ, start_response):
        start_response("200 OK", [TEXT])
        records.append(live_record())
        kept.append(items())
        return kept[-1]

    wrapped = Stack([Adds()]).wsgi(app)
    for _ in range(3):
        serve(wrapped)

        assert live_record() is None
    assert 3 == len({id(record) for record in records})
    assert records[::2] == records[1::2]


def test_untouched_body_closed_from_another_context():
    """A body that is dropped elsewhere leaves what is current there alone."""
    # protocols W44
    kept = []

    def app(environ, start_response):
        start_response("200 OK", [TEXT])
        return Items(*AB)

    context = contextvars.copy_context()
    kept.append(context.run(Stack([Adds()]).wsgi(app), build_environ(), Started()))
    CURRENT.set("another")
    kept.clear()

    assert "another" == CURRENT.get()


def test_untouched_answer_of_a_request_to_oneself():
    """The exchange around it is the current one again as soon as the call returns."""
    # protocols W44
    found = []

    def app(environ, start_response):
        start_response("200 OK", [TEXT])
        if environ["PATH_INFO"] == "/inner":
            return Items(b"inner")
        mine = CURRENT.get()
        body = wrapped(build_environ(path="/inner"), Started())
        found.append((CURRENT.get() is mine, list(body)))
        return [b"outer"]

    wrapped = Stack([Adds()]).wsgi(app)

    assert [b"outer"] == serve(wrapped)
    assert [(True, [b"inner"])] == found


def test_untouched_body_that_takes_no_weak_reference():
    """The end of a map is not seen: the thread's next exchange takes over."""
    # protocols W44
    records = []

    def note(item):
        records.append(live_record())
        return item

    def app(environ, start_response):
        records.append(live_record())
        start_response("200 OK", [TEXT])
        return map(note, AB)

    for _ in range(3):
        serve(Stack([Adds()]).wsgi(app))

        assert not add_fields(late=1)
    assert 3 == len({id(record) for record in records})
    assert records[::3] == records[1::3] == records[2::3]


def test_untouched_body_that_takes_no_weak_reference_is_forgotten():
    """Once the thread's next exchange took over, the one before does not come back."""

    # protocols W44
    def app(environ, start_response):
        start_response("200 OK", [TEXT])
        return map(bytes, AB)

    serve(Stack([Adds()]).wsgi(app))
    serve(Stack([Adds()]).wsgi(returning(list(AB))))

    assert live_record() is None


def test_server_that_never_closes():
    """The next request on the thread has its own record all the same."""
    # protocols W44
    records = []
    script = Script(body="iterator", on_request=lambda: records.append(CURRENT.get().record))
    ends = Ends()
    for _ in range(3):
        drive(script.wsgi, ends).request(close=False)

    assert 3 == len({id(record) for record in records})
    assert ["completed"] * 3 == ends.outcomes


@EVERY_KIND
@pytest.mark.parametrize("body", ["list", "iterator"])
def test_closed_in_another_context(kind, body):
    """A token of another context is of no use, and of no harm."""
    # protocols W44
    script = Script(body=body)
    ends = Ends()
    wrapped = Stack([ends]).wsgi(stacked(kind, script.wsgi))
    returned = contextvars.copy_context().run(wrapped, build_environ(), Started())

    def finish():
        b"".join(returned)
        getattr(returned, "close", int)()
        return CURRENT.get()

    assert contextvars.copy_context().run(finish) is None
    assert ["completed"] == ends.outcomes


@EVERY_KIND
def test_token_of_another_context(kind):
    """Where it does not fit, the variable is cleared all the same."""

    # protocols W44
    def act(exchange):
        exchange.token = contextvars.copy_context().run(CURRENT.set, exchange)

    wrapped = Stack([Acts(act)]).wsgi(stacked(kind, Script().wsgi))
    wrapped(build_environ(), Started())

    assert CURRENT.get() is None


def test_a_request_to_oneself():
    """Another path is another exchange, and afterwards the first one goes on."""
    # protocols W44
    ends = Ends()
    found = []

    def app(environ, start_response):
        if environ["PATH_INFO"] == "/outer":
            mine = CURRENT.get()
            inner = WSGIClient(wrapped, lint=False).request(path="/inner")
            found.append((CURRENT.get() is mine, inner.body))
        start_response("200 OK", [TEXT])
        return [environ["PATH_INFO"].encode()]

    wrapped = Stack([ends]).wsgi(app)
    WSGIClient(wrapped, lint=False).request(path="/outer")

    assert [(True, b"/inner")] == found
    assert ["completed"] * 2 == ends.outcomes


@pytest.mark.parametrize("inner", [[], [Adds("X-Inner")]])
def test_nested_stacks(inner):
    """Middleware that took part already passes through; the others join."""
    # protocols W44
    ends, adds = Ends(), Adds()

    script = Script()
    nested = Stack([ends, adds, *inner]).wsgi(script.wsgi)
    wrapped = Stack([ends, adds]).wsgi(PassThrough(nested))
    result = WSGIClient(wrapped).request()

    assert ("1", "1" if inner else None) == (result.header("X-Adds"), result.header("X-Inner"))
    assert ["completed"] == ends.outcomes
    assert CURRENT.get() is None


# Observers that fail


class Breaks(Middleware):
    """An observer that fails at this event."""

    observes = True

    def __init__(self, event, error):
        self.event = event
        self.error = error

    def __call__(self, exchange):
        if self.event is not None:
            yield self.event
        raise self.error


@pytest.mark.parametrize("event", [None, RESPONSE, BODY, END])
@EVERY_KIND
@BODIES
def test_an_observer_fails(event, kind, body):
    """It is reported once, and the response stays what it is."""
    # protocols W45
    reports, error = Reports(), KeyError()
    script = Script(body=body, chunks=AB)
    ends = Ends()
    wrapped = WSGIWrapper(script.wsgi, Stack([ends, Breaks(event, error)]), effects=reports.effects)
    result = WSGIClient(stacked(kind, wrapped)).request()

    assert (200, b"ab", None, "1") == shape(result)
    assert [error] == [raised for _, raised in reports.reported]
    assert ["completed"] == ends.outcomes


@pytest.mark.parametrize("error_at", ["call", 1])
def test_a_failing_observer_masks_nothing(error_at):
    """What the application raised leaves, whatever an observer makes of it."""

    # protocols W45
    class Clumsy(Middleware):
        observes = True

        def __call__(self, exchange):
            try:
                yield END
            finally:
                raise OSError

    reports, error = Reports(), KeyError()
    script = Script(body="iterator", chunks=AB, error=error, error_at=error_at)
    result = reports.drive(script.wsgi, Clumsy(), Ends()).request()

    assert result.error is error
    assert [OSError] == [type(raised) for _, raised in reports.reported]


@pytest.mark.parametrize("body", ["list", "iterator", "file"])
@pytest.mark.parametrize("middleware", [Ends, Adds])
def test_exit_callbacks(body, middleware):
    """They are called when the application is over; their failures are reported."""
    # protocols W45
    reports, told = Reports(), []

    def clumsy(_error):
        raise KeyError

    def act(exchange):
        exchange.on_exit(told.append)
        exchange.on_exit(clumsy)

    result = reports.drive(Script(body=body).wsgi, Acts(act, None), middleware()).request()

    assert (200, b"hello", [None]) == (result.status, result.body, told)
    assert [KeyError] == [type(raised) for _, raised in reports.reported]


def test_exit_callbacks_hear_of_a_close_that_raises():
    """The application may raise after END."""
    # protocols W45
    told = []
    act = Acts(lambda exchange: exchange.on_exit(told.append), None)
    drive(returning(Closing(*AB)), act, Ends()).request()

    assert [Closing.error] == told


@pytest.mark.parametrize(
    ("body", "length", "current"),
    [
        # An iterable of unknown length may be a live stream, in which the application runs.
        (Items(*AB), [], True),
        # As Werkzeug and Django return a response that is ready.
        (Items(*AB), [("Content-Length", "2")], False),
        (FileWrapper(io.BytesIO(b"ab")), [], False),
        # A generator is the application's code, and tells when it is over.
        ((each for each in AB), [("Content-Length", "2")], True),
    ],
    ids=["stream", "ready", "file", "generator"],
)
def test_record_stays_for_code_alone(body, length, current):
    """An untouched body keeps the record as long as the application may run in it."""
    # protocols W44
    environ = build_environ()
    environ["wsgi.file_wrapper"] = FileWrapper
    returned = Stack([Adds()]).wsgi(returning(body, *length))(environ, Started())

    assert body is returned
    assert current == (live_record() is not None)
