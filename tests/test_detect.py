"""`protocol_of`: every shape of application, ours, the frameworks' and the bridges'.

Knows how applications can be called. Must never call one.
"""

import functools
import re

import pytest
from a2wsgi import ASGIMiddleware
from a2wsgi import WSGIMiddleware as A2WSGIMiddleware
from asgiref.compatibility import guarantee_single_callable
from asgiref.wsgi import WsgiToAsgi
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

import dualware.asgi
import dualware.wsgi
from dualware.detect import protocol_of
from dualware.testing import Script


def wsgi(environ, start_response):
    """A function."""


def wsgi_generator(environ, start_response):
    """A generator function."""
    yield b""


def wsgi_more(environ, start_response, more=None):
    """One with a parameter of its own, which servers leave out."""


def wsgi_keyword(environ, start_response, *, more=None):
    """The same by keyword."""


def wsgi_fewer(environ, start_response=None):
    """One that can be called with less."""


def wsgi_oddly_named(scope, receive):
    """Names count only where all three of them are there."""


async def asgi(scope, receive, send):
    """A coroutine function."""


async def asgi_hidden(*args, **kwargs):
    """A decorated one: that it is a coroutine function is enough."""


def asgi_plain(scope, receive, send):
    """A plain function that returns an awaitable."""


def asgi_unnamed(a, b, c):
    """Three parameters are ASGI's, however they are called."""


class Both:
    """Applications as objects and as methods."""

    def __call__(self, environ, start_response):
        """Speak WSGI."""

    def plain(self, scope, receive, send):
        """Speak ASGI."""

    async def method(self, scope, receive, send):
        """Speak ASGI."""

    @staticmethod
    def static(environ, start_response):
        """Speak WSGI."""

    @classmethod
    def of_class(cls, environ, start_response):
        """Speak WSGI."""


class Asynchronous:
    """An instance with an asynchronous __call__."""

    async def __call__(self, *args):
        """Speak ASGI, and hide how."""


class Misleading(Both):
    """Calling an instance asks its class, never what is set on the instance."""

    def __init__(self):
        self.__call__ = asgi


def three(extra, environ, start_response):
    """A function with more parameters than an application has."""


async def four(extra, scope, receive, send):
    """The same for ASGI."""


def four_plain(extra, scope, receive, send):
    """The same for ASGI, where it does not show that it is asynchronous."""


@functools.wraps(wsgi)
def decorated(*args, **kwargs):
    """A decorator that says what it hides."""


@pytest.mark.parametrize(
    "app",
    [
        wsgi,
        wsgi_generator,
        wsgi_more,
        wsgi_keyword,
        wsgi_fewer,
        wsgi_oddly_named,
        Both(),
        Both().static,
        Both().of_class,
        Misleading(),
        functools.partial(three, "extra"),
        functools.partial(functools.partial(three), "extra"),
        functools.partial(wsgi_more, more=1),
        functools.partial(Both()),
        decorated,
        Script().wsgi,
        Flask("a"),
        Flask("a").wsgi_app,
        ProxyFix(Flask("a")),
        DispatcherMiddleware(Flask("a")),
        # Not made: that would set Django up.
        WSGIHandler.__new__(WSGIHandler),
        ASGIMiddleware(Starlette()),
        dualware.wsgi.TimingMiddleware(wsgi),
    ],
    ids=repr,
)
def test_wsgi(app):
    """Two positional parameters."""
    assert "wsgi" == protocol_of(app)


@pytest.mark.parametrize(
    "app",
    [
        asgi,
        asgi_hidden,
        asgi_plain,
        asgi_unnamed,
        Both().plain,
        Both().method,
        Asynchronous(),
        functools.partial(four, "extra"),
        functools.partial(four_plain, "extra"),
        functools.partial(functools.partial(asgi_hidden, 1), 2),
        functools.partial(Asynchronous(), 1),
        Script().asgi,
        Starlette(),
        FastAPI(),
        GZipMiddleware(Starlette()),
        ASGIHandler.__new__(ASGIHandler),
        A2WSGIMiddleware(Flask("a")),
        WsgiToAsgi(Flask("a")),
        guarantee_single_callable(Starlette()),
        dualware.asgi.TimingMiddleware(asgi),
    ],
    ids=repr,
)
def test_asgi(app):
    """A coroutine function, or three positional parameters."""
    assert "asgi" == protocol_of(app)


@pytest.mark.parametrize(
    "app",
    [
        lambda: None,
        lambda *args: None,
        lambda *args, **kwargs: None,
        lambda first, *args: None,
        lambda first, second, third, fourth: None,
        lambda *, environ, start_response: None,
        lambda first=1, second=2: None,
        # Either: only the names tell, and they say ASGI where WSGI would do.
        lambda scope, receive, send=None: None,
        functools.partial(wsgi, "environ is given already", "start_response too"),
    ],
)
def test_nobody_can_tell(app):
    """The caller has to say it then."""
    sentence = f"can't tell whether {app!r} is a WSGI or an ASGI application; "
    with pytest.raises(TypeError, match=re.escape(sentence)) as caught:
        protocol_of(app)

    assert f'{sentence}say it with protocol="asgi" or protocol="wsgi"' == str(caught.value)


def test_no_parameters_to_see():
    """Functions of C need not tell what they take."""
    sentence = (
        f"{dict.fromkeys!r} does not tell its parameters; "
        'say it with protocol="asgi" or protocol="wsgi"'
    )

    class Hidden:
        """A callable whose signature is none."""

        __signature__ = "hidden"

        def __call__(self, environ, start_response):
            """Speak WSGI."""

        def __repr__(self):
            return repr(dict.fromkeys)

    with pytest.raises(TypeError) as caught:
        protocol_of(Hidden())

    assert sentence == str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("app", [Both, Starlette, Flask, dict])
def test_classes(app):
    """A class takes two or three parameters as well, but it makes applications."""
    with pytest.raises(TypeError) as caught:
        protocol_of(app)

    assert f"{app!r} is a class; wrap the application that it makes" == str(caught.value)


@pytest.mark.parametrize("app", [None, "main:app", 3, {}], ids=repr)
def test_nothing_to_call(app):
    """Import strings are for servers."""
    with pytest.raises(TypeError) as caught:
        protocol_of(app)

    assert f"an application must be callable, not {app!r}" == str(caught.value)


@pytest.mark.parametrize("app", [lambda scope: None, functools.partial(wsgi, "environ")])
def test_asgi_2(app):
    """What takes the scope alone can be made an application of today."""
    with pytest.raises(TypeError) as caught:
        protocol_of(app)

    assert (
        f"{app!r} takes one argument, as ASGI 2 applications did; make it one of ASGI 3 with "
        "asgiref.compatibility.guarantee_single_callable(app)"
    ) == str(caught.value)
