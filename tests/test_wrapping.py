"""`wrap`: from an application and settings to what a server runs, in one call.

Knows both protocols by their clients. Must never look at what a middleware does beyond its header.
"""

import asyncio

import httpx
import pytest
from fastapi import FastAPI
from flask import Flask

import dualware
from dualware import SettingsError
from dualware.asgi import ASGIWrapper
from dualware.testing import ASGIClient, Script, WSGIClient
from dualware.wsgi import WSGIWrapper

SETTINGS = {"timing": True, "request_id": {"header": "X-Id"}}


def answer(app):
    """The response of a wrapped application."""
    if isinstance(app, WSGIWrapper):
        return WSGIClient(app).request()
    return ASGIClient(app).request_sync()


async def fetched(app):
    """What httpx gets from an ASGI application; frameworks write into the scope they are given."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        return await client.get("http://testserver/")


def fetched_plainly(app):
    """What httpx gets from a WSGI application."""
    with httpx.Client(transport=httpx.WSGITransport(app)) as client:
        return client.get("http://testserver/")


def hidden(app):
    """The same application, so decorated that nobody can tell its protocol."""

    def decorated(*args):
        return app(*args)

    return decorated


def test_told(protocol):
    """The protocol is told from the application, and the middleware run."""
    app = getattr(Script(chunks=[b"abc"]), protocol)
    wrapped = dualware.wrap(app, SETTINGS)
    result = answer(wrapped)

    assert {"asgi": ASGIWrapper, "wsgi": WSGIWrapper}[protocol] is type(wrapped)
    assert app is wrapped.app
    assert ["RequestID", "Timing"] == [type(each).__name__ for each in wrapped.stack]
    assert (200, b"abc") == (result.status, result.body)
    assert {"x-id", "server-timing"} <= {name.lower() for name, _ in result.headers}


def test_said(protocol):
    """Where it can't be told, it is said."""
    app = hidden(getattr(Script(chunks=[b"abc"]), protocol))
    with pytest.raises(TypeError, match="can't tell"):
        dualware.wrap(app, SETTINGS)
    result = answer(dualware.wrap(app, SETTINGS, protocol=protocol))

    assert (200, b"abc") == (result.status, result.body)


def test_a_stack(protocol):
    """A stack stands for the settings that made it."""
    stack = dualware.load(SETTINGS)
    app = getattr(Script(), protocol)

    assert stack is dualware.wrap(app, stack).stack
    assert stack is dualware.wrap(app, stack, protocol=protocol).stack


def test_nothing_to_do(protocol):
    """No settings are settings too: the application answers alone."""
    script = Script(chunks=[b"abc"])
    result = answer(dualware.wrap(getattr(script, protocol), {}))

    assert (200, b"abc") == (result.status, result.body)
    assert set() == {"x-id", "server-timing"} & {name.lower() for name, _ in result.headers}


@pytest.mark.parametrize(("app", "kind"), [(Flask("a"), WSGIWrapper), (FastAPI(), ASGIWrapper)])
def test_frameworks(app, kind):
    """Frameworks' applications answer through it; what is not routed is theirs to refuse."""
    wrapped = dualware.wrap(app, SETTINGS)
    response = asyncio.run(fetched(wrapped)) if kind is ASGIWrapper else fetched_plainly(wrapped)

    assert kind is type(wrapped)
    assert 404 == response.status_code
    assert {"x-id", "server-timing"} <= set(response.headers)


@pytest.mark.parametrize("said", ["http", "ASGI", True, ""], ids=repr)
def test_no_protocol(said):
    """There are two."""
    with pytest.raises(ValueError, match="protocol") as caught:
        dualware.wrap(Script().wsgi, SETTINGS, protocol=said)

    assert f'protocol must be "asgi" or "wsgi", not {said!r}' == str(caught.value)


def test_bad_settings():
    """Their problems come first: an application can be right or wrong only with a stack."""
    with pytest.raises(SettingsError, match="DW102"):
        dualware.wrap("no application", {"timings": True})
    with pytest.raises(TypeError, match="must be callable"):
        dualware.wrap("no application", SETTINGS)
