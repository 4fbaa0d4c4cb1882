"""The claim, the fence and the ends of a run, against a real database."""

from __future__ import annotations

import asyncio
import uuid
from datetime import timedelta

import psycopg
import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.adapters.conftest import Taken
from v2_service.adapters.chunk_rows import rows_of
from v2_service.adapters.job_list import JobList
from v2_service.adapters.runs import Request
from v2_service.errors import StaleRun, StoreRefused, UserUnknown
from v2_service.jobs.services import Services


async def test_of_many_claims_at_once_one_is_accepted_and_all_answer_it(services: Services, user: str) -> None:
    keys = [uuid.uuid4().hex for _ in range(8)]
    claims = await asyncio.gather(*(services.runs.claim(Request(user, "b/p", idempotency_key=key)) for key in keys))
    assert len({claim.run_id for claim in claims}) == 1
    assert sum(claim.accepted for claim in claims) == 1
    found = [await JobList(services.rest).key(key, close=False) for key in keys]
    assert {key["run_id"] for key in found} == {claims[0].run_id}


async def test_a_user_whom_nobody_knows_has_no_runs(services: Services) -> None:
    with pytest.raises(UserUnknown):
        await services.runs.claim(Request(str(uuid.uuid4())))


async def test_a_second_worker_takes_the_run_and_the_first_can_write_nothing(taken: Taken) -> None:
    services, first = taken.services, taken.lease
    second = await services.runs.take(first.run_id)
    assert second is not None
    assert second.fence == first.fence + 1
    writes = (
        services.runs.report(first, "embed", "x", 50, {}),
        services.runs.heartbeat(first),
        services.runs.write_profile(first, {"soul_md": "stale"}),
        services.chunks.stage(first, rows_of([], services.now())),
        services.chunks.stage_existing(first),
        services.chunks.write_embeddings(first, {}, 30, 0.5),
        services.chunks.switch(first, {}),
        services.runs.finish(first, {"status": "complete"}, {}),
    )
    for write in writes:
        with pytest.raises(StaleRun):
            await write
    assert await services.runs.report(second, "embed", "x", 50, {"a": 1}) == 50
    assert (await services.runs.profile(first.user_id, "soul_md"))["soul_md"] is None


async def test_progress_never_goes_back_and_counts_are_merged(taken: Taken) -> None:
    runs, lease = taken.services.runs, taken.lease
    assert [await runs.report(lease, "s", "t", progress, {str(progress): 1}) for progress in (40, 35, 101)] == [
        40,
        40,
        100,
    ]
    run = await runs.get(lease.run_id)
    assert run is not None
    assert run["counts"] == {"40": 1, "35": 1, "101": 1}
    assert (await runs.profile(lease.user_id, "progress_percent,import_stage")) == {
        "progress_percent": 100,
        "import_stage": "t",
    }


async def test_a_profile_write_that_names_the_key_or_an_unknown_column_is_refused(taken: Taken) -> None:
    for patch in (
        {"user_id": str(uuid.uuid4())},
        {"referral_code": "x"},
        {"no_such_column": 1},
        {"import_status": "odd"},
    ):
        with pytest.raises(StoreRefused):
            await taken.services.runs.write_profile(taken.lease, patch)


async def test_a_finished_run_can_neither_be_taken_nor_stopped_nor_finished_again(taken: Taken) -> None:
    runs, lease = taken.services.runs, taken.lease
    await runs.finish(lease, {"status": "complete", "coverage": 1.0}, {"import_status": "complete"})
    assert await runs.take(lease.run_id) is None
    assert await runs.stop(lease.run_id, "cancelled", "x") == "complete"
    with pytest.raises(StaleRun):
        await runs.finish(lease, {"status": "failed"}, {})
    with pytest.raises(StoreRefused):
        await runs.stop(lease.run_id, "complete", "x")


@pytest.mark.parametrize("is_taken", [True, False])
async def test_a_run_stopped_before_its_first_profile_leaves_no_status_that_says_busy(
    services: Services, sandbox: RunningSandbox, user: str, is_taken: bool
) -> None:
    busy = {"import_status": "processing", "embedding_status": "processing", "memory_status": "building"}
    address = {"user_id": f"eq.{user}"}
    assert sandbox.http.patch("/rest/v1/user_profiles", params=address, json=busy).is_success
    claim = await services.runs.claim(Request(user, "b/p"))
    if is_taken:
        await services.runs.take(claim.run_id)
    assert await services.runs.stop(claim.run_id, "cancelled", "x") == "cancelled"
    settled = await services.runs.profile(user, ",".join(busy))
    assert settled == {"import_status": "none", "embedding_status": "pending", "memory_status": "none"}


async def test_a_stopped_second_import_leaves_the_first_complete(
    services: Services, sandbox: RunningSandbox, user: str
) -> None:
    old = {"user_id": user, "conversation_id": "old", "content": "old", "created_at": "2024-05-01"}
    await services.rest.insert("conversation_chunks", old, on_conflict="id")
    now = {"import_status": "processing", "soulprint_text": "s"}
    assert sandbox.http.patch("/rest/v1/user_profiles", params={"user_id": f"eq.{user}"}, json=now).is_success
    claim = await services.runs.claim(Request(user, "b/p"))
    await services.runs.stop(claim.run_id, "handed_back", "x")
    assert (await services.runs.profile(user, "import_status"))["import_status"] == "complete"


async def test_the_callback_moves_through_its_outcomes_once(taken: Taken) -> None:
    runs, lease = taken.services.runs, taken.lease
    assert not await runs.mark_callback(lease.run_id, None, "sending")
    await runs.finish(lease, {"status": "degraded"}, {})
    moved = await asyncio.gather(*(runs.mark_callback(lease.run_id, None, "sending") for _ in range(4)))
    assert sum(moved) == 1
    assert await runs.mark_callback(lease.run_id, "sending", "delivered")


async def test_silent_runs_are_those_whose_lease_ran_out(taken: Taken, services: Services) -> None:
    run_id = taken.lease.run_id
    assert run_id not in dict(await services.runs.silent(services.now()))
    later = services.now() + timedelta(seconds=services.settings.lease_seconds + 5)
    assert dict(await services.runs.silent(later))[run_id] == "running"


async def test_the_facts_of_the_last_finished_run_are_found(taken: Taken) -> None:
    runs, lease = taken.services.runs, taken.lease
    assert await runs.latest_facts(lease.user_id) is None
    await runs.finish(lease, {"status": "complete", "facts": {"facts": [], "total_count": 0}}, {})
    assert await runs.latest_facts(lease.user_id) == {"facts": [], "total_count": 0}


def test_the_runs_tables_are_closed_to_everybody_but_the_service(sandbox: RunningSandbox) -> None:
    anonymous = {"apikey": sandbox.keys.anonymous, "authorization": f"Bearer {sandbox.keys.anonymous}"}
    for table in ("pipeline_runs", "pipeline_run_keys", "pipeline_replies", "pipeline_staged_chunks"):
        answer = sandbox.http.get(f"/rest/v1/{table}", headers=anonymous)
        assert answer.status_code in (401, 403)
    called = sandbox.http.post("/rest/v1/rpc/v2_proof", json={"p_run": str(uuid.uuid4())}, headers=anonymous)
    assert called.status_code in (401, 403)


def legacy_job(sandbox: RunningSandbox, user: str, status: str, silent_minutes: int) -> str:
    """A job row of the monolith whose last sign of life is so old."""
    with psycopg.connect(sandbox.sql_uri) as connection:
        row = connection.execute(
            "insert into public.processing_jobs (user_id, status, storage_path, created_at, updated_at, attempts) "
            "values (%s, %s, 'b/p', now() - interval '3 hours', now() - make_interval(mins => %s), 1) "
            "returning id::text",
            (user, status, silent_minutes),
        ).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("status", ["pending", "processing"])
async def test_while_the_monolith_imports_for_a_user_its_job_is_the_answer(
    services: Services, sandbox: RunningSandbox, user: str, status: str
) -> None:
    job, key = legacy_job(sandbox, user, status, silent_minutes=20), uuid.uuid4().hex
    for _ in range(2):
        claim = await services.runs.claim(Request(user, "b/p", idempotency_key=key))
        assert (claim.verdict, claim.run_id, claim.user_id) == ("legacy", job, user)
    assert sandbox.rows("pipeline_runs", {"user_id": f"eq.{user}"}) == []
    found = await JobList(services.rest).key(key, close=True)
    assert found == {"settled_as": "legacy", "legacy_job_id": job}


@pytest.mark.parametrize(("status", "silent_minutes"), [("complete", 1), ("failed", 1), ("processing", 40)])
async def test_an_import_of_the_monolith_that_is_over_or_dead_is_in_nobodys_way(
    services: Services, sandbox: RunningSandbox, user: str, status: str, silent_minutes: int
) -> None:
    legacy_job(sandbox, user, status, silent_minutes)
    assert (await services.runs.claim(Request(user, "b/p"))).accepted


async def test_a_failed_run_is_not_taken_up_beside_a_running_import_of_the_monolith(
    services: Services, sandbox: RunningSandbox, user: str
) -> None:
    claim = await services.runs.claim(Request(user, "b/p"))
    await services.runs.stop(claim.run_id, "failed", "x")
    legacy_job(sandbox, user, "processing", silent_minutes=1)
    assert (await services.runs.retry(claim.run_id)).verdict == "legacy"
