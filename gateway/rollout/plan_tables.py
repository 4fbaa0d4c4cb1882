"""Plan and guard as tables for people. Counterpart: `plan_commands`."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.table import Table

from gateway.rollout.durations import shown
from gateway.rollout.memory import Memory
from gateway.rollout.plan import Plan
from gateway.rollout.steps import Progress, retirement
from gateway.rollout.verdict import Finding, Severity


def plan_tables(plan: Plan) -> Iterator[Table]:
    """Steps, then rules with their share of the error budget."""
    steps = Table(title=f"{plan.flag}: steps", title_justify="left")
    for name in ("percentage", "watched for", "compared with", "false rollback at most", "to enter"):
        steps.add_column(name)
    for index, step in enumerate(plan.steps):
        bench = plan.bench(index)
        control = f"{bench.cohorts.control} buckets of legacy" if bench.cohorts.control else "fixed ceilings"
        gates = ["approval"] if step.approval else []
        gates += [f"from {step.not_before:%Y-%m-%d %H:%M} UTC"] if step.not_before else []
        alpha = f"{bench.guardrail_alpha:.2%}"
        steps.add_row(f"{step.percentage} %", shown(step.watch), control, alpha, ", ".join(gates) or "good evidence")
    steps.add_row("", "", "", f"{plan.alpha:.2%} in all", "retire legacy" + (": approval" * plan.retire_approval))
    yield steps
    rules = Table(title="rules, with their chance to fire on a harmless v2, by step", title_justify="left")
    for name in ("rule", "if bad", *(f"{step.percentage} %" for step in plan.steps)):
        rules.add_column(name)
    for spec in plan.rules:
        shares = [f"{plan.bench(index).setting(spec).alpha:.3%}" for index in range(len(plan.steps))]
        rules.add_row(spec.kind, "rolls back" if spec.severity is Severity.GUARDRAIL else "holds", *shares)
    yield rules


def status_tables(plan: Plan, memory: Memory, findings: Sequence[Finding]) -> Iterator[Table]:
    """Where the rollout stands, what the rules say, and what happened last."""
    progress = memory.progress
    place = Table(show_header=False, title=plan.flag, title_justify="left")
    for name, value in _place(plan, progress):
        place.add_row(name, value)
    yield place
    if findings:
        rules = Table("rule", "verdict", "evidence", "what was seen")
        for one in findings:
            rules.add_row(one.rule, one.verdict, f"{one.evidence:.2f}", one.sentence)
        yield rules
    if memory.events:
        events = Table("when (UTC)", "what")
        for event in memory.events[-8:]:
            events.add_row(moment(float(str(event["at"]))), str(event["text"]))
        yield events


def _place(plan: Plan, progress: Progress) -> Iterator[tuple[str, str]]:
    yield "phase", f"{progress.phase}, at {progress.expected} %, attempt {progress.attempt}"
    yield "why", progress.why or "-"
    if 0 <= progress.step < len(plan.steps):
        step = plan.steps[progress.step]
        yield "watched", f"{shown(round(progress.watched, 1))} of {shown(step.watch)}"
        yield "since", moment(progress.entered_at)
    yield "last look", moment(progress.seen_at) if progress.seen_at else "never"
    retired = retirement(plan, progress)
    if retired is not None:
        yield "legacy retires", f"{moment(retired)} at the earliest"


def moment(at: float) -> str:
    """A time for people."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
