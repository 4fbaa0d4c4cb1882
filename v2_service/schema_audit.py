"""Compares the database's schema with the one that v2 writes to: columns, types, CHECKs, vector size (S-80). Pure.

Counterpart: `v2_schema()` in `migrations/0008_reports.sql` tells what there is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from v2_service.contract import JsonObject, JsonValue, Tier

TEXTS = ("text", "character varying")
NUMBERS = ("integer", "bigint", "smallint")
TIMES = ("timestamp with time zone",)
UUIDS = ("uuid",)
BOOLEANS = ("boolean",)


def _each(names: str, types: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(names.split(), types)


def expected(dimensions: int) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Table -> column -> types that will do."""
    vector = {"embedding": (f"vector({dimensions})",)}
    return {
        "conversation_chunks": {
            **_each("id user_id", UUIDS),
            **_each("conversation_id title content chunk_tier", TEXTS),
            **_each("message_count chunking_version", NUMBERS),
            **_each("created_at", TIMES),
            **_each("is_recent", BOOLEANS),
            **vector,
        },
        "user_profiles": {
            **_each("user_id", UUIDS),
            **_each("import_status import_error import_stage storage_path file_type import_cost_json", TEXTS),
            **_each("embedding_status memory_status full_pass_status full_pass_error archetype ai_name", TEXTS),
            **_each("soul_md identity_md user_md agents_md tools_md memory_md memory_log soulprint_text", TEXTS),
            **_each("progress_percent embedding_progress total_chunks processed_chunks total_messages", NUMBERS),
            **_each("total_conversations", NUMBERS),
            **_each("processing_started_at embeddings_completed_at full_pass_started_at", TIMES),
            **_each("full_pass_completed_at soulprint_generated_at soulprint_updated_at", TIMES),
            "memory_log_date": ("date",),
            "soulprint": ("jsonb", "json"),
        },
        "pipeline_runs": {**_each("id user_id", UUIDS), **_each("fence retries progress", NUMBERS)},
        "pipeline_run_keys": {**_each("idempotency_key", TEXTS), **_each("run_id", UUIDS)},
        "pipeline_replies": {**_each("request_hash step", TEXTS), "reply": ("jsonb",)},
        "pipeline_staged_chunks": {**_each("id run_id", UUIDS), **_each("content tier", TEXTS), **vector},
        "pipeline_batches": {**_each("id run_id", UUIDS), **_each("batch_id state", TEXTS)},
        "pipeline_shadow_runs": {**_each("id user_id", UUIDS), **_each("fence progress", NUMBERS)},
        "pipeline_shadow_profiles": {**_each("run_id", UUIDS), "profile": ("jsonb",)},
        "pipeline_shadow_replies": {**_each("request_hash step", TEXTS), "reply": ("jsonb",)},
        "pipeline_shadow_staged_chunks": {**_each("id run_id", UUIDS), **_each("content tier", TEXTS), **vector},
        "pipeline_shadow_chunks": {**_each("id run_id", UUIDS), **_each("content chunk_tier", TEXTS), **vector},
        "pipeline_shadow_costs": {**_each("step", TEXTS), "day": ("date",), "dollars": ("double precision",)},
        "pipeline_costs": {**_each("step", TEXTS), "day": ("date",), "dollars": ("double precision",)},
    }


# Values that v2 writes; a CHECK on the column must let them pass.
WRITTEN: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("user_profiles", "import_status"): ("none", "quick_ready", "processing", "complete", "failed"),
    ("user_profiles", "full_pass_status"): ("pending", "processing", "complete", "failed"),
    ("user_profiles", "embedding_status"): ("pending", "processing", "complete", "failed"),
    ("user_profiles", "memory_status"): ("none", "building", "ready"),
    ("conversation_chunks", "chunk_tier"): tuple(str(tier) for tier in Tier),
}
QUOTED = re.compile(r"'((?:[^']|'')*)'")


def problems(found: JsonObject, dimensions: int) -> list[str]:
    """One line per difference that would make a write fail; empty when there is none."""
    lines: list[str] = []
    for table, columns in expected(dimensions).items():
        there = found.get(table)
        if not isinstance(there, dict):
            lines.append(f"{table}: the table is missing (apply the migrations: `v2 migrate --print`)")
            continue
        has = there.get("columns")
        lines += _column_problems(table, columns, has if isinstance(has, dict) else {})
        lines += _check_problems(table, there.get("checks"))
    return lines


def _column_problems(table: str, wanted: Mapping[str, tuple[str, ...]], has: JsonObject) -> list[str]:
    lines = []
    for column, types in wanted.items():
        kind = has.get(column)
        if kind is None:
            lines.append(f"{table}.{column}: the column is missing")
        elif not isinstance(kind, str) or (kind.partition("(")[0] not in types and kind not in types):
            lines.append(f"{table}.{column}: is {kind}, should be {' or '.join(types)}")
    return lines


def _check_problems(table: str, checks: JsonValue) -> list[str]:
    definitions = [one for one in checks if isinstance(one, str)] if isinstance(checks, list) else []
    lines = []
    for (owner, column), values in WRITTEN.items():
        lists = [text for text in definitions if re.search(rf"\b{column}\b", text) and QUOTED.search(text)]
        for text in lists if owner == table else []:
            missing = sorted(set(values) - set(QUOTED.findall(text)))
            if missing:
                lines.append(f"{table}.{column}: its CHECK refuses {', '.join(missing)}")
    return lines
