"""Jobs one by one through the real judge: failures and doubled durations, found after how many hours and jobs of v2."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from math import exp
from random import Random

from bench.guard.budget import plan
from gateway.core.decide import Backend
from gateway.rollout.evidence import JobOutcome, JobStart, Record
from gateway.rollout.judge import SETTLING, Judge
from gateway.rollout.rule import Kind
from gateway.rollout.verdict import Severity

MEDIAN_SECONDS = 360.0
V2_JOBS_PER_HOUR = 40
PERCENTAGE = 10
LEGACY_FAILING = 0.02


@dataclass(frozen=True, slots=True)
class Jobs:
    """What v2's jobs are like; legacy's fail in 2 % and take 6 min (median) with the same spread.

    `spread` is the standard deviation of the logarithm of the durations; a failing job fails anywhere on its way.
    """

    failing: float = LEGACY_FAILING
    times_as_slow: float = 1.0
    spread: float = 0.6
    hours: float = 24.0


@dataclass(frozen=True, slots=True)
class Found:
    """When a guardrail fired: hours since the step began, and v2's jobs accepted by then."""

    hours: float
    v2_jobs: int
    rule: Kind


def detection(rng: Random, jobs: Jobs) -> Found | None:
    """The first guardrail to fire, looked at each minute; None if none does."""
    judge = Judge(plan().bench(0), began_at=0.0)
    look, started = 60.0, 0
    for at, record in _stream(rng, jobs):
        while at > look:
            judge.tick(look)
            for spec in judge.fired(Severity.GUARDRAIL):
                return Found(look / 3600, started, spec.kind)
            look += 60.0
        started += isinstance(record, JobStart) and record.backend is Backend.V2
        judge.hear([record])
    return None


def _stream(rng: Random, jobs: Jobs) -> Iterator[tuple[float, Record]]:
    """Starts and ends, in order of time, made as they are asked for."""
    pause = 3600 * PERCENTAGE / 100 / V2_JOBS_PER_HOUR
    at, number = SETTLING, 0
    running: list[tuple[float, int, JobOutcome]] = []
    while (at := at + rng.expovariate(1 / pause)) < jobs.hours * 3600:
        while running and running[0][0] <= at:
            ended_at, _, outcome = heapq.heappop(running)
            yield ended_at, outcome
        bucket = int(rng.random() * 100) + 1
        backend = Backend.V2 if bucket <= PERCENTAGE else Backend.LEGACY
        v2 = backend is Backend.V2
        seconds = MEDIAN_SECONDS * exp(rng.gauss(0, jobs.spread)) * (jobs.times_as_slow if v2 else 1.0)
        failed = rng.random() < (jobs.failing if v2 else LEGACY_FAILING)
        seconds *= rng.random() if failed else 1.0
        number += 1
        decided = (str(number), bucket, PERCENTAGE, backend, str(number), at)
        yield at, JobStart(0, at, *decided)
        ended_at = at + seconds
        heapq.heappush(running, (ended_at, number, JobOutcome(0, ended_at, *decided, seconds, failed, False, False)))
