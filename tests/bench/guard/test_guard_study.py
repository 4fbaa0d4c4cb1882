"""The simulation of the guard: its draws, the other systems' rules, and one small study from end to end."""

from random import Random

import pytest

from bench.guard import harmful, jobs
from bench.guard.draws import binomial, poisson
from bench.guard.peers import PEERS, Argo, Flagger, Kayenta, ZTest


def minute_of(peer, errors: int, limit: int = 500) -> int | None:
    """The minute in which a rule fires if v2 fails so many of 100, legacy 4 or 5 of 900 in turn."""
    return next((minute for minute in range(1, limit) if peer.minute(100, errors, 900, 4 + minute % 2)), None)


def test_draws_have_the_mean_and_spread_of_their_distribution() -> None:
    rng = Random(1)
    for draw, mean, variance in ((binomial(rng, 900, 0.005), 4.5, 4.4775), (poisson(rng, 6.0), 6.0, 6.0)):
        values = [draw() for _ in range(20_000)]
        found = sum(values) / len(values)
        assert found == pytest.approx(mean, rel=0.03)
        assert sum((value - found) ** 2 for value in values) / len(values) == pytest.approx(variance, rel=0.06)


def test_the_other_rules_fire_on_plain_harm_when_their_settings_say() -> None:
    assert minute_of(Flagger(), 20) == 5
    assert minute_of(Argo(), 20) == 4
    assert minute_of(Kayenta(), 20) == 60
    assert minute_of(ZTest(), 20) == 1


@pytest.mark.parametrize("peer", PEERS)
def test_the_other_rules_are_quiet_where_nothing_fails(peer) -> None:
    assert minute_of(peer(), 0) is None


def test_plain_harm_is_found_by_the_guard_within_a_minute() -> None:
    assert harmful.detection(Random(1), 0.2)[harmful.GUARD] == 1


def test_jobs_that_fail_are_found_by_the_real_judge() -> None:
    found = jobs.detection(Random(1), jobs.Jobs(failing=0.5, hours=3.0))
    assert found is not None
    assert found.rule == "jobs-failed"
    assert found.hours < 1.0
