"""Text that PostgreSQL refuses is made storable, and nothing else is changed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2_service.text import storable, storable_json


def test_nul_and_halves_of_surrogate_pairs_go() -> None:
    assert storable("a\x00b\ud83dc") == "ab?c"
    assert storable_json({"k\x00": ["\ud800", {"x": None, "y": 1.5, "z": True}]}) == {
        "k": ["?", {"x": None, "y": 1.5, "z": True}]
    }


def test_numbers_that_json_has_no_word_for_become_null() -> None:
    assert storable_json([1e308, float("inf"), {"a": float("-inf")}, float("nan"), 10**400]) == [
        *(1e308, None, {"a": None}, None, 10**400)
    ]


@given(st.text())
def test_everything_becomes_utf_8(text: str) -> None:
    assert "\x00" not in storable(text)
    json.dumps(storable(text), ensure_ascii=False).encode()


@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert storable(text) == text


def test_what_is_no_json_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="set"):
        storable_json({1, 2})
