# pyright: basic, reportUnnecessaryTypeIgnoreComment=true
"""Django's handlers, which come without types, in both protocols' wrappers.

Only checkers read this file: pyright less strictly than others, since it can only guess what
Django's functions return. It must never be run.
"""

from __future__ import annotations

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

import dualware
import dualware.asgi
import dualware.wsgi

asgi = dualware.asgi.RequestIDMiddleware(get_asgi_application(), header="X-Id")
asgi = dualware.asgi.RequestIDMiddleware(asgi, heder="X-Id")  # type: ignore[call-arg]
dualware.load({"timing": True}).asgi(get_asgi_application())

# Here it guesses wrong: no WSGI handler of Django's returns a coroutine.
guessed = get_wsgi_application()
wsgi = dualware.wsgi.RequestIDMiddleware(guessed)  # pyright: ignore[reportArgumentType]
wsgi = dualware.wsgi.RequestIDMiddleware(wsgi, heder="X-Id")  # type: ignore[call-arg]
dualware.load({"timing": True}).wsgi(guessed)  # pyright: ignore[reportArgumentType]
