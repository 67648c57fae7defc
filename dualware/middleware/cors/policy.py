"""What the settings are compiled to: policies, and which of them a request falls under.

Knows settings and the values that they become. Must never know an exchange: a request only looks
things up here.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal, cast

from dualware.core.checks import is_awaited
from dualware.core.cors.fetch import SAFELISTED_REQUEST_HEADERS
from dualware.core.cors.origins import Origins
from dualware.core.cors.paths import Paths, canonical
from dualware.core.cors.sharing import TIMED, UNTIMED, Head, Permits, Sharing, Varying
from dualware.core.headers import Fields
from dualware.core.message import Request
from dualware.middleware.cors.settings import CORSPolicy, CORSSettings, PathPolicy

__all__ = ["NOTHING", "Plan", "Policy"]

NOTHING: Final = Fields()

READY_MOST: Final = 256
"""Answers that one policy remembers."""
READY_BYTES: Final = 256
"""Bytes of the longest list of header names with which it does."""


class Policy:
    """One policy, compiled: constants of each verdict, and what settings alone can't tell."""

    __slots__ = (
        "answers", "asks", "decide", "denied", "explains", "exposes_all", "failure", "keeps",
        "known", "max_age", "methods", "name", "network", "passes", "permits", "preflight_vary",
        "ready", "requires", "sharing", "simple", "sockets", "success", "timed", "uniform",
        "unless", "varies_preflights",
    )  # fmt: skip

    def __init__(self, settings: CORSPolicy) -> None:
        self.name = settings.name if isinstance(settings, PathPolicy) else None
        # Who
        given = settings.allow_origins
        listed = tuple[str, ...](() if callable(given) else given)
        self.decide = given if callable(given) else None
        self.asks = callable(given) and is_awaited(given)
        regex = settings.allow_origin_regex
        anyone = listed == ("*",)
        self.sharing = Sharing(
            origins=Origins(() if anyone else listed, None if regex is None else re.compile(regex)),
            anyone=anyone,
            null=settings.dangerously_allow_null_origin,
            constant=listed[0] if settings.always_send else None,
            credentials=settings.allow_credentials,
            exposed=",".join(settings.expose_headers),
            timing=_origins(settings.timing_origins),
            vary=settings.vary,
        )
        known = self.sharing.known
        # Of whom the settings do not name, a callable is asked, whatever else they are named for.
        asked = self.decide is not None
        self.known = {
            o: head for o, head in known.items() if head.allowed or o is None or not asked
        }
        """The heads of origins that need no further thought, and of no origin."""
        self.uniform = None if settings.explain else self.sharing.uniform
        """The head of every response, where the origin makes no difference to it."""
        self.timed = self.sharing.timed
        self.unless = TIMED if self.timed else UNTIMED
        """What must not stand in names of the application, for all to be added as it is."""
        self.denied = Head(NOTHING, NOTHING, self.sharing.vary, allowed=False)
        # What
        more = SAFELISTED_REQUEST_HEADERS if settings.allow_safelisted_headers else ()
        self.permits = Permits(
            methods=settings.allow_methods,
            names=tuple(dict.fromkeys((*settings.allow_headers, *more))),
            credentials=settings.allow_credentials,
            strict=settings.strict_methods,
            tells_all=settings.advertise == "all",
        )
        age = settings.max_age
        seconds = "0" if age in ("never", -1) else str(age)
        self.max_age = NOTHING if age is None else Fields([("Access-Control-Max-Age", seconds)])
        # Answers. RFC 9110 §12.5.5: these headers alone tell a preflight from another OPTIONS.
        network = ("Access-Control-Request-Private-Network",) if settings.private_network else ()
        names = ("Access-Control-Request-Method", "Access-Control-Request-Headers", *network)
        self.varies_preflights = settings.vary_preflight
        told = ("Origin", *names, *settings.vary) if settings.vary_preflight else ()
        self.preflight_vary = Varying(*told)
        self.success = settings.success_status
        self.failure = 204 if settings.explain else settings.failure_status
        self.methods = tuple(settings.allow_methods)
        self.network = settings.private_network
        self.passes = settings.passthrough
        self.explains = settings.explain
        self.ready: dict[tuple[str, str, str | None], Fields] = {}
        """Answers that were made before, by origin, method and header names as asked for."""
        # Responses
        self.keeps = settings.on_existing == "keep"
        self.answers = settings.on_exception == "respond"
        self.exposes_all = settings.expose_all
        # Handshakes
        sockets = settings.websocket_origins
        self.sockets = sockets if isinstance(sockets, str) else _origins(sockets)
        self.requires = settings.require_origin
        self.simple = False
        """Whether of a request that needs no preflight nothing counts but its origin (`Plan`)."""

    def remember(self, origin: str, method: str, names: str | None, answer: Fields) -> None:
        """Keep the answer to a preflight that passes, for the browser that asks the same again.

        Never more than a few, and only where the settings name the origin: what a client makes
        up is not remembered.
        """
        if len(self.ready) < READY_MOST and len(names or "") <= READY_BYTES:
            self.ready[origin, method, names] = answer


def _origins(listed: Any) -> Origins | Literal["*"] | None:
    if listed is None:
        return None
    return "*" if list(listed) == ["*"] else Origins(listed)


class Plan:
    """All of it: the one policy, or those that go by the path."""

    __slots__ = ("_paths", "asks", "named", "only", "policies", "settings", "websocket")

    def __init__(self, settings: CORSSettings) -> None:
        self.settings = settings
        pairs = cast("Any", settings.policies)
        self.only = None if pairs else Policy(settings)
        self.policies = [Policy(policy) for _, policy in pairs]
        self.named: dict[Any, Policy] = {each.name: each for each in self.policies if each.name}
        """Those that application code may choose."""
        self._paths = Paths([path for path, _ in pairs])
        every = self.policies if self.only is None else [self.only]
        self.asks = any(each.asks for each in every)
        self.websocket = any(each.sockets or each.requires for each in every)
        for each in every:
            each.simple = not (each.explains or self.websocket)

    def of(self, request: Request) -> Policy | None:
        """The policy for ``request``, None where there is none, or its path has two meanings."""
        if self.only is not None:
            return self.only
        path = canonical(request)
        found = None if path is None else self._paths.first(path)
        return None if found is None else self.policies[found]
