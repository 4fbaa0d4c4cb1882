"""MEMORY: five headings, real lines kept however few, placeholders refused."""

from __future__ import annotations

import pytest

from v2_service.contract import JsonObject, ModelReply, Outcome
from v2_service.processors.facts import Category, Fact, Facts
from v2_service.processors.memory_generator import (
    FALLBACK_MARK,
    empty_memory,
    fallback_memory,
    is_placeholder,
    memory_from_reply,
    memory_request,
)

HEADINGS = ["## Preferences", "## Projects", "## Important Dates", "## Beliefs & Values", "## Decisions & Context"]
FIELDS = ["preferences", "projects", "important_dates", "beliefs_and_values", "decisions_and_context"]
FACTS = Facts((Fact(Category.PREFERENCES, "Likes tea"), Fact(Category.DATES, "Exam", "2024-05-01")))


def answer(**lists: list[str]) -> ModelReply:
    data: JsonObject = {name: [*lists.get(name, [])] for name in FIELDS}
    return ModelReply(Outcome.OK, data)


def headings(markdown: str) -> list[str]:
    return [line for line in markdown.splitlines() if line.startswith("## ")]


def test_a_whole_answer_is_rendered_under_five_headings_in_order() -> None:
    memory = memory_from_reply(answer(preferences=["She likes tea.", "- She likes  rain."]), FACTS)
    assert headings(memory.markdown) == HEADINGS
    assert "## Preferences\n\n- She likes tea.\n- She likes rain.\n" in memory.markdown
    assert "## Projects\n\n- not enough data\n" in memory.markdown
    assert (memory.fallback, memory.lines, memory.problem) == (False, 2, "")


def test_l_72_one_short_real_line_is_enough() -> None:
    memory = memory_from_reply(answer(important_dates=["Exam on 2024-05-01."]), FACTS)
    assert not memory.fallback


PLACEHOLDERS = [
    "Not enough data.",
    "No information available about preferences.",
    "The user has not shared any projects.",
    "N/A",
    "- None",
    "Unable to determine.",
    "There are no dates mentioned.",
    "No specific information about the user's projects was found in the conversations.",
    "The user hasn't explicitly stated any beliefs or values yet.",
    "I cannot determine the person’s preferences from this material.",
    "Insufficient data (no details provided).",
    "Not applicable.",
    "Placeholder",
]


@pytest.mark.parametrize("line", PLACEHOLDERS)
def test_l_27_a_placeholder_is_refused(line: str) -> None:
    assert is_placeholder(line)
    memory = memory_from_reply(answer(preferences=[line], projects=[line]), FACTS)
    assert memory.fallback
    assert memory.problem == "the answer was a placeholder"
    assert "Likes tea" in memory.markdown


def test_placeholders_beside_real_lines_are_left_out_of_the_text() -> None:
    memory = memory_from_reply(answer(preferences=["Likes tea.", "No information."], projects=["N/A"]), FACTS)
    assert not memory.fallback
    assert "No information" not in memory.markdown
    assert memory.refused == 2
    assert memory.lines == 1


REAL_NEGATIVES = [
    "Nobody in the family eats meat.",
    "No longer works at the bank.",
    "Not fond of rain.",
    "There is no gluten in her diet.",
    "The user has not eaten meat since 2010.",
    "Cannot swim.",
    "Not available on Mondays.",
    "No dates on Fridays: those evenings are for the children.",
    "No decisions before coffee is a standing rule.",
    "Cannot find gluten-free bread in Porto.",
    "Unable to provide for two homes, sold the flat.",
    "No blind dates.",
    "The user has not shared a room since 2010.",
]


@pytest.mark.parametrize("line", REAL_NEGATIVES)
def test_a_real_negative_statement_is_no_placeholder(line: str) -> None:
    assert not is_placeholder(line)


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.OK])
def test_without_an_answer_memory_lists_the_facts_and_says_so(outcome: Outcome) -> None:
    memory = memory_from_reply(ModelReply(outcome, None), FACTS)
    assert memory.fallback
    assert outcome.value in memory.problem
    assert FALLBACK_MARK in memory.markdown
    assert headings(memory.markdown) == HEADINGS
    assert "- Exam: 2024-05-01" in memory.markdown


def test_the_fallback_is_bounded() -> None:
    many = Facts(
        tuple(Fact(Category.PROJECTS, f"Project {n} with a longer name", "and description") for n in range(5000))
    )
    assert len(fallback_memory(many, "x").markdown) < 10_000


def test_an_odd_answer_falls_back_instead_of_raising() -> None:
    odd: JsonObject = {"preferences": "text", "projects": [None, 3, {}]}
    assert memory_from_reply(ModelReply(Outcome.OK, odd), FACTS).fallback


def test_no_facts_make_an_honest_empty_memory() -> None:
    assert headings(empty_memory().markdown) == HEADINGS
    assert empty_memory().markdown.count("- not enough data") == 5
    assert not memory_from_reply(answer(), Facts()).fallback


def test_the_request_lists_every_fact_under_its_kind() -> None:
    request = memory_request(FACTS)
    assert request.material == "Preferences:\n- Likes tea\n\nImportant Dates:\n- Exam: 2024-05-01"
