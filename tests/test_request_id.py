"""The request_id middleware, under both protocols, with made-up clocks and randomness."""

import asyncio
import contextvars
import inspect
import logging
import pickle
import re
import threading
import uuid

import pytest
import structlog
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import dualware
from dualware import END, RESPONSE, Middleware, Stack, load
from dualware.core.current import CURRENT, live_record
from dualware.core.effects import Effects
from dualware.core.peers import Peers, network
from dualware.core.problems import SettingsError
from dualware.core.request_id.outbound import Outbound, host_pattern
from dualware.effects import REAL
from dualware.middleware.request_id import RequestID, RequestIDSettings
from dualware.testing import ABSENT, ASGIClient, Dual, Script
from tests.test_ids import ACCEPTED, REJECTED

GOOD = "f9ed4675f1c53513c61a3b3b4e25b4c0"
FIRST = f"{1:032x}"
"""What `Fake` draws first."""
SECOND = f"{2:032x}"
TRACE = "0af7651916cd43dd8448eb211c80319c"
SPAN = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{SPAN}-01"


class Fake:
    """Effects of which the test knows every answer."""

    def __init__(self):
        self.time = 0
        self.drawn = 0
        self.reports = []
        self.effects = Effects(
            clock=lambda: self.time,
            cpu_clock=lambda: 0,
            now=lambda: self.time,
            random=self._random,
            report=lambda *told: self.reports.append(told),
        )

    def _random(self, size):
        self.drawn += 1
        return self.drawn.to_bytes(size, "big")

    def build(self, **options):
        """The middleware with these settings and these effects."""
        return RequestID(RequestIDSettings(**options), self.effects)


@pytest.fixture
def fake():
    """Effects of which the test knows every answer."""
    return Fake()


@pytest.fixture(autouse=True)
def outside():
    """No exchange is current: a test that keeps a body alive leaves its exchange behind."""
    CURRENT.set(None)


def ask(dual, middleware, inbound=None, *, script=None, **options):
    """One request with this inbound id through one middleware; the record is in the probe."""
    headers = [] if inbound is None else [("X-Request-ID", inbound)]
    script = Script(on_request=live_record) if script is None else script
    result = dual.request(script, [middleware], headers=headers, **options)
    seen = script.probe.seen if isinstance(script, Script) else []
    return result, seen[0] if seen else None


def peer(address):
    """Options of a request from this socket peer; None is a Unix socket."""
    return {
        "asgi": {"scope": {"client": None if address is None else (address, 5000)}},
        "wsgi": {"environ": {"REMOTE_ADDR": ABSENT if address is None else address}},
    }


def session(middleware, *, status=200, **options):
    """One websocket session through the middleware, and the record that its application saw."""
    # Websockets exist under ASGI only.
    script = Script(status=status, on_request=live_record)
    result = ASGIClient(Stack([middleware]).asgi(script.asgi)).websocket_sync(**options)
    return result, script.probe.seen[0] if script.probe.seen else None


# Defaults and names


def test_defaults():
    """The defaults are those of the rules."""
    # observability R1
    settings = RequestIDSettings()
    expected = {
        "header": "X-Request-ID",
        "inbound": ["x-request-id"],
        "response_header": None,
        "trust": "validated",
        "validator": None,
        "allow_unsafe": False,
        "max_length": 200,
        "on_invalid": "replace",
        "generator": "hex",
        "on_conflict": "replace",
        "set_request_header": False,
        "expose": False,
        "traceparent": "log",
        "trace_headers": (),
        "bind_contextvars": False,
        "clear_structlog": "start",
        "outbound_hosts": None,
        "error_response": False,
    }

    assert expected == settings.model_dump()


def test_generated(dual, fake):
    """Without an inbound id one is made, and sent back."""
    # observability R1
    result, record = ask(dual, fake.build())

    assert FIRST == result.header("x-request-id")
    assert (FIRST, "generated", None) == (
        record.request_id,
        record.request_id_source,
        record.request_id_upstream,
    )
    assert [] == fake.reports


def test_inbound(dual, fake):
    """A valid inbound id is taken over."""
    # observability R1
    # observability R2
    result, record = ask(dual, fake.build(), GOOD)

    assert GOOD == result.header("x-request-id")
    assert (GOOD, "inbound", None) == (
        record.request_id,
        record.request_id_source,
        record.request_id_upstream,
    )


def test_real_effects(dual):
    """From a settings mapping, with real randomness: 32 hex digits, others each time."""
    # observability R1
    made = {dual.request(Script(), {"request_id": True}).header("x-request-id") for _ in range(9)}

    assert 9 == len(made)
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in made)


def test_header(dual, fake):
    """Another header is written, and read in the place of the default one."""
    # observability R1
    middleware = fake.build(header="X-Correlation-ID")
    headers = {"X-Correlation-ID": "mine", "X-Request-ID": "other"}
    result = dual.request(Script(), [middleware], headers=headers)

    assert "mine" == result.header("x-correlation-id")
    assert result.header("x-request-id") is None


def test_header_with_inbound(dual, fake):
    """What is read stays as it was said, whatever is written."""
    # observability R1
    middleware = fake.build(header="X-Correlation-ID", inbound=["x-request-id"])
    headers = {"X-Correlation-ID": "other", "X-Request-ID": "mine"}
    result = dual.request(Script(), [middleware], headers=headers)

    assert "mine" == result.header("x-correlation-id")


def test_inbound_order(dual, fake):
    """The first valid id counts, in the order of the setting rather than of the request."""
    # observability R1
    middleware = fake.build(inbound=("X-Amz-Cf-Id", "x-request-id", "x-correlation-id"))
    pairs = [("x-correlation-id", "third"), ("x-request-id", "second"), ("x-amz-cf-id", "no, no")]

    assert "second" == dual.request(Script(), [middleware], headers=pairs).header("x-request-id")
    assert "third" == dual.request(Script(), [middleware], headers=pairs[:1]).header("x-request-id")


def test_no_inbound(dual, fake):
    """An empty list reads nothing."""
    # observability R1
    result, _ = ask(dual, fake.build(inbound=[]), GOOD)

    assert FIRST == result.header("x-request-id")


@pytest.mark.parametrize(
    ("response_header", "expected"),
    [(None, {"x-request-id"}), ("X-Trace", {"x-trace"}), (False, set())],
)
def test_response_header(dual, fake, response_header, expected):
    """The response header has the header's name, one of its own, or is left out."""
    # observability R1
    result, record = ask(dual, fake.build(response_header=response_header), GOOD)

    assert expected == {name for name, value in result.headers if value == GOOD}
    assert GOOD == record.request_id


def test_nothing_to_write(dual, fake):
    """Without anything to do on the way out there is no flow at all."""
    # observability R1
    started = []

    class Spy(RequestID):
        def __call__(self, exchange):
            started.append(super().__call__(exchange))
            return started[-1]

    ask(dual, Spy(RequestIDSettings(response_header=False), fake.effects))

    assert [None] == started


# Trust


def test_never(dual, fake):
    """At the edge no id is taken over; a valid one is kept beside ours."""
    # observability R2
    middleware = fake.build(trust="never")
    result, record = ask(dual, middleware, GOOD)

    assert FIRST == result.header("x-request-id")
    assert ("generated", GOOD) == (record.request_id_source, record.request_id_upstream)

    _, record = ask(dual, middleware, "not valid")

    assert record.request_id_upstream is None


NETWORKS = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "unix"]


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("10.255.0.1", True),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("11.0.0.1", False),
        ("::ffff:10.0.0.7", True),
        ("::ffff:11.0.0.7", False),
        ("2001:db8::1", True),
        ("2001:db8::1%eth0", True),
        ("2001:db9::1", False),
        ("localhost", False),
        ("1" * 65, False),
        (None, True),
    ],
)
def test_networks(dual, fake, address, trusted):
    """Only peers in one of the networks are believed, however the server writes them."""
    # observability R2
    middleware = fake.build(trust=NETWORKS)
    for _ in range(2):
        result, record = ask(dual, middleware, GOOD, **peer(address))

        assert trusted == (result.header("x-request-id") == GOOD)
        assert (None if trusted else GOOD) == record.request_id_upstream


def test_networks_without_unix(dual, fake):
    """A peer without an address is in no network."""
    # observability R2
    result, _ = ask(dual, fake.build(trust=("10.0.0.0/8",)), GOOD, **peer(None))

    assert FIRST == result.header("x-request-id")


def test_trust_looks_at_the_socket(dual, fake):
    """What a header says about the peer counts for nothing."""
    # observability R2
    headers = {"X-Request-ID": GOOD, "X-Forwarded-For": "10.0.0.7", "Forwarded": "for=10.0.0.7"}
    result = dual.request(Script(), [fake.build(trust=NETWORKS)], headers=headers)

    assert FIRST == result.header("x-request-id")


@pytest.mark.parametrize("answer", [True, False])
def test_trust_callable(dual, fake, answer):
    """A callable sees the request and decides."""
    # observability R2
    seen = []

    def trust(request):
        seen.append(request.path)
        return answer

    result, record = ask(dual, fake.build(trust=trust), GOOD, path="/inside")

    assert ["/inside"] == seen
    assert (GOOD if answer else FIRST) == result.header("x-request-id")
    assert (None if answer else GOOD) == record.request_id_upstream


def test_trust_callable_that_fails(dual, fake):
    """A callable that fails trusts nobody, and its failure is told."""
    # observability X12
    failure = LookupError("gone")

    def trust(request):
        raise failure

    result, _ = ask(dual, fake.build(trust=trust), GOOD)
    [(sentence, error)] = fake.reports

    assert (200, FIRST) == (result.status, result.header("x-request-id"))
    assert "trust of request_id" in sentence
    assert failure is error


# Validation


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(dual, fake, text):
    """What passes is taken over as it is."""
    # observability R3
    result, _ = ask(dual, fake.build(), text)

    assert text == result.header("x-request-id")


@pytest.mark.parametrize(
    "text", [text for text in REJECTED.values() if max(map(ord, text), default=0) < 256]
)
def test_rejected(dual, fake, text):
    """What does not pass is replaced, never cut, stripped or mended."""
    # observability R3
    # observability R4
    result, record = ask(dual, fake.build(), text)

    assert FIRST == result.header("x-request-id")
    assert ("generated", None) == (record.request_id_source, record.request_id_upstream)


def test_whitespace_around(dual, fake):
    """Spaces and tabs around a value belong to the message, not to the id."""
    # observability R3
    result, _ = ask(dual, fake.build(), f" \t{GOOD}\t ")

    assert GOOD == result.header("x-request-id")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(max_codepoint=255), max_size=210))
@example("a" * 200)
@example("a" * 201)
def test_any_value(dual, text):
    """Whatever comes in, one id goes out: the same one only if all of it is as it should be."""
    # observability R3
    result, _ = ask(dual, Fake().build(), text)
    taken = re.fullmatch("[A-Za-z0-9+/=_.:~@-]{1,200}", text.strip(" \t"))

    assert (taken.group() if taken else FIRST) == result.header("x-request-id")


def test_max_length(dual, fake):
    """A shorter limit is a limit; a longer one too."""
    # observability R3
    for most in (1, 32, 1024):
        middleware = fake.build(max_length=most)

        assert "a" * most == ask(dual, middleware, "a" * most)[0].header("x-request-id")
        assert "a" * most != ask(dual, middleware, "a" * (most + 1))[0].header("x-request-id")


def only_uuids(text):
    """A validator of the kind that users write: a bool."""
    return re.fullmatch("[0-9a-f]{8}-.*", text) is not None


NARROW = "12345678-and-more"


@pytest.mark.parametrize("validator", ["[0-9a-f]{8}-.*", re.compile("[0-9a-f]{8}-.*"), only_uuids])
def test_validator_narrows(dual, fake, validator):
    """A validator refuses what would pass, and lets nothing in that would not."""
    # observability R3
    middleware = fake.build(validator=validator)

    assert NARROW == ask(dual, middleware, NARROW)[0].header("x-request-id")
    assert GOOD != ask(dual, middleware, GOOD)[0].header("x-request-id")
    assert "12345678-<b>" != ask(dual, middleware, "12345678-<b>")[0].header("x-request-id")
    # The whole id, not the beginning of one.
    assert f"x{NARROW}" != ask(dual, middleware, f"x{NARROW}")[0].header("x-request-id")


def test_allow_unsafe(dual, fake):
    """With allow_unsafe the validator decides alone, within what a header can hold at all."""
    # observability R3
    middleware = fake.build(validator=r"[\s\S]*", allow_unsafe=True, max_length=20)
    for text in ("{braces}", "one, two", "idé", "<b>"):
        assert text == ask(dual, middleware, text)[0].header("x-request-id")
    for text in ("", "a" * 21, "a\tb", "a\rb", "a\nb", "a\x00b", "a\x1bb", "a\x7fb", "a\x85b"):
        assert text != ask(dual, middleware, text)[0].header("x-request-id")


def test_validator_that_fails(dual, fake):
    """A validator that fails finds no id valid, and its failure is told."""
    # observability X12
    result, _ = ask(dual, fake.build(validator=uuid.UUID), GOOD + "x")
    [(sentence, error)] = fake.reports

    assert FIRST == result.header("x-request-id")
    assert "validator of request_id" in sentence
    assert ValueError is type(error)


def test_validator_may_return_anything_true(dual, fake):
    """`uuid.UUID` as it is: what it makes of a valid id is true."""
    # observability R3
    result, _ = ask(dual, fake.build(validator=uuid.UUID), GOOD)

    assert GOOD == result.header("x-request-id")


# Rejection


def test_reject(dual, fake):
    """An invalid id is answered 400, with a body and an id of ours; nothing inside runs."""
    # observability R4
    script = Script()
    result, _ = ask(dual, fake.build(on_invalid="reject"), "not valid", script=script)

    assert 400 == result.status
    assert FIRST == result.header("x-request-id")
    assert "text/plain; charset=utf-8" == result.header("content-type")
    assert FIRST.encode() in result.body
    assert b"not valid" not in result.body.replace(b"is not valid", b"")
    assert 0 == script.probe.calls


def test_reject_without_header(dual, fake):
    """Without a response header the id is in the body still."""
    # observability R4
    middleware = fake.build(on_invalid="reject", response_header=False)
    result, _ = ask(dual, middleware, "not valid")

    assert result.header("x-request-id") is None
    assert FIRST.encode() in result.body


@pytest.mark.parametrize("inbound", [None, GOOD])
def test_reject_nothing_else(dual, fake, inbound):
    """Neither a valid id nor none at all is rejected."""
    # observability R4
    result, _ = ask(dual, fake.build(on_invalid="reject"), inbound)

    assert 200 == result.status


def test_reject_head(dual, fake):
    """The answer to HEAD has no body, and its length all the same."""
    # observability R4
    result, _ = ask(dual, fake.build(on_invalid="reject"), "not valid", method="HEAD")

    assert (400, b"") == (result.status, result.body)


def test_reject_websocket():
    """A handshake is refused by a close with 1008; no http message is sent."""
    # observability R4
    # Websockets exist under ASGI only.
    middleware = Fake().build(on_invalid="reject")
    result, _ = session(middleware, headers={"X-Request-ID": "not valid"})

    assert [{"type": "websocket.close", "code": 1008}] == result.messages


def test_reject_websocket_with_denial():
    """Where the server offers it, the refusal is a response, with the id."""
    # observability R4
    # Websockets exist under ASGI only.
    middleware = Fake().build(on_invalid="reject")
    result, _ = session(
        middleware,
        headers={"X-Request-ID": "not valid"},
        extensions={"websocket.http.response": {}},
    )

    assert (400, FIRST) == (result.status, result.header("x-request-id"))
    assert FIRST.encode() in result.body
    assert {"websocket.http.response.start", "websocket.http.response.body"} == {
        message["type"] for message in result.messages
    }


# Repeated and misspelt headers


@pytest.mark.parametrize("second", [GOOD, "other", ""])
def test_repeated(dual, fake, second):
    """A header on two lines is invalid, even if both say the same."""
    # observability R5
    pairs = [("X-Request-ID", GOOD), ("x-request-id", second)]
    result = dual.request(Script(), [fake.build()], headers=pairs)

    assert FIRST == result.header("x-request-id")


def test_underscores(fake):
    """``x_request_id`` is another header, in which nobody may slip an id past a proxy."""
    # observability R5
    # ASGI only: under WSGI the server has made both the same key, or dropped this one.
    result = Dual("asgi").request(Script(), [fake.build()], headers={"X_Request_ID": GOOD})

    assert FIRST == result.header("x-request-id")


# Complaints


def test_complaint(dual, fake, caplog):
    """An invalid value is logged as it could be typed, with its length."""
    # observability R6
    caplog.set_level(logging.DEBUG, "dualware")
    ask(dual, fake.build(), "one\x1b[31m two")
    [line] = caplog.records

    assert ("dualware", logging.INFO) == (line.name, line.levelno)
    assert (
        r"invalid request id in x-request-id: 'one\x1b[31m two', 12 characters" == line.getMessage()
    )


def test_complaint_is_cut(dual, fake, caplog):
    """At most 64 characters of the value are shown, and its whole length is said."""
    # observability R6
    caplog.set_level(logging.DEBUG, "dualware")
    ask(dual, fake.build(), "\x1b" * 100_000)
    [line] = caplog.records

    shown = repr("\x1b" * 100)[:64]

    assert f"invalid request id in x-request-id: {shown}, 100000 characters" == line.getMessage()


def test_complaints_are_rare(dual, fake, caplog):
    """One line a second, with the number of those left out."""
    # observability R6
    caplog.set_level(logging.DEBUG, "dualware")
    middleware = fake.build()
    for fake.time in (0, 1, 999_999_999, 1_000_000_000, 1_999_999_999, 2_000_000_000):
        ask(dual, middleware, "not valid")

    said = "invalid request id in x-request-id: 'not valid', 9 characters"
    more = [f" ({number} more since the last such line)" for number in (2, 1)]

    assert [said, said + more[0], said + more[1]] == [line.getMessage() for line in caplog.records]


def test_no_complaint(dual, fake, caplog):
    """Nothing is said of valid ids, and of requests without one."""
    # observability R6
    caplog.set_level(logging.DEBUG, "dualware")
    for inbound in (GOOD, None):
        ask(dual, fake.build(), inbound)

    assert [] == caplog.records


# Generators


def named():
    """A generator that settings name."""
    return "named-one"


@pytest.mark.parametrize("generator", ["tests.test_request_id:named", named, lambda: "named-one"])
def test_generator_of_the_user(dual, fake, generator):
    """A function, by its name or as it is."""
    # observability R7
    result, _ = ask(dual, fake.build(generator=generator))

    assert "named-one" == result.header("x-request-id")


class Named(str):
    """An id that says something else when it is asked for its text."""

    __slots__ = ()

    def __str__(self):
        return "another\r\nX-Evil: 1"


def test_generator_makes_text_of_its_own_kind(dual, fake):
    """What is written is exactly the text that was found valid, under both protocols."""
    # observability R7; PEP 3333 takes no subclass of str
    result, record = ask(dual, fake.build(generator=lambda: Named("made-here")))

    assert "made-here" == result.header("x-request-id") == record.request_id
    assert str is type(record.request_id)


@pytest.mark.parametrize(
    ("generator", "expected"),
    [
        ("hex", FIRST),
        ("uuid4", "00000000-0000-4000-8000-000000000001"),
        ("nanoid", "A" * 20 + "B"),
    ],
)
def test_generator_by_name(dual, fake, generator, expected):
    """The named generators draw from the middleware's effects."""
    # observability R7
    result, _ = ask(dual, fake.build(generator=generator))

    assert expected == result.header("x-request-id")


@pytest.mark.parametrize("generator", ["uuid7", "ulid"])
def test_generator_in_order(dual, fake, generator):
    """Ids that sort by time do so from request to request."""
    # observability R7
    fake.time = 1_700_000_000_000 * 1_000_000
    middleware = fake.build(generator=generator)
    made = [ask(dual, middleware)[0].header("x-request-id") for _ in range(5)]

    assert sorted(set(made)) == made


@pytest.mark.parametrize(
    "made", [None, 7, uuid.UUID(GOOD), b"bytes", "", "not valid", "a" * 201, "idé"]
)
def test_generator_makes_no_id(dual, fake, made):
    """What a generator makes has to pass as well; otherwise hex stands in."""
    # observability R7
    # observability X12
    result, record = ask(dual, fake.build(generator=lambda: made))
    [(sentence, error)] = fake.reports

    assert (200, FIRST) == (result.status, result.header("x-request-id"))
    assert "generated" == record.request_id_source
    assert "which is not valid" in sentence
    assert error is None


def test_generator_fails(dual, fake):
    """A generator that raises costs the request nothing."""
    # observability R7
    # observability X12
    failure = OSError("no entropy")

    def generator():
        raise failure

    result, _ = ask(dual, fake.build(generator=generator))
    [(sentence, error)] = fake.reports

    assert (200, FIRST) == (result.status, result.header("x-request-id"))
    assert "generator" in sentence
    assert failure is error


def test_generator_may_be_unsafe(dual, fake):
    """Where other characters may come in, they may also be made."""
    # observability R7
    middleware = fake.build(validator=".*", allow_unsafe=True, generator=lambda: "{made here}")
    result, _ = ask(dual, middleware)

    assert "{made here}" == result.header("x-request-id")
    assert [] == fake.reports


def test_id_comes_before_everything(dual, fake):
    """Inner middleware and the application find the id, even where no response follows."""
    # observability R8
    seen = []

    class Inner(Middleware):
        def __call__(self, exchange):
            seen.append(exchange.record.request_id)

    script = Script(on_request=dualware.request_id, error=KeyError("x"), error_at="call")
    dual.request(script, [fake.build(), Inner()])

    assert [FIRST] == seen == script.probe.seen


# Where the id is found


def test_request_id_function(dual, fake):
    """`dualware.request_id` tells it inside the exchange, and None outside."""
    # observability R9
    script = Script(on_request=dualware.request_id)
    before = dualware.request_id()
    ask(dual, fake.build(), GOOD, script=script)

    assert (None, [GOOD], None) == (before, script.probe.seen, dualware.request_id())


def test_environ(fake):
    """WSGI: a key of the environ."""
    # observability R9
    # One protocol only: the other has no environ.
    script = Script()
    ask(Dual("wsgi"), fake.build(), GOOD, script=script)

    assert GOOD == script.probe.handed[0][0]["dualware.request_id"]


@pytest.mark.parametrize("state", [{"database": 1}, {}, None])
def test_scope_state(fake, state):
    """ASGI: in ``state`` where there is one; the scope itself gains no key."""
    # observability R9
    # One protocol only: the other has no scope.
    script = Script()
    result, _ = ask(Dual("asgi"), fake.build(), GOOD, script=script, asgi={"state": state})
    inside = script.probe.handed[0][0]

    assert inside.keys() == result.handed[0].keys()
    assert (None if state is None else {**state, "request_id": GOOD}) == inside.get("state")


def header_seen(script, name):
    """A request header as the application of this script saw it, folded."""
    seen = script.probe.handed[0][0]
    if "headers" in seen:
        values = [value for key, value in seen["headers"] if key == name.encode()]
        return b",".join(values).decode("latin-1") if values else None
    return seen.get("HTTP_" + name.upper().replace("-", "_"))


@pytest.mark.parametrize("inbound", [None, GOOD, "not valid"])
def test_set_request_header(dual, fake, inbound):
    """Frameworks that read request headers find the id that counts."""
    # observability R9
    script = Script()
    result, _ = ask(dual, fake.build(set_request_header=True), inbound, script=script)

    assert result.header("x-request-id") == header_seen(script, "x-request-id")


def test_set_request_header_repeated(dual, fake):
    """Two lines become one."""
    # observability R9
    script = Script()
    pairs = [("X-Request-ID", "one"), ("X-Request-ID", "two")]
    dual.request(script, [fake.build(set_request_header=True)], headers=pairs)

    assert FIRST == header_seen(script, "x-request-id")


def test_set_request_header_leaves_no_other(dual, fake):
    """Every header that could have brought the id says the same, unless it was not there."""
    # observability R9
    script = Script()
    middleware = fake.build(
        set_request_header=True, inbound=["x-correlation-id", "x-trace", "x-request-id"]
    )
    dual.request(script, [middleware], headers={"X-Trace": "<b>"})

    assert FIRST == header_seen(script, "x-request-id")
    assert FIRST == header_seen(script, "x-trace")
    assert header_seen(script, "x-correlation-id") is None


def test_request_header_stays(dual, fake):
    """By default the application sees what came in."""
    # observability R9
    script = Script()
    ask(dual, fake.build(), "not valid", script=script)

    assert "not valid" == header_seen(script, "x-request-id")


# The response header


@pytest.mark.parametrize(
    ("on_conflict", "own", "expected"),
    [
        ("replace", [], GOOD),
        ("replace", ["theirs"], GOOD),
        ("replace", ["theirs", "twice"], GOOD),
        ("keep", [], GOOD),
        ("keep", ["theirs"], "theirs"),
        ("keep", ["theirs", "twice"], "theirs"),
    ],
)
def test_conflict(dual, fake, on_conflict, own, expected):
    """Exactly one header goes out, whoever wrote it."""
    # observability R10
    script = Script(headers=[("X-REQUEST-ID", value) for value in own])
    result, _ = ask(dual, fake.build(on_conflict=on_conflict), GOOD, script=script)

    assert [expected] == result.header_all("x-request-id")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize("status", [200, 201, 204, 206, 301, 304, 400, 404, 499, 500, 503])
def test_every_status(dual, fake, status, method):
    """Every response has it."""
    # observability R10
    result, _ = ask(dual, fake.build(), GOOD, script=Script(status=status), method=method)

    assert (status, [GOOD]) == (result.status, result.header_all("x-request-id"))


def test_answer_of_inner_middleware(dual, fake):
    """An answer that inner middleware gives in the application's place has it too."""
    # observability R10

    class Preflight(Middleware):
        def __call__(self, exchange):
            exchange.respond(204)

    result = dual.request(Script(), [fake.build(), Preflight()])

    assert (204, FIRST) == (result.status, result.header("x-request-id"))


def test_websocket_accept():
    """An accepted handshake has it; the messages of the session are not touched."""
    # observability R10
    # observability R17
    # Websockets exist under ASGI only.
    result, record = session(Fake().build(), messages=["ping"])

    assert (101, FIRST) == (result.status, result.header("x-request-id"))
    assert (FIRST, [b"hello"]) == (record.request_id, result.received)


def test_websocket_denial():
    """A denial response has it."""
    # observability R10
    # Websockets exist under ASGI only.
    extensions = {"websocket.http.response": {}}
    result, _ = session(Fake().build(), status=404, extensions=extensions)

    assert (404, FIRST) == (result.status, result.header("x-request-id"))


def test_websocket_close():
    """A close before the handshake has no head to write into, and stays as it is."""
    # observability R10
    # Websockets exist under ASGI only.
    fake = Fake()
    result, record = session(fake.build(), status=404)

    assert [{"type": "websocket.close", "code": 1000}] == result.messages
    assert FIRST == record.request_id
    assert [] == fake.reports


def test_early_hints(fake):
    """A 1xx response passes as it is; the final one has the header."""
    # observability R10
    # ASGI only: WSGI has no message for it.
    hint = {"type": "http.response.early_hint", "links": [b"</style.css>; rel=preload"]}

    async def app(scope, receive, send):
        await send(hint)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    client = ASGIClient(Stack([fake.build()]).asgi(app))
    result = client.request_sync(extensions={"http.response.early_hint": {}})

    assert hint is result.messages[0]
    assert [(b"x-request-id", FIRST.encode())] == result.messages[1]["headers"]


# Errors


class Failure(Exception):  # noqa: N818 - stands for any error of an application
    """What an application raises in these tests."""


def failing(moment, error=None):
    """A script that fails."""
    return Script(error=error or Failure("broken"), error_at=moment)


def test_error(dual, fake):
    """By default an exception is the server's business: nothing is sent."""
    # observability R11
    script = failing("call")
    result, _ = ask(dual, fake.build(), script=script)

    assert script.error is result.error
    assert (None, []) == (result.status, result.starts)


@pytest.mark.parametrize("lazy", [False, True])
def test_error_response(dual, fake, lazy):
    """On demand there is a short response with the id, and the exception is raised again."""
    # observability R11
    script = Script(error=Failure("broken"), error_at="call", lazy=lazy)
    result, _ = ask(dual, fake.build(error_response=True), script=script)

    assert script.error is result.error
    assert (500, FIRST) == (result.status, result.header("x-request-id"))
    assert f"Internal Server Error\nRequest id: {FIRST}\n".encode() == result.body
    assert "text/plain; charset=utf-8" == result.header("content-type")
    assert [] == fake.reports


def test_error_response_without_header(dual, fake):
    """Without a response header the id is in the body still."""
    # observability R11
    middleware = fake.build(error_response=True, response_header=False)
    result, _ = ask(dual, middleware, script=failing("call"))

    assert (500, None) == (result.status, result.header("x-request-id"))
    assert FIRST.encode() in result.body


def test_error_response_not_needed(dual, fake):
    """A response of the application is left alone."""
    # observability R11
    result, _ = ask(dual, fake.build(error_response=True), script=Script(status=500))

    assert (500, b"hello", FIRST) == (result.status, result.body, result.header("x-request-id"))


def test_error_after_start(dual, fake):
    """What was sent stays, and the exception is raised again."""
    # observability R11
    # observability X12
    script = failing(1)
    result, _ = ask(dual, fake.build(error_response=True), script=script)

    assert script.error is result.error
    assert (200, FIRST, b"hello") == (result.status, result.header("x-request-id"), result.body)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit()])
def test_no_response_to_a_stop(dual, fake, error):
    """Whoever stops the application is not answered, and not held up."""
    # observability R11
    # observability X12
    result, _ = ask(dual, fake.build(error_response=True), script=failing("call", error))

    assert error is result.error
    assert result.status is None


def test_no_response_to_nobody(fake):
    """A client that is gone gets none."""
    # observability R11
    # ASGI only: a WSGI application is not told before it writes.
    script = Script()
    result, _ = ask(
        Dual("asgi"),
        fake.build(error_response=True),
        script=script,
        asgi={"send_error": (1, OSError("gone"))},
    )

    assert OSError is type(result.error)
    assert [] == result.starts


def test_no_response_to_a_session():
    """A session that fails is the server's to end."""
    # observability R11
    # Websockets exist under ASGI only.
    fake = Fake()
    script = Script(error=Failure("broken"), error_at="call")
    stack = Stack([fake.build(error_response=True)])
    result = ASGIClient(stack.asgi(script.asgi)).websocket_sync()

    assert script.error is result.error
    assert [] == result.messages
    assert [] == fake.reports


# Access-Control-Expose-Headers


CORS = [("Access-Control-Allow-Origin", "https://a.example")]


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ([], []),
        ([("Access-Control-Expose-Headers", "ETag")], ["ETag"]),
        (CORS, ["X-Request-ID"]),
        ([*CORS, ("Access-Control-Expose-Headers", "ETag , X-B")], ["ETag, X-B, X-Request-ID"]),
        (
            [
                *CORS,
                ("Access-Control-Expose-Headers", "ETag"),
                ("Access-Control-Expose-Headers", "X-B,,ETag"),
            ],
            ["ETag, X-B, X-Request-ID"],
        ),
        ([*CORS, ("Access-Control-Expose-Headers", "x-request-id, ETag")], ["x-request-id, ETag"]),
        ([*CORS, ("Access-Control-Expose-Headers", "")], ["X-Request-ID"]),
    ],
)
def test_expose(dual, fake, own, expected):
    """CORS responses name the header, once, after what they name already."""
    # observability R12
    result, _ = ask(dual, fake.build(expose=True), script=Script(headers=own))

    assert expected == result.header_all("access-control-expose-headers")


def test_expose_the_response_header(dual, fake):
    """What is named is what is written."""
    # observability R12
    middleware = fake.build(expose=True, response_header="X-Trace", on_conflict="keep")
    result, _ = ask(dual, middleware, script=Script(headers=CORS))

    assert "X-Trace" == result.header("access-control-expose-headers")


def test_expose_is_off(dual, fake):
    """By default CORS is nobody's business but CORS's."""
    # observability R12
    result, _ = ask(dual, fake.build(), script=Script(headers=CORS))

    assert result.header("access-control-expose-headers") is None


# Trace context


def traced(dual, fake, headers, **options):
    """One request with these headers: the result, and its record."""
    script = Script(on_request=live_record)
    result = dual.request(script, [fake.build(**options)], headers=headers)
    return result, script.probe.seen[0]


IDS = {"trace_id": TRACE, "parent_span_id": SPAN, "trace_flags": "01"}


def test_traceparent_log(dual, fake):
    """By default the ids are in the record, and the request id is not touched."""
    # observability R13
    result, record = traced(dual, fake, {"traceparent": TRACEPARENT})

    assert IDS == record.trace
    assert FIRST == result.header("x-request-id")
    assert result.header("traceparent") is None


@pytest.mark.parametrize(
    ("headers", "expected", "source"),
    [
        ({"traceparent": TRACEPARENT}, TRACE, "inbound"),
        ({"traceparent": TRACEPARENT, "x-request-id": GOOD}, GOOD, "inbound"),
        ({"traceparent": TRACEPARENT, "x-request-id": "not valid"}, TRACE, "inbound"),
        ({"traceparent": "00-bad"}, FIRST, "generated"),
        ({}, FIRST, "generated"),
    ],
)
def test_traceparent_id(dual, fake, headers, expected, source):
    """As id, the trace id counts where no valid id came in."""
    # observability R13
    result, record = traced(dual, fake, headers, traceparent="id")

    assert expected == result.header("x-request-id")
    assert (expected, source) == (record.request_id, record.request_id_source)


def test_traceparent_id_untrusted(dual, fake):
    """A trace id comes from outside too: where no id is trusted, neither is this."""
    # observability R2
    # observability R13
    result, record = traced(
        dual, fake, {"traceparent": TRACEPARENT}, traceparent="id", trust="never"
    )

    assert FIRST == result.header("x-request-id")
    assert IDS == record.trace


@pytest.mark.parametrize("mode", ["off", False])
def test_traceparent_off(dual, fake, mode):
    """Off, nothing is read."""
    # observability R13
    _, record = traced(dual, fake, {"traceparent": TRACEPARENT}, traceparent=mode)

    assert record.trace is None


def test_traceparent_repeated(dual, fake):
    """Two lines are invalid, even of a version of which we don't know the end."""
    # observability R13
    future = f"cc-{TRACE}-{SPAN}-01-x"
    for value in (TRACEPARENT, future):
        pairs = [("traceparent", value), ("traceparent", value)]
        _, record = traced(dual, fake, pairs)

        assert record.trace is None


@pytest.mark.parametrize("traceparent", [TRACEPARENT, "00-bad"])
def test_tracestate(dual, fake, traceparent):
    """Nothing of tracestate is ever used, so none of a bad one either."""
    # observability R13
    headers = {"traceparent": traceparent, "tracestate": "vendor=secret"}
    _, record = traced(dual, fake, headers)

    assert (IDS if traceparent == TRACEPARENT else None) == record.trace


def test_traceparent_reaches_the_application(dual, fake):
    """What came in goes on as it is; where nothing came, nothing is made up."""
    # observability R13
    for headers, expected in (({"traceparent": TRACEPARENT}, TRACEPARENT), ({}, None)):
        script = Script()
        dual.request(script, [fake.build(traceparent="id")], headers=headers)

        assert expected == header_seen(script, "traceparent")


OTHERS = {
    "x-amzn-trace-id": "Root=1-5759e988-bd862e3fe1be46a994272793",
    "x-cloud-trace-context": f"{TRACE}/74;o=1",
    "b3": f"{TRACE}-{SPAN}-1",
}


def test_trace_headers_are_opt_in(dual, fake):
    """The others are not read unless they are named."""
    # observability R14
    _, record = traced(dual, fake, OTHERS)

    assert record.trace is None


@pytest.mark.parametrize(
    ("name", "trace"),
    [
        ("x-amzn-trace-id", "5759e988bd862e3fe1be46a994272793"),
        ("x-cloud-trace-context", TRACE),
        ("b3", TRACE),
    ],
)
def test_trace_headers(dual, fake, name, trace):
    """Each is read where it is named, also as id."""
    # observability R14
    result, record = traced(dual, fake, OTHERS, trace_headers=[name], traceparent="id")

    assert trace == record.trace["trace_id"] == result.header("x-request-id")


def test_trace_headers_in_order(dual, fake):
    """The first valid one counts, and traceparent before all."""
    # observability R14
    names = ("b3", "x-amzn-trace-id")
    headers = {**OTHERS, "b3": "0"}
    _, record = traced(dual, fake, headers, trace_headers=names)

    assert {"trace_id": "5759e988bd862e3fe1be46a994272793"} == record.trace

    _, record = traced(dual, fake, {**OTHERS, "traceparent": TRACEPARENT}, trace_headers=names)

    assert IDS == record.trace

    _, record = traced(
        dual, fake, {**OTHERS, "traceparent": TRACEPARENT}, trace_headers=names, traceparent="off"
    )

    assert {**IDS} == record.trace


# Sessions and paths


def test_one_id_for_a_session():
    """One id from the handshake to the close, another one for the next session."""
    # observability R17
    # Websockets exist under ASGI only.
    fake = Fake()
    seen = []

    async def app(scope, receive, send):
        for _ in range(3):
            seen.append(dualware.request_id())
            message = await receive()
            if message["type"] == "websocket.connect":
                await send({"type": "websocket.accept"})
        seen.append(dualware.request_id())

    client = ASGIClient(Stack([fake.build()]).asgi(app))
    client.websocket_sync(messages=["one"])
    client.websocket_sync(messages=["one"])

    assert [FIRST] * 4 + [SECOND] * 4 == seen


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/"])
def test_every_path(dual, fake, path):
    """There is no path without an id."""
    # observability R17
    result, _ = ask(dual, fake.build(), path=path)

    assert FIRST == result.header("x-request-id")


# Both protocols alike


@pytest.mark.parametrize("inbound", [None, GOOD, "not valid"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"trust": "never"},
        {"on_invalid": "reject"},
        {"traceparent": "id", "trace_headers": ["b3"]},
        {"on_conflict": "keep", "expose": True},
        {"error_response": True, "response_header": "X-Trace"},
    ],
)
def test_parity(options, inbound):
    """The same request: the same headers to the byte, and the same record."""
    # observability X1
    came = []
    for dual in (Dual("wsgi"), Dual("asgi")):
        fake = Fake()
        script = Script(headers=[*CORS, ("X-Own", "1")], on_request=live_record)
        headers = [("traceparent", TRACEPARENT), ("b3", OTHERS["b3"])]
        headers += [] if inbound is None else [("x-request-id", inbound)]
        result = dual.request(script, [fake.build(**options)], headers=headers)
        record = script.probe.seen[0] if script.probe.seen else None
        known = ("request_id", "request_id_source", "request_id_upstream", "trace")
        came.append(
            (
                result.status,
                result.body,
                sorted(result.headers),
                record and [getattr(record, name) for name in known],
                fake.reports,
            )
        )

    assert came[0] == came[1]


@pytest.mark.parametrize("kind", ["lifespan", "unknown"])
def test_other_scopes(kind, fake):
    """What is no exchange passes with the very same objects."""
    # observability X2
    # Scopes exist under ASGI only.
    handed = []

    async def app(*given):
        handed.append(given)

    given = ({"type": kind, "state": {}}, object(), object())
    asyncio.run(Stack([fake.build()]).asgi(app)(*given))

    assert all(mine is theirs for mine, theirs in zip(given, handed[0], strict=True))
    assert {"type": kind, "state": {}} == given[0]


@pytest.mark.parametrize("headers_key", [True, False])
@pytest.mark.parametrize("headers", [(), [("Content-Type", "text/plain")]])
def test_nothing_of_the_application_changes(dual, fake, headers, headers_key):
    """A list of headers made once serves three requests, each with an id of its own."""
    # observability X3
    script = Script(headers=headers, headers_key=headers_key)
    app = dual.wrap(script, [fake.build()])
    made = []
    for _ in range(3):
        if dual.protocol == "wsgi":
            from dualware.testing import WSGIClient

            result = WSGIClient(app).request()
        else:
            result = ASGIClient(app).request_sync()
        made += [result.header_all("x-request-id")]

    # The clients also compare every message and list before and after.
    assert [[f"{count:032x}"] for count in (1, 2, 3)] == made


def test_body_is_not_read(dual, fake):
    """The request body is the application's."""
    # observability X4
    result, _ = ask(dual, fake.build(), GOOD, body=b"body", method="POST")

    assert [] == result.reads


@pytest.mark.parametrize("kind", ["list", "iterator", "iterable", "generator", "file"])
def test_response_body_is_not_touched(kind, fake):
    """A body goes to the server as the very object that the application returned."""
    # observability X5a
    # observability X5b
    # observability X6
    # WSGI only: ASGI has no object for a body.
    script = Script(body=kind)
    result, _ = ask(Dual("wsgi"), fake.build(), script=script)

    assert script.probe.returned[0] is result.returned
    assert b"hello" == result.body


def test_messages_are_not_touched(fake):
    """Body messages go to the server as the very objects that the application sent."""
    # observability X4
    # ASGI only: WSGI has no messages.
    body = {"type": "http.response.body", "body": b"hello"}

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send(body)

    result = ASGIClient(Stack([fake.build()]).asgi(app)).request_sync()

    assert body is result.messages[-1]


# The record through threads, tasks and servers


def test_threads(dual, fake):
    """A thread with a copied context sees the id; one without sees none."""
    # observability X7
    seen = []

    def work():
        seen.append(dualware.request_id())

    def spread():
        context = contextvars.copy_context()
        for target in (work, dualware.carry(work), lambda: context.run(work)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()

    ask(dual, fake.build(), GOOD, script=Script(on_request=spread))

    # Free-threaded builds give every thread a copy of its parent's context.
    assert [GOOD, GOOD] == seen[1:]


def test_interleaved(fake):
    """A thousand exchanges at once, each with an id of its own all along."""
    # observability X8
    # ASGI only: this is about tasks on one thread.
    wrong = []

    async def app(scope, receive, send):
        mine = scope["headers"][0][1].decode()
        for message in (
            {"type": "http.response.start", "status": 200, "headers": []},
            {"type": "http.response.body", "body": b""},
        ):
            await asyncio.sleep(0)
            if dualware.request_id() != mine:
                wrong.append(mine)
            await send(message)

    async def run():
        client = ASGIClient(Stack([fake.build()]).asgi(app))
        ids = [f"id-{number}" for number in range(1000)]
        asked = [client.request(headers={"x-request-id": each, "host": "h"}) for each in ids]
        results = await asyncio.gather(*asked)
        return ids, [result.header("x-request-id") for result in results]

    ids, echoed = asyncio.run(run())

    assert ids == echoed
    assert [] == wrong
    assert dualware.request_id() is None


def test_nothing_stays_on_a_thread(dual, fake):
    """Three requests on one thread: each has its own id, and none is left behind."""
    # observability X8
    seen = []
    for inbound in (GOOD, None, None):
        script = Script(on_request=dualware.request_id)
        result, _ = ask(dual, fake.build(), inbound, script=script)
        seen += script.probe.seen

        assert [] == result.leaked
        assert dualware.request_id() is None

    assert [GOOD, FIRST, SECOND] == seen


def test_body_generator(fake):
    """The code of a streamed body runs when the call has returned, and still finds the id."""
    # observability X9
    # WSGI only: under ASGI the body is sent during the call.
    seen = []

    def app(environ, start_response):
        start_response("200 OK", [])
        for _ in range(2):
            seen.append(dualware.request_id())
            yield b"x"

    ask(Dual("wsgi"), fake.build(), GOOD, script=app)

    assert [GOOD, GOOD] == seen


def test_background(fake):
    """Work after the last message still finds the id."""
    # observability X9
    # ASGI only: under WSGI nothing runs after close.
    seen = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        seen.append(dualware.request_id())

    ask(Dual("asgi"), fake.build(), GOOD, script=app)

    assert [GOOD] == seen


# structlog


@pytest.fixture
def clean():
    """No context variable of structlog is bound, before and after."""
    structlog.contextvars.clear_contextvars()
    yield
    structlog.contextvars.clear_contextvars()


def bound():
    """What is bound with structlog here."""
    return structlog.contextvars.get_contextvars()


@pytest.mark.usefixtures("clean")
def test_clear(dual, fake):
    """What the request before left on the thread is gone when the next begins."""
    # observability X10
    structlog.contextvars.bind_contextvars(user="before")
    script = Script(on_request=bound)
    ask(dual, fake.build(), script=script)

    assert [{}] == script.probe.seen


@pytest.mark.usefixtures("clean")
def test_clear_never(dual, fake):
    """Unless it is to be left alone."""
    # observability X10
    structlog.contextvars.bind_contextvars(user="before")
    script = Script(on_request=bound)
    ask(dual, fake.build(clear_structlog="never"), script=script)

    assert [{"user": "before"}] == script.probe.seen


@pytest.mark.usefixtures("clean")
def test_not_cleared_at_the_end(dual, fake):
    """What the application bound is still there for whoever logs after it."""
    # observability X10
    script = Script(on_request=lambda: structlog.contextvars.bind_contextvars(user="inside"))
    seen = []

    class Last(Middleware):
        def __call__(self, exchange):
            yield END
            seen.append(bound())

    dual.request(script, [fake.build(), Last()])

    assert [{"user": "inside"}] == seen


@pytest.mark.usefixtures("clean")
def test_not_cleared_inside(dual, fake):
    """An exchange inside another one leaves alone what the outer one bound."""
    # observability X10

    class Binding(Middleware):
        def __call__(self, exchange):
            structlog.contextvars.bind_contextvars(tenant="outer")

    script = Script(on_request=bound)
    dual.separate(script, [Binding(), fake.build()])

    assert [{"tenant": "outer"}] == script.probe.seen


def test_an_id_of_somebody_else_is_checked(dual, fake):
    """What another middleware wrote into the record gets into no header unless it is a value."""
    # observability R1; CVE-2020-7695

    class Writing(Middleware):
        def __call__(self, exchange):
            exchange.record.request_id = "one\r\nX-Evil: 1"

    result = dual.request(Script(), [Writing(), fake.build()])

    assert (200, None) == (result.status, result.header("x-request-id"))


def test_clear_without_a_registry(dual, fake, monkeypatch):
    """Where structlog does not show whether anything was bound, it is cleared to be sure."""
    # observability X10
    called = []
    monkeypatch.delattr(structlog.contextvars, "_CONTEXT_VARS")
    monkeypatch.setattr(structlog.contextvars, "clear_contextvars", lambda: called.append(1))
    ask(dual, fake.build())

    assert [1] == called


def test_clear_nothing(dual, fake, monkeypatch):
    """Where nothing was ever bound, nothing is looked at."""
    # observability X10
    called = []
    monkeypatch.setattr(structlog.contextvars, "_CONTEXT_VARS", {})
    monkeypatch.setattr(structlog.contextvars, "clear_contextvars", lambda: called.append(1))
    ask(dual, fake.build())

    assert [] == called


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("kind", ["list", "iterator", "generator"])
def test_bind(dual, fake, kind):
    """On demand the id is bound, and what was bound before is again afterwards."""
    # observability X10
    structlog.contextvars.bind_contextvars(request_id="before")
    script = Script(on_request=bound, body=kind)
    middleware = fake.build(bind_contextvars=True, clear_structlog="never")
    result, _ = ask(dual, middleware, GOOD, script=script)

    assert [{"request_id": GOOD}] == script.probe.seen
    assert {"request_id": "before"} == bound()
    assert GOOD == result.header("x-request-id")


@pytest.mark.usefixtures("clean")
def test_bind_for_a_body(fake):
    """The code of a streamed body logs with the id."""
    # observability X9
    # observability X10
    # WSGI only: under ASGI the body is sent during the call.
    seen = []

    def app(environ, start_response):
        start_response("200 OK", [])
        seen.append(bound())
        yield b"x"

    middleware = fake.build(bind_contextvars=True, response_header=False)
    ask(Dual("wsgi"), middleware, GOOD, script=app)

    assert [{"request_id": GOOD}] == seen
    assert {} == bound()


def test_bind_closed_elsewhere(fake):
    """A body that is closed in another context fails nobody."""
    # observability X8
    # observability X10
    # WSGI only: an ASGI application returns in the context in which it was called.
    app = Stack([fake.build(bind_contextvars=True)]).wsgi(Script(body="iterator").wsgi)
    body = contextvars.Context().run(
        app, {"REQUEST_METHOD": "GET"}, lambda status, headers, exc_info=None: None
    )

    assert [b"hello"] == list(body)
    body.close()
    assert [] == fake.reports


# Several of them


def other(fake, **options):
    """A second one, which would do everything otherwise."""
    return fake.build(generator=lambda: "inner", header="X-Inner", **options)


@pytest.mark.parametrize("how", ["request", "nested", "separate"])
def test_twice(dual, fake, how):
    """Of two in one exchange the inner one passes through."""
    # observability X11
    script = Script(on_request=dualware.request_id)
    result = getattr(dual, how)(script, [fake.build(), other(fake)])

    assert [FIRST] == script.probe.seen
    assert FIRST == result.header("x-request-id")
    assert result.header("x-inner") is None
    assert 1 == fake.drawn


def test_twice_over_a_bridge(fake):
    """The same where the inner one speaks the other protocol."""
    # observability X11
    # ASGI outside only: that is the one bridge in use.
    from a2wsgi import WSGIMiddleware

    script = Script(on_request=dualware.request_id)
    inner = Stack([other(fake)]).wsgi(script.wsgi)
    app = Stack([fake.build()]).asgi(WSGIMiddleware(inner))
    result = ASGIClient(app).request_sync(backend="asyncio")

    assert [FIRST] == script.probe.seen
    assert [("x-request-id", FIRST)] == [
        pair for pair in result.headers if pair[1] in (FIRST, "inner")
    ]


def test_id_of_an_exchange_around(dual, fake):
    """An id that the record has already is used, whoever gave it."""
    # observability X11

    class Giver(Middleware):
        def __call__(self, exchange):
            exchange.record.request_id = "given"
            exchange.record.trace = IDS
            yield RESPONSE

    script = Script(on_request=live_record)
    result = dual.separate(script, [Giver(), fake.build()], headers={"X-Request-ID": GOOD})
    [record] = script.probe.seen

    assert ("given", IDS) == (record.request_id, record.trace)
    assert "given" == result.header("x-request-id")
    assert 0 == fake.drawn


# Failures of our own


def test_failure_of_the_middleware(dual, fake):
    """Whatever breaks inside, the response goes out as it was."""
    # observability X12

    class Broken(RequestID):
        def _echo(self, *given):
            raise Failure("ours")

    result, _ = ask(dual, Broken(RequestIDSettings(), REAL), GOOD)

    assert (200, b"hello") == (result.status, result.body)


# Settings


def faults(**options):
    """Code, sentence and hint of everything wrong with these settings."""
    with pytest.raises(SettingsError) as caught:
        load({"request_id": options})
    return [(each.code, each.path, str(each)) for each in caught.value.problems]


def coroutine():
    """Stands for a generator that would have to be awaited."""


async def awaited():
    """A generator that would have to be awaited."""


class Awaited:
    """A callable object that would have to be awaited."""

    async def __call__(self):
        """Make no id."""


BAD = [
    ({"heeder": "X"}, "DW101", "did you mean 'header'?"),
    ({"header": "X Request"}, "DW201", "such as 'x-request-id'"),
    ({"header": ""}, "DW201", "such as 'x-request-id'"),
    ({"header": "X-Request-"}, "DW201", "such as 'x-request-id'"),
    ({"header": "X_Request_ID"}, "DW201", "write 'X-Request-ID'"),
    ({"header": "Connection"}, "DW201", "hop-by-hop"),
    ({"header": "Trailer"}, "DW201", "hop-by-hop"),
    ({"header": "Content-Length"}, "DW201", "length of the body"),
    ({"header": "Status"}, "DW201", "cannot be a response header name"),
    ({"header": 7}, "DW104", "expected a string"),
    ({"inbound": "x-request-id"}, "DW104", 'write ["x-request-id"]'),
    ({"inbound": ["x request"]}, "DW201", "not a header name"),
    ({"inbound": ["x_request_id"]}, "DW201", "write 'x-request-id'"),
    ({"inbound": [""]}, "DW201", "not a header name"),
    ({"response_header": "a b"}, "DW201", "cannot be a response header name"),
    ({"response_header": True}, "DW104", "not a header name"),
    ({"response_header": 7}, "DW104", "not a header name"),
    ({"trust": "validate"}, "DW106", "did you mean 'validated'?"),
    ({"trust": "everybody-at-all"}, "DW106", "or a list of networks"),
    ({"trust": "10.0.0.0/8"}, "DW104", "write ['10.0.0.0/8']"),
    ({"trust": "unix"}, "DW104", "write ['unix']"),
    ({"trust": "::1"}, "DW104", "write ['::1']"),
    ({"trust": ["10.0.0.0/33"]}, "DW202", "10.0.0.0/33"),
    ({"trust": ["10.0.0.1/8"]}, "DW202", "did you mean '10.0.0.0/8'?"),
    ({"trust": ["proxy.example"]}, "DW202", "proxy.example"),
    ({"trust": ["::ffff:10.0.0.0/104"]}, "DW202", "write it as an IPv4 network"),
    ({"trust": [7]}, "DW104", "7 is not a network"),
    ({"trust": 7}, "DW104", "7 can't be called; write 'validated', 'never', networks"),
    ({"trust": lambda: True}, "DW205", "too many positional arguments"),
    ({"validator": "["}, "DW206", "not a regular expression"),
    ({"validator": re.compile(b"x")}, "DW206", "compile a str"),
    ({"validator": 7}, "DW104", "7 can't be called"),
    ({"validator": lambda: True}, "DW205", "too many positional arguments"),
    ({"allow_unsafe": True}, "DW203", "there is none"),
    ({"allow_unsafe": 1, "validator": "x"}, "DW104", "True or False"),
    ({"max_length": -1}, "DW106", "greater than or equal to 1"),
    ({"max_length": 0}, "DW106", "greater than or equal to 1"),
    ({"max_length": 1025}, "DW106", "less than or equal to 1024"),
    ({"max_length": "200"}, "DW104", "a whole number"),
    ({"on_invalid": "refuse"}, "DW106", "'replace' or 'reject'"),
    ({"generator": "uuid8"}, "DW106", "did you mean 'uuid"),
    ({"generator": "random"}, "DW106", "or 'package.module:function'"),
    ({"generator": "no.such.module:make"}, "DW205", "can't be imported"),
    ({"generator": "tests.test_request_id:missing"}, "DW205", "can't be imported"),
    ({"generator": "tests.test_request_id:GOOD"}, "DW104", "can't be called"),
    ({"generator": lambda size: "x"}, "DW205", "missing a required argument"),
    ({"generator": awaited}, "DW205", "coroutine function"),
    ({"generator": Awaited()}, "DW205", "coroutine function"),
    ({"generator": None}, "DW104", "None can't be called"),
    ({"on_conflict": "append"}, "DW106", "'replace' or 'keep'"),
    ({"set_request_header": "yes"}, "DW104", "True or False"),
    ({"expose": True, "response_header": False}, "DW203", "writes none"),
    ({"traceparent": True}, "DW104", "write 'log' or 'id'"),
    ({"traceparent": "on"}, "DW106", "'log'"),
    ({"trace_headers": ["b4"]}, "DW106", "'b3', in lower case"),
    ({"trace_headers": ["x-amzn-trace"]}, "DW106", "did you mean 'x-amzn-trace-id'?"),
    ({"trace_headers": ["traceparent"]}, "DW106", "in lower case"),
    ({"trace_headers": "b3"}, "DW104", 'write ["b3"]'),
    ({"clear_structlog": "end"}, "DW106", "'start' or 'never'"),
    ({"outbound_hosts": "api.example.com"}, "DW104", 'write ["api.example.com"]'),
    ({"outbound_hosts": ["https://api.example.com"]}, "DW202", "no scheme"),
    ({"outbound_hosts": ["api.example.com:443"]}, "DW202", "no scheme, port"),
    ({"outbound_hosts": ["*"]}, "DW202", "is not a host"),
    ({"outbound_hosts": ["a..b"]}, "DW202", "is not a host"),
    ({"outbound_hosts": ["*.*.example"]}, "DW202", "is not a host"),
    ({"outbound_hosts": ["bücher.example"]}, "DW202", "xn--"),
    ({"outbound_hosts": [""]}, "DW202", "is not a host"),
    ({"error_response": None}, "DW104", "True or False"),
]


@pytest.mark.parametrize(("options", "code", "words"), BAD, ids=[str(bad[0]) for bad in BAD])
def test_bad_settings(options, code, words):
    """Every bad value fails at construction, by its name, with what to write."""
    # observability X13
    # No protocol is involved yet.
    [(found, path, told)] = faults(**options)
    key = "" if code == "DW203" else f".{next(iter(options))}"

    assert code == found
    assert path.startswith(f"request_id{key}")
    assert words in told


def test_module_that_fails(tmp_path, monkeypatch):
    """A module that fails when it is imported is a problem of the settings too."""
    # observability X13
    (tmp_path / "broken_generator_module.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(tmp_path)
    [(code, _, told)] = faults(generator="broken_generator_module:make")

    assert "DW205" == code
    assert "division by zero" in told


def test_all_problems_at_once():
    """Several problems are told together, and a bad header does not hide what comes after."""
    # observability X13
    codes = [code for code, _, _ in faults(header="a b", generator="hx", max_length=-1)]

    assert ["DW201", "DW106", "DW106"] == codes


GOOD_SETTINGS = [
    {"trust": []},
    {"trust": ["unix", "::1", "fe80::/10"]},
    {"trust": bool},
    {"validator": None},
    {"validator": str.isalnum},
    {"validator": ".+", "allow_unsafe": True},
    {"generator": "tests.test_request_id:named"},
    {"outbound_hosts": ["API.example.com", "*.internal", "10.0.0.7", "::1", "localhost", "a_b"]},
    {"outbound_hosts": []},
    {"inbound": ()},
    {"max_length": 1024},
    {"trace_headers": ["b3", "x-amzn-trace-id", "x-cloud-trace-context"]},
]


@pytest.mark.parametrize("options", GOOD_SETTINGS, ids=str)
def test_good_settings(options):
    """What makes sense is taken."""
    # observability X13
    # No protocol is involved yet.
    assert RequestIDSettings(**options) == RequestIDSettings(**options)
    assert 1 == len(load({"request_id": options}))


def test_builtin_without_a_signature():
    """A callable that does not tell its parameters is believed."""
    # observability X13

    with pytest.raises(ValueError, match="no signature"):
        inspect.signature(str)

    assert str is RequestIDSettings(generator=str).generator


def test_inbound_is_lower_case():
    """Names are compared in lower case, so that is how they are kept."""
    settings = RequestIDSettings(inbound=["X-Request-ID", "X-Trace"])

    assert ["x-request-id", "x-trace"] == settings.inbound


@pytest.mark.parametrize(
    "options", [{}, {"trust": NETWORKS, "generator": "uuid7"}, {"generator": named}]
)
def test_pickle(options):
    """The middleware travels to other processes if its settings do."""
    middleware = RequestID(RequestIDSettings(**options), REAL)
    again = pickle.loads(pickle.dumps(middleware))

    assert middleware.settings == again.settings
    assert dualware.core.request_id.ids.is_request_id(again._generate())


# Parts


def test_outbound_allows():
    """Hosts are listed exactly, or by what they are below of."""
    # observability R15
    plan = Outbound("X-Request-ID", ["API.example.com", "*.internal"])
    allowed = ["api.example.com", "a.internal", "b.a.internal"]
    denied = ["example.com", "x.api.example.com", "internal", "ainternal", "a.internal.evil", None]

    assert allowed == [host for host in (*allowed, *denied) if plan.allows(host)]
    assert Outbound("X-Request-ID", None).allows(None)
    assert not Outbound("X-Request-ID", []).allows("api.example.com")


@settings(max_examples=200)
@given(st.text() | st.text("ab.*:-_[]/@"))
def test_host_pattern(text):
    """Any text is a pattern or refused, and what is a pattern is nothing more than a host."""
    # observability R15
    try:
        pattern = host_pattern(text)
    except ValueError:
        return

    assert text.lower() == pattern
    assert set(pattern.removeprefix("*.")) <= set("abcdefghijklmnopqrstuvwxyz0123456789_.-:")


def test_network():
    """An address alone is a network of one."""
    # observability R2

    assert "192.0.2.7/32" == str(network("192.0.2.7"))
    assert "2001:db8::/32" == str(network("2001:db8::/32"))


def test_peers_are_remembered():
    """An address is parsed once, and only so many are remembered."""
    # observability R2
    peers = Peers(["10.0.0.0/8"])
    for last in range(3):
        assert peers._known(f"10.0.0.{last}")
        assert peers._known(f"10.0.0.{last}")

    assert (3, 3) == (peers._known.cache_info().hits, peers._known.cache_info().currsize)
