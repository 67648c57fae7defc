"""What CORS does during an exchange: the answer to a preflight, the head of a response.

Knows when a policy is asked, and by what. Must never know how a policy came to be, nor what it
was compiled from; and whoever can't be told to be allowed is denied.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, ClassVar, Final, cast

from dualware.core.compiling import mypyc_attr
from dualware.core.cors.fetch import SAFELISTED_METHODS
from dualware.core.cors.origins import parse
from dualware.core.cors.sharing import REQUEST_HEADERS, REQUEST_METHOD, REQUEST_NETWORK, Head
from dualware.core.effects import Effects
from dualware.core.exchange import RESPONSE, Exchange, Flow
from dualware.core.guards import escaped
from dualware.core.header_names import HeaderName, HeaderNames
from dualware.core.headers import Fields
from dualware.core.message import Request
from dualware.core.middleware import Middleware
from dualware.middleware.cors.choices import Decision
from dualware.middleware.cors.notices import Notices, why
from dualware.middleware.cors.policy import NOTHING, Plan, Policy
from dualware.middleware.cors.settings import CORSSettings

__all__ = ["CORS"]

_NETWORK: Final = Fields([("Access-Control-Allow-Private-Network", "true")])
_TEXT: Final = Fields([("Content-Type", "text/plain; charset=utf-8")])
_ORIGIN: Final = HeaderName("origin")
_ASKED: Final = HeaderNames("origin", REQUEST_METHOD, REQUEST_HEADERS)
_SORRY: Final = b"Internal Server Error\n"


_DENIED: Final = Decision(allow=False)


@mypyc_attr(allow_interpreted_subclasses=True)
class CORS(Middleware):
    """Let pages of other origins read responses: theirs whom the settings name."""

    name = "cors"
    Settings: ClassVar[type[CORSSettings]] = CORSSettings

    def __init__(self, settings: CORSSettings, effects: Effects) -> None:
        self.effects = effects
        self._plan = Plan(settings)
        self._notices = Notices(effects.clock)
        self._notices.settings(settings)
        self.websocket = self._plan.websocket
        self.asks = self._question if self._plan.asks else None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.settings, self.effects)

    # Settings

    @property
    def settings(self) -> CORSSettings:
        """The settings that count now."""
        return self._plan.settings

    def config(self) -> dict[str, Any]:
        """What the settings say beyond their defaults, to be edited and loaded again."""
        return self.settings.config()

    def reconfigure(self, settings: CORSSettings) -> None:
        """Let other settings count from the next exchange on, all of them at once.

        Settings that were checked are those of another `CORS`: ``(new,) = dualware.load(mapping)``,
        then ``cors.reconfigure(new.settings)``. Raises ValueError, and changes nothing, where the
        wrapper around it would have to know: whether websockets take part, and callables that
        are awaited.
        """
        plan = Plan(settings)
        if plan.websocket is not self.websocket or plan.asks or self._plan.asks:
            raise ValueError(
                "whether websockets take part, and what is awaited, is settled when the "
                "application is wrapped: wrap it anew"
            )
        self._notices.settings(settings)
        self._plan = plan

    def superseded(self) -> None:
        self._notices.superseded()

    # Before the flow

    def _question(self, request: Request) -> Awaitable[Any] | None:
        """What a coroutine function is to decide about ``request``."""
        policy = self._plan.of(request)
        origin = request.header("origin")
        if policy is None or not policy.asks or origin is None or parse(origin) is None:
            return None
        return cast("Awaitable[Any]", cast("Any", policy.decide)(origin, request))

    def __call__(self, exchange: Exchange) -> Flow | None:
        plan = self._plan
        policy = plan.only or plan.of(exchange.request)
        if policy is None:
            return self._unruled(exchange, plan) if plan.named else None
        method = exchange.method
        if policy.simple and method in SAFELISTED_METHODS:
            # All that is to be seen is the origin, and not even that where all get the same.
            head = policy.uniform
            if head is None:
                origin = exchange.peek(_ORIGIN)
                # There is always one for no origin.
                head = policy.known.get(origin) or self._judged(exchange, policy, str(origin))
            return self._flow(exchange, plan, policy, head)
        if plan.websocket and exchange.session is not None:
            self._handshake(exchange, policy, exchange.peek(_ORIGIN))
            return None
        if method == "OPTIONS":
            origin, wanted, names = exchange.request.several(_ASKED)
            # Fetch, "CORS-preflight request": OPTIONS with both of these headers.
            if origin is not None and wanted is not None:
                return self._preflight(exchange, policy, origin, wanted, names)
        else:
            origin = exchange.peek(_ORIGIN)
            if origin is not None and method not in SAFELISTED_METHODS:
                self._watch(exchange.request, origin)
        head = policy.known.get(origin) or self._judged(exchange, policy, str(origin))
        if policy.explains:
            reason = None if head.allowed else why(origin)
            self._notices.verdict(exchange, policy, "actual", origin, reason)
        return self._flow(exchange, plan, policy, head)

    def _watch(self, request: Request, origin: str) -> None:
        """Take note of a request for which a browser asks leave first."""
        if self._notices.watches and origin != _own_origin(request):
            self._notices.unasked()

    # Who

    def _judged(self, exchange: Exchange, policy: Policy, origin: str) -> Head:
        """The head for an origin that settings do not name."""
        sharing = policy.sharing
        if origin in sharing:
            return sharing.head(origin, allowed=True)
        decision = _DENIED
        if policy.decide is not None and parse(origin) is not None:
            decision = self._decided(exchange, policy, origin)
        return sharing.head(origin, allowed=decision.allow, vary=decision.vary)

    def _decided(self, exchange: Exchange, policy: Policy, origin: str) -> Decision:
        """What the callable says. A failure means no, and is reported."""
        said: object
        try:
            if policy.asks:
                said = (exchange.asked or {}).get(self.key)
            else:
                said = cast("Any", policy.decide)(origin, exchange.request)
        except Exception as error:  # noqa: BLE001 - whatever a user's callable raises
            said = error
        if isinstance(said, bool):
            return Decision(said)
        if isinstance(said, Decision):
            return said
        # Anything else would be taken for yes: a match object, a coroutine that nobody awaited.
        raised = said if isinstance(said, Exception) else None
        sentence = "failed" if raised else f"returned {type(said)!r}, neither a bool nor a Decision"
        self.effects.report(f"allow_origins of cors, {policy.decide!r}, {sentence}", raised)
        return _DENIED

    # Preflights

    def _preflight(
        self, exchange: Exchange, policy: Policy, origin: str, wanted: str, names: str | None
    ) -> Flow | None:
        self._notices.watches = False
        ready = policy.ready.get((origin, wanted, names))
        if ready is not None:
            exchange.respond(policy.success, ready)
            return None
        head = policy.known.get(origin)
        rare = head is None or policy.explains or policy.passes or policy.network
        head = head or self._judged(exchange, policy, origin)
        fields, reason = self._permitted(exchange.request, policy, head, wanted, names)
        if policy.explains:
            self._notices.verdict(exchange, policy, "preflight", origin, reason, wanted)
        elif reason is not None:
            # Fetch, "HTTP responses": who does not mean to share leaves the headers out.
            fields = NOTHING
        vary = policy.preflight_vary
        if head.vary is not policy.sharing.vary and policy.varies_preflights:
            vary = vary | head.vary.names
        if policy.passes:
            passed = Head(fields, NOTHING, vary, allowed=reason is None)
            return self._through(exchange, policy, passed)
        answer = fields + vary.fields
        if reason is None and not rare:
            policy.remember(origin, wanted, names, answer)
        exchange.respond(policy.failure if reason else policy.success, answer)
        return None

    def _permitted(
        self, request: Request, policy: Policy, head: Head, wanted: str, asked: str | None
    ) -> tuple[Fields, str | None]:
        """The fields of the checks that pass, in their order (Fetch §4.8), and why not all do."""
        if not head.allowed:
            return NOTHING, why(request.header("origin"))
        method = policy.permits.method(wanted)
        if isinstance(method, str):
            return head.access, method
        names = policy.permits.names(asked)
        if isinstance(names, str):
            return head.access + method, names
        fields = head.access + method + names + policy.max_age
        if policy.network and request.header(REQUEST_NETWORK) == "true":
            fields = fields + _NETWORK
        return fields, None

    def _through(self, exchange: Exchange, policy: Policy, head: Head) -> Flow:
        """The application answers the preflight, and its response gets the fields."""
        yield RESPONSE
        self._write(exchange, policy, head)

    # Responses

    def _flow(self, exchange: Exchange, plan: Plan, policy: Policy, head: Head) -> Flow:
        try:
            yield RESPONSE
        except Exception:
            self._failed(exchange, plan, policy, head)
            raise
        choice = exchange.told("cors")
        if choice is not None:
            policy, head = self._chosen(exchange, plan, policy, choice)
        if policy.exposes_all:
            head = policy.sharing.exposing(head, exchange.response.headers)
        # Nearly every head has none of the fields yet, and takes them as they are.
        if not exchange.add(head.whole, policy.unless):
            self._write(exchange, policy, head)

    def _write(self, exchange: Exchange, policy: Policy, head: Head) -> None:
        if head.write(exchange.response.headers, policy.keeps, policy.timed):
            self._notices.exists()

    def _failed(self, exchange: Exchange, plan: Plan, policy: Policy, head: Head) -> None:
        """An exception leaves the application before its response started."""
        if exchange.outcome != "error":
            # A client that is gone has no use for an answer.
            return
        choice = exchange.told("cors")
        if choice is not None:
            policy, head = self._chosen(exchange, plan, policy, choice)
        if policy.answers:
            exchange.respond(500, _TEXT + head.whole, _SORRY)
        elif head.allowed and exchange.request.header("origin") is not None:
            self._notices.escapes()

    # What the application chose

    def _unruled(self, exchange: Exchange, plan: Plan) -> Flow:
        """No policy is for that path; the application may still choose one for its response."""
        if exchange.session is not None:
            return
        yield RESPONSE
        choice = exchange.told("cors")
        if choice is not None and choice is not False:
            path = escaped(exchange.request.path)
            sentence = f"the CORS policy {choice!r} was chosen for '{path}', which has none: "
            self.effects.report(f"{sentence}its preflights are not answered", None)
            anyone = next(iter(plan.named.values()))
            self._write(exchange, *self._chosen(exchange, plan, anyone, choice))

    def _chosen(
        self, exchange: Exchange, plan: Plan, policy: Policy, choice: object
    ) -> tuple[Policy, Head]:
        """The policy that the application chose, and its head; nobody is allowed by another."""
        named = plan.named.get(choice) if isinstance(choice, str) else None
        if named is None:
            if choice is not False:
                self.effects.report(f"there is no CORS policy {choice!r}: it allows nobody", None)
            return policy, policy.denied
        origin = exchange.request.header("origin")
        head = named.known.get(origin) or self._judged(exchange, named, str(origin))
        return named, head

    # Handshakes

    def _handshake(self, exchange: Exchange, policy: Policy, origin: str | None) -> None:
        """Refuse a websocket of a page that may not open one (RFC 6455 §10.2)."""
        allowed = not policy.requires
        if origin is not None:
            allowed = self._may_open(exchange, policy, origin)
        if policy.explains:
            reason = None if allowed else why(origin)
            self._notices.verdict(exchange, policy, "websocket", origin, reason)
        if not allowed:
            exchange.respond(403)

    def _may_open(self, exchange: Exchange, policy: Policy, origin: str) -> bool:
        sockets = policy.sockets
        if sockets is None or sockets == "*":
            return True
        if sockets == "same-origin":
            return origin == _own_origin(exchange.request)
        if isinstance(sockets, str):
            known = policy.known.get(origin) or self._judged(exchange, policy, origin)
            return known.allowed
        return origin in sockets


_PAGES: Final = {"ws": "http", "wss": "https"}
_PORTS: Final = {"http": ":80", "https": ":443"}


def _own_origin(request: Request) -> str:
    """The origin of the pages that this server serves, as the client names it.

    Good for comparisons only: Host is what the client wrote there.
    """
    scheme = _PAGES.get(request.scheme, request.scheme)
    host = (request.header("host") or "").lower()
    return f"{scheme}://{host.removesuffix(_PORTS.get(scheme, ''))}"
