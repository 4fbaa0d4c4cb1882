"""The bench of the decision decides what it says it does."""

import pytest

from bench.decision import IDS, PERCENTAGE, cost, made_up_ids, on_v2, snapshot


def test_its_users_are_shared_out_by_the_percentage() -> None:
    assert on_v2(snapshot(), made_up_ids(20_000)) / 20_000 == pytest.approx(PERCENTAGE / 100, abs=0.01)


def test_its_ids_are_different_and_the_same_in_each_run() -> None:
    assert made_up_ids() == made_up_ids()
    assert len(set(made_up_ids())) == IDS


def test_a_cost_is_a_time() -> None:
    assert cost(rounds=1) > 0
