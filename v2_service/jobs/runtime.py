"""DBOS, launched and drained: runs are workflows with checkpointed steps, queued so that a bounded number work at once.

Counterparts: `workflow.py` says what a run does; `pipeline_runs` says which runs there are. A run has one workflow at a
time here, and the database's fence keeps out workers elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from dbos import DBOS, DBOSConfig, SetWorkflowID

from v2_service.adapters.runs import MAX_RETRIES
from v2_service.errors import ServiceFailed
from v2_service.jobs.batch_reading import settle_abandoned
from v2_service.jobs.hand_back import hand_back
from v2_service.jobs.services import PIPELINE_VERSION, Services
from v2_service.jobs.session import Gate
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
RUNNING = "PENDING"
ENDED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
# Fresh workflows for one run whose earlier ones ended without ending it (the database was away for long, for example),
# and one for each retry.
MAX_WORKFLOWS = 5 + MAX_RETRIES
CLEARED_AT_ONCE = 100
ENDING_SECONDS = 10.0
# Checkpoints and exports hold people's text.
OWNER_ONLY = 0o700
# A wait notices the end of the process after so long.
PAUSE_SECONDS = 0.5
# Longer than any import; a run that is resumed later fetches its export again.
SPOOLED = timedelta(days=2)

_active: Jobs | None = None


class Jobs(Gate):
    """The running jobs of this process."""

    def __init__(self, services: Services, leaving: Leaving | None = None) -> None:
        self.services = services
        self.shadow, self.shadow_runs = shadow_of(services)
        self.launched = False
        self.leaving = leaving or Leaving(services.settings.shutdown_seconds)
        self._working: set[asyncio.Task[object]] = set()
        self._parked: set[asyncio.Task[object]] = set()
        self._moved = asyncio.Event()

    async def submit(self, run_id: str, *, silent: bool = False) -> None:
        """Make sure that a run is worked on; again for the same run changes nothing.

        A `silent` run whose workflow belongs to another worker gets a new workflow: that worker is dead, or will be
        fenced out. What this worker left unfinished itself, DBOS resumes.
        """
        names = [workflow_name(run_id, number) for number in range(MAX_WORKFLOWS)]
        if not await self._started(QUEUE, import_workflow, run_id, names, silent=silent):
            await self.services.runs.stop(run_id, "failed", "The import did not finish after several attempts.")

    async def submit_shadow(self, run_id: str, *, silent: bool = False) -> None:
        """As `submit`, for a dry run."""
        names = [workflow_name(run_id, number) for number in range(MAX_WORKFLOWS)]
        if not await self._started(SHADOW_QUEUE, shadow_workflow, run_id, names, silent=silent):
            await self.shadow_runs.stop(run_id, "failed", "The dry run did not finish after several attempts.")

    async def submit_hand_back(self, run_id: str, *, silent: bool = False) -> None:
        """Make sure that a run that is handing_back is given to the monolith; again changes nothing."""
        names = [hand_back_name(run_id, number) for number in range(MAX_WORKFLOWS)]
        if not await self._started(HAND_BACK_QUEUE, hand_back_workflow, run_id, names, silent=silent):
            errand = await self.services.hand_backs.take(run_id)
            if errand is not None:
                sentence = "The import could not be given back to the former service after several attempts."
                await self.services.hand_backs.end(errand, "failed", None, sentence)

    async def _started(
        self,
        queue: str,
        workflow: Callable[[str], Coroutine[object, object, str]],
        run_id: str,
        names: Sequence[str],
        *,
        silent: bool,
    ) -> bool:
        """Whether one of the run's workflows goes on, the next one if need be; False when all names are used up."""
        for name in names:
            status = await DBOS.get_workflow_status_async(name)
            if status is None:
                with SetWorkflowID(name):
                    await DBOS.enqueue_workflow_async(queue, workflow, run_id)
                return True
            orphaned = silent and status.status == RUNNING and status.executor_id != self.services.settings.executor_id
            if status.status not in ENDED and not orphaned:
                return True
        say("run given up", {"run_id": run_id, "workflows": len(names)}, logging.ERROR)
        return False

    async def resubmit(self, run_id: str, *, kept: bool) -> None:
        """Work on a failed run again, from the failed step if its chunks were `kept` and its checkpoints are here.

        Otherwise from the first step; answers that were kept are not paid for again either way.
        """
        busy = [task for task in self._working if task.get_name() == run_id]
        if busy:
            # The run's row says failed, and its workflow is about to end: it still deletes the export that it spooled.
            await asyncio.wait(busy, timeout=ENDING_SECONDS)
        before = await self._latest(run_id)
        if before is None:
            await self.submit(run_id)
            return
        failed = await _failed_step(workflow_name(run_id, before)) if kept else None
        with SetWorkflowID(workflow_name(run_id, before + 1)):
            if failed is None:
                await DBOS.enqueue_workflow_async(QUEUE, import_workflow, run_id)
            else:
                await DBOS.fork_workflow_async(workflow_name(run_id, before), failed, queue_name=QUEUE)

    async def _latest(self, run_id: str) -> int | None:
        """Number of the run's last workflow, if another may follow."""
        for number in reversed(range(MAX_WORKFLOWS - 1)):
            if await DBOS.get_workflow_status_async(workflow_name(run_id, number)) is not None:
                return number
        return None

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
            await asyncio.sleep(self.services.settings.lease_seconds)

    async def forget(self, run_ids: Sequence[str]) -> int:
        """Stop work on runs that are deleted, and delete their checkpoints and exports here.

        Returns how many checkpointed workflows were deleted. Another worker's go when it clears away.
        """
        found = [
            workflow.workflow_id
            for run_id in run_ids
            for workflow in await DBOS.list_workflows_async(
                workflow_id_prefix=f"{run_id}@", load_input=False, load_output=False
            )
        ]
        if found:
            await DBOS.cancel_workflows_async(found)
        busy = [task for run_id in run_ids for task in self._working if task.get_name() == run_id]
        for task in busy:
            task.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
        if found:
            await DBOS.delete_workflows_async(found)
        for run_id in run_ids:
            await asyncio.to_thread(self.services.spooled(run_id).unlink, True)
        return len(found)

    async def clear_away(self) -> int:
        """Delete what ended runs kept (checkpoints, answers, staged chunks) and exports that no run read to its end.

        Returns how many checkpointed workflows were deleted.
        """
        kept = timedelta(hours=self.services.settings.checkpoint_hours)
        moment = self.services.now() - kept
        before = moment.isoformat()
        await self.services.runs.clear_ended(moment)
        await self.shadow_runs.clear_ended(self.services.now() - timedelta(days=self.services.settings.shadow_days))
        ended = await DBOS.list_workflows_async(
            status=list(ENDED), completed_before=before, limit=CLEARED_AT_ONCE, load_input=False, load_output=False
        )
        if ended:
            await DBOS.delete_workflows_async([workflow.workflow_id for workflow in ended])
        await asyncio.to_thread(_delete_old, self.services.spooled("x").parent, SPOOLED.total_seconds())
        return len(ended)

    async def work(self, services: Services, run_id: str) -> str:
        """Body of an import's workflow, and with the services of a dry run of that one's."""
        with self._working_on(run_id), services.metrics.running.track_inprogress():
            return await execute(services, self, run_id)

    async def give_back(self, run_id: str) -> str:
        """Body of a hand-back's workflow."""
        with self._working_on(run_id):
            return await hand_back(self.services, self.pause, run_id)

    @contextlib.contextmanager
    def _working_on(self, run_id: str) -> Iterator[None]:
        task = asyncio.current_task()
        assert task is not None
        task.set_name(run_id)
        self._working.add(task)
        try:
            yield
        finally:
            self._working.discard(task)
            self._parked.discard(task)
            self._moved.set()

    async def pause(self, seconds: float) -> None:
        """Wait so long; while the process is stopping, wait for its end."""
        until = time.monotonic() + seconds
        await self.between_steps()
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, PAUSE_SECONDS))
            await self.between_steps()

    async def between_steps(self) -> None:
        """While the process is stopping, a run waits here for its end: the next start resumes it at this place."""
        if self.leaving.begun:
            task = asyncio.current_task()
            assert task is not None
            self._parked.add(task)
            self._moved.set()
            await asyncio.Event().wait()

    async def drain(self) -> None:
        """Let running steps finish, at most `shutdown_seconds`; then leave the rest to the next start."""
        self.leaving.begin()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.leaving.left()):
                while self._working - self._parked:
                    self._moved.clear()
                    await self._moved.wait()
        left = list(self._working)
        say("drained", {"parked": len(self._parked), "interrupted": len(left) - len(self._parked)})
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def workflow_name(run_id: str, number: int) -> str:
    """Id of a run's workflow; the version in it keeps runs away from checkpoints of another order of steps."""
    return f"{run_id}@{PIPELINE_VERSION}.{number}"


def hand_back_name(run_id: str, number: int) -> str:
    """Id of a hand-back's workflow; with the version in it, as another version would not take up this one's."""
    return f"{run_id}@{PIPELINE_VERSION}.hand-back.{number}"


async def _failed_step(workflow_id: str) -> int | None:
    """Place of the first step that raised."""
    steps = await DBOS.list_workflow_steps_async(workflow_id, load_output=True)
    return min((step["function_id"] for step in steps if step["error"] is not None), default=None)


def _delete_old(folder: Path, seconds: float) -> None:
    for path in folder.glob("*"):
        if path.stat().st_mtime < time.time() - seconds:
            path.unlink(missing_ok=True)


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
        await jobs.drain()
        jobs.launched = False
        await asyncio.to_thread(DBOS.destroy)
        _active = None
