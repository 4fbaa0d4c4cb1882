"""The schemas stay inside the subset of structured output, and really hold answers of the right shape only."""

from __future__ import annotations

from collections.abc import Iterator

import jsonschema
import pytest
from anthropic import transform_schema

from v2_service.contract import JsonObject, JsonValue
from v2_service.processors.fact_extractor import EXTRACTION_SCHEMA
from v2_service.processors.memory_generator import MEMORY_SCHEMA
from v2_service.processors.reduce import REDUCTION_SCHEMA
from v2_service.processors.sections import SECTIONS_SCHEMA

SCHEMAS = {
    "extraction": EXTRACTION_SCHEMA,
    "reduction": REDUCTION_SCHEMA,
    "memory": MEMORY_SCHEMA,
    "sections": SECTIONS_SCHEMA,
}
ALLOWED = {"type", "description", "properties", "required", "additionalProperties", "items"}


def subschemas(schema: JsonValue) -> Iterator[JsonObject]:
    assert isinstance(schema, dict)
    yield schema
    properties = schema.get("properties", {})
    assert isinstance(properties, dict)
    for inner in properties.values():
        yield from subschemas(inner)
    if "items" in schema:
        yield from subschemas(schema["items"])


@pytest.mark.parametrize("name", SCHEMAS)
def test_only_keywords_that_structured_output_accepts_are_used(name: str) -> None:
    for schema in subschemas(SCHEMAS[name]):
        assert schema.keys() <= ALLOWED
        if schema["type"] == "object":
            assert schema["additionalProperties"] is False
            properties = schema["properties"]
            assert isinstance(properties, dict)
            assert schema["required"] == list(properties)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_sdk_has_nothing_to_change(name: str) -> None:
    """The SDK moves what the API would refuse into descriptions: an unchanged schema holds nothing of that kind."""
    assert transform_schema(dict(SCHEMAS[name])) == SCHEMAS[name]


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_and_refuses_an_empty_answer(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    assert not jsonschema.Draft202012Validator(SCHEMAS[name]).is_valid({})
