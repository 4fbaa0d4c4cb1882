"""The audit names every difference that would make a write fail, and nothing else."""

from __future__ import annotations

import copy

import pytest

from v2_service.contract import JsonObject, JsonValue
from v2_service.schema_audit import expected, problems


def sound() -> JsonObject:
    tables: JsonObject = {}
    for table, columns in expected(1024).items():
        kinds: JsonObject = {column: types[0] for column, types in columns.items()}
        tables[table] = {"columns": kinds, "checks": []}
    return tables


def changed(table: str, column: str, kind: JsonValue) -> JsonObject:
    found = copy.deepcopy(sound())
    part = found[table]
    assert isinstance(part, dict)
    columns = part["columns"]
    assert isinstance(columns, dict)
    if kind is None:
        del columns[column]
    else:
        columns[column] = kind
    return found


def test_a_schema_that_fits_has_no_problems() -> None:
    assert problems(sound(), 1024) == []


@pytest.mark.parametrize(
    ("table", "column", "kind", "words"),
    [
        ("conversation_chunks", "embedding", "vector(768)", "is vector(768), should be vector(1024)"),
        ("conversation_chunks", "embedding", "vector", "should be vector(1024)"),
        ("conversation_chunks", "chunk_tier", "chunk_tier", "is chunk_tier, should be text"),
        ("user_profiles", "memory_md", None, "the column is missing"),
        ("user_profiles", "total_chunks", "text", "should be integer"),
    ],
)
def test_a_column_that_does_not_fit_is_named(table: str, column: str, kind: str | None, words: str) -> None:
    [line] = problems(changed(table, column, kind), 1024)
    assert line.startswith(f"{table}.{column}: ")
    assert words in line


def test_a_length_does_no_harm() -> None:
    assert problems(changed("user_profiles", "ai_name", "character varying(80)"), 1024) == []


def test_a_missing_table_is_one_problem() -> None:
    found = sound()
    del found["pipeline_costs"]
    [line] = problems(found, 1024)
    assert "migrations" in line


def test_a_check_that_refuses_what_is_written_is_named() -> None:
    found = sound()
    profiles = found["user_profiles"]
    assert isinstance(profiles, dict)
    profiles["checks"] = [
        "CHECK ((import_status = ANY (ARRAY['none'::text, 'processing'::text, 'quick_ready'::text, 'complete'])))",
        "CHECK ((memory_status = ANY (ARRAY['none'::text, 'building'::text, 'ready'::text])))",
    ]
    assert problems(found, 1024) == ["user_profiles.import_status: its CHECK refuses failed"]
