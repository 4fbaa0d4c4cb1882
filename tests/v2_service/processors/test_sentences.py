"""Where long texts are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from v2_service.processors.sentences import cut_end, cut_piece, tail_start
from v2_service.processors.tokens import estimate_tokens

prose = st.text(alphabet="ab .?!。？\n界я9", max_size=300)


def test_a_text_that_fits_is_not_cut() -> None:
    assert cut_end("One. Two.", 0, 100) == 9


def test_a_cut_falls_after_the_last_sentence_end_that_fits() -> None:
    text = "First sentence here. Second sentence here. Third sentence here."
    assert text[: cut_end(text, 0, 12)] == "First sentence here. Second sentence here. "


def test_without_a_sentence_end_a_cut_falls_between_words() -> None:
    text = "word " * 50
    end = cut_end(text, 0, 11)
    assert 0 < end < len(text)
    assert end % 5 == 0


def test_without_any_space_a_cut_falls_where_the_budget_ends() -> None:
    assert cut_end("x" * 1000, 0, 10) == 40


def test_chinese_is_cut_at_its_own_full_stops() -> None:
    text = "今天天气很好。" * 20
    assert text[: cut_end(text, 0, 40)].endswith("。")


def test_a_tail_begins_with_a_sentence() -> None:
    text = "A long first sentence that does not fit. Second one. Third one."
    assert text[tail_start(text, 0, len(text), 8) :] == "Second one. Third one."


def test_a_tail_that_fits_whole_is_whole() -> None:
    assert tail_start("One. Two.", 0, 9, 100) == 0


@given(prose, st.integers(0, 300), st.integers(1, 40))
def test_a_cut_makes_progress_and_keeps_the_budget(text: str, start: int, budget: int) -> None:
    if start >= len(text):
        return
    end = cut_end(text, start, budget)
    assert start < end <= len(text)
    assert estimate_tokens(text[start:end]) <= budget or end == start + 1
    assert cut_piece(text, start, budget) == (end, estimate_tokens(text[start:end]))


@given(prose, st.integers(0, 40))
def test_a_tail_keeps_the_budget(text: str, budget: int) -> None:
    start = tail_start(text, 0, len(text), budget)
    assert 0 <= start <= len(text)
    assert estimate_tokens(text[start:]) <= budget
