"""DBOS's checkpointed workflows of a run: their names, which one goes on, where one failed, and their deletion.

Counterpart: `runtime.py` says which function a workflow runs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime

from dbos import DBOS, SetWorkflowID

from v2_service.adapters.runs import MAX_RETRIES
from v2_service.jobs.services import PIPELINE_VERSION
from v2_service.observe import say

RUNNING = "PENDING"
ENDED = ("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED")
# Fresh workflows for one run whose earlier ones ended without ending it (the database was away for long, for example),
# and one for each retry.
MAX_WORKFLOWS = 5 + MAX_RETRIES
CLEARED_AT_ONCE = 100

Workflow = Callable[[str], Coroutine[object, object, str]]


def workflow_name(run_id: str, number: int) -> str:
    """Id of a run's workflow; the version in it keeps runs away from checkpoints of another order of steps."""
    return f"{run_id}@{PIPELINE_VERSION}.{number}"


def hand_back_name(run_id: str, number: int) -> str:
    """Id of a hand-back's workflow; with the version in it, as another version would not take up this one's."""
    return f"{run_id}@{PIPELINE_VERSION}.hand-back.{number}"


async def goes_on(
    queue: str, workflow: Workflow, run_id: str, name: Callable[[str, int], str], only_at: str | None
) -> bool:
    """Whether one of the run's workflows goes on, the next one if need be; False when all names are used up.

    If `only_at` names a worker, a workflow that is running at another one does not count.
    """
    for number in range(MAX_WORKFLOWS):
        status = await DBOS.get_workflow_status_async(name(run_id, number))
        if status is None:
            with SetWorkflowID(name(run_id, number)):
                await DBOS.enqueue_workflow_async(queue, workflow, run_id)
            return True
        orphaned = only_at is not None and status.status == RUNNING and status.executor_id != only_at
        if status.status not in ENDED and not orphaned:
            return True
    say("run given up", {"run_id": run_id, "workflows": MAX_WORKFLOWS}, logging.ERROR)
    return False


async def latest(run_id: str) -> int | None:
    """Number of the run's last workflow, if another may follow."""
    for number in reversed(range(MAX_WORKFLOWS - 1)):
        if await DBOS.get_workflow_status_async(workflow_name(run_id, number)) is not None:
            return number
    return None


async def failed_step(workflow_id: str) -> int | None:
    """Place of the first step that raised."""
    steps = await DBOS.list_workflow_steps_async(workflow_id, load_output=True)
    return min((step["function_id"] for step in steps if step["error"] is not None), default=None)


async def of_runs(run_ids: Sequence[str]) -> list[str]:
    """Ids of all workflows of these runs, of any version."""
    return [
        workflow.workflow_id
        for run_id in run_ids
        for workflow in await DBOS.list_workflows_async(
            workflow_id_prefix=f"{run_id}@", load_input=False, load_output=False
        )
    ]


async def clear_ended(before: datetime) -> int:
    """Delete workflows that ended before a time, some at once; returns how many."""
    ended = await DBOS.list_workflows_async(
        status=list(ENDED),
        completed_before=before.isoformat(),
        limit=CLEARED_AT_ONCE,
        load_input=False,
        load_output=False,
    )
    if ended:
        await DBOS.delete_workflows_async([workflow.workflow_id for workflow in ended])
    return len(ended)
