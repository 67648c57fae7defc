"""Wrappers as objects: made, printed, pickled, put around each other; under both protocols.

Knows how wrappers are constructed and what they hold. Must never look into an exchange: that a
wrapper works is told by its response.
"""

import copy
import logging
import pickle
import types

import pytest

import dualware.asgi
import dualware.wsgi
from dualware import RESPONSE, Middleware, SettingsError, Stack
from dualware.core.current import CURRENT
from dualware.settings import ORDER
from dualware.testing import ASGIClient, WSGIClient
from tests.least import least

ROOMS = {"asgi": dualware.asgi, "wsgi": dualware.wsgi}


class Adds(Middleware):
    """Adds one header field, and takes what it is called by position and by name."""

    def __init__(self, name, value="1"):
        self.pair = name, value

    def __call__(self, exchange):
        """Write on the way out."""
        yield RESPONSE
        exchange.response.headers.append(*self.pair)


def wsgi_app(environ, start_response):
    """An application that can be pickled."""
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


async def asgi_app(scope, receive, send):
    """The same."""
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"ok"})


APPS = {"asgi": asgi_app, "wsgi": wsgi_app}


# By their qualified names, for pickle.
AddsASGI = dualware.asgi.wrapper(Adds)
AddsWSGI = dualware.wsgi.wrapper(Adds)
OWN = {"asgi": AddsASGI, "wsgi": AddsWSGI}


@pytest.fixture
def room(protocol):
    """The wrappers of one protocol."""
    return ROOMS[protocol]


@pytest.fixture
def app(protocol):
    """A bare application."""
    return APPS[protocol]


def names(app):
    """The names of the header fields of a response, in order."""
    if isinstance(app, dualware.wsgi.WSGIWrapper):
        result = WSGIClient(app).request()
    else:
        result = ASGIClient(app).request_sync()
    result.reraise()

    assert (200, b"ok") == (result.status, result.body)
    return [name.lower() for name, _ in result.headers]


# Construction


@pytest.mark.parametrize("word", ORDER)
def test_by_position_and_by_name(room, app, word):
    """``app`` is the first parameter, and has that name."""
    wrapper = getattr(room, f"{ORDER[word]}Middleware")
    headers = names(wrapper(app, **least(word)))

    assert headers == names(wrapper(app=app, **least(word)))
    # A log line is no header, and two bytes are not worth a coding.
    assert (1 if word in ("logging", "compression", "gzip") else 2) == len(headers)
    assert app is wrapper(app, **least(word)).app


def test_options(room, app):
    """Options arrive."""
    assert ["content-length", "x-id"] == names(room.RequestIDMiddleware(app, header="X-Id"))


@pytest.mark.parametrize("stem", ORDER.values())
def test_unknown_option(room, app, stem):
    """A wrong name is a TypeError, as of any function."""
    with pytest.raises(TypeError, match="heder"):
        getattr(room, f"{stem}Middleware")(app, heder="X-Id")
    with pytest.raises(TypeError, match="positional"):
        getattr(room, f"{stem}Middleware")(app, "X-Id")


def test_bad_options(room, app):
    """Wrong values are told all at once, as `dualware.load` tells them."""
    with pytest.raises(SettingsError) as caught:
        room.TimingMiddleware(app, header=3, max_entries=0, queue_trusted="10.0.0.0/8")

    assert [
        ("DW104", "timing.header"),
        ("DW106", "timing.max_entries"),
        ("DW104", "timing.queue_trusted"),
    ] == [(each.code, each.path) for each in caught.value.problems]


@pytest.mark.parametrize("given", [None, "main:app", 3], ids=repr)
def test_no_application(room, protocol, given):
    """What can't be called is refused at once, by every way to make a wrapper."""
    sentence = f"an application must be callable, not {given!r}"
    for make in (room.TimingMiddleware, OWN[protocol], getattr(Stack(), protocol)):
        with pytest.raises(TypeError, match=sentence):
            make(given, *(["X-A"] if make is OWN[protocol] else []))


def test_repr(room, app, protocol):
    """What is around what can be read."""
    wrapped = room.TimingMiddleware(room.RequestIDMiddleware(app))
    bare = getattr(Stack(), protocol)(app)

    assert f"TimingMiddleware(RequestIDMiddleware({app!r}))" == repr(wrapped)
    assert f"{protocol.upper()}Wrapper({app!r})" == repr(bare)


def test_a_wrapper_of_one_s_own(protocol, app):
    """It has its middleware's name and help, and takes what that takes."""
    wrapper = OWN[protocol]

    assert ("Adds", Adds.__doc__, __name__) == (
        wrapper.__name__,
        wrapper.__doc__,
        wrapper.__module__,
    )
    assert ["content-length", "x-a"] == names(wrapper(app, "X-A"))
    assert ["content-length", "x-a"] == names(wrapper(app=app, name="X-A", value="2"))
    with pytest.raises(TypeError, match="nmae"):
        wrapper(app, nmae="X-A")


# What a wrapper holds

MADE = {
    "generated": lambda protocol, app: ROOMS[protocol].RequestIDMiddleware(app, header="X-A"),
    "own": lambda protocol, app: OWN[protocol](app, "X-A"),
    "stack": lambda protocol, app: getattr(Stack([Adds("X-A")]), protocol)(app),
    "nested": lambda protocol, app: OWN[protocol](
        ROOMS[protocol].RequestIDMiddleware(app, header="X-B"), "X-A"
    ),
}


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, "pickle"])
def test_pickle(protocol, app, made, how):
    """A copy works as the original does, in this process or in another."""
    wrapped = MADE[made](protocol, app)
    copied = pickle.loads(pickle.dumps(wrapped)) if how == "pickle" else how(wrapped)

    assert wrapped is not copied
    assert [type(each) for each in wrapped.stack] == [type(each) for each in copied.stack]
    assert "x-a" in names(wrapped)
    assert names(wrapped) == names(copied)
    assert len(wrapped._plan) == len(copied._plan)


def held(value, seen):
    """Everything that ``value`` refers to, through containers, slots and attributes."""
    # A logger has a lock, which `logging` makes anew in a child.
    known = types.FunctionType | types.ModuleType | type | logging.Logger | None
    simple = str | bytes | int | float | bool | known
    if id(value) in seen or isinstance(value, simple):
        return
    seen[id(value)] = value
    if isinstance(value, dict):
        parts = [*value, *value.values()]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = list(value)
    else:
        slots = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
        parts = [getattr(value, name, None) for name in slots if isinstance(name, str)]
        parts += vars(value).values() if hasattr(value, "__dict__") else []
    for part in parts:
        held(part, seen)


@pytest.mark.parametrize("made", MADE)
def test_nothing_that_a_fork_would_break(protocol, app, made):
    """No lock, loop, thread, file, context or exchange: before the first request, and after."""
    wrapped = MADE[made](protocol, app)
    names(wrapped)
    seen = {}
    held(wrapped, seen)
    modules = {type(each).__module__.partition(".")[0] for each in seen.values()}

    assert set() == modules & {"_thread", "threading", "asyncio", "io", "_io", "_contextvars"}
    assert not any(isinstance(each, dualware.Exchange) for each in seen.values())
    assert CURRENT.get() is None


def test_nothing_is_added_by_a_request(protocol, app):
    """A request leaves no attribute on the wrapper."""
    wrapped = OWN[protocol](app, "X-A")
    before = dict(vars(wrapped))
    names(wrapped)

    assert before == vars(wrapped)


# Fusion


def test_neighbours_are_fused(protocol, app):
    """Five wrappers around each other run as one: one call of the application, one exchange."""
    calls = []

    def seen(*args):
        calls.append(args)
        return app(*args)

    async def seen_asgi(scope, receive, send):
        await seen(scope, receive, send)

    inner = seen_asgi if protocol == "asgi" else seen
    wrapped = inner
    for name in "edcba":
        wrapped = OWN[protocol](wrapped, f"X-{name}")

    assert inner is wrapped._inner
    assert ["X-a", "X-b", "X-c", "X-d", "X-e"] == [each.pair[0] for each in wrapped._plan]
    assert 1 == len(wrapped.stack)
    assert ["content-length", "x-e", "x-d", "x-c", "x-b", "x-a"] == names(wrapped)
    ((*_, last),) = calls
    # What the application answers through is one exchange, with all five on board.
    assert wrapped._plan is last.__self__._plan


def test_fusion_with_generated_wrappers(room, protocol, app):
    """Whoever made them, neighbours are one."""
    wrapped = room.RequestIDMiddleware(OWN[protocol](room.TimingMiddleware(app), "X-A"))

    assert ["RequestID", "Adds", "Timing"] == [type(each).__name__ for each in wrapped._plan]
    assert app is wrapped._inner


def test_fusion_runs_one_of_a_name(room, app):
    """Of two middleware with one name the outer one runs."""
    wrapped = room.RequestIDMiddleware(
        room.RequestIDMiddleware(app, header="X-Inner"), header="X-Outer"
    )

    assert 1 == len(wrapped._plan)
    assert ["content-length", "x-outer"] == names(wrapped)


def test_a_call_of_one_s_own_is_not_fused(protocol, app):
    """A subclass that overrides __call__ does something there: it stays a wrapper of its own."""
    calls = []

    class Counting(OWN[protocol]):
        """Counts what passes."""

        def __call__(self, *args):
            """Count, and go on."""
            calls.append(args)
            return super().__call__(*args)

    inner = Counting(app, "X-B")
    wrapped = OWN[protocol](inner, "X-A")

    assert inner is wrapped._inner
    assert 1 == len(wrapped._plan)
    assert ["content-length", "x-b", "x-a"] == names(wrapped)
    assert 1 == len(calls)


def test_a_subclass_without_its_own_call_is_fused(protocol, app):
    """To subclass for a constructor changes nothing."""

    class Preset(OWN[protocol]):
        """Has its options already."""

        def __init__(self, app):
            super().__init__(app, "X-B")

    assert app is OWN[protocol](Preset(app), "X-A")._inner
    assert ["content-length", "x-b", "x-a"] == names(OWN[protocol](Preset(app), "X-A"))
