"""Users counted by gateways: never added up, halved when one begins anew, and no data where counts cannot tell."""

from dataclasses import replace

import pytest

from gateway.rollout.evidence import CohortTally
from gateway.rollout.judge import Judge
from gateway.rollout.verdict import Severity, Verdict
from tests.gateway.rollout.records import PLAN, finding


def judge(gateways: int, step: int = 0) -> Judge:
    return Judge(replace(PLAN, tallied=gateways).bench(step), began_at=0.0)


def tally(
    failed: int, control_failed: int, *, users: int = 1000, instance: str = "a:1", percentage: int = 10, seq: int = 1
) -> CohortTally:
    return CohortTally(
        seq, 100.0 + seq, instance, 1.0, percentage,
        {"v2": users, "v2_rest": 0, "control": users, "control_rest": 8 * users},
        {"v2": failed, "control": control_failed},
        {"v2": failed, "control": control_failed},
        {"v2": users, "legacy": 9 * users},
    )  # fmt: skip


def test_failing_users_on_v2_alone_fire() -> None:
    one = judge(1)
    one.hear([tally(12, 0)])
    found = finding(one, "requests-failed")
    assert (found.verdict, found.figures["v2_failed"]) == (Verdict.BAD, 12)
    assert [spec.kind.value for spec in one.fired(Severity.GUARDRAIL)] == ["requests-failed"]


def test_failures_shared_as_users_are_become_good() -> None:
    one = judge(1)
    one.hear([tally(0, 0)])
    assert finding(one, "requests-failed").verdict is Verdict.GOOD
    assert finding(one, "user-mix").verdict is Verdict.GOOD


def test_the_same_counts_read_again_say_no_more() -> None:
    one = judge(1)
    one.hear([tally(3, 0)])
    before = finding(one, "requests-failed").evidence
    one.hear([tally(3, 0, seq=number) for number in range(2, 500)])
    assert finding(one, "requests-failed").evidence == before


def test_what_each_of_two_gateways_saw_is_not_added() -> None:
    """The same five users, seen by both: added up they would be ten."""
    alone, two = judge(1), judge(2)
    alone.hear([tally(5, 0)])
    two.hear([tally(5, 0), tally(5, 0, instance="b:1")])
    assert finding(two, "requests-failed").evidence == pytest.approx(finding(alone, "requests-failed").evidence)


def test_a_gateway_that_was_not_heard_yet_lends_its_share_to_nobody() -> None:
    alone, two = judge(1), judge(2)
    alone.hear([tally(5, 0)])
    two.hear([tally(5, 0)])
    assert finding(two, "requests-failed").evidence < finding(alone, "requests-failed").evidence


def test_counts_that_fall_halve_the_chances() -> None:
    steady, fallen = judge(1), judge(1)
    steady.hear([tally(6, 0)])
    fallen.hear([tally(1, 0, users=1000), tally(0, 0, users=10), tally(6, 0)])
    assert finding(fallen, "requests-failed").evidence < finding(steady, "requests-failed").evidence


def test_rules_that_counts_cannot_tell_say_no_data_and_nothing_goes_up() -> None:
    one = judge(1)
    one.hear([tally(0, 0)])
    verdicts = {found.rule: found.verdict for found in one.findings(over=True)}
    assert {verdicts[rule] for rule in ("jobs-failed", "jobs-slow", "requests-slow", "jobs-degraded")} == {
        Verdict.NO_DATA
    }


def test_counts_of_another_percentage_or_from_before_the_step_are_not_heard() -> None:
    one = judge(1)
    one.hear([tally(12, 0, percentage=50), replace(tally(12, 0), began_at=-60.0)])
    assert finding(one, "requests-failed").verdict is Verdict.NO_DATA


def test_users_on_the_wrong_side_are_a_signal() -> None:
    one = judge(1)
    one.hear([replace(tally(0, 0), sides={"v2": 300, "legacy": 700})])
    assert finding(one, "user-mix").verdict is Verdict.BAD
    assert not one.fired(Severity.GUARDRAIL)


def test_at_everybody_the_ceiling_counts() -> None:
    one = judge(1, step=2)
    one.hear([replace(tally(100, 0, percentage=100), users={"v2": 1000}, sides={"v2": 1000, "legacy": 0})])
    assert finding(one, "requests-failed").verdict is Verdict.BAD


def test_a_judge_goes_on_from_its_dump() -> None:
    one = judge(2)
    one.hear([tally(3, 1), tally(2, 0, instance="b:1"), tally(1, 0)])
    again = Judge.load(one.bench, one.dump())
    more = [tally(8, 1, seq=9)]
    one.hear(more)
    again.hear(more)
    assert again.findings(over=False) == one.findings(over=False)
