"""Who is compared with whom."""

import pytest

from gateway.core.decide import Backend
from gateway.rollout.cohorts import Cohorts, Control
from tests.gateway.rollout.records import request


@pytest.mark.parametrize("percentage", [1, 10, 50, 60, 99])
@pytest.mark.parametrize("control", list(Control))
def test_cohorts_are_disjoint_and_q_is_their_ratio(percentage: int, control: Control) -> None:
    cohorts = Cohorts.at(percentage, control)
    assert cohorts.v2 <= percentage
    assert percentage + cohorts.control <= 100
    assert cohorts.q == cohorts.v2 / (cohorts.v2 + cohorts.control)
    if control is Control.EQUAL:
        assert cohorts.q == 0.5


def test_everybody_on_v2_leaves_no_control() -> None:
    for control in Control:
        cohorts = Cohorts.at(100, control)
        assert (cohorts.v2, cohorts.control, cohorts.q) == (100, 0, 1.0)


def test_a_decision_belongs_to_its_buckets_cohort() -> None:
    cohorts = Cohorts.at(10, Control.EQUAL)
    assert cohorts.of(request(1, "a", v2=True)) is Backend.V2
    assert cohorts.of(request(2, "b", v2=False)) is None  # bucket 50, beyond 11 to 20
    assert Cohorts.at(10).of(request(2, "b", v2=False)) is Backend.LEGACY


def test_a_decision_at_another_percentage_belongs_to_nobody() -> None:
    assert Cohorts.at(10).of(request(1, "a", v2=True, percentage=50)) is None
