"""What `rollout plan ...` and `rollout guard` do. Counterparts: `plan_commands`, `watch`, `orders`."""

import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError
from rich.console import Console

from gateway.ops.session import Exit, Session
from gateway.rollout.errors import InvalidPlanError, RolloutError
from gateway.rollout.gateway_evidence import GatewayEvidence
from gateway.rollout.guard import Post
from gateway.rollout.judge import Judge
from gateway.rollout.memory import Memory, MemoryFile
from gateway.rollout.orders import OrdersFile
from gateway.rollout.plan import Plan
from gateway.rollout.plan_file import read_plan
from gateway.rollout.plan_tables import plan_tables, status_tables
from gateway.rollout.settings import GuardSettings
from gateway.rollout.steps import retirement
from gateway.rollout.verdict import Finding
from gateway.rollout.watch import watch


def check(path: Path | None, *, as_json: bool) -> None:
    """Tell whether a plan is valid, and everything that is wrong with it."""
    try:
        read_plan(path or _settings().plan)
    except InvalidPlanError as error:
        if as_json:
            sys.stdout.write(json.dumps({"valid": False, "problems": list(error.problems)}) + "\n")
        else:
            _complain(error)
        raise typer.Exit(Exit.REFUSED) from error
    sys.stdout.write('{"valid": true, "problems": []}\n' if as_json else "the plan is valid\n")


def show(path: Path | None) -> None:
    """Print the plan."""
    with _told():
        for table in plan_tables(_plan(path)):
            Console().print(table)


def status(session: Session, path: Path | None, *, as_json: bool) -> None:
    """Print where the rollout stands."""
    with _told():
        plan, memory = _plan(path), MemoryFile(session.settings.flags).read()
        findings = _findings(plan, memory)
    if as_json:
        sys.stdout.write(json.dumps(_plain(plan, memory, findings), indent=2, allow_nan=False) + "\n")
        return
    for table in status_tables(plan, memory, findings):
        Console().print(table)


def approve(session: Session, path: Path | None) -> None:
    """Write an approval of the next step."""
    flags = session.settings.flags
    with _told():
        plan = _plan(path)
        following = OrdersFile(flags).approve(MemoryFile(flags).read().progress, plan)
    last = following == len(plan.steps)
    typer.echo("approved: retire legacy" if last else f"approved: {plan.steps[following].percentage} %")


def hold(session: Session) -> None:
    """Write a hold."""
    with _told():
        OrdersFile(session.settings.flags).hold(session.settings.who)
    typer.echo(f"held by {session.settings.who}")


def resume(session: Session) -> None:
    """Write that the rollout may go on."""
    with _told():
        OrdersFile(session.settings.flags).resume()
    typer.echo("resumed; the guard goes on from what the flag says now")


def guard(session: Session, path: Path | None, evidence: str | None, *, until_rest: bool) -> None:
    """Guard until a signal comes."""
    settings, stop = _settings(evidence), threading.Event()
    token = settings.token.get_secret_value() if settings.token else None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with _told(), GatewayEvidence(str(settings.evidence), token) as source:
        post = Post(_plan(path), session.settings.flags, session.controls, source, time.time)
        watch(post, stop, lambda line: typer.echo(line, err=True), until_rest=until_rest)


def _findings(plan: Plan, memory: Memory) -> tuple[Finding, ...]:
    step = memory.progress.step
    if memory.judge is None or not 0 <= step < len(plan.steps):
        return ()
    try:
        judge = Judge.load(plan.bench(step), memory.judge)
    except (KeyError, TypeError, ValueError):
        return ()  # judged by another plan: where it stands can be told, what it heard cannot
    return judge.findings(over=memory.progress.watched >= plan.steps[step].watch)


def _plain(plan: Plan, memory: Memory, findings: tuple[Finding, ...]) -> dict[str, object]:
    shown = []
    for one in findings:
        # An upper bound may be endless, and JSON has no infinity.
        figures = {name: value if isfinite(value) else None for name, value in one.figures.items()}
        shown.append(asdict(one) | {"figures": figures})
    progress = asdict(memory.progress) | {"approved": sorted(memory.progress.approved)}
    retired = retirement(plan, memory.progress)
    return {"progress": progress, "findings": shown, "events": memory.events, "legacy_retires_at": retired}


def _settings(evidence: str | None = None) -> GuardSettings:
    given: dict[str, Any] = {"evidence": evidence} if evidence else {}  # Any: checked by the class
    try:
        return GuardSettings(**given)
    except ValidationError as error:
        for item in error.errors():
            typer.echo(f"Error: {'.'.join(str(part) for part in item['loc'])}: {item['msg']}", err=True)
        raise typer.Exit(Exit.USAGE) from error


def _plan(path: Path | None) -> Plan:
    return read_plan(path or _settings().plan)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except RolloutError as error:
        _complain(error)
        raise typer.Exit(Exit.REFUSED) from error


def _complain(error: RolloutError) -> None:
    problems = error.problems if isinstance(error, InvalidPlanError) else (str(error),)
    for problem in problems:
        typer.echo(f"Error: {problem}", err=True)
