"""Every real export that ships with the tests, with exactly what must come out of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.v2_service.processors.graphs import read
from v2_service.processors.errors import ExportError, ExportNotJson

SAMPLES = Path(__file__).parents[3] / "data" / "exports"

EXPECTED = {
    "branch_no_current_node.json": ([2, 2], 185, {"other_branch": 1}),
    "code_interpreter_2023.json": ([20], 3543, {"empty_text": 1, "system": 1, "tool_call": 11, "tool_output": 11}),
    "disconnected_nodes.json": ([5] * 7, 1168, {}),
    "edited_branch.json": ([4], 372, {"other_branch": 1, "system": 1}),
    "long_answers_2025.json": ([6, 4, 8], 51425, {}),
    "many_content_types.json": (
        [5, 1],
        204,
        {"attachment": 1, "conversation_without_text": 1, "reasoning": 2, "system": 1, "tool_output": 1},
    ),
    "minimal_nodes_20.json": ([6, 4, 6, 4, 4, 3, 4, 3, 3, 3, 3, 3, 3, 3, 3, 2, 3, 3, 3, 3], 26649, {}),
    "native_2026_thoughts_tool_images.json": (
        [3],
        219,
        {"attachment": 2, "other_branch": 1, "reasoning": 2, "tool_call": 1, "tool_output": 1},
    ),
    "no_content_type.json": ([2] * 5, 1028, {}),
    "zipped_export.zip": ([4, 2], 926, {}),
}
REFUSED: dict[str, type[ExportError]] = {
    "not_valid_json_2023.json": ExportNotJson,
    "sibling_model_comparisons.json": ExportNotJson,
}


def test_every_sample_has_an_expectation() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == EXPECTED.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_real_export_gives_exactly_these_messages_and_drops(name: str) -> None:
    messages, characters, dropped = EXPECTED[name]
    conversations, drops = read(SAMPLES / name)
    assert [len(conversation.messages) for conversation in conversations] == messages
    assert drops.to_json() == {
        "conversations": len(messages),
        "messages": sum(messages),
        "characters": characters,
        "dropped": dropped,
    }


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_not_json_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(REFUSED[name], match="is not valid JSON"):
        read(SAMPLES / name)


def test_the_report_lists_its_reasons_in_order() -> None:
    dropped = read(SAMPLES / "many_content_types.json")[1].to_json()["dropped"]
    assert isinstance(dropped, dict)
    assert list(dropped) == sorted(dropped)


def test_the_branch_of_an_edited_question_is_the_one_current_node_names() -> None:
    (conversation,), _ = read(SAMPLES / "edited_branch.json")
    assert "How do I write a function in JavaScript?" in [message.text for message in conversation.messages]
    assert not any("Python" in message.text for message in conversation.messages)


def test_without_current_node_the_newest_answer_is_taken() -> None:
    _, forked = read(SAMPLES / "branch_no_current_node.json")[0]
    assert forked.messages[-1].text == "MQTT is a lightweight messaging protocol designed for IoT devices."


def test_a_2026_conversation_keeps_custom_instructions_apart_and_leaves_thoughts_and_tools_out() -> None:
    (conversation,), _ = read(SAMPLES / "native_2026_thoughts_tool_images.json")
    assert [(message.role, message.source) for message in conversation.messages] == [
        ("user", "custom_instructions"),
        ("user", "conversation"),
        ("assistant", "conversation"),
    ]
    instructions = conversation.messages[0].text
    assert (
        instructions
        == "About me: Privacy-safe fixture profile.\nHow to answer me: Preserve structured provider evidence."
    )
    assert conversation.messages[2].text.startswith("Final answer.")


def test_true_dates_come_out_as_aware_utc() -> None:
    (conversation,), _ = read(SAMPLES / "code_interpreter_2023.json")
    assert conversation.created_at is not None
    assert conversation.created_at.isoformat() == "2023-09-21T19:57:53.968528+00:00"


def test_conversations_without_any_time_stay_undated() -> None:
    conversations, _ = read(SAMPLES / "no_content_type.json")
    assert {conversation.created_at for conversation in conversations} == {None}
