"""Follows the jobs of one pipeline: reads the rows that changed, looks at what ended, and writes the evidence of it.

One pass, in this order: pages of changed rows, from a little before the newest that is known (a row may become visible
after a younger one); the workers' decisions, so that the one behind each job is there; beginnings; ends. Everything is
bounded, and what is not done in one pass is done in the next. Counterparts: gateway.observe.jobs (what a row says),
gateway.observe.proof (what an end deserves), gateway.observe.job_ledger (what was written).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.observe.errors import SourceRefused
from gateway.observe.evidence_records import counts, end_record, start_record
from gateway.observe.evidence_store import EvidenceStore
from gateway.observe.job_ledger import Begun, JobLedger, Unstarted
from gateway.observe.jobs import CLAIMS, COLUMNS, OPEN, TABLES, Figures, JobState, Pipeline, Row, SeenJob, read_job
from gateway.observe.proof import prove
from gateway.observe.store_thread import StoreThread
from gateway.observe.stored import Source, iso, look_at

LOOK_BACK: Final = 86_400.0
"""Seconds: how far back a follower begins that has never read anything."""
OVERLAP: Final = 30.0
MAX_PAGES: Final = 20
MAX_STARTS: Final = 1000
MAX_SETTLED: Final = 20
"""Ends that one pass looks at; each costs seven small requests."""
CHECK_AGAIN: Final = 300.0
CLOCKS_APART: Final = 5.0
"""Seconds by which the gateway's clock may be ahead of the database's. A decision that only this explains is the second
choice: usually the clocks agree, and then it is a later request."""
GRACE: Final = 3.0
"""How young a job without a decision may be to be asked about again: its exchange may just be ending, or be on its way
into the evidence from a gateway that shares the folder."""
DECISION_SECONDS: Final = 600.0
"""How long before its job a decision may have fallen: a waiting line, a slow upload."""

Collect = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Settled:
    """One end as it was judged; `attributed` says that the decision behind it is known."""

    job: SeenJob
    state: JobState
    rule: str
    figures: Figures
    seconds: float
    attributed: bool


@dataclass(slots=True)
class Pass:
    """What one pass brought. `behind`: it did not get to the end; `refused`: why a job could not be looked at."""

    accepted: int = 0
    profiles: list[SeenJob] = field(default_factory=list)
    callbacks: list[SeenJob] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    behind: bool = False
    refused: str | None = None


class Follower:
    """One pipeline. `patience` is how many silent seconds make an open job a stuck one."""

    def __init__(
        self,
        pipeline: Pipeline,
        source: Source,
        ledger: JobLedger,
        evidence: EvidenceStore,
        thread: StoreThread,
        *,
        patience: float,
        look_back: float = LOOK_BACK,
        grace: float = GRACE,
    ) -> None:
        self.pipeline = pipeline
        self._source = source
        self._ledger = ledger
        self._evidence = evidence
        self._thread = thread
        self._patience = patience
        self._look_back = look_back
        self._grace = grace

    async def advance(self, now: float, collect: Collect) -> Pass:
        """One pass; `collect` brings the workers' decisions into the evidence.

        Raises SourceUnavailable, SourceRefused or EvidenceUnusable; what was done until then stays done. A job that
        cannot be looked at is tried again after a while.
        """
        done = Pass()
        await self._read_changes(now, done)
        await collect()
        await self._start(now)
        await self._settle(now, done)
        return done

    # Rows ------------------------------------------------------------------------------------------------------------

    async def _read_changes(self, now: float, done: Pass) -> None:
        newest = await self._thread.run(lambda: self._ledger.begin(self.pipeline, now, self._look_back))
        since = newest - OVERLAP
        after: tuple[str, str] | None = None
        for _ in range(MAX_PAGES):
            rows = await self._source.rows(TABLES[self.pipeline], _changed(self.pipeline, since, after))
            if not rows:
                return
            after = (str(rows[-1]["updated_at"]), str(rows[-1]["id"]))
            await self._take(rows, done, read=True)
        done.behind = True

    async def _take(self, rows: list[Row], done: Pass, *, read: bool) -> list[SeenJob]:
        seen = []
        for row in rows:
            try:
                seen.append(read_job(self.pipeline, row))
            except ValueError:
                continue  # a row that somebody made by hand; it is no job of anybody
        up_to = max((job.changed_at for job in seen), default=None) if read else None
        taken = await self._thread.run(lambda: self._ledger.take(self.pipeline, seen, read_up_to=up_to))
        done.accepted += taken.accepted
        done.profiles += taken.profiles
        done.callbacks += taken.callbacks
        return seen

    # Beginnings ------------------------------------------------------------------------------------------------------

    async def _start(self, now: float) -> None:
        await self._thread.run(lambda: self._start_blocking(now))

    def _start_blocking(self, now: float) -> None:
        unstarted = self._ledger.unstarted(self.pipeline, MAX_STARTS)
        begun = [one for one in (self._begun(job, now) for job in unstarted) if one is not None]
        if begun:
            self._ledger.start(self.pipeline, begun)

    def _begun(self, job: Unstarted, now: float) -> Begun | None:
        began, side = job.accepted_at, str(self.pipeline)
        decision = self._evidence.decision(job.user, side, began - DECISION_SECONDS, began)
        if decision is None:
            decision = self._evidence.decision(job.user, side, began, began + CLOCKS_APART)
        if decision is None and abs(now - began) < self._grace:
            return None
        record = None
        if decision is not None and counts(self.pipeline, decision):
            record = start_record(self.pipeline, job.id, job.user, job.accepted_at, decision, now)
        return Begun(job.id, decision, record)

    # Ends ------------------------------------------------------------------------------------------------------------

    async def _settle(self, now: float, done: Pass) -> None:
        silent, again = now - self._patience, now - CHECK_AGAIN
        ids = await self._thread.run(lambda: self._ledger.unsettled(self.pipeline, silent, again, MAX_SETTLED))
        if not ids:
            return
        done.behind = done.behind or len(ids) == MAX_SETTLED
        query = {"select": COLUMNS[self.pipeline], "id": f"in.({','.join(ids)})"}
        rows = await self._source.rows(TABLES[self.pipeline], query)
        found = {job.id: job for job in await self._take(rows, done, read=False)}
        for job_id in ids:
            try:
                settled = await self._judge(job_id, found.get(job_id), now, done)
            except SourceRefused as error:  # a column or a right is missing: the other jobs need not wait for it
                done.refused = str(error)
                continue
            if settled is not None:
                done.settled.append(settled)
        await self._thread.run(lambda: self._ledger.checked(self.pipeline, ids, now))

    async def _judge(self, job_id: str, job: SeenJob | None, now: float, done: Pass) -> Settled | None:
        """The job's first end, written; None if it has none yet, or had it before."""
        if job is None:
            return await self._write(self._gone(job_id, now), JobState.GONE, "row-deleted", Figures(), now)
        if job.state in OPEN:
            if not job.stuck(now, self._patience):
                return None
            rule = "attempts-used-up" if job.last_attempt else "silent"
            return await self._write(job, JobState.STUCK, rule, job.figures, now)
        if job.state not in CLAIMS:
            return await self._write(job, job.state, job.rule, job.figures, now)
        stored, saved_at = await look_at(self._source, job)
        state, rule = prove(job.state, job.rule, stored)
        figures = replace(job.figures, chunks=stored.chunks)
        # The monolith's row no longer says when its first profile was there; the profile does, if it is this job's.
        if job.pipeline is Pipeline.LEGACY and saved_at is not None and job.accepted_at <= saved_at:
            profiled = [replace(job, profile_at=saved_at)]
            done.profiles += (await self._thread.run(lambda: self._ledger.take(self.pipeline, profiled))).profiles
        return await self._write(job, state, rule, figures, now)

    def _gone(self, job_id: str, now: float) -> SeenJob:
        return SeenJob(self.pipeline, job_id, "", JobState.GONE, "", now, now, now, now, None)

    async def _write(self, job: SeenJob, state: JobState, rule: str, figures: Figures, now: float) -> Settled | None:
        return await self._thread.run(lambda: self._write_blocking(job, state, rule, figures, now))

    def _write_blocking(self, job: SeenJob, state: JobState, rule: str, figures: Figures, now: float) -> Settled | None:
        known = self._ledger.facts(self.pipeline, job.id)
        if known is None:
            return None
        user, accepted_at, decision = known
        job = replace(job, accepted_at=accepted_at)
        record = end_record(job, user, decision, state, rule, figures, now)
        if not self._ledger.settle(self.pipeline, job.id, state, record):
            return None
        return Settled(job, state, rule, figures, float(str(record.body["seconds"])), decision is not None)


def _changed(pipeline: Pipeline, since: float, after: tuple[str, str] | None) -> dict[str, str]:
    """Rows that changed since a moment, in an order that later changes do not disturb, behind the last one read."""
    query = {"select": COLUMNS[pipeline], "order": "updated_at.asc,id.asc"}
    if after is None:
        return {**query, "updated_at": f"gte.{iso(since)}"}
    changed, last = after
    return {**query, "or": f'(updated_at.gt."{changed}",and(updated_at.eq."{changed}",id.gt.{last}))'}
