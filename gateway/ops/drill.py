"""Times a rollback without making one: the flag is written again as it is, under a new generation, and every worker is
asked when it had that generation in force. Counterparts: `rollout drill`, and `replicas` for several gateways.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from flags.errors import ChangeRefusedError, NoPercentageError, UnknownFlagError
from gateway.ops.controls import Controls
from gateway.ops.reports import DrillReport, DrillWorker

PATIENCE = 10.0
"""Seconds to wait for the slowest worker."""

LOOK_INTERVAL = 0.05


class Workers(Protocol):
    """Whoever knows what workers have in force."""

    async def snapshots(self) -> list[dict[str, object]]:
        """One JSON object per worker. `gateway` says which one's it is, where there are several."""
        ...


async def drill(
    fleet: Workers, controls: Controls, flag: str, *, who: str, why: str, same_clock: bool = True
) -> DrillReport:
    """Write the flag's own percentage again and wait for all workers. Raises a flags.errors.FlagsError.

    Workers on other machines have other clocks: without `same_clock` their times are those at which they were seen to
    have it, which is too long by one look.
    """
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
    deadline, known = time.monotonic() + PATIENCE, dict[tuple[str, int], float]()
    while True:
        workers = [_worker(number, item, generation) for number, item in enumerate(await fleet.snapshots())]
        if not same_clock:
            workers = [_first_seen(worker, known) for worker in workers]
        if all(worker.applied_at is not None for worker in workers) or time.monotonic() > deadline:
            return _report(flag, generation, written_at, workers)
        await asyncio.sleep(LOOK_INTERVAL)


class _Seen(NamedTuple):
    """When one worker of a gateway had the generation in force; None if it has not."""

    gateway: str
    number: int
    applied_at: float | None


def _first_seen(worker: _Seen, known: dict[tuple[str, int], float]) -> _Seen:
    if worker.applied_at is None:
        return worker
    return worker._replace(applied_at=known.setdefault(worker[:2], time.time()))


def _worker(number: int, snapshot: dict[str, object], generation: int) -> _Seen:
    gateway, own = str(snapshot.get("gateway", "")), snapshot.get("worker")
    number = own if gateway and isinstance(own, int) else number
    flags = snapshot.get("flags")
    if not isinstance(flags, dict):
        return _Seen(gateway, number, None)
    seen, loaded_at = flags.get("generation"), flags.get("loaded_at")
    if not isinstance(seen, int) or not isinstance(loaded_at, int | float) or seen < generation:
        return _Seen(gateway, number, None)
    return _Seen(gateway, number, float(loaded_at))


def _report(flag: str, generation: int, written_at: float, workers: Sequence[_Seen]) -> DrillReport:
    rows = [
        DrillWorker(
            worker=number,
            gateway=gateway,
            seconds=None if applied_at is None else round(max(0.0, applied_at - written_at), 4),
        )
        for gateway, number, applied_at in workers
    ]
    times = [row.seconds for row in rows if row.seconds is not None]
    complete = bool(rows) and len(times) == len(rows)
    slowest = max(times) if complete else None
    return DrillReport(flag=flag, generation=generation, complete=complete, seconds=slowest, workers=rows)
