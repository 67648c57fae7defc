"""The settings of CORS, and what can be wrong with them.

Knows what a setting may be, and which do not go together. Must never know what becomes of them:
`dualware.middleware.cors` compiles them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, cast

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainValidator,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from dualware.core import checks
from dualware.core.cors.fetch import SAFELISTED_RESPONSE_HEADERS
from dualware.core.cors.origins import is_secure, read
from dualware.core.cors.suffixes import is_public_suffix
from dualware.core.message import Request
from dualware.middleware.model import (
    Fault,
    Settings,
    all_at_once,
    checked,
    fault,
    faults,
    fit,
)

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["CORSPolicy", "CORSSettings", "PathPolicy"]

_Origin = Annotated[str, checked(checks.origin_pattern)]
_Method = Annotated[str, checked(checks.method)]
_Askable = Annotated[str, checked(checks.askable)]
_Exposable = Annotated[str, checked(checks.exposable)]
_Readable = Annotated[str, checked(checks.readable)]
_Deciding = Annotated[
    Callable[[str, Request], object],
    checked(checks.no_class),
    checked(checks.fitting, 2, "a callable that takes the origin and the request"),
]


def _regex(given: Any) -> Any:
    return given and fit(checks.pattern, given)


def _unlisted(names: Any) -> Any:
    """Without those that scripts may read anyway."""
    return [name for name in names if name.lower() not in SAFELISTED_RESPONSE_HEADERS]


def _age(age: Any) -> Any:
    hint = "write seconds from 0 to 86400, or 'never'"
    if age is None or age == "never":
        return age
    if not isinstance(age, int) or isinstance(age, bool):
        raise fault("DW104", f"{age!r} is no number of seconds", hint)
    if not -1 <= age <= 86400:
        raise fault("DW106", f"{age} is out of range", hint)
    return age


def _once(names: Any) -> Any:
    return list(dict.fromkeys(names))


_ONCE: Final = AfterValidator(_once)


class CORSPolicy(Settings):
    """Settings of one policy: all of those of CORS but `policies`."""

    allow_origins: list[_Origin] | tuple[_Origin, ...] | _Deciding = ()
    """Whose pages may read responses: `["https://shop.example"]`, as browsers write origins.
    `"https://*.shop.example"` is every host below, `"https://shop.example:*"` any port, and `["*"]`
    everybody. Or a callable that takes the origin and the `Request`, and returns a bool or a
    `Decision`; under ASGI it may be a coroutine function."""

    allow_methods: Annotated[list[_Method] | tuple[_Method, ...], _ONCE] = ()
    """Methods that a preflight may ask for besides GET, HEAD and POST; `["*"]` for all."""

    allow_headers: Annotated[list[_Askable] | tuple[_Askable, ...], _ONCE] = ()
    """Request headers that a preflight may ask for. JSON needs `"Content-Type"`. `"*"` is all of
    them but Authorization, which has to be named unless credentials are allowed."""

    allow_credentials: bool = False
    """True lets pages send cookies, client certificates and HTTP authentication, and read what
    comes back. Not with everybody as an origin. What a callable allows can't be checked here."""

    allow_origin_regex: Annotated[str | re.Pattern[str] | None, AfterValidator(_regex)] = None
    """A regular expression that allows origins besides `allow_origins`; all of the origin has to
    match, and be an origin at all."""

    expose_headers: Annotated[
        list[_Exposable] | tuple[_Exposable, ...], AfterValidator(_unlisted), _ONCE
    ] = ()
    """Response headers that scripts may read besides the seven that everybody may; `["*"]` for all,
    without credentials."""

    max_age: Annotated[int | Literal["never"] | None, BeforeValidator(_age)] = None
    """Seconds for which a browser may remember a preflight, at most 86400; browsers have lower
    limits of their own. 0, -1 and `"never"`: not at all. None leaves it to the browser, which
    remembers it for 5 seconds."""

    expose_all: bool = False
    """True exposes what each response has, header by header: what `"*"` can't do with
    credentials."""

    dangerously_allow_null_origin: bool = False
    """True allows the origin `null`, without credentials. Every sandboxed frame has it, whoever
    wrote it."""

    dangerously_allow_insecure_origins: bool = False
    """True allows credentials for origins of `http:`, which anybody on the way can speak for."""

    dangerously_allow_public_suffix: bool = False
    """True allows credentials for all hosts below a public suffix such as `*.com`, where anybody
    can have one. The full list of suffixes is known where `publicsuffixlist` is installed."""

    on_existing: Literal["replace", "keep"] = "replace"
    """Whose fields count where the application wrote Access-Control-* itself: ours, or its own."""

    on_exception: Literal["raise", "respond"] = "raise"
    """`"respond"` answers an exception that leaves the application with a short 500 that the page
    may read, and raises it again all the same."""

    advertise: Literal["requested", "all"] = "requested"
    """What a preflight is told: what it asked for, or all that is allowed."""

    strict_methods: bool = False
    """True refuses preflights for GET, HEAD and POST too unless they are in `allow_methods`."""

    allow_safelisted_headers: bool = False
    """True allows Accept, Accept-Language, Content-Language and Content-Type whatever their value,
    as Starlette does: `allow_headers` need not name them."""

    passthrough: bool = False
    """True lets the application answer preflights; its response gets the fields, whatever its
    status."""

    success_status: int = Field(default=204, ge=200, le=299)
    """Status of the answer to a preflight that passes."""

    failure_status: Literal[403, 400, 200, 204] = 403
    """Status of the answer to one that does not."""

    vary: list[_Readable] | tuple[_Readable, ...] = ()
    """Further request headers that an `allow_origins` callable looks at: every response varies on
    them."""

    vary_preflight: bool = True
    """False leaves Vary out of answers to preflights, for caches that know that OPTIONS is not
    cacheable."""

    always_send: bool = False
    """True names the one origin of `allow_origins` on every response, whoever asks, so that the
    response need not vary."""

    private_network: bool = False
    """True lets pages of public networks ask for this server in a private one. Deprecated: browsers
    replace it by a permission of the user."""

    timing_origins: Literal["*"] | list[_Origin] | tuple[_Origin, ...] | None = None
    """Origins whose scripts may read the times of Resource Timing and Server-Timing."""

    websocket_origins: (
        Literal["same-policy", "same-origin"] | list[_Origin] | tuple[_Origin, ...] | None
    ) = None
    """Origins that may open a websocket: browsers send cookies with every handshake, and leave it
    to the server to refuse. `"same-policy"`: those of `allow_origins`. `"same-origin"`: those of
    the request's own scheme and Host. None: all of them. Others get 403."""

    require_origin: bool = False
    """True refuses websocket handshakes without an Origin too: those of programs."""

    explain: bool = False
    """True answers preflights that fail with 204 and with what did pass, so that the browser names
    the true cause, and tells every verdict to the log line and the logger `dualware`. For finding
    out, not for production."""

    def config(self) -> dict[str, Any]:
        """The settings that have another value than their default, as they may be given."""
        return {
            name: value
            for name, field in type(self).model_fields.items()
            if (value := getattr(self, name)) != field.default
        }

    @model_validator(mode="wrap")
    @classmethod
    def _together(cls, given: Any, handler: Callable[[Any], Self]) -> Self:
        return cast("Self", all_at_once(cls, given, handler, cls._look))

    @classmethod
    def _look(cls, values: Mapping[str, Any], wrong: frozenset[Any]) -> Iterator[Fault]:  # noqa: ARG003 - that of the settings as a whole asks for it
        yield from _without_origins(values)
        yield from _at_odds(values)
        if values["allow_credentials"]:
            yield from _with_credentials(values)


_NAMED: Final = "name the origins, as ['https://shop.example']"


def _listed(values: Mapping[str, Any]) -> list[str]:
    """The patterns of `allow_origins`."""
    origins: Any = values["allow_origins"]
    return [] if callable(origins) else list(cast("list[str]", origins))


def _without_origins(values: Mapping[str, Any]) -> Iterator[Fault]:
    others = ("allow_origin_regex", "dangerously_allow_null_origin", "timing_origins")
    if not (values["allow_origins"] or any(values[each] for each in (*others, *_SOCKETS))):
        hint = _NAMED
        yield ("allow_origins",), fault("DW103", "no origin is allowed anything", hint)


_SOCKETS: Final = ("websocket_origins", "require_origin")


def _at_odds(values: Mapping[str, Any]) -> Iterator[Fault]:
    """Settings of which one makes the other pointless."""
    listed = _listed(values)
    if "*" in listed and (len(listed) > 1 or values["allow_origin_regex"]):
        hint = "write ['*'] alone, or leave '*' out"
        yield ("allow_origins",), fault("DW203", "'*' beside other origins", hint)
    if values["always_send"] and (len(listed) != 1 or not _is_constant(values)):
        hint = "name one origin, without '*'"
        yield ("always_send",), fault("DW203", "always_send is for one origin alone", hint)
    if values["expose_all"] and values["expose_headers"]:
        hint = "leave one of them out"
        yield ("expose_all",), fault("DW203", "expose_headers besides expose_all", hint)
    if values["websocket_origins"] == "same-policy" and "*" in listed:
        # A handshake has the cookies of the user, whatever the policy says of credentials.
        hint = "write websocket_origins=['*'] if you mean that"
        sentence = "'*' for responses is not '*' for websockets, which come with cookies"
        yield ("websocket_origins",), fault("DW203", sentence, hint)
    for name in ("timing_origins", "websocket_origins"):
        others = values[name]
        if isinstance(others, list | tuple) and "*" in others and len(cast("Any", others)) > 1:
            hint = "write ['*'] alone, or leave '*' out"
            yield (name,), fault("DW203", "'*' beside other origins", hint)


def _is_constant(values: Mapping[str, Any]) -> bool:
    others = ("allow_origin_regex", "dangerously_allow_null_origin")
    return "*" not in "".join(_listed(values)) and not any(values[each] for each in others)


_PROBES: Final = ("https://a.example", "http://b.invalid:8080")
"""Origins that no regular expression means which is good for anything."""


def _with_credentials(values: Mapping[str, Any]) -> Iterator[Fault]:
    """Whom nobody can tell from others must not act with the cookies of the user."""
    for index, text in enumerate(_listed(values)):
        if problem := _risk(text, values):
            yield ("allow_origins", index), problem
    regex = values["allow_origin_regex"]
    if regex is not None and all(re.fullmatch(regex, probe) for probe in _PROBES):
        sentence = "credentials for an expression that every origin matches"
        yield ("allow_origin_regex",), fault("DW303", sentence, _NAMED)
    if values["dangerously_allow_null_origin"]:
        sentence = "credentials for 'null', which every page can make its origin"
        hint = "leave one of them out"
        yield ("dangerously_allow_null_origin",), fault("DW303", sentence, hint)
    if "*" in values["expose_headers"]:
        # Fetch, "HTTP new-header syntax": with credentials it is the name of a header.
        hint = "name the headers, or set expose_all"
        sentence = "'*' exposes nothing where credentials are allowed"
        yield ("expose_headers",), fault("DW303", sentence, hint)


def _risk(text: str, values: Mapping[str, Any]) -> Any:
    if text == "*":
        return fault("DW303", "credentials for everybody", _NAMED)
    pattern = read(text)
    if not is_secure(pattern) and not values["dangerously_allow_insecure_origins"]:
        sentence = f"credentials for {text!r}, which anybody on the way can speak for"
        return fault("DW303", sentence, f"write {'https' + text.removeprefix('http')!r}")
    suffix = pattern.host.removeprefix("*.")
    wild = suffix != pattern.host
    if wild and is_public_suffix(suffix) and not values["dangerously_allow_public_suffix"]:
        sentence = f"credentials for {text!r}, where anybody can have a name"
        return fault("DW303", sentence, f"name the domain, as '*.shop.{suffix}'")
    return None


class PathPolicy(CORSPolicy):
    """Settings of one policy among `policies`."""

    name: str | None = Field(default=None, min_length=1, max_length=64)
    """What application code calls the policy, to choose it for a response: see `use_policy`."""


# Policies by path


def _policies(given: Any) -> list[tuple[str, PathPolicy]]:
    """Pairs of a path and a policy, with every fault of all of them."""
    if not isinstance(given, list | tuple):
        raise fault("DW104", f"{given!r} is not a list of policies", "write [('/api', {…})]")
    told: list[Any] = []
    made: list[tuple[str, PathPolicy]] = []
    for index, each in enumerate(cast("list[Any]", given)):
        try:
            made.append(_policy(each))
        except ValidationError as error:
            told += _within(index, error)
    names = [policy.name for _, policy in made if policy.name is not None]
    if len(set(names)) < len(names):
        twice = fault("DW203", "two policies have the same name", "name them apart")
        raise faults([((), twice)], besides=told)
    if told:
        raise faults((), besides=told)
    return made


def _policy(given: Any) -> tuple[str, PathPolicy]:
    if not isinstance(given, list | tuple) or len(cast("Any", given)) != 2:
        wrong = fault("DW104", f"{given!r:.80} is not a pair", "write ('/api', {…})")
        raise faults([((), wrong)])
    path, policy = cast("tuple[Any, Any]", given)
    told: list[Any] = []
    try:
        path = fit(checks.path, path)
    except PydanticCustomError as error:
        told += faults([((0,), error)]).errors()
    try:
        made = policy if isinstance(policy, PathPolicy) else PathPolicy.model_validate(policy)
    except ValidationError as error:
        raise faults((), besides=[*told, *_within(1, error)]) from error
    if told:
        raise faults((), besides=told)
    if made.name is not None and _asks(made):
        sentence = "a coroutine function can't be asked when a policy is chosen by name"
        raise faults([((1, "name"), fault("DW205", sentence, "leave the name out"))])
    return path, made


def _within(index: int, error: ValidationError) -> Iterator[Any]:
    """The errors of a part, as errors of the whole."""
    for each in error.errors():
        yield {**each, "loc": (index, *each["loc"])}


def _asks(policy: PathPolicy) -> bool:
    return callable(policy.allow_origins) and checks.is_awaited(policy.allow_origins)


class CORSSettings(CORSPolicy):
    """Settings of CORS."""

    inner: ClassVar[type[Settings] | None] = PathPolicy

    policies: Annotated[
        list[tuple[str, Mapping[str, Any]]] | tuple[tuple[str, Mapping[str, Any]], ...],
        PlainValidator(_policies),
    ] = ()
    """Policies by path, in place of all other settings: `[("/api", {"allow_origins": […]})]`. The
    first whose path fits counts: `"/api"` is everything below too, `"/*/public/**"` a glob. Where
    none fits, CORS does nothing."""

    def config(self) -> dict[str, Any]:
        policies = [(path, policy.config()) for path, policy in cast("Any", self.policies)]
        return {**super().config(), **({"policies": policies} if policies else {})}

    @classmethod
    def _look(cls, values: Mapping[str, Any], wrong: frozenset[Any]) -> Iterator[Fault]:
        if not values["policies"] and "policies" not in wrong:
            yield from super()._look(values, wrong)
            return
        for name, field in cls.model_fields.items():
            if name != "policies" and values[name] != field.default:
                hint = "set it in each of the policies"
                yield (name,), fault("DW203", f"{name} beside policies", hint)
