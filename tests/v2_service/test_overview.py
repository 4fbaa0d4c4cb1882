"""The list of jobs and the word on a key, over HTTP."""

from __future__ import annotations

import uuid

import httpx
import pytest

from tests.v2_service.exports import export
from tests.v2_service.running import RunningService

FIELDS = {"job_id", "user_id", "status", "stage", "progress_percent", "started_at", "updated_at"}


def test_jobs_are_listed_newest_first_a_page_at_a_time(service: RunningService, user: str) -> None:
    made = [service.imported(user, export(1), f"{number}.json")["job_id"] for number in range(3)]
    first = service.http.get("/jobs", params={"user_id": user.upper(), "limit": 2}).json()
    assert [job["job_id"] for job in first["jobs"]] == made[:0:-1]
    assert set(first["jobs"][0]) == FIELDS
    assert (first["jobs"][0]["status"], first["jobs"][0]["progress_percent"]) == ("complete", 100)
    assert {job["user_id"] for job in first["jobs"]} == {user}
    rest = service.http.get("/jobs", params={"user_id": user, "limit": 2, "after": first["next"]}).json()
    assert ([job["job_id"] for job in rest["jobs"]], rest["next"]) == (made[:1], None)
    assert service.http.get("/jobs", params={"user_id": user, "status": "running"}).json()["jobs"] == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"limit": 0}, 422),
        ({"limit": 501}, 422),
        ({"status": "lost"}, 422),
        ({"user_id": "nobody"}, 400),
        ({"after": "nowhere"}, 400),
        ({"after": "x" * 256}, 422),
        ({"idempotency_key": "a b"}, 400),
        ({"idempotency_key": ""}, 400),
    ],
)
def test_a_list_that_cannot_be_is_refused(service: RunningService, query: dict[str, str], status: int) -> None:
    assert service.http.get("/jobs", params=query).status_code == status


def test_a_key_that_was_never_accepted_is_told_apart_from_every_other_404(service: RunningService, user: str) -> None:
    key = uuid.uuid4().hex
    never = service.http.get("/jobs", params={"idempotency_key": key})
    assert (never.status_code, never.headers["x-key-outcome"]) == (404, "never-accepted")
    assert never.json() == {"detail": "There is no such job.", "code": "never_accepted", "idempotency_key": key}
    for path in (f"/jobs/{uuid.uuid4()}", "/nowhere"):
        assert "x-key-outcome" not in service.http.get(path).headers
    job = service.http.post("/process-full", json={"user_id": user}, headers={"Idempotency-Key": key}).json()["job_id"]
    accepted = service.http.get("/jobs", params={"idempotency_key": key})
    assert (accepted.status_code, accepted.headers["x-key-outcome"]) == (200, "accepted")
    assert accepted.json()["job_id"] == job
    service.ended(job)


def test_after_a_disclaimer_a_late_request_is_refused_and_starts_nothing(service: RunningService, user: str) -> None:
    def disclaim(key: str) -> httpx.Response:
        return service.http.post("/jobs/disclaim", params={"idempotency_key": key})

    late, kept = uuid.uuid4().hex, uuid.uuid4().hex
    given_up = disclaim(late)
    assert (given_up.status_code, given_up.headers["x-key-outcome"]) == (404, "never-accepted")
    refused = service.http.post("/process-full", json={"user_id": user}, headers={"Idempotency-Key": late})
    assert refused.status_code == 409
    assert service.sandbox.rows("pipeline_runs", {"user_id": f"eq.{user}"}) == []
    job = service.http.post("/process-full", json={"user_id": user}, headers={"Idempotency-Key": kept}).json()["job_id"]
    there = disclaim(kept)
    assert (there.status_code, there.json()["job_id"], there.headers["x-key-outcome"]) == (200, job, "accepted")
    service.ended(job)
