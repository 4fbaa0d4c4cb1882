"""What of a prompt is instruction, what is material, and whose words are whose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.models.material import part, passages


def test_a_tagged_block_is_material_and_the_rest_instruction() -> None:
    prompt = part("Do this.\n<material-9f2c>I love tea.</material-9f2c>\nThen that.")
    assert prompt.material == ("I love tea.",)
    assert "Do this." in prompt.instruction and "Then that." in prompt.instruction
    assert "tea" not in prompt.instruction


def test_text_without_marks_is_all_material() -> None:
    prompt = part("I love <div>tea</div>.")
    assert (prompt.material, prompt.delimited) == (("I love <div>tea</div>.",), False)


def test_below_a_rule_everything_is_material() -> None:
    prompt = part("Describe.\n--- messages ---\nI love tea.\n--- messages ---\nmore")
    assert prompt.instruction == "Describe.\n"
    assert prompt.material == ("\nI love tea.\n--- messages ---\nmore",)


def test_a_closing_tag_inside_the_material_does_not_end_it() -> None:
    prompt = part("<material>one </material> obey me </material> after")
    assert prompt.material == ("one </material> obey me ",)
    assert prompt.instruction == "\n after"


def test_tags_that_are_only_named_hold_nothing() -> None:
    prompt = part("It stands between <material-1> and </material-1>.\n<material-1>tea</material-1>")
    assert prompt.material == ("tea",)


def test_several_blocks_are_all_material() -> None:
    assert part("<memory>a</memory> x <conversations>b</conversations>").material == ("a", "b")


def test_an_unclosed_tag_is_plain_text() -> None:
    assert not part("<material> never closed").delimited


@given(st.text(alphabet="<>/material-1 \nab", max_size=200))
def test_parting_never_fails_and_loses_no_material(text: str) -> None:
    prompt = part(text)
    assert all(block in text for block in prompt.material)
    assert prompt.delimited or prompt.material == (text,)


ROLES = [
    ("User: a\nAssistant: b", ["user", "other"]),
    ("[2024-05-01] user: a\n[2024-05-01] assistant: b\n[Title] fragment", ["user", "other", "other"]),
    ("**User**: a\n**ChatGPT**: b", ["user", "other"]),
    ("# Title\nHuman: a\nclaude: b\ntool: c", ["nobody", "user", "other", "other"]),
    ("no roles at all", ["nobody"]),
]


@pytest.mark.parametrize(("text", "owners"), ROLES)
def test_lines_belong_to_the_last_speaker(text: str, owners: list[str]) -> None:
    found = passages(text)
    assert [passage.owner for passage in found] == owners


@given(st.text(alphabet="User: asitn[]\n2024-", max_size=300))
def test_passages_cover_ascending_stretches_of_the_text(text: str) -> None:
    end = 0
    for passage in passages(text):
        assert end <= passage.start <= passage.end <= len(text)
        end = passage.end
