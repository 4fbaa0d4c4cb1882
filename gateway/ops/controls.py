"""The verbs of ops as one small port, and the implementation on files. Counterparts: the command line and the ops API.

The other implementation, over a remote ops API, is `gateway.ops.remote`.
"""

import asyncio
import time
from pathlib import Path
from typing import Protocol

from flags.bucketing import rollout_hash
from flags.compile import compile_document
from flags.cross_check import cross_check
from flags.document import read_document
from flags.engine import YggdrasilEngine
from flags.errors import (
    EngineUnavailableError,
    InvalidDocumentError,
    NoPercentageError,
    SourceUnavailableError,
    StoreFailedError,
    UnknownFlagError,
)
from flags.journal import Entry, Journal
from flags.kill import KillSwitch
from flags.model import CompiledFeature, Kind
from gateway.core.decide import Identity, decide
from gateway.core.stages import Stage, objection
from gateway.ops.errors import IllegalMoveError, JobsUnavailableError
from gateway.ops.jobs import V2Jobs
from gateway.ops.origin import FileOrigin, Origin
from gateway.ops.reports import (
    ChangeReport,
    EntryReport,
    ExplainReport,
    FlagReport,
    KillReport,
    RollbackReport,
    StatusReport,
    ValidationReport,
)
from gateway.ops.rollback import Mode, rollback_report, settle_jobs, told

DEFAULT_FLAG = "process-full-v2"
"""The flag that is asked about when none is named."""


class Controls(Protocol):
    """What ops can ask and do. Every method may raise a `flags.errors.FlagsError`; a failed change changed nothing."""

    def status(self) -> StatusReport:
        """The flags and the kill, as the next decision would see them."""
        ...

    def set_percentage(
        self, flag: str, percentage: int, *, who: str, why: str, expected_generation: int | None = None
    ) -> ChangeReport:
        """Set a flag's percentage (0 to 100); with `expected_generation` only if nobody changed the flags since."""
        ...

    def set_stage(self, flag: str, stage: Stage, *, who: str, why: str) -> ChangeReport:
        """Move a flag to a stage; raises IllegalMoveError for a move that is not legal now."""
        ...

    def kill(self, *, who: str, why: str) -> ChangeReport:
        """Send everything to legacy, whatever the flags say, until `revive`."""
        ...

    def revive(self, *, who: str, why: str) -> ChangeReport:
        """End the kill: the flags decide again."""
        ...

    def rollback(self, flag: str, mode: Mode, *, hand_back: bool, who: str, why: str) -> RollbackReport:
        """Set the flag to 0, or engage the kill if that cannot be done; then see to the jobs that run on v2."""
        ...

    def explain(self, user_id: str, flag: str, pinned: bool | None = None) -> ExplainReport:
        """Where this user goes now, and why. `pinned`: whether a worker keeps the user on v2, if the caller knows."""
        ...

    def journal(self, limit: int) -> list[EntryReport]:
        """The last entries, oldest first."""
        ...

    def validate(self) -> ValidationReport:
        """Whether the newest flag document can be used."""
        ...


class FileControls:
    """`Controls` on the flag file and its neighbours (`.kill`, `.journal`). Stateless: any thread may use it.

    With another `origin` the flags live there; kill and journal stay beside `flags_path`, on this machine. Without
    `jobs` nobody knows what runs on v2.
    """

    def __init__(self, flags_path: Path, origin: Origin | None = None, jobs: V2Jobs | None = None) -> None:
        self._origin: Origin = origin or FileOrigin(flags_path)
        self._jobs = jobs
        self._kill = KillSwitch(flags_path)
        self._journal = Journal(flags_path)

    def status(self) -> StatusReport:
        source = self._origin.look()
        snapshot = source.snapshot
        return StatusReport(
            source=snapshot.source if snapshot else self._origin.name,
            generation=snapshot.generation if snapshot else None,
            digest=snapshot.digest if snapshot else None,
            error=source.error,
            warnings=list(snapshot.warnings) if snapshot else [],
            kill=self._kill_report(),
            flags=[_flag_report(feature) for feature in snapshot.features.values()] if snapshot else [],
        )

    def set_percentage(
        self, flag: str, percentage: int, *, who: str, why: str, expected_generation: int | None = None
    ) -> ChangeReport:
        return self._set(flag, percentage, who=who, why=why, expected_generation=expected_generation)

    def _set(
        self,
        flag: str,
        percentage: int,
        *,
        who: str,
        why: str,
        expected_generation: int | None = None,
        suspend_pins: bool | None = None,
    ) -> ChangeReport:
        change = self._origin.set_percentage(
            flag, percentage, expected_generation=expected_generation, suspend_pins=suspend_pins
        )
        report = ChangeReport(
            action="set",
            changed=change.before != change.after,
            flag=flag,
            before=change.before,
            after=change.after,
            generation=change.generation,
            who=who,
            why=why,
        )
        return self._journalled(report)

    def set_stage(self, flag: str, stage: Stage, *, who: str, why: str) -> ChangeReport:
        snapshot = self._origin.look().snapshot
        feature = snapshot.features.get(flag) if snapshot else None
        if snapshot is None or feature is None:
            raise UnknownFlagError(flag, list(snapshot.features) if snapshot else [])
        refused = objection(feature.stage, stage, feature.lead.percentage if feature.lead else None)
        if refused is not None:
            raise IllegalMoveError(refused)
        # The generation keeps two people from making one move each that together are none.
        change = self._origin.set_stage(flag, stage, expected_generation=snapshot.generation)
        report = ChangeReport(
            action="stage",
            changed=True,
            flag=flag,
            before=change.before,
            after=change.after,
            generation=change.generation,
            who=who,
            why=why,
        )
        return self._journalled(report)

    def kill(self, *, who: str, why: str) -> ChangeReport:
        changed = self._kill.engage(who=who, why=why)
        return self._journalled(ChangeReport(action="kill", changed=changed, who=who, why=why))

    def revive(self, *, who: str, why: str) -> ChangeReport:
        changed = self._kill.release()
        return self._journalled(ChangeReport(action="revive", changed=changed, who=who, why=why))

    def rollback(self, flag: str, mode: Mode, *, hand_back: bool, who: str, why: str) -> RollbackReport:
        try:
            change = self._set(flag, 0, who=who, why=why, suspend_pins=mode is Mode.HARD)
        except (InvalidDocumentError, SourceUnavailableError, StoreFailedError, NoPercentageError) as trouble:
            change = self.kill(who=who, why=f"{why} (the flag could not be set: {trouble})".strip())
        settled_at = time.monotonic() + self._origin.settles_in
        outcome = asyncio.run(settle_jobs(self._jobs, mode, hand_back=hand_back, settled_at=settled_at))
        report = rollback_report(change, mode, outcome, hand_back=hand_back)
        error = self._record(
            "rollback", flag, None, f"{mode}{', hand-back' if hand_back else ''}", who, told(report, why)
        )
        return report.model_copy(update={"journal_error": report.journal_error or error})

    def explain(self, user_id: str, flag: str, pinned: bool | None = None) -> ExplainReport:
        source, killed = self._origin.look(), self._kill_report().engaged
        identity = Identity.of(user_id)
        if pinned is None and identity.value is not None:
            pinned = self._pinned(identity.value)
        decision = decide(flag, identity, source.snapshot, killed=killed, pinned=bool(pinned))
        # A kill decides without hashing; whoever asks still wants to know what the flag would say.
        by_flag = decide(flag, identity, source.snapshot, killed=False) if killed else decision
        feature = source.snapshot.features.get(flag) if source.snapshot else None
        group = feature.lead.group_id if feature and feature.lead else None
        hashed = f"{rollout_hash(group, decision.key):08x}" if group is not None and decision.key else None
        return ExplainReport(
            user_id=user_id,
            key=decision.key,
            flag=flag,
            group=group,
            hash=hashed,
            bucket=by_flag.bucket,
            percentage=by_flag.percentage,
            backend=decision.backend,
            reason=decision.reason,
            generation=decision.generation,
            killed=killed,
            error=source.error,
            pinned=pinned,
        )

    def _pinned(self, user_id: str) -> bool | None:
        """What v2 itself says: a worker pins exactly the users whose jobs run."""
        if self._jobs is None:
            return None
        try:
            return asyncio.run(self._jobs.runs_for(user_id))
        except JobsUnavailableError:
            return None

    def journal(self, limit: int) -> list[EntryReport]:
        return [_entry_report(entry) for entry in self._journal.tail(limit)]

    def validate(self) -> ValidationReport:
        data = self._origin.read()
        try:
            snapshot = compile_document(data, source=self._origin.name, engine=YggdrasilEngine)
        except InvalidDocumentError as error:
            return ValidationReport(valid=False, problems=list(error.problems), warnings=[])
        warnings = list(snapshot.warnings)
        try:
            compared, differences = cross_check(snapshot, YggdrasilEngine(read_document(data)))
        except EngineUnavailableError as error:
            compared, differences = 0, []
            warnings.append(f"not compared with Unleash's engine: {error}")
        problems = [f"Unleash's engine disagrees: {difference}" for difference in differences]
        return ValidationReport(valid=not problems, problems=problems, warnings=warnings, compared=compared)

    def _kill_report(self) -> KillReport:
        note = self._kill.note()
        if note is None:
            return KillReport(engaged=False)
        return KillReport(engaged=True, who=note.who, why=note.why, since=note.at)

    def _journalled(self, report: ChangeReport) -> ChangeReport:
        error = self._record(
            report.action, report.flag, report.before, report.after, report.who, report.why, report.generation
        )
        return report.model_copy(update={"journal_error": error}) if error else report

    def _record(
        self,
        action: str,
        flag: str | None,
        before: int | str | None,
        after: int | str | None,
        who: str,
        why: str,
        generation: int | None = None,
    ) -> str | None:
        """A full disk must not stop a rollback, so a journal that fails is reported, not raised."""
        try:
            self._journal.record(action, who=who, why=why, flag=flag, before=before, after=after, generation=generation)
        except StoreFailedError as error:
            return str(error)
        return None


def _flag_report(feature: CompiledFeature) -> FlagReport:
    users = {user for strategy in feature.strategies if strategy.kind is Kind.USERS for user in strategy.users}
    return FlagReport(
        name=feature.name,
        enabled=feature.enabled,
        percentage=feature.lead.percentage if feature.lead else None,
        group=feature.lead.group_id if feature.lead else None,
        users=len(users),
        uncompiled=list(feature.uncompiled),
        stage=feature.stage,
        pins_suspended=feature.pins_suspended,
    )


def _entry_report(entry: Entry) -> EntryReport:
    return EntryReport(
        when=entry.when,
        who=entry.who,
        action=entry.action,
        flag=entry.flag,
        before=entry.before,
        after=entry.after,
        why=entry.why,
        generation=entry.generation,
    )
