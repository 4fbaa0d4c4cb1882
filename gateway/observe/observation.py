"""Evidence and pipelines of one gateway, wired: what the supervisor starts, and what the ops port asks.

Nothing here may stop the gateway: what cannot be had is said on standard error, in the metrics and in `status`.
"""

import asyncio
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from gateway.observe.cohort_counts import CohortCounts
from gateway.observe.errors import EvidenceUnusable
from gateway.observe.evidence import Evidence, Workers
from gateway.observe.pipelines import Pipelines

NO_SOURCE: Final = "GATEWAY_SUPABASE_URL is not set"
AFTER_DEFECT: Final = 10.0
COUNT_SECONDS: Final = 1.0


class Source(Protocol):
    """gateway.observe.stored's source, which can also be closed."""

    async def close(self) -> None:
        """Hang up."""
        ...


@dataclass(frozen=True, slots=True)
class ObservationConfig:
    """The folder of the evidence, and the database that both pipelines write to; no URL means that none is followed."""

    folder: Path
    supabase_url: str = ""
    supabase_service_key: str = ""
    stuck_seconds: float = 1800.0
    supabase_anon_key: str = ""
    requests_per_second: float = 10.0


class Observation:
    """One gateway's. `run` does all the work until it is cancelled; then `close`."""

    def __init__(self, workers: Workers, config: ObservationConfig) -> None:
        self._config = config
        self.evidence = Evidence(workers, config.folder)
        self.pipelines: Pipelines | None = None
        self.problem: str | None = None
        self._source: Source | None = None
        self._cohorts = CohortCounts()
        registry = self._registry = CollectorRegistry()
        self._written = Counter("gateway_evidence_records", "Requests written to the evidence.", registry=registry)
        self._dropped = Counter(
            "gateway_evidence_dropped", "Requests that the evidence does not have.", registry=registry
        )
        self._up = Gauge("gateway_evidence_up", "1 while the evidence can be written.", registry=registry)
        self._defects = Counter("gateway_evidence_defects", "Works that broke and began again.", registry=registry)
        self._following = Gauge("gateway_jobs_followers", "Pipelines whose jobs are to be followed.", registry=registry)

    async def open(self) -> None:
        """Open the folder and make ready to follow. Never raises."""
        try:
            await self.evidence.open()
        except EvidenceUnusable as error:
            self.problem = str(error)
            sys.stderr.write(f"no evidence is kept: {error}\n")
            return
        if not self._config.supabase_url:
            sys.stderr.write(f"jobs of the pipelines are not followed: {NO_SOURCE}\n")
            return
        from gateway.observe.supabase import SupabaseReader  # the HTTP client: 10 MB, for who has a use for it

        config = self._config
        source = SupabaseReader(
            config.supabase_url,
            config.supabase_service_key,
            anon_key=config.supabase_anon_key,
            per_second=config.requests_per_second,
        )
        self._source = source
        self.pipelines = Pipelines(source, self.evidence, patience=self._config.stuck_seconds)

    async def run(self) -> None:
        """Collect and follow until cancelled. Never raises."""
        if self.problem is not None:
            return
        works = [self.evidence.run, self._count_cohorts, *(self.pipelines.works() if self.pipelines else [])]
        await asyncio.gather(*map(self._keep_up, works))

    async def _count_cohorts(self) -> None:
        """Count users by cohort for ever, from the evidence that is there."""
        while True:
            try:
                behind = await self.evidence.thread.run(lambda: self._cohorts.advance(self.evidence.store))
            except EvidenceUnusable:
                behind = False  # whoever writes says so
            await asyncio.sleep(0 if behind else COUNT_SECONDS)

    async def _keep_up(self, work: Callable[[], Awaitable[None]]) -> None:
        """Begin again after a defect: one of these must end neither the others nor the gateway."""
        while True:
            try:
                await work()
            except Exception:  # noqa: BLE001 -- whatever it is, it is said, counted, and tried again
                self._defects.inc()
                sys.stderr.write(f"evidence: a defect\n{traceback.format_exc()}")
            await asyncio.sleep(AFTER_DEFECT)

    async def close(self) -> None:
        """Write what the workers left, and close files and connections. After the fleet has stopped."""
        if self._source is not None:
            await self._source.close()
        if self.problem is None:
            await self.evidence.close()

    def status(self) -> dict[str, object]:
        """What is kept and followed, and what is wrong with it."""
        problem = self.problem or self.evidence.problem
        pipelines: dict[str, object] = {}
        if self.pipelines is not None:
            pipelines = {
                str(pipeline): {"read_at": state.read_at, "problem": state.problem}
                for pipeline, state in self.pipelines.following.items()
            }
        unfollowed = NO_SOURCE if self.pipelines is None else None
        return {"evidence": {"problem": problem}, "following": pipelines, "not_following": unfollowed}

    def settled_at(self) -> float | None:
        """Up to when the ends of all jobs are in the evidence, Unix time; None if nobody knows."""
        return None if self.pipelines is None else self.pipelines.settled_at()

    def running(self) -> Mapping[str, int]:
        """Running jobs by backend, from the rows that were read; nothing for what is not followed."""
        return {} if self.pipelines is None else self.pipelines.running()

    def exposition(self) -> bytes:
        """All metrics of evidence and jobs, in Prometheus' text format 0.0.4."""
        _raise_to(self._written, self.evidence.written)
        _raise_to(self._dropped, self.evidence.dropped)
        self._up.set(0 if self.problem or self.evidence.problem else 1)
        jobs = b""
        if self.pipelines is not None:
            jobs = self.pipelines.exposition()
            self._following.set(len(self.pipelines.following))
        return generate_latest(self._registry) + self._cohorts.exposition() + jobs


def _raise_to(counter: Counter, total: int) -> None:
    """Bring a counter to a total that is counted elsewhere."""
    now = next(one.value for metric in counter.collect() for one in metric.samples if one.name.endswith("_total"))
    counter.inc(total - now)
