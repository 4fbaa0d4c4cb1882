"""Asking v2 for its jobs: all pages, one user, ending one, and every way in which there is no answer."""

import pytest

from gateway.core.pins import MAX_PINS
from gateway.ops.errors import JobsUnavailableError
from gateway.ops.jobs import Ended, RunningJob
from tests.gateway.ops.job_list import JobList, Reply, job_list


async def test_all_pages_are_read() -> None:
    async with job_list(*(f"user-{number}" for number in range(1203))) as v2:
        listing = await v2.client.listing()
    assert (len(listing.jobs), listing.running) == (1203, 1203)
    assert listing.jobs[1202] == RunningJob("job-1203", "user-1202")
    assert [target.partition("limit=")[2] for target in v2.asked] == ["500", "500&after=500", "500&after=1000"]
    assert v2.keys == {"0123456789abcdef"}


async def test_no_more_is_read_than_can_be_pinned() -> None:
    async with job_list(*(f"user-{number}" for number in range(MAX_PINS + 700))) as v2:
        listing = await v2.client.listing()
    assert (len(listing.jobs), listing.running) == (MAX_PINS, MAX_PINS + 700)
    assert len(v2.asked) == MAX_PINS / 500


async def test_one_user_can_be_asked_for() -> None:
    async with job_list("ann", "a/b&c=ü") as v2:
        assert await v2.client.runs_for("a/b&c=ü")
        assert not await v2.client.runs_for("bob")
        assert await v2.client.running() == 2
        v2.trouble = 400, {"detail": "user_id is no UUID"}
        assert not await v2.client.runs_for("bob")


async def test_a_job_is_cancelled_or_handed_back_unless_it_is_over() -> None:
    async with job_list("ann", "bob", "cid", "dan") as v2:
        v2.over = {"job-3", "job-4"}
        assert await v2.client.cancel("job-1") == (Ended.CANCELLED, "")
        assert await v2.client.hand_back("job-2") == (Ended.HANDED_BACK, "")
        assert await v2.client.cancel("job-3") == (Ended.OVER, "")
        assert await v2.client.hand_back("job-4") == (Ended.OVER, "")
        assert v2.ended == {"job-1": "cancelled", "job-2": "handed_back", "job-3": "complete", "job-4": "complete"}


async def test_why_a_job_was_not_ended_is_told() -> None:
    async with job_list("ann") as v2:
        v2.broken["job-1"] = 409, {"code": "hand_back_unset", "detail": "V2_HAND_BACK_URL is not set."}
        assert await v2.client.hand_back("job-1") == (Ended.FAILED, "V2_HAND_BACK_URL is not set.")
        v2.broken["job-1"] = 200, {"status": "failed", "message": "The monolith refused the import."}
        assert await v2.client.hand_back("job-1") == (Ended.FAILED, "The monolith refused the import.")
        v2.broken["job-1"] = 500, None
        assert await v2.client.cancel("job-1") == (Ended.FAILED, "v2 answered 500")


@pytest.mark.parametrize(
    ("trouble", "why"),
    [
        ((404, {"detail": "Not Found"}), "v2 answered 404"),
        ((401, {}), "refuses the gateway's key"),
        ((200, "ok"), "does not list its jobs"),
        ((200, {"jobs": [], "next": 5, "running": 0}), "does not list its jobs"),
        ((200, {"jobs": [{"id": 1}], "next": None, "running": 1}), "no job"),
        ((200, {"jobs": ["x"], "next": None, "running": 1}), "no job"),
        ((200, {"jobs": [], "next": "again", "running": 1}), "does not end"),
    ],
)
async def test_what_is_no_list_of_jobs_is_told_from_an_empty_one(trouble: Reply, why: str) -> None:
    async with job_list() as v2:
        assert (await v2.client.listing()).jobs == ()
        v2.trouble = trouble
        with pytest.raises(JobsUnavailableError, match=why):
            await v2.client.listing()


async def test_a_v2_that_is_away_is_told() -> None:
    with pytest.raises(JobsUnavailableError, match="v2 cannot be reached"):
        await JobList(port=9).client.listing()
