"""Watches the fleet apply what ops changed: journals it, and holds the flags against Unleash's engine while they run.

Runs beside the ops API, in the supervisor; a fleet without it decides all the same. Counterparts: the workers, whose
snapshots it reads, and `flags.cross_check`.
"""

import asyncio
import sys
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from socket import gethostname
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, generate_latest

from flags.errors import FlagsError
from flags.journal import Journal
from gateway.ops.fleet_port import FleetPort
from gateway.ops.job_watch import JobWatch

LOOK_INTERVAL = 0.5
CHECK_EVERY = 60
"""Looks between two comparisons of unchanged flags: every half minute; changed flags are compared at once."""
FRESH_IDS = 100
"""Random ids in each comparison, beside the fixed ones; an answer of the engine costs some 50 µs."""

Compare = Callable[[Sequence[str]], tuple[int, list[str]]]


class InForce(NamedTuple):
    """What one worker has in force."""

    generation: int | None
    digest: str | None
    killed: bool


class FleetWatch:
    """One gateway's watcher. `compare` asks both evaluators about ids: how many answers, and the differences.

    `jobs` watches v2's jobs beside it, if given.
    """

    def __init__(self, fleet: FleetPort, flags_path: Path, compare: Compare, jobs: JobWatch | None = None) -> None:
        self._fleet = fleet
        self._jobs = jobs
        self._compare = compare
        self._journal = Journal(flags_path)
        self._known: dict[int, InForce] = {}
        self._compared: set[str | None] = set()
        self._looks = 0
        self._registry = CollectorRegistry(auto_describe=False)
        self._answers = Counter(
            "gateway_flag_cross_checks",
            "Answers of the compiled flags that were compared with Unleash's engine.",
            registry=self._registry,
        )
        self._disagreements = Counter(
            "gateway_flag_disagreements", "Answers in which the two differed.", registry=self._registry
        )

    async def run(self) -> None:
        """Look again and again; ends by being cancelled."""
        async with asyncio.TaskGroup() as tasks:
            if self._jobs is not None:
                tasks.create_task(self._jobs.run())
            while True:
                await self.look()
                await asyncio.sleep(LOOK_INTERVAL)

    async def look(self) -> None:
        """Look once: journal what workers have applied since the last time, compare if it is time to."""
        seen = [snapshot for snapshot in await self._fleet.snapshots() if isinstance(snapshot.get("flags"), dict)]
        await asyncio.to_thread(self._note, seen)
        digests = {found.digest for found in self._known.values()}
        if not digests <= self._compared or self._looks % CHECK_EVERY == 0:
            self._compared = digests
            await asyncio.to_thread(self._cross_check)
        self._looks += 1

    def exposition(self) -> bytes:
        """Its own counters and those of the jobs' watcher, in Prometheus' text format."""
        return generate_latest(self._registry) + (self._jobs.exposition() if self._jobs else b"")

    def _note(self, snapshots: list[dict[str, object]]) -> None:
        flips: dict[int | None, list[str]] = {}
        kills: dict[bool, list[str]] = {}
        for number, snapshot in enumerate(snapshots):
            worker, now, seconds = _read(number, snapshot)
            before = self._known.get(worker)
            self._known[worker] = now
            if before is None:
                continue
            if (before.generation, before.digest) != (now.generation, now.digest):
                after = "" if seconds is None else f" after {seconds * 1000:.0f} ms"
                flips.setdefault(now.generation, []).append(f"worker {worker}{after}")
            if before.killed is not now.killed:
                kills.setdefault(now.killed, []).append(f"worker {worker}")
        for generation, workers in flips.items():
            self._record(", ".join(workers), generation)
        for killed, workers in kills.items():
            self._record(f"{'kill' if killed else 'revival'}: {', '.join(workers)}", None)

    def _record(self, what: str, generation: int | None) -> None:
        try:
            self._journal.record("applied", who=f"gateway on {gethostname()}", why=what, generation=generation)
        except FlagsError as error:
            sys.stderr.write(f"{error}\n")

    def _cross_check(self) -> None:
        try:
            answers, differences = self._compare([str(uuid.uuid4()) for _ in range(FRESH_IDS)])
        except FlagsError:
            return  # the sources themselves tell that the flags cannot be had
        self._answers.inc(answers)
        self._disagreements.inc(len(differences))
        for difference in differences:
            sys.stderr.write(f"flags: Unleash's engine disagrees: {difference}\n")


def _read(number: int, snapshot: dict[str, object]) -> tuple[int, InForce, float | None]:
    flags = snapshot["flags"]
    assert isinstance(flags, dict)
    worker, seconds = snapshot.get("worker", number), flags.get("apply_seconds")
    in_force = InForce(flags.get("generation"), flags.get("digest"), bool(snapshot.get("killed")))
    return (
        worker if isinstance(worker, int) else number,
        in_force,
        float(seconds) if isinstance(seconds, int | float) else None,
    )
