"""The jobs of one process: submitted once, cleared away when they are over."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from dbos import DBOS

from sandbox.running import RunningSandbox
from tests.v2_service.exports import export
from tests.v2_service.stubs import sandbox_settings
from v2_service.adapters.runs import Request
from v2_service.jobs.checkpoints import MAX_WORKFLOWS, workflow_name
from v2_service.jobs.runtime import SPOOLED, Jobs, running_jobs
from v2_service.jobs.services import open_services


@pytest.fixture
async def jobs(sandbox: RunningSandbox, tmp_path: Path) -> AsyncIterator[Jobs]:
    """Jobs in this process; silent runs of other tests are left alone."""
    async with (
        open_services(sandbox_settings(sandbox, tmp_path)) as services,
        running_jobs(services, adopt=False) as running,
    ):
        yield running


async def accepted(jobs: Jobs, sandbox: RunningSandbox, user: str) -> str:
    path = f"user-imports/{user}/raw.json"
    sandbox.upload(path, export(1))
    return (await jobs.services.runs.claim(Request(user, path))).run_id


async def ended(run_id: str, number: int = 0) -> str:
    """How a workflow of a run ended."""
    handle = await DBOS.retrieve_workflow_async(workflow_name(run_id, number))
    result: str = await handle.get_result()
    return result


async def test_a_run_submitted_many_times_is_worked_on_once(jobs: Jobs, sandbox: RunningSandbox, user: str) -> None:
    run_id = await accepted(jobs, sandbox, user)
    for _ in range(3):
        await jobs.submit(run_id)
    assert await ended(run_id) == "complete"
    run = await jobs.services.runs.get(run_id)
    assert run is not None
    assert (run["status"], run["callback_outcome"]) == ("complete", "delivered")
    workflows = await DBOS.list_workflows_async(workflow_id_prefix=run_id)
    assert len(workflows) == 1


async def test_a_run_that_is_over_is_left_as_it_is(jobs: Jobs, sandbox: RunningSandbox, user: str) -> None:
    run_id = await accepted(jobs, sandbox, user)
    await jobs.services.runs.stop(run_id, "cancelled", "x")
    await jobs.submit(run_id)
    assert await ended(run_id) == "over"
    run = await jobs.services.runs.get(run_id)
    assert run is not None
    assert (run["status"], run["callback_outcome"]) == ("cancelled", None)


async def test_what_a_killed_process_left_of_a_run_that_was_ended_meanwhile_is_deleted(
    jobs: Jobs, sandbox: RunningSandbox, user: str
) -> None:
    run_id = await accepted(jobs, sandbox, user)
    jobs.services.spooled(run_id).parent.mkdir()
    jobs.services.spooled(run_id).write_bytes(b"[]")
    jobs.services.arrivals(run_id, "answers").add("name", b"content")
    jobs.services.arrivals(run_id, "vectors").add("name", b"content")
    await jobs.services.runs.stop(run_id, "cancelled", "x")
    await jobs.submit(run_id)
    assert await ended(run_id) == "over"
    assert [list(folder.iterdir()) for folder in (jobs.services.exports_folder, jobs.services.arrivals_folder)] == [
        [],
        [],
    ]


async def test_a_run_whose_workflows_all_ended_without_ending_it_is_given_up(
    jobs: Jobs, sandbox: RunningSandbox, user: str
) -> None:
    run_id = await accepted(jobs, sandbox, user)
    await jobs.services.runs.stop(run_id, "cancelled", "x")
    for number in range(MAX_WORKFLOWS):
        await jobs.submit(run_id)
        assert await ended(run_id, number) == "over"
    answer = sandbox.http.patch("/rest/v1/pipeline_runs", params={"id": f"eq.{run_id}"}, json={"status": "running"})
    assert answer.is_success
    await jobs.submit(run_id)
    assert len(await DBOS.list_workflows_async(workflow_id_prefix=run_id)) == MAX_WORKFLOWS
    run = await jobs.services.runs.get(run_id)
    assert run is not None
    assert (run["status"], run["error_message"]) == ("failed", "The import did not finish after several attempts.")


async def test_a_fault_while_clearing_away_does_not_end_the_watch(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rounds: list[int] = []
    again = asyncio.Event()

    async def adopted() -> int:
        rounds.append(len(rounds))
        if len(rounds) > 1:
            again.set()
            await asyncio.Event().wait()
        raise OSError("the disk is away")

    monkeypatch.setattr(jobs, "adopt_silent_runs", adopted)
    brief = jobs.services.settings.model_copy(update={"lease_seconds": 0})
    jobs.services = replace(jobs.services, settings=brief)
    watch = asyncio.create_task(jobs.watch())
    try:
        await asyncio.wait([watch, waiting := asyncio.create_task(again.wait())], return_when=asyncio.FIRST_COMPLETED)
        assert not watch.done()
    finally:
        watch.cancel()
        waiting.cancel()
        await asyncio.gather(watch, waiting, return_exceptions=True)
    assert caplog.messages == ["the watch met a bug"]


async def test_checkpoints_exports_and_answers_of_the_past_are_deleted(
    jobs: Jobs, sandbox: RunningSandbox, user: str
) -> None:
    run_id = await accepted(jobs, sandbox, user)
    await jobs.submit(run_id)
    await ended(run_id)
    spools, arrivals = jobs.services.exports_folder, jobs.services.arrivals_folder
    arrivals.mkdir(exist_ok=True)
    old, new = ([spools / name, arrivals / f"{name}.answers"] for name in ("old", "new"))
    for path in old + new:
        path.write_bytes(b"[]")
    past = time.time() - SPOOLED.total_seconds() - 60
    for path in old:
        os.utime(path, (past, past))
    # As a file that its run deletes while the folder is read.
    (arrivals / "gone").symlink_to(arrivals / "nothing")
    assert await jobs.clear_away() == 0
    assert [path.exists() for path in old + new] == [False, False, True, True]
    later = jobs.services.now() + timedelta(hours=25)
    jobs.services = replace(jobs.services, now=lambda: later)
    assert await jobs.clear_away() == 1
    assert await DBOS.list_workflows_async(workflow_id_prefix=run_id) == []
