"""/chat: the person's documents, memories and history in one system prompt."""

from __future__ import annotations

import httpx
import pytest

from legacy import main
from tests.fakes.recorder import Recorder
from tests.legacy.emulator import Emulator, label


@pytest.fixture
def person(emulator: Emulator) -> None:
    """A user with documents and 40 chunks about bees."""
    emulator.reply = "An answer."
    emulator.tables["user_profiles"].append(
        {
            "user_id": "u",
            "soul_md": "the soul",
            "identity_md": "the identity",
            "agents_md": None,
            "user_md": "the facts",
        }
    )
    emulator.tables["conversation_chunks"] += [
        {
            "id": str(n),
            "user_id": "u",
            "title": f"Talk {n}",
            "chunk_tier": "micro",
            "content": f"bees {n}",
            "created_at": "x",
        }
        for n in range(40)
    ]


async def ask(monolith: httpx.AsyncClient, wire: Recorder, **extra: object) -> tuple[dict[str, object], str]:
    """The answer, and the system prompt behind it."""
    answer = await monolith.post("/chat", json={"user_id": "u", "message": "bees?", **extra})
    assert answer.status_code == 200
    [call] = [request.json for request in wire.requests if label(request) == "converse lite"]
    assert call["messages"] == [{"role": "user", "content": [{"text": "bees?"}]}]
    return answer.json(), call["system"][0]["text"]


@pytest.mark.usefixtures("person")
async def test_the_answer_counts_all_hits_and_the_prompt_shows_25(monolith: httpx.AsyncClient, wire: Recorder) -> None:
    body, system = await ask(monolith, wire)
    assert set(body) == {"response", "memories_used", "latency_ms"}
    assert (body["response"], body["memories_used"]) == ("An answer.", 30)
    assert system.count("bees ") == 25
    order = [system.index(part) for part in ("the soul", "the identity", "the facts", "bees 0", "never invent")]
    assert order == sorted(order)


@pytest.mark.usefixtures("person")
async def test_memories_are_searched_before_the_profile_is_read(monolith: httpx.AsyncClient, wire: Recorder) -> None:
    await ask(monolith, wire)
    labels = [label(request) for request in wire.requests]
    assert labels[0] == "GET conversation_chunks"
    assert labels[-2:] == ["GET user_profiles", "converse lite"]


@pytest.mark.usefixtures("person")
async def test_the_last_ten_turns_are_shown_with_500_characters_each(
    monolith: httpx.AsyncClient, wire: Recorder
) -> None:
    history = [{"role": "user", "content": f"turn {n} ".ljust(600, "~")} for n in range(12)]
    _, system = await ask(monolith, wire, history=history)
    assert "turn 1 " not in system
    assert "turn 11 " in system
    assert "~" * 494 not in system


def test_the_whole_prompt_is_cut_at_15000_characters_rules_included() -> None:
    hits = [{"content": "y" * 600, "title": "t", "rrf_score": 0.02}] * 25
    prompt = main.chat_system_prompt({"soul_md": "s" * 4000}, hits, [])
    assert len(prompt) == 15_000
    assert "never invent" not in prompt


def test_a_memory_shows_mark_title_tier_score_and_600_characters() -> None:
    hit = {"content": "z" * 700, "title": "Talk", "chunk_tier": "macro", "match_type": "hybrid", "rrf_score": 0.0405}
    prompt = main.chat_system_prompt({}, [hit], [])
    assert f"{main.MATCH_MARKS['hybrid']} Talk | macro | 0.0405\n{'z' * 600}\n" in prompt
    assert "z" * 601 not in prompt


async def test_a_turn_whose_content_is_null_is_a_500(monolith: httpx.AsyncClient) -> None:
    body = {"user_id": "u", "message": "hello", "history": [{"role": "user", "content": None}]}
    answer = await monolith.post("/chat", json=body)
    assert answer.status_code == 500
    assert answer.json() == {"detail": "Chat failed: 'NoneType' object is not subscriptable"}


async def test_a_missing_profile_and_no_memories_still_get_an_answer(
    monolith: httpx.AsyncClient, emulator: Emulator
) -> None:
    emulator.reply = "An answer."
    answer = (await monolith.post("/chat", json={"user_id": "nobody", "message": "hello"})).json()
    assert (answer["response"], answer["memories_used"]) == ("An answer.", 0)
