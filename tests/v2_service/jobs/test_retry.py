"""A failed run is taken up where it failed, and nothing that was finished is paid for again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.exports import export
from tests.v2_service.running import RunningService, answered


@pytest.fixture(scope="module")
def faulty() -> Iterator[RunningSandbox]:
    """A sandbox of its own, because faults are for everybody."""
    with RunningSandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def service(faulty: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service that gives up at the first failure."""
    settings = {"V2_STEP_ATTEMPTS": "1", "V2_MODEL_RETRIES": "0"}
    with RunningService(faulty, tmp_path_factory.mktemp("v2"), **settings) as running:
        yield running


def times(service: RunningService, step: str) -> str:
    """How often this process ran a step."""
    sample = f'v2_step_seconds_count{{step="{step}"}}'
    [line] = [line for line in service.http.get("/metrics").text.splitlines() if line.startswith(sample)]
    return line


def test_a_run_whose_model_went_away_goes_on_where_it_failed(faulty: RunningSandbox, service: RunningService) -> None:
    user = faulty.create_user()
    faulty.set_faults(anthropic={"rate_limit_per_minute": 20})
    failed = service.imported(user, export(40))
    assert (failed["status"], failed["error_code"], failed["step"]) == ("failed", "model_unavailable", "extract")
    assert service.profile(user)["full_pass_status"] == "failed"
    earlier = [times(service, step) for step in ("download", "quick_pass", "chunk", "switch")]
    finished = failed["cost"]["llm_call_count"]
    assert finished >= 5
    faulty.set_faults()
    before, embedded = answered(faulty), faulty.calls()["bedrock"]["requests"]
    again = service.http.post(f"/jobs/{failed['job_id']}/retry")
    assert (again.status_code, again.json()["job_id"]) == (200, failed["job_id"])
    job = service.ended(failed["job_id"])
    assert (job["status"], job["coverage"], job["retries"], job["error_code"]) == ("complete", 1, 1, None)
    assert answered(faulty) - before == job["cost"]["llm_call_count"] - finished
    assert faulty.calls()["bedrock"]["requests"] == embedded
    assert [times(service, step) for step in ("download", "quick_pass", "chunk", "switch")] == earlier
    assert job["progress"] == 100
    assert service.profile(user)["full_pass_status"] == "complete"
    assert [call["body"].get("run_id") for call in faulty.callbacks()].count(job["job_id"]) == 1
    assert faulty.rows("pipeline_replies", {"run_id": f"eq.{job['job_id']}"}) == []


def test_a_run_that_failed_before_its_first_profile_starts_anew(
    faulty: RunningSandbox, service: RunningService
) -> None:
    user = faulty.create_user()
    faulty.set_faults(anthropic={"error_rate": 1})
    failed = service.imported(user, export(2))
    assert (failed["status"], failed["step"]) == ("failed", "quick_pass")
    for _ in range(2):
        assert service.http.post(f"/jobs/{failed['job_id']}/retry").status_code == 200
        assert service.ended(failed["job_id"])["status"] == "failed"
    faulty.set_faults()
    assert service.http.post(f"/jobs/{failed['job_id']}/retry").status_code == 200
    job = service.ended(failed["job_id"])
    assert (job["status"], job["retries"]) == ("complete", 3)
    assert service.profile(user)["import_status"] == "complete"


def test_only_the_users_latest_failed_run_can_be_retried(faulty: RunningSandbox, service: RunningService) -> None:
    user = faulty.create_user()
    failed = service.imported(user, b"[]", "empty.json")
    complete = service.imported(user, export(1), "good.json")
    for job_id, status in ((failed["job_id"], 409), (complete["job_id"], 409), (str(uuid.uuid4()), 404), ("x", 404)):
        assert service.http.post(f"/jobs/{job_id}/retry").status_code == status
    assert service.job(failed["job_id"])["status"] == "failed"
