"""Any exchange through any stack: fusion changes nothing, and both protocols say the same.

Knows the six ways to run one stack: two protocols, each as one wrapper, as wrappers that are
fused, and as wrappers that foreign middleware keeps apart. Must never know how the drivers do
it: only what a client, a server and the flows themselves see is compared.
"""

import zlib
from contextvars import copy_context
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dualware import BODY, END, RESPONSE, Middleware
from dualware.testing import Dual, Script

WAYS = ["request", "nested", "separate"]
"""One wrapper; one for each middleware, fused; one for each, kept apart."""

EXAMPLES = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
"""The same examples in every run: a failure in one is a failure in all."""


class Broken(Exception):  # noqa: N818 - it stands for any error
    """What an application or a middleware raises."""


class Stopped(BaseException):
    """What asks a thread or a task to stop."""


# Middleware. Each keeps what it saw: `events` must be the same everywhere; `details`, what of the
# body was there at BODY, under one protocol only, since a WSGI list is one chunk to a flow where
# ASGI messages are many, and a WSGI iterator is none at all (protocols W22, W28); `sent` where
# there is no codec, since a wrapper can't count what another wrapper around it makes of the body.


class Recording(Middleware):
    """What all of them share."""

    def __init__(self):
        self.events = []
        self.details = []
        self.sent = []


class Header(Recording):
    """Adds a header, and is over."""

    def __call__(self, exchange):
        self.events.append(exchange.request.method)
        yield RESPONSE
        self.events.append(exchange.response.status)
        exchange.response.headers.append("X-Added", str(exchange.response.status))


class Watch(Recording):
    """Follows the exchange to its end."""

    observes = True
    waits = (RESPONSE, END)

    def __call__(self, exchange):
        try:
            for wait in self.waits:
                yield wait
                self.events.append((wait, exchange.response.status))
                if wait is BODY:
                    response = exchange.response
                    # What a flow answers to HEAD does not get past its own wrapper; a coding may
                    # say the same in other bytes, by the chunks that it came in.
                    silent = response.bodiless or "Content-Encoding" in response.headers
                    first = None if silent else response.first_chunk
                    self.details.append((first, response.complete))
            self.events.append((exchange.outcome, exchange.error))
            self.sent.append(exchange.sent)
        except BaseException as error:
            # No status: a head that was dropped is known to the flows of its own wrapper only.
            self.events.append((exchange.outcome, error))
            self.sent.append(exchange.sent)
            raise


class WatchBody(Watch):
    """Has the head held back."""

    waits = (RESPONSE, BODY, END)


class WatchEnd(Watch):
    """Waits for nothing but the end."""

    waits = (END,)


class Mark(Recording):
    """A policy which changes the head when the first chunk is there."""

    def __call__(self, exchange):
        yield BODY
        self.events.append(exchange.response.status)
        exchange.response.headers.set("X-Marked", "1")


class Zip(Recording):
    """Encodes whatever can be encoded."""

    wait = BODY

    def __call__(self, exchange):
        yield self.wait
        response = exchange.response
        self.events.append(response.encodable)
        if response.encodable:
            response.headers.append("Content-Encoding", "deflate")
            response.encode(Codec())


class ZipEarly(Zip):
    """Encodes before it knows anything of the body."""

    wait = RESPONSE


class Codec:
    """zlib that keeps nothing back, so that a body cut short decodes as far as it came."""

    def __init__(self):
        self._codec = zlib.compressobj()

    def compress(self, data):
        return self._codec.compress(data) + self._codec.flush(zlib.Z_SYNC_FLUSH)

    def flush(self):
        return self._codec.flush()


class Answer(Recording):
    """Answers every request, so that neither the flows inside nor the application run."""

    answer = (200, {"X-Answer": "1"}, b"answered")

    def __call__(self, exchange):
        exchange.respond(*self.answer)
        yield END
        self.events.append(exchange.outcome)


class AnswerEmpty(Answer):
    """Answers with nothing."""

    answer = (204,)


class Rescue(Recording):
    """Makes an answer of what the application raises."""

    again = False

    def __call__(self, exchange):
        try:
            yield RESPONSE
        except BaseException as error:
            self.events.append(error)
            exchange.respond(503, (), b"rescued")
            if self.again:
                raise
        else:
            self.events.append(exchange.response.status)


class RescueAgain(Rescue):
    """The same, and lets the server have the error too."""

    again = True


class Swallow(Recording):
    """Catches what the application raises, to no avail."""

    def __call__(self, exchange):
        try:
            yield RESPONSE
            yield END
        except Broken as error:
            self.events.append(error)


class Clumsy(Recording):
    """Fails, as an observer does: nobody is to notice."""

    observes = True

    def __init__(self, moment):
        super().__init__()
        self.moment = moment

    def __call__(self, exchange):
        if self.moment is not None:
            yield self.moment
        self.events.append(self.moment)
        raise Broken


class Unfit(Clumsy):
    """The same as a policy: it fails closed."""

    observes = False

    def __init__(self, moment):
        super().__init__(moment)
        self.error = Broken("policy")

    def __call__(self, exchange):
        if self.moment is not None:
            yield self.moment
        self.events.append(self.moment)
        raise self.error


class Once(Header):
    """Runs once, however often it is named."""

    name = "once"


KINDS = {
    "header": Header,
    "watch": Watch,
    "watch body": WatchBody,
    "watch end": WatchEnd,
    "mark": Mark,
    "zip": Zip,
    "zip early": ZipEarly,
    "answer": Answer,
    "answer empty": AnswerEmpty,
    "rescue": Rescue,
    "rescue again": RescueAgain,
    "swallow": Swallow,
    "clumsy at start": lambda: Clumsy(None),
    "clumsy at response": lambda: Clumsy(RESPONSE),
    "clumsy at body": lambda: Clumsy(BODY),
    "clumsy at end": lambda: Clumsy(END),
    "unfit at start": lambda: Unfit(None),
    "unfit at response": lambda: Unfit(RESPONSE),
    "unfit at body": lambda: Unfit(BODY),
    "once": Once,
}
# Most exchanges are to reach the application, and to have somebody watch.
OFTEN = ["header", "watch", "watch body", "watch end", "mark", "zip", "zip early", "once"]
STACKS = st.lists(
    st.one_of(st.sampled_from(OFTEN), st.sampled_from(sorted(KINDS))), min_size=1, max_size=4
)


# Exchanges


@dataclass(frozen=True)
class Plan:
    """An exchange, in words that are neither protocol's."""

    method: str
    status: int
    declared: bool
    chunks: tuple[bytes, ...]
    body: str
    lazy: bool
    error_at: object
    stops: bool
    final_empty: bool
    read: int | None
    """How many chunks the client takes before it goes away; None: all."""
    iterate: bool
    """WSGI: whether the server iterates the body at all."""

    def script(self, error):
        """The application."""
        return Script(
            status=self.status,
            headers=[("X-App", "1"), ("X-App", "2")],
            declare_length=self.declared,
            chunks=self.chunks,
            body=self.body,
            lazy=self.lazy,
            error=None if self.error_at is None else error,
            error_at=self.error_at,
            final_empty=self.final_empty,
        )

    @property
    def bodiless(self):
        """Whether the application sends no chunk."""
        return self.method == "HEAD" or self.status in (204, 304) or not self.chunks


@st.composite
def plans(draw):
    """Every exchange that an application may make."""
    chunks = tuple(draw(st.lists(st.sampled_from([b"", b"a", b"hello", b"x" * 2000]), max_size=4)))
    body = draw(st.sampled_from(["list", "iterator", "iterable", "generator", "write"]))
    moments = st.sampled_from(["call", "head", "close", *range(len(chunks) + 1)])
    return Plan(
        method=draw(st.sampled_from(["GET", "GET", "POST", "HEAD"])),
        status=draw(st.sampled_from([200, 200, 201, 404, 500, 204, 304])),
        declared=draw(st.booleans()),
        chunks=chunks,
        body=body,
        # PEP 3333, "The write() Callable": not from within the iterable.
        lazy=body != "write" and draw(st.booleans()),
        error_at=draw(st.one_of(st.none(), st.none(), moments)),
        stops=draw(st.booleans()),
        final_empty=draw(st.booleans()),
        read=draw(st.one_of(st.none(), st.none(), st.integers(0, len(chunks)))),
        iterate=draw(st.sampled_from([True, True, True, False])),
    )


@dataclass
class Seen:
    """What came of an exchange, for everybody."""

    status: int | None
    headers: list
    body: bytes
    error: BaseException | None
    events: list = field(default_factory=list)
    details: list = field(default_factory=list)
    sent: list = field(default_factory=list)

    def of_the_first(self, count):
        """The same with what only so many middleware saw, the outermost ones."""
        return replace(
            self,
            events=self.events[:count],
            details=self.details[:count],
            sent=self.sent[:count],
        )


def run(protocol, way, plan, kinds, error):
    """Run the exchange in one of the six ways."""
    middleware = [KINDS[kind]() for kind in kinds]
    for each in middleware:
        if isinstance(each, Unfit):
            each.error = POLICY
    # A WSGI body that goes by untouched keeps its exchange current as long as it lives.
    result = copy_context().run(
        getattr(Dual(protocol, lint=False), way),
        plan.script(error),
        middleware,
        plan.method,
        read=plan.read,
        wsgi={"iterate": plan.iterate},
    )
    return Seen(
        result.status,
        head(result),
        decoded(result),
        told(result.error, error),
        [[told(event, error) for event in each.events] for each in middleware],
        [each.details for each in middleware],
        []
        if any(isinstance(each, Zip) for each in middleware)
        else [each.sent for each in middleware],
    )


POLICY = Broken("policy")


def told(event, error):
    """An event with its exception: the very object, or the kind of one that the client made."""
    if isinstance(event, tuple):
        return tuple(told(part, error) for part in event)
    if isinstance(event, BaseException) and event is not error and event is not POLICY:
        return type(event)
    return event


def head(result):
    """The headers, less the length of a coding.

    A codec that is given at RESPONSE does not know it; somebody outside who holds the head for
    BODY may, but only within one wrapper: foreign middleware has had the head by then.
    """
    coded = result.header_all("content-encoding")
    return [pair for pair in result.headers if not coded or pair[0] != "content-length"]


def decoded(result):
    """The body without its codings, as far as it came."""
    body = result.body
    for _ in result.header_all("content-encoding"):
        body = zlib.decompressobj().decompress(body)
    return body


# Fusion


@pytest.mark.parametrize("protocol", ["wsgi", "asgi"])
@given(plan=plans(), kinds=STACKS)
@EXAMPLES
def test_fusion_changes_nothing(protocol, plan, kinds):
    """One wrapper, fused wrappers and wrappers kept apart: the same for all who look."""
    error = Stopped() if plan.stops else Broken()
    fused, nested, separate = [run(protocol, way, plan, kinds, error) for way in WAYS]

    assert fused == nested

    zips = any(kind.startswith("zip") for kind in kinds)
    if plan.read is not None and plan.declared:
        # The client had all when it went away, if the declared length was reached; a codec in
        # another wrapper took that length away.
        assume(not zips)
    if protocol == "wsgi":
        # An answer to an exception, and then the exception: a wrapper further out has had END
        # before it only if the answer's declared length told.
        again = "rescue again" in kinds or ("rescue" in kinds and plan.stops)
        assume(not (again and (zips or plan.method == "HEAD")))
        # A list that was returned is the end of an exchange (protocols W32). What a policy in a
        # wrapper further out fails at comes later, so nobody inside can be told any more.
        unfit = [index for index, kind in enumerate(kinds) if kind.startswith("unfit")]
        fused, separate = (each.of_the_first(min(unfit, default=4)) for each in (fused, separate))

    assert fused == separate


# The two protocols


def both_can(plan, kinds):
    """Whether both protocols can express the exchange, up to what `alike` leaves out.

    WSGI alone knows bodies that are never iterated. The others that are left out exist under
    both, but at other moments:

    - Between the head and the first chunk a WSGI head is not sent yet (PEP 3333), while the ASGI
      one is, unless somebody waits for BODY. An error there finds another state, and so does one
      "at the close" of a body that has no chunk or is not iterated but returned as a list.
    - An empty WSGI chunk sends no head; an empty ASGI body message does.
    - WSGI ends when the declared length is reached (protocols W32), ASGI with the last message.
    - An answer to an exception that is raised again: WSGI has nothing to send before it for HEAD,
      so the server may still send an error, and does.
    - A WSGI list, and what is written, is the whole body to a codec or to who waits for BODY.
      An error or a client that goes away in the middle of it is met in another chunk.
    """
    if not plan.iterate:
        return False
    waiting = any(kind in WAITING for kind in kinds)
    if plan.read is not None:
        # A client that takes all there is goes away after the end under WSGI, before the last
        # message under ASGI.
        full = plan.body not in ("list", "write") and plan.chunks[: plan.read + 1]
        return bool(
            full
            and all(plan.chunks)
            and not waiting
            and not plan.bodiless
            and plan.error_at is None
            and not plan.declared
            and 0 < plan.read < len(plan.chunks)
        )
    again = "rescue again" in kinds or ("rescue" in kinds and plan.stops)
    if again and plan.method == "HEAD":
        return False
    if plan.error_at in (None, "call"):
        return True
    if plan.bodiless or plan.declared or waiting or not plan.chunks[0]:
        return False
    if plan.error_at == "close":
        return plan.body not in ("list", "write")
    return plan.error_at not in ("head", 0)


WAITING = {"watch body", "mark", "zip", "zip early", "clumsy at body", "unfit at body"}


def alike(seen, plan):
    """What must be the same under both protocols."""
    if plan.read is None:
        return seen.status, seen.headers, seen.body, seen.error, seen.events
    # Under WSGI a client that goes away is seen as close(): END; under ASGI as an OSError.
    ends = [
        [event[0] for event in each if isinstance(event, tuple) and event[0] is not RESPONSE]
        for each in seen.events
    ]
    return seen.status, seen.headers, seen.body, [each[-1:] for each in ends]


@given(plan=plans(), kinds=STACKS)
@EXAMPLES
def test_both_protocols_say_the_same(plan, kinds):
    """What both protocols can express comes to the same under both."""
    assume(both_can(plan, kinds))
    error = Stopped() if plan.stops else Broken()
    under_wsgi, under_asgi = (
        run(protocol, "request", plan, kinds, error) for protocol in ("wsgi", "asgi")
    )

    assert alike(under_wsgi, plan) == alike(under_asgi, plan)
