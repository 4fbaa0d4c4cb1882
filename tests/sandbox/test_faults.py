"""Faults: validated settings, reproducible dice, rate limits on a given clock."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from sandbox.faults import AREAS, AreaFaults, Dice, FaultDesk, Faults, Outcome


class Clock:
    """A clock that stands still until told otherwise."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def outcomes(desk: FaultDesk, count: int) -> list[Outcome]:
    return [desk.decide("rest").outcome for _ in range(count)]


def test_without_faults_every_request_is_answered() -> None:
    desk = FaultDesk()
    assert {desk.decide(area).outcome for area in AREAS for _ in range(100)} == {Outcome.ANSWER}


def test_the_same_seed_fails_in_the_same_places() -> None:
    faults = Faults(seed=7, rest=AreaFaults(error_rate=0.3, throttle_rate=0.2, truncate_rate=0.1))
    first, second = outcomes(FaultDesk(faults), 200), outcomes(FaultDesk(faults), 200)
    assert first == second
    assert set(first) == set(Outcome)
    assert first != outcomes(FaultDesk(faults.model_copy(update={"seed": 8})), 200)


def test_one_area_does_not_disturb_the_dice_of_another() -> None:
    alone, disturbed = Dice(1), Dice(1)
    disturbed.roll("storage")
    assert [alone.roll("rest") for _ in range(5)] == [disturbed.roll("rest") for _ in range(5)]


def test_raising_one_rate_does_not_move_the_others() -> None:
    few = outcomes(FaultDesk(Faults(rest=AreaFaults(error_rate=0.1))), 300)
    more = outcomes(FaultDesk(Faults(rest=AreaFaults(error_rate=0.4))), 300)
    assert all(late is Outcome.ERROR for early, late in zip(few, more, strict=True) if early is Outcome.ERROR)


def test_an_error_carries_its_status_and_a_throttle_its_wait() -> None:
    failing = FaultDesk(Faults(rest=AreaFaults(error_rate=1, error_status=503, latency_ms=250))).decide("rest")
    assert (failing.outcome, failing.status, failing.delay_seconds) == (Outcome.ERROR, 503, 0.25)
    settings = AreaFaults(throttle_rate=1, throttle_status=529, retry_after=2.5)
    busy = FaultDesk(Faults(anthropic=settings)).decide("anthropic")
    assert (busy.outcome, busy.status, busy.retry_after) == (Outcome.THROTTLE, 529, 2.5)


def test_a_rate_limit_lets_a_minute_s_worth_through_and_refills_evenly() -> None:
    clock = Clock()
    desk = FaultDesk(Faults(rest=AreaFaults(rate_limit_per_minute=6, retry_after=0)), clock)
    assert outcomes(desk, 7) == [Outcome.ANSWER] * 6 + [Outcome.THROTTLE]
    assert desk.decide("rest").retry_after == pytest.approx(10)
    clock.now += 10
    assert outcomes(desk, 2) == [Outcome.ANSWER, Outcome.THROTTLE]


def test_a_verdict_tells_what_is_left_of_the_limit() -> None:
    verdict = FaultDesk(Faults(rest=AreaFaults(rate_limit_per_minute=3)), Clock()).decide("rest")
    assert (verdict.limit, verdict.remaining) == (3, 2)


def test_trouble_may_be_kept_to_some_paths() -> None:
    desk = FaultDesk(Faults(rest=AreaFaults(error_rate=1, latency_ms=500, paths=("/rest/v1/rpc/v2_",))))
    met, spared = desk.decide("rest", "/rest/v1/rpc/v2_claim_run"), desk.decide("rest", "/rest/v1/processing_jobs")
    assert (met.outcome, met.delay_seconds) == (Outcome.ERROR, 0.5)
    assert (spared.outcome, spared.delay_seconds) == (Outcome.ANSWER, 0.0)


@pytest.mark.parametrize("wrong", [{"error_rate": 2}, {"latency_ms": -1}, {"throttle_status": 418}, {"typo": 1}])
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Faults.model_validate({"rest": wrong})
