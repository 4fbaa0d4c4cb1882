"""Asks v2 once a second which jobs run, and lets the workers pin their users. Counterparts: v2's `/jobs`, the fleet.

While v2 does not answer, what it said last stays in force until it is too old; a v2 that never listed its jobs pins
nobody. Runs in the supervisor, so it needs nothing beyond the standard library and the metrics library.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from gateway.ops.errors import JobsUnavailableError
from gateway.ops.fleet_port import FleetPort
from gateway.ops.jobs import V2Jobs
from gateway.proxy.pinning import Listed

INTERVAL: Final = 1.0
MAX_PAUSE: Final = 10.0
"""Seconds between two questions while v2 does not answer, at most."""

JobCounts = Callable[[], Mapping[str, int]]
"""Running jobs by backend, from whoever follows them in the database; a backend that it does not know is left out."""


@dataclass(frozen=True, slots=True)
class JobsSeen:
    """What is known of v2's running jobs. `running` is None if nothing is; `age` in seconds; `error`: why not newer."""

    running: int | None
    listed: int
    age: float | None
    error: str | None


class JobWatch:
    """One gateway's watcher of v2's jobs. What is older than `max_age` seconds counts as unknown; 0 asks nothing."""

    def __init__(
        self, fleet: FleetPort, jobs: V2Jobs, *, max_age: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fleet = fleet
        self.jobs = jobs
        self._max_age = max_age
        self._clock = clock
        self._listed: Listed | None = None
        self._running: int | None = None
        self._error: str | None = None
        self._backoff = INTERVAL
        self._ask_at = 0.0
        self._registry = CollectorRegistry(auto_describe=False)
        self._gauge = Gauge("gateway_v2_jobs_running", "Jobs that run on v2, as v2 says.", registry=self._registry)
        self._trouble = Gauge(
            "gateway_v2_jobs_error", "1 while v2 does not say which jobs run.", registry=self._registry
        )

    async def run(self) -> None:
        """Look again and again; ends by being cancelled."""
        while self._max_age:
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 -- a watcher that died would leave users pinned, or never pin any
                context = {"message": "watching v2's jobs failed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(context)
            await asyncio.sleep(INTERVAL)

    async def look(self) -> None:
        """Ask v2 if it is time to, and tell the workers, new ones too, what is known."""
        if self._clock() >= self._ask_at:
            await self._ask()
        if self._listed is not None and self._clock() - self._listed.began <= self._max_age:
            await self._fleet.pin(self._listed)

    def seen(self) -> JobsSeen:
        """What is known now."""
        listed = self._listed
        age = None if listed is None else max(0.0, self._clock() - listed.began)
        if listed is None or age is None or age > self._max_age:
            return JobsSeen(None, 0, age, self._error)
        return JobsSeen(self._running, len(listed.users), age, self._error)

    def exposition(self) -> bytes:
        """Its gauges, in Prometheus' text format."""
        running = self.seen().running
        self._gauge.set(float("nan") if running is None else running)
        self._trouble.set(0 if self._error is None else 1)
        return generate_latest(self._registry)

    async def _ask(self) -> None:
        began = self._clock()
        try:
            listing = await self.jobs.listing()
        except JobsUnavailableError as error:
            self._error = str(error)
            self._ask_at = self._clock() + self._backoff
            self._backoff = min(MAX_PAUSE, self._backoff * 2)
            return
        users, known = tuple(sorted({job.user_id for job in listing.jobs})), self._listed
        version = 1 if known is None else known.version + (users != known.users)
        self._listed, self._running = Listed(version, began, users), listing.running
        self._error, self._backoff = None, INTERVAL
        took = self._clock() - began
        # A v2 with so many jobs that listing them takes long is asked less often.
        self._ask_at = self._clock() + (took if took > INTERVAL else 0.0)
