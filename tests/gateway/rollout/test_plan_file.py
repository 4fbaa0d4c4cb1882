"""A plan as a file: what it says, and everything that is wrong with it."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.rollout.cohorts import Control
from gateway.rollout.errors import InvalidPlanError
from gateway.rollout.plan_file import MAX_BYTES, parse_plan, read_plan
from gateway.rollout.rule import Kind
from gateway.rollout.verdict import Severity
from tests.gateway.rollout.records import PLAN
from tests.house.sources import REPOSITORY

STEPS = '[[steps]]\npercentage = 10\nwatch = "48h"\n'


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(InvalidPlanError) as caught:
        parse_plan(text.encode())
    return caught.value.problems


def test_the_plan_of_the_repository_is_the_default_one() -> None:
    assert replace(read_plan(REPOSITORY / "rollout.toml"), digest="") == PLAN


def test_a_short_plan_has_the_default_rules() -> None:
    plan = parse_plan(f'flag = "f"\n{STEPS}'.encode())
    assert plan.rules == PLAN.rules
    assert (plan.alpha, plan.control, plan.steps[0].watch) == (0.05, Control.REST, 172_800.0)


def test_rules_that_are_named_are_the_only_ones() -> None:
    plan = parse_plan(f'flag = "f"\n{STEPS}[guardrails.jobs-degraded]\nweight = 2\nages = ["1h"]\n'.encode())
    assert [(rule.kind, rule.severity, rule.weight, rule.ages) for rule in plan.rules] == [
        (Kind.JOBS_DEGRADED, Severity.GUARDRAIL, 2.0, (3600.0,))
    ]


def test_gates_are_read() -> None:
    text = 'flag = "f"\nhours = "08:00-16:00 weekdays"\ncontrol = "equal"\nramp_down = "5s"\n'
    plan = parse_plan(f"{text}{STEPS}not_before = 2027-01-11T09:00:00+01:00\n".encode())
    assert plan.steps[0].not_before == datetime(2027, 1, 11, 8, tzinfo=UTC)
    assert plan.hours is not None
    assert plan.hours.open_at(datetime(2027, 1, 11, 8, tzinfo=UTC))
    assert not plan.hours.open_at(datetime(2027, 1, 11, 16, tzinfo=UTC))
    assert not plan.hours.open_at(datetime(2027, 1, 10, 12, tzinfo=UTC))  # a Sunday
    assert (plan.control, plan.ramp_down.seconds) == (Control.EQUAL, 5.0)


def test_all_problems_are_told_at_once() -> None:
    found = problems(
        """
        alpha = 2
        colour = "red"
        [headroom]
        spare = "much"
        [[steps]]
        percentage = 50
        watch = "soon"
        [[steps]]
        percentage = 10
        watch = "3h"
        approval = 1
        [guardrails.requests-failed]
        margin = 0.5
        [guardrails.happiness]
        """
    )
    begins = ["steps[1].watch:", "steps[2].approval:", "guardrails.requests-failed.margin:", "guardrails.happiness:"]
    begins += ["alpha:", "headroom.spare:", "colour:", "flag:", "steps: percentages must grow", "steps[1].watch: every"]
    assert [next(one for one in found if one.startswith(begin)) for begin in begins]
    assert len(found) == len(begins)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("flag = ", "not TOML"),
        ('flag = "f"\n', "at least one"),
        (f'flag = "f"\n{STEPS}[signals.user-mix]\n', "guardrails: there must be"),
        (f'flag = "f"\n{STEPS}[guardrails.jobs-slow]\n[signals.jobs-slow]\n', "not both"),
        (f'flag = "f"\n{STEPS}[guardrails.jobs-slow]\n[guardrails.user-mix]\n', "make it a signal"),
        (f'flag = "f"\n{STEPS}[guardrails.jobs-failed]\nages = ["2h", "1h"]\n', "must grow"),
        (f'flag = "f"\nhours = "16:00-08:00"\n{STEPS}', "begin before they end"),
        (f'flag = "f"\n{STEPS}not_before = 2027-01-11T09:00:00\n', "with its zone"),
        ('flag = "f"\nsteps = 3\n', "[[steps]]"),
        ('flag = "f"\n[[steps]]\npercentage = 10\nwatch = "1h"\n', "too short for jobs-failed"),
        ("#" * (MAX_BYTES + 1), "KiB"),
    ],
)
def test_each_problem_has_its_sentence(text: str, part: str) -> None:
    assert any(part in problem for problem in problems(text))


def test_a_missing_file_is_a_problem_too(tmp_path: Path) -> None:
    with pytest.raises(InvalidPlanError, match="cannot be read"):
        read_plan(tmp_path / "none.toml")
