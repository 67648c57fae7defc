"""A body whose chunks pass as they are, pulled by a generator: no call of ours for each of them.

Not compiled, since the exchange asks the generator whether it runs. Must never hold a chunk back,
change one, or pull before the server asks.
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import chain
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dualware.wsgi.body import Body
    from dualware.wsgi.exchange import WSGIExchange

__all__ = ["untouched"]

_NO_CHUNK: Final = object()
_UNTOLD_MOST: Final = 2**29
"""Bytes that are counted before the exchange is told of them: few enough to be compared quickly."""
_ITERATORS: Final = frozenset({GeneratorType, chain, filter, map, type(iter([])), type(iter(()))})
"""Iterators that are their own iterator, however often they are asked."""


def untouched(
    body: Body, exchange: WSGIExchange, ready: list[bytes]
) -> Generator[bytes, None, None]:
    """What `Body.__next__` gives, ``ready`` first."""
    handed = False
    # Bytes that the exchange was not told of yet, and how many it need not be told of.
    counted = room = 0
    try:
        iterator: Any = body.iterator()
        if type(iterator) not in _ITERATORS:
            # By its __next__, for it was asked for its iterator already.
            iterator = iter(iterator.__next__, _NO_CHUNK)
        for chunk in chain(ready, iterator) if ready else iterator:
            counted += len(chunk)
            if counted >= room:
                # The first, and those that make the body whole.
                exchange.count(counted)
                counted, room = 0, min(exchange._most - (exchange.sent or 0), _UNTOLD_MOST)
            handed = True
            yield chunk
            handed = False
    except BaseException as error:
        if counted:
            exchange.count(counted)
        if not handed:
            body.failed(error)
        raise
    body.exhausted(counted)
