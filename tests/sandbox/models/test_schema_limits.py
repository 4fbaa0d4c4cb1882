"""Schemas that structured outputs take and refuse."""

from __future__ import annotations

from typing import Any  # schemas are free-form JSON

import pytest

from sandbox.models.errors import SchemaNotSupported
from sandbox.models.schema_limits import check


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


TAKEN: list[dict[str, Any]] = [
    obj(a={"type": "string"}, b={"type": "array", "items": {"type": "integer"}, "minItems": 1}),
    obj(a={"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]}),
    obj(a={"enum": ["x", 1, None]}, b={"const": 3}),
    {**obj(a={"$ref": "#/$defs/A"}, b={"$ref": "#/$defs/A"}), "$defs": {"A": obj(c={"type": "boolean"})}},
]
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"type": "object", "properties": {}}, "additionalProperties"),
    (obj(a={"type": "integer", "minimum": 1}), "'minimum'"),
    (obj(a={"type": "string", "minLength": 1}), "'minLength'"),
    (obj(a={"type": "string", "format": "phone"}), "format 'phone'"),
    (obj(a={"type": "array", "items": {"type": "string"}, "minItems": 2}), "'minItems'"),
    (obj(a={"type": "array", "items": {"type": "string"}, "maxItems": 2}), "'maxItems'"),
    (obj(a={"enum": [{"x": 1}]}), "'enum'"),
    (obj(a={"oneOf": [{"type": "string"}]}), "'oneOf'"),
    (obj(a={"$ref": "https://example.com/a"}), "external"),
    ({**obj(a={"$ref": "#/$defs/A"}), "$defs": {"A": obj(a={"$ref": "#/$defs/A"})}}, "recursive"),
    (obj(a=obj(b={"type": "array", "items": {"type": "object"}})), "additionalProperties"),
]


@pytest.mark.parametrize("schema", TAKEN, ids=str)
def test_supported_schemas_are_taken(schema: dict[str, Any]) -> None:
    check(schema)


@pytest.mark.parametrize(("schema", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_what_the_real_api_refuses_is_refused_by_name(schema: dict[str, Any], reason: str) -> None:
    with pytest.raises(SchemaNotSupported, match=r"^output_config\.format\.schema") as caught:
        check(schema)
    assert reason in caught.value.message
