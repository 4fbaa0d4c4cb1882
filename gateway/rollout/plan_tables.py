"""Plan and guard as tables for people. Counterpart: `plan_commands`."""

from collections.abc import Iterator
from datetime import UTC, datetime

from rich.table import Table
from rich.text import Text

from gateway.ops.guard_report import GuardReport
from gateway.rollout.durations import ago, shown
from gateway.rollout.plan import Plan
from gateway.rollout.verdict import Severity

_MEANING = {Severity.GUARDRAIL: "rolls back", Severity.SIGNAL: "holds"}


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
        rules.add_row(spec.kind, _MEANING[spec.severity], *shares)
    yield rules


NO_GUARD = "no guard has acted on these flags; start one: rollout guard"


def guard_tables(report: GuardReport) -> Iterator[Table]:
    """Where the rollout stands, what the rules say, and what happened last."""
    place = Table(show_header=False, title=report.flag, title_justify="left")
    for name, value in _place(report):
        place.add_row(name, Text(value))
    yield place
    if report.findings:
        rules = Table("rule", "if bad", "verdict", "evidence", "what was seen")
        for one in report.findings:
            then = _MEANING[Severity(one.severity)]
            rules.add_row(one.rule, then, one.verdict, f"{one.evidence:.2f}", Text(one.sentence))
        yield rules
    if report.events:
        events = Table("when (UTC)", "what")
        for event in report.events:
            events.add_row(moment(event.at), Text(event.text))
        yield events


def _place(report: GuardReport) -> Iterator[tuple[str, str]]:
    progress, orders = report.progress, report.orders
    yield "phase", f"{progress.phase}, at {progress.expected} %, attempt {progress.attempt}"
    yield "why", progress.why or "-"
    if 0 <= progress.step < len(report.steps):
        yield "watched", f"{shown(round(progress.watched, 1))} of {shown(report.steps[progress.step].watch)}"
        yield "since", moment(progress.entered_at)
    heard = "never" if report.age is None else ago(report.age)
    yield "last heard", f"{heard}: start it again, nobody would roll back" if report.unwatched else heard
    if orders.approvable is not None:
        yield "to approve", orders.aim
    if orders.held_by:
        yield "ordered", f"hold, by {orders.held_by}"
    if orders.resume_waits:
        yield "ordered", "resume, which the guard has not heard yet"
    if orders.error:
        yield "problem", orders.error
    if report.legacy_retires_at is not None:
        yield "legacy retires", f"{moment(report.legacy_retires_at)} at the earliest"


def moment(at: float) -> str:
    """A time for people."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
