"""DBOS, launched and drained: runs are workflows with checkpointed steps, queued so that a bounded number work at once.

Counterparts: `workflow.py` says what a run does; `pipeline_runs` says which runs there are. A run has one workflow at a
time here, and the database's fence keeps out workers elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from dbos import DBOS, DBOSConfig, SetWorkflowID

from v2_service.errors import ServiceFailed
from v2_service.jobs.services import PIPELINE_VERSION, Services
from v2_service.jobs.session import Gate
from v2_service.jobs.workflow import execute
from v2_service.observe import say

QUEUE = "v2-imports"
POLL_SECONDS = 0.1
RUNNING = "PENDING"
ENDED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
# Fresh workflows for one run whose earlier ones ended without ending it (the database was away for long, for example).
MAX_WORKFLOWS = 5
CLEARED_AT_ONCE = 100
# Longer than any import; a run that is resumed later fetches its export again.
SPOOLED = timedelta(days=2)

_active: Jobs | None = None


class Jobs(Gate):
    """The running jobs of this process."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.launched = False
        self.stopping = False
        self._working: set[asyncio.Task[object]] = set()
        self._parked: set[asyncio.Task[object]] = set()
        self._moved = asyncio.Event()

    async def submit(self, run_id: str, *, silent: bool = False) -> None:
        """Make sure that a run is worked on; again for the same run changes nothing.

        A `silent` run whose workflow belongs to another worker gets a new workflow: that worker is dead, or will be
        fenced out. What this worker left unfinished itself, DBOS resumes.
        """
        for number in range(MAX_WORKFLOWS):
            workflow_id = f"{run_id}@{PIPELINE_VERSION}.{number}"
            status = await DBOS.get_workflow_status_async(workflow_id)
            if status is None:
                with SetWorkflowID(workflow_id):
                    await DBOS.enqueue_workflow_async(QUEUE, import_workflow, run_id)
                return
            orphaned = silent and status.status == RUNNING and status.executor_id != self.services.settings.executor_id
            if status.status not in ENDED and not orphaned:
                return
        say("run given up", {"run_id": run_id, "workflows": MAX_WORKFLOWS}, logging.ERROR)
        await self.services.runs.stop(run_id, "failed", "The import did not finish after several attempts.")

    async def adopt_silent_runs(self) -> int:
        """Submit active runs that nobody has worked on for a lease: accepted but never handed over, or orphaned."""
        silent = await self.services.runs.silent(self.services.now())
        for run_id in silent:
            await self.submit(run_id, silent=True)
        return len(silent)

    async def watch(self) -> None:
        """Adopt silent runs and clear away what is over, now and once per lease, for as long as the process runs."""
        while True:
            try:
                adopted = await self.adopt_silent_runs()
                if adopted:
                    say("silent runs submitted", {"runs": adopted})
            except ServiceFailed as error:
                say("silent runs not looked for", {"code": error.code}, logging.WARNING)
            await self.clear_away()
            await asyncio.sleep(self.services.settings.lease_seconds)

    async def clear_away(self) -> int:
        """Delete checkpoints of ended runs, and exports that no run has read to its end: both hold people's text.

        Returns how many checkpointed workflows were deleted.
        """
        kept = timedelta(hours=self.services.settings.checkpoint_hours)
        before = (self.services.now() - kept).isoformat()
        ended = await DBOS.list_workflows_async(
            status=list(ENDED), completed_before=before, limit=CLEARED_AT_ONCE, load_input=False, load_output=False
        )
        if ended:
            await DBOS.delete_workflows_async([workflow.workflow_id for workflow in ended])
        await asyncio.to_thread(_delete_old, self.services.spooled("x").parent, SPOOLED.total_seconds())
        return len(ended)

    async def work(self, run_id: str) -> str:
        """Body of a workflow."""
        task = asyncio.current_task()
        assert task is not None
        self._working.add(task)
        self.services.metrics.running.inc()
        try:
            return await execute(self.services, self, run_id)
        finally:
            self._working.discard(task)
            self._parked.discard(task)
            self._moved.set()
            self.services.metrics.running.dec()

    async def between_steps(self) -> None:
        """While the process is stopping, a run waits here for its end: the next start resumes it at this place."""
        if self.stopping:
            task = asyncio.current_task()
            assert task is not None
            self._parked.add(task)
            self._moved.set()
            await asyncio.Event().wait()

    async def drain(self) -> None:
        """Let running steps finish, at most `shutdown_seconds`; then leave the rest to the next start."""
        self.stopping = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.services.settings.shutdown_seconds):
                while self._working - self._parked:
                    self._moved.clear()
                    await self._moved.wait()
        left = list(self._working)
        say("drained", {"parked": len(self._parked), "interrupted": len(left) - len(self._parked)})
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _delete_old(folder: Path, seconds: float) -> None:
    for path in folder.glob("*"):
        if path.stat().st_mtime < time.time() - seconds:
            path.unlink(missing_ok=True)


@DBOS.workflow(name="v2_import")
async def import_workflow(run_id: str) -> str:
    """One run, from taking it to telling the web app. Returns how this execution ended."""
    assert _active is not None
    return await _active.work(run_id)


@asynccontextmanager
async def running_jobs(services: Services, *, adopt: bool = True) -> AsyncIterator[Jobs]:
    """Launch DBOS with what the last process left, and drain on leaving. One at a time per process.

    Without `adopt` only submitted runs are worked on.
    """
    global _active
    settings = services.settings
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    config = DBOSConfig(
        name="v2-service",
        system_database_url=settings.checkpoints_url,
        # Pinned: by default both change with the code, and an interrupted run would never be resumed.
        application_version=f"v2-{PIPELINE_VERSION}",
        executor_id=settings.executor_id,
        log_level="ERROR",
        enable_otlp=False,
    )
    jobs = _active = Jobs(services)
    DBOS(config=config)
    DBOS.launch()
    await DBOS.register_queue_async(
        QUEUE,
        worker_concurrency=settings.running_imports,
        polling_interval_sec=POLL_SECONDS,
        on_conflict="always_update",
    )
    # The first request would otherwise pay for the first use of the checkpoint store.
    await DBOS.get_workflow_status_async("none")
    jobs.launched = True
    watch = asyncio.create_task(jobs.watch(), name="v2-watch") if adopt else None
    try:
        yield jobs
    finally:
        if watch is not None:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        await jobs.drain()
        jobs.launched = False
        await asyncio.to_thread(DBOS.destroy)
        _active = None
