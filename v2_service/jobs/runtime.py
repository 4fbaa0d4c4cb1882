"""DBOS, launched and drained: runs are workflows with checkpointed steps, queued so that a bounded number work at once.

Counterparts: `workflow.py` says what a run does; `pipeline_runs` says which runs there are. A run has one workflow at a
time here, and the database's fence keeps out workers elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from dbos import DBOS, DBOSConfig, SetWorkflowID

from v2_service.errors import ServiceFailed
from v2_service.jobs import checkpoints
from v2_service.jobs.at_work import AtWork
from v2_service.jobs.batch_reading import settle_abandoned
from v2_service.jobs.checkpoints import goes_on, hand_back_name, workflow_name
from v2_service.jobs.hand_back import hand_back
from v2_service.jobs.services import PIPELINE_VERSION, Services
from v2_service.jobs.shadow import shadow_of
from v2_service.jobs.workflow import execute
from v2_service.leaving import Leaving
from v2_service.observe import say

QUEUE = "v2-imports"
# Hand-backs wait for nobody's import.
HAND_BACK_QUEUE = "v2-hand-backs"
HAND_BACKS_AT_ONCE = 10
# Dry runs take no import's place.
SHADOW_QUEUE = "v2-shadows"
POLL_SECONDS = 0.1
ENDING_SECONDS = 10.0
# Checkpoints, exports and answers hold people's text.
OWNER_ONLY = 0o700
# Longer than any import; a run that is resumed later fetches its export again.
SPOOLED = timedelta(days=2)

_active: Jobs | None = None


class Jobs:
    """The running jobs of this process."""

    def __init__(self, services: Services, leaving: Leaving | None = None) -> None:
        self.services = services
        self.shadow, self.shadow_runs = shadow_of(services)
        self.launched = False
        self.leaving = leaving or Leaving(services.settings.shutdown_seconds)
        self.at_work = AtWork(self.leaving)

    async def submit(self, run_id: str, *, silent: bool = False) -> None:
        """Make sure that a run is worked on; again for the same run changes nothing.

        A `silent` run whose workflow belongs to another worker gets a new workflow: that worker is dead, or will be
        fenced out. What this worker left unfinished itself, DBOS resumes.
        """
        if not await goes_on(QUEUE, import_workflow, run_id, workflow_name, self._only_at(silent=silent)):
            await self.services.runs.stop(run_id, "failed", "The import did not finish after several attempts.")

    async def submit_shadow(self, run_id: str, *, silent: bool = False) -> None:
        """As `submit`, for a dry run."""
        if not await goes_on(SHADOW_QUEUE, shadow_workflow, run_id, workflow_name, self._only_at(silent=silent)):
            await self.shadow_runs.stop(run_id, "failed", "The dry run did not finish after several attempts.")

    async def submit_hand_back(self, run_id: str, *, silent: bool = False) -> None:
        """Make sure that a run that is handing_back is given to the monolith; again changes nothing."""
        if not await goes_on(HAND_BACK_QUEUE, hand_back_workflow, run_id, hand_back_name, self._only_at(silent=silent)):
            errand = await self.services.hand_backs.take(run_id)
            if errand is not None:
                sentence = "The import could not be given back to the former service after several attempts."
                await self.services.hand_backs.end(errand, "failed", None, sentence)

    def _only_at(self, *, silent: bool) -> str | None:
        return self.services.settings.executor_id if silent else None

    async def resubmit(self, run_id: str, *, kept: bool) -> None:
        """Work on a failed run again, from the failed step if its chunks were `kept` and its checkpoints are here.

        Otherwise from the first step; answers that were kept are not paid for again either way.
        """
        busy = self.at_work.tasks([run_id])
        if busy:
            # The run's row says failed, and its workflow is about to end: it still deletes the export that it spooled.
            await asyncio.wait(busy, timeout=ENDING_SECONDS)
        before = await checkpoints.latest(run_id)
        if before is None:
            await self.submit(run_id)
            return
        failed = await checkpoints.failed_step(workflow_name(run_id, before)) if kept else None
        with SetWorkflowID(workflow_name(run_id, before + 1)):
            if failed is None:
                await DBOS.enqueue_workflow_async(QUEUE, import_workflow, run_id)
            else:
                await DBOS.fork_workflow_async(workflow_name(run_id, before), failed, queue_name=QUEUE)

    async def adopt_silent_runs(self) -> int:
        """Submit active runs that nobody has worked on for a lease: accepted but never handed over, or orphaned."""
        now = self.services.now()
        silent = await self.services.runs.silent(now)
        for run_id, status in silent:
            if status == "handing_back":
                await self.submit_hand_back(run_id, silent=True)
            else:
                await self.submit(run_id, silent=True)
        dry = await self.shadow_runs.silent(now)
        for run_id, _ in dry:
            await self.submit_shadow(run_id, silent=True)
        return len(silent) + len(dry)

    async def watch(self) -> None:
        """Adopt silent runs and clear away what is over, now and once per lease, for as long as the process runs."""
        while True:
            try:
                adopted = await self.adopt_silent_runs()
                if adopted:
                    say("silent runs submitted", {"runs": adopted})
                await self.clear_away()
                await settle_abandoned(self.services)
            except ServiceFailed as error:
                say("silent runs not looked for", {"code": error.code}, logging.WARNING)
            except Exception:  # nobody else takes up what a dead worker left
                logging.getLogger("v2").exception("the watch met a bug")
            await asyncio.sleep(self.services.settings.lease_seconds)

    async def forget(self, run_ids: Sequence[str]) -> int:
        """Stop work on runs that are deleted, and delete their checkpoints and exports here.

        Returns how many checkpointed workflows were deleted. Another worker's go when it clears away.
        """
        found = await checkpoints.of_runs(run_ids)
        if found:
            await DBOS.cancel_workflows_async(found)
        busy = self.at_work.tasks(run_ids)
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        if found:
            await DBOS.delete_workflows_async(found)
        for run_id in run_ids:
            await asyncio.to_thread(self.services.forget_on_disk, run_id)
        return len(found)

    async def clear_away(self) -> int:
        """Delete what ended runs kept (checkpoints, answers, staged chunks), and what no run has read to its end.

        Returns how many checkpointed workflows were deleted.
        """
        kept = timedelta(hours=self.services.settings.checkpoint_hours)
        moment = self.services.now() - kept
        await self.services.runs.clear_ended(moment)
        await self.shadow_runs.clear_ended(self.services.now() - timedelta(days=self.services.settings.shadow_days))
        ended = await checkpoints.clear_ended(moment)
        for folder in (self.services.exports_folder, self.services.arrivals_folder):
            await asyncio.to_thread(_delete_old, folder, SPOOLED.total_seconds())
        return ended

    async def work(self, services: Services, run_id: str) -> str:
        """Body of an import's workflow, and with the services of a dry run of that one's."""
        with self.at_work.on(run_id), services.metrics.running.track_inprogress():
            return await execute(services, self.at_work, run_id)

    async def give_back(self, run_id: str) -> str:
        """Body of a hand-back's workflow."""
        with self.at_work.on(run_id):
            return await hand_back(self.services, self.at_work.pause, run_id)


def _delete_old(folder: Path, seconds: float) -> None:
    for path in folder.glob("*"):
        # Its run may delete it at this moment.
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - seconds:
                path.unlink()


@DBOS.workflow(name="v2_import")
async def import_workflow(run_id: str) -> str:
    """One run, from taking it to telling the web app. Returns how this execution ended."""
    assert _active is not None
    return await _active.work(_active.services, run_id)


@DBOS.workflow(name="v2_shadow")
async def shadow_workflow(run_id: str) -> str:
    """One dry run: the steps of an import, over the shadow area. Returns how this execution ended."""
    assert _active is not None
    return await _active.work(_active.shadow, run_id)


@DBOS.workflow(name="v2_hand_back")
async def hand_back_workflow(run_id: str) -> str:
    """One run given back to the monolith. Returns how this execution ended."""
    assert _active is not None
    return await _active.give_back(run_id)


@asynccontextmanager
async def running_jobs(
    services: Services, leaving: Leaving | None = None, *, adopt: bool = True
) -> AsyncIterator[Jobs]:
    """Launch DBOS with what the last process left, and drain on leaving. One at a time per process.

    Without `adopt` only submitted runs are worked on.
    """
    global _active
    settings = services.settings
    settings.state_dir.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    with contextlib.suppress(PermissionError):
        # Of an older version, or made by somebody else; a folder of another owner is that owner's to close.
        settings.state_dir.chmod(OWNER_ONLY)
    config = DBOSConfig(
        name="v2-service",
        system_database_url=settings.checkpoints_url,
        # Pinned: by default both change with the code, and an interrupted run would never be resumed.
        application_version=f"v2-{PIPELINE_VERSION}",
        executor_id=settings.executor_id,
        log_level="ERROR",
        enable_otlp=False,
    )
    jobs = _active = Jobs(services, leaving)
    DBOS(config=config)
    DBOS.launch()
    for queue, at_once in (
        (QUEUE, settings.running_imports),
        (HAND_BACK_QUEUE, HAND_BACKS_AT_ONCE),
        (SHADOW_QUEUE, settings.shadow_at_once),
    ):
        await DBOS.register_queue_async(
            queue, worker_concurrency=at_once, polling_interval_sec=POLL_SECONDS, on_conflict="always_update"
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
        await jobs.at_work.drain()
        jobs.launched = False
        await asyncio.to_thread(DBOS.destroy)
        _active = None
