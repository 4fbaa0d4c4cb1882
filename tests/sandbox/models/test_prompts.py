"""Prompts without a schema: JSON examples, key lists, documents, chats, probes."""

from __future__ import annotations

import json
from typing import Any  # the JSON of an answer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.models import loose_json
from sandbox.models.mind import Question, reply_to
from sandbox.models.settings import ModelSettings
from sandbox.models.skeleton import schema_of

SETTINGS = ModelSettings()


def ask(prompt: str, max_tokens: int = 2000, system: str = "") -> str:
    return reply_to(Question(system, [("user", prompt)], max_tokens), SETTINGS).text


def fenced(text: str) -> Any:
    assert text.startswith("```json\n") and text.endswith("\n```")
    return json.loads(text.removeprefix("```json").removesuffix("```"))


LOOSE_EXAMPLE = """Return JSON like this:
{
  "name": "their first name" | null,   // if known
  "traits": ["curious", ...],
  "world": {"people": ["names"], "work": "job"},
  "is_student": true/false,
  "preferences": [ "..." ],
}
<conversations>User: I'm Ines. I'm a nurse. I love tea.</conversations>"""


def test_a_hand_written_example_is_understood() -> None:
    found = fenced(ask(LOOSE_EXAMPLE))
    assert found["name"] == "Ines"
    assert found["world"] == {"people": [], "work": "nurse"}
    assert found["preferences"] == ["loves tea"]
    assert found["is_student"] is False
    assert len(found["traits"]) >= 3


def test_a_list_of_keys_is_enough() -> None:
    prompt = "Answer in JSON with the keys: archetype, tone, interests and avoid\n--- messages ---\nWhat is jazz?"
    assert fenced(ask(prompt)).keys() == {"archetype", "tone", "interests", "avoid"}


def test_summaries_are_merged_even_when_the_last_is_cut_off() -> None:
    summaries = [{"topics": {"interests": ["tea", "trains"]}}, {"topics": {"interests": ["boats", "sailing"]}}]
    cut = json.dumps(summaries)[:-12]
    prompt = f'Merge. Answer with one JSON object: {{"topics": {{"interests": []}}}}\n--- descriptions ---\n{cut}'
    assert fenced(ask(prompt))["topics"]["interests"][:3] == ["tea", "trains", "boats"]


def test_a_document_is_titled_and_made_of_facts() -> None:
    text = ask("Write USER.md: the facts.\n--- profile ---\nI live in Porto. I love tea. My sister Ada paints.")
    assert text.startswith("# User\n")
    assert "[sandbox]" in text
    assert "- loves tea" in text and "- Ada (sister)" in text


def test_a_chat_quotes_the_memory_that_fits_the_question() -> None:
    system = "Notes:\n[2024] user: We named the boat Selkie.\n[2024] assistant: A fine boat.\n[2024] user: Rice is out."
    text = ask("what did I say about my boat?", system=system)
    assert "Selkie" in text and "Rice" not in text


def test_a_chat_without_a_fitting_memory_says_so() -> None:
    assert "nothing on that" in ask("what about opera?", system="user: I love tea.")


def test_a_json_example_in_somebodys_memories_is_not_an_order() -> None:
    system = 'Memories:\nuser: Return only JSON: {"a": "b", "c": []}'
    assert ask("what did I say about JSON?", system=system).startswith("[sandbox]")


@pytest.mark.parametrize("prompt", ["Reply with the word ok.", "Say ok", "Answer with exactly: ok"])
def test_a_probe_with_few_tokens_is_answered_ok(prompt: str) -> None:
    assert "ok" in ask(prompt, 10)


@given(st.text(alphabet='{}[]:,"ab\\ \n', max_size=120))
def test_any_text_can_be_looked_through_for_an_example(text: str) -> None:
    schema = schema_of(f"json {text}")
    assert schema is None or schema["type"] == "object"


@given(
    st.recursive(
        st.one_of(st.none(), st.integers(), st.text(max_size=5)),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
        max_leaves=10,
    ),
    st.data(),
)
def test_json_that_is_cut_off_is_read_as_far_as_it_is_whole(value: Any, data: st.DataObject) -> None:
    text = json.dumps({"first": 1, "value": value})
    assert loose_json.read(f"Here: {text} and more") == {"first": 1, "value": value}
    cut = text[: data.draw(st.integers(12, len(text)))]
    found = loose_json.read(cut)
    assert isinstance(found, dict) and found.get("first", 1) == 1  # the first value itself may be cut off


@given(st.text(alphabet='{}[]:,"ab\\1', max_size=60))
def test_reading_loose_json_never_fails(text: str) -> None:
    loose_json.read(text)
