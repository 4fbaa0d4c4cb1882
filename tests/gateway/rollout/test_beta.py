"""The incomplete beta function against closed forms."""

from math import asin, comb, exp, log, pi, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rollout.beta import log_beta, log_incomplete_beta


@pytest.mark.parametrize("x", [1e-9, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_the_arcsine_law(x: float) -> None:
    assert exp(log_incomplete_beta(0.5, 0.5, x)) == pytest.approx(2 / pi * asin(sqrt(x)), rel=1e-12)


@pytest.mark.parametrize(("k", "n", "p"), [(1, 1, 0.3), (3, 10, 0.2), (60, 400, 0.1), (999, 1000, 0.999)])
def test_it_is_the_upper_tail_of_a_binomial(k: int, n: int, p: float) -> None:
    tail = sum(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k, n + 1))
    assert exp(log_incomplete_beta(k, n - k + 1, p)) == pytest.approx(tail, rel=1e-10)


def test_tails_too_small_for_a_float_keep_their_logarithm() -> None:
    assert log_incomplete_beta(5000.0, 1.0, 0.001) == pytest.approx(5000 * log(0.001), rel=1e-12)


def test_large_counts_end() -> None:
    assert exp(log_incomplete_beta(1e6 + 0.5, 9e6 + 0.5, 0.1)) == pytest.approx(0.5, abs=1e-3)


def test_the_edges() -> None:
    assert log_incomplete_beta(2.0, 3.0, 0.0) == float("-inf")
    assert log_incomplete_beta(2.0, 3.0, 1.0) == 0.0
    assert log_beta(2.0, 3.0) == pytest.approx(log(1 / 12))


@given(st.floats(0.5, 500), st.floats(0.5, 500), st.floats(0.01, 0.99))
def test_both_tails_make_one(a: float, b: float, x: float) -> None:
    both = exp(log_incomplete_beta(a, b, x)) + exp(log_incomplete_beta(b, a, 1 - x))
    assert both == pytest.approx(1.0, abs=1e-9)
