"""/health, /status, /health-deep, /test-embed and /test-patch: always 200, and what they tell."""

from __future__ import annotations

import re
import sys
import types

import httpx
import pytest

from legacy import main
from tests.fakes.recorder import Answer, Recorder
from tests.legacy.emulator import EMBEDDING, Emulator, label

NAIVE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}")
REFUSED = Answer(400, {"message": "no"}, {"x-amzn-errortype": "ValidationException"})


async def test_health_has_five_fields_and_asks_nothing(monolith: httpx.AsyncClient, wire: Recorder) -> None:
    body = (await monolith.get("/health")).json()
    assert NAIVE.fullmatch(body.pop("timestamp"))
    assert body == {"status": "ok", "service": "soulprint-rlm", "rlm_available": True, "bedrock_available": True}
    assert wire.requests == []


async def test_status_tells_what_is_configured(monolith: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "RLM_ERROR", "No module named 'rlm'")
    body = (await monolith.get("/status")).json()
    assert NAIVE.fullmatch(body.pop("timestamp"))
    assert body == {
        "service": "soulprint-rlm",
        "rlm_available": False,
        "rlm_error": "No module named 'rlm'",
        "supabase_configured": True,
        "anthropic_configured": False,
        "bedrock_configured": True,
        "cohere_configured": False,
        "vercel_callback_configured": True,
    }


async def test_deep_health_asks_three_times_the_database_and_twice_a_model(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder
) -> None:
    emulator.reply = "OK."
    body = (await monolith.get("/health-deep")).json()
    assert (set(body), body["overall"]) == ({"timestamp", "checks", "overall"}, "healthy")
    assert body["checks"] == {
        "db_connection": {"status": "ok", "http_status": 200},
        "match_conversation_chunks": {"status": "ok", "http_status": 200},
        "match_conversation_chunks_by_tier": {"status": "ok", "http_status": 200},
        "bedrock_embeddings": {"status": "ok", "dimensions": 1024},
        "nova_lite_model": {"status": "ok", "response": "OK."},
    }
    assert [label(request) for request in wire.requests] == [
        "GET user_profiles",
        "POST rpc/match_conversation_chunks",
        "POST rpc/match_conversation_chunks_by_tier",
        "invoke",
        "converse lite",
    ]
    assert wire.requests[0].query == {"select": "user_id", "limit": "1"}
    assert wire.requests[2].json == {
        "query_embedding": [0.0] * 1024,
        "match_user_id": main.NOBODY,
        "match_tier": "macro",
        "match_count": 1,
        "match_threshold": 0.99,
    }
    assert wire.requests[4].json["inferenceConfig"]["maxTokens"] == 10


@pytest.mark.parametrize(
    ("broken", "check", "overall"),
    [
        ("GET user_profiles", "db_connection", "healthy"),
        ("POST rpc/match_conversation_chunks", "match_conversation_chunks", "unhealthy"),
        ("POST rpc/match_conversation_chunks_by_tier", "match_conversation_chunks_by_tier", "unhealthy"),
        ("invoke", "bedrock_embeddings", "unhealthy"),
        ("converse lite", "nova_lite_model", "healthy"),
    ],
)
async def test_an_error_of_the_table_or_the_chat_model_does_not_make_it_unhealthy(
    monolith: httpx.AsyncClient, emulator: Emulator, broken: str, check: str, overall: str
) -> None:
    emulator.reply = "ok"
    emulator.on(broken, Answer(400, {"message": "x" * 500}, {"x-amzn-errortype": "ValidationException"}))
    answer = await monolith.get("/health-deep")
    body = answer.json()
    assert (answer.status_code, body["overall"]) == (200, overall)
    assert {name for name, result in body["checks"].items() if result["status"] != "ok"} == {check}
    assert body["checks"][check]["status"] == "error"
    assert len(body["checks"][check]["error"]) <= 200


async def test_an_embedding_of_another_size_makes_it_unhealthy(monolith: httpx.AsyncClient, emulator: Emulator) -> None:
    emulator.reply = "ok"
    emulator.on("invoke", Answer(200, {"embedding": [0.1] * 768}))
    body = (await monolith.get("/health-deep")).json()
    assert body["overall"] == "unhealthy"
    assert body["checks"]["bedrock_embeddings"]["dimensions"] == 768


async def test_a_strange_reply_of_the_chat_model_is_a_warning(monolith: httpx.AsyncClient, emulator: Emulator) -> None:
    emulator.reply = "Hm? " * 100
    body = (await monolith.get("/health-deep")).json()
    assert body["overall"] == "healthy"
    assert body["checks"]["nova_lite_model"]["status"] == "warning"
    assert len(body["checks"]["nova_lite_model"]["response"]) == 100


async def test_test_embed_shows_five_numbers(monolith: httpx.AsyncClient, emulator: Emulator) -> None:
    assert (await monolith.get("/test-embed")).json() == {
        "success": True,
        "model": "amazon.titan-embed-text-v2:0",
        "dimensions": 1024,
        "sample": EMBEDDING[:5],
    }
    emulator.on("invoke", REFUSED)
    assert (await monolith.get("/test-embed")).json() == {
        "success": False,
        "error": "No embedding returned",
        "model": "amazon.titan-embed-text-v2:0",
    }


async def test_test_patch_leaves_no_row_behind(monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder) -> None:
    body = (await monolith.get("/test-patch")).json()
    assert set(body) == {"success", "message", "chunk_id", "embedding_dims", "saved_dims"}
    assert (body["success"], body["embedding_dims"], body["saved_dims"]) == (True, 1024, 1024)
    insert, _, patch, read, delete = wire.requests
    assert insert.json["user_id"] == main.NOBODY
    assert insert.json["conversation_id"] == "test-conv"
    assert "message_count" not in insert.json
    by_id = {"id": f"eq.{body['chunk_id']}"}
    assert (patch.query, delete.query) == (by_id, by_id)
    assert read.query == {**by_id, "select": "id,embedding"}
    for request in (insert, patch, delete):
        assert request.headers["prefer"] == "return=representation"
    assert emulator.tables["conversation_chunks"] == []


@pytest.mark.parametrize(
    ("broken", "answer", "step"),
    [
        ("POST conversation_chunks", Answer(409, {"code": "23503"}), "insert"),
        ("invoke", REFUSED, "embed"),
        ("PATCH conversation_chunks", Answer(400, {"code": "22000"}), "patch"),
        ("GET conversation_chunks", Answer(200, []), "verify"),
    ],
)
async def test_test_patch_names_the_step_that_failed_and_still_deletes(
    monolith: httpx.AsyncClient, emulator: Emulator, broken: str, answer: Answer, step: str
) -> None:
    emulator.on(broken, answer)
    body = (await monolith.get("/test-patch")).json()
    assert set(body) == {"success", "step", "error"}
    assert (body["success"], body["step"]) == (False, step)
    assert emulator.tables["conversation_chunks"] == []


@pytest.mark.parametrize(
    ("library", "error"),
    [
        (types.SimpleNamespace(RLM=object), None),
        (types.SimpleNamespace(), "module 'rlm' has no class RLM"),
        (None, "import of rlm halted; None in sys.modules"),
    ],
)
def test_the_memory_library_only_has_to_be_importable(
    monkeypatch: pytest.MonkeyPatch, library: object, error: str | None
) -> None:
    monkeypatch.setitem(sys.modules, "rlm", library)
    assert main._rlm_import_error() == error
