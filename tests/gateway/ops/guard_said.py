"""What a guard has said, without a guard: bulletins for tests of the desk and the page."""

import time
from dataclasses import replace
from pathlib import Path

from gateway.rollout.bulletin import Bulletin, BulletinBoard
from gateway.rollout.memory import Memory
from gateway.rollout.plan import HOUR
from gateway.rollout.steps import Phase, Progress
from gateway.rollout.verdict import Finding, Severity, Verdict
from tests.gateway.rollout.records import PLAN

FIVE = (
    Finding("requests-failed", Severity.GUARDRAIL, Verdict.GOOD, 0.04, "4 of 812 users failed, 41 of 7301 on legacy"),
    Finding("jobs-failed", Severity.GUARDRAIL, Verdict.RUNNING, 0.38, "3 of 120 imports failed, 9 of 1071 on legacy"),
    Finding("jobs-slow", Severity.GUARDRAIL, Verdict.NO_DATA, 0.0, "no import is old enough"),
    Finding("user-mix", Severity.SIGNAL, Verdict.INCONCLUSIVE, 0.81, "8.1 % of users are on v2, 10 % are meant to be"),
    Finding("requests-slow", Severity.SIGNAL, Verdict.BAD, 1.12, "14 % of users wait longer than legacy's slowest 5 %"),
)
"""One finding of each verdict."""

WATCHING = Progress(
    Phase.WATCHING, step=0, expected=10, watched=1.2 * HOUR, entered_at=1_796_000_000.0, why="the step is being watched"
)


def say(flags: Path, progress: Progress = WATCHING, *, silent_for: float = 1.0, **more: object) -> Progress:
    """Hang up a bulletin; `more` are fields of the progress."""
    told = replace(progress, **more)  # type: ignore[arg-type]  # fields by name
    events: list[dict[str, object]] = [{"at": 1_796_000_000.0, "text": "watching: all is well"}]
    findings = FIVE if told.step >= 0 else ()
    BulletinBoard(flags).post(Bulletin.of(PLAN, Memory(told, events=events), findings, time.time() - silent_for))
    return told
