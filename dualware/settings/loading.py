"""From a mapping to a stack: the registry of middleware, their order, and `build`.

Must never look into a middleware's settings; its model does, and `dualware.settings.reading`
puts what the model says into words.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from dualware.core.middleware import Middleware
from dualware.core.problems import Problem, SettingsError
from dualware.core.stack import Stack
from dualware.effects import REAL
from dualware.settings.advice import middleware_hint
from dualware.settings.ordering import ordered

if TYPE_CHECKING:
    from dualware.core.effects import Effects
    from dualware.middleware.model import Settings

__all__ = ["ORDER", "build", "class_of", "model_of", "models", "module_of", "single", "word_of"]

ORDER: Final[Mapping[str, str]] = {
    "request_id": "RequestID",
    "logging": "Logging",
    "timing": "Timing",
    "cors": "CORS",
    "compression": "Compression",
    "gzip": "GZip",
}
"""Every middleware by its word, in canonical order, outermost first. The class lives in the
module of that word, or in that of `SHARED`, its settings model beside it."""

SHARED: Final[Mapping[str, str]] = {"gzip": "compression"}
"""Words that are a form of another one: they stand in its module, and never beside it."""


def build(settings: Any, *, effects: Effects = REAL) -> Stack:
    """Build the stack that the mapping ``settings`` describes, in its ``order`` or canonically.

    ``settings`` maps the word of a middleware to a mapping of its settings; True and ``{}`` mean
    its defaults, False and None leave it out. Raises SettingsError with every problem at once.
    """
    if not isinstance(settings, Mapping):
        raise SettingsError(
            [Problem("DW105", "settings", f"expected a mapping, got {settings!r:.80}")]
        )
    given = cast("Any", settings)
    problems = [_unknown(key) for key in given if key not in ORDER and key != "order"]
    wanted = [word for word in ORDER if not (given.get(word) is None or given[word] is False)]
    problems += [_twice(*pair) for pair in SHARED.items() if set(pair) <= set(wanted)]
    order, wrong = ordered(wanted, given.get("order"))
    built: dict[str, Middleware] = {}
    for word in wanted:
        options: Any = {} if given[word] is True else given[word]
        try:
            built[word] = single(word, options, effects=effects)
        except SettingsError as error:
            problems += error.problems
    problems += wrong
    if problems:
        raise SettingsError(problems)
    return Stack(built[word] for word in order)


def single(word: str, options: Any, *, effects: Effects = REAL) -> Middleware:
    """Build one middleware. Raises SettingsError with every problem of ``options``.

    Options that have their default value count as not given.
    """
    from dualware.settings.reading import problems_of, validated

    settings = validated(model_of(word), word, options)
    try:
        # The constructor of every middleware of ours: (settings, effects).
        return cast("Middleware", class_of(word)(settings, effects))
    except ValueError as error:
        raise SettingsError(problems_of(word, error)) from error


def class_of(word: str) -> Any:
    """The middleware class of ``word``."""
    return getattr(importlib.import_module(module_of(word)), ORDER[word])


def module_of(word: str) -> str:
    """The dotted name of the module that the middleware of ``word`` lives in."""
    return f"dualware.middleware.{SHARED.get(word, word)}"


def model_of(word: str) -> type[Settings]:
    """The settings model of the middleware called ``word``."""
    return cast("type[Settings]", class_of(word).Settings)


def _twice(word: str, other: str) -> Problem:
    sentence = f"{word} and {other} exclude each other"
    return Problem("DW203", word, sentence, f"{word} is a form of {other}: name one of them")


def models() -> dict[str, type[Settings]]:
    """The settings model of every middleware, in canonical order."""
    return {word: model_of(word) for word in ORDER}


def word_of(middleware: Middleware) -> str:
    """The word of one of our middleware; of others the name of their class."""
    kind = type(middleware)
    return next((word for word in ORDER if kind is class_of(word)), kind.__name__)


def _unknown(key: object) -> Problem:
    return Problem("DW102", str(key), "unknown middleware", middleware_hint(key, models()))
