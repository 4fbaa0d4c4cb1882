"""`rollout plan ...` and `rollout guard`. Counterparts: `watch`, `orders`; registered by `gateway.ops.rollout_cli`."""

import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from gateway.ops.session import AsJson, Exit, session
from gateway.rollout.errors import InvalidPlanError, RolloutError
from gateway.rollout.guard import Post
from gateway.rollout.judge import Judge
from gateway.rollout.memory import Memory, MemoryFile
from gateway.rollout.orders import OrdersFile
from gateway.rollout.plan import Plan
from gateway.rollout.plan_file import read_plan
from gateway.rollout.plan_tables import plan_tables, retirement, status_tables
from gateway.rollout.settings import GuardSettings
from gateway.rollout.verdict import Finding

commands = typer.Typer()
plan = typer.Typer(no_args_is_help=True, help="A rollout as a file: check it, look at it, approve, hold, resume.")
commands.add_typer(plan, name="plan")

PlanPath = Annotated[Path | None, typer.Option("--plan", help="The plan's file. [env: ROLLOUT_PLAN] [rollout.toml]")]


@plan.command()
def check(
    path: Annotated[Path | None, typer.Argument(help="The plan's file.")] = None, as_json: AsJson = False
) -> None:
    """Check a plan; all problems are told at once."""
    settings = _settings()
    try:
        read_plan(path or settings.plan)
    except InvalidPlanError as error:
        if as_json:
            sys.stdout.write(json.dumps({"valid": False, "problems": list(error.problems)}) + "\n")
        else:
            _complain(error)
        raise typer.Exit(Exit.REFUSED) from error
    sys.stdout.write('{"valid": true, "problems": []}\n' if as_json else "the plan is valid\n")


@plan.command()
def show(path: PlanPath = None) -> None:
    """Show steps and rules, with the error budget that each has."""
    with _told():
        for table in plan_tables(_plan(path)):
            Console().print(table)


@plan.command()
def status(context: typer.Context, path: PlanPath = None, as_json: AsJson = False) -> None:
    """Show where the rollout stands, what the rules say, and what the guard did last."""
    with _told():
        opened, found = _plan(path), MemoryFile(session(context).settings.flags).read()
        findings = _findings(opened, found)
    if not as_json:
        for table in status_tables(opened, found, findings):
            Console().print(table)
        return
    content = {
        "progress": asdict(found.progress) | {"approved": sorted(found.progress.approved)},
        "findings": [asdict(one) for one in findings],
        "events": found.events,
        "legacy_retires_at": retirement(opened, found.progress),
    }
    # Figures may be endless: "any number of times as often".
    sys.stdout.write(json.dumps(content, indent=2).replace(": Infinity", ": null") + "\n")


@plan.command()
def approve(context: typer.Context, path: PlanPath = None) -> None:
    """Agree to the next step, if it needs an approval."""
    flags = session(context).settings.flags
    with _told():
        opened = _plan(path)
        following = OrdersFile(flags).approve(MemoryFile(flags).read().progress, opened)
    last = following == len(opened.steps)
    typer.echo("approved: retire legacy" if last else f"approved: {opened.steps[following].percentage} %")


@plan.command()
def hold(context: typer.Context) -> None:
    """Go no further up until `resume`; a bad guardrail still rolls back."""
    opened = session(context).settings
    with _told():
        OrdersFile(opened.flags).hold(opened.who)
    typer.echo(f"held by {opened.who}")


@plan.command()
def resume(context: typer.Context) -> None:
    """Go on: after a hold, a signal, an edit by hand, a new plan, or a rollback (then from the first step)."""
    with _told():
        OrdersFile(session(context).settings.flags).resume()
    typer.echo("resumed; the guard goes on from what the flag says now")


@commands.command()
def guard(
    context: typer.Context,
    path: PlanPath = None,
    evidence: Annotated[
        str | None, typer.Option("--evidence", help="Ops API to read evidence from. [env: ROLLOUT_EVIDENCE]")
    ] = None,
    until_rest: Annotated[
        bool, typer.Option("--until-rest", help="End when only a person can go on: done, rolled back, aside.")
    ] = False,
) -> None:
    """Carry the plan out: watch both pipelines, go up on good evidence, go back on bad. Runs until stopped.

    Several may run; one acts, the others wait for it to end.
    """
    # httpx is most of the start-up time of the other commands.
    from gateway.rollout.gateway_evidence import GatewayEvidence

    settings, opened, stop = _settings(evidence), session(context), threading.Event()
    token = settings.token.get_secret_value() if settings.token else None
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with _told(), GatewayEvidence(str(settings.evidence), token) as source:
        post = Post(_plan(path), opened.settings.flags, opened.controls, source, time.time)
        watch_guard(post, stop, until_rest=until_rest)


def watch_guard(post: Post, stop: threading.Event, *, until_rest: bool) -> None:
    """Run the guard and say on standard error what it does."""
    from gateway.rollout.watch import watch

    watch(post, stop, lambda line: typer.echo(line, err=True), until_rest=until_rest)


def _findings(opened: Plan, found: Memory) -> tuple[Finding, ...]:
    step = found.progress.step
    if found.judge is None or not 0 <= step < len(opened.steps):
        return ()
    try:
        judge = Judge.load(opened.bench(step), found.judge)
    except (KeyError, TypeError, ValueError):
        return ()  # judged by another plan: where it stands can be told, what it heard cannot
    return judge.findings(over=found.progress.watched >= opened.steps[step].watch)


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
