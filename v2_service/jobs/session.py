"""One execution of a run: its lease, its model with memory, and how a step is run, checkpointed and reported."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from dbos import DBOS, StepOptions
from dbos import error as dbos_error

from v2_service.adapters.models_repairing import Repairing
from v2_service.adapters.replies import Remembering
from v2_service.adapters.runs import Lease
from v2_service.contract import JsonObject, JsonValue, ModelReply, ModelRequest, Models
from v2_service.errors import ServiceFailed, StaleRun
from v2_service.jobs.budget import Budget, Budgeted
from v2_service.jobs.profile import Phase
from v2_service.jobs.services import Services
from v2_service.jobs.sources import ExportSource, Source, StagedSource
from v2_service.observe import RunMetrics, say
from v2_service.paths import StoragePath
from v2_service.prices import prices
from v2_service.processors import Step, label_of, progress_within

BEATS_PER_LEASE = 3
BACKOFF = 2.0


class Gate(Protocol):
    """The place between two steps."""

    async def between_steps(self) -> None:
        """Returns at once, or never when the process is stopping."""
        ...


class Measured:
    """`contract.Models` that counts what is paid for now."""

    def __init__(self, models: Models, metrics: RunMetrics) -> None:
        self._models = models
        self._metrics = metrics

    async def complete(self, request: ModelRequest) -> ModelReply:
        reply = await self._models.complete(request)
        self._metrics.model_reply(request.step, reply)
        return reply


class Session:
    """What the steps of one execution share. `phase` says how far the user's data has come, for a failure's sake."""

    def __init__(self, services: Services, gate: Gate, lease: Lease) -> None:
        self.services = services
        self.lease = lease
        self.budget = Budget(services.costs, services.settings, lease.run_id)
        self.prices = prices(services.settings)
        paid = Budgeted(Measured(services.models, services.metrics), self.budget)
        self.replies = Remembering(
            paid, services.rest, lease.run_id, self.prices, services.arrivals(lease.run_id, "answers")
        )
        self.models = Repairing(self.replies)
        self.phase = Phase.SWITCHED if lease.switched else Phase.NOTHING
        self._gate = gate

    @property
    def refresh(self) -> bool:
        return self.lease.storage_path is None

    async def step(self, step: Step, work: Callable[[], Awaitable[JsonObject]], part: str = "") -> JsonObject:
        """Run a step once: its result is checkpointed, and a resumed run gets it from there.

        Transient failures are tried again. Raises what the step raises.
        """
        await self._gate.between_steps()

        async def measured() -> JsonObject:
            await self.report_within(step, 0, 1)
            began = time.monotonic()
            result = await work()
            self.services.metrics.step_seconds.labels(str(step)).observe(time.monotonic() - began)
            return result

        settings = self.services.settings
        options = StepOptions(
            name=f"{step}{part}",
            retries_allowed=settings.step_attempts > 1,
            max_attempts=settings.step_attempts,
            interval_seconds=settings.step_retry_seconds,
            backoff_rate=BACKOFF,
            should_retry=_is_transient,
        )
        try:
            return await DBOS.run_step_async(options, measured)
        except dbos_error.DBOSMaxStepRetriesExceeded as error:
            raise error.errors[-1] from error

    async def pause(self) -> None:
        """The same place inside a step that waits for long and may be left at any time."""
        await self._gate.between_steps()

    async def report(self, step: Step, progress: int, **counts: JsonValue) -> None:
        """Tell the run row, and through it the profile, how far we are."""
        await self.services.runs.report(self.lease, str(step), label_of(step), progress, counts)

    async def report_within(self, step: Step, done: int, total: int, **counts: JsonValue) -> None:
        """The same inside a step."""
        await self.report(step, progress_within(step, done, total), **counts)

    async def source(self) -> Source:
        """The run's conversations."""
        return StagedSource(self.services.chunks, self.lease) if self.refresh else await self.export()

    async def export(self) -> ExportSource:
        """The run's export; one that is not on this disk (any more) is fetched again."""
        assert self.lease.storage_path is not None
        path = self.services.spooled(self.lease.run_id)
        if not path.exists():
            bucket, _, name = self.lease.storage_path.partition("/")
            await self.services.storage.download(StoragePath(bucket, name), path)
        return ExportSource(path, self.services.readers)

    @asynccontextmanager
    async def heartbeat(self) -> AsyncIterator[None]:
        """Keep the lease while the block runs; a lost one is noticed by the next write."""
        task = asyncio.create_task(self._beat(), name=f"heartbeat {self.lease.run_id}")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.services.settings.lease_seconds / BEATS_PER_LEASE)
            try:
                await self.services.runs.heartbeat(self.lease)
            except StaleRun:
                return
            except ServiceFailed as error:
                say("heartbeat failed", {"run_id": self.lease.run_id, "code": error.code}, logging.WARNING)


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, ServiceFailed) and error.transient
