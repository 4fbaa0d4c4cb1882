"""From one raw conversation to a record: identity, title, time, and what repeats."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.v2_service.processors.graphs import alone, chain, message, node, read, write
from v2_service.contract import JsonObject, JsonValue


def test_ids_come_from_conversation_id_then_id_then_the_position(tmp_path: Path) -> None:
    raw = [chain(["a"], id="i", conversation_id="c"), chain(["b"], id="i"), chain(["c"], id=None)]
    conversations, _ = read(write(tmp_path, raw))
    assert [conversation.id for conversation in conversations] == ["c", "i", "conv_2"]


def test_a_conversation_that_is_in_the_file_twice_is_read_once(tmp_path: Path) -> None:
    conversations, drops = read(write(tmp_path, [chain(["a"]), chain(["a"])]))
    assert len(conversations) == 1
    assert drops.to_json()["dropped"] == {"duplicate_conversation": 1}


def test_another_text_under_a_known_id_is_not_lost(tmp_path: Path) -> None:
    conversations, drops = read(write(tmp_path, [chain(["a"]), chain(["b"])]))
    assert [conversation.id for conversation in conversations] == ["c1", "c1#1"]
    assert drops.to_json()["dropped"] == {}


@pytest.mark.parametrize(
    ("title", "expected"), [(None, "Untitled"), ("", "Untitled"), (" a\n b\x00 ", "a b"), (5, "Untitled")]
)
def test_titles_are_one_line_and_never_empty(tmp_path: Path, title: JsonValue, expected: str) -> None:
    (conversation,), _ = read(write(tmp_path, [chain(["a"], title=title)]))
    assert conversation.title == expected


def test_a_missing_time_is_taken_from_the_messages_then_from_the_update(tmp_path: Path) -> None:
    timed = alone(message("a", create_time=1_600_000_000), create_time=None, update_time=1_700_000_000)
    updated = alone(message("b"), id="c2", update_time=1_700_000_000)
    conversations, _ = read(write(tmp_path, [timed, updated, alone(message("c"), id="c3")]))
    years = [conversation.created_at.year if conversation.created_at else None for conversation in conversations]
    assert years == [2020, 2023, None]


def test_repeated_custom_instructions_are_kept_once_for_each_wording(tmp_path: Path) -> None:
    def with_instructions(key: str, profile: str) -> JsonObject:
        body: JsonObject = {
            "author": {"role": "user"},
            "content": {"content_type": "user_editable_context", "user_profile": profile},
        }
        mapping: JsonObject = {"i": node("i", None, ["m"], body), "m": node("m", "i", [], message(f"hi {key}"))}
        return {"id": key, "mapping": mapping, "current_node": "m"}

    raw = [with_instructions("a", "I teach."), with_instructions("b", "I teach."), with_instructions("c", "I cook.")]
    conversations, drops = read(write(tmp_path, raw))
    assert [conversation.messages[0].source for conversation in conversations] == [
        "custom_instructions",
        "conversation",
        "custom_instructions",
    ]
    assert drops.to_json()["dropped"] == {"repeated_custom_instructions": 1}


def test_abandoned_branches_are_counted(tmp_path: Path) -> None:
    forked = chain(["q", "a"])
    mapping = forked["mapping"]
    assert isinstance(mapping, dict)
    mapping["old"] = node("old", "n0", [], message("abandoned", "assistant"))
    (conversation,), drops = read(write(tmp_path, [forked]))
    assert [said.text for said in conversation.messages] == ["q", "a"]
    assert drops.to_json()["dropped"] == {"other_branch": 1}


def test_a_conversation_with_every_field_null_is_counted_not_fatal(tmp_path: Path) -> None:
    empty: JsonObject = {"id": None, "title": None, "create_time": None, "mapping": None, "current_node": None}
    broken: JsonObject = {"mapping": {"a": {"message": "text", "parent": None, "children": None}}}
    conversations, drops = read(write(tmp_path, [empty, broken, {"messages": None}, {"messages": [3]}, chain(["a"])]))
    assert len(conversations) == 1
    assert drops.to_json()["dropped"] == {"broken_message": 1, "conversation_without_text": 4}


def test_a_flat_list_of_export_messages_is_read(tmp_path: Path) -> None:
    raw = {"title": "Flat", "messages": [message("a"), message("x", "tool"), message("b", "assistant")]}
    (conversation,), drops = read(write(tmp_path, [raw]))
    assert [(said.role, said.text) for said in conversation.messages] == [("user", "a"), ("assistant", "b")]
    assert drops.to_json()["dropped"] == {"tool_output": 1}
