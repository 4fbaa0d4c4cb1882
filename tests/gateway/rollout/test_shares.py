"""Tests of a share: their expectation without harm is worked out exactly, over all outcomes."""

from itertools import product
from math import exp, log

import pytest

from gateway.rollout.shares import confidence_interval, log_e_above, log_e_below, log_e_mix, log_mean


def expectation(length: int, p: float, e) -> float:
    """The mean of e over all sequences of `length` tosses of chance p."""
    total = 0.0
    for tosses in product((0, 1), repeat=length):
        s = sum(tosses)
        total += p**s * (1 - p) ** (length - s) * exp(e(s, length))
    return total


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_evidence_is_one_on_average_where_nothing_is_wrong(q: float) -> None:
    assert expectation(9, q, lambda s, n: log_e_above(s, n, q)) == pytest.approx(1.0)
    assert expectation(9, q, lambda s, n: log_e_below(s, n, q)) == pytest.approx(1.0)
    assert expectation(9, q, lambda s, n: log_e_mix((s, n - s), (q, 1 - q))) == pytest.approx(1.0)


def test_one_sided_evidence_shrinks_on_the_other_side() -> None:
    assert expectation(9, 0.05, lambda s, n: log_e_above(s, n, 0.1)) < 1.0
    assert expectation(9, 0.2, lambda s, n: log_e_below(s, n, 0.1)) < 1.0


def test_evidence_grows_with_harm() -> None:
    assert log_e_above(30, 100, 0.1) > log(1000) > log_e_above(15, 100, 0.1)
    assert log_e_below(10, 300, 0.1) > log(20)


def test_a_confidence_sequence_holds_the_share_and_narrows() -> None:
    wide, narrow = confidence_interval(5, 50, 0.05), confidence_interval(500, 5000, 0.05)
    assert wide[0] < narrow[0] < 0.1 < narrow[1] < wide[1]
    assert confidence_interval(0, 0, 0.05) == (0.0, 1.0)
    assert confidence_interval(0, 100, 0.05)[0] == 0.0
    assert confidence_interval(100, 100, 0.05)[1] == 1.0


def test_the_mean_of_evidence_does_not_overflow() -> None:
    assert log_mean([2000.0, float("-inf")]) == pytest.approx(2000.0 + log(0.5))
    assert log_mean([float("-inf")]) == float("-inf")
