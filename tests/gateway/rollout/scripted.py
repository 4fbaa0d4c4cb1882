"""A gateway's evidence as a test wants it, and a clock that a test turns. Counterpart: `gateway.rollout.guard`."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from gateway.ops.controls import Controls, FileControls
from gateway.rollout.errors import EvidenceUnavailableError
from gateway.rollout.evidence import Batch, LegacyLoad, Record
from gateway.rollout.guard import Guard, Post
from gateway.rollout.plan import Plan
from tests.gateway.rollout.records import PLAN

BATCH = 400


class ScriptedEvidence:
    """A stream in memory, in batches; `away` is a gateway that cannot be asked."""

    def __init__(self) -> None:
        self.epoch = "one"
        self.away = False
        self.settled_at: float | None = None
        self.legacy: LegacyLoad | None = LegacyLoad(healthy=True, in_flight=5, limit=1000)
        self._records: list[Record] = []

    def add(self, records: Iterable[Record]) -> None:
        """Append records; they get the next numbers."""
        for record in records:
            self._records.append(replace(record, seq=len(self._records) + 1))

    def lose_everything(self) -> None:
        """A gateway whose store is gone: another epoch, numbers from 1."""
        self.epoch, self._records = self.epoch + "'", []

    def read(self, after: int) -> Batch:
        if self.away:
            raise EvidenceUnavailableError("the gateway cannot be asked")
        found = tuple(self._records[after : after + BATCH])
        following = after + len(found)
        more = following < len(self._records)
        told = self.settled_at
        return Batch(
            self.epoch, found, following, more=more, legacy=self.legacy, follows_jobs=told is not None, settled_at=told
        )


class Scene:
    """A flag file, evidence, a clock and a guard; `plan` watches its first step for three hours."""

    def __init__(self, path: Path, plan: Plan | None = None, controls: Controls | None = None) -> None:
        first = replace(PLAN.steps[0], watch=3 * 3600.0)
        self.plan = plan or replace(PLAN, steps=(first, *PLAN.steps[1:]), digest="first")
        self.path, self.controls = path, controls or FileControls(path)
        self.evidence = ScriptedEvidence()
        self.now = 1_800_000_000.0
        self.guard = self.start()

    def start(self) -> Guard:
        """Another guard on the same files, as after a restart."""
        self.guard = Guard(Post(self.plan, self.path, self.controls, self.evidence, lambda: self.now))
        return self.guard

    def look(self, times: int = 1, every: float = 1.0) -> None:
        """Let time pass and the guard look."""
        for _ in range(times):
            self.now += every
            self.guard.look()
