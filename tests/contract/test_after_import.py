"""After an import through the gateway, whichever pipeline ran, everything that stays on legacy reads what it needs."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any  # rows of the database

import httpx
import pytest

from sandbox.running import RunningSandbox
from sandbox.stack.imports import Addresses, Import, run_imports
from sandbox.stack.seeds import NOT_EXPORTS, Seed, read_export
from tests.contract.conftest import EXPORTS, upload
from tests.fakes.house import House

PROFILE_FOR_EVERYBODY = (
    "soulprint",
    "soulprint_text",
    "archetype",
    "soul_md",
    "identity_md",
    "agents_md",
    "user_md",
    "memory_log",
    "soulprint_generated_at",
    "total_messages",
)
SETTLED = {
    "import_status": "complete",
    "import_error": None,
    "embedding_status": "complete",
    "embedding_progress": 100,
    "memory_status": "ready",
}
SAMPLES = sorted(path.name for path in EXPORTS.iterdir() if path.name not in NOT_EXPORTS and path.suffix != ".md")


def imported(house: House, sandbox: RunningSandbox, percentage: int, export: str) -> tuple[Import, str]:
    """Import one export for a new user through the gateway at a percentage; returns how it ended and the user."""
    user = sandbox.create_user()
    conversations = read_export(EXPORTS / export)
    path = f"user-imports/{user}/raw-1.json"
    sandbox.upload(path, json.dumps(conversations).encode())
    layout = house.gateways[percentage]
    key = sandbox.env["SUPABASE_SERVICE_KEY"]
    addresses = Addresses(layout.gateway_url, layout.ops_url, sandbox.url, key)
    seed = Seed(user, export, len(conversations), 0, path, b"")
    [ended] = asyncio.run(run_imports(addresses, [seed], 90, lambda _: None))
    return ended, user


def profile(sandbox: RunningSandbox, user: str) -> dict[str, Any]:
    [row] = sandbox.rows("user_profiles", {"user_id": f"eq.{user}"})
    return row


def callbacks_for(sandbox: RunningSandbox, user: str, ended: Import) -> int:
    """How often the web app was told. v2 tells it right after the run is complete and then notes the outcome."""
    if ended.backend == "v2":
        run = {"id": f"eq.{ended.job_id}", "select": "callback_outcome"}
        deadline = time.monotonic() + 30
        while sandbox.rows("pipeline_runs", run)[0]["callback_outcome"] != "delivered":
            assert time.monotonic() < deadline, "the web app was never told"
    return sum(callback["body"].get("user_id") == user for callback in sandbox.callbacks())


@pytest.mark.parametrize("export", SAMPLES)
@pytest.mark.parametrize(("percentage", "backend"), [(0, "legacy"), (100, "v2")])
def test_every_real_export_is_imported(
    house: House, sandbox: RunningSandbox, percentage: int, backend: str, export: str
) -> None:
    ended, user = imported(house, sandbox, percentage, export)
    assert (ended.backend, ended.status, ended.reason) == (backend, "complete", "")
    assert ended.chunks > 0
    row = profile(sandbox, user)
    assert {name: row[name] for name in SETTLED} == SETTLED
    assert [name for name in PROFILE_FOR_EVERYBODY if row[name] in (None, "")] == []
    assert row["total_chunks"] == row["processed_chunks"] == ended.chunks
    with httpx.Client(base_url=house.legacy, trust_env=False, timeout=60) as legacy:
        status = legacy.get(f"/embedding-status/{user}").json()
    assert (status["status"], status["total_chunks"], status["total_missing"]) == ("complete", ended.chunks, 0)
    assert callbacks_for(sandbox, user, ended) == 1


def test_legacys_chat_finds_the_memories_that_v2_wrote(house: House, sandbox: RunningSandbox) -> None:
    ended, user = imported(house, sandbox, 100, "long_answers_2025.json")
    assert (ended.backend, ended.status) == ("v2", "complete")
    title = sandbox.rows("conversation_chunks", {"user_id": f"eq.{user}", "select": "title", "limit": "1"})[0]["title"]
    with httpx.Client(base_url=house.urls["gateway-100"], trust_env=False, timeout=60) as frontend:
        asked = frontend.post("/query", json={"user_id": user, "message": f"Do you remember {title}?"})
        chatted = frontend.post("/chat", json={"user_id": user, "message": f"Tell me about {title}"})
    assert asked.headers["x-gateway-backend"] == "legacy"
    assert (asked.status_code, asked.json()["method"]) == (200, "rlm-memory")
    assert asked.json()["chunks_used"] > 0
    assert chatted.json()["memories_used"] > 0


def asked_by_meaning(sandbox: RunningSandbox, user: str, tier: str, question: str) -> list[str]:
    """Texts that the monolith's search finds in one tier, best first; the question is embedded as it does it."""
    model = "/model/amazon.titan-embed-text-v2%3A0/invoke"
    vector = sandbox.http.post(model, json={"inputText": question[:8000], "normalize": True}).json()["embedding"]
    asked = {"query_embedding": vector, "match_user_id": user, "match_tier": tier, "match_count": 25}
    found = sandbox.http.post(
        "/rest/v1/rpc/match_conversation_chunks_by_tier", json={**asked, "match_threshold": 0.1}
    ).json()
    return [row["content"] for row in found]


def test_legacys_search_by_meaning_finds_what_v2_wrote_at_every_tier(house: House, sandbox: RunningSandbox) -> None:
    ended, user = imported(house, sandbox, 100, "long_answers_2025.json")
    assert (ended.backend, ended.status) == ("v2", "complete")
    for tier in ("macro", "medium", "micro"):
        wanted = {"user_id": f"eq.{user}", "chunk_tier": f"eq.{tier}", "select": "content", "order": "id", "limit": "5"}
        texts = [row["content"] for row in sandbox.rows("conversation_chunks", wanted)]
        assert texts
        assert [text for text in texts if asked_by_meaning(sandbox, user, tier, text)[:1] != [text]] == []


def test_v2_fills_the_columns_that_only_it_has(house: House, sandbox: RunningSandbox) -> None:
    _, user = imported(house, sandbox, 100, "long_answers_2025.json")
    row = profile(sandbox, user)
    assert row["full_pass_status"] == "complete"
    assert [name for name in ("tools_md", "memory_md", "full_pass_completed_at") if not row[name]] == []
    assert sandbox.rows("processing_jobs", {"user_id": f"eq.{user}"}) == []


@pytest.mark.parametrize(("first", "second"), [(0, 100), (100, 0)])
def test_a_user_may_move_to_the_other_pipeline_and_back(
    house: House, sandbox: RunningSandbox, first: int, second: int
) -> None:
    user = sandbox.create_user()
    path = upload(sandbox, user, "minimal_nodes_20.json")
    key = sandbox.env["SUPABASE_SERVICE_KEY"]
    for percentage in (first, second):
        layout = house.gateways[percentage]
        until_free(layout.ops_url, user)
        addresses = Addresses(layout.gateway_url, layout.ops_url, sandbox.url, key)
        [ended] = asyncio.run(run_imports(addresses, [Seed(user, "", 20, 69, path, b"")], 90, lambda _: None))
        assert (ended.status, ended.backend) == ("complete", "legacy" if percentage == 0 else "v2")
        assert ended.chunks == profile(sandbox, user)["total_chunks"]


def until_free(ops_url: str, user: str) -> None:
    """Wait until a gateway has heard that the user's job on v2 is over: until then the user stays there."""
    deadline = time.monotonic() + 60
    with httpx.Client(base_url=ops_url, trust_env=False, timeout=30) as ops:
        while ops.get(f"/ops/explain/{user}").json()["pinned"]:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.parametrize("export", sorted(NOT_EXPORTS))
@pytest.mark.parametrize("percentage", [0, 100])
def test_what_is_no_export_fails_with_a_reason_and_leaves_the_users_data(
    house: House, sandbox: RunningSandbox, percentage: int, export: str
) -> None:
    ended, user = imported(house, sandbox, 100, "edited_branch.json")
    before = sandbox.rows("conversation_chunks", {"user_id": f"eq.{user}", "select": "id", "order": "id"})
    soulprint = profile(sandbox, user)["soulprint_text"]
    path = f"user-imports/{user}/broken.json"
    sandbox.upload(path, (EXPORTS / export).read_bytes())
    layout = house.gateways[percentage]
    addresses = Addresses(layout.gateway_url, layout.ops_url, sandbox.url, sandbox.env["SUPABASE_SERVICE_KEY"])
    [ended] = asyncio.run(run_imports(addresses, [Seed(user, export, 0, 0, path, b"")], 90, lambda _: None))
    assert ended.status == "failed"
    assert ended.reason
    assert before
    assert sandbox.rows("conversation_chunks", {"user_id": f"eq.{user}", "select": "id", "order": "id"}) == before
    row = profile(sandbox, user)
    assert row["soulprint_text"] == soulprint
    assert row["import_error"]
