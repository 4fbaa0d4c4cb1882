"""The verbs of ops as one small port, and the implementation on files. Counterparts: the command line and the ops API.

The other implementation, over a remote ops API, is `gateway.ops.remote`.
"""

from pathlib import Path
from typing import Protocol

from flags.bucketing import rollout_hash
from flags.compile import compile_document
from flags.cross_check import cross_check
from flags.document import read_document
from flags.engine import YggdrasilEngine
from flags.errors import EngineUnavailableError, InvalidDocumentError, StoreFailedError, UnknownFlagError
from flags.journal import Entry, Journal
from flags.kill import KillSwitch
from flags.model import CompiledFeature, Kind
from gateway.core.decide import Identity, decide
from gateway.core.stages import Stage, objection
from gateway.ops.errors import IllegalMoveError
from gateway.ops.origin import FileOrigin, Origin
from gateway.ops.reports import (
    ChangeReport,
    EntryReport,
    ExplainReport,
    FlagReport,
    KillReport,
    StatusReport,
    ValidationReport,
)

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

    def explain(self, user_id: str, flag: str) -> ExplainReport:
        """Where this user goes now, and why."""
        ...

    def journal(self, limit: int) -> list[EntryReport]:
        """The last entries, oldest first."""
        ...

    def validate(self) -> ValidationReport:
        """Whether the newest flag document can be used."""
        ...


class FileControls:
    """`Controls` on the flag file and its neighbours (`.kill`, `.journal`). Stateless: any thread may use it.

    With another `origin` the flags live there; kill and journal stay beside `flags_path`, on this machine.
    """

    def __init__(self, flags_path: Path, origin: Origin | None = None) -> None:
        self._origin: Origin = origin or FileOrigin(flags_path)
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
        change = self._origin.set_percentage(flag, percentage, expected_generation=expected_generation)
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

    def explain(self, user_id: str, flag: str) -> ExplainReport:
        source, killed = self._origin.look(), self._kill_report().engaged
        identity = Identity.of(user_id)
        decision = decide(flag, identity, source.snapshot, killed=killed)
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
        )

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
        """A full disk must not stop a rollback, so a journal that fails is reported, not raised."""
        try:
            self._journal.record(
                report.action,
                who=report.who,
                why=report.why,
                flag=report.flag,
                before=report.before,
                after=report.after,
                generation=report.generation,
            )
        except StoreFailedError as error:
            return report.model_copy(update={"journal_error": str(error)})
        return report


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
