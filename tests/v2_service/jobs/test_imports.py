"""Every real export, end to end through the service: what stands in the database afterwards is what readers need."""

from __future__ import annotations

import json
import re
from typing import Any  # rows

import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.conftest import EXPORTS
from tests.v2_service.exports import conversation, export, large_numbers
from tests.v2_service.running import RunningService

# Samples of what must be refused; see tests/data/README.md.
NOT_EXPORTS = {"not_valid_json_2023.json", "sibling_model_comparisons.json"}
SAMPLES = sorted(path.name for path in EXPORTS.iterdir() if path.name not in NOT_EXPORTS)
SETTLED = {
    "import_status": "complete",
    "import_error": None,
    "import_stage": "Complete",
    "progress_percent": 100,
    "embedding_status": "complete",
    "embedding_progress": 100,
    "memory_status": "ready",
    "full_pass_status": "complete",
    "full_pass_error": None,
}
FILLED = (
    *("soulprint", "soulprint_text", "archetype", "ai_name", "soul_md", "identity_md", "user_md", "agents_md"),
    *("tools_md", "memory_md", "memory_log", "soulprint_generated_at", "embeddings_completed_at"),
    *("full_pass_started_at", "full_pass_completed_at", "processing_started_at", "import_cost_json", "storage_path"),
)


def chunks(sandbox: RunningSandbox, user: str, columns: str) -> list[dict[str, Any]]:
    return sandbox.rows("conversation_chunks", {"user_id": f"eq.{user}", "select": columns, "order": "id"})


@pytest.mark.parametrize("name", SAMPLES)
def test_a_real_export_is_imported_completely(service: RunningService, user: str, name: str) -> None:
    job = service.imported(user, (EXPORTS / name).read_bytes(), name)
    assert (job["status"], job["error_message"], job["progress"], job["coverage"]) == ("complete", None, 100, 1)
    profile = service.profile(user)
    assert {column: profile[column] for column in SETTLED} == SETTLED
    assert [column for column in FILLED if profile[column] in (None, "", {})] == []
    stored = chunks(service.sandbox, user, "id,chunk_tier,embedding,content,message_count")
    assert len(stored) == profile["total_chunks"] == profile["processed_chunks"] == job["counts"]["chunks"]
    assert {row["chunk_tier"] for row in stored} <= {"micro", "medium", "macro"}
    assert [row["id"] for row in stored if not row["embedding"] or not row["content"].strip()] == []
    assert profile["total_messages"] == job["counts"]["messages"] > 0
    assert service.sandbox.rows("pipeline_staged_chunks", {"run_id": f"eq.{job['id']}"}) == []
    assert service.sandbox.rows("pipeline_replies", {"run_id": f"eq.{job['id']}"}) == []
    assert service.sandbox.rows("processing_jobs", {"user_id": f"eq.{user}"}) == []
    told = [call["body"] for call in service.sandbox.callbacks() if call["body"].get("user_id") == user]
    assert [(body["run_id"], body["status"], body["soulprint_ready"]) for body in told] == [
        (job["id"], "complete", True)
    ]


def test_planted_facts_reach_memory_and_the_report(service: RunningService, user: str) -> None:
    said = "I prefer oolong tea over coffee. I am building a greenhouse called Glasshouse. I decided to move to Lisbon."
    job = service.imported(user, json.dumps([conversation(1, said)]).encode())
    assert job["counts"]["facts"] >= 3
    losses = ("facts_misread", "facts_cut", "memory_lines_refused", "unread_chunks")
    assert [job["counts"][name] for name in losses] == [0, 0, 0, 0]
    memory = service.profile(user)["memory_md"]
    assert [word for word in ("oolong", "Glasshouse", "Lisbon") if word not in memory] == []


def test_l_52_facts_of_an_undated_conversation_have_no_date_and_its_chunks_are_not_recent(
    service: RunningService, user: str
) -> None:
    undated = conversation(1, "I prefer oolong tea over coffee.")
    del undated["create_time"]
    for node in undated["mapping"].values():
        if node["message"]:
            del node["message"]["create_time"]
    service.imported(user, json.dumps([undated, conversation(2)]).encode())
    log = service.profile(user)["memory_log"]
    assert re.findall(r"^## (.+)$", log, re.MULTILINE) == ["2023-11-16", "Undated"]
    assert "oolong" in log.partition("## Undated")[2]
    assert {row["is_recent"] for row in chunks(service.sandbox, user, "is_recent")} == {False}


def test_numbers_beyond_a_machine_word_hinder_no_import(service: RunningService, user: str) -> None:
    job = service.imported(user, large_numbers(3))
    assert (job["status"], job["coverage"], job["drops"]["dropped"]) == ("complete", 1, {})
    stored = chunks(service.sandbox, user, "conversation_id")
    assert {row["conversation_id"] for row in stored} == {f"conversation-{number}" for number in range(3)}


def test_the_start_of_the_extraction_logs_chunks_and_concurrency(service: RunningService, user: str) -> None:
    job = service.imported(user, export(2))
    lines = [json.loads(line) for line in service.log.read_text().splitlines() if line.startswith("{")]
    [line] = [one for one in lines if one["event"] == "extraction begins" and one["run_id"] == job["id"]]
    assert (line["chunks"], line["concurrency"]) == (job["counts"]["medium"], 3)


def test_the_bill_counts_every_call(service: RunningService, user: str) -> None:
    job = service.imported(user, export(5))
    cost = job["cost"]
    steps = {step: bill["calls"] for step, bill in job["usage"].items() if step != "embed"}
    assert steps["extract"] == job["counts"]["medium"] == 5
    assert (steps["quick_pass"], steps["memory"]) == (1, 1)
    assert sum(steps.values()) == cost["llm_call_count"]
    dollars = (cost["llm_input_tokens"] * 1 + cost["llm_output_tokens"] * 5) / 1e6
    assert cost["llm_cost_usd"] == pytest.approx(dollars, abs=1e-6)
    assert json.loads(service.profile(user)["import_cost_json"])["total_cost_usd"] == cost["total_cost_usd"]


def test_a_second_import_replaces_the_chunks_and_keeps_the_facts(service: RunningService, user: str) -> None:
    first = service.imported(user, json.dumps([conversation(1, "I prefer oolong tea over coffee.")]).encode())
    second = service.imported(user, json.dumps([conversation(2, "I live in Lisbon and I prefer jazz.")]).encode())
    assert (first["status"], second["status"]) == ("complete", "complete")
    assert {row["conversation_id"] for row in chunks(service.sandbox, user, "conversation_id")} == {"conversation-2"}
    memory = service.profile(user)["memory_md"]
    assert "oolong" in memory
    assert "jazz" in memory


def test_a_refresh_embeds_what_is_missing_and_makes_the_profile_again(service: RunningService, user: str) -> None:
    service.imported(user, export(3))
    before = chunks(service.sandbox, user, "id,content,chunk_tier")
    service.sandbox.http.patch(
        "/rest/v1/conversation_chunks",
        params={"user_id": f"eq.{user}", "chunk_tier": "eq.medium"},
        json={"embedding": None},
    )
    service.sandbox.http.patch(
        "/rest/v1/user_profiles", params={"user_id": f"eq.{user}"}, json={"soul_md": None, "embedding_status": "failed"}
    )
    job = service.ended(service.http.post("/process-full", json={"user_id": user}).json()["job_id"])
    assert (job["status"], job["error_message"], job["kind"], job["counts"]["conversations"]) == (
        "complete",
        None,
        "refresh",
        3,
    )
    after = chunks(service.sandbox, user, "id,content,chunk_tier,embedding")
    assert [{name: row[name] for name in before[0]} for row in after] == before
    assert [row["id"] for row in after if row["embedding"] is None] == []
    profile = service.profile(user)
    assert profile["soul_md"]
    assert profile["embedding_status"] == "complete"


def test_a_refresh_of_somebody_without_chunks_fails_and_changes_no_status(service: RunningService, user: str) -> None:
    before = service.profile(user)
    job = service.ended(service.http.post("/process-full", json={"user_id": user}).json()["job_id"])
    assert (job["status"], job["error_code"]) == ("failed", "nothing_to_refresh")
    after = service.profile(user)
    assert after["import_error"] == job["error_message"]
    same = ("import_status", "embedding_status", "memory_status", "full_pass_status", "soulprint_text")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
