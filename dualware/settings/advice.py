"""What was probably meant by a name that is none of ours.

Knows the names that there are, and `words` for those of others. Must never decide whether a name
is right, only what to write instead.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from dualware.core.annotations import is_listed
from dualware.settings.words import FOREIGN, MIDDLEWARE, PREFIXES, plain

if TYPE_CHECKING:
    from dualware.middleware.model import Settings

__all__ = ["home", "middleware_hint", "setting_hint"]

_Models = Mapping[str, "type[Settings]"]

_CLOSE: Final = 0.7
"""How alike two names are, from 0 to 1, of which one is a slip of the other."""


def setting_hint(word: str, name: str, known: Iterable[str]) -> str:
    """What to write for the setting ``name`` of ``word``, which has those that are ``known``."""
    names, own = list(known), plain(name)
    for prefix, other in PREFIXES.items():
        own = own.removeprefix(prefix) if other == word else own
    said = FOREIGN.get(word, {}).get(own)
    if said is not None:
        return f"write {said!r}" if said in names else said
    return _close(own, names)


def middleware_hint(key: object, models: _Models) -> str:
    """What to write for the top-level ``key``."""
    name = plain(key)
    meant = MIDDLEWARE.get(name)
    if meant in models:
        return f"write {meant!r}"
    homes = {} if name in models else dict(home(key, models))
    if homes:
        return " or ".join(_placed(word, said, models[word]) for word, said in homes.items())
    return _close(name, models)


def home(key: object, models: _Models) -> Iterator[tuple[str, str]]:
    """Each middleware that ``key`` is a setting of, with its name there or with what to do.

    Settings that stand outside their middleware, those of other packages with their prefix, and
    ours with the middleware in front: ``timing_max_bytes``.
    """
    name = str(key).lower().replace("-", "_")
    for word, model in models.items():
        own = name.removeprefix(f"{word}_")
        if own in model.model_fields:
            yield word, own
    for prefix, word in PREFIXES.items():
        own = name.removeprefix(prefix)
        if own != name and word in models and own not in models[word].model_fields:
            close = difflib.get_close_matches(own, models[word].model_fields, 1, _CLOSE)
            if said := FOREIGN[word].get(own) or "".join(close):
                yield word, said
    if not any(name.startswith(prefix) for prefix in PREFIXES):
        yield from _strangers(name, models)


def _strangers(name: str, models: _Models) -> Iterator[tuple[str, str]]:
    """The middleware for which other packages have a setting of that name, without a prefix."""
    for word in models:
        # gzip is compression with less: one of them is enough.
        if name in FOREIGN.get(word, {}) and not (word == "gzip" and "compression" in models):
            yield word, FOREIGN[word][name]


def _close(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names)}"


def _placed(word: str, said: str, model: type[Settings]) -> str:
    field = model.model_fields.get(said)
    if field is None:
        return f"{word}: {said}"
    value = "[…]" if is_listed(field.annotation) else "…"
    return f"write {{{word!r}: {{{said!r}: {value}}}}}"
