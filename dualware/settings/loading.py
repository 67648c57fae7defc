"""From a mapping to a stack: the registry of middleware, their order, and `load`.

Must never look into a middleware's settings; its model does, and `dualware.settings.reading`
puts what the model says into words.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from dualware.core.exchange import Middleware
from dualware.core.problems import Problem, SettingsError
from dualware.core.stack import Stack
from dualware.effects import REAL

if TYPE_CHECKING:
    from dualware.core.effects import Effects
    from dualware.middleware.model import Settings

__all__ = ["ORDER", "class_of", "load", "model_of", "module_of", "single"]

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


def load(settings: Mapping[str, Any], *, effects: Effects = REAL) -> Stack:
    """Build the stack that ``settings`` describe, in canonical order.

    ``settings`` maps the word of a middleware to a mapping of its settings; True and ``{}`` mean
    its defaults, False and None leave it out. Raises SettingsError with every problem at once.

    >>> load({"request_id": {"header": "X-Correlation-ID"}, "timing": True})
    Stack([RequestID, Timing])
    """
    if not isinstance(settings, Mapping):
        raise SettingsError(
            [Problem("DW105", "settings", f"expected a mapping, got {settings!r:.80}")]
        )
    problems = [_unknown(word) for word in settings if word not in ORDER]
    wanted = [word for word in ORDER if not (settings.get(word) is None or settings[word] is False)]
    problems += [_twice(*pair) for pair in SHARED.items() if set(pair) <= set(wanted)]
    built: list[Middleware] = []
    for word in wanted:
        given = settings[word]
        try:
            built.append(single(word, {} if given is True else given, effects=effects))
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)
    return Stack(built)


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


def _unknown(word: object) -> Problem:
    close = difflib.get_close_matches(str(word), ORDER, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(ORDER)}"
    return Problem("DW102", str(word), "unknown middleware", hint)


def _twice(word: str, other: str) -> Problem:
    sentence = f"{word} and {other} exclude each other"
    return Problem("DW203", word, sentence, f"{word} is a form of {other}: name one of them")
