# pyright: strict
"""Flask's own seam, ``app.wsgi_app = ...``, with the comment that Flask's documentation shows.

Only checkers read this file. mypy wants the comment, for a method is replaced; pyright wants
none, so here it is not asked whether one is needed. It must never be run.
"""

from __future__ import annotations

from flask import Flask

import dualware
from dualware.wsgi import RequestIDMiddleware, TimingMiddleware

app = Flask(__name__)
app.wsgi_app = RequestIDMiddleware(app.wsgi_app, header="X-Id")  # type: ignore[method-assign]
app.wsgi_app = TimingMiddleware(app.wsgi_app)  # type: ignore[method-assign]
app.wsgi_app = dualware.load({"timing": True}).wsgi(app.wsgi_app)  # type: ignore[method-assign]
app.wsgi_app = dualware.wrap(app.wsgi_app, {"timing": True})  # type: ignore[method-assign]
