"""The settings of compression and of gzip, and what can be wrong with them.

Knows what each setting may be, and which libraries are installed. Must never know what becomes of
it in an exchange.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from dualware.core.checks import installed, media_type, one_of
from dualware.core.compression import brotli, zstd
from dualware.core.compression.padding import MOST
from dualware.middleware.model import Settings, checked, fault

__all__ = ["CODINGS", "LIBRARIES", "CompressionSettings", "GZipSettings"]

CODINGS: Final = ("zstd", "br", "gzip")
"""Every coding, in the order of what they give for their time."""

LIBRARIES: Final[dict[str, Callable[[], Any]]] = {"zstd": zstd.module, "br": brotli.module}
"""What finds the libraries that may be missing."""

_MediaType = Annotated[str, checked(media_type)]
_Coding = Annotated[str, checked(one_of, CODINGS)]


class GZipSettings(Settings):
    """Settings of the gzip middleware."""

    minimum_size: int = Field(default=500, ge=0)
    """Bytes of the shortest body that is compressed, where its length is known."""

    compresslevel: int | None = Field(default=None, ge=1, le=9)
    """How hard gzip tries, from 1 (fast) to 9 (small), as zlib means it; other libraries have
    levels near to it. None: what is best for its time, zlib's 4."""

    backend: Annotated[
        Literal["auto", "zlib", "zlib-ng", "isal", "libdeflate"], checked(installed)
    ] = "auto"
    """Who codes gzip. `"auto"`: isal for whole bodies and zlib-ng for streams where they are
    installed (`dualware[fast]`), otherwise zlib, which always is."""

    preset: Literal["small"] | None = None
    """`"small"` makes bodies as small as zlib's level 9 does, in a quarter of its time:
    libdeflate for whole bodies, zlib-ng for streams (`dualware[small,fast]`)."""

    exclude_content_types: list[_MediaType] | tuple[_MediaType, ...] | None = None
    """Media types that are not compressed, such as `"text/html"`, `"image/*"`, `"*+json"`, and
    `"!image/svg+xml"` for an exception. None: audio, video, images but for SVG, BMP and ICO,
    archives, WOFF fonts and gRPC."""

    live_content_types: list[_MediaType] | tuple[_MediaType, ...] = ("text/event-stream",)
    """Media types of streams that stay open for long. Their head is never held."""

    compress_live: bool = False
    """True compresses those too, with codecs that take 60 (gzip) or 90 KiB (zstd) for each open
    stream; never with brotli, which takes 550."""

    max_block_ms: float = Field(default=1.0, gt=0, le=10_000)
    """How long an event loop may stand still for one chunk, in ms, by a prediction from its
    size. What takes longer is coded in a thread (ASGI; under WSGI there is no loop)."""

    breach_padding: int = Field(default=100, ge=0, le=MOST)
    """Bytes of the longest padding that is added to compressed bodies, so that their length tells
    less of a secret in them (BREACH, CVE-2013-3587). 0 adds none."""

    skip_credentials: bool = False
    """True does not compress for requests with a Cookie or Authorization header, whose
    responses may hold secrets."""

    @model_validator(mode="after")
    def _together(self) -> GZipSettings:
        if self.preset is not None and (self.backend != "auto" or self.compresslevel is not None):
            hint = "leave backend and compresslevel out, or the preset"
            raise fault("DW203", "a preset stands for a backend and a compresslevel", hint)
        return self


class CompressionSettings(GZipSettings):
    """Settings of the compression middleware."""

    codings: list[_Coding] | tuple[_Coding, ...] = Field(default=CODINGS, min_length=1)
    """The codings to offer, the favourite first: of those that a client likes equally, it gets
    the first. One whose library is not installed is not offered (`dualware[zstd,brotli]`)."""

    zstd_level: int = Field(default=3, ge=1, le=zstd.LEVEL_MOST)
    """How hard zstd tries, from 1 (fast) to 19 (small)."""

    brotli_quality: int = Field(default=4, ge=0, le=11)
    """How hard brotli tries, from 0 (fast) to 11 (small)."""

    @model_validator(mode="after")
    def _any(self) -> CompressionSettings:
        if all(each != "gzip" and LIBRARIES[each]() is None for each in self.codings):
            hint = "pip install 'dualware[zstd,brotli]', or offer 'gzip' too"
            raise fault("DW208", "none of the codings is installed", hint)
        return self
