"""Hints: the nearest name, or none when nothing is near."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.postgrest.suggest import nearest

NAMES = ["add", "match_conversation_chunks", "match_conversation_chunks_by_tier", "one_person"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("ad", "add"),
        ("match_conversation_chunk", "match_conversation_chunks"),
        ("one_persons", "one_person"),
        ("zzz", None),
        ("", None),
    ],
)
def test_the_nearest_name_is_proposed(wanted: str, expected: str | None) -> None:
    assert nearest(wanted, NAMES) == expected


@given(wanted=st.text(max_size=30), names=st.lists(st.text(max_size=30), max_size=5))
def test_a_proposal_is_always_one_of_the_names(wanted: str, names: list[str]) -> None:
    assert nearest(wanted, names) in {None, *names}
