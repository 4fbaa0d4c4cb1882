"""The schema: what production enforces is enforced here, and running the files again changes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import psycopg
import pytest

from sandbox import migrate
from sandbox.running import RunningSandbox
from sandbox.settings import SandboxSettings

# Every profile column that either pipeline or the web app reads or writes.
# fmt: off
PROFILE_COLUMNS = {
    "id", "user_id", "import_status", "import_error", "embedding_status", "embedding_progress", "memory_status",
    "total_chunks", "processed_chunks", "total_messages", "soulprint", "soulprint_text", "archetype", "soul_md",
    "identity_md", "agents_md", "user_md", "memory_log", "soulprint_generated_at", "updated_at",
    "total_conversations", "embeddings_completed_at", "memory_log_date", "processing_started_at",
    "raw_export_path", "personality_profile", "soulprint_locked", "locked_at", "ai_name", "ai_avatar_url",
    "soulprint_updated_at", "tools_md", "memory_md", "full_pass_status", "full_pass_error",
    "full_pass_started_at", "full_pass_completed_at", "progress_percent", "import_stage", "import_cost_json",
    "storage_path", "file_type", "quality_breakdown", "quality_scored_at",
}
# fmt: on


@pytest.fixture
def database(sandbox: RunningSandbox) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(sandbox.sql_uri, autocommit=True) as connection:
        yield connection


@pytest.fixture
def user(sandbox: RunningSandbox) -> str:
    return sandbox.create_user()


def test_a_new_account_gets_one_profile_with_the_defaults(sandbox: RunningSandbox, user: str) -> None:
    [profile] = sandbox.rows("user_profiles", {"user_id": f"eq.{user}"})
    expected = {"import_status": "none", "embedding_status": "pending", "memory_status": "none"}
    assert {name: profile[name] for name in expected} == expected
    assert (profile["full_pass_status"], profile["total_chunks"]) == ("pending", 0)


def test_the_profile_has_every_column(sandbox: RunningSandbox, user: str) -> None:
    [profile] = sandbox.rows("user_profiles", {"user_id": f"eq.{user}"})
    assert PROFILE_COLUMNS - set(profile) == set()


@pytest.mark.parametrize("status", ["none", "quick_ready", "processing", "complete", "locked", "failed"])
def test_every_known_import_status_is_taken(sandbox: RunningSandbox, user: str, status: str) -> None:
    answer = sandbox.http.patch(
        "/rest/v1/user_profiles", params={"user_id": f"eq.{user}"}, json={"import_status": status}
    )
    assert answer.status_code == 204


@pytest.mark.parametrize("column", ["import_status", "full_pass_status"])
def test_an_unknown_status_is_refused(sandbox: RunningSandbox, user: str, column: str) -> None:
    answer = sandbox.http.patch("/rest/v1/user_profiles", params={"user_id": f"eq.{user}"}, json={column: "odd"})
    assert (answer.status_code, answer.json()["code"]) == (400, "23514")


def test_deleting_an_account_deletes_what_hangs_on_it(sandbox: RunningSandbox, user: str) -> None:
    sandbox.http.post("/rest/v1/processing_jobs", json={"user_id": user}).raise_for_status()
    sandbox.http.delete(f"/auth/v1/admin/users/{user}").raise_for_status()
    assert sandbox.rows("user_profiles", {"user_id": f"eq.{user}"}) == []
    assert sandbox.rows("processing_jobs", {"user_id": f"eq.{user}"}) == []


def test_a_job_s_change_time_follows_every_patch(
    sandbox: RunningSandbox, user: str, database: psycopg.Connection[tuple[object, ...]]
) -> None:
    job = database.execute(
        "insert into processing_jobs (user_id, updated_at) values (%s, '2020-01-01') returning id", (user,)
    ).fetchone()
    assert job is not None
    sandbox.http.patch("/rest/v1/processing_jobs", params={"id": f"eq.{job[0]}"}, json={"progress": 5})
    [row] = sandbox.rows("processing_jobs", {"id": f"eq.{job[0]}"})
    assert (row["progress"], row["updated_at"] > "2021") == (5, True)


def test_a_chunk_needs_its_time_and_its_user(sandbox: RunningSandbox, user: str) -> None:
    chunk = {"user_id": user, "conversation_id": "c", "content": "text"}
    timeless = sandbox.http.post("/rest/v1/conversation_chunks", json=chunk)
    assert (timeless.status_code, timeless.json()["code"]) == (400, "23502")
    orphan = {**chunk, "user_id": str(uuid.uuid4()), "created_at": "2024-01-01"}
    assert sandbox.http.post("/rest/v1/conversation_chunks", json=orphan).status_code == 409


def test_search_finds_the_nearest_chunks_of_the_user_above_the_threshold(sandbox: RunningSandbox, user: str) -> None:
    other = sandbox.create_user()
    near, far = [1.0] + [0.0] * 1023, [0.0, 1.0] + [0.0] * 1022
    rows = [
        {"user_id": owner, "conversation_id": "c", "content": content, "chunk_tier": tier, "embedding": vector}
        | {"created_at": "2024-01-01"}
        for owner, content, tier, vector in [
            (user, "near", "micro", near),
            (user, "far", "micro", far),
            (user, "other tier", "macro", near),
            (other, "other user", "micro", near),
        ]
    ]
    sandbox.http.post("/rest/v1/conversation_chunks", json=rows).raise_for_status()
    ask = {"query_embedding": near, "match_user_id": user, "match_tier": "micro", "match_threshold": 0.5}
    found = sandbox.http.post("/rest/v1/rpc/match_conversation_chunks_by_tier", json=ask).json()
    assert [(row["content"], row["similarity"]) for row in found] == [("near", 1)]
    del ask["match_tier"]
    found = sandbox.http.post("/rest/v1/rpc/match_conversation_chunks", json=ask).json()
    assert {row["content"] for row in found} == {"near", "other tier"}


def test_running_the_schema_again_changes_nothing(sandbox: RunningSandbox, user: str) -> None:
    before = sandbox.rows("user_profiles", {"user_id": f"eq.{user}"})
    assert migrate.apply(sandbox.sql_uri, [migrate.SCHEMA, SandboxSettings().migrations])
    assert sandbox.rows("user_profiles", {"user_id": f"eq.{user}"}) == before
