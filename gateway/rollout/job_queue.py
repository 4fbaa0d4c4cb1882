"""Jobs wait here until each rule may look at them: at a fixed age, oldest first. Counterpart: `judge`.

A pipeline that fails or finishes sooner must not be heard sooner. If outcomes counted when they come, a v2 that is
twice as fast would show its failures first and look worse; at a fixed age both sides have had the same time.
"""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.core.decide import Backend
from gateway.rollout.evidence import JobOutcome, JobStart
from gateway.rollout.users import DistinctUsers

GRACE = 30.0
"""Seconds beyond an age in which its records may still arrive; both pipelines are asked every few seconds."""

MAX_WAITING = 20_000


@dataclass(slots=True)
class Job:
    """A user's first job of the step. `seconds` is None while it runs; `looks` counts the rules still to look."""

    id: str
    cohort: Backend
    accepted_at: float
    looks: int
    seconds: float | None = None
    failed: bool = False
    degraded: bool = False

    def ended_by(self, age: float) -> bool:
        """Whether it had ended at this age."""
        return self.seconds is not None and self.seconds <= age


@dataclass(slots=True)
class _Line:
    heap: list[tuple[float, str]] = field(default_factory=list)


class JobQueue:
    """The waiting jobs, one line per rule. `dropped` counts jobs for which there was no room."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = {name: _Line() for name in lines}
        self._jobs: dict[str, Job] = {}
        self._users = DistinctUsers()
        self.dropped = 0

    def started(self, record: JobStart | JobOutcome, cohort: Backend) -> None:
        """A job was seen; only a user's first one waits."""
        if record.job in self._jobs or not self._lines or not self._users.first(record.user):
            return
        if len(self._jobs) >= MAX_WAITING:
            self.dropped += 1
            return
        self._jobs[record.job] = Job(record.job, cohort, record.accepted_at, len(self._lines))
        for line in self._lines.values():
            heapq.heappush(line.heap, (record.accepted_at, record.job))

    def ended(self, record: JobOutcome) -> None:
        """A job ended; a void end removes it, so that nobody looks."""
        if record.void:
            self._jobs.pop(record.job, None)
        elif job := self._jobs.get(record.job):
            job.seconds, job.failed, job.degraded = record.seconds, record.failed, record.degraded

    def due(self, line: str, age: float, now: float) -> list[Job]:
        """Take the jobs of a line that were accepted at least `age` seconds ago, oldest first."""
        heap = self._lines[line].heap
        found = []
        while heap and heap[0][0] + age + GRACE <= now:
            job = self._jobs.get(heapq.heappop(heap)[1])
            if job is None:
                continue
            found.append(job)
            job.looks -= 1
            if not job.looks:
                del self._jobs[job.id]
        return found

    def __len__(self) -> int:
        return len(self._jobs)

    def dump(self) -> dict[str, object]:
        """Everything as JSON values."""
        return {
            "users": self._users.dump(),
            "dropped": self.dropped,
            "jobs": [
                [job.id, job.cohort, job.accepted_at, job.looks, job.seconds, job.failed, job.degraded]
                for job in self._jobs.values()
            ],
            "lines": {name: sorted(line.heap) for name, line in self._lines.items()},
        }

    def load(self, state: Mapping[str, object]) -> None:
        """Take up what `dump` gave. Raises KeyError, TypeError or ValueError for anything else."""
        users, jobs, lines = state["users"], state["jobs"], state["lines"]
        if not isinstance(users, dict) or not isinstance(jobs, list) or not isinstance(lines, dict):
            raise TypeError("the job queue was dumped in another shape")
        self._users.load(users)
        self.dropped = int(str(state["dropped"]))
        self._jobs = {item[0]: Job(item[0], Backend(item[1]), *item[2:]) for item in jobs}
        # A sorted list is a heap.
        self._lines = {name: _Line([(one[0], one[1]) for one in lines[name]]) for name in self._lines}
