"""Send bodies in fewer bytes, to clients that say they can decode them.

What a response says of itself decides first: whether it has a body that may be changed, whether
its type shrinks, whether it is long enough. Then the client decides which coding. A body that is
there as a whole is coded as one, and its length is known; a stream is coded chunk by chunk, and
everything that was sent so far decodes after each of them.

Place it innermost: what stands outside sees the bytes that go out, and their length.

Knows what HTTP says of content codings. Must never know a library that codes, nor a protocol, and
must never let a codec that fails take the response with it.

The settings stand in `settings`, and what happens in an exchange in `flows`.
"""

from dualware.middleware.compression.flows import Compression, GZip
from dualware.middleware.compression.settings import CODINGS, CompressionSettings, GZipSettings

__all__ = ["CODINGS", "Compression", "CompressionSettings", "GZip", "GZipSettings"]
