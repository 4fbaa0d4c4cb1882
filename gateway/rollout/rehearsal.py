"""A/A: the guard watches legacy against legacy, to show before a launch that it stays quiet. Counterpart: `guard`.

The flag stays at 0 %. To the guard it looks as if the first step were in force: the buckets that v2 would get are taken
for v2's, and everything behind that (cohorts, rules, job queue, verdicts, reports) is what a launch runs. Whatever it
then finds wrong is a false alarm, or says that the evidence itself is uneven.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from gateway.core.decide import Backend
from gateway.ops.reports import ChangeReport, FlagReport, StatusReport
from gateway.rollout.errors import RehearsalOverError
from gateway.rollout.evidence import Batch, CohortTally, EvidenceSource, JobOutcome, Record
from gateway.rollout.guard import Helm
from gateway.rollout.plan import Plan


def rehearsal_of(plan: Plan) -> Plan:
    """The plan's first step alone, entered and left without anybody's approval."""
    first = replace(plan.steps[0], approval=False, not_before=None)
    return replace(plan, steps=(first,), retire_approval=False, hours=None, rehearsal=True)


def rehearsal_path(flags_path: Path) -> Path:
    """What memory, orders, lease and reports of a rehearsal are named after, apart from those of a rollout."""
    return flags_path.with_name(flags_path.name + ".aa")


class MirroredEvidence:
    """What was decided at 0 %, told as if `percentage` had been in force. Everything else is left out."""

    def __init__(self, source: EvidenceSource, percentage: int) -> None:
        self._source = source
        self._percentage = percentage

    def read(self, after: int) -> Batch:
        batch = self._source.read(after)
        told = (self._mirrored(record) for record in batch.records)
        return replace(batch, records=tuple(record for record in told if record is not None))

    def _mirrored(self, record: Record) -> Record | None:
        if isinstance(record, CohortTally):
            return None
        if isinstance(record, JobOutcome) and record.void:
            return record
        if record.percentage != 0 or record.backend is not Backend.LEGACY:
            return None
        side = Backend.V2 if record.bucket <= self._percentage else Backend.LEGACY
        return replace(record, percentage=self._percentage, backend=side)


class RehearsedControls:
    """A flag that only the guard sees. The real one is looked at, and never touched."""

    def __init__(self, controls: Helm, flag: str, percentage: int, tell: Callable[[str], None]) -> None:
        self._controls = controls
        self._flag = flag
        self._percentage = percentage
        self._tell = tell

    def status(self) -> StatusReport:
        """The real status with the pretended percentage. Raises RehearsalOverError once the real one is not 0."""
        status = self._controls.status()
        return status.model_copy(update={"flags": [self._rehearsed(one) for one in status.flags]})

    def _rehearsed(self, flag: FlagReport) -> FlagReport:
        if flag.name != self._flag:
            return flag
        if flag.enabled and flag.percentage:
            raise RehearsalOverError(f"{flag.name} is at {flag.percentage} %: A/A needs everybody on legacy")
        return flag.model_copy(update={"enabled": True, "percentage": self._percentage})

    def set_percentage(
        self, flag: str, percentage: int, *, who: str, why: str, expected_generation: int | None = None
    ) -> ChangeReport:
        """Only pretend."""
        before, self._percentage = self._percentage, percentage
        self._tell(f"would set {flag} from {before} % to {percentage} %: {why}")
        return _pretended("set", who, why, flag=flag, before=before, after=percentage)

    def kill(self, *, who: str, why: str) -> ChangeReport:
        """Only pretend."""
        self._tell(f"would engage the kill: {why}")
        return _pretended("kill", who, why)


def _pretended(action: str, who: str, why: str, **change: object) -> ChangeReport:
    return ChangeReport.model_validate({"action": action, "changed": True, "who": who, "why": why, **change})
