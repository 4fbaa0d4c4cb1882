"""The sample: the conversations that say most, within the budget, in bounded memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.v2_service.processors.graphs import spoken
from v2_service.contract import Conversation, Message
from v2_service.processors.sampling import ConversationSampler, Sample, SamplingSettings, sample_conversations, score
from v2_service.processors.tokens import estimate_tokens

START = datetime(2024, 1, 1, tzinfo=UTC)
SETTINGS = SamplingSettings(at_most=3, budget_tokens=5000)


def talk(key: str, words: int, turns: int = 4, day: int | None = None) -> Conversation:
    texts = ["word " * words if turn % 2 == 0 else "fine" for turn in range(turns)]
    conversation = spoken(*texts, conversation_id=key, title=key)
    when = None if day is None else START + timedelta(days=day)
    return Conversation(key, key, when, conversation.messages)


def titles(sample: Sample) -> list[str]:
    return [line[3:] for line in sample.text.splitlines() if line.startswith("## ")]


def test_the_score_adds_messages_own_lines_exchange_and_recency() -> None:
    conversation = spoken("x" * 900, "answer " * 500, "y" * 100)
    assert score(conversation) == 10 * 3 + (500 + 100) + 20 * 1
    later = Conversation("c", "T", START, conversation.messages)
    assert 0 < score(later) - score(conversation) < 0.01


def test_the_best_conversations_are_taken_and_shown_oldest_first() -> None:
    offered = [talk("small", 1, day=1), talk("b", 50, day=9), talk("c", 60, day=5), talk("a", 40, day=7)]
    sample = sample_conversations(offered, SETTINGS)
    assert titles(sample) == ["c", "a", "b"]
    assert (sample.conversations, sample.offered) == (3, 4)


def test_short_conversations_come_in_only_when_there_is_room() -> None:
    rich = [talk(f"rich{n}", 1) for n in range(2)]
    assert titles(sample_conversations([talk("thin", 90, turns=2), *rich, talk("thinner", 20, turns=2)], SETTINGS)) == [
        "thin",
        "rich0",
        "rich1",
    ]


def test_l_25_the_budget_beats_the_number_of_conversations() -> None:
    settings = SamplingSettings(at_most=50, budget_tokens=300)
    sample = sample_conversations([talk(f"t{n}", 200) for n in range(50)], settings)
    assert estimate_tokens(sample.text) <= 300 + 10
    assert sample.conversations < 5


def test_answers_are_shortened_more_than_the_persons_own_lines() -> None:
    sample = sample_conversations([spoken("x" * 5000, "y" * 5000)], SETTINGS)
    assert sample.text.count("x") == 2000
    assert sample.text.count("y") == 600
    assert sample.text.count("[…]") == 2


def test_one_endless_conversation_cannot_fill_the_sample() -> None:
    settings = SamplingSettings(at_most=3, budget_tokens=50_000, conversation_characters=1000)
    sample = sample_conversations([spoken(*("some words here " * 9 for _ in range(500)))], settings)
    assert len(sample.text) < 1200
    assert sample.text.endswith("[…]")


def test_custom_instructions_come_first_even_from_a_conversation_that_is_not_chosen() -> None:
    instructed = Conversation("i", "i", None, (Message("user", "About me: I teach.", None, "custom_instructions"),))
    sample = sample_conversations([instructed, talk("a", 10)], SETTINGS)
    assert sample.text.startswith("## The person's own instructions\nAbout me: I teach.\n\n## a\n")


def test_no_conversations_make_an_empty_sample() -> None:
    assert sample_conversations([], SETTINGS) == Sample("", 0, 0)


def test_the_sampler_keeps_no_more_than_it_may_choose() -> None:
    sampler = ConversationSampler(SETTINGS)
    for number in range(500):
        sampler.offer(talk(f"t{number}", number))
    assert len(sampler._heap) == 3


@given(st.lists(st.integers(1, 60), max_size=12))
def test_the_stream_gives_the_same_choice_as_sorting_everything(sizes: list[int]) -> None:
    offered = [talk(f"t{number}", size) for number, size in enumerate(sizes)]
    best = sorted(offered, key=lambda one: (-score(one), int(one.id[1:])))[:3]
    assert set(titles(sample_conversations(offered, SETTINGS))) == {one.id for one in best}
