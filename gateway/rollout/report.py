"""What happened and why, for a person with two minutes: Markdown, the same as JSON, and two pictures.

Counterparts: `guard`, which writes one when a step is entered, rolled back or the rollout is over; `plots`.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.rollout.atomic_file import write_bytes
from gateway.rollout.durations import shown
from gateway.rollout.errors import UnknownReportError
from gateway.rollout.history import History
from gateway.rollout.plan import Plan
from gateway.rollout.plots import evidence_plot, risk_plot
from gateway.rollout.steps import Turn
from gateway.rollout.verdict import Finding, Severity, overall, plain_finding

HEADLINES = {
    "rolled-back": "v2 was rolled back from {step} %",
    "raised": "v2 goes from {step} % to {next} %",
    "done": "the rollout is over: v2 has {step} %",
}

MEDIA_TYPES = {".md": "text/markdown; charset=utf-8", ".json": "application/json", ".svg": "image/svg+xml"}

_NAME = re.compile(r"[0-9]{8}T[0-9]{6}-[a-z-]{1,40}\.[a-z]{2,4}")

REHEARSED = {
    "rolled-back": "A/A: a rule fired, with everybody on legacy",
    "raised": "A/A begins: legacy's buckets 1 to {next} beside the others",
    "done": "A/A: quiet, with everybody on legacy",
}

MAX_REPORTS = 100
"""Of each kind of file; older ones are removed."""


@dataclass(frozen=True, slots=True)
class Report:
    """One report. `kind` is a key of HEADLINES; `events` are the guard's last ones."""

    kind: str
    at: float
    plan: Plan
    turn: Turn
    findings: tuple[Finding, ...]
    history: History
    events: Sequence[dict[str, object]]

    @property
    def step(self) -> int:
        """The percentage that was watched."""
        index = self.turn.progress.step
        return self.plan.steps[index].percentage if index >= 0 else 0

    @property
    def headline(self) -> str:
        """One line that says it all."""
        headlines = REHEARSED if self.plan.rehearsal else HEADLINES
        return headlines[self.kind].format(step=self.step, next=self.turn.percentage)


def reports_folder(flags_path: Path) -> Path:
    """Where the reports of these flags' guard are."""
    return flags_path.with_name(flags_path.name + ".guard-reports")


def report_names(flags_path: Path, limit: int = 10) -> list[str]:
    """The reports that there are, the newest first, without their endings."""
    return sorted((path.stem for path in reports_folder(flags_path).glob("*.md")), reverse=True)[:limit]


def read_report(flags_path: Path, name: str) -> tuple[str, bytes]:
    """Media type and content of one of a report's files. Raises UnknownReportError."""
    media_type = MEDIA_TYPES.get(Path(name).suffix)
    try:
        if media_type is None or not _NAME.fullmatch(name):
            raise FileNotFoundError
        return media_type, (reports_folder(flags_path) / name).read_bytes()
    except OSError as error:
        raise UnknownReportError(f"there is no report {name!r}") from error


def write_report(folder: Path, report: Report) -> Path:
    """Write the four files of a report; returns the Markdown's path. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{_time(report.at, '%Y%m%dT%H%M%S')}-{report.kind}"
    files = {
        f"{name}-evidence.svg": evidence_plot(report.history),
        f"{name}-risk.svg": risk_plot(report.findings),
        f"{name}.json": as_json(report),
        f"{name}.md": as_markdown(report, name),
    }
    for file, text in files.items():
        write_bytes(folder / file, text.encode())
    for pattern in ("*.md", "*.json", "*.svg"):
        kept = MAX_REPORTS * (2 if pattern == "*.svg" else 1)
        for old in sorted(folder.glob(pattern))[:-kept]:
            old.unlink(missing_ok=True)
    return folder / f"{name}.md"


def as_markdown(report: Report, name: str) -> str:
    """The report for people. `name` is what its pictures begin with."""
    progress = report.turn.progress
    verdict, _ = overall(report.findings)
    lines = [
        f"# {report.plan.flag}: {report.headline}",
        "",
        f"{_time(report.at, '%Y-%m-%d %H:%M:%S')} UTC. Verdict of the step: **{verdict}**. {_sentence(progress.why)}",
        "",
        _watched(report),
        "",
        "| rule | | verdict | evidence | what was seen |",
        "|---|---|---|---:|---|",
        *(_row(one) for one in sorted(report.findings, key=lambda one: -one.evidence)),
        "",
        "Evidence is ln e as a share of its threshold: at 1 the rule fires. A harmless v2 is ever rolled back with a",
        f"chance of at most {report.plan.alpha:.0%}, over all guardrails and steps together, however often they are",
        "looked at. Guardrails roll back, signals hold.",
        "",
        f"![Evidence over time]({name}-evidence.svg)",
        "",
        f"![Failures as a multiple of legacy's]({name}-risk.svg)",
        "",
        "## Before this",
        "",
        *(f"- {_time(float(str(event['at'])), '%m-%d %H:%M:%S')} {event['text']}" for event in report.events),
        "",
    ]
    if report.plan.rehearsal:
        lines += [
            "## How to read it",
            "",
            f"Nobody was on v2. What stands here as v2 are legacy's users in the buckets 1 to {report.step or 'none'},",
            "so whatever fired did so by chance, or because the evidence itself is uneven. It moved nothing.",
            "",
        ]
    elif report.kind == "rolled-back":
        lines += [
            "## Now",
            "",
            "Everybody is on legacy; imports that v2 had accepted run on. When the cause is found and mended:",
            "`rollout plan resume` begins again at the first step.",
            "",
        ]
    return "\n".join(lines)


def as_json(report: Report) -> str:
    """The report for programs."""
    progress = report.turn.progress
    content = {
        "version": 1,
        "kind": report.kind,
        "headline": report.headline,
        "at": round(report.at, 3),
        "flag": report.plan.flag,
        "percentage": report.step,
        "why": progress.why,
        "watched_seconds": round(progress.watched, 1),
        "entered_at": progress.entered_at,
        "plan_digest": report.plan.digest,
        "verdict": overall(report.findings)[0],
        "findings": [plain_finding(one) for one in report.findings],
        "evidence_over_time": report.history.points,
        "events": list(report.events),
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _row(finding: Finding) -> str:
    fired = finding.evidence >= 1.0
    mark = {Severity.GUARDRAIL: "rolls back", Severity.SIGNAL: "holds"}[finding.severity]
    verdict = f"**{finding.verdict}**" if fired else finding.verdict.value
    return f"| {finding.rule} | {mark} | {verdict} | {finding.evidence:.2f} | {finding.sentence} |"


def _watched(report: Report) -> str:
    progress = report.turn.progress
    since = _time(progress.entered_at, "%Y-%m-%d %H:%M:%S")
    return f"Watched for {shown(round(progress.watched, 1))} of {shown(_watch(report))}, since {since} UTC."


def _watch(report: Report) -> float:
    index = report.turn.progress.step
    return report.plan.steps[index].watch if index >= 0 else 0.0


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _time(at: float, shape: str) -> str:
    return datetime.fromtimestamp(at, UTC).strftime(shape)
