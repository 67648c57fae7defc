"""The JSON Schema: what it lets pass, what it refuses, and what it tells editors.

Knows JSON Schema. Must never say what a setting is for.
"""

import json
from collections.abc import Callable

import jsonschema
import pytest

from dualware.middleware.model import Settings
from dualware.settings import ORDER, json_schema, model_of, schema
from examples.settings import SETTINGS

VALIDATOR = jsonschema.Draft202012Validator(schema())

WHOLE = {
    "$schema": "dualware.schema.json",
    "request_id": {
        "header": "X-Shop-ID",
        "inbound": ["x-a"],
        "response_header": False,
        "trust": ["10.0.0.0/8", "unix"],
        "validator": "[0-9a-f]{32}",
        "traceparent": False,
        "generator": "shop.ids:make",
        "outbound_hosts": None,
    },
    "logging": {
        "preset": "ecs",
        "sink": "shop.log:sink",
        "levels": {"4xx": "debug"},
        "slow_ms": 0.5,
        "exclude_regex": "/internal/.*",
        "exclude_when": "shop.log:quiet",
        "client_ip": 2,
        "extra": {"service": "shop"},
    },
    "timing": {"expose_spans": "shop.staff:may", "metrics": ["otel", "shop:SINK"]},
    "order": ["timing", "request_id", "logging"],
}


def test_it_is_a_schema():
    """Of the dialect that it names, and a JSON document."""
    jsonschema.Draft202012Validator.check_schema(schema())

    assert schema() == json.loads(json.dumps(schema()))
    assert "https://json-schema.org/draft/2020-12/schema" == schema()["$schema"]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        SETTINGS,
        WHOLE,
        dict.fromkeys(ORDER, True),
        dict.fromkeys(ORDER, False),
        dict.fromkeys(ORDER),
        {"timing": {}},
    ],
)
def test_what_is_right(settings):
    """Whatever a file may say."""
    assert [] == [each.message for each in VALIDATOR.iter_errors(settings)]


@pytest.mark.parametrize(
    "settings",
    [
        [],
        {"timings": True},
        {"timing": "on"},
        {"timing": 1},
        {"timing": {"heder": "X"}},
        {"timing": {"max_bytes": 0}},
        {"timing": {"max_bytes": "64"}},
        {"timing": {"metric": ""}},
        {"timing": {"route": "no name"}},
        {"timing": {"duration_until": "body"}},
        {"timing": {"trailers": 1}},
        {"request_id": {"trust": "validate"}},
        {"request_id": {"inbound": "X"}},
        {"request_id": {"inbound": [1]}},
        {"logging": {"levels": []}},
        {"logging": {"sample": {"2xx": "1"}}},
        {"logging": {"slow_ms": 0}},
        {"order": "timing"},
        {"order": ["timings"]},
        {"order": ["timing", "timing"]},
    ],
    ids=str,
)
def test_what_is_wrong(settings):
    """Names, types, choices and ranges, which a schema can tell."""
    assert not VALIDATOR.is_valid(settings)


@pytest.mark.parametrize("word", ORDER)
def test_every_setting_is_described(word):
    """With what its docstring says, and with its default."""
    reference = schema()["properties"][word]["anyOf"][0]["$ref"]
    (name,) = [each for each in schema()["$defs"] if reference.endswith(f"/{each}")]
    described = schema()["$defs"][name]
    fields = model_of(word).model_fields

    assert list(fields) == list(described["properties"])
    assert not described["additionalProperties"]
    for field, told in described["properties"].items():
        assert fields[field].description == told["description"]
        assert json.loads(json.dumps(fields[field].default)) == told["default"]
        assert "title" not in told


def test_the_order_of_words():
    """As editors offer them: the canonical one."""
    words = [*schema()["properties"]]

    assert ["$schema", *ORDER, "order"] == words
    assert list(ORDER) == schema()["properties"]["order"]["items"]["enum"]


def test_what_has_no_form_in_json(monkeypatch):
    """It is a name to import, or left to the model."""

    class Thing:
        """Of no type that pydantic knows."""

    class Toy(Settings):
        called: Callable[[int], int] | None = None
        thing: Thing

    monkeypatch.setattr(json_schema, "models", lambda: {"toy": Toy})
    toy = json_schema.document()["$defs"]["Toy"]["properties"]

    assert "'package.module:NAME'" == toy["called"]["anyOf"][0]["description"]
    assert {} == toy["thing"]
