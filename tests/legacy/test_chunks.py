"""How an export is cut: counts, sizes, order, and what aborts it."""

from __future__ import annotations

from collections import Counter

import pytest

from legacy import main
from tests.legacy.exports import START, conversation, export, node


def tiers(plan: main.ChunkPlan) -> Counter[str]:
    return Counter(row["chunk_tier"] for row in plan.rows)


def one(mapping: object, **extra: object) -> list[dict[str, object]]:
    return [{"id": "c", "create_time": START, "mapping": mapping, **extra}]


def test_twelve_conversations_of_six_messages_give_12_12_96() -> None:
    plan = main.build_chunks("u", export(12, 6))
    assert tiers(plan) == {"macro": 12, "medium": 12, "micro": 96}
    assert plan.message_count == 72


def test_many_long_conversations_give_one_macro_and_one_medium_each_and_300_micro_in_all() -> None:
    plan = main.build_chunks("u", export(200, 40))
    assert tiers(plan) == {"macro": 200, "medium": 200, "micro": 300}
    assert plan.message_count == 200 * 30


def test_micro_chunks_come_only_from_the_first_hundred_conversations() -> None:
    plan = main.build_chunks("u", export(101, 1, length=60))
    micro = [row["conversation_id"] for row in plan.rows if row["chunk_tier"] == "micro"]
    assert micro == [f"c{number}" for number in range(100)]


def test_rows_go_in_macro_first_then_medium_then_micro_each_in_file_order() -> None:
    rows = main.build_chunks("u", export(2, 6)).rows
    order = [(row["chunk_tier"], row["conversation_id"]) for row in rows]
    assert order[:4] == [("macro", "c0"), ("macro", "c1"), ("medium", "c0"), ("medium", "c1")]
    assert order[4:] == [("micro", "c0")] * 8 + [("micro", "c1")] * 8


def test_a_row_has_the_seven_columns_and_counts_all_messages() -> None:
    row = main.build_chunks("u", [conversation(3, 40)]).rows[0]
    assert set(row) == {
        "user_id",
        "conversation_id",
        "title",
        "content",
        "chunk_tier",
        "message_count",
        "created_at",
    }
    assert (row["conversation_id"], row["title"], row["message_count"]) == ("c3", "Talk 3", 40)
    assert row["created_at"] == main.local_time(START + 3600 * 3)


def test_sizes_are_5000_2000_and_ten_slices_of_200() -> None:
    rows = main.build_chunks("u", [conversation(0, 40, length=400)]).rows
    assert [len(row["content"]) for row in rows] == [5000, 2000, *[200] * 10]
    assert "".join(row["content"] for row in rows[2:]) == rows[1]["content"] == rows[0]["content"][:2000]


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (50, {}),
        (51, {"micro": 1}),
        (100, {"micro": 1}),
        (101, {"micro": 1, "medium": 1}),
        (500, {"micro": 3, "medium": 1}),
        (501, {"micro": 3, "medium": 1, "macro": 1}),
    ],
)
def test_a_chunk_must_be_longer_than_its_minimum(length: int, expected: dict[str, int]) -> None:
    before_the_message = len("[2023-11-14T22:13:20] user: ")
    plan = main.build_chunks("u", [conversation(0, 1, length=length - before_the_message)])
    assert tiers(plan) == expected


def test_the_text_is_the_first_thirty_messages_with_time_and_role() -> None:
    content = main.build_chunks("u", [conversation(0, 40, length=80)]).rows[0]["content"]
    lines = content.splitlines()
    assert len(lines) == 30
    assert lines[0] == f"[{main.local_time(START)}] user: {'0.0 '.ljust(80, 'x')}"
    assert lines[1].startswith(f"[{main.local_time(START + 60)}] assistant: 0.1 ")


def test_messages_are_sorted_by_time_and_those_without_one_come_first() -> None:
    mapping = {
        "a": node("user", "third " * 20, START + 2),
        "b": node("tool", "second " * 20, START + 1),
        "c": node("assistant", "first " * 20, None),
    }
    lines = main.build_chunks("u", one(mapping)).rows[0]["content"].splitlines()
    assert [line.split("] ")[1].split()[1] for line in lines] == ["first", "second", "third"]
    assert lines[1].split("] ")[1].startswith("tool:")


def test_string_parts_are_joined_without_separator_and_other_parts_left_out() -> None:
    message = {
        "author": {"role": "user"},
        "content": {"parts": ["one ", {"asset_pointer": "file"}, None, "two " * 40]},
        "create_time": START,
    }
    assert "user: one two two" in main.build_chunks("u", one({"a": {"message": message}})).rows[0]["content"]


def test_names_fall_back_to_untitled_and_the_position() -> None:
    mapping = {"a": node("user", "x" * 200, START)}
    rows = main.build_chunks("u", [{"mapping": mapping}, {"mapping": mapping, "conversation_id": "other"}]).rows
    assert [row["conversation_id"] for row in rows[:2]] == ["conv_0", "other"]
    assert rows[0]["title"] == "Untitled"


def test_every_branch_of_an_edited_conversation_is_taken() -> None:
    mapping = {
        "question": node("user", "the question " * 10, START),
        "old": node("assistant", "abandoned answer " * 10, START + 1),
        "new": node("assistant", "chosen answer " * 10, START + 2),
    }
    content = main.build_chunks("u", one(mapping, current_node="new")).rows[0]["content"]
    assert "abandoned" in content
    assert "chosen" in content


@pytest.mark.parametrize("broken", [{"title": "no node", "mapping": None}, {"mapping": []}, "a string", None, 7])
def test_one_item_that_is_no_conversation_aborts_the_whole_import(broken: object) -> None:
    with pytest.raises(main.ImportFailure):
        main.build_chunks("u", [*export(1, 6), broken])


def test_a_conversation_without_a_mapping_key_only_has_no_messages() -> None:
    assert main.build_chunks("u", [{"title": "sibling file"}]) == main.ChunkPlan([], 0, 1)


@pytest.mark.parametrize(
    "path", ["user-imports", "user-imports/", "/x", "b/../x", "b/a/../../../rest/v1/t", "../x", "b/."]
)
def test_a_storage_path_cannot_leave_storage(path: str) -> None:
    assert main.storage_url(path) is None


def test_a_storage_path_is_quoted_piece_by_piece(configured: main.Settings) -> None:
    url = main.storage_url("user-imports/a b/50%?x=1#y.json")
    assert url == f"{configured.supabase_url}/storage/v1/object/user-imports/a%20b/50%25%3Fx%3D1%23y.json"
