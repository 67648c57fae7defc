# pyright: basic, reportUnnecessaryTypeIgnoreComment=true
"""Django's handlers, which come without types, in both protocols' wrappers.

Only checkers read this file: pyright less strictly than others, since it can only guess what
Django's functions return. It must never be run.
"""

from __future__ import annotations

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from typing_extensions import assert_type

import dualware
import dualware.asgi
import dualware.frameworks.django
import dualware.wsgi
from dualware.asgi import ASGIWrapper
from dualware.wsgi import WSGIWrapper

asgi = dualware.asgi.RequestIDMiddleware(get_asgi_application(), header="X-Id")
asgi = dualware.asgi.RequestIDMiddleware(asgi, heder="X-Id")  # type: ignore[call-arg]
dualware.load({"timing": True}).asgi(get_asgi_application())

# Here it guesses wrong: no WSGI handler of Django's returns a coroutine.
guessed = get_wsgi_application()
wsgi = dualware.wsgi.RequestIDMiddleware(guessed)  # pyright: ignore[reportArgumentType]
wsgi = dualware.wsgi.RequestIDMiddleware(wsgi, heder="X-Id")  # type: ignore[call-arg]
dualware.load({"timing": True}).wsgi(guessed)  # pyright: ignore[reportArgumentType]

# What takes its settings from Django's.

assert_type(dualware.frameworks.django.asgi(get_asgi_application()), ASGIWrapper)
assert_type(
    dualware.frameworks.django.wsgi(dualware.wrap(guessed, {}, protocol="wsgi")), WSGIWrapper
)
dualware.frameworks.django.asgi()  # type: ignore[call-arg]
dualware.frameworks.django.wsgi("project.wsgi")  # type: ignore[arg-type]
dualware.frameworks.django.DualwareMiddleware(lambda request: request)
dualware.frameworks.django.DualwareMiddleware()  # type: ignore[call-arg]
