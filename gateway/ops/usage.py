"""Reports the workers' decisions to Unleash, once a minute, from the supervisor. Counterpart: `flags.unleash_usage`.

Decisions that say nothing about the flag are left out: forced and pinned ones.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from flags.errors import SourceUnavailableError
from flags.unleash_usage import UnleashUsage, Uses
from gateway.core.decide import UNCOUNTED, Backend
from gateway.ops.fleet_port import FleetPort

INTERVAL = 60.0
FLUSH_SECONDS = 3.0
MAX_PROCESSES = 1024
"""Worker processes whose counts are kept; only workers that keep dying come near."""
Counts = Mapping[str, Uses]


class _Process(NamedTuple):
    """One worker process: a replaced worker counts from nothing again."""

    worker: object
    pid: object


class UsageReporter:
    """Counts what was decided since the last report that arrived. `error` says why the last one did not."""

    def __init__(self, fleet: FleetPort, usage: UnleashUsage, *, interval: float = INTERVAL) -> None:
        self._fleet = fleet
        self._usage = usage
        self._interval = interval
        self._since = self._started = datetime.now(UTC)
        self._reported: dict[_Process, Counts] = {}
        self._under_way: asyncio.Task[None] | None = None
        self.error: str | None = None

    async def run(self) -> None:
        """Report again and again; ends by being cancelled. The first report only registers."""
        while True:
            await self.report()
            await asyncio.sleep(self._interval)

    async def report(self) -> None:
        """Report once. What cannot be sent is sent next time; a caller who is cancelled leaves it to its end."""
        self._under_way = asyncio.create_task(self._report())
        await asyncio.shield(self._under_way)

    async def flush(self) -> None:
        """Report what is left once the workers have ended; `run` is cancelled by then.

        Takes no longer than FLUSH_SECONDS, and does not wait for a server that was away a minute ago.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                if self._under_way is not None:
                    await asyncio.wait([self._under_way])
                if self.error is None:
                    await self._report()

    async def _report(self) -> None:
        found = _counted(await self._fleet.snapshots())
        fresh = _difference(found, self._reported)
        until = datetime.now(UTC)
        try:
            await asyncio.to_thread(self._send, fresh, until)
        except SourceUnavailableError as error:
            self.error = str(error)
            return
        self.error, self._since = None, until
        self._reported |= found  # a worker that is silent for once keeps what it said
        while len(self._reported) > MAX_PROCESSES:
            del self._reported[next(iter(self._reported))]

    def _send(self, fresh: Counts, until: datetime) -> None:
        # Each time, because a server that is killed may lose what it was told a moment before.
        self._usage.register(self._started)
        if fresh:
            self._usage.send(fresh, self._since, until)


def _counted(snapshots: list[dict[str, object]]) -> dict[_Process, Counts]:
    found: dict[_Process, Counts] = {}
    for snapshot in snapshots:
        counters = snapshot.get("counters")
        if not isinstance(counters, dict):
            continue
        uses: dict[str, Uses] = {}
        for flag, backend, reason, count in counters["decisions"]:
            if reason in UNCOUNTED:
                continue
            before = uses.get(flag, Uses())
            on, off = (count, 0) if backend == Backend.V2 else (0, count)
            uses[flag] = Uses(before.on + on, before.off + off)
        found[_Process(snapshot.get("worker"), snapshot.get("pid"))] = uses
    return found


def _difference(found: dict[_Process, Counts], reported: dict[_Process, Counts]) -> dict[str, Uses]:
    fresh: dict[str, Uses] = {}
    for process, counts in found.items():
        before = reported.get(process, {})
        for flag, uses in counts.items():
            was, so_far = before.get(flag, Uses()), fresh.get(flag, Uses())
            on, off = uses.on - was.on, uses.off - was.off
            if on or off:
                fresh[flag] = Uses(so_far.on + on, so_far.off + off)
    return fresh
