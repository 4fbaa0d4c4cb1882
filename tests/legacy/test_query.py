"""/query: how a message is understood, what the model is shown, and the offer that the next turn can accept."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from legacy import main
from tests.fakes.recorder import Answer, Recorded, Recorder
from tests.legacy.emulator import Emulator, Row, label

OFFER = f"Sure.\n\n{main.THOUGHT} *I found 4 past conversations about bee keeping - want me to look?*"
History = list[dict[str, Any]]  # Any: turns are whatever the client sends


def offered(content: str | None = OFFER) -> History:
    return [
        {"role": "assistant", "content": "an older answer"},
        {"role": "user", "content": "yes"},
        {"role": "assistant", "content": content},
    ]


def model_call(wire: Recorder) -> dict[str, Any]:  # Any: the body of a converse call
    [request] = [request for request in wire.requests if label(request) == "converse lite"]
    body: dict[str, Any] = request.json  # Any: as above
    return body


@pytest.fixture
def person(emulator: Emulator) -> Row:
    """A user with a profile and five chunks about bees."""
    emulator.reply = "An answer."
    emulator.tables["user_profiles"].append({"user_id": "u", "soulprint_text": "A stored soulprint."})
    emulator.tables["conversation_chunks"] += [
        {
            "id": str(n),
            "user_id": "u",
            "title": f"Talk {n}",
            "content": f"bees {n} ".ljust(3000, "."),
            "created_at": str(n),
        }
        for n in range(5)
    ]
    return emulator.tables["user_profiles"][0]


@pytest.mark.parametrize(
    ("message", "mode"),
    [
        ("How do I sort a list?", "normal"),
        ("What did I say about bees?", "memory"),
        ("DO YOU REMEMBER my dog", "memory"),
        ("have i ever been to Kyoto", "memory"),
        ("weather in Oslo", "realtime"),
        ("the price of honey", "realtime"),
        ("please deliver it", "realtime"),  # "live" is in "deliver"
        ("what did I say about the weather", "memory"),  # memory is tested before realtime
        ("yes", "normal"),  # nothing was offered
    ],
)
def test_a_message_is_understood_by_substrings(message: str, mode: str) -> None:
    assert main.intent_of(message, []).mode == mode


@pytest.mark.parametrize("message", ["yes", "Show me", "ok then", "SURE", "my yard", "look at it"])
def test_an_offer_is_accepted_by_any_short_message_that_contains_an_affirmative(message: str) -> None:
    """ "ya" is in "yard" and "ok" in "look"."""
    assert main.intent_of(message, offered()) == main.Intent("memory_accept", "bee keeping")


def test_a_longer_message_does_not_accept_an_offer() -> None:
    assert main.intent_of("yes please show me all of", offered()).mode == "normal"


def test_only_the_newest_assistant_turn_counts() -> None:
    history = [*offered(), {"role": "assistant", "content": "Something else."}]
    assert main.intent_of("yes", history).mode == "normal"


def test_there_are_20_affirmatives_20_memory_phrases_and_18_realtime_phrases() -> None:
    assert (len(main.AFFIRMATIVES), len(main.MEMORY_PHRASES), len(main.REALTIME_PHRASES)) == (20, 20, 18)


@pytest.mark.parametrize(
    ("message", "topic"),
    [("tell me about the honey harvest in autumn again", "honey harvest autumn"), ("what is it?", "this topic")],
)
def test_the_topic_of_an_offer_is_the_first_three_longer_words(message: str, topic: str) -> None:
    assert main.topic_of(message) == topic


@pytest.mark.usefixtures("person")
async def test_a_normal_answer_with_three_hits_offers_them_and_the_next_turn_can_accept(
    monolith: httpx.AsyncClient, wire: Recorder
) -> None:
    body = (await monolith.post("/query", json={"user_id": "u", "message": "How do bees winter?"})).json()
    assert set(body) == {"response", "chunks_used", "method", "latency_ms"}
    assert (body["chunks_used"], body["method"]) == (5, "rlm-normal")
    assert isinstance(body["latency_ms"], int)
    answer, offer = body["response"].split("\n\n")
    assert answer == "An answer."
    assert offer.startswith(f"{main.THOUGHT} *I found 5 past conversations about bees winter - want me ")
    assert offer.endswith("*")
    turn = {"role": "assistant", "content": body["response"]}
    assert main.intent_of("yes", [turn]) == main.Intent("memory_accept", "bees winter")
    assert "bees 0" not in model_call(wire)["system"][0]["text"]  # hits are counted, not shown


@pytest.mark.usefixtures("person")
async def test_memory_mode_shows_profile_chunks_and_history_to_the_model(
    monolith: httpx.AsyncClient, wire: Recorder
) -> None:
    history = [{"role": "user", "content": f"turn {n}"} for n in range(12)]
    body = {"user_id": "u", "message": "what did I say about bees", "history": history}
    answer = (await monolith.post("/query", json=body)).json()
    assert (answer["method"], answer["chunks_used"], answer["response"]) == ("rlm-memory", 5, "An answer.")
    call = model_call(wire)
    assert call["messages"] == [{"role": "user", "content": [{"text": "what did I say about bees"}]}]
    assert call["inferenceConfig"] == {"maxTokens": 2048, "temperature": 0.7}
    system = call["system"][0]["text"]
    assert "A stored soulprint." in system
    assert system.count("bees ") >= 5
    assert "." * 2000 not in system  # a chunk is cut to 2000 characters, its first words included
    assert "turn 11" in system
    assert '"turn 1"' not in system


@pytest.mark.usefixtures("person")
async def test_accepting_an_offer_searches_for_its_topic(monolith: httpx.AsyncClient, wire: Recorder) -> None:
    body = {"user_id": "u", "message": "yes", "history": offered()}
    assert (await monolith.post("/query", json=body)).json()["method"] == "rlm-memory_accept"
    searched = [request.query["content"] for request in wire.requests if "content" in request.query]
    assert searched == ["ilike.*bee*", "ilike.*keeping*"]


@pytest.mark.usefixtures("person")
async def test_realtime_mode_searches_nothing_and_never_sees_the_web_search(
    monolith: httpx.AsyncClient, wire: Recorder
) -> None:
    body = {"user_id": "u", "message": "weather in Oslo", "web_search_context": "It is snowing."}
    answer = (await monolith.post("/query", json=body)).json()
    assert (answer["method"], answer["chunks_used"]) == ("rlm-realtime", 0)
    assert [label(request) for request in wire.requests] == ["GET user_profiles", "converse lite"]
    assert "snowing" not in str(model_call(wire))


@pytest.mark.usefixtures("person")
async def test_the_soulprint_of_the_request_comes_before_the_stored_one(
    monolith: httpx.AsyncClient, wire: Recorder
) -> None:
    await monolith.post("/query", json={"user_id": "u", "message": "weather", "soulprint_text": "A sent soulprint."})
    assert "A sent soulprint." in model_call(wire)["system"][0]["text"]
    asked = wire.requests[0].query
    columns = "soul_md,identity_md,agents_md,user_md,archetype,soulprint,soulprint_text"
    assert asked == {"user_id": "eq.u", "select": columns}


async def test_the_admin_pages_user_that_is_no_uuid_gets_an_answer(
    monolith: httpx.AsyncClient, emulator: Emulator
) -> None:
    def refuse(request: Recorded) -> Answer | None:
        return Answer(400, {"code": "22P02"}) if request.path.startswith("/rest/") else None

    emulator.rules.append(refuse)
    answer = await monolith.post("/query", json={"user_id": "system-health-check", "message": "hello", "history": None})
    assert (answer.status_code, answer.json()["chunks_used"]) == (200, 0)


async def test_a_turn_whose_content_is_null_fails_an_accepting_query(monolith: httpx.AsyncClient) -> None:
    answer = await monolith.post("/query", json={"user_id": "u", "message": "yes", "history": offered(None)})
    assert answer.status_code == 500
    assert answer.json()["detail"].startswith("Memory query failed: ")


async def test_without_the_library_it_is_503(monolith: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "RLM_ERROR", "No module named 'rlm'")
    answer = await monolith.post("/query", json={"user_id": "u", "message": "hello"})
    assert answer.status_code == 503
    assert answer.json() == {"detail": "Memory service unavailable. Please try again later."}


async def test_a_failing_model_is_a_500_with_its_text(monolith: httpx.AsyncClient, emulator: Emulator) -> None:
    emulator.on("converse lite", Answer(400, {"message": "too long"}, {"x-amzn-errortype": "ValidationException"}))
    answer = await monolith.post("/query", json={"user_id": "u", "message": "hello"})
    assert answer.status_code == 500
    assert answer.json()["detail"].startswith("Memory query failed: An error occurred (ValidationException)")
