"""The front door: its names, and what walking through it loads.

Knows names and imports. Must never send a request.
"""

import json
import pkgutil
import subprocess
import sys

import pytest

import dualware
import dualware.asgi
import dualware.wsgi

NAMES = {
    *("BODY", "END", "RESPONSE"),
    *("Exchange", "Flow", "Middleware", "Request", "Response", "SettingsError", "Stack"),
    *(
        "add_fields",
        "carry",
        "configure_logging",
        "load",
        "outbound_headers",
        "request_id",
        "span",
        "wrap",
    ),
}


def rank(name):
    """Constants first, then classes, then functions, each by the alphabet."""
    return not name.isupper(), not name[0].isupper(), name


def loaded(statement):
    """The modules that are there after ``statement``, in a process of its own."""
    program = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    return set(json.loads(done.stdout))


def rooms(modules):
    """Of our rooms, those that are loaded; and what is heavy."""
    ours = {name.split(".")[1] for name in modules if name.startswith("dualware.")}
    heavy = {"pydantic", "starlette", "flask", "django", "httpx", "asyncio", "anyio", "pytest"}
    return ours & {"asgi", "wsgi", "middleware", "testing"}, heavy & modules


def test_names():
    """Every public name is there, nothing else is, and they are in order."""
    assert NAMES <= set(dualware.__all__)
    assert sorted(dualware.__all__, key=rank) == dualware.__all__
    assert [] == [name for name in dualware.__all__ if not hasattr(dualware, name)]


def test_nothing_but_names():
    """What it does not show is a room of the house."""
    # pytest leaves names of its own, none of which is an identifier.
    shown = {name for name in vars(dualware) if name.isidentifier() and name[0] != "_"}
    modules = {name for _, name, _ in pkgutil.iter_modules(dualware.__path__)}

    assert set() == shown - set(dualware.__all__) - modules


def test_rooms_are_opened_when_named():
    """`import dualware` is enough to reach them, and loads neither."""
    assert (set(), set()) == rooms(loaded("import dualware"))
    for protocol in ("asgi", "wsgi"):
        assert {protocol} == rooms(loaded(f"import dualware\ndualware.{protocol}.wrapper"))[0]


def test_no_other_room_is_opened():
    """What is not there is told as Python tells it."""
    with pytest.raises(AttributeError, match="module 'dualware' has no attribute 'asgii'"):
        _ = dualware.asgii


@pytest.mark.parametrize("room", [dualware.asgi, dualware.wsgi])
def test_names_of_the_rooms(room):
    """They are there, and in order."""
    assert sorted(room.__all__, key=rank) == room.__all__
    assert [] == [name for name in room.__all__ if not hasattr(room, name)]


def test_both_rooms_show_the_same():
    """To switch protocols is to write another word; the base class aside."""
    asgi, wsgi = set(dualware.asgi.__all__), set(dualware.wsgi.__all__)

    assert {"ASGIWrapper", "WSGIWrapper"} == asgi ^ wsgi


def test_import_is_light():
    """Neither protocol is loaded, nor pydantic, nor anybody's framework."""
    assert (set(), set()) == rooms(loaded("import dualware"))


@pytest.mark.parametrize("protocol", ["asgi", "wsgi"])
def test_one_protocol(protocol):
    """A process that speaks one loads the other never, and models when settings are built."""
    assert ({protocol}, set()) == rooms(loaded(f"import dualware.{protocol}"))
    assert ({protocol}, set()) == rooms(
        loaded(f"import dualware; dualware.Stack().{protocol}(lambda *args: None)")
    )


@pytest.mark.parametrize("protocol", ["asgi", "wsgi"])
def test_settings_bring_their_models(protocol):
    """Building settings takes pydantic, and what was not named is not loaded either."""
    modules = loaded(
        f"import dualware.{protocol}; dualware.{protocol}.TimingMiddleware(lambda *args: None)"
    )

    assert ({protocol, "middleware"}, {"pydantic"}) == rooms(modules)
    assert "dualware.middleware.timing" in modules
    assert "dualware.middleware.request_id" not in modules
