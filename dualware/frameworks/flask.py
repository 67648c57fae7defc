"""Flask: an extension with `init_app`, and settings in ``app.config["DUALWARE"]``.

    app = Flask(__name__)
    app.config["DUALWARE"] = {"request_id": True, "logging": True, "timing": True}
    Dualware(app)

``app`` stays a Flask object: its ``wsgi_app`` is wrapped, so that servers, the test client and
whatever else calls ``app`` go through the stack. Settings are checked here, not at the first
request.

Knows Flask's signals, by which routes and swallowed exceptions are told to the record: from the
environ they can't be had, since Flask takes its request out of it before the response has ended.
Must never change a response.
"""

from __future__ import annotations

from typing import Any, cast

from flask import Flask, got_request_exception, request, request_started

from dualware.core.current import live_record
from dualware.frameworks.settings import stack_of
from dualware.settings import Source

__all__ = ["Dualware"]

_KEY = "DUALWARE"
_PLACE = f'app.config["{_KEY}"]'


class Dualware:
    """The extension. It keeps nothing of an application: one instance may serve several.

    >>> extension = Dualware()  # in a module of extensions
    >>> extension.init_app(app)  # doctest: +SKIP
    """

    def __init__(self, app: Flask | None = None, settings: Source | None = None) -> None:
        self._settings = settings
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask, settings: Source | None = None) -> None:
        """Put the stack around ``app``.

        Settings given here count before those given to the constructor, and those before
        ``app.config["DUALWARE"]``. Called once more, it puts another stack around the first; of
        two middleware of the same name the outer one runs. Raises SettingsError with every problem
        at once, and leaves ``app`` as it was.
        """
        given = self._settings if settings is None else settings
        if given is None:
            given = cast("dict[str, Any]", app.config).get(_KEY)
        stack = stack_of(given, _PLACE, f'{_PLACE} = {{"request_id": True}}')
        app.wsgi_app = stack.wsgi(app.wsgi_app)  # type: ignore[method-assign]
        app.extensions["dualware"] = stack
        # A receiver that is connected already is not connected again.
        request_started.connect(_tell_route, app)
        got_request_exception.connect(_tell_error, app)


def _tell_route(_app: Flask, **_: Any) -> None:
    """The request was matched; no function of the application has seen it yet."""
    record, rule = live_record(), request.url_rule
    if record is not None and rule is not None:
        record.route = rule.rule


def _tell_error(_app: Flask, exception: BaseException, **_: Any) -> None:
    """An error handler makes a response of the exception, which therefore never leaves Flask."""
    record = live_record()
    if record is not None:
        record.error = exception
