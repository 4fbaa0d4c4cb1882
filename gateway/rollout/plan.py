"""A rollout as a value: steps, rules, gates. Frozen; counterparts: `plan_file`, which reads it, and `steps`.

The error budget: `alpha` is the chance of ever rolling back a harmless v2, over all steps and guardrails together.
Each step has a share of it by its weight, each guardrail a share of its step's, and the shares add up to alpha (the
union bound), so nothing depends on how rules or steps hang together. Signals, which only hold, have a budget of their
own. The first step weighs most: it has the least traffic to see by, and the most to find.
"""

from dataclasses import dataclass
from datetime import datetime, time

from gateway.rollout.cohorts import Cohorts, Control
from gateway.rollout.judge import Bench
from gateway.rollout.rule import Kind, RuleSpec
from gateway.rollout.verdict import Severity

HOUR, DAY = 3600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Hours:
    """When a step may be entered: a time of day (UTC) from `start` up to `end`, weekends excluded if `weekdays`."""

    start: time
    end: time
    weekdays: bool

    def open_at(self, moment: datetime) -> bool:
        """Whether a moment (UTC) lies inside."""
        if self.weekdays and moment.weekday() >= 5:
            return False
        return self.start <= moment.time() < self.end


@dataclass(frozen=True, slots=True)
class Step:
    """One percentage. `watch`: seconds it is watched before the next; `approval`: somebody must agree to *enter* it.

    `not_before` is the earliest moment (UTC) to enter it.
    """

    percentage: int
    watch: float
    weight: float
    approval: bool = False
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class RampDown:
    """How a rollback goes: at once (0 seconds), or in halves over some seconds, so that legacy can warm up."""

    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Headroom:
    """What legacy must have before each step up: of its limit, `spare` must stay free if all came back to it.

    With `required` false, not knowing is no reason to wait.
    """

    spare: float = 0.2
    required: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole rollout of one flag. `digest` names the file it came from; `retire_approval`: see `steps`.

    `rehearsal`: nothing is moved, both cohorts are legacy's; see `rehearsal`. `tallied`: by so many gateways' counts.
    """

    flag: str
    steps: tuple[Step, ...]
    rules: tuple[RuleSpec, ...]
    alpha: float = 0.05
    signal_alpha: float = 0.05
    doubt: float = 0.05
    control: Control = Control.REST
    hours: Hours | None = None
    ramp_down: RampDown = RampDown()
    headroom: Headroom = Headroom()
    stale_after: float = 900.0
    retire_approval: bool = True
    digest: str = ""
    rehearsal: bool = False
    tallied: int = 0

    def bench(self, index: int) -> Bench:
        """What a step is judged by."""
        step = self.steps[index]
        share = step.weight / sum(one.weight for one in self.steps)
        return Bench(
            Cohorts.at(step.percentage, self.control),
            self.rules,
            self.alpha * share,
            self.signal_alpha * share,
            self.doubt,
            step.watch,
            self.tallied,
        )


DEFAULT_STEPS = (
    Step(10, 48 * HOUR, weight=0.7),
    Step(50, 7 * DAY, weight=0.2),
    Step(100, 30 * DAY, weight=0.1, approval=True),
)
"""S-65."""

DEFAULT_RULES = (
    RuleSpec(Kind.REQUESTS_FAILED, Severity.GUARDRAIL, weight=0.25, ceiling=0.02),
    RuleSpec(Kind.JOBS_FAILED, Severity.GUARDRAIL, weight=0.35),
    RuleSpec(Kind.JOBS_SLOW, Severity.GUARDRAIL, weight=0.40, margin=1.4, ages=(1800.0,), ceiling=0.10),
    RuleSpec(Kind.USER_MIX, Severity.SIGNAL, weight=0.4),
    RuleSpec(Kind.REQUESTS_SLOW, Severity.SIGNAL, weight=0.3, margin=1.4, floor=0.5),
    RuleSpec(Kind.JOBS_DEGRADED, Severity.SIGNAL, weight=0.3, ages=(7200.0,)),
)
"""Guardrails share the budget so that each finds what it must in its time: see bench/guard/RESULTS.md."""
