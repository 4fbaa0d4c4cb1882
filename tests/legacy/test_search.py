"""Memory search: words, meaning, their fusion, and what is used when one of them fails."""

from __future__ import annotations

import httpx
import pytest

from legacy import main
from tests.fakes.recorder import Answer, Recorded, Recorder
from tests.legacy.conftest import KEY
from tests.legacy.emulator import EMBEDDING, Emulator, Row, label

BY_TIER = "POST rpc/match_conversation_chunks_by_tier"
WITHOUT_TIER = "POST rpc/match_conversation_chunks"


def chunk(name: str, content: str = "about bees") -> Row:
    return {"id": name, "user_id": "u", "content": content, "title": name, "created_at": name}


def hits_by_tier(emulator: Emulator, found: dict[str, list[str]]) -> None:
    """Let the tier search find these ids."""

    def rule(request: Recorded) -> Answer | None:
        if label(request) != BY_TIER:
            return None
        return Answer(200, [chunk(name) for name in found.get(request.json["match_tier"], [])])

    emulator.rules.append(rule)


def test_keywords_are_the_first_five_longer_words_that_are_not_common() -> None:
    assert main.keywords_of(
        "What did I say about my Bees, and the hive IN the old orchard near Kyoto? Again: bees!"
    ) == [
        "bees",
        "hive",
        "old",
        "orchard",
        "near",
    ]


def test_about_110_words_are_common() -> None:
    assert 105 <= len(main.STOP_WORDS) <= 115


def test_fusion_weighs_a_keyword_hit_half_as_much_again_and_adds_both() -> None:
    fused = main.fuse([chunk("a"), chunk("b")], [chunk("b"), chunk("c")], limit=10)
    assert [(hit["id"], hit["match_type"], hit["rrf_score"]) for hit in fused] == [
        ("b", "hybrid", round(1.5 / 62 + 1 / 61, 4)),
        ("a", "keyword", round(1.5 / 61, 4)),
        ("c", "vector", round(1 / 62, 4)),
    ]
    assert [hit["id"] for hit in main.fuse([chunk("a"), chunk("b")], [chunk("b")], limit=1)] == ["b"]


async def test_words_are_looked_for_one_by_one_with_a_shared_limit(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder
) -> None:
    await main.search_memory("u", "bees orchard", 50)
    asked = [request for request in wire.requests if label(request) == "GET conversation_chunks"]
    assert [request.query for request in asked] == [
        {
            "user_id": "eq.u",
            "content": f"ilike.*{word}*",
            "select": "id,content,title,chunk_tier,message_count,created_at",
            "limit": "16",
        }
        for word in ("bees", "orchard")
    ]
    assert "ilike.%2Abees%2A" in asked[0].target


async def test_the_tiers_are_asked_in_order_then_all_of_them_more_strictly(
    monolith: httpx.AsyncClient, wire: Recorder
) -> None:
    await main.search_memory("u", "bees", 30)
    asked = [request.json for request in wire.requests if label(request) in (BY_TIER, WITHOUT_TIER)]
    assert all(body.pop("query_embedding") == EMBEDDING for body in asked)
    assert all(body.pop("match_user_id") == "u" for body in asked)
    assert asked == [
        {"match_tier": "macro", "match_count": 15, "match_threshold": 0.10},
        {"match_tier": "medium", "match_count": 25, "match_threshold": 0.10},
        {"match_tier": "micro", "match_count": 25, "match_threshold": 0.10},
        {"match_count": 30, "match_threshold": 0.25},
    ]


async def test_a_vector_hit_carries_its_tier_and_ranks_run_over_all_tiers(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder
) -> None:
    hits_by_tier(emulator, {"macro": ["m"], "micro": ["x", "y"]})
    hits = await main.search_memory("u", "zzz", 30)
    assert [(hit["id"], hit["chunk_tier"], hit["rrf_score"]) for hit in hits] == [
        ("m", "macro", round(1 / 61, 4)),
        ("x", "micro", round(1 / 62, 4)),
        ("y", "micro", round(1 / 63, 4)),
    ]
    assert WITHOUT_TIER not in map(label, wire.requests)


async def test_a_refused_tier_is_skipped(monolith: httpx.AsyncClient, emulator: Emulator) -> None:
    emulator.on(BY_TIER, Answer(500, {"message": "no"}), times=1)
    hits_by_tier(emulator, {"macro": ["m"], "medium": ["n"]})
    assert [hit["id"] for hit in await main.search_memory("u", "zzz", 30)] == ["n"]


async def test_without_an_embedding_the_keyword_hits_are_used_as_they_are(
    monolith: httpx.AsyncClient, emulator: Emulator
) -> None:
    emulator.tables["conversation_chunks"] += [chunk("a"), chunk("b"), chunk("c", "about wasps")]
    emulator.on("invoke", Answer(400, {"message": "no"}, {"x-amzn-errortype": "ValidationException"}))
    hits = await main.search_memory("u", "bees", 1)
    assert [hit["id"] for hit in hits] == ["a", "b"]
    assert "rrf_score" not in hits[0]


@pytest.mark.parametrize("broken", ["invoke", BY_TIER])
async def test_with_nothing_to_search_by_the_newest_chunks_are_used(
    monolith: httpx.AsyncClient, emulator: Emulator, wire: Recorder, broken: str
) -> None:
    emulator.tables["conversation_chunks"] += [chunk("a"), chunk("b")]
    emulator.on(broken, Answer(200, b"not json"))
    assert [hit["id"] for hit in await main.search_memory("u", "wasps", 7)] == ["b", "a"]
    assert wire.requests[-1].query == {
        "user_id": "eq.u",
        "select": "id,content,title,message_count,created_at",
        "order": "created_at.desc",
        "limit": "7",
    }


async def test_a_failing_keyword_read_finds_nothing_and_harms_nothing(
    monolith: httpx.AsyncClient, emulator: Emulator
) -> None:
    emulator.on("GET conversation_chunks", Answer(200, b"not json"))
    hits_by_tier(emulator, {"micro": ["x"]})
    assert [hit["match_type"] for hit in await main.search_memory("u", "bees", 30)] == ["vector"]


async def test_reads_carry_two_credentials_and_searches_a_content_type_too(
    monolith: httpx.AsyncClient, wire: Recorder
) -> None:
    await main.search_memory("u", "bees", 30)
    for request in wire.requests:
        if request.path.startswith("/rest/"):
            assert request.headers["apikey"] == KEY
            assert request.headers["authorization"] == f"Bearer {KEY}"
            assert ("content-type" in request.headers) == (label(request) in (BY_TIER, WITHOUT_TIER))
