"""The plan that is simulated, and what its first step gives each rule."""

from gateway.rollout.cohorts import Control
from gateway.rollout.plan import DEFAULT_RULES, DEFAULT_STEPS, Plan
from gateway.rollout.rule import Kind, Setting

MINUTES = 48 * 60


def plan(control: Control = Control.REST) -> Plan:
    """The plan that the guard has if nobody writes another."""
    return Plan("process-full-v2", DEFAULT_STEPS, DEFAULT_RULES, control=control)


def setting(kind: Kind, control: Control = Control.REST) -> Setting:
    """Cohorts and error budget of one rule at 10 %."""
    bench = plan(control).bench(0)
    return bench.setting(next(spec for spec in bench.rules if spec.kind is kind))
