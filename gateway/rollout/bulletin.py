"""What the acting guard lets others know: where the rollout stands and what each rule says; a small file of its own.

Counterparts: `watch`, which posts it, `gateway.ops.guard_gauges`, which shows it to Prometheus, and `desk`, which shows
it to people.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from gateway.rollout.atomic_file import write_json
from gateway.rollout.memory import Memory, progress_from, progress_to
from gateway.rollout.plan import Plan
from gateway.rollout.steps import Progress, retirement
from gateway.rollout.verdict import Finding, Severity, Verdict, plain_finding

POST_EVERY = 5.0
MAX_EVENTS = 8
MAX_BYTES = 65_536


class Stop(NamedTuple):
    """One step of the plan, as others need it: `watch` in seconds; `approval`: somebody must agree to enter it."""

    percentage: int
    watch: float
    approval: bool


class Event(NamedTuple):
    """Something that happened, at a time in unix seconds."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Bulletin:
    """`at` in unix seconds, 0 for never; `retires_at`: when legacy may go, None before the last step."""

    at: float
    progress: Progress
    findings: tuple[Finding, ...] = ()
    flag: str = ""
    stops: tuple[Stop, ...] = ()
    retire_approval: bool = False
    retires_at: float | None = None
    events: tuple[Event, ...] = ()

    @classmethod
    def of(cls, plan: Plan, memory: Memory, findings: Sequence[Finding], at: float) -> "Bulletin":
        """What there is to tell."""
        stops = tuple(Stop(step.percentage, step.watch, step.approval) for step in plan.steps)
        events = tuple(Event(float(str(one["at"])), str(one["text"])) for one in memory.events[-MAX_EVENTS:])
        retires_at = retirement(plan, memory.progress)
        return cls(at, memory.progress, tuple(findings), plan.flag, stops, plan.retire_approval, retires_at, events)

    @property
    def gates(self) -> tuple[bool, ...]:
        """Whether each step needs an approval, and after the last one the end of legacy."""
        return (*(stop.approval for stop in self.stops), self.retire_approval)

    def aim(self, step: int) -> str:
        """What entering a step means: a percentage, or the end of legacy."""
        return f"{self.stops[step].percentage} %" if step < len(self.stops) else "retire legacy"


class BulletinBoard:
    """`<flags>.guard-bulletin`."""

    def __init__(self, flags_path: Path) -> None:
        self.path = flags_path.with_name(flags_path.name + ".guard-bulletin")

    def post(self, bulletin: Bulletin) -> None:
        """Replace what hangs there. Raises OSError."""
        content = asdict(bulletin) | {"progress": progress_to(bulletin.progress)}
        write_json(self.path, content | {"findings": [plain_finding(one) for one in bulletin.findings]})

    def read(self) -> Bulletin | None:
        """The last one posted; None if there is none, or none that can be understood."""
        try:
            with self.path.open("rb") as file:
                return _bulletin(json.loads(file.read(MAX_BYTES)))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _bulletin(content: Mapping[str, Any]) -> Bulletin:  # Any: a file's content, checked here
    retires_at = content["retires_at"]
    return Bulletin(
        float(content["at"]),
        progress_from(content["progress"]),
        tuple(_finding(one) for one in content["findings"]),
        str(content["flag"]),
        tuple(Stop(int(percentage), float(watch), bool(gate)) for percentage, watch, gate in content["stops"]),
        bool(content["retire_approval"]),
        None if retires_at is None else float(retires_at),
        tuple(Event(float(at), str(text)) for at, text in content["events"]),
    )


def _finding(content: Mapping[str, Any]) -> Finding:
    figures = {str(name): inf if value is None else float(value) for name, value in content["figures"].items()}
    severity, verdict = Severity(content["severity"]), Verdict(content["verdict"])
    rule, sentence = str(content["rule"]), str(content["sentence"])
    return Finding(rule, severity, verdict, float(content["evidence"]), sentence, figures)
