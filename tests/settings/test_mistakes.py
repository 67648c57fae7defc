"""A big table of mistakes: each is answered at start-up, with its place and a way to mend it.

By `load`, by the wrapper classes of both protocols, and, where it can be written there, from TOML
and by the schema. Knows settings as people get them wrong. Must never send a request.
"""

import json
import re
from pathlib import Path

import jsonschema
import pytest

import dualware.asgi
import dualware.wsgi
from dualware import SettingsError, load
from dualware.settings import ORDER, schema
from tests.settings.parts import refused

SCHEMA = jsonschema.Draft202012Validator(schema())


async def awaited(*_):
    """What has to be awaited."""


def nothing():
    """What takes no arguments."""


MISTAKES = [
    # (middleware, its settings, code, place inside, a part of what is said)
    # The shape
    ("request_id", "X-Request-ID", "DW105", "", "expected a mapping of settings, True or False"),
    ("timing", 1, "DW105", "", "True or False, got 1"),
    ("timing", ["metric"], "DW105", "", "True or False, got ['metric']"),
    ("timing", "true", "DW105", "", "got the string 'true'"),
    ("request_id", {"Header": "X-Id"}, "DW101", ".Header", "did you mean 'header'?"),
    ("request_id", {"max_len": 8}, "DW101", ".max_len", "did you mean 'max_length'?"),
    ("request_id", {"header_name": "X-Id"}, "DW101", ".header_name", "write 'header'"),
    ("logging", {"exclude_path": []}, "DW101", ".exclude_path", "write 'exclude'"),
    ("logging", {"level": "info"}, "DW101", ".level", "write 'levels': {'default': 'info'}"),
    ("timing", {"": 1}, "DW101", ".", "there are: header, metric"),
    ("timing", {"client": 1}, "DW101", ".client", "write 'metrics'"),
    # request_id
    ("request_id", {"header": ""}, "DW201", ".header", "write"),
    ("request_id", {"header": "X-Request-ID:"}, "DW201", ".header", ""),
    ("request_id", {"header": "X_Request_ID"}, "DW201", ".header", "write 'X-Request-ID'"),
    ("request_id", {"header": "Content-Length"}, "DW201", ".header", "use another name"),
    ("request_id", {"header": "Connection"}, "DW201", ".header", "hop-by-hop"),
    ("request_id", {"header": None}, "DW104", ".header", "expected a string, got None"),
    ("request_id", {"header": b"X-Id"}, "DW104", ".header", "expected a string, got b'X-Id'"),
    ("request_id", {"inbound": "X-Id"}, "DW104", ".inbound", 'write ["X-Id"]'),
    ("request_id", {"inbound": ["X-Id", 3]}, "DW104", ".inbound[1]", "valid string, got 3"),
    ("request_id", {"inbound": ["X_Id"]}, "DW201", ".inbound", "write 'X-Id'"),
    ("request_id", {"response_header": True}, "DW104", ".response_header", "None stands for"),
    ("request_id", {"trust": "validate"}, "DW106", ".trust", "did you mean 'validated'?"),
    ("request_id", {"trust": "10.0.0.0/8"}, "DW104", ".trust", "write ['10.0.0.0/8']"),
    ("request_id", {"trust": "unix"}, "DW104", ".trust", "write ['unix']"),
    ("request_id", {"trust": ["10.0.0.1/8"]}, "DW202", ".trust", "10.0.0.0/8"),
    ("request_id", {"trust": ["proxy.internal"]}, "DW202", ".trust", "write '10.0.0.0/8'"),
    ("request_id", {"trust": True}, "DW104", ".trust", "'validated', 'never', networks"),
    ("request_id", {"trust": nothing}, "DW205", ".trust", "called with 1 arguments"),
    ("request_id", {"trust": awaited}, "DW205", ".trust", "a plain function works"),
    ("request_id", {"validator": "[a-z"}, "DW206", ".validator", "unterminated character set"),
    ("request_id", {"validator": re.compile(b"x")}, "DW206", ".validator", "compile a str"),
    ("request_id", {"validator": 3}, "DW104", ".validator", "a regular expression, or a callable"),
    ("request_id", {"validator": "no_such:x"}, "DW205", ".validator", "can't be imported"),
    ("request_id", {"allow_unsafe": True}, "DW203", "", "give a validator"),
    ("request_id", {"max_length": 0}, "DW106", ".max_length", "greater than or equal to 1"),
    ("request_id", {"max_length": 5000}, "DW106", ".max_length", "less than or equal to 1024"),
    ("request_id", {"max_length": "64"}, "DW104", ".max_length", "a whole number, got the string"),
    ("request_id", {"on_invalid": "drop"}, "DW106", ".on_invalid", "'replace' or 'reject'"),
    ("request_id", {"generator": "uuid"}, "DW106", ".generator", "did you mean 'uuid7'?"),
    ("request_id", {"generator": "uuid:uuid5"}, "DW205", ".generator", "called with 0 arguments"),
    ("request_id", {"generator": awaited}, "DW205", ".generator", "a plain function works"),
    ("request_id", {"on_conflict": "append"}, "DW106", ".on_conflict", "'replace' or 'keep'"),
    ("request_id", {"set_request_header": "yes"}, "DW104", ".set_request_header", "True or False"),
    ("request_id", {"expose": 1}, "DW104", ".expose", "expected True or False, got 1"),
    (
        "request_id",
        {"expose": True, "response_header": False},
        "DW203",
        "",
        "leave one of them out",
    ),
    ("request_id", {"traceparent": True}, "DW104", ".traceparent", "write 'log' or 'id'"),
    ("request_id", {"trace_headers": ["b4"]}, "DW106", ".trace_headers", "write 'x-amzn-trace-id'"),
    ("request_id", {"trace_headers": "b3"}, "DW104", ".trace_headers", 'write ["b3"]'),
    ("request_id", {"clear_structlog": "end"}, "DW106", ".clear_structlog", "'start' or 'never'"),
    (
        "request_id",
        {"outbound_hosts": ["https://api.example.com"]},
        "DW202",
        ".outbound_hosts",
        "write 'api.example.com'",
    ),
    # logging
    ("logging", {"preset": "elastic"}, "DW106", ".preset", "'otel', 'ecs', 'gcp' or 'flat'"),
    ("logging", {"preset": "otle"}, "DW106", ".preset", "did you mean 'otel'?"),
    ("logging", {"sink": "structlg"}, "DW106", ".sink", "did you mean 'structlog'?"),
    ("logging", {"sink": dict}, "DW205", ".sink", "is a class"),
    ("logging", {"sink": nothing}, "DW205", ".sink", "called with 1 arguments"),
    ("logging", {"logger": ""}, "DW106", ".logger", "at least 1 character"),
    ("logging", {"levels": "info"}, "DW104", ".levels", "expected a mapping or None"),
    ("logging", {"levels": {"5xx": "eror"}}, "DW106", ".levels.5xx", "did you mean 'error'?"),
    ("logging", {"levels": {"5XX": "error"}}, "DW106", ".levels", "write '404', '4xx'"),
    ("logging", {"levels": {500: "error"}}, "DW104", ".levels[500]", "valid string, got 500"),
    ("logging", {"slow_ms": 0}, "DW106", ".slow_ms", "greater than 0"),
    ("logging", {"slow_ms": "500"}, "DW104", ".slow_ms", "a number or None"),
    ("logging", {"exclude": "/healthz"}, "DW104", ".exclude", 'write ["/healthz"]'),
    ("logging", {"exclude": ["healthz"]}, "DW106", ".exclude[0]", "write '/healthz'"),
    ("logging", {"exclude": ["/a?b"]}, "DW106", ".exclude[0]", "leave the query out"),
    ("logging", {"exclude_regex": "("}, "DW206", ".exclude_regex", "is not a regular expression"),
    ("logging", {"exclude_when": nothing}, "DW205", ".exclude_when", "called with 3 arguments"),
    ("logging", {"exclude_when": "never"}, "DW104", ".exclude_when", "write 'package.module:NAME'"),
    ("logging", {"exclude": [], "exclude_errors": True}, "DW203", "", "name paths in exclude"),
    ("logging", {"sample": {"2xx": 10}}, "DW106", ".sample.2xx", "from 0 (none) to 1 (all)"),
    ("logging", {"query": "none"}, "DW106", ".query", "'redacted', 'omit' or 'raw'"),
    ("logging", {"client_ip": "x-real_ip"}, "DW201", ".client_ip", "write 'x-real-ip'"),
    ("logging", {"client_ip": "10.0.0.0/8"}, "DW104", ".client_ip", "write ['10.0.0.0/8']"),
    ("logging", {"client_ip": 0}, "DW106", ".client_ip", "write 1 or more, or 'peer'"),
    ("logging", {"client_ip": True}, "DW104", ".client_ip", "write 'peer'"),
    ("logging", {"max_lengths": {"pth": 64}}, "DW106", ".max_lengths", "did you mean 'path'?"),
    ("logging", {"max_lengths": {"path": 1}}, "DW106", ".max_lengths", "from 16 to 65536"),
    ("logging", {"status_for_abort": 99}, "DW106", ".status_for_abort", "or equal to 400"),
    ("logging", {"fields": ["status"]}, "DW207", "", "'status' is no field of the preset 'otel'"),
    ("logging", {"extra": 3}, "DW104", ".extra", "a mapping, or a callable that returns one"),
    ("logging", {"route": "items"}, "DW104", ".route", "write 'package.module:NAME'"),
    # timing
    ("timing", {"header": "Server Timing"}, "DW201", ".header", ""),
    ("timing", {"metric": "my app"}, "DW204", ".metric", "write 'app'"),
    ("timing", {"metric": ""}, "DW106", ".metric", "at least 1 character"),
    ("timing", {"expose_spans": "staff"}, "DW104", ".expose_spans", "True or False or a callable"),
    ("timing", {"legacy_header": "Server-Timing"}, "DW203", "", "a name of its own"),
    ("timing", {"max_entries": 0}, "DW106", ".max_entries", "or equal to 1"),
    ("timing", {"max_entries": 1.5}, "DW104", ".max_entries", "a whole number, got 1.5"),
    ("timing", {"max_bytes": 100_000}, "DW106", ".max_bytes", "or equal to 65536"),
    ("timing", {"timing_allow_origin": ["*"]}, "DW203", ".timing_allow_origin[0]", "'*' alone"),
    (
        "timing",
        {"timing_allow_origin": ["https://a.example/"]},
        "DW202",
        ".timing_allow_origin[0]",
        "",
    ),
    ("timing", {"metrics": "prometheus"}, "DW104", ".metrics", 'write ["prometheus"]'),
    ("timing", {"metrics": ["promethius"]}, "DW106", ".metrics[0]", "did you mean 'prometheus'?"),
    ("timing", {"metrics": [dict]}, "DW205", ".metrics[0]", "is a class"),
    ("timing", {"duration_until": "body"}, "DW106", ".duration_until", "'end' or 'start'"),
    ("timing", {"queue_header": "X-Request-Start"}, "DW103", "", "in queue_trusted"),
    ("timing", {"queue_trusted": ["nginx"]}, "DW202", ".queue_trusted[0]", "'10.0.0.0/8'"),
    ("timing", {"route": awaited}, "DW205", ".route", "a plain function works"),
    # cors
    ("cors", {}, "DW103", ".allow_origins", "['https://shop.example']"),
    ("cors", {"allow_origins": "*"}, "DW104", ".allow_origins", 'write ["*"]'),
    ("cors", {"allow_orgins": ["*"]}, "DW101", ".allow_orgins", "did you mean 'allow_origins'?"),
    ("cors", {"origins": ["*"]}, "DW101", ".origins", "write 'allow_origins'"),
    ("cors", {"allow_origins": ["shop.example"]}, "DW202", ".allow_origins[0]", ""),
    ("cors", {"allow_origins": ["https://a.example/"]}, "DW202", ".allow_origins[0]", ""),
    ("cors", {"allow_origins": ["*", "https://a.example"]}, "DW203", ".allow_origins", "alone"),
    (
        "cors",
        {"allow_origins": ["*"], "allow_credentials": True},
        "DW303",
        ".allow_origins[0]",
        "name the origins",
    ),
    (
        "cors",
        {"allow_origins": ["https://a.example"], "expose_headers": "X-Total"},
        "DW104",
        ".expose_headers",
        'write ["X-Total"]',
    ),
    (
        "cors",
        {"allow_origins": ["https://a.example"], "allow_methods": ["TRACE"]},
        "DW301",
        ".allow_methods[0]",
        "leave it out",
    ),
    (
        "cors",
        {"allow_origins": ["https://a.example"], "allow_headers": ["Cookie"]},
        "DW302",
        ".allow_headers[0]",
        "leave it out",
    ),
    (
        "cors",
        {"allow_origins": ["https://a.example"], "max_age": 100_000},
        "DW106",
        ".max_age",
        "from 0 to 86400",
    ),
    ("cors", {"allow_origin_regex": "("}, "DW206", ".allow_origin_regex", ""),
    # compression and gzip
    ("gzip", {"minimum_size": -1}, "DW106", ".minimum_size", "or equal to 0"),
    ("gzip", {"compresslevel": 10}, "DW106", ".compresslevel", "or equal to 9"),
    ("gzip", {"compress_level": 5}, "DW101", ".compress_level", "write 'compresslevel'"),
    ("gzip", {"codings": ["br"]}, "DW101", ".codings", "there are: minimum_size"),
    ("compression", {"codings": ["brotli"]}, "DW106", ".codings[0]", "write 'zstd', 'br', 'gzip'"),
    ("compression", {"codings": []}, "DW106", ".codings", ""),
    ("compression", {"exclude_content_types": ["html"]}, "DW209", ".exclude_content_types[0]", ""),
    ("compression", {"algorithm": "gzip"}, "DW101", ".algorithm", "write 'codings'"),
]
THERE = [each for each in MISTAKES if each[0] in ORDER]


TWICE = [
    (dict.fromkeys(["gzip", "compression"], True), "DW203", word, "name one of them")
    for word in ORDER
    if word == "gzip"
]
"""Two words for one middleware."""


def found(error, code, path, said):
    """The problem that was meant is among those that are told."""
    problems = [(each.code, each.path) for each in error.problems]
    text = [each.said for each in error.problems if (each.code, each.path) == (code, path)]

    assert (code, path) in problems
    assert said in text[0]


@pytest.mark.parametrize(("word", "given", "code", "place", "said"), THERE)
def test_load(word, given, code, place, said):
    """It says what is wrong, where, and what to write."""
    found(refused({word: given}), code, f"{word}{place}", said)


@pytest.mark.parametrize("room", [dualware.asgi, dualware.wsgi], ids=["asgi", "wsgi"])
@pytest.mark.parametrize(
    ("word", "given", "code", "place", "said"),
    # What has no parameter Python refuses by itself.
    [each for each in THERE if isinstance(each[1], dict) and each[2] != "DW101"],
)
def test_wrappers(room, word, given, code, place, said):
    """The wrapper classes say the same, before there is a request."""
    with pytest.raises(SettingsError) as caught:
        getattr(room, f"{ORDER[word]}Middleware")(print, **given)

    found(caught.value, code, f"{word}{place}", said)


def is_json(given):
    """Whether it can stand in a file."""
    try:
        return given == json.loads(json.dumps(given))
    except TypeError:
        return False


@pytest.mark.parametrize(
    ("word", "given", "code", "place", "said"), [each for each in THERE if is_json(each[1])]
)
def test_files(tmp_path, word, given, code, place, said):
    """A file is answered in the same way, and with the line of what is wrong."""
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({word: given}, indent=1), encoding="utf-8")
    error = refused(path)

    found(error, code, f"{word}{place}", said)
    lines = path.read_text(encoding="utf-8").split("\n")
    for each in error.problems:
        key = re.sub(r"\[\d+\]$", "", each.path).rpartition(".")[2]
        missing = each.code == "DW103" and each.line is None
        assert missing or f'"{key}":' in lines[each.line - 1]


@pytest.mark.parametrize(
    ("word", "given", "code"),
    [
        (word, given, code)
        for word, given, code, *_ in THERE
        if is_json(given) and code in ("DW101", "DW104", "DW105")
    ],
)
def test_schema(word, given, code):
    """Editors see names that there are not, and values of another type."""
    # A string may be anything to a schema; what it must not be there, it is not told.
    unseen = [
        *({"trust": each} for each in ("10.0.0.0/8", "unix")),
        {"client_ip": "10.0.0.0/8"},
    ]
    if given not in unseen:
        assert not SCHEMA.is_valid({word: given})


@pytest.mark.parametrize(
    ("settings", "code", "path", "said"),
    [
        ({"timings": True}, "DW102", "timings", "did you mean 'timing'?"),
        ({"Timing": True}, "DW102", "Timing", "did you mean 'timing'?"),
        ({"max_bytes": 1}, "DW102", "max_bytes", "write {'timing': {'max_bytes': …}}"),
        ({3: True}, "DW102", "3", "there are: request_id"),
        ({"order": "timing"}, "DW104", "order", "write []"),
        ({"order": ["timing"]}, "DW108", "order", "'timing' is not configured"),
        (
            {"request_id": True, "logging": True, "order": ["logging", "request_id"]},
            "DW109",
            "order",
            "request_id must stand outside logging",
        ),
        ([("timing", True)], "DW105", "settings", "expected a mapping"),
        (Path("settings.yaml"), "DW107", "settings.yaml", "name it .toml or .json"),
        ("settings.yaml", "DW105", "settings", "a path that ends in .toml or .json"),
        *TWICE,
    ],
)
def test_the_whole(settings, code, path, said):
    """What is wrong with the mapping itself, or with where it is said to be."""
    found(refused(settings), code, path, said)


def test_everything_at_once():
    """However many there are, all are told."""
    whole = {"timings": 1}
    for word, given, _, place, _ in THERE:
        # One at a time: what stands beside a mistake may be another one's mending.
        if isinstance(given, dict) and place and len(given) == 1:
            whole[word] = {**whole.get(word, {}), **given}
    told = {each.path.partition("[")[0] for each in refused(whole).problems}

    for word, given in whole.items():
        if isinstance(given, dict):
            assert set() == {f"{word}.{name}" for name in given} - {
                ".".join(path.split(".")[:2]) for path in told
            }


def test_what_is_right():
    """The table is no table of everything."""
    assert load(dict.fromkeys(["request_id", "logging", "timing"], True))
