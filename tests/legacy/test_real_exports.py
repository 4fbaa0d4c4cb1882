"""Real exports through the monolith as it is deployed, over the sandbox: PostgreSQL, Storage, models, callback."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from sandbox.running import RunningSandbox
from tests.legacy.running import REPOSITORY, environment, listening

EXPORTS = REPOSITORY / "tests" / "data" / "exports"
LISTS = (
    "branch_no_current_node.json",
    "code_interpreter_2023.json",
    "disconnected_nodes.json",
    "edited_branch.json",
    "long_answers_2025.json",
    "many_content_types.json",
    "minimal_nodes_20.json",
    "no_content_type.json",
)
NOT_LISTS = (
    "native_2026_thoughts_tool_images.json",
    "not_valid_json_2023.json",
    "sibling_model_comparisons.json",
    "zipped_export.zip",
)
OLD_TEXT = "A chunk from an import of long ago, about a lighthouse."


@dataclass(frozen=True, slots=True)
class Imported:
    """Every file imported for a user of its own; a running monolith to ask about them."""

    sandbox: RunningSandbox
    users: dict[str, str]
    service: httpx.Client

    def row(self, table: str, name: str) -> dict[str, object]:
        [row] = self.sandbox.rows(table, {"user_id": f"eq.{self.users[name]}"})
        return row


def keep_old_chunk(sandbox: RunningSandbox, user: str) -> None:
    """Give the user something that a failed import must not take away."""
    row = {
        "user_id": user,
        "conversation_id": "old",
        "content": OLD_TEXT,
        "chunk_tier": "micro",
        "created_at": "2024-01-01T00:00:00",
    }
    sandbox.http.post("/rest/v1/conversation_chunks", json=row).raise_for_status()


@pytest.fixture(scope="module")
def imported() -> Iterator[Imported]:
    """A sandbox of its own: a starting monolith resumes every unfinished job it finds, other tests' too."""
    with RunningSandbox() as sandbox:
        path = os.pathsep.join((str(REPOSITORY), sandbox.env["PYTHONPATH"]))
        variables = environment(sandbox.url, **{**sandbox.env, "PYTHONPATH": path})
        users = {name: sandbox.create_user(str(uuid.uuid4())) for name in (*LISTS, *NOT_LISTS)}
        with listening(variables, finish=True) as url:
            for name, user in users.items():
                keep_old_chunk(sandbox, user)
                stored = f"user-imports/{user}/{Path(name).name}"
                sandbox.upload(stored, (EXPORTS / name).read_bytes())
                answer = httpx.post(
                    f"{url}/process-full", json={"user_id": user, "storage_path": stored}, timeout=60, trust_env=False
                )
                assert answer.json()["job_id"]
        with listening(variables) as url, httpx.Client(base_url=url, timeout=60, trust_env=False) as service:
            yield Imported(sandbox, users, service)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_conversations_ends_complete_and_embedded(imported: Imported, name: str) -> None:
    job, profile = imported.row("processing_jobs", name), imported.row("user_profiles", name)
    assert (job["status"], job["progress"], job["error_message"]) == ("complete", 100, None)
    assert job["current_step"] == "embedding"
    assert (profile["import_status"], profile["embedding_status"]) == ("complete", "complete")
    assert (profile["memory_status"], profile["embedding_progress"]) == ("ready", 100)
    for column in ("soulprint", "soulprint_text", "archetype", "soul_md", "identity_md", "agents_md", "user_md"):
        assert profile[column], column
    status = imported.service.get(f"/embedding-status/{imported.users[name]}").json()
    assert (status["status"], status["completion_percentage"]) == ("complete", 100)
    assert status["total_chunks"] == status["total_embedded"] == profile["total_chunks"] == profile["processed_chunks"]
    assert status["total_chunks"] > 0


@pytest.mark.parametrize("name", LISTS)
def test_the_memory_finds_what_was_imported_and_nothing_older(imported: Imported, name: str) -> None:
    user = imported.users[name]
    chunks = imported.sandbox.rows("conversation_chunks", {"user_id": f"eq.{user}", "select": "content,chunk_tier"})
    assert OLD_TEXT not in [chunk["content"] for chunk in chunks]
    whole = min(chunk["content"] for chunk in chunks if chunk["chunk_tier"] == "medium")
    said = whole.split("] ", 1)[1].split(": ", 1)[1][:80]
    question = f"What did I say about this: {said}"
    answer = imported.service.post("/query", json={"user_id": user, "message": question})
    assert answer.status_code == 200
    assert answer.json()["method"] == "rlm-memory"
    assert 0 < answer.json()["chunks_used"] <= 50
    assert imported.service.post("/chat", json={"user_id": user, "message": question}).json()["memories_used"] > 0


@pytest.mark.parametrize("name", NOT_LISTS)
def test_anything_else_fails_and_leaves_the_old_chunks(imported: Imported, name: str) -> None:
    job, profile = imported.row("processing_jobs", name), imported.row("user_profiles", name)
    assert (job["status"], job["progress"]) == ("failed", None)
    assert job["error_message"] == profile["import_error"] != ""
    assert profile["import_status"] == "failed"
    assert imported.row("conversation_chunks", name)["content"] == OLD_TEXT


def test_the_web_app_is_told_once_for_each_complete_import(imported: Imported) -> None:
    told = [callback["body"]["user_id"] for callback in imported.sandbox.callbacks()]
    assert sorted(told) == sorted(imported.users[name] for name in LISTS)


def test_deep_health_finds_everything_in_order(imported: Imported) -> None:
    body = imported.service.get("/health-deep").json()
    assert body["overall"] == "healthy", body
    assert {check["status"] for check in body["checks"].values()} == {"ok"}


def test_a_soulprint_can_be_made_again_from_the_chunks(imported: Imported) -> None:
    answer = imported.service.get(f"/generate-soulprint/{imported.users['minimal_nodes_20.json']}")
    assert answer.json()["success"] is True, answer.json()


def test_saving_an_embedding_needs_the_all_zero_user_to_exist(imported: Imported) -> None:
    body = imported.service.get("/test-patch").json()
    assert (body["success"], body["step"]) == (False, "insert")
    imported.sandbox.create_user("00000000-0000-0000-0000-000000000000")
    body = imported.service.get("/test-patch").json()
    assert (body["success"], body["embedding_dims"]) == (True, 1024)
    assert body["saved_dims"] > 1024  # a vector comes back as text, and its characters are counted
