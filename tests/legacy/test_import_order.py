"""The order on the wire of one storage import, and every row it writes on the way."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.fakes.recorder import Recorded, Recorder
from tests.legacy.emulator import EMBEDDING, PROFILE, Emulator, label
from tests.legacy.exports import export

USER = "8d7b6a8e-3b53-4f3a-9a56-2c8d3f2b1e10"
PATH = f"user-imports/{USER}/raw-1700000000000.json"


@pytest.fixture
async def imported(monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder) -> list[Recorded]:
    """All requests of an import of 12 conversations of 6 messages."""
    emulator.objects[PATH] = json.dumps(export(12, 6)).encode()
    emulator.tables["user_profiles"].append({"user_id": USER})
    answer = await monolith.post(
        "/process-full", json={"user_id": USER, "storage_path": PATH, "conversation_count": 12, "message_count": 72}
    )
    assert answer.status_code == 200
    assert answer.json()["job_id"] == emulator.tables["processing_jobs"][0]["id"]
    return wire.requests


def bodies(requests: list[Recorded], wanted: str) -> list[dict[str, object]]:
    return [request.json for request in requests if label(request) == wanted]


async def test_a_storage_import_asks_in_the_order_of_the_contract(imported: list[Recorded]) -> None:
    group = ["invoke"] * 5 + ["PATCH conversation_chunks"] * 5
    fifty = ["PATCH user_profiles", *group * 10]
    assert [label(request) for request in imported] == [
        "POST processing_jobs",
        "PATCH processing_jobs",  # starting
        "PATCH user_profiles",
        "PATCH processing_jobs",  # downloading
        "GET object",
        "PATCH processing_jobs",  # chunking
        "DELETE conversation_chunks",
        *["POST conversation_chunks"] * 2,
        "PATCH user_profiles",
        "PATCH processing_jobs",  # synthesizing
        "GET conversation_chunks",
        *["converse micro"] * 2,
        "converse pro",
        *["converse sonnet"] * 4,
        "converse micro",
        "PATCH user_profiles",  # soulprint
        "PATCH user_profiles",  # complete
        "POST callback",
        "PATCH processing_jobs",  # embedding
        "GET conversation_chunks",
        *fifty,
        *fifty,
        "PATCH user_profiles",
        *group * 4,
        "GET conversation_chunks",
        "PATCH user_profiles",  # ready
        "PATCH processing_jobs",  # complete
    ]


async def test_the_job_goes_through_its_steps_and_back_from_40_to_35(imported: list[Recorded]) -> None:
    [created] = bodies(imported, "POST processing_jobs")
    assert created == {
        "user_id": USER,
        "status": "pending",
        "storage_path": PATH,
        "conversation_count": 12,
        "message_count": 72,
        "current_step": "queued",
        "progress": 0,
        "attempts": 1,
    }
    updates = bodies(imported, "PATCH processing_jobs")
    assert updates[:-1] == [
        {"status": "processing", "current_step": "starting", "progress": 0},
        {"current_step": "downloading", "progress": 5},
        {"current_step": "chunking", "progress": 15},
        {"current_step": "synthesizing", "progress": 40},
        {"current_step": "embedding", "progress": 35},
    ]
    assert {"status": "complete", "progress": 100}.items() <= updates[-1].items()
    assert set(updates[-1]) == {"status", "progress", "completed_at"}


async def test_the_profile_is_complete_before_it_is_ready(imported: list[Recorded]) -> None:
    updates = bodies(imported, "PATCH user_profiles")
    soulprint = updates.pop(2)
    assert updates == [
        {"import_status": "processing", "embedding_status": "pending"},
        {"total_chunks": 120, "total_messages": 72, "embedding_status": "pending", "memory_status": "building"},
        {"import_status": "complete", "embedding_status": "processing", "memory_status": "building"},
        {"embedding_progress": 0, "processed_chunks": 0},
        {"embedding_progress": 41, "processed_chunks": 50},
        {"embedding_progress": 83, "processed_chunks": 100},
        {
            "embedding_status": "complete",
            "embedding_progress": 100,
            "memory_status": "ready",
            "processed_chunks": 120,
        },
    ]
    assert soulprint["soulprint"] == PROFILE
    assert soulprint["soulprint_text"] == PROFILE["core_essence"]
    assert soulprint["archetype"] == PROFILE["archetype"]
    assert set(soulprint) == {
        "soulprint",
        "soulprint_text",
        "archetype",
        "soul_md",
        "identity_md",
        "agents_md",
        "user_md",
        "memory_log",
        "soulprint_generated_at",
    }


async def test_the_web_app_is_told_once_without_any_credential(imported: list[Recorded]) -> None:
    [callback] = [request for request in imported if label(request) == "POST callback"]
    assert callback.path == "/api/import/complete"
    assert callback.headers["content-type"] == "application/json"
    assert {"authorization", "apikey", "x-rlm-api-key"}.isdisjoint(callback.headers)
    body = callback.json
    assert isinstance(body.pop("processing_time"), float)
    assert body == {"user_id": USER, "soulprint_ready": True, "memory_building": True}


async def test_every_chunk_ends_with_its_embedding(imported: list[Recorded], emulator: Emulator) -> None:
    chunks = emulator.tables["conversation_chunks"]
    tiers = [chunk["chunk_tier"] for chunk in chunks]
    assert tiers == ["macro"] * 12 + ["medium"] * 12 + ["micro"] * 96
    assert all(chunk["embedding"] == EMBEDDING for chunk in chunks)
    assert all("is_recent" not in chunk for chunk in chunks)
