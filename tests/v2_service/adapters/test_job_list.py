"""Pages of jobs against a real database: newest first, nothing shown twice, nothing left out."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from sandbox.running import RunningSandbox
from v2_service.adapters.job_list import JobList
from v2_service.adapters.runs import Request
from v2_service.errors import UserUnknown
from v2_service.jobs.services import Services
from v2_service.listing import Place, Wanted

FIRST = datetime(2020, 1, 1, tzinfo=UTC)
JOBS = 11


@pytest.fixture
def listed(sandbox: RunningSandbox, user: str) -> list[str]:
    """Ended jobs of one user, newest first; several were accepted in the same moment."""
    moments = [FIRST + timedelta(seconds=number // 3) for number in range(JOBS)]
    with psycopg.connect(sandbox.sql_uri) as connection:
        made = [
            connection.execute(
                "insert into public.pipeline_runs (user_id, version, status, created_at) "
                "values (%s, 'x', %s, %s) returning id::text",
                (user, "failed" if number % 4 == 0 else "complete", moment),
            ).fetchone()
            for number, moment in enumerate(moments)
        ]
    ids = [row[0] for row in made if row]
    return [job for _, job in sorted(zip(moments, ids, strict=True), reverse=True)]


async def walk(jobs: JobList, wanted: Wanted, user: str | None, limit: int) -> list[object]:
    """All pages, joined."""
    found: list[object] = []
    after: Place | None = None
    while True:
        page = await jobs.page(wanted, user, after, limit)
        assert len(page.rows) <= limit
        found += [row["id"] for row in page.rows]
        if not page.more:
            return found
        after = Place(datetime.fromisoformat(str(page.rows[-1]["created_at"])), str(page.rows[-1]["id"]))


@pytest.mark.parametrize("limit", [1, 3, JOBS, 500])
async def test_pages_of_any_size_hold_every_job_once_newest_first(
    services: Services, user: str, listed: list[str], limit: int
) -> None:
    assert await walk(JobList(services.rest), Wanted.ALL, user, limit) == listed


async def test_a_job_that_arrives_between_two_pages_shifts_nothing(
    services: Services, user: str, listed: list[str]
) -> None:
    jobs = JobList(services.rest)
    first = await jobs.page(Wanted.ALL, user, None, 4)
    await services.runs.claim(Request(user, "b/p"))
    last = first.rows[-1]
    rest = await jobs.page(
        Wanted.ALL, user, Place(datetime.fromisoformat(str(last["created_at"])), str(last["id"])), 50
    )
    assert [row["id"] for row in (*first.rows, *rest.rows)] == listed


async def test_jobs_are_found_by_status_with_and_without_a_user(
    services: Services, user: str, listed: list[str]
) -> None:
    jobs = JobList(services.rest)
    failed = await walk(jobs, Wanted.FAILED, user, 2)
    assert len(failed) == JOBS // 4 + 1
    everybody = await jobs.page(Wanted.FAILED, None, None, 500)
    assert set(failed) <= {row["id"] for row in everybody.rows}
    assert {row["status"] for row in everybody.rows} == {"failed"}


async def test_running_jobs_are_those_that_are_not_over_and_are_counted(services: Services, user: str) -> None:
    jobs = JobList(services.rest)
    claim = await services.runs.claim(Request(user, "b/p"))
    running = await jobs.page(Wanted.RUNNING, user, None, 100)
    assert [(row["id"], row["status"]) for row in running.rows] == [(claim.run_id, "accepted")]
    assert running.running >= 1
    await services.runs.stop(claim.run_id, "cancelled", "x")
    assert (await jobs.page(Wanted.RUNNING, user, None, 100)).rows == ()


async def test_a_page_is_read_by_the_index_however_many_jobs_there_were(
    sandbox: RunningSandbox, listed: list[str]
) -> None:
    with psycopg.connect(sandbox.sql_uri) as connection:
        # With few rows all ways are cheap; what matters is whether the index alone can give the order.
        for way in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
            connection.execute(f"set enable_{way} = off".encode())
        plan = connection.execute(
            "explain select id from public.pipeline_runs where status = 'complete' and (created_at, id) < (now(), %s) "
            "order by created_at desc, id desc limit 100",
            (listed[0],),
        ).fetchall()
    text = "\n".join(str(row[0]) for row in plan)
    assert "pipeline_runs_status_newest" in text
    assert "Sort" not in text


async def test_a_closed_key_is_never_accepted_and_an_accepted_one_cannot_be_closed(
    services: Services, user: str
) -> None:
    jobs, closed, kept = JobList(services.rest), uuid.uuid4().hex, uuid.uuid4().hex
    assert (await jobs.key(closed, close=False))["settled_as"] == "unseen"
    assert (await jobs.key(closed, close=True))["settled_as"] == "never"
    assert (await services.runs.claim(Request(user, "b/p", idempotency_key=closed))).verdict == "closed"
    claim = await services.runs.claim(Request(user, "b/p", idempotency_key=kept))
    assert claim.accepted
    for close in (True, False):
        assert await jobs.key(kept, close=close) == {"settled_as": "run", "run_id": claim.run_id}


async def test_closing_does_not_need_a_user_and_a_claim_of_nobody_closes_nothing(services: Services) -> None:
    key = uuid.uuid4().hex
    with pytest.raises(UserUnknown):
        await services.runs.claim(Request(str(uuid.uuid4()), "b/p", idempotency_key=key))
    assert (await JobList(services.rest).key(key, close=False))["settled_as"] == "unseen"
