# pyright: strict
"""Flask's own seam, ``app.wsgi_app = ...``, with the comment that Flask's documentation shows.

Only checkers read this file. mypy wants the comment, for a method is replaced; pyright wants
none, so here it is not asked whether one is needed. It must never be run.
"""

from __future__ import annotations

from flask import Flask

import dualware
from dualware.frameworks.flask import Dualware
from dualware.wsgi import RequestIDMiddleware, TimingMiddleware

app = Flask(__name__)
app.wsgi_app = RequestIDMiddleware(app.wsgi_app, header="X-Id")  # type: ignore[method-assign]
app.wsgi_app = TimingMiddleware(app.wsgi_app)  # type: ignore[method-assign]
app.wsgi_app = dualware.load({"timing": True}).wsgi(app.wsgi_app)  # type: ignore[method-assign]
app.wsgi_app = dualware.wrap(app.wsgi_app, {"timing": True})  # type: ignore[method-assign]

# The extension, in an application and in a factory.

Dualware(app)
Dualware(app, {"timing": True})
Dualware(app, dualware.load({"timing": True}))
Dualware(settings={"timing": True}).init_app(app)
Dualware().init_app(app, {"timing": True})
Dualware("main:app")  # type: ignore[arg-type]
Dualware(app, ["timing"])  # type: ignore[arg-type]
Dualware().init_app()  # type: ignore[call-arg]
