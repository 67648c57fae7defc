"""The JSON Schema of the settings mapping: what editors complete and check a file by.

Knows how pydantic describes a model. Must never say more than the models do: whatever `load`
takes from a file, the schema lets pass.
"""

from __future__ import annotations

from typing import Any, Final, cast

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from dualware.settings.loading import ORDER, models

__all__ = ["document"]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_IMPORT: Final = {
    "type": "string",
    "pattern": r"^[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*$",
    "description": "'package.module:NAME'",
}
"""What stands for a callable in a file."""


class _Generator(GenerateJsonSchema):
    """pydantic's own, and something for what has no form in JSON."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - no name needs one
        return False

    def callable_schema(self, schema: core_schema.CallableSchema) -> JsonSchemaValue:  # noqa: ARG002
        return dict(_IMPORT)

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:  # noqa: ARG002
        # Only the model knows what it takes there.
        return {}


def document() -> dict[str, object]:
    """One schema for the whole mapping, as a JSON document."""
    asked = [(model, "validation") for model in models().values()]
    known, definitions = models_json_schema(cast("Any", asked), schema_generator=_Generator)
    return {
        "$schema": _DIALECT,
        "title": "Settings of dualware",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "$schema": {"type": "string", "description": "Where this schema stands."},
            **{
                word: _switched(known[cast("Any", model), "validation"], model.__doc__ or "")
                for word, model in models().items()
            },
            "order": {
                "description": "All that is configured, outermost first.",
                "type": "array",
                "items": {"enum": list(ORDER)},
                "uniqueItems": True,
            },
        },
        "$defs": definitions["$defs"],
    }


def _switched(settings: JsonSchemaValue, description: str) -> dict[str, object]:
    """A middleware's settings, or True or False for all of them."""
    others = [{"type": "boolean"}, {"type": "null"}]
    return {"description": description, "anyOf": [settings, *others], "default": False}
