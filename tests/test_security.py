"""What went wrong in other libraries, and does not here: one test for each weakness.

Knows the advisories of peers, and hostile requests, applications and middleware of users. Where
a number stands beside a test, it is the advisory of the library that is named with it. Must never
measure time: cost is counted, or bounded by size.
"""

import dataclasses
import importlib
import logging
import pkgutil
import re
import sys
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dualware
import dualware.effects as effects_module
from dualware import BODY, END, RESPONSE, Middleware, SettingsError, Stack, add_fields, load, span
from dualware.asgi.driver import ASGIWrapper
from dualware.core.current import live_record
from dualware.core.lists import add_vary
from dualware.core.logging.text import printable
from dualware.core.request_id.ids import ID_MOST, is_harmless, is_request_id
from dualware.core.request_id.trace import EXTRACTORS, VALUE_MOST
from dualware.core.timing.server_timing import joined, metric, quoted, stamp
from dualware.effects import REAL, RateLimitedReport
from dualware.testing import ASGIClient, Dual, Script, WSGIClient
from dualware.wsgi.driver import WSGIWrapper

if sys.version_info >= (3, 11):
    from re import _parser as regex_parser
else:
    import sre_parse as regex_parser

GOOD = "f9ed4675f1c53513c61a3b3b4e25b4c0"
HEX = re.compile("[0-9a-f]{32}")
REAL_STACK = {"request_id": True, "timing": True}

EXAMPLES = settings(max_examples=100, deadline=None, derandomize=True, database=None)
"""The same examples in every run."""


class Acts(Middleware):
    """Calls a function with the exchange at one event; None is the way in."""

    def __init__(self, act, event=RESPONSE):
        self.act = act
        self.event = event

    def __call__(self, exchange):
        if self.event is not None:
            yield self.event
        self.act(exchange)


class Watches(Middleware):
    """Keeps the outcomes."""

    observes = True

    def __init__(self):
        self.outcomes = []

    def __call__(self, exchange):
        try:
            yield END
        finally:
            self.outcomes.append(exchange.outcome)


def reporting(dual, app, report, *middleware):
    """A function that makes a request to ``app`` within ``middleware``, failures told there."""
    effects = dataclasses.replace(REAL, report=report)
    inner = dual.app(app)
    if dual.protocol == "wsgi":
        return WSGIClient(WSGIWrapper(inner, Stack(middleware), effects=effects)).request
    return ASGIClient(ASGIWrapper(inner, Stack(middleware), effects=effects)).request_sync


# What is written: no line break gets out. CVE-2020-7695 (uvicorn): CR LF in header values.


BREAKS = ["\r\n", "\n", "\r", "\0", "\x0b", "\x1b[2J", "\x7f"]
VALUES = [*(f"a{each}Set-Cookie: b=1" for each in BREAKS), "a\n", "\na", " a", "\u2028", "ж", "a\t"]
NAMES = [
    *(f"X-A{each}Set-Cookie" for each in BREAKS),
    "",
    "X A",
    "X-A:",
    "X-\xe9",
    "X-ж",
    "Transfer-Encoding",
    "Connection",
    "Status",
]
WRITES = {
    "append": lambda headers, name, value: headers.append(name, value),
    "set": lambda headers, name, value: headers.set(name, value),
    "setdefault": lambda headers, name, value: headers.setdefault(name, value),
}
FIELDS = pytest.mark.parametrize(
    "field", [*(("X-A", value) for value in VALUES), *((name, "a") for name in NAMES)], ids=ascii
)


@pytest.mark.parametrize("write", WRITES)
@FIELDS
def test_fields_that_split_a_response(dual, write, field):
    """A middleware can't write them, and one that tries fails closed."""
    app = Script()
    wrong = Acts(lambda exchange: WRITES[write](exchange.response.headers, *field))
    result = dual.request(app, [wrong])

    assert isinstance(result.error, ValueError)
    assert [] == result.chunks
    assert None is result.status


@FIELDS
def test_answers_that_split_a_response(dual, field):
    """Nor can an answer carry them."""
    watches = Watches()
    answers = Acts(lambda exchange: exchange.respond(200, [field], b"answered"), None)
    result = dual.request(Script(), [watches, answers])

    assert isinstance(result.error, ValueError)
    assert (None, []) == (result.status, result.chunks)
    assert ["error"] == watches.outcomes


@pytest.mark.parametrize("status", [0, 99, 100, 101, 199, 600, -200, 2000])
def test_statuses_of_answers(dual, status):
    """Only what can be the status of a whole response."""
    result = dual.request(Script(), [Acts(lambda exchange: exchange.respond(status), None)])

    assert isinstance(result.error, ValueError)
    assert (None, []) == (result.status, result.chunks)


@pytest.mark.parametrize("status", [200, 299, 404, 599])
def test_reason_phrases(status):
    """A status that a flow changed has the reason of the standard, never a text of anybody's.

    CVE-2025-67724 (Tornado): the reason phrase was a place to inject.
    """

    # WSGI: ASGI has no reason phrase.
    def act(exchange):
        exchange.response.status = status

    result = WSGIClient(Stack([Acts(act)]).wsgi(Script(status=403, reason="No").wsgi)).request()

    assert status == result.status
    assert {200: "OK", 299: "Unknown", 404: "Not Found", 599: "Unknown"}[status] == result.reason


@pytest.mark.parametrize("text", [*VALUES[:9], "\xe9", GOOD + ",", "a" * 201, "<script>", "${x}"])
def test_ids_that_split_a_response(dual, text):
    """What comes in as an id and is none is not given back, to nobody, not in part."""
    script = Script(on_request=live_record)
    result = dual.request(script, REAL_STACK, headers=[("X-Request-ID", GOOD)])
    hostile = Dual(dual.protocol, lint=False).request(
        script,
        {"request_id": {"set_request_header": True}},
        wsgi={"environ": {"HTTP_X_REQUEST_ID": text}},
        asgi={"scope": {"headers": [(b"x-request-id", text.encode("utf-8"))]}},
    )
    _, record = script.probe.seen

    assert GOOD == result.header("X-Request-ID")
    assert HEX.fullmatch(hostile.header("X-Request-ID"))
    assert hostile.header("X-Request-ID") == record.request_id
    assert None is record.request_id_upstream


@EXAMPLES
@given(st.text(), st.text())
def test_metrics_that_split_a_response(name, description):
    """Whatever a span is called, the field is one line, and a legal one."""
    text = metric(name, 1, description)

    assert None is re.search(r"[\x00-\x1f\x7f-\x9f]", text)
    assert text == text.encode("latin-1").decode("latin-1")
    # RFC 9110 §5.6.4: inside of the quotes no quote stands unescaped.
    assert None is not re.fullmatch(
        r'(?:[!#-\'*+\-.^-z|~0-9A-Z]+(?:;desc="(?:[^"\\]|\\.)*")?;dur=0\.000)?', text
    )


@pytest.mark.parametrize("text", ['a", b;desc="c', "a\r\nX: y", "\\", '\\"', "a,b;c=d", "\x9b"])
def test_spans_that_split_a_response(dual, text):
    """Names and descriptions of spans can come from anywhere."""

    def work():
        with span(text, text):
            pass

    result = dual.request(Script(on_request=work), {"timing": {"expose_spans": True}})
    app, _, more = result.header("Server-Timing").partition(", ")

    assert app.startswith("app;dur=")
    # One metric more, not two: what separates metrics stands in quotes only.
    assert None is not re.fullmatch(
        r'[\w!#$%&\'*+.^`|~-]+(;desc="([^"\\]|\\.)*")?;dur=[\d.]+', more
    )


# What is read: names


@pytest.mark.parametrize("name", [b"x_request_id", b"x_request-id", b"X_Request_ID"])
def test_underscores_in_request_headers(name):
    """One name is not taken for the other.

    CVE-2015-0219 (Django): a header with underscores overwrote the one with dashes.
    """
    # ASGI: a WSGI server has made them one name already, or dropped one (protocols W5).
    headers = [(name, b"spoofed"), (b"x-request-id", GOOD.encode()), (name, b"spoofed")]
    app = load({"request_id": True}).asgi(Script().asgi)
    both = ASGIClient(app).request_sync(scope={"headers": headers})
    alone = ASGIClient(app).request_sync(scope={"headers": headers[:1]})

    assert GOOD == both.header("X-Request-ID")
    assert HEX.fullmatch(alone.header("X-Request-ID"))


@pytest.mark.parametrize(
    "given_settings",
    [
        {"request_id": {"header": "X_Request_ID"}},
        {"request_id": {"inbound": ["X_Request_ID"]}},
        {"request_id": {"response_header": "X-A\r\nB"}},
        {"request_id": {"header": "Transfer-Encoding"}},
        {"request_id": {"header": "Content-Length"}},
        {"timing": {"header": "X-A\nB"}},
        {"timing": {"legacy_header": "Connection"}},
        {"timing": {"timing_allow_origin": ["https://a.example\r\nX: y"]}},
        {"timing": {"timing_allow_origin": "a\n"}},
        {"timing": {"queue_header": "X_Start", "queue_trusted": ["10.0.0.0/8"]}},
    ],
    ids=str,
)
def test_settings_that_can_only_do_harm(given_settings):
    """They are refused when the stack is made, not when the first request comes."""
    with pytest.raises(SettingsError):
        load(given_settings)


# What is read: headers that came on several lines


@pytest.mark.parametrize("lines", [(GOOD, GOOD), (GOOD, "b"), ("b", GOOD), ("", GOOD), (GOOD, "")])
def test_repeated_ids(dual, lines):
    """They are one folded value, and no id, under both protocols."""
    headers = [("X-Request-ID", line) for line in lines]
    result = dual.request(Script(), REAL_STACK, headers=headers)

    assert HEX.fullmatch(result.header("X-Request-ID"))
    assert result.header("X-Request-ID") not in lines


def test_repeated_headers_are_folded_alike(dual):
    """Both protocols show a middleware the same text."""
    found = []
    ask = Acts(lambda exchange: found.append(exchange.request.header("x-many")), None)
    dual.request(Script(), [ask], headers=[("X-Many", str(n)) for n in range(4)])

    assert ["0,1,2,3"] == found


class Counted(bytes):
    """A header name that counts how often it is looked at."""

    __slots__ = ()
    looks = 0

    def lower(self):
        """Count."""
        Counted.looks += 1
        return bytes(self).lower()


@pytest.mark.parametrize("size", [10, 1000])
def test_many_headers_cost_one_pass(size, monkeypatch):
    """However many there are and however many are asked for: each name is looked at twice at most.

    Once for the names that somebody asks for in every exchange, once for all others together.

    CVE-2025-67725 (Tornado): repeated headers were joined anew for each of them.
    """
    # ASGI: a WSGI server hands over a dictionary.
    monkeypatch.setattr(Counted, "looks", 0)
    headers = [(Counted(b"x-many"), b"a")] * size
    asked = ["x-many", "x-request-id", "cookie", "traceparent", "x-many"]
    found = []
    ask = Acts(lambda exchange: found.extend(map(exchange.request.header, asked)), None)
    app = Stack([*load(REAL_STACK), ask]).asgi(Script().asgi)
    ASGIClient(app, lint=False).request_sync(scope={"headers": headers}).reraise()

    assert [",".join("a" * size), None, None, None, ",".join("a" * size)] == found
    assert size <= Counted.looks <= 2 * size


# What is read: parsers. CVE-2023-23969 (Django), CVE-2024-26146 (Rack): super-linear parsing.


def patterns():
    """Every regular expression of the rooms that read what came in."""
    for room in ("core", "middleware"):
        package = importlib.import_module(f"dualware.{room}")
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, re.Pattern):
                    yield pytest.param(value, id=f"{module.name}.{name}")


def repeats(parsed, within):
    """Raise AssertionError for a repeat without a bound inside another one."""
    for operation, argument in parsed:
        name = str(operation)
        unbound = name.endswith("_REPEAT") and argument[1] > 1024

        assert not (unbound and within)

        for part in argument if isinstance(argument, tuple | list) else ():
            for inner in part if isinstance(part, list) else [part]:
                if isinstance(inner, regex_parser.SubPattern):
                    repeats(inner, within or unbound)


@pytest.mark.parametrize("pattern", [*patterns()])
def test_no_nested_repeats(pattern):
    """The one thing that makes a regular expression exponential is in none of ours."""
    repeats(regex_parser.parse(pattern.pattern, pattern.flags), within=False)


def test_nested_repeats_are_found():
    """The test before this one would find one."""
    with pytest.raises(AssertionError):
        repeats(regex_parser.parse(r"(?:a|(b+)c)*"), within=False)


UNITS = ["a", "0", "-", " ", "\t", ",", ";", "=", "00-", "Root=1-", "a=", "\xff", "0/0;o=1", '"\\']
LONG = 1 << 20


@pytest.mark.parametrize("reader", EXTRACTORS)
@pytest.mark.parametrize("unit", UNITS)
def test_long_trace_headers(reader, unit):
    """A value beyond the cap is not looked at, and any below it is read or refused."""

    class Unread(str):
        """Text that can only be asked for its length."""

        __slots__ = ()

        def strip(self, *_):
            raise AssertionError("it was looked at")

        split = strip

    assert None is EXTRACTORS[reader](Unread(unit * LONG))
    assert None is EXTRACTORS[reader]((unit * VALUE_MOST)[:VALUE_MOST])


@EXAMPLES
@given(st.text(max_size=200) | st.from_regex(r"[0-9a-f;=/ -]{0,80}", fullmatch=True))
def test_any_trace_header(text):
    """Readers are total, and what they return are ids, whatever came."""
    for read in EXTRACTORS.values():
        for value in (read(text) or {}).values():
            assert None is not re.fullmatch("[0-9a-f]{2,32}", value)


@pytest.mark.parametrize("unit", UNITS)
def test_long_ids(unit):
    """One that is too long is none, whatever it is made of."""
    assert not is_request_id((unit * LONG)[: ID_MOST + 1])
    assert not is_request_id(unit * LONG)
    assert isinstance(is_harmless(unit * LONG), bool)


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit.strip()])
def test_long_stamps(unit):
    """A request start that is no stamp is none."""
    assert None is stamp(unit * LONG)
    assert None is stamp("t=1700000000" + unit * LONG)


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit != "\t"])
def test_long_descriptions(unit):
    """Quoting is linear in size: two characters for one, and the quotes."""
    assert 2 * len(unit * 10_000) + 2 >= len(quoted(unit * 10_000))
    assert "" == joined([metric("a", 1, unit * 10_000)] * 9, size=2048)


@pytest.mark.parametrize("unit", [unit for unit in UNITS if unit != " "])
def test_long_request_headers(dual, unit):
    """Nor do they get any further than the length of what is kept."""
    names = ["X-Request-ID", "traceparent", "X-Amzn-Trace-Id", "X-Cloud-Trace-Context", "b3"]
    script = Script(on_request=live_record)
    traces = [name.lower() for name in names[2:]]
    client = Dual(dual.protocol, lint=False)
    text = unit * 100_000
    headers = [(name, text) for name in names]
    result = client.request(script, {"request_id": {"trace_headers": traces}}, headers=headers)
    (record,) = script.probe.seen

    assert 32 == len(result.reraise().header("X-Request-ID"))
    assert None is record.trace


@pytest.mark.parametrize("length", ["9" * 5000, "-1", "+5", "1_0", "5, 5", "", " "])
@pytest.mark.parametrize("event", [RESPONSE, BODY, END])
def test_lengths_that_are_none(dual, length, event):
    """A Content-Length that a proxying application passes on is read as digits, or not at all."""
    script = Script(headers=[("Content-Length", length)], chunks=[b"a", b"b"], body="generator")
    waits = Acts(lambda exchange: None, event)
    result = Dual(dual.protocol, lint=False).request(script, [waits]).reraise()

    assert b"ab" == result.body
    assert [length.strip()] == [each.strip() for each in result.header_all("Content-Length")]


def test_length_of_a_file_that_is_none(tmp_path):
    """Nor is that of a file, which the server sends by itself."""
    # ASGI: pathsend; a file wrapper's is read as every other length under WSGI.
    path = tmp_path / "file"
    path.touch()
    watches = Watches()
    messages = [
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-length", b"9" * 5000)],
        },
        {"type": "http.response.pathsend", "path": str(path)},
    ]

    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    client = ASGIClient(Stack([watches]).asgi(app), lint=False)
    result = client.request_sync(extensions={"http.response.pathsend": {}}).reraise()

    assert messages == result.messages
    assert ["completed"] == watches.outcomes


# What the application wrote


def test_header_list_of_the_application(dual):
    """It is copied before it is changed: a static response does not grow.

    CVE-2025-7339 (on-headers): the application's own list was changed.
    """
    pairs = [("x-own", "1"), ("vary", "Accept")]
    raw = [(name.encode(), value.encode()) for name, value in pairs]

    def wsgi(environ, start_response):
        start_response("200 OK", pairs)
        return [b"a"]

    message = {"type": "http.response.start", "status": 200, "headers": raw}

    async def asgi(scope, receive, send):
        await send(message)
        await send({"type": "http.response.body", "body": b"a"})

    stack = [
        Acts(lambda exchange: exchange.response.headers.append("X-More", "1")),
        Acts(lambda exchange: exchange.response.headers.set("X-Own", "2"), BODY),
        Acts(lambda exchange: add_vary(exchange.response.headers, ("Origin",))),
        Acts(lambda exchange: exchange.response.headers.remove("X-Nothing")),
    ]
    results = [dual.request((wsgi, asgi), stack) for _ in range(3)]

    assert [("x-own", "1"), ("vary", "Accept")] == pairs
    assert [(b"x-own", b"1"), (b"vary", b"Accept")] == raw
    assert {"type": "http.response.start", "status": 200, "headers": raw} == message
    for result in results:
        assert sorted([("x-own", "2"), ("vary", "Accept, Origin"), ("x-more", "1")]) == sorted(
            pair for pair in result.reraise().headers if pair[0] != "content-length"
        )


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], ["Origin, Cookie"]),
        (["Cookie"], ["Cookie, Origin"]),
        ([" cookie ,ORIGIN "], [" cookie ,ORIGIN "]),
        (["*"], ["*"]),
        (["Accept", " * "], ["Accept", " * "]),
        (["Accept", "accept, Cookie"], ["Accept, Cookie, Origin"]),
    ],
)
def test_vary(dual, lines, expected):
    """A union of names, in any case and however they are padded; ``*`` stays.

    CVE-2023-30861 (Flask): caches were fed by a missing Vary.
    """
    script = Script(headers=[("Vary", line) for line in lines])
    adds = Acts(lambda exchange: add_vary(exchange.response.headers, ("Origin", "Cookie")))
    result = Dual(dual.protocol, lint=False).request(script, [adds])

    assert [each.strip() for each in expected] == [
        each.strip() for each in result.header_all("Vary")
    ]


@pytest.mark.parametrize(
    "target", ["//evil.example/", "/\t/evil.example", "a:b", "https:evil.example", "/ü%0d%0a"]
)
def test_location(dual, target):
    """It is the application's, to the letter.

    CVE-2024-42353 (WebOb): joining it to the request's URL made another host of it.
    """
    script = Script(status=302, headers=[("Location", target)])
    result = Dual(dual.protocol, lint=False).request(script, REAL_STACK)

    assert target == result.header("Location")


@pytest.mark.parametrize("host", ["evil.example", "a/../b", "a:b@c", "", "a\tb", "a?b#c"])
def test_host(dual, host):
    """No path and no decision is built from it."""
    found = []

    def act(exchange):
        request = exchange.request
        found.append((request.path, request.route_path, request.raw_path, request.query))

    dual = Dual(dual.protocol, lint=False)
    dual.request(Script(), [Acts(act, None)], path="/a/b", query="c=d", headers={"Host": host})

    assert [("/a/b", "/a/b", "/a/b", "c=d")] == found


# Framing: what is announced is what is sent


ENCODED = [
    pytest.param(event, body, id=f"{event!r} {body}")
    for event in (RESPONSE, BODY)
    for body in ("list", "generator", "iterator", "write")
]


def deflates(event, made=zlib.compressobj):
    """A middleware that encodes at ``event``."""

    def act(exchange):
        if exchange.response.encodable:
            exchange.response.encode(made())

    return Acts(act, event)


@pytest.mark.parametrize(("event", "body"), ENCODED)
@pytest.mark.parametrize("headers", [(), [("Content-Length", "10"), ("Content-Length", "10")]])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_length_of_a_coded_body(dual, event, body, headers, method):
    """Content-Length says the bytes that were sent, once, or is not there.

    Lengths that differ from the body are how requests and responses are smuggled.
    """
    script = Script(headers=headers, chunks=[b"a" * 4, b"b" * 6], body=body)
    result = Dual(dual.protocol, lint=False).request(script, [deflates(event)], method).reraise()
    lengths = result.header_all("Content-Length")

    if method == "HEAD":
        assert [value for _, value in headers] == lengths
        assert b"" == result.body
    else:
        assert lengths in ([], [str(len(result.body))])
        assert b"aaaabbbbbb" == zlib.decompress(result.body)


@pytest.mark.parametrize("event", [RESPONSE, BODY])
def test_transfer_encoding(dual, event):
    """It is between the application and the server.

    CVE-2024-1135 (gunicorn), CVE-2025-43859 (h11): lax framing was smuggling.
    """
    script = Script(headers=[("Transfer-Encoding", "chunked")], chunks=[b"a", b"b"])
    result = Dual(dual.protocol, lint=False).request(script, [deflates(event)])

    assert ["chunked"] == result.header_all("Transfer-Encoding")


@pytest.mark.parametrize("given_length", ["5", "0", "99999"])
def test_length_of_an_answer(dual, given_length):
    """It is that of its body, whatever was said."""
    headers = [("Content-Length", given_length), ("content-length", "7")]
    answers = Acts(lambda exchange: exchange.respond(200, headers, b"answered"), None)

    assert "8" == dual.request(Script(), [answers]).reraise().header("Content-Length")


class Codec:
    """Tells whether it was ended."""

    def __init__(self, flushed):
        self.flushed = flushed

    def compress(self, data):
        """Send it on."""
        return data

    def flush(self):
        """Tell."""
        self.flushed.append(True)
        return b"trailer"


CUTS = {
    "error": {"error": ValueError("cut"), "error_at": 1},
    "stop": {"error": SystemExit(1), "error_at": 1},
    "generator": {"error": GeneratorExit(), "error_at": 1, "body": "iterator"},
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("event", [RESPONSE, BODY])
def test_cut_by_an_exception(dual, cut, event):
    """A stream that was cut never gets the end of its coding: it must not look whole."""
    flushed = []
    options = {"body": "generator", **CUTS[cut]}
    script = Script(chunks=[b"a", b"b"], **options)
    dual = Dual(dual.protocol, lint=False)
    result = dual.request(script, [Watches(), deflates(event, lambda: Codec(flushed))])

    assert [] == flushed
    assert b"a" == result.body
    assert options["error"] is result.error


@pytest.mark.parametrize("event", [RESPONSE, BODY])
def test_cut_by_the_client(dual, event):
    """Nor one of which the client did not wait for the end."""
    flushed = []
    watches = Watches()
    script = Script(chunks=[b"a", b"b"], body="generator")
    dual = Dual(dual.protocol, lint=False)
    dual.request(script, [watches, deflates(event, lambda: Codec(flushed))], read=1)

    assert [] == flushed
    assert ["aborted"] == watches.outcomes


@pytest.mark.parametrize("event", [RESPONSE, BODY])
def test_cut_by_the_application(event):
    """Nor one that the application left open."""
    # ASGI: under WSGI a body that ends is whole.
    flushed = []
    app = Script(chunks=[b"a", b"b"], end=False).asgi
    watches = Watches()
    stack = Stack([watches, deflates(event, lambda: Codec(flushed))])
    result = ASGIClient(stack.asgi(app), lint=False).request_sync()

    assert ([], b"ab") == (flushed, result.body)
    assert ["incomplete"] == watches.outcomes


@pytest.mark.parametrize("event", [RESPONSE, BODY])
def test_nothing_is_buffered(dual, event):
    """What was made of a body is with the server before more of it is asked for.

    Bodies without a limit fill the memory of who keeps them.
    """
    codecs = []

    class Counts(Codec):
        def compress(self, data):
            codecs.append((len(data), script.probe.pulled))
            return data

    script = Script(chunks=[b"a" * 9] * 5, body="generator")
    result = dual.request(script, [Watches(), deflates(event, lambda: Counts([]))]).reraise()

    assert [(9, n) for n in range(1, 6)] == [each for each in codecs if each[0]]
    assert [b"a" * 9] * 5 == [chunk for chunk in result.chunks if chunk.startswith(b"a")]


# Floods: one event per request at most. CVE-2025-47287 (Tornado): a log filled by bad input.


HOSTILE = [
    "\x1b[2J\x1b[31mFAKE",
    "\x85next line",
    "\x9b31m",
    "\xadhyphen",
    "a,b",
    "%0a",
    "x" * 9999,
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_what_is_said_of_a_bad_id(dual, text, caplog):
    """One short line of printable ASCII, below the level of a warning.

    CVE-2024-1681 (flask-cors), CVE-2020-7694 (uvicorn): request text stood in logs as it came.
    """
    caplog.set_level(logging.INFO, "dualware")
    Dual(dual.protocol, lint=False).request(
        Script(),
        {"request_id": True},
        wsgi={"environ": {"HTTP_X_REQUEST_ID": text}},
        asgi={"scope": {"headers": [(b"x-request-id", text.encode("latin-1"))]}},
    )
    ((_, level, line),) = caplog.record_tuples

    assert logging.INFO == level
    assert 200 > len(line)
    assert line.isprintable()


class Names(Middleware):
    """Writes an id of its own into the record, behind the middleware that checks ids."""

    def __init__(self, text):
        self.text = text

    def __call__(self, exchange):
        exchange.record.request_id = self.text


@pytest.mark.parametrize("text", ["a\nb", "a\x1b[31mb", "a\u2028b", "a\x7fb"], ids=ascii)
def test_an_id_that_was_written_later(dual, text):
    """That the id before it was harmless says nothing of it: no line shows it as it is.

    CVE-2024-1681 (flask-cors), CVE-2025-48432 (Django): a log line that the request can end.
    """
    lines = []
    stack = [*load(REAL_STACK | {"logging": {"sink": lines.append}}), Names(text)]
    dual.request(Script(), stack, headers={"X-Request-ID": GOOD})

    (line,) = lines
    shown = line["http.request.id"]
    assert shown.isprintable()
    assert shown == printable(text)


def test_bad_ids_do_not_flood(dual, caplog):
    """A thousand of them are one line."""
    caplog.set_level(logging.DEBUG, "dualware")
    clock = dataclasses.replace(REAL, clock=lambda: 1)
    (middleware,) = load({"request_id": True})
    stack = [type(middleware)(middleware.settings, clock)]
    app = dual.wrap(Script(), stack)
    ask = WSGIClient(app).request if dual.protocol == "wsgi" else ASGIClient(app).request_sync
    for _ in range(1000):
        ask(headers={"X-Request-ID": "bad id"})

    assert 1 == len(caplog.records)


class Sink(Middleware):
    """An observer that fails in every exchange."""

    observes = True

    def __init__(self, event):
        self.event = event

    def __call__(self, exchange):
        if self.event is not None:
            yield self.event
        raise OSError("the disk is full")


@pytest.mark.parametrize("event", [None, RESPONSE, BODY, END])
def test_failing_observers_do_not_flood(dual, event, caplog, monkeypatch):
    """Every one of them is counted, one a second is told, and no response changes."""
    monkeypatch.setattr(effects_module.time, "monotonic_ns", lambda: 1)
    report = RateLimitedReport()
    ask = reporting(dual, Script(), report, Sink(event), Sink(event))
    results = [ask().reraise() for _ in range(100)]

    assert 200 == report.count
    assert 1 == len(caplog.records)
    assert {(200, b"hello")} == {(result.status, result.body) for result in results}


@pytest.mark.parametrize("event", [None, RESPONSE, BODY])
def test_failing_policies_fail_closed(dual, event):
    """Where a policy could not decide, nothing of the application's answer gets out."""
    told = []

    class Policy(Sink):
        observes = False

    ask = reporting(dual, Script(), lambda *each: told.append(each), Policy(event))
    result = ask()

    assert OSError is type(result.error)
    assert (None, []) == (result.status, result.chunks)
    assert [] == told


def test_fields_and_spans_are_bounded(dual):
    """An application that adds one for each thing a client sent keeps a record of fixed size."""

    def work():
        for number in range(5000):
            add_fields(**{f"field{number}": number})
            with span(f"span{number}", "x" * 1000):
                pass
        return live_record()

    script = Script(on_request=work)
    result = dual.request(script, {"timing": {"expose_spans": True}}).reraise()
    (record,) = script.probe.seen

    assert 64 == len(record.fields)
    assert 5000 - 64 == record.fields_dropped
    assert 256 == len(record.spans)
    assert 2048 >= len(result.header("Server-Timing"))


def test_the_version_is_nobodys_business(dual):
    """No header says what runs here."""
    result = dual.request(Script(), REAL_STACK).reraise()

    assert {"content-type", "x-request-id", "server-timing"} == {name for name, _ in result.headers}
    assert not any(dualware.__name__ in value for _, value in result.headers)
