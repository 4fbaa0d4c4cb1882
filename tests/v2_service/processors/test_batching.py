"""Batches by setting or by size, bounded, and looked at less and less often."""

from __future__ import annotations

import pytest

from v2_service.contract import ModelRequest
from v2_service.processors.batching import (
    EXPECTED_OUTPUT_TOKENS,
    ROUNDS,
    SMALLEST_ROUND,
    BatchMode,
    expected_tokens,
    request_bytes,
    wait_before,
    wants_batches,
    wants_round,
)


@pytest.mark.parametrize(
    ("mode", "questions", "wanted"),
    [
        ("never", 9999, False),
        ("always", 1, True),
        ("always", 0, False),
        ("auto", 499, False),
        ("auto", 500, True),
    ],
)
def test_batches_are_chosen_by_setting_or_by_size(mode: BatchMode, questions: int, wanted: bool) -> None:
    assert wants_batches(mode, questions, 500) is wanted


@pytest.mark.parametrize(
    ("number", "left", "wanted"),
    [
        (1, 1, True),
        (1, 0, False),
        (2, SMALLEST_ROUND, True),
        (2, SMALLEST_ROUND - 1, False),
        (ROUNDS, SMALLEST_ROUND, True),
        (ROUNDS + 1, 9999, False),
    ],
)
def test_what_is_left_over_is_asked_in_a_few_more_rounds_and_then_alone(number: int, left: int, wanted: bool) -> None:
    assert wants_round(number, left) is wanted


def test_looks_grow_apart_up_to_the_longest() -> None:
    waits = [wait_before(look, 60) for look in (*range(12), 10_000)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (2, 60)


def test_a_question_is_reckoned_with_its_instruction_and_schema() -> None:
    request = ModelRequest("extract", "i" * 400, "字" * 100, {"type": "object"}, 4096)
    assert request_bytes(request) > 400 + 300
    given, said = expected_tokens(request)
    assert given > 200
    assert said == EXPECTED_OUTPUT_TOKENS
