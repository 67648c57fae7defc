"""Checks: what a value of a setting must be, where its type alone does not say.

Each takes the value and returns it, maybe in another spelling, or raises `Unfit` in words that
mend it. Must never know which setting the value is of, nor how its problems are collected.
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from werkzeug.utils import ImportStringError, import_string

from dualware.core.compression.gzip import EXTRAS, is_installed
from dualware.core.compression.media_types import is_pattern
from dualware.core.cors.fetch import FORBIDDEN_METHODS, NORMALIZED_METHODS, is_forbidden_header
from dualware.core.cors.origins import read
from dualware.core.cors.paths import path_rule
from dualware.core.fields import is_token
from dualware.core.headers import StrHeaders
from dualware.core.logging.levels import OUTCOMES, is_key
from dualware.core.peers import UNIX, network
from dualware.core.request_id.outbound import host_pattern

if TYPE_CHECKING:
    from typing_extensions import LiteralString

__all__ = [
    "Unfit",
    "askable",
    "client_ip",
    "exposable",
    "fitting",
    "host",
    "imported",
    "installed",
    "is_awaited",
    "media_type",
    "method",
    "metric_sink",
    "near",
    "no_class",
    "no_network",
    "one_line",
    "one_of",
    "origin",
    "origin_pattern",
    "path",
    "pattern",
    "peer",
    "plain_path",
    "readable",
    "result_keys",
    "share",
    "token",
    "usable",
    "writable",
]


class Unfit(ValueError):  # noqa: N818 - it is a verdict on a value
    """A value that can't be used, with a key of `CODES`, a sentence, and what to write instead."""

    def __init__(self, code: LiteralString, sentence: str, hint: str = "") -> None:
        super().__init__(f"{sentence}; {hint}" if hint else sentence)
        self.code: LiteralString = code
        self.sentence = sentence
        self.hint = hint


# Names of headers


def writable(name: str) -> str:
    """The name of a response header that both protocols write, and that no server relies on."""
    try:
        StrHeaders().append(name, "")
    except ValueError as error:
        sentence, _, hint = str(error).partition("; ")
        raise Unfit("DW201", sentence, hint) from error
    # RFC 9110 §8.6: a second value, or another one, would break the framing.
    if name.lower() == "content-length":
        raise Unfit("DW201", f"{name!r} is the length of the body", "use another name")
    return name


def readable(name: str) -> str:
    """The name of a request header that both protocols can tell from others, in lower case."""
    # WSGI can't tell X_Request_Id from X-Request-Id, and ASGI must not (CVE-2026-3902).
    if not is_token(name) or name.endswith("-") or "_" in name:
        known = f"{name.replace('_', '-')!r}" if "_" in name else "a token such as 'x-request-id'"
        hint = f"write {known}"
        raise Unfit("DW201", f"{name!r} is not a header name that both protocols can tell", hint)
    return name.lower()


# Who, and to whom


def peer(text: Any) -> str:
    """A network in CIDR notation, or ``"unix"`` for every peer behind a Unix socket."""
    if not isinstance(text, str):
        raise Unfit("DW104", f"{text!r} is not a network", "write '10.0.0.0/8' or 'unix'")
    try:
        if text != UNIX:
            network(text)
    except ValueError as error:
        raise Unfit("DW202", str(error), "write '10.0.0.0/8' or 'unix'") from error
    return text


def no_network(text: str) -> str:
    """What is no network, where one stands in a list."""
    if text == UNIX or "." in text or ":" in text:
        raise Unfit("DW104", "networks come in a list", f"write [{text!r}]")
    return text


_SOURCES: Final = "a header name such as 'x-real-ip', networks, or the number of your proxies"


def client_ip(source: Any) -> Any:
    """Where the address of a client stands, as `dualware.core.logging.client.Client` takes it."""
    if isinstance(source, list | tuple):
        return [peer(each) for each in cast("list[Any]", source)]
    if isinstance(source, bool) or not isinstance(source, int | str):
        sentence = f"{source!r} does not say where the client's address stands"
        raise Unfit("DW104", sentence, f"write 'peer', {_SOURCES}")
    if isinstance(source, int):
        if source < 1:
            raise Unfit("DW106", f"{source!r} proxies", "write 1 or more, or 'peer' for none")
        return source
    no_network(source)
    # Every such header but one has a hyphen: a word without is another one, spelt wrong.
    if "-" not in source and source.lower() != "forwarded":
        return one_of(source, ("peer",), _SOURCES)
    return readable(source)


def host(text: str) -> str:
    """A host, or ``*.`` and the name that hosts are below of; lower case."""
    try:
        return host_pattern(text)
    except ValueError as error:
        raise Unfit(
            "DW202",
            str(error),
            "write 'api.example.com' or '*.example.com': no scheme, port or path; letters beyond "
            "ASCII as 'xn--…'",
        ) from error


def origin(text: str) -> str:
    """An origin in the one spelling that browsers send, so that it can match."""
    if text == "*":
        raise Unfit("DW203", "'*' in a list", "write '*' alone, or the origins without it")
    if "*" in text:
        raise Unfit("DW202", f"{text!r} is a pattern", "write each origin in full")
    return origin_pattern(text)


def origin_pattern(text: str) -> str:
    """The same, or with ``*.`` before the host or ``:*`` for the port; or ``*`` for all."""
    try:
        if text != "*":
            read(text)
    except ValueError as error:
        sentence, _, hint = str(error).partition("; ")
        raise Unfit("DW202", sentence, hint) from error
    return text


# Results and paths


def result_keys(table: dict[str, Any] | None) -> dict[str, Any] | None:
    """A table by result, as `dualware.core.logging.levels.ByResult` looks it up."""
    for key in table or ():
        if not is_key(key):
            raise Unfit(
                "DW106",
                f"{key!r} is neither a status, a class of them, nor an outcome",
                f"write '404', '4xx', 'default', or one of {', '.join(map(repr, OUTCOMES))}",
            )
    return table


def share(rate: float) -> float:
    """A part of all, from 0 to 1."""
    if not 0 <= rate <= 1:
        raise Unfit("DW106", f"{rate!r} is no share", "write a number from 0 (none) to 1 (all)")
    return rate


def plain_path(path: str) -> str:
    """A decoded path, without a query."""
    if not path.startswith("/"):
        raise Unfit("DW106", f"{path!r} is not a path", f"write {'/' + path!r}")
    if "?" in path or "%" in path:
        sentence = f"{path!r} is compared with the decoded path, without its query"
        raise Unfit("DW106", sentence, "leave the query out, and write the characters themselves")
    return path


def path(text: Any) -> str:
    """A prefix or glob that some path can match."""
    if not isinstance(text, str):
        # What could be chosen by its name only would answer no preflight, and so allow nothing.
        hint = "write the path whose preflights it answers, as '/api'"
        raise Unfit("DW103", f"a policy without a path, but {text!r}", hint)
    try:
        return path_rule(text)
    except ValueError as error:
        sentence, _, hint = str(error).partition("; ")
        raise Unfit("DW304", sentence, hint) from error


# What may be asked for, and read, across origins


def method(text: str) -> str:
    """A method that scripts can use, as browsers send it; or ``*``."""
    upper = text.upper()
    if not is_token(text):
        raise Unfit("DW301", f"{text!r} is not a method", "write 'PUT'")
    if upper in FORBIDDEN_METHODS:
        raise Unfit("DW301", f"{text!r}: no script can use that method", "leave it out")
    return upper if upper in NORMALIZED_METHODS else text


def askable(name: str) -> str:
    """The name, in lower case, of a request header that scripts can set; or ``*``."""
    lower = name.lower()
    if not is_token(name):
        raise Unfit("DW302", f"{name!r} is not a header name", "write 'X-Name'")
    if lower.startswith("access-control-") or is_forbidden_header(lower):
        raise Unfit("DW302", f"{name!r}: no script can set that header", "leave it out")
    return lower


def exposable(name: str) -> str:
    """The name of a response header that scripts of other origins may read; or ``*``."""
    lower = name.lower()
    if not is_token(name):
        raise Unfit("DW302", f"{name!r} is not a header name", "write 'X-Name'")
    # Fetch §2.2.2, "forbidden response-header name"; the others mean nothing to a script.
    if lower in _UNREADABLE or lower.startswith("access-control-request-"):
        raise Unfit("DW302", f"{name!r}: no script can read that header", "leave it out")
    return name


_UNREADABLE: Final = frozenset(
    {
        "access-control-allow-headers",
        "access-control-allow-methods",
        "access-control-max-age",
        "origin",
        "set-cookie",
        "set-cookie2",
    }
)


# Words, expressions, callables


def token(text: str, instead: str) -> str:
    """An RFC 9110 §5.6.2 token; ``instead`` is one that could stand there."""
    if not is_token(text):
        raise Unfit("DW204", f"{text!r} is not a token", f"write {instead!r}")
    return text


def one_line(text: str) -> str:
    """Text that stays on its line, whoever shows it."""
    if not text.isprintable():
        raise Unfit("DW106", f"{text!r} has characters that can't be shown", "write plain text")
    return text


def one_of(value: Any, choices: Iterable[str], besides: str = "") -> Any:
    """One of the choices; ``besides`` says what else could stand there."""
    known = list(choices)
    if value in known:
        return value
    raise Unfit("DW106", f"{value!r} is not one of the choices", near(value, known, besides))


def near(value: object, known: Iterable[str], besides: str = "") -> str:
    """The hint for a word that is none of the ``known``."""
    words = list(known)
    close = difflib.get_close_matches(str(value), words, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"write {', '.join([*map(repr, words), *([besides] if besides else [])])}"


def pattern(given: Any) -> Any:
    """A regular expression for text, compiled or not."""
    text = cast("Any", given).pattern if isinstance(given, re.Pattern) else given
    if not isinstance(text, str):
        raise Unfit("DW206", f"{text!r} is not text", "compile a str, not bytes")
    try:
        re.compile(text)
    except re.error as error:
        raise Unfit("DW206", f"{text!r} is not a regular expression: {error}") from error
    return cast("Any", given)


def media_type(text: str) -> str:
    """A media type, or a pattern of such."""
    if not is_pattern(text):
        hint = "write 'text/html', 'image/*', '*+json', or '!image/svg+xml' for an exception"
        raise Unfit("DW209", f"{text!r} is not a media type", hint)
    return text


def installed(backend: str) -> str:
    """A library for gzip that is there, or ``auto``."""
    if backend in EXTRAS and not is_installed(backend):
        hint = f"pip install 'dualware[{EXTRAS[backend]}]', or write 'auto'"
        raise Unfit("DW208", f"{backend} is not installed", hint)
    return backend


def imported(name: str) -> Any:
    """What ``"package.module:name"`` names."""
    try:
        return import_string(name)
    except Exception as error:
        # Importing runs a module, which may raise anything. To what Python says, werkzeug adds a
        # page of advice.
        said = error.exception if isinstance(error, ImportStringError) else error
        raise Unfit("DW205", f"{name!r} can't be imported: {said}") from error


def no_class(function: Any) -> Any:
    """What is no class, where calling one would only make an object that nobody calls."""
    if isinstance(function, type):
        raise Unfit("DW205", f"{function!r} is a class", "make an instance of it")
    return function


def fitting(function: Any, arguments: int, instead: str) -> Any:
    """What can be called with so many arguments, and may have to be awaited.

    ``instead`` says what else could stand there.
    """
    if not callable(function):
        raise Unfit("DW104", f"{function!r} can't be called", f"write {instead}")
    try:
        inspect.signature(function).bind(*range(arguments))
    except TypeError as error:
        sentence = f"{function!r} is called with {arguments} arguments: {error}"
        raise Unfit("DW205", sentence) from error
    except ValueError:
        # Some builtins have no signature to look at; they are believed.
        pass
    return function


def metric_sink(given: Any, named: Mapping[str, str]) -> Any:
    """A callable for figures: as it is, as ``"package.module:NAME"``, or by a word of ``named``.

    ``named`` says for each word where the class is that an instance is made of.
    """
    instead = "'package.module:NAME', or a callable"
    if not isinstance(given, str):
        return usable(no_class(given), 1, f"{' or '.join(map(repr, named))}, {instead}")
    if ":" in given:
        return usable(no_class(imported(given)), 1, "the name of a callable")
    made_of = imported(named[one_of(given, named, instead)])
    try:
        return made_of()
    except ImportError as error:
        sentence, _, hint = str(error).partition("; ")
        raise Unfit("DW208", f"{given!r} can't be used: {sentence}", hint) from error
    except ValueError as error:
        # Somebody else has registered what it is called.
        raise Unfit("DW299", f"{given!r} can't be used: {error}") from error


def is_awaited(function: Any) -> bool:
    """Whether what ``function`` returns has to be awaited."""
    # The second is for instances whose `__call__` is a coroutine function.
    both = (function, getattr(function, "__call__", None))  # noqa: B004
    return any(inspect.iscoroutinefunction(each) for each in both)


def usable(function: Any, arguments: int, instead: str) -> Any:
    """What can be called with so many arguments, and need not be awaited."""
    if callable(function) and is_awaited(function):
        raise Unfit("DW205", f"{function!r} is a coroutine function", "a plain function works")
    return fitting(function, arguments, instead)
