"""The small schema check agrees with the full one on everything that structured output can express."""

from __future__ import annotations

from typing import Any  # JSON documents

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2_service.adapters.answer_schema import mismatch
from v2_service.contract import JsonValue
from v2_service.processors.fact_extractor import EXTRACTION_SCHEMA
from v2_service.processors.memory_generator import MEMORY_SCHEMA
from v2_service.processors.sections import SECTIONS_SCHEMA

SCHEMAS: tuple[Any, ...] = (
    EXTRACTION_SCHEMA,
    MEMORY_SCHEMA,
    SECTIONS_SCHEMA,
    {"type": ["string", "null"]},
    {"type": "array", "items": {"enum": ["a", "b", 1]}},
    {"anyOf": [{"type": "integer"}, {"type": "object", "required": ["x"]}]},
    {"type": "object", "properties": {"x": {"type": "number"}}, "additionalProperties": False},
)
names = st.sampled_from(["x", "preferences", "projects", "name", "soul", "description"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["a", "b", 1, 1.5]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize("schema", SCHEMAS)
@given(value=values)
def test_both_checks_agree(schema: Any, value: JsonValue) -> None:
    expected = jsonschema.Draft202012Validator(schema).is_valid(value)
    assert (mismatch(value, schema) == "") == expected


def test_a_mismatch_names_the_place_and_quotes_nothing() -> None:
    schema: Any = {"type": "object", "properties": {"x": {"type": "array", "items": {"type": "string"}}}}
    assert mismatch({"x": ["fine", {"private": "words"}]}, schema) == "the answer.x[1] is not of type string"
