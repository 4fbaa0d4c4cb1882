"""Follows both pipelines as long as the gateway runs, one pass after another, and keeps what the passes brought.

One follower per pipeline and gateway. When the database is down or refuses, the next pass waits longer and longer; what
was missed meanwhile is read then. Counterparts: gateway.observe.follower (a pass), gateway.observe.job_metrics.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from gateway.observe.errors import ObserveError, SourceRefused
from gateway.observe.evidence import Evidence
from gateway.observe.follower import Follower, Pass
from gateway.observe.job_ledger import JobLedger
from gateway.observe.job_metrics import JobMetrics
from gateway.observe.jobs import JobState, Pipeline
from gateway.observe.stored import Source

FOLLOW_SECONDS: Final = 3.0
MAX_WAIT: Final = 60.0
STUCK_SECONDS: Final = 1800.0
"""An import is expected to be over after half an hour; an open job that is silent for so long counts as stuck."""


@dataclass(slots=True)
class Following:
    """How the following of one pipeline goes: `read_at` is when it was last read, Unix time.

    `settled_at`: what had ended by then is in the evidence; it stands still while there is more than a pass can do.
    """

    read_at: float | None = None
    settled_at: float | None = None
    problem: str | None = None
    failures: int = 0


class Pipelines:
    """Both followers over one source."""

    def __init__(
        self, source: Source, evidence: Evidence, *, patience: float = STUCK_SECONDS, interval: float = FOLLOW_SECONDS
    ) -> None:
        self._evidence = evidence
        self._patience = patience
        self._interval = interval
        self._ledger = JobLedger(evidence.database, evidence.pseudonyms.of)
        self._followers = [
            Follower(pipeline, source, self._ledger, evidence.store, evidence.thread, patience=patience)
            for pipeline in Pipeline
        ]
        self.metrics = JobMetrics()
        self.following: Mapping[Pipeline, Following] = {pipeline: Following() for pipeline in Pipeline}
        self.open: Mapping[tuple[str, JobState], int] = {}

    def works(self) -> list[Callable[[], Awaitable[None]]]:
        """What follows each pipeline for ever, at its own pace."""
        return [partial(self._follow, follower) for follower in self._followers]

    async def _follow(self, follower: Follower) -> None:
        while True:
            behind = await self.advance(follower)
            await asyncio.sleep(0 if behind else self._wait(self.following[follower.pipeline]))

    async def advance(self, follower: Follower) -> bool:
        """One pass; True if there is more to do at once. Never raises."""
        state, now = self.following[follower.pipeline], time.time()
        try:
            done = await follower.advance(now, self._evidence.collect)
            self.open = await self._evidence.thread.run(lambda: self._ledger.open_jobs(now - self._patience))
        except ObserveError as error:
            state.failures = state.failures + 1 if not isinstance(error, SourceRefused) else 99
            if str(error) != state.problem:
                sys.stderr.write(f"{follower.pipeline}'s jobs cannot be followed: {error}\n")
            state.problem = str(error)
            self.metrics.follow_errors(follower.pipeline)
            return False
        if done.refused is not None:
            self.metrics.follow_errors(follower.pipeline)
            if done.refused != state.problem:
                sys.stderr.write(f"{follower.pipeline}: a job cannot be looked at: {done.refused}\n")
        elif state.problem is not None:
            sys.stderr.write(f"{follower.pipeline}'s jobs are followed again\n")
        state.read_at, state.problem, state.failures = now, done.refused, 0
        if not done.behind:
            state.settled_at = now
        self._count(follower.pipeline, done)
        return done.behind

    def _wait(self, state: Following) -> float:
        return min(MAX_WAIT, self._interval * 2.0 ** min(state.failures, 10))

    def _count(self, pipeline: Pipeline, done: Pass) -> None:
        metrics = self.metrics
        metrics.accepted(pipeline, done.accepted)
        for job in done.profiles:
            metrics.first_profile(job)
        for job in done.callbacks:
            metrics.callback(job)
        for one in done.settled:
            metrics.ended(one)

    def exposition(self) -> bytes:
        """The metrics of all jobs, in Prometheus' text format 0.0.4."""
        return self.metrics.render(self.open, self.following)

    def settled_at(self) -> float | None:
        """Up to when the ends of both pipelines are in the evidence, Unix time; None before that is known of both."""
        known = [state.settled_at for state in self.following.values() if state.settled_at is not None]
        return min(known) if len(known) == len(self.following) else None

    def running(self) -> dict[str, int]:
        """Open jobs by pipeline, stuck ones left out; a pipeline that was never read to the end is left out too."""
        counts = {str(pipeline): 0 for pipeline, state in self.following.items() if state.read_at is not None}
        for (pipeline, state), count in self.open.items():
            if state is not JobState.STUCK and pipeline in counts:
                counts[pipeline] += count
        return counts
