"""The judge: what is heard, what is passed over, and what it comes to."""

import json
from random import Random

import pytest

from gateway.rollout.judge import SETTLING, Judge
from gateway.rollout.verdict import Severity, Verdict
from tests.gateway.rollout.records import (
    EVERYBODY,
    PLAN,
    TENTH,
    V2_BUCKET,
    finding,
    job_end,
    job_start,
    judge,
    request,
)

HOUR = 3600.0


def test_nothing_heard_is_no_data_and_never_good() -> None:
    silent = judge()
    silent.tick(PLAN.steps[TENTH].watch)
    assert {one.verdict for one in silent.findings(over=True)} == {Verdict.NO_DATA}


def test_failing_users_on_v2_alone_fire_and_name_their_figures() -> None:
    one = judge()
    one.hear(request(number, f"v{number}", v2=True, failed=True) for number in range(8))
    found = finding(one, "requests-failed")
    assert (found.verdict, found.evidence >= 1.0) == (Verdict.BAD, True)
    assert "8 users on v2" in found.sentence
    assert [spec.kind.value for spec in one.fired(Severity.GUARDRAIL)] == ["requests-failed"]


def test_a_user_who_retries_is_one_failure() -> None:
    one = judge()
    one.hear(request(number, "same", v2=True, failed=True) for number in range(500))
    found = finding(one, "requests-failed")
    assert found.figures["v2_failed"] == 1
    assert found.verdict is Verdict.RUNNING


def test_failures_shared_as_users_are_do_not_fire_and_become_good() -> None:
    rng, one = Random(1), judge()
    one.hear(
        request(number, str(number), v2=v2, failed=rng.random() < 0.05)
        for number in range(20_000)
        for v2 in [rng.random() < 0.1]
    )
    assert one.fired(Severity.GUARDRAIL) == ()
    assert finding(one, "requests-failed").verdict is Verdict.GOOD


def test_a_few_users_without_failures_are_not_good_yet() -> None:
    one = judge()
    one.hear(request(number, str(number), v2=number % 10 == 0) for number in range(500))
    assert finding(one, "requests-failed").verdict is Verdict.RUNNING
    assert finding(one, "requests-failed", over=True).verdict is Verdict.INCONCLUSIVE


def test_no_failures_among_very_many_users_are_good() -> None:
    one = judge()
    one.hear(request(number, str(number), v2=number % 5 == 0) for number in range(5000))
    assert finding(one, "requests-failed").verdict is Verdict.GOOD


def test_decisions_before_the_step_and_at_other_percentages_are_not_judged() -> None:
    one = judge()
    one.hear(request(n, f"a{n}", v2=True, failed=True, at=SETTLING - 1) for n in range(20))
    one.hear(request(n, f"b{n}", v2=True, failed=True, percentage=50) for n in range(20))
    one.hear([job_start(1, "c", v2=True, accepted_at=SETTLING - 1)])
    one.tick(10 * HOUR)
    assert finding(one, "requests-failed").figures["v2_failed"] == 0
    assert finding(one, "jobs-failed").verdict is Verdict.NO_DATA


def test_a_pipeline_that_fails_sooner_is_not_heard_sooner() -> None:
    """Both fail alike; legacy takes 14 minutes to notice, v2 a second."""
    one = judge()
    starts = [job_start(n, str(n), v2=n % 10 == 0, accepted_at=20.0 + n) for n in range(300)]
    one.hear(starts)
    one.hear(job_end(start, 1.0, failed=True) for start in starts if start.bucket <= 10)
    one.tick(800.0)
    assert one.fired(Severity.GUARDRAIL) == ()
    one.hear(job_end(start, 840.0, failed=True) for start in starts if start.bucket > 10)
    one.tick(HOUR)
    assert one.fired(Severity.GUARDRAIL) == ()
    assert finding(one, "jobs-failed").sentence.startswith("failed jobs within 120 min")


def test_a_side_whose_ends_are_told_late_does_not_look_as_if_it_failed_less() -> None:
    """All fail alike, and only v2's ends have been told: legacy's are looked at when they have been, too."""
    one, settled_at = judge(), 200.0
    starts = [job_start(n, f"u{n}", v2=n % 10 == 0, accepted_at=210.0 + n) for n in range(200)]
    one.hear(starts)
    one.hear(job_end(start, 10.0, failed=True) for start in starts if start.bucket == V2_BUCKET)
    one.tick(3 * HOUR, settled_at)
    assert finding(one, "jobs-failed").verdict is Verdict.NO_DATA
    one.hear(job_end(start, 10.0, failed=True) for start in starts if start.bucket != V2_BUCKET)
    one.tick(3 * HOUR, 3 * HOUR)
    found = finding(one, "jobs-failed")
    assert (found.verdict, found.figures["v2_failed"], found.figures["legacy_failed"]) == (Verdict.RUNNING, 20, 180)


def test_jobs_that_fail_late_are_found_at_the_long_age() -> None:
    one = judge()
    starts = [job_start(n, str(n), v2=n % 10 == 0, accepted_at=20.0 + n) for n in range(300)]
    one.hear(starts)
    one.hear(job_end(start, 3000.0, failed=start.bucket <= 10) for start in starts)
    one.tick(1.5 * HOUR)
    assert "jobs-failed" not in [spec.kind for spec in one.fired(Severity.GUARDRAIL)]
    one.tick(3 * HOUR)
    assert "jobs-failed" in [spec.kind for spec in one.fired(Severity.GUARDRAIL)]
    assert "within 120 min" in finding(one, "jobs-failed").sentence


def test_jobs_that_hang_on_v2_are_slow_before_they_end() -> None:
    one = judge()
    for n in range(600):
        start = job_start(n, str(n), v2=n % 10 == 0, accepted_at=20.0 + 10 * n)
        one.hear([start])
        if start.bucket > 10:
            one.hear([job_end(start, 200.0 + n % 100)])
    one.tick(3 * HOUR)
    assert "jobs-slow" in [spec.kind for spec in one.fired(Severity.GUARDRAIL)]


def test_users_on_the_wrong_side_are_a_signal_and_no_reason_to_roll_back() -> None:
    one = judge()
    one.hear(request(number, str(number), v2=number % 100 < 3) for number in range(2000))
    assert [spec.kind.value for spec in one.fired(Severity.SIGNAL)] == ["user-mix"]
    assert one.fired(Severity.GUARDRAIL) == ()
    one.forgive_signals()
    assert one.fired(Severity.SIGNAL) == ()


def test_without_a_control_the_ceiling_counts() -> None:
    one = judge(EVERYBODY)
    one.hear(request(n, str(n), v2=True, percentage=100, failed=n % 100 == 0) for n in range(3000))
    assert one.fired(Severity.GUARDRAIL) == ()
    assert finding(one, "requests-failed").verdict is Verdict.GOOD
    one.hear(request(n, f"x{n}", v2=True, percentage=100, failed=True) for n in range(120))
    assert finding(one, "requests-failed").verdict is Verdict.BAD
    assert "ceiling" in finding(one, "requests-failed").sentence


@pytest.mark.parametrize("step", [TENTH, EVERYBODY])
def test_a_judge_goes_on_from_its_dump_as_if_nothing_had_happened(step: int) -> None:
    rng = Random(2)
    percentage = PLAN.steps[step].percentage
    records = []
    for n in range(1500):
        v2 = rng.random() * 100 < percentage
        start = job_start(n, f"j{n}", v2=v2, accepted_at=20.0 + 9 * n, percentage=percentage)
        records += [
            request(n, f"u{n % 700}", v2=v2, failed=rng.random() < 0.1, at=20.0 + 9 * n, percentage=percentage),
            start,
            job_end(start, rng.uniform(60, 4000), failed=rng.random() < 0.1),
        ]
    whole, first = judge(step), judge(step)
    whole.hear(records)
    whole.tick(4 * HOUR)
    first.hear(records[:2000])
    first.tick(1 * HOUR)
    second = Judge.load(PLAN.bench(step), json.loads(json.dumps(first.dump())))
    for one in (first, second):
        one.hear(records[2000:])
        one.tick(4 * HOUR)
    assert second.dump() == first.dump()
    assert second.findings(over=True) == first.findings(over=True)


def test_the_error_budget_adds_up_to_alpha() -> None:
    spent = 0.0
    for index in range(len(PLAN.steps)):
        bench = PLAN.bench(index)
        spent += sum(bench.setting(spec).alpha for spec in bench.rules if spec.severity is Severity.GUARDRAIL)
    assert spent == pytest.approx(PLAN.alpha)
