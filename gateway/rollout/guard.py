"""The guard: reads evidence, asks the judge, carries out what `steps` says; one `look` a second. Counterpart: `watch`.

It writes through the same controls as people do, with compare-and-set, and everything it does is in the journal.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from flags.errors import FlagsError, GenerationConflictError
from gateway.core.retirement import Retirement, RetirementError
from gateway.ops.errors import OpsError
from gateway.ops.reports import ChangeReport, StatusReport
from gateway.retirements import RetirementFile
from gateway.rollout.errors import EvidenceUnavailableError, StateUnreadableError
from gateway.rollout.evidence import Batch, EvidenceSource, LegacyLoad
from gateway.rollout.history import History
from gateway.rollout.judge import Judge
from gateway.rollout.memory import Memory, MemoryFile
from gateway.rollout.orders import OrdersFile, obeyed, resumed
from gateway.rollout.plan import Plan
from gateway.rollout.report import Report, reports_folder, write_report
from gateway.rollout.steps import Action, Look, Phase, Turn, retirement, turn, written
from gateway.rollout.verdict import Finding, Severity, Verdict, overall

WHO = "guard"
MAX_BATCHES = 50
"""Answers taken in one look; what is left waits a second."""

SAVE_EVERY = 5.0
"""Seconds between two saves while nothing happens."""


class Helm(Protocol):
    """The three of `gateway.ops.controls.Controls` that a guard has a use for. They raise FlagsError or OpsError."""

    def status(self) -> StatusReport:
        """The flags and the kill."""
        ...

    def set_percentage(
        self, flag: str, percentage: int, *, who: str, why: str, expected_generation: int | None = None
    ) -> ChangeReport:
        """Set a flag's percentage, if nobody changed the flags since."""
        ...

    def kill(self, *, who: str, why: str) -> ChangeReport:
        """Send everything to legacy."""
        ...


@dataclass(frozen=True, slots=True)
class Post:
    """What the guard stands on."""

    plan: Plan
    flags_path: Path
    controls: Helm
    source: EvidenceSource
    clock: Callable[[], float]


class Guard:
    """One plan's guard. Not safe for threads; the lease keeps other processes out."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._file, self._orders = MemoryFile(post.flags_path), OrdersFile(post.flags_path)
        self.memory: Memory = self._file.read()
        self.judge = self._wake()
        self._history = History.load(self.memory.history)
        self._saved_at = 0.0
        self._legacy: LegacyLoad | None = None
        self._blind = ""
        self._settled_at: float | None = None

    def look(self) -> Turn:
        """Look once and act. Raises StateUnreadableError; errors of flags and evidence are situations, not errors."""
        now = self._post.clock()
        self._listen(now)
        percentage, generation, killed = self._flag()
        self._obey(percentage, now)
        before = self.memory.progress
        seen = self._seen(now, percentage, killed)
        following = turn(self._post.plan, before, seen)
        self.memory.progress = following.progress
        if following.percentage is not None:
            self._write(following, seen, generation, now)
        elif following.action is Action.FINISH:
            self._report("done", following, now)
        if self.memory.progress.phase is not before.phase:
            self._announce(now)
        self._note(before.phase, before.why, now)
        self._save(now, at_once=self.memory.progress.phase is not before.phase)
        return following

    def findings(self, *, over: bool = False) -> tuple[Finding, ...]:
        """What the rules of the present step say."""
        return self.judge.findings(over=over) if self.judge else ()

    # Evidence --------------------------------------------------------------------------------------------------------

    def _listen(self, now: float) -> None:
        try:
            for _ in range(MAX_BATCHES):
                batch = self._post.source.read(self.memory.cursor)
                self._blind = ""
                if not self._hear(batch):
                    break
        except EvidenceUnavailableError as error:
            self._blind, self._legacy = str(error), None
        if self.judge is not None:
            self.judge.tick(now, self._settled_at)
            findings = self.judge.findings(over=False) if self._history.due(now) else ()
            self._history.add(now, findings)

    def _hear(self, batch: Batch) -> bool:
        """Take one answer; whether there is more."""
        memory = self.memory
        self._legacy = batch.legacy
        if batch.follows_jobs and not batch.more:
            self._settled_at = batch.settled_at if batch.settled_at is not None else self._settled_at or 0.0
        if batch.epoch != memory.epoch:
            known, memory.epoch, memory.cursor = memory.epoch, batch.epoch, 0
            if known:
                memory.note(self._post.clock(), "the gateway's evidence began anew; what was heard before still counts")
            return True
        if batch.missed:
            memory.note(self._post.clock(), f"evidence after number {memory.cursor} is gone; the rest is heard")
        if self.judge is not None:
            self.judge.hear(record for record in batch.records if record.seq > memory.cursor)
        memory.cursor = batch.next
        return batch.more

    def _blindness(self, now: float) -> str:
        progress, stale = self.memory.progress, self._post.plan.stale_after
        last = max(self.judge.heard_at or 0.0 if self.judge else 0.0, progress.entered_at)
        if self._blind:
            return self._blind
        if self._settled_at is not None and (late := now - max(self._settled_at, progress.entered_at)) > stale:
            return f"for {late:.0f} s not all ends of jobs were told"
        return f"nothing was heard for {now - last:.0f} s" if now - last > stale else ""

    # Flag ------------------------------------------------------------------------------------------------------------

    def _flag(self) -> tuple[int | None, int | None, bool]:
        """Percentage (None: unknown), generation and kill."""
        try:
            status = self._post.controls.status()
        except (FlagsError, OpsError):
            return None, None, False
        found = next((flag for flag in status.flags if flag.name == self._post.plan.flag), None)
        if found is None or status.error is not None:
            return None, None, status.kill.engaged
        # A disabled flag sends nobody to v2, whatever its percentage: that is an edit to 0.
        return found.percentage if found.enabled else 0, status.generation, status.kill.engaged

    def _seen(self, now: float, percentage: int | None, killed: bool) -> Look:
        progress = self.memory.progress
        look = Look(now, percentage, killed, blind=self._blindness(now), legacy=self._legacy)
        if self.judge is None:
            return look
        guardrails, signals = self.judge.fired(Severity.GUARDRAIL), self.judge.fired(Severity.SIGNAL)
        over = progress.watched >= self._post.plan.steps[progress.step].watch if progress.step >= 0 else False
        if not (guardrails or signals or over):
            return replace(look, verdict=Verdict.RUNNING)
        verdict, settling = overall(self.judge.findings(over=over))
        because = "" if settling is None else settling.sentence
        bad = Severity.GUARDRAIL if guardrails else Severity.SIGNAL if signals else None
        return replace(look, verdict=verdict, bad=bad, because=because)

    def _write(self, following: Turn, seen: Look, generation: int | None, now: float) -> None:
        plan, target = self._post.plan, following.percentage
        assert target is not None
        self._save(now, at_once=True)  # what is intended is known before it is done
        why = following.progress.why
        try:
            if target != seen.percentage:
                self._post.controls.set_percentage(plan.flag, target, who=WHO, why=why, expected_generation=generation)
        except GenerationConflictError:
            return  # somebody was quicker: look again
        except (FlagsError, OpsError) as error:
            if following.action is Action.LOWER:
                self._give_up(f"{why} (the flag could not be set: {error})", now)
            return
        self.memory.progress = written(plan, following.progress, target, now)
        self._announce(now)
        if self.memory.progress.phase is Phase.ROLLED_BACK:
            self._report("rolled-back", following, now)
            self.judge = None
        elif following.action is Action.RAISE:
            self._report("raised", following, now)
            self._begin(now)

    def _announce(self, now: float) -> None:
        """Say when legacy's side ends once the last step has begun, and take it back as soon as that is not so."""
        file, flag = RetirementFile(self._post.flags_path), self._post.plan.flag
        retired = retirement(self._post.plan, self.memory.progress)
        try:
            if retired is not None:
                entered = datetime.fromtimestamp(self.memory.progress.entered_at, UTC)
                file.announce(flag, Retirement(entered, datetime.fromtimestamp(retired, UTC)))
            elif flag in file.read():
                file.withdraw(flag)
        except (RetirementError, FlagsError) as error:
            self.memory.note(now, f"the end of legacy could not be announced: {error}")

    def _give_up(self, why: str, now: float) -> None:
        """A v2 that does harm must be left even where the flag cannot be written."""
        try:
            self._post.controls.kill(who=WHO, why=why)
            self.memory.note(now, "the flag could not be set; the kill is engaged")
        except (FlagsError, OpsError) as error:
            self.memory.note(now, f"neither the flag nor the kill could be set: {error}")

    # Memory ----------------------------------------------------------------------------------------------------------

    def _wake(self) -> Judge | None:
        dump, progress = self.memory.judge, self.memory.progress
        if dump is None or progress.step < 0:
            return None
        try:
            return Judge.load(self._post.plan.bench(progress.step), dump)
        except (KeyError, TypeError, ValueError, IndexError):
            if progress.plan_digest != self._post.plan.digest:
                return None  # the plan has other rules now; somebody has to resume, and then the step begins anew
            raise StateUnreadableError(f"{self._file.path.name} holds no judge of this plan") from None

    def _begin(self, now: float) -> None:
        self.judge = Judge(self._post.plan.bench(self.memory.progress.step), now)
        self._history = History()

    def _obey(self, percentage: int | None, now: float) -> None:
        orders, memory = self._orders.read(), self.memory
        known = memory.progress.resumes
        memory.progress, anew = resumed(self._post.plan, memory.progress, percentage, orders, now)
        if anew:
            self.judge = None
            if memory.progress.step >= 0:
                self._begin(now)
        elif memory.progress.resumes != known and self.judge is not None:
            self.judge.forgive_signals()
        memory.progress = obeyed(memory.progress, orders)

    def _note(self, phase: Phase, why: str, now: float) -> None:
        # Figures change each second; only another situation is an event.
        progress = self.memory.progress
        if progress.phase is not phase or progress.why.partition(":")[0] != why.partition(":")[0]:
            self.memory.note(now, f"{progress.phase}: {progress.why}")

    def _save(self, now: float, *, at_once: bool) -> None:
        if not at_once and now - self._saved_at < SAVE_EVERY:
            return
        self.memory.judge = self.judge.dump() if self.judge else None
        self.memory.history = self._history.dump()
        self._file.write(self.memory)
        self._saved_at = now

    def save(self) -> None:
        """Write the memory now, before an orderly end."""
        self._save(self._post.clock(), at_once=True)

    def _report(self, kind: str, following: Turn, now: float) -> None:
        findings = self.findings(over=kind != "rolled-back")
        self._history.add(now, findings)  # what made the guard act is the end of each line
        report = Report(kind, now, self._post.plan, following, findings, self._history, self.memory.events[-10:])
        try:
            path = write_report(reports_folder(self._post.flags_path), report)
            self.memory.note(now, f"report: {path.name}")
        except OSError as error:
            self.memory.note(now, f"no report could be written: {error.strerror}")
