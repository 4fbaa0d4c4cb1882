"""Neighbouring chunks are one question again, with every character once and nobody's words in another's mouth."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from v2_service.contract import Chunk, Conversation, Message, Tier
from v2_service.processors import ConversationChunker
from v2_service.processors.conversation_chunker import ChunkingSettings, Span, render
from v2_service.processors.extraction_units import UNIT_TOKENS, extraction_units

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = datetime(2024, 5, 1, 9, tzinfo=UTC)
SMALL = ChunkingSettings(target_tokens=120, overlap_tokens=30)


def medium(conversation: Conversation, sizes: ChunkingSettings = SMALL) -> list[Chunk]:
    return [chunk for chunk in ConversationChunker(NOW, sizes).chunk(conversation) if chunk.tier is Tier.MEDIUM]


def talk(*texts: str, days: int = 0) -> Conversation:
    messages = tuple(
        Message("assistant" if number % 2 else "user", text, DAY + timedelta(days=days * number))
        for number, text in enumerate(texts)
    )
    return Conversation("c", "Garden", DAY, messages)


def sentences(count: int, word: str = "rose") -> str:
    return " ".join(f"The {word} number {number} stands by the wall." for number in range(count))


def whole(conversation: Conversation) -> str:
    spans = [Span(number, 0, len(message.text), 0) for number, message in enumerate(conversation.messages)]
    return render(conversation, spans, DAY.date())


def test_the_chunks_of_a_conversation_are_its_text_again() -> None:
    conversation = talk(sentences(40), sentences(3, "pear"), "Short.", sentences(60, "vine"), "One.\nTwo.\nThree.")
    chunks = medium(conversation)
    [unit] = extraction_units(chunks)
    assert len(chunks) > 5
    assert (unit.chunk.content, unit.chunks) == (whole(conversation), len(chunks))
    assert unit.chunk.new_characters == conversation.text_length


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("abc .\n字User:", min_size=1, max_size=400), min_size=1, max_size=6))
def test_no_text_is_lost_whatever_it_looks_like(texts: list[str]) -> None:
    conversation = talk(*texts)
    chunks = medium(conversation)
    units = extraction_units(chunks)
    assert sum(unit.chunks for unit in units) == len(chunks)
    assert sum(unit.chunk.new_characters for unit in units) == conversation.text_length
    for chunk in chunks:
        lines = [line for line in chunk.content.split("\n")[1:] if not line.startswith(("User:", "Assistant:"))]
        assert all(any(line in unit.chunk.content for unit in units) for line in lines)


def test_units_stay_within_their_size() -> None:
    chunks = medium(talk(sentences(3000)), ChunkingSettings())
    units = extraction_units(chunks)
    assert 1 < len(units) < len(chunks) / 2
    assert all(unit.chunk.token_count <= UNIT_TOKENS for unit in units)


def test_other_conversations_other_days_and_chunks_of_no_place_stay_alone() -> None:
    first, second = medium(talk(sentences(40)))[:2]
    apart = [
        replace(second, conversation_id="d"),
        replace(second, created_at=second.created_at + timedelta(days=1)),
        replace(second, chunk_index=2),
        replace(second, chunk_index=0, total_chunks=1),
    ]
    for other in apart:
        assert [unit.chunks for unit in extraction_units([first, other])] == [1, 1]
    assert [unit.chunks for unit in extraction_units([first, second])] == [2]


def test_a_chunk_that_repeats_nothing_keeps_its_label() -> None:
    first, second = medium(talk(sentences(40)))[:2]
    [unit] = extraction_units([replace(first, content="# T\nUser: a"), replace(second, content="# T\nAssistant: b")])
    assert unit.chunk.content == "# T\nUser: a\nAssistant: b"
