"""Structured answers: any reasonable JSON schema gets an answer that obeys it, made of facts."""

from __future__ import annotations

import json
from typing import Any  # schemas are free-form JSON

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from sandbox.models.answer import answer
from sandbox.models.errors import SchemaNotSupported
from sandbox.models.knowledge import UNKNOWN, Knowledge, learn

SAID = (
    "User: My name is Ines and I live in Porto. I'm a nurse at Santa Maria. I love night trains because they are "
    "slow. I'm building a boat called Selkie. I decided to learn Dutch because of work. My sister Ada is a pilot. "
    "I believe that rest matters. Our trip starts on 2025-06-03. Please keep answers short. Don't use emoji."
)
PERSON = learn([SAID])
NOBODY = learn(["2 + 2 = 4"])


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


TEXT: dict[str, Any] = {"type": "string"}
TEXTS: dict[str, Any] = {"type": "array", "items": TEXT}

FACT_RECORD = obj(
    preferences=TEXTS,
    projects={"type": "array", "items": obj(name=TEXT, description=TEXT, details=TEXT)},
    dates={"type": "array", "items": obj(event=TEXT, date=TEXT)},
    beliefs=TEXTS,
    decisions={"type": "array", "items": obj(decision=TEXT, context=TEXT)},
)


def test_a_fact_record_holds_the_facts() -> None:
    assert answer(FACT_RECORD, PERSON, 4096) == {
        "preferences": ["loves night trains", "keep answers short"],
        "projects": [{"name": "Selkie", "description": "I'm building a boat called Selkie.", "details": UNKNOWN}],
        "dates": [{"event": "Our trip starts on 2025-06-03.", "date": "2025-06-03"}],
        "beliefs": ["rest matters"],
        "decisions": [{"decision": "learn Dutch", "context": "because of work"}],
    }


def test_nothing_is_invented_where_nothing_is_known() -> None:
    assert answer(FACT_RECORD, NOBODY, 4096) == {
        "preferences": [],
        "projects": [],
        "dates": [],
        "beliefs": [],
        "decisions": [],
    }
    user = obj(name=TEXT, location=TEXT, occupation=TEXT, relationships=TEXTS, life_context=TEXT)
    assert answer(user, NOBODY, 4096) == {
        "name": UNKNOWN,
        "location": UNKNOWN,
        "occupation": UNKNOWN,
        "relationships": [],
        "life_context": UNKNOWN,
    }


def test_sections_are_filled_from_facts_and_style() -> None:
    schema = obj(
        soul=obj(personality_traits={**TEXTS, "description": "Three to seven traits."}, formality_level=TEXT),
        identity=obj(ai_name=TEXT, archetype=TEXT, signature_greeting=TEXT),
        user=obj(name=TEXT, location=TEXT, occupation=TEXT, relationships=TEXTS),
        agents=obj(behavioral_rules={**TEXTS, "description": "3-7 rules"}, do_not=TEXTS),
        tools=obj(likely_usage=TEXTS),
    )
    found: Any = answer(schema, PERSON, 4096)
    assert 3 <= len(found["soul"]["personality_traits"]) <= 7
    assert 2 <= len(found["identity"]["archetype"].split()) <= 4
    assert found["identity"]["ai_name"].lower() not in ("", "assistant", "ai", UNKNOWN)
    assert found["user"] == {
        "name": "Ines",
        "location": "Porto",
        "occupation": "nurse at Santa Maria",
        "relationships": ["Ada (sister)"],
    }
    assert "keep answers short" in found["agents"]["behavioral_rules"]
    assert 3 <= len(found["agents"]["behavioral_rules"]) <= 7
    assert found["agents"]["do_not"][0] == "don't use emoji"


def test_evidence_is_quoted_from_the_material() -> None:
    schema = obj(facts={"type": "array", "items": obj(text=TEXT, evidence=TEXT, category=TEXT)})
    found: Any = answer(schema, PERSON, 8000)
    assert found["facts"]
    for fact in found["facts"]:
        assert fact["evidence"] in PERSON.materials[0]


def test_enums_take_the_known_value_or_the_unknown_one() -> None:
    schema = obj(occupation={"enum": ["pilot", "nurse", "unknown"]}, country={"enum": ["Spain", "unknown"]})
    assert answer(schema, PERSON, 500) == {"occupation": "nurse", "country": "unknown"}


def test_what_is_unknown_and_may_be_null_is_null() -> None:
    nullable = {"anyOf": [TEXT, {"type": "null"}]}
    assert answer(obj(occupation=nullable, name={"type": ["string", "null"]}), NOBODY, 500) == {
        "occupation": None,
        "name": None,
    }
    assert answer(obj(occupation=nullable), PERSON, 500) == {"occupation": "nurse at Santa Maria"}


def test_references_are_followed() -> None:
    schema = {**obj(dates={"type": "array", "items": {"$ref": "#/$defs/Date"}}), "$defs": {"Date": obj(event=TEXT)}}
    assert answer(schema, PERSON, 500) == {"dates": [{"event": "Our trip starts on 2025-06-03."}]}


def test_a_small_budget_shortens_lists_before_anything_is_cut() -> None:
    person = learn([" ".join(f"I love dish number {number}." for number in range(60))])
    found: Any = answer(obj(preferences=TEXTS), person, 100)
    assert 1 < len(found["preferences"]) < 40
    assert len(json.dumps(found)) <= 400


def test_condensing_halves_a_list() -> None:
    person = learn([" ".join(f"I love dish number {number}." for number in range(10))])
    found: Any = answer(obj(preferences=TEXTS), person, 4000, condense=True)
    assert len(found["preferences"]) == 5


def test_a_numbered_list_is_answered_with_its_numbers() -> None:
    person = learn(["1. Likes tea (2024-05-01)\n2. Lives in Rome: since 2019\n3. Likes tea (2024-06-01)"])
    items = obj(subject=TEXT, detail=TEXT, **{"from": {"type": "array", "items": {"type": "integer"}}})
    found: Any = answer(obj(facts={"type": "array", "items": items}), person, 4000)
    assert found["facts"] == [
        {"subject": "Likes tea", "detail": UNKNOWN, "from": [1]},
        {"subject": "Lives in Rome", "detail": "since 2019", "from": [2]},
    ]


def test_a_memory_in_markdown_is_read_back() -> None:
    person = learn(["## Preferences\n- loves tea (2024-05-01)\n\n## Important Dates\n- Wedding: 2024-06-01\n"])
    schema = obj(preferences=TEXTS, dates={"type": "array", "items": obj(event=TEXT, date=TEXT)})
    assert answer(schema, person, 4000) == {
        "preferences": ["loves tea"],
        "dates": [{"event": "Wedding", "date": "2024-06-01"}],
    }


def test_a_profile_that_is_handed_over_comes_back_as_it_was() -> None:
    schema = obj(soul=obj(formality_level=TEXT, boundaries=TEXT), user=obj(interests=TEXTS, name=TEXT))
    profile = {
        "soul": {"formality_level": "high", "boundaries": UNKNOWN},
        "user": {"interests": ["tea"], "name": "Ines"},
    }
    assert answer(schema, learn([json.dumps(profile)]), 4000) == profile


BAD_SCHEMAS: list[Any] = [
    {"type": "nothing"},
    {"$ref": "#/$defs/Gone"},
    {"type": "string", "pattern": "^[q-z]{40}$"},
    {"type": "string", "pattern": "("},
    {"$ref": "https://example.com/schema"},
    {"type": "array", "items": {"type": "integer", "minimum": 5, "maximum": 1}, "minItems": 1},
]


@pytest.mark.parametrize("schema", BAD_SCHEMAS, ids=str)
def test_a_schema_that_cannot_be_obeyed_is_refused(schema: Any) -> None:
    with pytest.raises(SchemaNotSupported):
        answer(schema, PERSON, 500)


NAMES = st.sampled_from(
    [
        "name",
        "preferences",
        "projects",
        "dates",
        "tone",
        "archetype",
        "count",
        "is_student",
        "interests",
        "x",
        "details",
    ]
)


FORMATS = st.sampled_from(["date", "date-time", "email", "uri", "uuid", "time"])
PATTERNS = st.sampled_from(["^[a-z]+$", r"^\d{4}-\d{2}-\d{2}$", "^$", "[A-Z]"])
SMALL = st.integers(-50, 50)
VALUES = st.one_of(st.text(max_size=5), st.integers(), st.none())


def between(kind: str, low: int, width: int) -> dict[str, Any]:
    return {"type": kind, "minimum": low, "maximum": low + abs(width)}


def sized(least: int, more: int) -> dict[str, Any]:
    return {**TEXT, "minLength": abs(least), "maxLength": abs(least) + abs(more)}


SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.just(TEXT),
    st.builds(sized, SMALL, SMALL),
    FORMATS.map(lambda form: {**TEXT, "format": form}),
    PATTERNS.map(lambda pattern: {**TEXT, "pattern": pattern}),
    st.builds(between, st.sampled_from(["number", "integer"]), SMALL, SMALL),
    SMALL.map(lambda low: {"type": "number", "exclusiveMinimum": low}),
    SMALL.map(lambda high: {"type": "integer", "exclusiveMaximum": high}),
    st.just({"type": "integer", "multipleOf": 7, "minimum": 3}),
    st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"type": ["string", "null"]}, {}]),
    st.lists(VALUES, min_size=1, max_size=4).map(lambda options: {"enum": options}),
    VALUES.map(lambda value: {"const": value}),
)


def an_object(properties: dict[str, Any], required: list[str], closed: bool) -> dict[str, Any]:
    must = [name for name in required if name in properties or not closed]
    return {"type": "object", "properties": properties, "required": must, "additionalProperties": not closed}


def a_list(items: Any, least: int, more: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least, "maxItems": least + more}


def compound(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    fields = st.dictionaries(NAMES, inner, max_size=4)
    return st.one_of(
        st.builds(an_object, fields, st.lists(NAMES, max_size=3, unique=True), st.booleans()),
        st.builds(a_list, inner, st.integers(0, 4), st.integers(0, 4)),
        st.lists(inner, min_size=1, max_size=3).map(lambda variants: {"anyOf": variants}),
        inner.map(lambda schema: {"allOf": [schema, {"description": "more"}]}),
        st.just({"type": "array", "items": TEXT, "uniqueItems": True, "minItems": 3}),
    )


@settings(max_examples=300, deadline=None)
@given(st.recursive(SCALARS, compound, max_leaves=8), st.sampled_from([PERSON, NOBODY]), st.booleans())
def test_any_reasonable_schema_gets_a_valid_answer(schema: dict[str, Any], person: Knowledge, referred: bool) -> None:
    if referred:
        schema = {"$defs": {"D": schema}, **obj(d={"$ref": "#/$defs/D"})}
    found = answer(schema, person, 2000)
    assert list(Draft202012Validator(schema).iter_errors(found)) == []
