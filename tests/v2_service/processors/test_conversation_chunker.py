"""Chunks: every character covered, sizes kept, tiers as legacy's search expects them, true dates."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.v2_service.processors.graphs import spoken
from v2_service.contract import Chunk, Conversation, Message, Tier
from v2_service.processors.conversation_chunker import (
    ChunkingSettings,
    ConversationChunker,
    chunk_conversations,
    render,
    split_messages,
)
from v2_service.processors.tokens import estimate_tokens

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SMALL = ChunkingSettings(target_tokens=60, overlap_tokens=12)


def chunks(*conversations: Conversation, settings: ChunkingSettings | None = None) -> list[Chunk]:
    return list(chunk_conversations(conversations, NOW, settings))


def tier(found: list[Chunk], wanted: Tier) -> list[Chunk]:
    return [chunk for chunk in found if chunk.tier is wanted]


def test_a_short_conversation_is_one_chunk_with_a_heading_and_a_line_per_message() -> None:
    (chunk,) = tier(chunks(spoken("Hello.", "Hi, how can I help?", title="Greeting")), Tier.MEDIUM)
    assert chunk.content == "# Greeting\nUser: Hello.\nAssistant: Hi, how can I help?"
    assert (chunk.chunk_index, chunk.total_chunks, chunk.message_count) == (0, 1, 2)
    assert chunk.new_characters == len("Hello.") + len("Hi, how can I help?")


def test_custom_instructions_are_labelled() -> None:
    conversation = Conversation("c", "T", None, (Message("user", "I teach.", None, "custom_instructions"),))
    (chunk,) = tier(chunks(conversation), Tier.MEDIUM)
    assert chunk.content == "# T\nUser: [custom instructions] I teach."


def test_chunks_are_about_two_thousand_tokens_and_overlap_by_two_hundred() -> None:
    text = " ".join(f"Sentence number {n} says something about the matter." for n in range(1200))
    found = tier(chunks(spoken(text)), Tier.MEDIUM)
    sizes = [chunk.token_count for chunk in found]
    assert all(1700 <= size <= 2030 for size in sizes[:-1])
    for before, after in pairwise(found):
        body = after.content.removeprefix("# Talk\nUser: ")
        shared = next(size for size in range(len(body), 0, -1) if before.content.endswith(body[:size]))
        assert 120 <= estimate_tokens(body[:shared]) <= 200
        assert body.startswith("Sentence number")


def test_l_58_a_message_of_fifty_thousand_characters_is_split_not_cut() -> None:
    text = " ".join(f"Line {n} of a pasted document." for n in range(1700))
    assert len(text) > 45_000
    found = tier(chunks(spoken(text)), Tier.MEDIUM)
    assert sum(chunk.new_characters for chunk in found) == len(text)
    assert all(any(f"Line {n} of" in chunk.content for chunk in found) for n in (0, 400, 900, 1699))


def test_l_56_list_like_text_does_not_become_one_huge_chunk() -> None:
    found = tier(chunks(spoken("\n".join(f"- {n}" for n in range(20_000)))), Tier.MEDIUM)
    assert max(chunk.token_count for chunk in found) <= 2100
    assert len(found) > 20


def test_l_57_a_text_without_any_delimiter_is_split_in_bounded_steps() -> None:
    found = tier(chunks(spoken("x" * 2_400_000)), Tier.MEDIUM)
    assert sum(chunk.new_characters for chunk in found) == 2_400_000
    assert max(chunk.token_count for chunk in found) <= 2100


def test_chinese_text_makes_chunks_of_the_same_cost() -> None:
    found = tier(chunks(spoken("今天下午我们在图书馆讨论了下个月的旅行计划。" * 500)), Tier.MEDIUM)
    assert max(chunk.token_count for chunk in found) <= 2100
    assert all(chunk.content.endswith("。") for chunk in found)


def test_a_long_title_shortens_the_heading_only() -> None:
    (chunk,) = tier(chunks(spoken("hi", title="t" * 5000)), Tier.MEDIUM)
    assert len(chunk.title) == 5000
    assert chunk.content == f"# {'t' * 200}…\nUser: hi"


words = st.text(alphabet="ab .?!。\n界9", min_size=1, max_size=400).map(str.strip).filter(bool)
talks = st.lists(words, min_size=1, max_size=12).map(lambda texts: spoken(*texts))


@given(talks, st.sampled_from([SMALL, ChunkingSettings(target_tokens=50, overlap_tokens=0), ChunkingSettings()]))
def test_medium_chunks_together_hold_every_character_exactly_once_as_new(
    talk: Conversation, settings: ChunkingSettings
) -> None:
    pieces = split_messages(talk.messages, settings)
    fresh = [(span.message, span.new, span.end) for piece in pieces for span in piece if span.new < span.end]
    for index, message in enumerate(talk.messages):
        position = 0
        for _, start, end in (span for span in fresh if span[0] == index):
            assert start == position
            position = end
        assert position == len(message.text)
    for piece in pieces:
        text = render(talk, piece)
        assert all(talk.messages[span.message].text[span.start : span.end] in text for span in piece)


@given(talks)
def test_what_the_chunks_claim_to_cover_is_the_conversation(talk: Conversation) -> None:
    found = chunks(talk, settings=SMALL)
    assert sum(chunk.new_characters for chunk in found) == talk.text_length
    assert all(chunk.new_characters > 0 for chunk in tier(found, Tier.MEDIUM))
    assert all(chunk.new_characters == 0 for chunk in found if chunk.tier is not Tier.MEDIUM)


@given(talks, st.lists(st.none() | st.integers(0, 3), min_size=12, max_size=12), st.booleans())
def test_no_chunk_costs_more_than_its_target_and_heading(
    talk: Conversation, days: list[int | None], dated: bool
) -> None:
    messages = tuple(
        replace(message, created_at=None if day is None else NOW - timedelta(days=9 - day))
        for message, day in zip(talk.messages, days, strict=False)
    )
    talk = replace(talk, messages=messages, created_at=NOW - timedelta(days=9) if dated else None)
    for chunk in tier(chunks(talk, settings=SMALL), Tier.MEDIUM):
        assert chunk.token_count <= SMALL.target_tokens + 12


@given(st.lists(talks, max_size=4))
def test_the_same_conversations_give_the_same_chunks_in_the_same_places(conversations: list[Conversation]) -> None:
    found = chunks(*conversations, settings=SMALL)
    assert found == chunks(*conversations, settings=SMALL)
    for wanted in Tier:
        assert [chunk.position for chunk in tier(found, wanted)] == list(range(len(tier(found, wanted))))


def test_tiers_follow_legacys_sizes() -> None:
    found = chunks(spoken("A sentence of forty characters, no more. " * 300))
    (macro,) = tier(found, Tier.MACRO)
    assert len(macro.content) == 5000
    micro = tier(found, Tier.MICRO)
    assert len(micro) == 10
    assert all(50 < len(chunk.content) <= 200 for chunk in micro)


def test_macro_and_micro_need_enough_text() -> None:
    found = chunks(spoken("hi"))
    assert [chunk.tier for chunk in found] == [Tier.MEDIUM]


def test_micro_chunks_are_bounded_over_the_whole_import() -> None:
    found = chunks(*(spoken("Something worth saying here. " * 30, conversation_id=f"c{n}") for n in range(150)))
    assert len(tier(found, Tier.MICRO)) == 300
    assert len(tier(found, Tier.MACRO)) == 150
    late = chunks(*(spoken("hi", conversation_id=f"c{n}") for n in range(100)), spoken("Long enough text. " * 9))
    assert tier(late, Tier.MICRO) == []


def test_l_52_chunks_carry_the_time_their_own_text_begins() -> None:
    start = datetime(2023, 5, 1, tzinfo=UTC)
    text = "Some words to fill a chunk with. " * 12
    messages = tuple(Message("user", text.strip(), start + timedelta(days=n)) for n in range(3))
    found = tier(chunks(Conversation("c", "T", start, messages), settings=SMALL), Tier.MEDIUM)
    assert found[0].created_at == start
    assert found[-1].created_at == start + timedelta(days=2)


def test_a_message_of_another_day_than_its_chunk_bears_its_own() -> None:
    first, later = datetime(2024, 5, 1, 9, tzinfo=UTC), datetime(2024, 5, 4, 9, tzinfo=UTC)
    said = (
        Message("user", "I fly tomorrow.", first),
        Message("assistant", "Have fun.", first),
        Message("user", "I fly back tomorrow.", later),
        Message("assistant", "Welcome home."),
    )
    (chunk,) = tier(chunks(Conversation("c", "Trip", first, said)), Tier.MEDIUM)
    assert chunk.created_at == first
    assert chunk.content.split("\n") == [
        "# Trip",
        "User: I fly tomorrow.",
        "Assistant: Have fun.",
        "[2024-05-04] User: I fly back tomorrow.",
        "Assistant: Welcome home.",
    ]


def test_an_undated_message_takes_the_time_before_it_and_never_now() -> None:
    start = datetime(2023, 5, 1, tzinfo=UTC)
    messages = (Message("user", "a", None), Message("user", "b", start + timedelta(days=1)), Message("user", "c", None))
    (chunk,) = tier(chunks(Conversation("c", "T", start, messages)), Tier.MEDIUM)
    assert chunk.created_at == start
    (undated,) = tier(chunks(Conversation("c", "T", None, messages[1:])), Tier.MEDIUM)
    assert undated.created_at == start + timedelta(days=1)


def test_now_is_used_only_when_the_export_has_no_time_at_all() -> None:
    (chunk,) = tier(chunks(spoken("a")), Tier.MEDIUM)
    assert chunk.created_at == NOW


def test_l_60_a_naive_now_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        ConversationChunker(datetime(2026, 1, 1))


@pytest.mark.parametrize(
    "wrong", [{"overlap_tokens": 600}, {"overlap_tokens": -1}, {"target_tokens": 10, "overlap_tokens": 0}]
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="tokens"):
        ChunkingSettings(**wrong)
