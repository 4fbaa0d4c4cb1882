"""How much of a rate limit was used, from the answers alone."""

from __future__ import annotations

import pytest

from bench.v2.meter import Answer
from bench.v2.rate import rate_of


def test_the_least_time_is_that_of_a_bucket_that_is_full_at_first() -> None:
    answers = [Answer("model", str(n), 10 + n / 4, 10 + n / 4, 200, True) for n in range(120)]
    answers += [Answer("model", "x", 20, 20, 429, True), Answer("embedding", "y", 0, 99, 200, True)]
    found = rate_of(answers, per_minute=60)
    assert (found.answered, found.throttled, found.least_seconds) == (120, 1, 60.0)
    assert found.seconds == pytest.approx(29.8, abs=0.1)
    assert found.ratio == pytest.approx(0.496, abs=0.01)


def test_calls_below_the_limit_need_no_time() -> None:
    answers = [Answer("model", str(n), n, n, 200, True) for n in range(3)]
    assert rate_of(answers, per_minute=60).ratio == float("inf")
