"""What is told about CORS: to the log line, and to the logger `dualware`.

Knows whom to tell, and how often. Must never change a verdict.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

from dualware.core.cors.hints import near_miss, smells
from dualware.core.cors.origins import NULL, parse
from dualware.core.exchange import Exchange
from dualware.core.guards import Once, Pace, escaped
from dualware.middleware.cors.policy import Policy
from dualware.middleware.cors.settings import CORSPolicy, CORSSettings

__all__ = ["Notices", "why"]

_OUTERMOST: Final = (
    "an exception left the application past CORS, so a page of another origin can't read the "
    'server\'s 500: put CORS around the whole application, or set on_exception="respond"'
)
_EXISTING: Final = (
    "the application writes Access-Control-* fields itself, and CORS does too: leave it to one "
    "of them; on_existing says whose fields count until then"
)
_TWICE: Final = "CORS stands inside CORS: the outer one answers, and this one does nothing"
_BLIND: Final = (
    "requests come that a browser asks leave for, but none of their preflights: what stands "
    "outside of CORS may answer them; put CORS outside of it"
)


class Notices:
    """What one CORS middleware has told, and will not tell again."""

    BLIND: Final = 64
    """Requests without a single preflight after which `blind` speaks. A browser that remembers a
    preflight sends requests without one for a while, and so do programs."""

    __slots__ = ("_blind", "_info", "_pace", "_unasked", "escaped", "existing", "twice", "watches")

    def __init__(self, clock: Callable[[], int]) -> None:
        logger = logging.getLogger("dualware")
        self._info = logger.info
        self._pace = Pace(clock)
        self._unasked = 0
        self.watches = True
        """Whether no preflight came yet, and `blind` has not spoken."""
        self._blind = Once(logger.warning)
        self.existing = Once(logger.warning)
        self.escaped = Once(logger.warning)
        self.twice = Once(logger.warning)

    # Each is called when it happens

    def unasked(self) -> None:
        """A request came that needs a preflight, while none was seen."""
        self._unasked += 1
        if self._unasked >= self.BLIND:
            self.watches = False
            self._blind(_BLIND)

    def exists(self) -> None:
        """The application wrote fields of ours."""
        self.existing(_EXISTING)

    def escapes(self) -> None:
        """An exception passed whose 500 nobody else makes readable."""
        self.escaped(_OUTERMOST)

    def superseded(self) -> None:
        """Another CORS stands outside."""
        self.twice(_TWICE)

    def verdict(
        self,
        exchange: Exchange,
        policy: Policy,
        kind: str,
        origin: str | None,
        reason: str | None,
        wanted: str = "",
    ) -> None:
        """A verdict of a policy that explains: every one to the log line, refusals to the log."""
        event = {
            "kind": kind,
            "verdict": "allowed" if reason is None else "denied",
            "reason": reason,
            "origin": None if origin is None else escaped(origin),
            "near_miss": _near(policy, origin, reason, wanted),
        }
        exchange.record.add({"cors": event})
        if reason not in (None, "no-origin") and (more := self._pace()) is not None:
            said = ", ".join(f"{name}={value}" for name, value in event.items() if value)
            self._info(f"cors: {said}{more}", extra={"cors": event})

    def settings(self, settings: CORSPolicy) -> None:
        """Settings count from now on: what of them was probably not meant so."""
        for smell in _smells(settings):
            logging.getLogger("dualware").warning("cors: %s", smell)


def why(origin: str | None) -> str:
    """Why an origin that is not allowed is not."""
    if origin is None:
        return "no-origin"
    return "origin-denied" if origin == NULL or parse(origin) is not None else "origin-invalid"


def _near(policy: Policy, origin: str | None, reason: str | None, wanted: str) -> str | None:
    """What was probably meant."""
    if origin is not None and reason in ("origin-denied", "origin-invalid"):
        return near_miss(origin, policy.sharing.origins.patterns)
    if reason == "method-denied" and wanted.upper() in policy.methods:
        return f"case of {wanted.upper()!r}"
    return None


def _smells(settings: CORSPolicy) -> Iterator[str]:
    """What works as it is written, and was probably not meant so."""
    regex = settings.allow_origin_regex
    if regex is not None:
        text = regex.pattern if isinstance(regex, re.Pattern) else regex
        yield from (f"allow_origin_regex {text!r}: {smell}" for smell in smells(text))
    for method in settings.allow_methods:
        if method.upper() != method:
            # Fetch §2.2.1: browsers write six methods in upper case, and this is none of them.
            yield f"allow_methods {method!r} is another method than {method.upper()!r}"
    if settings.private_network:
        yield "private_network is deprecated: browsers ask the user instead"
    if isinstance(settings, CORSSettings):
        for _, policy in cast("Any", settings.policies):
            yield from _smells(policy)
