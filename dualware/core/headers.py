"""One interface over the two header lists: byte pairs under ASGI, native strings under WSGI.

Knows how to find, add and replace fields without converting what nobody touches. Must never
change a list that an application handed over: the first change copies it. What is added is
checked here, once for both protocols, since some servers split a response on CR LF in a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from dualware.core.field_names import FieldNames, Pair, Parts
from dualware.core.fields import HOP_BY_HOP, is_token, is_value

__all__ = [
    "BytesHeaders",
    "FieldName",
    "Fields",
    "Headers",
    "StrHeaders",
    "drop_length",
    "weaken_etag",
]

_Text = TypeVar("_Text", str, bytes)

# Names that were found legal, with their wire form under ASGI. Middleware write a handful of
# names, so the bound is there only against a middleware which makes names from requests.
_KNOWN: dict[str, bytes] = {}
_KNOWN_MOST = 1024


def _wire_name(name: str) -> bytes:
    """The lower-case wire form of a legal name. Raises ValueError for any other."""
    known = _KNOWN.get(name)
    return _admit(name) if known is None else known


def _admit(name: str) -> bytes:
    lower = name.lower()
    # wsgiref.validate refuses names that end so, and "Status", which CGI servers take for the
    # status line (PEP 3333, "Specification Details").
    if not is_token(name) or name[-1] in "-_" or lower == "status":
        raise ValueError(
            f"{name!r} cannot be a response header name; use an RFC 9110 token that does not end "
            "in '-' or '_' and is not 'Status'"
        )
    # PEP 3333, "Other HTTP Features": an application must not set hop-by-hop fields. Trailer is
    # the one which ASGI leaves to the application; `StrHeaders` refuses that too.
    if lower in HOP_BY_HOP and lower != "trailer":
        raise ValueError(f"{name!r} is a hop-by-hop field; only the server may set it")
    wire = lower.encode("ascii")
    if len(_KNOWN) < _KNOWN_MOST:
        _KNOWN[name] = wire
    return wire


def _check_value(name: str, value: str) -> None:
    # RFC 9110 §5.5; CVE-2020-7695: never rely on the server to refuse CR and LF.
    if not is_value(value):
        raise ValueError(
            f"{value[:64]!r} cannot be the value of {name}: only Latin-1 without control "
            "characters or surrounding spaces may stand in a header"
        )


class Headers(Generic[_Text]):
    """The response header list of one exchange, as middleware see it: `str` in, `str` out.

    Names are matched case-insensitively. Order and duplicates of everything that is not named in
    a call stay as they were. Every method that adds raises ValueError for a name that is not an
    RFC 9110 token, a hop-by-hop name, or a value with control characters.
    """

    __slots__ = ("_own", "_pairs")

    def __init__(self, pairs: Iterable[Pair] = ()) -> None:
        # A list is read in place and copied when first changed; anything else is read once now,
        # since a generator could not be read again (protocols A15).
        self._pairs: list[Pair]
        if pairs.__class__ is list:
            self._own = False
            self._pairs = pairs  # pyright: ignore[reportAttributeAccessIssue] - by its class
        else:
            self._own = True
            self._pairs = list(pairs)

    # What the two protocols differ in.

    def _native(self, name: str, value: str) -> Pair:
        """The checked pair as the protocol writes it."""
        raise NotImplementedError

    def _key(self, name: str) -> _Text:
        """``name`` in the form that `_text_key` gives the names of the list."""
        raise NotImplementedError

    def _text(self, value: _Text) -> str:
        """A value of the list as `str`."""
        raise NotImplementedError

    def _made(self, fields: Fields) -> list[Pair]:
        """The pairs of ``fields`` as the protocol writes them."""
        raise NotImplementedError

    def _length(self, size: int) -> Pair:
        """Content-Length as the protocol writes it."""
        raise NotImplementedError

    # What drivers read.

    @property
    def pairs(self) -> list[Pair]:
        """The protocol's own list: the application's object as long as nothing was changed."""
        return self._pairs

    @property
    def changed(self) -> bool:
        """Whether `pairs` is another object than the one that the application gave."""
        return self._own

    def own(self) -> list[Pair]:
        """`pairs`, and from now on a list of ours: whoever adds to it has checked what it adds."""
        if not self._own:
            self._pairs = self._pairs.copy()
            self._own = True
        return self._pairs

    # What middleware call.

    def get(self, name: str) -> str | None:
        """The value of the first field called ``name``, None where there is none."""
        key = self._key(name)
        size = len(key)
        for pair in self._pairs:
            known = pair[0]
            # Most names are shorter or longer, and that is seen at a glance.
            if len(known) == size and known.lower() == key:
                return self._text(pair[1])
        return None

    def get_all(self, name: str) -> list[str]:
        """The values of every field called ``name``, in order."""
        key = self._key(name)
        size = len(key)
        values: list[str] = []
        for pair in self._pairs:
            known = pair[0]
            if len(known) == size and known.lower() == key:
                values.append(self._text(pair[1]))
        return values

    def pick(self, names: FieldNames) -> dict[str, str]:
        """The fields of ``names`` that are there, in one pass: lower-case name → value.

        Several of one name are one value, joined by ``, `` (RFC 9110 §5.3).
        """
        raise NotImplementedError

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """The fields as ``(lower-case name, value)``, in order."""
        for known, value in self._pairs:
            yield self._text(known).lower(), self._text(value)

    def __len__(self) -> int:
        return len(self._pairs)

    @property
    def names(self) -> list[str]:
        """The names in lower case, each once; what is no text of the protocol has none."""
        kind = type(self._key(""))
        known: list[Any] = [name.lower() for name, _ in self._pairs if isinstance(name, kind)]
        return [self._text(name) for name in dict.fromkeys(known)]

    def extend_alone(self, fields: Fields, parts: Parts | None) -> bool:
        """Add ``fields`` after all others, unless a name may hold one of ``parts``.

        Returns whether they were added.
        """
        if parts is not None and parts.may_stand_in(self._pairs):
            return False
        self.extend(fields)
        return True

    def extend(self, fields: Fields | Iterable[tuple[str, str]]) -> None:
        """Add fields after all others; what was made ready as `Fields` costs no check."""
        if isinstance(fields, Fields):
            self.own().extend(self._made(fields))
        else:
            for name, value in fields:
                self.append(name, value)

    def append(self, name: str, value: str) -> None:
        """Add a field after all others, whether or not there is one of that name."""
        pair = self._native(name, value)
        self.own().append(pair)

    def set(self, name: str, value: str) -> None:
        """Make ``name`` stand exactly once, in the place of the first field of that name."""
        self._replace(name, self._native(name, value))

    def set_length(self, size: int, fields: Fields | None = None) -> None:
        """Declare a body of ``size`` bytes, as `set` does, and add ``fields`` after all others.

        Nothing is to be checked, and all of it is one pass.
        """
        length = self._length(size)
        key = self._key("Content-Length")
        longest = len(key)
        pairs: list[Pair] = []
        placed = 0
        for pair in self._pairs:
            known = pair[0]
            declares = len(known) == longest and known.lower() == key
            pairs.append(length if declares else pair)
            placed += declares
        if placed != 1:
            self._replace("Content-Length", length)
            pairs = self._pairs
        self._pairs = pairs if fields is None else pairs + self._made(fields)
        self._own = True

    def _replace(self, name: str, pair: Pair) -> None:
        key = self._key(name)
        size = len(key)
        kept: list[Pair] = []
        placed = False
        for other in self._pairs:
            known = other[0]
            if len(known) != size or known.lower() != key:
                kept.append(other)
            elif not placed:
                kept.append(pair)
                placed = True
        if not placed:
            kept.append(pair)
        self._pairs = kept
        self._own = True

    def merge(
        self,
        name: str,
        more: tuple[str, ...],
        merged: Callable[[tuple[str, ...], tuple[str, ...]], Fields | None],
    ) -> bool:
        """Make all fields called ``name`` the one that ``merged`` makes of their values and more.

        It stands where the first of them stood; None leaves them as they are. Returns whether
        there were any.
        """
        key = self._key(name)
        size = len(key)
        places: list[int] = []
        values: list[str] = []
        for place, pair in enumerate(self._pairs):
            known = pair[0]
            if len(known) == size and known.lower() == key:
                places.append(place)
                values.append(self._text(pair[1]))
        if not places:
            return False
        fields = merged(tuple(values), more)
        if fields is not None:
            pairs = self.own()
            pairs[places[0]] = self._made(fields)[0]
            for each in places[:0:-1]:
                del pairs[each]
        return True

    def setdefault(self, name: str, value: str) -> bool:
        """Add the field unless one of that name is there. Returns whether it was added."""
        if name in self:
            return False
        self.append(name, value)
        return True

    def remove(self, name: str) -> bool:
        """Take every field called ``name`` away. Returns whether there was one."""
        if name not in self:
            return False
        key = self._key(name)
        self._pairs = [pair for pair in self._pairs if pair[0].lower() != key]
        self._own = True
        return True


class BytesHeaders(Headers[bytes]):
    """ASGI's list: pairs of bytes, names added in lower case (ASGI, "Response Start")."""

    __slots__ = ()

    def _native(self, name: str, value: str) -> Pair:
        wire = _wire_name(name)
        _check_value(name, value)
        return wire, value.encode("latin-1")

    def _key(self, name: str) -> bytes:
        known = _KNOWN.get(name)
        return name.lower().encode("latin-1") if known is None else known

    def _text(self, value: bytes) -> str:
        return value.decode("latin-1")

    def _made(self, fields: Fields) -> list[Pair]:
        return fields.wire

    def _length(self, size: int) -> Pair:
        return b"content-length", b"%d" % size

    def pick(self, names: FieldNames) -> dict[str, str]:
        return names.among(self._pairs)


class StrHeaders(Headers[str]):
    """WSGI's list: pairs of native strings (PEP 3333, "The start_response() Callable")."""

    __slots__ = ()

    def _native(self, name: str, value: str) -> Pair:
        # wsgiref and waitress answer 500 to a Trailer field (PEP 3333, "Other HTTP Features").
        if _wire_name(name) == b"trailer":
            raise ValueError("'Trailer' is a hop-by-hop field, and WSGI has no trailers")
        _check_value(name, value)
        # "native strings" are exactly str: wsgiref refuses subclasses.
        return str(name), str(value)

    def _key(self, name: str) -> str:
        return name.lower()

    def _text(self, value: str) -> str:
        return value

    def _made(self, fields: Fields) -> list[Pair]:
        return fields.text

    def _length(self, size: int) -> Pair:
        return "Content-Length", str(size)

    def pick(self, names: FieldNames) -> dict[str, str]:
        return names.among_native(self._pairs)


class Fields:
    """Header fields made ready once: checked, and in the form of either protocol.

    What a policy writes is known when its settings are; a response only takes the pairs over.
    Raises ValueError as `Headers.append` does.
    """

    __slots__ = ("text", "wire")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        text, wire = StrHeaders(), BytesHeaders()
        for name, value in pairs:
            text.append(name, value)
            wire.append(name, value)
        self.text = text.pairs
        """The pairs under WSGI."""
        self.wire = wire.pairs
        """The pairs under ASGI."""

    def __add__(self, other: Fields) -> Fields:
        both = Fields.__new__(Fields)
        both.text = self.text + other.text
        both.wire = self.wire + other.wire
        return both


class FieldName:
    """The name of a field that a policy writes: checked once, and in the form of either protocol.

    Raises ValueError as `Headers.append` does.
    """

    __slots__ = ("parts", "text", "wire")

    def __init__(self, name: str) -> None:
        ((self.text, _),) = Fields([(name, "")]).text
        self.wire = _wire_name(name)
        self.parts = Parts(name.lower())
        """Tells whether a field of that name may be there already."""


def weaken_etag(headers: Headers[str] | Headers[bytes]) -> None:
    """Turn a strong ETag into a weak one: the bytes on the wire changed (RFC 9110 §8.8.1)."""
    etag = headers.get("ETag")
    if etag is not None and etag.startswith('"'):
        headers.set("ETag", f"W/{etag}")


def drop_length(headers: Headers[str] | Headers[bytes]) -> None:
    """Forget the declared length: nobody knows it any more (RFC 9110 §8.6)."""
    headers.remove("Content-Length")
