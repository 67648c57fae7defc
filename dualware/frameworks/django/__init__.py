"""Django: one setting, `settings.DUALWARE`, and two places where it can take effect.

Around the application, in ``wsgi.py`` and ``asgi.py``, the stack sees whatever Django answers::

    application = wsgi(get_wsgi_application())

In `MIDDLEWARE` it also runs under Django's test client, which calls no ``wsgi.py``::

    MIDDLEWARE = ["dualware.frameworks.django.DualwareMiddleware", ...]

With ``"dualware.frameworks.django"`` in `INSTALLED_APPS`, ``manage.py check`` tells every problem
of the settings. The front door of this room: imports only.
"""

from dualware.frameworks.django.middleware import DualwareMiddleware
from dualware.frameworks.django.wrapping import asgi, wsgi

__all__ = ["DualwareMiddleware", "asgi", "wsgi"]
