"""Reading a JSON list piece by piece gives what parsing it as a whole gives."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legacy import main

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def read(text: str, piece: int = 1 << 20) -> list[object]:
    return list(main.ListReader(io.StringIO(text), piece))


@settings(deadline=None)
@given(st.lists(JSON_VALUES, max_size=6), st.integers(1, 40), st.sampled_from([None, 1]), st.booleans())
def test_any_list_reads_the_same_in_pieces_of_any_size(
    items: list[object], piece: int, indent: int | None, escaped: bool
) -> None:
    text = json.dumps(items, indent=indent, ensure_ascii=escaped)
    assert read(f"\n {text} \n", piece) == items


@settings(deadline=None)
@given(st.text(alphabet='[]{},:"\\ 1a-.e\n', max_size=30), st.integers(1, 8))
def test_what_is_no_json_is_refused_and_only_that(text: str, piece: int) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(main.NotJson):
            read(text, piece)
        return
    if isinstance(expected, list):
        assert read(text, piece) == expected
    elif expected:
        with pytest.raises(main.ImportFailure, match="not a list"):
            read(text, piece)
    else:
        assert read(text, piece) == []


@pytest.mark.parametrize("text", ["[1,]", "[,1]", "[1 2]", "[1", "[", "[1] x", '["a]', "", " ", "[{}}", "nul"])
def test_broken_lists_are_refused(text: str) -> None:
    with pytest.raises(main.NotJson):
        read(text, 1)


@pytest.mark.parametrize("text", ["null", "{}", '""', "0", "false", "[]", " [ ] "])
def test_empty_values_have_no_items(text: str) -> None:
    assert read(text) == []


def test_items_come_before_the_end_of_the_file_is_read() -> None:
    text = io.StringIO(json.dumps([{"n": n} for n in range(1000)]))
    items = iter(main.ListReader(text, 64))
    assert next(items) == {"n": 0}
    assert text.tell() < 200


def test_text_that_is_not_utf_8_is_no_json() -> None:
    text = io.TextIOWrapper(io.BytesIO(b'["\xff"]'), encoding="utf-8-sig")
    with pytest.raises(main.NotJson, match="UTF-8"):
        list(main.ListReader(text))


def test_a_byte_order_mark_is_skipped() -> None:
    text = io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbf[1]"), encoding="utf-8-sig")
    assert list(main.ListReader(text)) == [1]
