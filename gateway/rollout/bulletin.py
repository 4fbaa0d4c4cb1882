"""What the acting guard lets others know: where the rollout stands and what each rule says; a small file of its own.

Counterparts: `watch`, which posts it, and `gateway.ops.guard_gauges`, which shows it to Prometheus.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from gateway.rollout.atomic_file import write_json
from gateway.rollout.steps import Phase, Progress
from gateway.rollout.verdict import Finding, Severity, Verdict

POST_EVERY = 5.0
MAX_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Opinion:
    """One rule's verdict. `evidence` is 1 where the rule fires, 0 where nothing is known."""

    rule: str
    severity: Severity
    verdict: Verdict
    evidence: float


@dataclass(frozen=True, slots=True)
class Bulletin:
    """`at` in unix seconds, `watched` in seconds; `step` counts from 0 and is -1 before the first."""

    at: float
    phase: Phase
    step: int
    percentage: int
    watched: float
    opinions: tuple[Opinion, ...] = ()

    @classmethod
    def of(cls, progress: Progress, findings: Sequence[Finding], at: float) -> "Bulletin":
        """What there is to tell."""
        opinions = tuple(Opinion(one.rule, one.severity, one.verdict, one.evidence) for one in findings)
        return cls(at, progress.phase, progress.step, progress.expected, progress.watched, opinions)


class BulletinBoard:
    """`<flags>.guard-bulletin`."""

    def __init__(self, flags_path: Path) -> None:
        self.path = flags_path.with_name(flags_path.name + ".guard-bulletin")

    def post(self, bulletin: Bulletin) -> None:
        """Replace what hangs there. Raises OSError."""
        write_json(self.path, asdict(bulletin))

    def read(self) -> Bulletin | None:
        """The last one posted; None if there is none, or none that can be understood."""
        try:
            with self.path.open("rb") as file:
                content = json.loads(file.read(MAX_BYTES))
            opinions = tuple(
                Opinion(str(one["rule"]), Severity(one["severity"]), Verdict(one["verdict"]), float(one["evidence"]))
                for one in content["opinions"]
            )
            return Bulletin(
                float(content["at"]),
                Phase(content["phase"]),
                int(content["step"]),
                int(content["percentage"]),
                float(content["watched"]),
                opinions,
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None
