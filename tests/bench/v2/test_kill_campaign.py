"""The kill campaign's verdict: one thing that does not hold breaks it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any  # values of different fields

import pytest

from bench.v2.exports import export
from bench.v2.kill_campaign import Report

SOUND = Report(
    kills=2,
    jobs=3,
    complete=3,
    paid_answers=30,
    paid_answers_undisturbed=30,
    calls_beyond=4,
    calls_beyond_allowed=6,
    looks=9,
)


def test_a_campaign_in_which_nothing_was_lost_holds() -> None:
    assert SOUND.holds


@pytest.mark.parametrize(
    "change",
    [
        {"complete": 2},
        {"jobs": 0, "complete": 0},
        {"paid_answers": 31},
        {"calls_beyond": 7},
        {"calls_beyond": -1},
        {"users_with_wrong_chunks": 1},
        {"looks_without_chunks": 1},
        {"looks": 0},
        {"told_twice": 1},
    ],
)
def test_anything_that_was_lost_or_doubled_breaks_it(change: dict[str, Any]) -> None:
    assert not replace(SOUND, **change).holds


def test_exports_are_the_same_for_the_same_arguments() -> None:
    assert export(1, 6) == export(1, 6)
    assert export(1, 6) != export(2, 6)
