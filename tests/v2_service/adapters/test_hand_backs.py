"""The fence of a hand-back, against a real database: of the run's end and the hand-back, one wins."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from tests.v2_service.adapters.conftest import Taken
from v2_service.adapters.chunk_rows import rows_of
from v2_service.adapters.hand_backs import Begun, HandBacks, Sighting
from v2_service.errors import StaleRun

DONE = {"status": "complete"}


async def test_a_job_that_completed_in_the_same_moment_is_not_given_back(taken: Taken) -> None:
    services, lease = taken.services, taken.lease
    await services.runs.finish(lease, DONE, {"import_status": "complete"})
    assert await services.hand_backs.begin(lease.run_id) == Begun("over", "complete")
    assert await services.hand_backs.take(lease.run_id) is None


async def test_after_a_hand_back_began_the_runs_worker_can_neither_write_nor_finish(taken: Taken) -> None:
    services, lease = taken.services, taken.lease
    assert await services.hand_backs.begin(lease.run_id) == Begun("begun", "handing_back")
    for write in (
        services.runs.finish(lease, DONE, {}),
        services.chunks.switch(lease, {}),
        services.chunks.stage(lease, rows_of([], services.now())),
        services.runs.heartbeat(lease),
    ):
        with pytest.raises(StaleRun):
            await write
    assert await services.runs.take(lease.run_id) is None
    assert await services.runs.stop(lease.run_id, "cancelled", "x") == "handing_back"


async def test_many_at_once_begin_it_once(taken: Taken) -> None:
    services, run = taken.services, taken.lease.run_id
    begun = await asyncio.gather(
        services.runs.finish(taken.lease, DONE, {}),
        *(services.hand_backs.begin(run) for _ in range(8)),
        return_exceptions=True,
    )
    finished, verdicts = begun[0] is None, [answer.verdict for answer in begun[1:] if isinstance(answer, Begun)]
    assert verdicts.count("begun") == (0 if finished else 1)
    assert set(verdicts) <= ({"over"} if finished else {"begun", "begun_before"})


async def test_only_one_worker_may_ask_and_a_stale_one_can_end_nothing(taken: Taken) -> None:
    services, run = taken.services, taken.lease.run_id
    await services.hand_backs.begin(run)
    first = await services.hand_backs.take(run)
    other = HandBacks(services.rest, services.settings.model_copy(update={"executor_id": "another"}))
    assert first is not None
    assert await other.take(run) is None
    again = await services.hand_backs.take(run)
    assert again is not None
    for late in (
        services.hand_backs.note(first, sending=True),
        services.hand_backs.end(first, "handed_back", None, "x"),
    ):
        with pytest.raises(StaleRun):
            await late
    await services.hand_backs.note(again, sending=True)
    seen = await services.hand_backs.seen(again)
    assert seen.job_id is None
    assert seen.sent_seconds_ago is not None and seen.sent_seconds_ago >= 0
    await services.hand_backs.note(again, sending=False)
    assert await services.hand_backs.seen(again) == Sighting(None, None)
    retaken = await services.hand_backs.take(run)
    assert retaken is not None
    assert replace(retaken, fence=again.fence) == replace(again, attempts=1)


async def test_a_hand_back_after_a_refused_one_begins_with_nothing_in_doubt(taken: Taken) -> None:
    services, run = taken.services, taken.lease.run_id
    await services.hand_backs.begin(run)
    refused = await services.hand_backs.take(run)
    assert refused is not None
    await services.hand_backs.note(refused, sending=True)
    await services.hand_backs.end(refused, "failed", None, "it answered 422")
    assert (await services.runs.retry(run)).verdict == "accepted"
    assert (await services.hand_backs.begin(run)).verdict == "begun"
    again = await services.hand_backs.take(run)
    assert again is not None
    assert again.attempts == 0
    assert await services.hand_backs.seen(again) == Sighting(None, None)


async def test_a_row_from_before_the_hand_back_is_somebody_elses(taken: Taken) -> None:
    services, lease = taken.services, taken.lease
    row = {"user_id": lease.user_id, "status": "failed"}
    await services.rest.insert("processing_jobs", row, "id")
    await services.hand_backs.begin(lease.run_id)
    errand = await services.hand_backs.take(lease.run_id)
    assert errand is not None
    assert (await services.hand_backs.seen(errand)).job_id is None
    await services.rest.insert("processing_jobs", row, "id")
    assert (await services.hand_backs.seen(errand)).job_id is not None


async def test_the_statuses_before_the_run_come_back_but_an_import_stays_one(taken: Taken) -> None:
    services, lease = taken.services, taken.lease
    await services.runs.write_profile(
        lease,
        {
            "import_status": "processing",
            "embedding_status": "processing",
            "memory_status": "building",
            "full_pass_status": "processing",
            "import_stage": "Reading your conversations",
        },
    )
    await services.hand_backs.begin(lease.run_id)
    columns = "import_status,embedding_status,memory_status,full_pass_status,import_stage"
    assert await services.runs.profile(lease.user_id, columns) == {
        "import_status": "processing",
        "embedding_status": "pending",
        "memory_status": "none",
        "full_pass_status": "pending",
        "import_stage": None,
    }
    errand = await services.hand_backs.take(lease.run_id)
    assert errand is not None
    await services.hand_backs.end(errand, "failed", None, "why")
    after = await services.runs.profile(lease.user_id, "import_status,import_error")
    assert after == {"import_status": "failed", "import_error": "why"}
