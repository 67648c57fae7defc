"""What compression does in an exchange: what it decides at the head, and at the first chunk.

Knows what HTTP says of content codings. Must never know a library that codes, a protocol, or what a
setting may be, and never let a codec that fails take the response with it.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Final

from dualware.core.compiling import mypyc_attr
from dualware.core.compression import brotli, zstd
from dualware.core.compression.choices import IDENTITY, SMALL, Choice, Choices
from dualware.core.compression.coding import Coding
from dualware.core.compression.gzip import Gzip
from dualware.core.compression.media_types import COMPRESSED, KnownTypes
from dualware.core.compression.padding import Padding
from dualware.core.compression.recoding import (
    READ,
    codable,
    is_ordinary,
    label,
    recode,
    vary,
    vary_early,
)
from dualware.core.effects import Effects
from dualware.core.exchange import BODY, RESPONSE, Exchange, Flow
from dualware.core.fields import length_of
from dualware.core.header_names import HeaderName
from dualware.core.message import Codec, Request, Response
from dualware.core.middleware import Middleware
from dualware.core.work import Work
from dualware.middleware.compression.settings import LIBRARIES, CompressionSettings, GZipSettings

__all__ = ["Compression", "GZip"]

_ACCEPTED: Final = HeaderName("accept-encoding")
_LISTED_MOST: Final = 1000
"""Bytes of the shortest body up to which every shorter length is listed, so that none is parsed."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Compression(Middleware):
    """Send bodies in fewer bytes, by the coding that the client likes best."""

    # GZip has the same: of one around the other, the outer one runs.
    name = "compression"
    Settings: ClassVar[type[GZipSettings]] = CompressionSettings

    def __init__(self, settings: GZipSettings, effects: Effects) -> None:
        self.settings = settings
        self.effects = effects
        self._minimum = settings.minimum_size
        self._skips = settings.skip_credentials
        padding = Padding(settings.breach_padding, effects.random)
        self._codings = tuple(_offered(settings, padding))
        self._choices = Choices(self._codings)
        excluded = settings.exclude_content_types
        self._types = KnownTypes(
            COMPRESSED if excluded is None else excluded,
            live=settings.live_content_types,
            skips_live=not settings.compress_live,
        )
        # "0" may stand in a 304 of any length, see `_may_change`.
        self._short = frozenset(map(str, range(1, min(self._minimum, _LISTED_MOST))))
        self._parses = self._minimum > _LISTED_MOST
        logging.getLogger("dualware").debug("compression: %s", self.described)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.settings, self.effects)

    @property
    def described(self) -> str:
        """Which codings are offered, and who does the work: ``zstd 3; gzip by zlib 4``."""
        return "; ".join(map(str, self._codings))

    def __call__(self, exchange: Exchange) -> Flow:
        choice = self._choices[exchange.peek(_ACCEPTED)]
        if choice.whole is not None and (self._skips or exchange.may_bypass):
            choice = self._granted(exchange.request, choice)
        yield RESPONSE
        fields = exchange.fields(READ)
        excluded, live = self._types[fields.get("content-type")]
        if (excluded or fields.get("content-length") in self._short) and not choice.forced:
            # Most of what is not coded, told without a `response` and without parsing.
            return
        whole, forced = choice.whole, choice.forced
        if whole is None and self._is_plain(exchange, fields) and vary_early(exchange, fields):
            # The same for a client that takes no coding: whatever the body is, it gets that.
            return
        response = exchange.response
        headers = response.headers
        # Most of what could be coded says nothing that forbids it. Without a coding, a length that
        # is declared tells all that there is to know.
        settled = whole is None and "content-length" in fields
        if (
            settled or live or self._parses or not is_ordinary(response, fields)
        ) and not self._waits(response, fields, choice):
            return
        yield BODY
        if response.headers is not headers:
            # WSGI: the head was replaced as its body began.
            fields = exchange.fields(READ)
            if not self._may_change(response, fields, forced=forced):
                return
        body = response.first_chunk or b""
        size = len(body)
        if whole is None:
            self._uncoded(response, fields, size)
            return
        # As `sized`. Who takes a coding takes one for whatever size.
        coding = whole if size >= SMALL else choice.small or whole
        if not response.complete or size >= coding.slow_from:
            yield from (
                self._whole(response, fields, coding, forced=forced)
                if response.complete
                else self._stream(response, fields, whole)
            )
        elif size and (size >= self._minimum or forced):
            # As `_whole`, in place.
            self._recode(response, fields, coding, self._tried(coding.whole, body), forced=forced)

    # What is decided

    def _is_plain(self, exchange: Exchange, fields: dict[str, str]) -> bool:
        """Whether some client would get a coding, as far as a declared length tells it at once."""
        length = fields.get("content-length")
        if length is None or exchange.has_response:
            # What made a `response` may have seen that the body passes by.
            return False
        # No shorter one is left but those with a zero in front; and see `length_of`.
        if self._parses or length[:1] == "0" or not (length.isascii() and length.isdigit()):
            return False
        return codable(exchange.status or 0, fields)

    def _granted(self, request: Request, choice: Choice) -> Choice:
        """The choice, if the request has nothing against it."""
        if self._skips and (request.header("cookie") or request.header("authorization")):
            return IDENTITY
        request.see_body()
        return choice

    def _may_change(self, response: Response, fields: dict[str, str], *, forced: bool) -> bool:
        """Whether the head lets the body be coded, for this client or for another."""
        excluded, _ = self._types[fields.get("content-type")]
        if (excluded and not forced) or not codable(response.status or 0, fields):
            return False
        declared = length_of(fields.get("content-length"))
        if declared == 0 and response.status == 304:
            # That of nothing, not of the response that did not change.
            declared = None
        short = declared is not None and declared < self._minimum
        return not (declared == 0 or (short and not forced) or response.opaque or response.lost)

    # What is done

    def _waits(self, response: Response, fields: dict[str, str], choice: Choice) -> bool:
        """Do all that can be done at the head. Returns whether there is more to do at BODY."""
        if not self._may_change(response, fields, forced=choice.forced):
            return False
        _, live = self._types[fields.get("content-type")]
        length = length_of(fields.get("content-length"))
        if live or response.bodiless:
            coding = choice.live if live else choice.sized(length)
            self._at_head(response, fields, coding)
            return False
        if choice.whole is None and length is not None:
            # Nothing that the body could tell matters.
            vary(response, fields)
            return False
        return True

    def _at_head(self, response: Response, fields: dict[str, str], coding: Coding | None) -> None:
        """Nothing of the body is waited for: it is live, or there is none."""
        vary(response, fields)
        if coding is None or response.status == 304:
            return
        if response.encodable:
            codec = self._tried(_live, coding)
            if codec is None:
                return
            response.encode(codec)
        else:
            # RFC 9110 §9.3.2: the fields of HEAD are those of GET, but for what only the making of
            # the body would tell.
            response.headers.remove("Content-Length")
        label(response, fields, coding.token)

    def _uncoded(self, response: Response, fields: dict[str, str], size: int) -> None:
        """The client takes no coding: say so where others may get one, as below."""
        if not response.complete or (size and size >= self._minimum):
            vary(response, fields)

    def _whole(
        self, response: Response, fields: dict[str, str], coding: Coding, *, forced: bool
    ) -> Flow:
        body = response.first_chunk or b""
        if not body or (len(body) < self._minimum and not forced):
            return
        work = Work(functools.partial(coding.whole, body), long=True)
        yield work
        coded = self._tried(Work.take, work)
        self._recode(response, fields, coding, coded, forced=forced)

    def _recode(
        self,
        response: Response,
        fields: dict[str, str],
        coding: Coding,
        coded: bytes | None,
        *,
        forced: bool,
    ) -> None:
        """Send what a whole body was coded to, if it was."""
        if coded is not None:
            recode(response, fields, coding.token, coded, anyway=forced)

    def _stream(self, response: Response, fields: dict[str, str], coding: Coding) -> Flow:
        vary(response, fields)
        if not response.encodable:
            return
        chunk = response.first_chunk or b""
        length = length_of(fields.get("content-length"))
        begin = functools.partial(_begun, coding, length, chunk)
        work = Work(begin, long=len(chunk) >= coding.stream_slow_from)
        yield work
        begun = self._tried(Work.take, work)
        if begun is not None:
            response.encode(*begun)
            label(response, fields, coding.token)

    def _tried(self, call: Callable[[Any], Any], given: Any) -> Any:
        """What a codec made; None where it failed, which is told and goes no further."""
        try:
            return call(given)
        except Exception as error:  # noqa: BLE001 - the body goes out as it is
            self.effects.report("a response could not be compressed", error)
            return None


@mypyc_attr(allow_interpreted_subclasses=True)
class GZip(Compression):
    """Send bodies in fewer bytes, by gzip."""

    Settings: ClassVar[type[GZipSettings]] = GZipSettings


# The parts


def _offered(settings: GZipSettings, padding: Padding) -> Iterator[Coding]:
    """The codings that are set and installed, in order."""
    block_ms = settings.max_block_ms
    backend = settings.preset or settings.backend
    gzip = Gzip(backend, settings.compresslevel, block_ms, padding)
    if not isinstance(settings, CompressionSettings):
        yield gzip
        return
    for token in dict.fromkeys(settings.codings):
        if token == "gzip":  # noqa: S105 - the name of a coding is no secret
            yield gzip
        elif (library := LIBRARIES[token]()) is None:
            continue
        elif token == "zstd":  # noqa: S105 - the same
            yield zstd.Zstd(library, settings.zstd_level, block_ms, padding)
        else:
            yield brotli.Brotli(library, settings.brotli_quality, block_ms, padding)


def _begun(coding: Coding, size: int | None, chunk: bytes) -> tuple[Codec, bytes]:
    """A codec for a stream, with what it makes of the first chunk."""
    codec = coding.stream(size)
    return codec, codec.compress(chunk) if chunk else b""


def _live(coding: Coding) -> Codec:
    return coding.stream(live=True)
