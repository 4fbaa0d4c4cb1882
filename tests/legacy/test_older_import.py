"""/process-import: the older path, from a JSON string in the body to callback B."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from legacy import main
from tests.fakes.recorder import Answer, Recorder
from tests.legacy.emulator import PROFILE, Emulator, label
from tests.legacy.exports import START, export, node


def body(conversations: object, **extra: object) -> dict[str, Any]:  # Any: a request body
    return {"user_id": "u", "user_email": "a@b.example", "conversations_json": json.dumps(conversations), **extra}


async def test_the_order_on_the_wire_pays_for_four_documents_and_stores_none(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder
) -> None:
    answer = await monolith.post("/process-import", json=body(export(2, 6)))
    assert answer.status_code == 200
    assert {key: answer.json()[key] for key in ("status", "user_id", "conversations_received")} == {
        "status": "processing",
        "user_id": "u",
        "conversations_received": 2,
    }
    assert isinstance(answer.json()["message"], str)
    assert [label(request) for request in wire.requests] == [
        "POST user_profiles",
        "converse pro",
        *["converse sonnet"] * 4,
        "POST user_profiles",
        "POST callback",
    ]
    first, second = wire.requests[0], wire.requests[-2]
    assert first.headers["prefer"] == second.headers["prefer"] == "resolution=merge-duplicates"
    assert first.json == {"user_id": "u", "total_messages": 6, "import_status": "processing"}
    assert second.json["soulprint"] == PROFILE
    assert second.json["soulprint_text"].startswith("# Quiet Builder\n\nBuilds things and tells nobody.\n\n## Mind")
    assert set(second.json) == {
        "user_id",
        "import_status",
        "soulprint",
        "soulprint_text",
        "archetype",
        "total_messages",
        "soulprint_generated_at",
    }


@pytest.mark.parametrize(("key", "sent"), [(None, ""), ("a-key", "a-key")])
async def test_callback_b_carries_the_key_and_the_counts(
    monolith: httpx.AsyncClient, wire: Recorder, monkeypatch: pytest.MonkeyPatch, key: str | None, sent: str
) -> None:
    monkeypatch.setattr(main, "SETTINGS", main.SETTINGS.model_copy(update={"rlm_api_key": key}))
    await monolith.post("/process-import", json=body(export(1, 4)))
    callback = wire.requests[-1]
    assert callback.path == "/api/import/complete"
    assert callback.headers["x-rlm-api-key"] == sent
    told = callback.json
    assert round(told.pop("elapsed_seconds"), 1) >= 0.0
    assert told == {
        "user_id": "u",
        "email": "a@b.example",
        "success": True,
        "messages_processed": 2,
        "embeddings_generated": 0,
    }


async def test_409_answers_for_a_user_who_has_a_profile_are_ignored(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder
) -> None:
    emulator.tables["user_profiles"].append({"user_id": "u", "archetype": "old"})
    await monolith.post("/process-import", json=body(export(1, 4)))
    assert emulator.tables["user_profiles"] == [{"user_id": "u", "archetype": "old"}]
    assert wire.requests[-1].json["success"] is True


def test_own_messages_are_the_users_in_order_of_time_and_five_characters_long() -> None:
    mapping = {
        "late": node("user", "second message", START + 1),
        "short": node("user", "four", START),
        "other": node("assistant", "an answer", START),
        "early": {
            "message": {
                "author": {"role": "user"},
                "content": {"parts": ["first", {"asset": 1}, "message"]},
                "create_time": START,
            }
        },
    }
    found = main.own_messages([{"title": "T", "mapping": mapping}])
    assert found == [
        main.Said("first\nmessage", "T", main.local_time(START)),
        main.Said("second message", "T", main.local_time(START + 1)),
    ]


@pytest.mark.parametrize("conversations", [[], {"not": "a list"}, [{"mapping": {"a": {"message": None}}}]])
async def test_no_message_of_the_user_fails_without_import_error_and_without_callback(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder, conversations: list[object] | dict[str, object]
) -> None:
    emulator.tables["user_profiles"].append({"user_id": "u"})
    answer = await monolith.post("/process-import", json=body(conversations))
    received = len(conversations) if isinstance(conversations, list) else 0
    assert answer.json()["conversations_received"] == received
    assert emulator.tables["user_profiles"] == [{"user_id": "u", "import_status": "failed"}]
    assert "POST callback" not in map(label, wire.requests)


async def test_failing_documents_fail_the_import(monolith: httpx.AsyncClient, emulator: Emulator) -> None:
    emulator.on("converse sonnet", Answer(400, {"message": "no"}, {"x-amzn-errortype": "ValidationException"}))
    await monolith.post("/process-import", json=body(export(1, 4)))
    assert emulator.tables["user_profiles"][0]["import_status"] == "failed"


@pytest.mark.parametrize("sent", [{"user_id": "u"}, {"user_id": "u", "conversations_json": ""}])
async def test_without_conversations_json_it_is_400(monolith: httpx.AsyncClient, sent: dict[str, str]) -> None:
    answer = await monolith.post("/process-import", json=sent)
    assert (answer.status_code, answer.json()) == (400, {"detail": "conversations_json is required"})


async def test_unparsable_json_is_400_with_the_parsers_words(monolith: httpx.AsyncClient) -> None:
    answer = await monolith.post("/process-import", json={"user_id": "u", "conversations_json": "[1,"})
    assert answer.status_code == 400
    assert answer.json() == {"detail": "Invalid JSON: Expecting value: line 1 column 4 (char 3)"}
