"""The settings of the access log: every default, and every mistake with its code and its hint.

Knows what users write into a mapping. Must never know what a line looks like.
"""

import math
import pickle
import re

import pytest

import dualware
from dualware import SettingsError, load
from dualware.core.logging.line import MOST
from dualware.core.logging.presets import PRESETS
from dualware.effects import REAL
from dualware.middleware.logging import Logging, LoggingSettings
from dualware.testing import PROTOCOLS, Script


def test_the_defaults():
    """Every setting, and what it is unless said otherwise."""
    # observability L5, observability L7, observability L9, observability L12, observability L17
    assert {
        "preset": "otel",
        "sink": "structlog",
        "logger": "dualware.access",
        "event": "http.server.request",
        "start_event": False,
        "levels": None,
        "slow_ms": None,
        "exclude": ("/healthz",),
        "exclude_prefixes": (),
        "exclude_regex": None,
        "exclude_when": None,
        "exclude_errors": False,
        "sample": None,
        "query": "redacted",
        "redact_params": None,
        "request_headers": (),
        "response_headers": (),
        "redact_headers": (),
        "allow_sensitive": False,
        "client_ip": "peer",
        "anonymise_ip": False,
        "max_lengths": None,
        "count_request_body": False,
        "status_for_abort": None,
        "log_exceptions": False,
        "websocket": True,
        "fields": None,
        "extra": None,
        "route": None,
    } == LoggingSettings().model_dump()


def test_the_longest_texts():
    """Path, query and headers as the rules have them; fields of users besides."""
    # observability L9
    assert {"path": 2048, "query": 1024, "user_agent": 256, "header": 256, "field": 2048} == MOST


# Mistakes


def told(**options):
    """Code, place, and both the sentence and the hint of everything wrong with these settings."""
    with pytest.raises(SettingsError) as caught:
        load({"logging": options})
    return [
        (each.code, each.path.removeprefix("logging").removeprefix("."), str(each))
        for each in caught.value.problems
    ]


async def awaited(*_):
    """Would have to be awaited."""


class Awaited:
    """An object whose call would have to be awaited."""

    async def __call__(self, *_):
        """Nobody awaits it."""


class Class:
    """Calling it makes an object that nobody calls."""

    def __init__(self, *given):
        pass


def plain(*_):
    """Takes anything."""


NO_PATH = "write '/healthz'"
DECODED = "compared with the decoded path, without its query; leave the query out"
NO_KEY = "neither a status, a class of them, nor an outcome; write '404', '4xx', 'default', or one"
NO_SHARE = "write a number from 0 (none) to 1 (all)"
NO_NAME = "not a header name that both protocols can tell"
NO_SOURCE = "write 'peer', a header name such as 'x-real-ip', networks, or the number of your pro"
NO_NETWORK = "write '10.0.0.0/8' or 'unix'"
NO_LIMIT = "write a number from 16 to 65536"
BAD = [
    # Names
    ({"presett": "otel"}, "DW101", "presett", "did you mean 'preset'?"),
    ({"exclude_path": ["/a"]}, "DW101", "exclude_path", "write 'exclude'"),
    ({"quite_other": 1}, "DW101", "quite_other", "there are: preset, sink, logger"),
    # Words
    ({"preset": "elastic"}, "DW106", "preset", "'otel', 'ecs', 'gcp' or 'flat'"),
    ({"preset": "OTEL"}, "DW106", "preset", "'otel', 'ecs', 'gcp' or 'flat'"),
    ({"preset": None}, "DW106", "preset", "'otel', 'ecs', 'gcp' or 'flat'"),
    ({"query": "redact"}, "DW106", "query", "did you mean 'redacted'?"),
    ({"query": False}, "DW106", "query", "'redacted', 'omit' or 'raw'"),
    # sink
    ({"sink": "structlogs"}, "DW106", "sink", "did you mean 'structlog'?"),
    ({"sink": "file"}, "DW106", "sink", "'stdlib', or 'package.module:function'"),
    ({"sink": ""}, "DW106", "sink", "write 'structlog'"),
    ({"sink": "no.such.module:sink"}, "DW205", "sink", "can't be imported: No module named 'no'"),
    ({"sink": f"{__name__}:missing"}, "DW205", "sink", "has no attribute 'missing'"),
    ({"sink": f"{__name__}:BAD"}, "DW104", "sink", "can't be called"),
    ({"sink": f"{__name__}:awaited"}, "DW205", "sink", "is a coroutine function"),
    ({"sink": f"{__name__}:Class"}, "DW205", "sink", "is a class; make an instance of it"),
    ({"sink": None}, "DW104", "sink", "None can't be called; write 'structlog'"),
    ({"sink": ["structlog"]}, "DW104", "sink", "can't be called; write 'structlog'"),
    ({"sink": lambda: None}, "DW205", "sink", "with 1 arguments: too many positional arguments"),
    ({"sink": lambda a, b: None}, "DW205", "sink", "missing a required argument: 'b'"),
    # logger and event
    ({"logger": ""}, "DW106", "logger", "at least 1 character"),
    ({"logger": None}, "DW104", "logger", "expected a string, got None"),
    ({"event": ""}, "DW106", "event", "at least 1 character"),
    ({"event": "e" * 65}, "DW106", "event", "at most 64 characters"),
    ({"event": 7}, "DW104", "event", "expected a string, got 7"),
    ({"event": "a\nb"}, "DW106", "event", "characters that can't be shown; write plain text"),
    # levels
    ({"levels": "info"}, "DW104", "levels", "expected a mapping or None, got the string 'info'"),
    ({"levels": ["4xx"]}, "DW104", "levels", "expected a mapping or None"),
    ({"levels": {"4xx": "warn"}}, "DW106", "levels.4xx", "did you mean 'warning'?"),
    ({"levels": {"4xx": "INFO"}}, "DW106", "levels.4xx", "'INFO' is not one of the choices"),
    ({"levels": {"4xx": 30}}, "DW104", "levels.4xx", "should be a valid string, got 30"),
    ({"levels": {"4xx": None}}, "DW104", "levels.4xx", "should be a valid string, got None"),
    ({"levels": {"4XX": "info"}}, "DW106", "levels", f"'4XX' is {NO_KEY}"),
    ({"levels": {"6xx": "info"}}, "DW106", "levels", NO_KEY),
    ({"levels": {"ok": "info"}}, "DW106", "levels", "'completed', 'error', 'aborted'"),
    ({"levels": {404: "info"}}, "DW104", "levels[404]", "should be a valid string, got 404"),
    # slow_ms
    ({"slow_ms": 0}, "DW106", "slow_ms", "greater than 0"),
    ({"slow_ms": -1.5}, "DW106", "slow_ms", "greater than 0"),
    ({"slow_ms": math.inf}, "DW106", "slow_ms", "a finite number"),
    ({"slow_ms": math.nan}, "DW106", "slow_ms", "a finite number"),
    ({"slow_ms": "500"}, "DW104", "slow_ms", "expected a number or None"),
    ({"slow_ms": True}, "DW104", "slow_ms", "expected a number or None"),
    # exclude
    ({"exclude": "/healthz"}, "DW104", "exclude", 'write ["/healthz"]'),
    ({"exclude": {"/a"}}, "DW104", "exclude", "expected a list of strings"),
    ({"exclude": None}, "DW104", "exclude", "expected a list of strings"),
    ({"exclude": [7]}, "DW104", "exclude[0]", "should be a valid string, got 7"),
    ({"exclude": ["/a", "healthz"]}, "DW106", "exclude[1]", NO_PATH),
    ({"exclude": ("healthz",)}, "DW106", "exclude[0]", NO_PATH),
    ({"exclude": ["/a?b"]}, "DW106", "exclude[0]", DECODED),
    ({"exclude": ["/a%20b"]}, "DW106", "exclude[0]", DECODED),
    ({"exclude_prefixes": "/static/"}, "DW104", "exclude_prefixes", 'write ["/static/"]'),
    ({"exclude_prefixes": ["static/"]}, "DW106", "exclude_prefixes[0]", "write '/static/'"),
    # Of every path: that would be no log at all, by an oversight.
    ({"exclude_prefixes": [""]}, "DW106", "exclude_prefixes[0]", "'' is not a path; write '/'"),
    ({"exclude_regex": "["}, "DW206", "exclude_regex", "is not a regular expression"),
    ({"exclude_regex": re.compile(b"x")}, "DW104", "exclude_regex", "a compiled pattern or None"),
    ({"exclude_regex": 7}, "DW104", "exclude_regex", "expected a string or a compiled pattern"),
    ({"exclude_when": "x"}, "DW104", "exclude_when", "expected a callable or None"),
    ({"exclude_when": lambda request: True}, "DW205", "exclude_when", "called with 3 arguments"),
    ({"exclude_when": awaited}, "DW205", "exclude_when", "is a coroutine function"),
    ({"exclude_when": Awaited()}, "DW205", "exclude_when", "is a coroutine function"),
    ({"exclude_when": Class}, "DW205", "exclude_when", "is a class; make an instance of it"),
    ({"exclude_errors": 1}, "DW104", "exclude_errors", "expected True or False, got 1"),
    ({"exclude_errors": True, "exclude": []}, "DW203", "", "name paths in exclude, or leave"),
    # sample
    ({"sample": 0.1}, "DW104", "sample", "expected a mapping or None, got 0.1"),
    ({"sample": {"2xx": -0.1}}, "DW106", "sample.2xx", NO_SHARE),
    ({"sample": {"2xx": 1.1}}, "DW106", "sample.2xx", NO_SHARE),
    ({"sample": {"2xx": math.nan}}, "DW106", "sample.2xx", NO_SHARE),
    ({"sample": {"2xx": math.inf}}, "DW106", "sample.2xx", NO_SHARE),
    ({"sample": {"2xx": "0.1"}}, "DW104", "sample.2xx", "should be a valid number"),
    ({"sample": {"2xx": True}}, "DW104", "sample.2xx", "should be a valid number"),
    ({"sample": {"2XX": 0.1}}, "DW106", "sample", NO_KEY),
    ({"sample": {200: 0.1}}, "DW104", "sample[200]", "should be a valid string"),
    # Queries and headers
    ({"redact_params": "token"}, "DW104", "redact_params", 'write ["token"]'),
    ({"redact_params": [7]}, "DW104", "redact_params[0]", "should be a valid string"),
    *(
        case
        for name in ("request_headers", "response_headers", "redact_headers")
        for case in [
            ({name: "accept"}, "DW104", name, 'write ["accept"]'),
            ({name: ["accept", "a b"]}, "DW201", f"{name}[1]", NO_NAME),
            ({name: ["a:b"]}, "DW201", f"{name}[0]", NO_NAME),
            ({name: ["x_y"]}, "DW201", f"{name}[0]", "write 'x-y'"),
            ({name: [""]}, "DW201", f"{name}[0]", NO_NAME),
            ({name: [7]}, "DW104", f"{name}[0]", "should be a valid string"),
        ]
    ),
    ({"allow_sensitive": "yes"}, "DW104", "allow_sensitive", "expected True or False"),
    # client_ip
    ({"client_ip": "peers"}, "DW106", "client_ip", "did you mean 'peer'?"),
    ({"client_ip": "10.0.0.0/8"}, "DW104", "client_ip", "write ['10.0.0.0/8']"),
    ({"client_ip": "unix"}, "DW104", "client_ip", "write ['unix']"),
    ({"client_ip": "::1"}, "DW104", "client_ip", "write ['::1']"),
    ({"client_ip": 0}, "DW106", "client_ip", "0 proxies; write 1 or more, or 'peer' for none"),
    ({"client_ip": -1}, "DW106", "client_ip", "-1 proxies"),
    ({"client_ip": True}, "DW104", "client_ip", NO_SOURCE),
    ({"client_ip": None}, "DW104", "client_ip", NO_SOURCE),
    ({"client_ip": 1.5}, "DW104", "client_ip", NO_SOURCE),
    ({"client_ip": {"10.0.0.0/8"}}, "DW104", "client_ip", NO_SOURCE),
    ({"client_ip": ["10.0.0.0/33"]}, "DW202", "client_ip", NO_NETWORK),
    ({"client_ip": ["10.0.0.1/8"]}, "DW202", "client_ip", "did you mean '10.0.0.0/8'?"),
    ({"client_ip": ["proxy"]}, "DW202", "client_ip", NO_NETWORK),
    ({"client_ip": [7]}, "DW104", "client_ip", NO_NETWORK),
    ({"client_ip": "x_real_ip"}, "DW106", "client_ip", NO_SOURCE),
    ({"client_ip": "x real-ip"}, "DW201", "client_ip", NO_NAME),
    ({"anonymise_ip": 1}, "DW104", "anonymise_ip", "expected True or False"),
    # max_lengths
    ({"max_lengths": 100}, "DW104", "max_lengths", "expected a mapping or None, got 100"),
    ({"max_lengths": {"paths": 100}}, "DW106", "max_lengths", "did you mean 'path'?"),
    ({"max_lengths": {"path": 15}}, "DW106", "max_lengths", f"15 characters of path; {NO_LIMIT}"),
    ({"max_lengths": {"field": 65537}}, "DW106", "max_lengths", NO_LIMIT),
    ({"max_lengths": {"path": "100"}}, "DW104", "max_lengths.path", "should be a valid integer"),
    ({"max_lengths": {"path": 100.5}}, "DW104", "max_lengths.path", "should be a valid integer"),
    ({"max_lengths": {"path": True}}, "DW104", "max_lengths.path", "should be a valid integer"),
    # The rest
    ({"count_request_body": "yes"}, "DW104", "count_request_body", "expected True or False"),
    ({"start_event": 1}, "DW104", "start_event", "expected True or False"),
    ({"log_exceptions": 1}, "DW104", "log_exceptions", "expected True or False"),
    ({"websocket": "no"}, "DW104", "websocket", "expected True or False"),
    ({"status_for_abort": 399}, "DW106", "status_for_abort", "greater than or equal to 400"),
    ({"status_for_abort": 600}, "DW106", "status_for_abort", "less than or equal to 599"),
    ({"status_for_abort": "499"}, "DW104", "status_for_abort", "expected a whole number or None"),
    ({"status_for_abort": True}, "DW104", "status_for_abort", "expected a whole number or None"),
    ({"fields": "outcome"}, "DW104", "fields", 'write ["outcome"]'),
    ({"fields": [7]}, "DW104", "fields[0]", "should be a valid string"),
    ({"fields": ["outcome", "http.rute"]}, "DW207", "", "did you mean 'http.route'?"),
    ({"fields": ["x"]}, "DW207", "", "write 'accepted', 'bytes_in', 'bytes_out'"),
    # Of another preset.
    ({"fields": ["url.path"], "preset": "flat"}, "DW207", "", "did you mean 'path'?"),
    ({"fields": ["method"]}, "DW207", "", "no field of the preset 'otel'"),
    ({"extra": "x"}, "DW104", "extra", "write a mapping, or a callable that returns one"),
    ({"extra": [("a", 1)]}, "DW104", "extra", "write a mapping, or a callable that returns one"),
    ({"extra": {1: 2}}, "DW104", "extra[1]", "should be a valid string"),
    ({"extra": dict}, "DW205", "extra", "is a class; make an instance of it"),
    ({"extra": lambda: {"a": 1}}, "DW205", "extra", "called with 1 arguments"),
    ({"extra": awaited}, "DW205", "extra", "is a coroutine function"),
    ({"extra": Awaited()}, "DW205", "extra", "is a coroutine function"),
    ({"route": "/items"}, "DW104", "route", "expected a callable or None"),
    ({"route": Class}, "DW205", "route", "is a class; make an instance of it"),
    ({"route": lambda: "/"}, "DW205", "route", "called with 1 arguments"),
    ({"route": awaited}, "DW205", "route", "is a coroutine function"),
]


@pytest.mark.parametrize(
    ("options", "code", "place", "words"),
    BAD,
    ids=[f"{number}-{'-'.join(case[0])}" for number, case in enumerate(BAD)],
)
def test_mistakes(options, code, place, words):
    """Each fails at construction, with one code, its place, and how to mend it."""
    # observability X13
    [(told_code, told_place, text)] = told(**options)

    assert (code, place) == (told_code, told_place)
    assert words in text


def test_every_setting_has_a_mistake():
    """None is taken without a look at it."""
    # observability X13
    tried = {name for options, *_ in BAD for name in options}

    assert LoggingSettings.model_fields.keys() <= tried


def test_all_mistakes_at_once():
    """In the order of the settings, one for each place."""
    # observability X13
    problems = told(
        websockets=True,
        levels={"4xx": "warn", "5xx": 40},
        exclude=["a", "/b", "c?"],
        sample={"2xx": 2},
        client_ip="peers",
        route=7,
        preset="x",
    )

    assert [
        ("DW106", "preset"),
        ("DW106", "levels.4xx"),
        ("DW104", "levels.5xx"),
        ("DW106", "exclude[0]"),
        ("DW106", "exclude[2]"),
        ("DW106", "sample.2xx"),
        ("DW106", "client_ip"),
        ("DW104", "route"),
        ("DW101", "websockets"),
    ] == [problem[:2] for problem in problems]


def test_mistakes_beside_those_of_others():
    """One error tells of all middleware."""
    # observability X13
    with pytest.raises(SettingsError) as caught:
        load({"logging": {"preset": "x"}, "timing": {"metric": ""}, "loging": True})

    assert {"logging.preset", "timing.metric", "loging"} == {
        each.path for each in caught.value.problems
    }


@pytest.mark.parametrize("given", ["info", 7, ["otel"]])
def test_no_mapping(given):
    """True, False or a mapping."""
    # observability X13
    with pytest.raises(SettingsError) as caught:
        load({"logging": given})

    assert ["DW105"] == [each.code for each in caught.value.problems]


# What is taken


def excluding(request, status, outcome):
    """Exclude nothing, in a function that pickle finds."""
    return False


def adding(exchange):
    """Add nothing."""
    return {}


def routing(request):
    """Know no route."""


GOOD = {
    "preset": ["otel", "ecs", "gcp", "flat"],
    "sink": ["structlog", "stdlib", "builtins:print", print],
    "logger": ["shop.access"],
    "event": ["request", "été", "e" * 64],
    "start_event": [True],
    "levels": [{}, {"404": "debug", "4xx": "silent", "aborted": "warning", "default": "critical"}],
    "slow_ms": [0.5, 1, 10**9],
    "exclude": [[], (), ["/", "/a b", "/é"]],
    "exclude_prefixes": [["/static/"], ("/a",)],
    "exclude_regex": [r"/v\d+", re.compile("/x", re.IGNORECASE)],
    "exclude_when": [excluding],
    "exclude_errors": [True],
    "sample": [{}, {"2xx": 0, "404": 1, "completed": 0.5}],
    "query": ["redacted", "omit", "raw"],
    "redact_params": [[], ["ticket"], ("a",)],
    "request_headers": [["Accept", "referer"]],
    "response_headers": [("ETag",)],
    "redact_headers": [["X-Secret"]],
    "allow_sensitive": [True],
    "client_ip": ["peer", 1, 2, ["10.0.0.0/8", "unix"], ("::1",), [], "X-Real-IP", "forwarded"],
    "anonymise_ip": [True],
    "max_lengths": [{}, {"path": 16, "field": 65536}],
    "count_request_body": [True],
    "status_for_abort": [400, 499, 599],
    "log_exceptions": [True],
    "websocket": [False],
    "fields": [[], ["http.request.method", "outcome"]],
    "extra": [{}, {"service": "shop"}, adding],
    "route": [routing],
}


def test_every_setting_has_good_values():
    """None was left out of the table above."""
    assert list(LoggingSettings.model_fields) == list(GOOD)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", GOOD)
def test_good_values(protocol, name):
    """The wrappers of both protocols take them, and so does a mapping; they pickle."""
    # protocols A33, observability X13
    wrapper = getattr(dualware, protocol).LoggingMiddleware
    app = getattr(Script(), protocol)
    for value in GOOD[name]:
        [wrapped] = wrapper(app, **{name: value}).stack
        [loaded] = load({"logging": {name: value}})

        assert wrapped.settings == loaded.settings
        copy = pickle.loads(pickle.dumps(wrapped))
        assert wrapped.settings == copy.settings


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_wrappers_refuse_the_same(protocol):
    """At construction, with the same problems as a mapping."""
    # observability X13
    wrapper = getattr(dualware, protocol).LoggingMiddleware
    options = {"levels": {"4xx": "warn"}, "sample": {"2xx": 2}, "extra": awaited}
    with pytest.raises(SettingsError) as caught:
        wrapper(getattr(Script(), protocol), **options)

    assert [text for _, _, text in told(**options)] == [str(each) for each in caught.value.problems]


@pytest.mark.parametrize("given", [True, {}])
def test_nothing_said(given):
    """It is the defaults; False is no middleware at all."""
    [middleware] = load({"logging": given})

    assert LoggingSettings() == middleware.settings
    assert 0 == len(tuple(load({"logging": False})))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_field_can_be_chosen(preset):
    """By the names of its preset."""
    # observability L5
    known = sorted(PRESETS[preset].known)

    assert known == LoggingSettings(preset=preset, fields=known).fields


def test_what_is_known_of_it():
    """Its name, that it only watches, and what it wants of an exchange."""
    middleware = Logging(LoggingSettings(), REAL)

    assert ("logging", True, True, False, False) == (
        middleware.name,
        middleware.observes,
        middleware.websocket,
        middleware.receives,
        middleware.measures,
    )
    assert not Logging(LoggingSettings(websocket=False), REAL).websocket
    assert Logging(LoggingSettings(count_request_body=True), REAL).receives
