"""What becomes of running v2 jobs once a rollback has set the flag to 0: they drain, are cancelled, or handed back.

The flag comes first, always, so that no new job begins while these end. Counterparts: `controls`, which sets the flag,
and `gateway.ops.jobs`, which asks v2. Jobs that v2 took while the change was on its way to the workers are ended too.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.ops.errors import JobsUnavailableError
from gateway.ops.jobs import Ended, RunningJob, V2Jobs
from gateway.ops.reports import ChangeReport, RollbackReport

AT_ONCE: Final = 16
"""Jobs that are ended at a time."""
PATIENCE: Final = 60.0
"""Seconds for all of them."""
LOOK_AGAIN: Final = 0.2
MAX_REASONS: Final = 10


class Mode(StrEnum):
    """What holds for users whose v2 job runs: `drain` keeps them on v2 until it ends, `hard` keeps nobody."""

    DRAIN = "drain"
    HARD = "hard"


@dataclass(slots=True)
class JobsOutcome:
    """Jobs that were running, each with its user and what became of it; None for one that was left alone.

    `error` says why they are not all here, or not all done.
    """

    jobs: dict[str, tuple[str, Ended | None]] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    error: str | None = None

    def count(self, what: Ended | None) -> int:
        """How many jobs came to this."""
        return sum(became is what for _, became in self.jobs.values())

    def users(self, *what: Ended | None) -> int:
        """How many users have such a job."""
        return len({user for user, became in self.jobs.values() if became in what})


async def settle_jobs(jobs: V2Jobs | None, mode: Mode, *, hand_back: bool, settled_at: float) -> JobsOutcome:
    """End the running jobs as the rollback wants it, or only look at them. Never raises.

    `settled_at` (monotonic seconds) is when the flag's change is in force everywhere.
    """
    outcome = JobsOutcome()
    if jobs is None:
        outcome.error = "v2's address is not known here (GATEWAY_V2)"
        return outcome
    try:
        async with asyncio.timeout(PATIENCE):
            if hand_back:
                await _end_all(jobs, jobs.hand_back, outcome, settled_at)
            elif mode is Mode.HARD:
                await _end_all(jobs, jobs.cancel, outcome, settled_at)
            else:
                outcome.jobs = {job.job_id: (job.user_id, None) for job in (await jobs.listing()).jobs}
    except JobsUnavailableError as error:
        outcome.error = str(error)
    except TimeoutError:
        outcome.error = f"not all jobs could be ended within {PATIENCE:g} s"
    return outcome


async def _end_all(
    jobs: V2Jobs, end: Callable[[str], Awaitable[tuple[Ended, str]]], outcome: JobsOutcome, settled_at: float
) -> None:
    while True:
        last_look = time.monotonic() >= settled_at
        fresh = [job for job in (await jobs.listing()).jobs if job.job_id not in outcome.jobs]
        await _end(fresh, end, outcome)
        if last_look and not fresh:
            return
        if not fresh:
            await asyncio.sleep(LOOK_AGAIN)


async def _end(
    fresh: Iterable[RunningJob], end: Callable[[str], Awaitable[tuple[Ended, str]]], outcome: JobsOutcome
) -> None:
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(job: RunningJob) -> None:
        async with turn:
            try:
                became, reason = await end(job.job_id)
            except JobsUnavailableError as error:
                became, reason = Ended.FAILED, str(error)
        outcome.jobs[job.job_id] = job.user_id, became
        if reason:
            outcome.reasons[reason] = outcome.reasons.get(reason, 0) + 1

    await asyncio.gather(*(one(job) for job in fresh))


def rollback_report(change: ChangeReport, mode: Mode, outcome: JobsOutcome, *, hand_back: bool) -> RollbackReport:
    """The whole rollback, in the shape that people and programs get."""
    kept = mode is Mode.DRAIN and change.action != "kill"
    alone: tuple[Ended | None, ...] = () if kept else (None, Ended.CANCELLED, Ended.FAILED)
    ending = hand_back or mode is Mode.HARD
    failed = outcome.count(Ended.FAILED)
    return RollbackReport(
        **change.model_dump(by_alias=False),
        mode=mode,
        hand_back=hand_back,
        running=len(outcome.jobs) if outcome.jobs or outcome.error is None else None,
        draining=outcome.count(None) + (failed if kept else 0),
        cancelled=outcome.count(Ended.CANCELLED),
        handed_back=outcome.count(Ended.HANDED_BACK),
        over=outcome.count(Ended.OVER),
        failed=failed,
        stranded=outcome.users(*alone) if outcome.jobs or outcome.error is None else None,
        reasons=[f"{count} x {reason}" for reason, count in list(outcome.reasons.items())[:MAX_REASONS]],
        jobs_error=outcome.error,
        complete=not failed and (outcome.error is None or not ending),
    )


def told(report: RollbackReport, why: str) -> str:
    """The reason for the journal, with what became of the jobs."""
    if report.running is None:
        return f"{why} (jobs unknown: {report.jobs_error})".strip()
    counts = {
        "draining": report.draining,
        "cancelled": report.cancelled,
        "handed back": report.handed_back,
        "over": report.over,
        "failed": report.failed,
    }
    shown = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none"
    return f"{why} (jobs: {shown})".strip()
