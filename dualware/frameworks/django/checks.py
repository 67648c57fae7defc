# pyright: basic
"""What ``manage.py check`` says of our settings, and of the places where they take effect.

Errors are the problems of `settings.DUALWARE`, each under its own code: DW203 is ``dualware.E203``.
Warnings are about what works, and is seldom meant. Must never find fault with a setting by itself:
the settings models do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 - Django's own word
from django.utils.module_loading import import_string

from dualware.core.problems import SettingsError
from dualware.core.wrapper import Wrapper
from dualware.frameworks.django.configured import PLACE, configured

__all__ = ["MIDDLEWARE", "OTHERS", "check_places", "check_settings"]

MIDDLEWARE: Final = "dualware.frameworks.django.DualwareMiddleware"

OTHERS: Final[Mapping[str, str]] = {
    "cid.middleware.CidMiddleware": "request_id",
    "corsheaders.middleware.CorsMiddleware": "cors",
    "django.middleware.gzip.GZipMiddleware": "compression",
    "django_guid.middleware.guid_middleware": "request_id",
    "django_structlog.middlewares.RequestMiddleware": "logging",
    "log_request_id.middleware.RequestIDMiddleware": "request_id",
    "request_id.middleware.RequestIdMiddleware": "request_id",
}
"""Middleware of others, and the word of ours that does the same."""

_SAME: Final = {"gzip": "compression"}


def check_settings(**_: Any) -> list[CheckMessage]:
    """One error for each problem of the settings."""
    try:
        configured()
    except SettingsError as error:
        return [
            Error(
                f"{problem.path}: {problem.sentence}",
                hint=problem.hint or None,
                obj=PLACE,
                id=f"dualware.E{problem.code.removeprefix('DW')}",
            )
            for problem in error.problems
        ]
    return []


def check_places(**_: Any) -> list[CheckMessage]:
    """Warnings about where the stack stands, and beside whom."""
    try:
        words = {_SAME.get(str(each.name), str(each.name)) for each in configured()}
    except SettingsError:
        return []
    return [*_in_both_places(), *_not_first(), *_beside(words)]


def _listed() -> list[str]:
    return list(settings.MIDDLEWARE)


def _in_both_places() -> Iterator[CheckMessage]:
    if MIDDLEWARE not in _listed():
        return
    for name in ("WSGI_APPLICATION", "ASGI_APPLICATION"):
        if _is_wrapped(getattr(settings, name, None)):
            yield Warning(
                f"DualwareMiddleware is in MIDDLEWARE, and {name} is wrapped too",
                hint="nothing applies twice, so this is safe; keep the wrapped application, and "
                "DualwareMiddleware only if your tests are to see what it does",
                obj="MIDDLEWARE",
                id="dualware.W001",
            )


def _is_wrapped(path: str | None) -> bool:
    """Whether there is a wrapper of ours somewhere around the application."""
    try:
        app = import_string(path) if path else None
    except Exception:  # noqa: BLE001 - whoever runs the application is told why
        return False
    while app is not None and not isinstance(app, Wrapper):
        # What wraps an application mostly calls it so.
        app = getattr(app, "app", None) or getattr(app, "application", None)
    return app is not None


def _not_first() -> Iterator[CheckMessage]:
    listed = _listed()
    if MIDDLEWARE in listed[1:]:
        before = ", ".join(listed[: listed.index(MIDDLEWARE)])
        yield Warning(
            f"DualwareMiddleware does not see what is answered before it: {before}",
            hint="make it the first entry of MIDDLEWARE",
            obj="MIDDLEWARE",
            id="dualware.W002",
        )


def _beside(words: set[str]) -> Iterator[CheckMessage]:
    for each in _listed():
        word = OTHERS.get(each)
        if word in words:
            yield Warning(
                f"{each} does what {word} of {PLACE} does",
                hint=f"remove it from MIDDLEWARE, or {word} from {PLACE}",
                obj="MIDDLEWARE",
                id="dualware.W003",
            )
