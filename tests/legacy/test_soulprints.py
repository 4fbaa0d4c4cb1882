"""Soulprints on demand (/analyze, /create-soulprint, /generate-soulprint) and the synthesis behind all of them."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import httpx
import pytest

from legacy import main
from tests.fakes.recorder import Answer, Recorded, Recorder
from tests.legacy.emulator import PROFILE, Emulator, label

SAID = [main.Said(f"message {n} " + "m" * 600, f"Talk {n}", f"2024-01-{n % 9 + 1:02}T10:00:00") for n in range(1200)]


def prompts(wire: Recorder, wanted: str) -> list[str]:
    return [request.json["messages"][0]["content"][0]["text"] for request in wire.requests if label(request) == wanted]


def tokens(wire: Recorder) -> list[tuple[str, int]]:
    return [
        (label(request), request.json["inferenceConfig"]["maxTokens"])
        for request in wire.requests
        if label(request).startswith("converse")
    ]


def stored(number: int, **columns: object) -> dict[str, Any]:  # Any: a row
    row = {"user_id": "u", "title": f"Talk {number}", "created_at": f"2024-{number:04}", "message_count": number}
    return {**row, "messages": [{"role": "user", "content": f"said {number}", "timestamp": None}], **columns}


# -- synthesis --


async def test_up_to_100_messages_make_a_profile_in_one_call(monolith: httpx.AsyncClient, wire: Recorder) -> None:
    assert await main.synthesize(SAID[:100]) == PROFILE
    assert tokens(wire) == [("converse pro", 4096)]
    [prompt] = prompts(wire, "converse pro")
    assert "m" * 280 in prompt
    assert "m" * 301 not in prompt
    material = prompt.split("--- messages ---\n")[1]
    assert len(material) <= 40_000
    assert json.dumps(main.PROFILE_SHAPE, indent=1) in prompt.split("--- messages ---")[0]


async def test_more_messages_are_extracted_by_the_hundred_and_then_made_a_profile(
    monolith: httpx.AsyncClient, wire: Recorder
) -> None:
    await main.synthesize(SAID[:201])
    assert tokens(wire) == [("converse micro", 2048)] * 3 + [("converse pro", 8192)]
    material = prompts(wire, "converse micro")[0].split("--- messages ---\n")[1]
    assert len(material) == 30_000
    assert material.startswith("[Talk 0] message 0 mmm")


async def test_more_than_ten_summaries_are_merged_by_ten_first(monolith: httpx.AsyncClient, wire: Recorder) -> None:
    await main.synthesize(SAID)
    assert Counter(tokens(wire)) == {("converse micro", 2048): 12, ("converse pro", 4096): 2, ("converse pro", 8192): 1}


async def test_failed_batches_and_merges_are_noted_and_the_profile_still_comes(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder
) -> None:
    no = Answer(400, {"message": "no"}, {"x-amzn-errortype": "ValidationException"})
    emulator.on("converse micro", no)
    emulator.on("converse pro", no, times=2)
    assert await main.synthesize(SAID) == PROFILE
    assert '"batch": 11' in prompts(wire, "converse pro")[-1]
    assert '"merged": [' in prompts(wire, "converse pro")[-1]


@pytest.mark.parametrize(
    "fence", ["```json\n{}\n```", "```\n{}\n```", "{}", "Here it is:\n```json\n{}\n```\nAnything else?"]
)
def test_a_reply_is_read_with_and_without_a_fence(fence: str) -> None:
    assert main.parse_object(fence.replace("{}", '{"archetype": "A"}')) == {"archetype": "A"}


@pytest.mark.parametrize("reply", ["", "no json", "[1]", '"text"'])
def test_a_reply_without_an_object_is_an_error(reply: str) -> None:
    with pytest.raises(ValueError):
        main.parse_object(reply)


# -- /create-soulprint --


async def test_create_soulprint_answers_everything_and_stores_all_but_the_memory_log(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder
) -> None:
    conversations = [
        {
            "title": "Bees",
            "createdAt": "2024-02-03T10:00:00Z",
            "messages": [{"role": "user", "content": "I keep bees."}, {"role": "assistant", "content": "Nice hive."}],
        },
        {"messages": []},
    ]
    answer = await monolith.post("/create-soulprint", json={"user_id": "u", "conversations": conversations})
    body = answer.json()
    assert list(body) == [
        "soulprint",
        "archetype",
        "soul_md",
        "identity_md",
        "agents_md",
        "user_md",
        "memory_log",
        "conversations_analyzed",
    ]
    assert (body["soulprint"], body["archetype"], body["conversations_analyzed"]) == (PROFILE, "Quiet Builder", 2)
    [upsert] = [request for request in wire.requests if label(request) == "POST user_profiles"]
    assert upsert.headers["prefer"] == "resolution=merge-duplicates"
    assert upsert.query == {}
    assert set(upsert.json) == {
        "user_id",
        "soulprint",
        "soulprint_text",
        "archetype",
        "soul_md",
        "identity_md",
        "agents_md",
        "user_md",
        "soulprint_generated_at",
        "updated_at",
    }
    assert emulator.tables["user_profiles"][0]["soul_md"] == body["soul_md"]
    profile_prompt, diary_prompt = prompts(wire, "converse pro")[0], prompts(wire, "converse micro")[0]
    assert "[Bees] I keep bees." in profile_prompt
    assert "Nice hive" not in profile_prompt
    assert "## 2024-02-03" in diary_prompt


async def test_a_409_of_the_upsert_is_ignored_and_the_row_stays_as_it_was(
    monolith: httpx.AsyncClient, emulator: Emulator
) -> None:
    emulator.tables["user_profiles"].append({"user_id": "u"})
    body = {"user_id": "u", "conversations": [{"messages": [{"role": "user", "content": "hello there"}]}]}
    assert (await monolith.post("/create-soulprint", json=body)).status_code == 200
    assert emulator.tables["user_profiles"] == [{"user_id": "u"}]


async def test_no_conversations_are_a_200_with_an_error(monolith: httpx.AsyncClient, wire: Recorder) -> None:
    answer = await monolith.post("/create-soulprint", json={"user_id": "u", "conversations": []})
    assert (answer.status_code, answer.json()) == (
        200,
        {"error": "No conversations provided", "soulprint": None, "archetype": None},
    )
    assert wire.requests == []


async def test_failing_documents_are_a_500(monolith: httpx.AsyncClient, emulator: Emulator) -> None:
    emulator.on("converse sonnet", Answer(400, {"message": "no"}, {"x-amzn-errortype": "ValidationException"}))
    answer = await monolith.post("/create-soulprint", json={"user_id": "u", "conversations": [{"messages": []}]})
    assert answer.status_code == 500
    assert answer.json()["detail"].startswith("Soulprint creation failed: ")


async def test_the_four_documents_are_written_in_order_with_their_limits(
    monolith: httpx.AsyncClient, wire: Recorder
) -> None:
    await main.write_documents({"archetype": "A", "filler": "f" * 30_000})
    assert tokens(wire) == [("converse sonnet", limit) for limit in (4096, 1024, 2048, 2048)]
    texts = prompts(wire, "converse sonnet")
    lengths = [len(text.split("--- profile ---\n")[1]) for text in texts]
    assert lengths == [20_000, 10_000, 10_000, 10_000]
    for text, name in zip(texts, ("SOUL", "IDENTITY", "AGENTS", "USER"), strict=True):
        assert f"{name}.md" in text


async def test_the_memory_log_covers_the_seven_newest_days(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder
) -> None:
    emulator.reply = "# Diary"
    assert await main.write_memory_log(SAID[:400]) == "# Diary"
    [prompt] = prompts(wire, "converse micro")
    assert "## 2024-01-09" in prompt
    assert "## 2024-01-02" not in prompt
    assert len(prompt.split("--- messages by day ---\n")[1]) == 15_000


async def test_a_failing_memory_log_says_so(monolith: httpx.AsyncClient, emulator: Emulator) -> None:
    emulator.on("converse micro", Answer(400, {"message": "no"}, {"x-amzn-errortype": "ValidationException"}))
    assert (await main.write_memory_log(SAID[:1])).startswith("The memory log could not be written: ")


# -- /generate-soulprint --


async def test_generate_soulprint_saves_marks_complete_and_tells_the_web_app(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder
) -> None:
    emulator.tables["conversation_chunks"].append(
        {"id": "1", "user_id": "u", "content": "bees", "created_at": "2024-01-01"}
    )
    answer = await monolith.get("/generate-soulprint/u")
    assert (answer.status_code, set(answer.json())) == (200, {"success", "message"})
    assert [label(request) for request in wire.requests] == [
        "GET conversation_chunks",
        "GET conversation_chunks",
        "converse pro",
        *["converse sonnet"] * 4,
        "converse micro",
        "PATCH user_profiles",
        "PATCH user_profiles",
        "POST callback",
    ]
    assert wire.requests[0].query == {"user_id": "eq.u", "select": "id", "limit": "1"}
    assert wire.requests[1].query == {
        "user_id": "eq.u",
        "select": "content,title,chunk_tier,created_at",
        "order": "created_at.desc",
        "limit": "500",
    }
    assert wire.requests[-3].headers["prefer"] == "return=representation"
    assert wire.requests[-2].json == {"import_status": "complete", "embedding_status": "complete"}
    assert wire.requests[-1].json == {"user_id": "u"}


async def test_generate_soulprint_without_chunks_is_a_200_that_says_so(monolith: httpx.AsyncClient) -> None:
    answer = await monolith.get("/generate-soulprint/nobody")
    assert (answer.status_code, answer.json()) == (200, {"success": False, "error": "No chunks found for this user"})


async def test_generate_soulprint_succeeds_even_if_the_save_failed(
    monolith: httpx.AsyncClient, emulator: Emulator
) -> None:
    emulator.tables["conversation_chunks"].append(
        {"id": "1", "user_id": "u", "content": "bees", "created_at": "2024-01-01"}
    )
    emulator.on("PATCH user_profiles", Answer(400, {"code": "23514"}))
    assert (await monolith.get("/generate-soulprint/u")).json()["success"] is True


async def test_generate_soulprint_answers_200_with_the_error_of_the_models(
    monolith: httpx.AsyncClient, emulator: Emulator
) -> None:
    emulator.tables["conversation_chunks"].append(
        {"id": "1", "user_id": "u", "content": "bees", "created_at": "2024-01-01"}
    )
    emulator.on("converse sonnet", Answer(400, {"message": "no"}, {"x-amzn-errortype": "ValidationException"}))
    answer = await monolith.get("/generate-soulprint/u")
    assert (answer.status_code, answer.json()["success"]) == (200, False)
    assert "ValidationException" in answer.json()["error"]


# -- /analyze --


async def test_analyze_describes_a_sample_of_newest_oldest_and_longest(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder
) -> None:
    rows = [stored(number) for number in range(1, 401)]
    rows[199]["message_count"] = 1_000_000  # in the middle, and the longest
    emulator.tables["raw_conversations"] += rows
    emulator.reply = 'Gladly: {"archetype": "A", "avoid": []} Anything else?'
    body = (await monolith.post("/analyze", json={"user_id": "u"})).json()
    assert list(body) == ["success", "profile", "conversations_analyzed", "latency_ms"]
    assert (body["success"], body["profile"]) == (True, {"archetype": "A", "avoid": []})
    # newest 50 and oldest 50; of the 100 longest, number 200 and 301-350 are new, the rest are among the newest
    assert body["conversations_analyzed"] == 50 + 50 + 50
    assert wire.requests[0].query == {
        "user_id": "eq.u",
        "select": "title,messages,message_count,created_at",
        "order": "created_at.desc",
        "limit": "500",
    }
    assert tokens(wire) == [("converse pro", 2048)]
    [prompt] = prompts(wire, "converse pro")
    for key in ("archetype", "tone", "humor", "interests", "communication_style", "key_traits", "avoid"):
        assert f'"{key}"' in prompt


def test_up_to_50_conversations_are_sampled_once_each() -> None:
    assert len(main.sample_of([stored(number) for number in range(50)])) == 50


async def test_a_reply_that_is_no_json_comes_back_raw(monolith: httpx.AsyncClient, emulator: Emulator) -> None:
    emulator.tables["raw_conversations"].append(stored(1))
    emulator.reply = "I would rather not {say}."
    body = (await monolith.post("/analyze", json={"user_id": "u"})).json()
    assert body["profile"] == {"raw": "I would rather not {say}."}


async def test_nothing_to_analyze_is_a_200_with_an_error(monolith: httpx.AsyncClient) -> None:
    answer = await monolith.post("/analyze", json={"user_id": "u"})
    assert (answer.status_code, answer.json()) == (200, {"error": "No conversations found", "profile": None})


async def test_analyze_wraps_its_own_500_once_more(monolith: httpx.AsyncClient, emulator: Emulator) -> None:
    def refuse(request: Recorded) -> Answer | None:
        return Answer(503, b"down")

    emulator.rules.append(refuse)
    answer = await monolith.post("/analyze", json={"user_id": "u"})
    assert answer.status_code == 500
    assert answer.json() == {"detail": "Analysis failed: 500: Failed to fetch conversations"}
