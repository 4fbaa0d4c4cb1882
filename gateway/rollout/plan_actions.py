"""What `rollout plan ...` and `rollout guard` do. Counterparts: `plan_commands`, `watch`, `orders`."""

import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from gateway.ops.guard_report import Desk, OrderReport
from gateway.ops.session import Exit, Session, told
from gateway.ops.session import show as show_report
from gateway.rollout.bulletin import Bulletin
from gateway.rollout.desk import FileDesk
from gateway.rollout.durations import ago
from gateway.rollout.errors import InvalidPlanError, RolloutError
from gateway.rollout.gateway_evidence import GatewayEvidence
from gateway.rollout.guard import Post
from gateway.rollout.judge import Judge
from gateway.rollout.memory import Memory, MemoryFile
from gateway.rollout.plan import Plan
from gateway.rollout.plan_file import read_plan
from gateway.rollout.plan_tables import NO_GUARD, guard_tables, plan_tables
from gateway.rollout.prometheus_evidence import PrometheusEvidence, tallied
from gateway.rollout.rehearsal import MirroredEvidence, RehearsedControls, rehearsal_of, rehearsal_path
from gateway.rollout.settings import GuardSettings
from gateway.rollout.steps import Phase
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
    with _told(as_json=as_json):
        report = _desk(session, partial(_remembered, session, path)).guard()
    if report is None:
        sys.stdout.write("null\n" if as_json else f"phase  {NO_GUARD}\n")
        return
    show_report(report, list(guard_tables(report)), as_json=as_json)


def approve(session: Session, path: Path | None, why: str, *, as_json: bool) -> None:
    """Give an approval of the next step."""
    with _told(as_json=as_json):
        report = _desk(session, partial(_remembered, session, path)).approve(who=session.settings.who, why=why)
    _ordered(report, f"approved: {report.after}", as_json=as_json)


def hold(session: Session, why: str, *, as_json: bool) -> None:
    """Give the order to hold."""
    with _told(as_json=as_json):
        report = _desk(session).hold(who=session.settings.who, why=why)
    _ordered(report, f"held by {report.who}", as_json=as_json)


def resume(session: Session, why: str, *, as_json: bool) -> None:
    """Give the order to go on."""
    with _told(as_json=as_json):
        report = _desk(session).resume(who=session.settings.who, why=why)
    _ordered(report, "resumed; the guard goes on from what the flag says now", as_json=as_json)


def guard(session: Session, path: Path | None, evidence: str | None, *, until_rest: bool) -> None:
    """Guard until a signal comes."""
    settings = _settings(evidence)
    if settings.prometheus is not None and evidence is None:
        with _told():
            plan = tallied(_plan(path), settings.gateways)
            with PrometheusEvidence(str(settings.prometheus), plan.flag, settings.gateways) as counts:
                post = Post(plan, session.settings.flags, session.controls, counts, time.time)
                watch(post, _stop(), _say, until_rest=until_rest)
        return
    with _told(), _source(evidence) as source:
        post = Post(_plan(path), session.settings.flags, session.controls, source, time.time)
        watch(post, _stop(), _say, until_rest=until_rest)


def rehearse(session: Session, path: Path | None, evidence: str | None) -> None:
    """Guard a flag that stays at 0 %, until the step is over or a rule fires."""
    with _told(), _source(evidence) as source:
        plan, beside = rehearsal_of(_plan(path)), rehearsal_path(session.settings.flags)
        pretended = MemoryFile(beside).read().progress.expected
        controls = RehearsedControls(session.controls, plan.flag, pretended, _say)
        mirrored = MirroredEvidence(source, plan.steps[0].percentage)
        phase = watch(Post(plan, beside, controls, mirrored, time.time), _stop(), _say, until_rest=True)
    if phase is Phase.ROLLED_BACK:
        raise typer.Exit(Exit.REFUSED)


def _source(evidence: str | None) -> GatewayEvidence:
    settings = _settings(evidence)
    return GatewayEvidence(str(settings.evidence), settings.token.get_secret_value() if settings.token else None)


def _stop() -> threading.Event:
    """Set by the signals that end a process orderly."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _ordered(report: OrderReport, done: str, *, as_json: bool) -> None:
    text = Text(done)
    if report.unheard:
        heard = "no guard has acted on these flags yet" if report.age is None else f"last heard {ago(report.age)}"
        text.append(f"\nnobody listens now: {heard}; it is carried out when a guard runs", style="yellow")
    if report.journal_error:
        text.append(f"\nnot in the journal: {report.journal_error}", style="bold red")
    show_report(report, [text], as_json=as_json)
    if report.journal_error:
        raise typer.Exit(Exit.NOT_JOURNALLED)


def _desk(session: Session, read: Callable[[], Bulletin] | None = None) -> Desk:
    """Where the guard can be met: at an ops API, unless one has left its memory on this machine; --ops decides."""
    from gateway.ops.remote import RemoteControls

    flags = session.settings.flags
    remote = session.ops_named or not MemoryFile(flags).path.exists()
    if remote and isinstance(session.controls, RemoteControls):
        return session.controls
    return FileDesk(flags, read)


def _remembered(session: Session, path: Path | None) -> Bulletin:
    """What the guard's own memory says by the plan's file, as of the last time it was written."""
    plan, memory = _plan(path), MemoryFile(session.settings.flags).read()
    return Bulletin.of(plan, memory, _findings(plan, memory), memory.progress.seen_at or 0.0)


def _findings(plan: Plan, memory: Memory) -> tuple[Finding, ...]:
    step = memory.progress.step
    if memory.judge is None or not 0 <= step < len(plan.steps):
        return ()
    try:
        judge = Judge.load(plan.bench(step), memory.judge)
    except (KeyError, TypeError, ValueError):
        return ()  # judged by another plan: where it stands can be told, what it heard cannot
    return judge.findings(over=memory.progress.watched >= plan.steps[step].watch)


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
def _told(*, as_json: bool = False) -> Iterator[None]:
    with told(as_json=as_json):
        try:
            yield
        except RolloutError as error:
            _complain(error)
            raise typer.Exit(Exit.REFUSED) from error


def _complain(error: RolloutError) -> None:
    problems = error.problems if isinstance(error, InvalidPlanError) else (str(error),)
    for problem in problems:
        typer.echo(f"Error: {problem}", err=True)
