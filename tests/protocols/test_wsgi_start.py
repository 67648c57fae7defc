"""The WSGI driver: start_response and write (protocols W12 to W27).

Holds the driver to the rules with raw clients and hand-made callables. Must never test a policy of
its own: the middleware here are as small as they can be.
"""

import gc
import sys
import types
import weakref
import zlib

import pytest

from dualware import RESPONSE, Stack
from dualware.core.headers import FieldName, Fields
from dualware.testing import HeadReplaced, Script, WSGIClient
from dualware.testing.wsgi import build_environ
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
    decoded,
    drive,
    stacked,
)

BODIES = pytest.mark.parametrize("body", ["list", "iterator", "iterable", "generator", "write"])
NEW = ("X-New", "1")


# The call


@EVERY_KIND
@BODIES
def test_two_arguments(kind, body):
    """Upstream is called with two arguments as long as there is no exc_info.

    Some test clients take no third.
    """
    # protocols W12
    client = WSGIClient(stacked(kind, Script(body=body).wsgi), two_arguments=True)
    result = client.request()

    assert (200, b"hello", None) == (result.status, decoded(result), result.error)


@EVERY_KIND
def test_three_arguments(kind):
    """The application may say that there is no exc_info."""

    # protocols W12
    def app(environ, start_response):
        start_response("200 OK", [TEXT], None)
        return [b"hello"]

    result = WSGIClient(stacked(kind, app), two_arguments=True).request()

    assert (200, b"hello") == (result.status, decoded(result))


STATIC = [("Set-Cookie", "a=1"), TEXT, ("set-cookie", "b=2"), ("X-Last", "é")]


@EVERY_KIND
@pytest.mark.parametrize("headers", [STATIC, tuple(STATIC)])
def test_header_list(kind, headers):
    """Upstream gets a list of pairs of str, in order, and the application's stays as it was."""
    # protocols W13
    before = list(headers)

    def app(environ, start_response):
        start_response("200 OK", headers)
        return [b"hello"]

    wrapped = stacked(kind, app)
    for _ in range(3):
        started = Started()
        wrapped(build_environ(), started)
        ((status, sent),) = started.calls

        assert "200 OK" == status
        assert list is type(sent)
        assert {tuple} == {type(pair) for pair in sent}
        assert {str} == {type(part) for pair in sent for part in pair}
        assert before == sent[: len(before)]
    assert before == list(headers)


@pytest.mark.parametrize("make", [list, tuple, iter, type("Own", (list,), {})])
@pytest.mark.parametrize("way", ["append", "put", "add"])
def test_header_list_that_is_added_to_at_once(way, make):
    """What policies add without a look at the head is there too, whatever holds the pairs."""
    # protocols W13
    name, fields = FieldName("X-New"), Fields([NEW])
    adding = {
        "append": lambda exchange: exchange.append(name, "1"),
        "put": lambda exchange: exchange.put(name, "1"),
        "add": lambda exchange: exchange.add(fields, name.parts),
    }

    def app(environ, start_response):
        start_response("200 OK", make(STATIC))
        return [b"hello"]

    started = Started()
    Stack([Acts(adding[way])]).wsgi(app)(build_environ(), started)
    ((_, sent),) = started.calls

    assert [*STATIC, NEW] == sent
    assert list is type(sent)


def test_header_list_of_a_stack_that_adds_nothing():
    """The application's own list goes on as it is; a tuple becomes one, though."""
    # protocols W13
    app_list, app_tuple = Started(), Started()

    def app(environ, start_response):
        start_response("200 OK", environ["x.headers"])
        return []

    wrapped = Stack([Ends()]).wsgi(app)
    wrapped(build_environ(environ={"x.headers": STATIC}), app_list)
    wrapped(build_environ(environ={"x.headers": tuple(STATIC)}), app_tuple)

    assert app_list.calls[0][1] is STATIC
    assert [("200 OK", STATIC)] == app_tuple.calls
    assert list is type(app_tuple.calls[0][1])


def test_header_tuple_that_nobody_looks_at():
    """uWSGI sends an empty body for a tuple."""
    # protocols W13
    started = Started()

    def app(environ, start_response):
        start_response("200 OK", (TEXT,))
        return []

    Stack([Acts(lambda _: None)]).wsgi(app)(build_environ(), started)

    assert list is type(started.calls[0][1])


class Text(str):
    """A subclass of str, as frameworks have them."""

    __slots__ = ()


def test_added_headers_are_exactly_str():
    """A subclass of str is refused by wsgiref."""
    # protocols W13
    result = drive(Script().wsgi, Adds(Text("X-Text"), Text("1")), lint="chain").request()

    assert "1" == result.header("X-Text")


# write()


@EVERY_KIND
def test_write(kind):
    """What write() takes goes out before the items, and through the same codec."""

    # protocols W14
    # protocols W15
    def app(environ, start_response):
        write = start_response("200 OK", [TEXT])
        write(b"a")
        write(b"b")
        return [b"c", b"d"]

    started = Started()
    items = stacked(kind, app)(build_environ(), started)
    ((_, headers),) = started.calls
    encoded = ("Content-Encoding", "deflate") in headers
    whole = b"".join([*started.written, *items])

    # Each write() reached upstream in its own step, and no item did.
    assert 2 == len(started.written)
    assert b"abcd" == (zlib.decompress(whole) if encoded else whole)


@EVERY_KIND
@pytest.mark.parametrize("lint", [True, "chain"])
def test_write_then_iterate(kind, lint):
    """The body may go on as an iterable."""

    # protocols W15
    def app(environ, start_response):
        start_response("200 OK", [TEXT])(b"a")
        return iter([b"b"])

    result = WSGIClient(stacked(kind, app), lint).request()

    assert b"ab" == decoded(result)


@pytest.mark.parametrize("returned", [list, iter])
def test_write_is_counted(returned):
    """Bytes that were written and bytes that were iterated make one sum."""
    # protocols W15
    ends = Ends()

    def app(environ, start_response):
        start_response("200 OK", [TEXT])(b"ab")
        return returned([b"c"])

    drive(app, ends).request()

    assert [("completed", 3, 200, None)] == ends.seen


def test_write_leaves_the_iterable_untouched():
    """Where nobody needs the body, what is returned after write() is nobody's either."""
    # protocols W15
    items = iter([b"b"])

    def app(environ, start_response):
        start_response("200 OK", [TEXT])(b"a")
        return items

    assert drive(app, Adds()).request().returned is items


def test_write_of_the_whole_body():
    """The declared length is reached: the first chunk is known to be complete."""

    # protocols W15
    def app(environ, start_response):
        start_response("200 OK", [TEXT, ("Content-Length", "5")])(b"hello")
        return []

    holds, ends = Holds(), Ends()
    result = drive(app, ends, holds).request()
    encoded = drive(app, Encodes()).request()

    assert (b"hello", [(b"hello", True, False)]) == (result.body, holds.seen)
    assert [("completed", 5, 200, None)] == ends.seen
    assert zlib.compress(b"hello") == encoded.body
    assert str(len(encoded.body)) == encoded.header("Content-Length")


@EVERY_KIND
def test_no_write(kind):
    """Where upstream returns no write, calling it fails as it does bare."""
    # protocols W14
    bare = WSGIClient(Script(body="write").wsgi, no_write=True).request()
    result = WSGIClient(stacked(kind, Script(body="write").wsgi), no_write=True).request()

    assert "'NoneType' object is not callable" == str(bare.error)
    assert (type(bare.error), str(bare.error)) == (type(result.error), str(result.error))


# The status


@EVERY_KIND
@BODIES
@pytest.mark.parametrize("status", ["200", "200 Fine", "299 \xe9", "404 Not Found"])
def test_status_passes(kind, body, status):
    """The application's own string goes on, even one without a reason."""
    # protocols W16
    started = Started()
    write = body == "write"

    def app(environ, start_response):
        written = start_response(status, [TEXT])
        if write:
            written(b"a")
        return [b"a"] if body == "list" else iter([b"a"])

    items = stacked(kind, app)(build_environ(), started)
    list(items)

    assert [status] == [status for status, _ in started.calls]
    getattr(items, "close", int)()


@pytest.mark.parametrize(
    ("code", "line"), [(201, "201 Created"), (299, "299 Unknown"), (200, "200 Fine")]
)
def test_status_changed(code, line):
    """A changed code gets its own reason; the same code keeps the application's."""
    # protocols W16
    started = Started()

    def app(environ, start_response):
        start_response("200 Fine", [TEXT])
        return [b"a"]

    change = Acts(lambda exchange: setattr(exchange.response, "status", code))
    Stack([change]).wsgi(app)(build_environ(), started)

    assert [(line, [TEXT])] == started.calls


def test_status_cache_is_bounded():
    """Reason phrases that are new each time do not pile up."""
    # protocols W16
    from dualware.wsgi import head

    seen = []
    watch = Acts(lambda e: seen.append(e.response.status))
    for number in range(head._CODES_MOST + 2):
        drive(Script(reason=f"OK {number}").wsgi, watch).request()

    assert head._CODES_MOST == len(head._CODES)
    assert {200} == set(seen)
    head._CODES.clear()


# exc_info


def replaced(at, *, body="generator", declare_length=False, chunks=(b"a", b"b")):
    """An application that replaces its head after so many chunks."""
    return Script(
        headers=[TEXT, ("X-Old", "1")],
        chunks=chunks,
        body=body,
        declare_length=declare_length,
        replace_head=(500, [TEXT, NEW]),
        replace_at=at,
    )


@EVERY_KIND
@BODIES
@pytest.mark.parametrize("quirk", ["lint", "eager_status", "flush_empty"])
def test_replaced_head(kind, body, quirk):
    """New head, before any output: it replaces the old one; ours appears once."""
    # protocols W17
    quirks = {quirk: True}
    result = WSGIClient(stacked(kind, replaced(0, body=body).wsgi), **quirks).request()

    assert (500, b"ab", None) == (result.status, decoded(result), result.error)
    assert ("1", "1", None) == tuple(map(result.header, ["X-New", "X-Adds", "X-Old"]))


def late(headers, replacement, chunks, *, first=()):
    """An application that starts, returns, and replaces its head inside the first next()."""

    def items(start_response):
        yield from first
        try:
            raise HeadReplaced
        except HeadReplaced:
            start_response("500 Oh", replacement, sys.exc_info())
        yield from chunks

    def app(environ, start_response):
        start_response("200 OK", headers)
        return items(start_response)

    return app


@EVERY_KIND
@pytest.mark.parametrize("first", [(), (b"",)])
def test_replaced_when_the_head_was_passed_on(kind, first):
    """Upstream has the first head; the second one has what the flows changed, once."""
    # protocols W17
    app = late([TEXT, ("X-Old", "1")], [TEXT, NEW], [b"hello"], first=first)
    result = WSGIClient(stacked(kind, app)).request()

    assert (500, b"hello", None) == (result.status, decoded(result), result.error)
    assert "Oh" == result.reason
    assert ("1", "1", None) == tuple(map(result.header, ["X-New", "X-Adds", "X-Old"]))


@EVERY_KIND
def test_replaced_with_a_declared_length(kind):
    """A head that waits for the first chunk of a declared length is replaced just the same."""
    # protocols W17
    app = late([TEXT, ("Content-Length", "9")], [TEXT, NEW, ("Content-Length", "5")], [b"hello"])
    result = WSGIClient(stacked(kind, app)).request()

    assert (500, b"hello", None) == (result.status, decoded(result), result.error)
    assert ("1", "1") == tuple(map(result.header, ["X-New", "X-Adds"]))


def test_replaced_while_held_keeps_what_inner_flows_changed():
    """A flow that the head has passed is not asked again, and its change is not lost."""
    # protocols W17
    length = ("Content-Length", "5")
    app = late([TEXT, ("X-Gone", "1")], [TEXT, NEW, ("X-Gone", "2"), length], [b"hello"])

    def act(exchange):
        exchange.response.headers.remove("X-Gone")
        exchange.response.headers.append("X-Inner", "1")

    holds = Holds()
    held = late([TEXT, ("X-Gone", "1"), length], [TEXT, NEW, ("X-Gone", "2"), length], [b"hello"])
    for each in (app, held):
        result = drive(each, holds, Acts(act)).request()

        assert (500, b"hello") == (result.status, result.body)
        assert ("1", "1", "1", None) == tuple(
            map(result.header, ["X-New", "X-Inner", "X-Holds", "X-Gone"])
        )
    assert [(None, False, False), (b"hello", True, False)] == holds.seen


def test_replaced_while_held_keeps_an_early_codec():
    """A codec that was given at RESPONSE also goes with the new head."""
    # protocols W17
    length = ("Content-Length", "5")
    app = late([TEXT, length], [TEXT, NEW, length], [b"hello"])
    result = drive(app, Holds(), Encodes(RESPONSE)).request()

    assert (500, b"hello") == (result.status, decoded(result))


@pytest.mark.parametrize("new", [2, 9])
def test_replaced_length_ends_the_exchange(new):
    """END comes when the length of the new head is reached, not that of the old one."""
    # protocols W17
    # protocols W32
    app = late(
        [TEXT, ("Content-Length", "5")],
        [TEXT, ("Content-Length", str(new))],
        [b"x" * new],
        first=[b""],
    )
    ends = Ends()
    wrapped = Stack([ends]).wsgi(app)
    items = iter(wrapped(build_environ(), Started()))

    assert [b"", b"x" * new] == [next(items), next(items)]
    assert [("completed", new, 500, None)] == ends.seen
    items.close()


@pytest.mark.parametrize(
    ("given", "new", "sent"),
    [
        # Only added to: the new head gains it.
        ([("Vary", "A")], [("Vary", "B")], [("Vary", "B"), ("X-Adds", "1")]),
        # Replaced, and removed.
        ([("X-Set", "old")], [NEW, ("x-set", "new")], [NEW, ("X-Adds", "1"), ("X-Set", "ours")]),
        ([("X-Cut", "old")], [("x-cut", "new"), NEW], [NEW, ("X-Adds", "1")]),
        # A field that both have, and neither changed.
        ([NEW], [NEW], [NEW, ("X-Adds", "1")]),
    ],
)
def test_what_the_flows_changed_is_done_again(given, new, sent):
    """Added fields are added, replaced ones replaced, removed ones removed."""

    # protocols W17
    def act(exchange):
        headers = exchange.response.headers
        headers.append("X-Adds", "1")
        if "X-Set" in headers:
            headers.set("X-Set", "ours")
        headers.remove("X-Cut")

    app = late(given, new, [b"hello"])
    result = drive(app, Acts(act)).request()

    assert sorted((name.lower(), value) for name, value in sent) == sorted(result.headers)


@EVERY_KIND
def test_replaced_after_output(kind):
    """The server raises, and so the application sees it raised."""
    # protocols W18
    script = replaced(1)
    result = WSGIClient(stacked(kind, script.wsgi), flush_empty=True).request()

    assert HeadReplaced is type(result.error)
    assert [result.error] == script.probe.raised
    assert (200, 1) == (result.status, len(result.chunks))


@FOLLOWED
def test_replaced_after_output_where_the_server_does_not_raise(kind):
    """Five servers do not: then we do, for we saw the bytes go out."""
    # protocols W18
    # A compressor keeps little chunks back, and then nothing has gone out yet.
    script = replaced(1, chunks=[bytes(range(256)) * 4096, b"b"])
    result = WSGIClient(stacked(kind, script.wsgi), flush_empty=True, lenient=True).request()

    assert HeadReplaced is type(result.error)
    assert [result.error] == script.probe.raised


@pytest.mark.parametrize("kind", UNTOUCHED)
def test_replaced_after_output_that_we_did_not_see(kind):
    """An untouched body may have been sent or not: that stays the server's to say."""
    # protocols W18
    script = replaced(1)
    client = WSGIClient(stacked(kind, script.wsgi), flush_empty=True, lenient=True)
    result = client.request()

    assert (200, b"ab", None) == (result.status, result.body, result.error)


@EVERY_KIND
def test_replaced_after_write(kind):
    """What was written is out, even before the application returned."""

    # protocols W18
    def app(environ, start_response):
        write = start_response("200 OK", [TEXT])
        write(bytes(range(256)) * 4096)
        try:
            raise HeadReplaced
        except HeadReplaced:
            start_response("500 Oh", [TEXT], sys.exc_info())
        raise AssertionError

    for lenient in (False, True):
        result = WSGIClient(stacked(kind, app), flush_empty=True, lenient=lenient).request()

        assert HeadReplaced is type(result.error)


def keepers(value, own=None):
    """Who refers to ``value``, besides ``own`` and what runs in this file."""
    return [
        each
        for each in gc.get_referrers(value)
        if each is not own
        and not isinstance(each, types.GeneratorType)
        and not (isinstance(each, types.FrameType) and each.f_code.co_filename == __file__)
    ]


@EVERY_KIND
@pytest.mark.parametrize("moment", ["held", "passed on", "raised"])
def test_exc_info_is_not_kept(kind, moment):
    """Nobody keeps exc_info when start_response is over, for it keeps every frame alive."""
    # protocols W19
    found, watchers = [], []

    def restart(start_response):
        try:
            raise HeadReplaced
        except HeadReplaced as error:
            watchers.append(weakref.ref(error))
            info = sys.exc_info()
            try:
                start_response("500 Oh", [TEXT], info)
            except HeadReplaced:
                pass
            found.extend(keepers(info) + keepers(error, info))
            info = None

    def items(start_response):
        if moment == "raised":
            yield bytes(range(256)) * 4096
        restart(start_response)
        yield b"a"

    def app(environ, start_response):
        start_response("200 OK", [TEXT])
        if moment == "held":
            restart(start_response)
            return [b"a"]
        return items(start_response)

    kept = []
    wrapped = Stack([Acts(kept.append, None)]).wsgi(stacked(kind, app))
    WSGIClient(wrapped, flush_empty=moment == "raised", lenient=True).request()

    assert [] == found
    assert [None] == [watcher() for watcher in watchers]


# Called late, or twice


@EVERY_KIND
@pytest.mark.parametrize("body", ["list", "iterator"])
def test_started_twice(kind, body):
    """Without exc_info it is the server's to refuse; both heads are passed on, with ours once."""

    # protocols W20
    def app(environ, start_response):
        start_response("200 OK", [TEXT])
        start_response("201 Created", [TEXT, NEW])
        return [b"hello"] if body == "list" else iter([b"hello"])

    result = WSGIClient(stacked(kind, app), lint=False).request()

    assert ["start-twice"] == [each.rule for each in result.violations]
    assert [200, 201] == [status for status, _ in result.starts]
    for _, headers in result.starts:
        assert 1 == headers.count(("x-adds", "1"))
    assert (201, b"hello", "1") == (result.status, decoded(result), result.header("X-New"))


@EVERY_KIND
def test_started_twice_is_refused(kind):
    """The server's refusal reaches the application."""
    # protocols W20
    refusal = AssertionError("Headers already set!")

    def app(environ, start_response):
        start_response("200 OK", [TEXT])
        with pytest.raises(AssertionError) as caught:
            start_response("200 OK", [TEXT])
        assert caught.value is refusal
        return [b"hello"]

    calls = []

    def refusing(status, headers):
        calls.append(status)
        if len(calls) == 2:
            raise refusal
        return bytes

    stacked(kind, app)(build_environ(), refusing)

    assert 2 == len(calls)


@EVERY_KIND
@pytest.mark.parametrize("lint", [True, "chain"])
def test_started_inside_the_first_next(kind, lint):
    """It is passed on in that same step."""
    # protocols W21
    # protocols W23
    script = Script(body="iterator", lazy=True, chunks=[b"a", b"b"], declare_length=True)
    result = WSGIClient(stacked(kind, script.wsgi), lint, flush_empty=True).request()

    assert (200, b"ab", "1") == (result.status, decoded(result), result.header("X-Adds"))


@EVERY_KIND
def test_started_in_that_same_step(kind):
    """Not a step later, and not before."""
    # protocols W21
    script = Script(body="iterator", lazy=True)
    started = Started()
    items = iter(stacked(kind, script.wsgi)(build_environ(), started))

    assert [] == started.calls
    next(items)
    assert 1 == len(started.calls)
    items.close()


@EVERY_KIND
def test_started_inside_an_empty_iterable(kind):
    """The head also comes where no item does."""
    # protocols W21
    script = Script(body="iterator", lazy=True, chunks=[])
    result = WSGIClient(stacked(kind, script.wsgi)).request()

    assert (200, b"", "1") == (result.status, decoded(result), result.header("X-Adds"))


def test_lazy_head_that_waits_for_its_chunk():
    """The first item is the first chunk, and the declared length says whether it is all."""
    # protocols W21
    holds = Holds()
    for chunks in ([b"a", b"b"], [b"ab"]):
        script = Script(body="iterator", lazy=True, chunks=chunks, declare_length=True)
        drive(script.wsgi, holds).request()

    assert [(b"a", False, False), (b"ab", True, False)] == holds.seen


@EVERY_KIND
@pytest.mark.parametrize("body", ["list", "iterator", "iterable", "write", "file"])
@pytest.mark.parametrize("declare_length", [False, True])
def test_started_before_the_call_returns(kind, body, declare_length):
    """granian reads status and headers right after the call."""
    # protocols W22
    script = Script(201, body=body, declare_length=declare_length)
    result = WSGIClient(stacked(kind, script.wsgi), eager_status=True).request()

    assert (201, b"hello", "1") == (result.status, decoded(result), result.header("X-Adds"))


@EVERY_KIND
def test_nothing_before_the_head(kind):
    """An empty item before start_response makes gunicorn send "HTTP/1.1 None".

    So we make none up; the application's own pass as they do bare.
    """

    # protocols W23
    def app(environ, start_response):
        return iter([])

    def faulty(environ, start_response):
        yield b""
        start_response("200 OK", [TEXT])
        yield b"a"

    client = WSGIClient(stacked(kind, app), lint=False)
    bare = WSGIClient(faulty, lint=False).request()
    result = WSGIClient(stacked(kind, faulty), lint=False).request()

    assert [] == client.request().chunks
    assert ["body-before-head"] == [each.rule for each in bare.violations]
    assert bare.violations == result.violations
    assert (200, b"a") == (result.status, decoded(result))


@EVERY_KIND
def test_an_empty_item_sends_the_head(kind):
    """Four servers flush on one: we never count on the head being kept back."""
    # protocols W24
    app = late([TEXT], [TEXT, NEW], [b"a"], first=[b""])
    bare = WSGIClient(app, flush_empty=True).request()
    result = WSGIClient(stacked(kind, app), flush_empty=True).request()

    assert HeadReplaced is type(bare.error)
    assert HeadReplaced is type(result.error)
    assert (200, 1) == (result.status, len(result.starts) - 1)


# What may be added


@pytest.mark.parametrize(
    "name",
    [
        "Connection",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "TE",
        "Trailer",
        "trailer",
        "Transfer-Encoding",
        "Upgrade",
    ],
)
def test_hop_by_hop(name):
    """wsgiref and waitress answer 500 to these, so nobody may add one."""
    # protocols W25
    reports = Reports()
    result = reports.drive(Script().wsgi, Adds(name)).request()

    assert ValueError is type(result.error)
    assert "hop-by-hop" in str(result.error)
    assert [] == result.starts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "a\r\nb"),
        ("X-A", "a\nb"),
        ("X-A", "a\x00b"),
        ("X-A", "\x7f"),
        ("X-A", "\u20ac"),
        ("X-A-", "a"),
        ("X-A_", "a"),
        ("Status", "a"),
        ("status", "a"),
        ("X A", "a"),
        ("X:A", "a"),
        ("", "a"),
        ("X-\xe9", "a"),
    ],
)
def test_illegal_headers(name, value):
    """Nothing gets out that a server refuses, or that splits a response."""
    # protocols W26
    result = drive(Script().wsgi, Adds(name, value)).request()

    assert (ValueError, []) == (type(result.error), result.starts)


def test_latin_1_value():
    """A value may be Latin-1."""
    # protocols W26
    assert "\xe9" == drive(Script().wsgi, Adds("X-A", "\xe9")).request().header("X-A")


# Werkzeug's linter wants "Content-Length: 0" with 204, which RFC 9110 §8.6 forbids.
NO_CONTENT = pytest.mark.parametrize(("status", "lint"), [(204, True), (304, True), (304, "chain")])


@NO_CONTENT
@EVERY_KIND
def test_answers_without_content(status, lint, kind):
    """Our own have neither Content-Type nor Content-Length."""
    # protocols W27
    answer = Acts(lambda exchange: exchange.respond(status), None)
    script = Script()
    wrapped = Stack([answer]).wsgi(script.wsgi)
    result = WSGIClient(stacked(kind, wrapped), lint).request()

    assert (status, b"", 0) == (result.status, result.body, script.probe.calls)
    assert [] == result.header_all("Content-Type") + result.header_all("Content-Length")


@EVERY_KIND
@NO_CONTENT
@pytest.mark.parametrize("body", ["list", "iterator"])
def test_no_content_stays_without(kind, status, lint, body):
    """The application's gain neither of them."""
    # protocols W27
    script = Script(status, headers=[], body=body)
    result = WSGIClient(stacked(kind, script.wsgi), lint).request()

    assert (status, b"", [("x-adds", "1")]) == (
        result.status,
        result.body,
        [pair for pair in result.headers if pair[0] != "x-holds"],
    )


@pytest.mark.parametrize("status", [100, 101, 199, 600])
def test_no_answer_of_that_status(status):
    """An informational answer is none, so nobody can give a length to one."""
    # protocols W27
    result = drive(Script().wsgi, Acts(lambda e: e.respond(status), None)).request()

    assert ValueError is type(result.error)


def test_answer_after_an_exception_is_started_once():
    """Also where a flow answers, the head is passed on in two arguments."""
    # protocols W12
    script = Script(error=KeyError(), error_at="call")
    result = drive(script.wsgi, Adds(), Rescues(), two_arguments=True).request()

    assert (503, b"rescued", "1") == (result.status, result.body, result.header("X-Adds"))
    assert "7" == result.header("Content-Length")
