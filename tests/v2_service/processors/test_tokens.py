"""Token estimates: their order of magnitude per kind of text, and that they add up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2_service.processors.tokens import MAX_CHARACTERS_PER_TOKEN, estimate_tokens

PROSE = "The committee met on Thursday, and after a long discussion it decided to postpone the vote until spring. " * 20
CODE = "for (let i = 0; i < rows.length; i++) { total += rows[i].price * (1 - rows[i].discount); }\n" * 20

# Characters a token: the range that published tokenizers show for each kind of text.
RANGES = [
    ("English prose", PROSE, 3.3, 4.2),
    ("code", CODE, 1.8, 3.2),
    ("Chinese", "今天下午我们在图书馆讨论了下个月的旅行计划。" * 20, 0.6, 1.2),
    ("Japanese", "昨日は友達と映画を見てから、駅の近くで夕食を食べました。" * 20, 0.6, 1.2),
    ("Russian", "Вчера мы долго говорили о том, куда поехать летом всей семьёй. " * 20, 1.4, 2.6),
    ("emoji", "😀🎉🚀" * 20, 0.2, 0.6),
    ("numbers", "31415926535897932384 " * 20, 1.2, 2.5),
]


@pytest.mark.parametrize(("kind", "text", "low", "high"), RANGES, ids=[row[0] for row in RANGES])
def test_l_66_the_estimate_fits_the_kind_of_text(kind: str, text: str, low: float, high: float) -> None:
    assert low <= len(text) / estimate_tokens(text) <= high


def test_l_56_short_lines_are_not_free() -> None:
    assert estimate_tokens("- a\n") == 2
    assert estimate_tokens("") == 0


@given(st.lists(st.text(max_size=20), max_size=10))
def test_parts_never_cost_less_than_the_whole(parts: list[str]) -> None:
    assert sum(map(estimate_tokens, parts)) >= estimate_tokens("".join(parts))


@given(st.text())
def test_no_text_is_denser_than_the_bound(text: str) -> None:
    assert estimate_tokens(text) * MAX_CHARACTERS_PER_TOKEN >= len(text)
