"""Times a rollback without making one: the flag is written again as it is, under a new generation, and every worker is
asked when it had that generation in force. Counterpart: `rollout drill`.
"""

import asyncio
import time

from flags.errors import ChangeRefusedError, NoPercentageError, UnknownFlagError
from gateway.ops.controls import Controls
from gateway.ops.fleet_port import FleetPort
from gateway.ops.reports import DrillReport, DrillWorker

PATIENCE = 10.0
"""Seconds to wait for the slowest worker."""

LOOK_INTERVAL = 0.05


async def drill(fleet: FleetPort, controls: Controls, flag: str, *, who: str, why: str) -> DrillReport:
    """Write the flag's own percentage again and wait for all workers. Raises a flags.errors.FlagsError."""
    status = await asyncio.to_thread(controls.status)
    found = next((item for item in status.flags if item.name == flag), None)
    if found is None:
        raise UnknownFlagError(flag, [item.name for item in status.flags])
    if found.percentage is None:
        raise NoPercentageError(f"flag {flag!r} has no percentage by user id")
    if status.error is not None:
        raise ChangeRefusedError(f"no drill while the flags cannot be read: {status.error}")
    written_at = time.time()
    change = await asyncio.to_thread(
        controls.set_percentage, flag, found.percentage, who=who, why=why, expected_generation=status.generation
    )
    generation = change.generation if change.generation is not None else (status.generation or 0) + 1
    deadline = time.monotonic() + PATIENCE
    while True:
        workers = [_worker(number, item, generation) for number, item in enumerate(await fleet.snapshots())]
        if all(worker.applied_at is not None for worker in workers) or time.monotonic() > deadline:
            return _report(flag, generation, written_at, workers)
        await asyncio.sleep(LOOK_INTERVAL)


class _Seen:
    """When one worker had the generation in force; None if it has not."""

    def __init__(self, number: int, applied_at: float | None) -> None:
        self.number = number
        self.applied_at = applied_at


def _worker(number: int, snapshot: dict[str, object], generation: int) -> _Seen:
    flags = snapshot.get("flags")
    if not isinstance(flags, dict):
        return _Seen(number, None)
    seen, loaded_at = flags.get("generation"), flags.get("loaded_at")
    if not isinstance(seen, int) or not isinstance(loaded_at, int | float) or seen < generation:
        return _Seen(number, None)
    return _Seen(number, float(loaded_at))


def _report(flag: str, generation: int, written_at: float, workers: list[_Seen]) -> DrillReport:
    rows = [
        DrillWorker(
            worker=worker.number,
            seconds=None if worker.applied_at is None else round(max(0.0, worker.applied_at - written_at), 4),
        )
        for worker in workers
    ]
    times = [row.seconds for row in rows if row.seconds is not None]
    complete = bool(rows) and len(times) == len(rows)
    slowest = max(times) if complete else None
    return DrillReport(flag=flag, generation=generation, complete=complete, seconds=slowest, workers=rows)
