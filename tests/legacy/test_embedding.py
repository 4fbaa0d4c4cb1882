"""/embed-chunks, /embedding-status, /complete-embeddings, and the embedding call itself."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from legacy import main
from tests.fakes.recorder import Answer, Recorder
from tests.legacy.emulator import EMBEDDING, Emulator, Row, label

REFUSED = Answer(400, {"message": "no"}, {"x-amzn-errortype": "ValidationException"})


def chunks(emulator: Emulator, count: int, **columns: object) -> list[Row]:
    rows = [
        {
            "id": f"chunk-{n}",
            "user_id": "u",
            "content": f"text {n}",
            "chunk_tier": "micro",
            "created_at": "2024-01-01",
            "embedding": None,
            **columns,
        }
        for n in range(count)
    ]
    emulator.tables["conversation_chunks"] += rows
    return rows


@pytest.fixture
def profile(emulator: Emulator) -> Row:
    emulator.tables["user_profiles"].append({"user_id": "u"})
    return emulator.tables["user_profiles"][0]


async def finish_spawned() -> None:
    while main._tasks:
        await next(iter(main._tasks))


# -- the call --


async def test_a_text_is_cleaned_cut_and_sent_as_titan_wants_it(monolith: httpx.AsyncClient, wire: Recorder) -> None:
    assert main.embed("\x00 a\r\nb " + "x" * 9000) == EMBEDDING
    [request] = wire.requests
    assert request.target == "/model/amazon.titan-embed-text-v2%3A0/invoke"
    assert request.headers["content-type"] == request.headers["accept"] == "application/json"
    assert "/bedrock/aws4_request" in request.headers["authorization"]
    assert set(request.json) == {"inputText", "normalize"}
    assert request.json["normalize"] is True
    assert request.json["inputText"].startswith("a  b xxx")
    assert len(request.json["inputText"]) == 8000


@pytest.mark.parametrize("text", ["", "  ab  ", "\x00\x00\x00ab", "\r\n\r\n"])
async def test_a_text_under_three_characters_is_not_sent(
    monolith: httpx.AsyncClient, wire: Recorder, text: str
) -> None:
    assert main.embed(text) is None
    assert wire.requests == []


async def test_without_keys_there_is_no_embedding(
    monolith: httpx.AsyncClient, wire: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "SETTINGS", main.SETTINGS.model_copy(update={"aws_secret_access_key": None}))
    monkeypatch.setattr(main, "bedrock", main.bedrock.__wrapped__)  # as in a process that has no client yet
    assert main.embed("a text") is None
    assert wire.requests == []


# -- /embed-chunks --


async def test_embed_chunks_reports_every_twenty_and_then_makes_the_soulprint(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder, profile: Row
) -> None:
    rows = chunks(emulator, 45)
    answer = await monolith.post("/embed-chunks", json={"user_id": "u"})
    assert (answer.status_code, set(answer.json())) == (200, {"status", "message", "user_id"})
    one = ["invoke", "PATCH conversation_chunks"]
    assert [label(request) for request in wire.requests] == [
        "PATCH user_profiles",
        "GET conversation_chunks",
        *one * 20,
        "PATCH user_profiles",
        *one * 20,
        "PATCH user_profiles",
        *one * 5,
        "PATCH user_profiles",
        "GET conversation_chunks",
        "converse pro",
        *["converse sonnet"] * 4,
        "converse micro",
        "PATCH user_profiles",
        "PATCH user_profiles",
    ]
    asked = wire.requests[1].query
    assert asked == {"user_id": "eq.u", "embedding": "is.null", "select": "id,content,chunk_tier", "limit": "5000"}
    written = [request.json for request in wire.requests if label(request) == "PATCH user_profiles"]
    assert written[:4] == [
        {"embedding_status": "processing"},
        {"embedding_progress": 44, "processed_chunks": 20},
        {"embedding_progress": 88, "processed_chunks": 40},
        {"embedding_progress": 100, "processed_chunks": 45},
    ]
    assert written[-1] == {
        "embedding_status": "complete",
        "embedding_progress": 100,
        "import_status": "complete",
        "total_chunks": 45,
        "processed_chunks": 45,
    }
    saves = [request for request in wire.requests if label(request) == "PATCH conversation_chunks"]
    assert saves[0].query == {"id": "eq.chunk-0"}
    assert saves[0].json == {"embedding": EMBEDDING}
    assert "prefer" not in saves[0].headers
    assert all(row["embedding"] for row in rows)


async def test_with_nothing_missing_it_makes_the_soulprint_and_writes_no_status(
    monolith: httpx.AsyncClient, emulator: Emulator, profile: Row
) -> None:
    chunks(emulator, 1, embedding=EMBEDDING)
    await monolith.post("/embed-chunks", json={"user_id": "u"})
    assert profile["archetype"] == "Quiet Builder"
    assert profile["embedding_status"] == "processing"
    assert "import_status" not in profile


async def test_unreadable_chunks_fail_the_run(monolith: httpx.AsyncClient, emulator: Emulator, profile: Row) -> None:
    emulator.on("GET conversation_chunks", Answer(500, {"message": "no"}))
    await monolith.post("/embed-chunks", json={"user_id": "u"})
    assert profile["embedding_status"] == "failed"
    assert profile["import_error"] == "Failed to fetch chunks: 500"


# -- /embedding-status --


async def test_the_status_counts_by_tier_and_floors_the_percentage(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder
) -> None:
    chunks(emulator, 1, chunk_tier="macro")
    chunks(emulator, 2, chunk_tier="medium", embedding=EMBEDDING)
    chunks(emulator, 4, chunk_tier="micro", embedding=EMBEDDING)
    chunks(emulator, 5, chunk_tier="small")  # of no tier that is counted
    assert (await monolith.get("/embedding-status/u")).json() == {
        "user_id": "u",
        "total_chunks": 7,
        "total_embedded": 6,
        "total_missing": 1,
        "completion_percentage": 85,
        "embedded_by_tier": {"macro": 0, "medium": 2, "micro": 4},
        "missing_by_tier": {"macro": 1, "medium": 0, "micro": 0},
        "status": "incomplete",
    }
    assert [request.query for request in wire.requests] == [
        {"user_id": "eq.u", "embedding": "not.is.null", "select": "chunk_tier"},
        {"user_id": "eq.u", "embedding": "is.null", "select": "chunk_tier"},
    ]
    assert all("content-type" not in request.headers for request in wire.requests)


@pytest.mark.parametrize("answer", [None, Answer(400, {"code": "22P02"})])
async def test_no_chunks_and_a_refused_read_are_both_complete(
    monolith: httpx.AsyncClient, emulator: Emulator, answer: Answer | None
) -> None:
    if answer:
        emulator.on("GET conversation_chunks", answer)
    body = (await monolith.get("/embedding-status/u")).json()
    assert (body["status"], body["total_chunks"]) == ("complete", 0)


# -- /complete-embeddings --


async def test_with_nothing_missing_no_worker_is_started(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder
) -> None:
    chunks(emulator, 2, embedding=EMBEDDING)
    body = (await monolith.post("/complete-embeddings/u")).json()
    assert set(body) == {"success", "message", "status"}
    assert (body["success"], body["status"]["status"]) == (True, "complete")
    assert len(wire.requests) == 2
    assert not main._tasks


async def test_missing_embeddings_are_completed_in_the_background_fifty_at_a_time(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder, profile: Row
) -> None:
    rows = chunks(emulator, 70)
    profile["memory_status"] = "building"
    body: dict[str, Any] = (await monolith.post("/complete-embeddings/u")).json()  # Any: JSON
    assert set(body) == {"success", "message", "status", "note"}
    assert body["status"]["total_missing"] == 70
    await finish_spawned()
    assert all(row["embedding"] for row in rows)
    reads = [request.query for request in wire.requests if label(request) == "GET conversation_chunks"][2:]
    assert [read["limit"] for read in reads] == ["50", "50", "50"]
    saves = [request for request in wire.requests if label(request) == "PATCH conversation_chunks"]
    assert saves[0].headers["prefer"] == "return=representation"
    written = [request.json for request in wire.requests if label(request) == "PATCH user_profiles"]
    assert written == [
        {"processed_chunks": 50},
        {"processed_chunks": 70},
        {"embedding_status": "complete", "embedding_progress": 100},
    ]
    assert profile["memory_status"] == "building"


async def test_a_chunk_that_cannot_be_embedded_comes_back_a_hundred_times_and_the_profile_says_complete(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder, profile: Row
) -> None:
    chunks(emulator, 1)
    emulator.on("invoke", REFUSED)
    await main.complete_embeddings("u")
    assert [label(request) for request in wire.requests].count("invoke") == 100
    assert profile["embedding_status"] == "complete"
    assert emulator.tables["conversation_chunks"][0]["embedding"] is None


async def test_without_a_model_client_the_worker_returns_quietly(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder, profile: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks(emulator, 1)
    monkeypatch.setattr(main, "SETTINGS", main.SETTINGS.model_copy(update={"aws_access_key_id": None}))
    await main.complete_embeddings("u")
    assert wire.requests == []
