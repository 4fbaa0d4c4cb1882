"""kill -9, restarts, cancels and stale workers in the middle of an import: one result, and nothing paid twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any  # rows

import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.exports import export
from tests.v2_service.running import RunningService, until

CONVERSATIONS = 40
CONCURRENCY = 3


@pytest.fixture(scope="module")
def service(slow: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service that tests may kill, if they start it again."""
    with RunningService(slow, tmp_path_factory.mktemp("v2")) as running:
        yield running


def calls(sandbox: RunningSandbox) -> int:
    """Questions to the language model; a service that starts asks for free whether the model is there."""
    return sum(use["requests"] for name, use in sandbox.model_use().items() if "claude" in name)


def begun(service: RunningService, user: str) -> str:
    """An import that is running: its job id."""
    path = f"user-imports/{user}/raw-1.json"
    service.sandbox.upload(path, export(CONVERSATIONS))
    job_id: str = service.http.post("/process-full", json={"user_id": user, "storage_path": path}).json()["job_id"]
    return job_id


def kept(sandbox: RunningSandbox, job_id: str) -> int:
    return len(sandbox.rows("pipeline_replies", {"run_id": f"eq.{job_id}", "select": "step"}))


def chunk_ids(sandbox: RunningSandbox, user: str) -> list[Any]:
    return [row["id"] for row in sandbox.rows("conversation_chunks", {"user_id": f"eq.{user}", "order": "id"})]


def test_a_killed_import_is_resumed_and_pays_for_no_finished_call_again(
    slow: RunningSandbox, service: RunningService
) -> None:
    before = calls(slow)
    undisturbed = service.ended(begun(service, slow.create_user()))
    assert calls(slow) - before == undisturbed["cost"]["llm_call_count"]
    user, paid = slow.create_user(), calls(slow)
    job_id = begun(service, user)
    until(lambda: kept(slow, job_id) > CONVERSATIONS // 2)
    service.kill()
    service.start()
    job = service.ended(job_id)
    assert (job["status"], job["coverage"]) == ("complete", 1)
    assert job["counts"] == undisturbed["counts"]
    assert job["cost"]["llm_call_count"] == undisturbed["cost"]["llm_call_count"]
    # What was on its way when the process died had no answer yet and is asked again; nothing else is.
    assert 0 <= calls(slow) - paid - job["cost"]["llm_call_count"] <= CONCURRENCY
    assert len(chunk_ids(slow, user)) == job["counts"]["chunks"]
    told = [call for call in slow.callbacks() if call["body"].get("user_id") == user]
    assert len(told) == 1


def test_a_run_resumed_under_another_concurrency_meets_its_own_steps_and_pays_nothing_again(
    slow: RunningSandbox, tmp_path: Path
) -> None:
    first = RunningService(slow, tmp_path, FACT_EXTRACTION_CONCURRENCY="2")
    first.start()
    paid = calls(slow)
    job_id = begun(first, slow.create_user())
    until(lambda: kept(slow, job_id) > CONVERSATIONS // 2)
    first.kill()
    with RunningService(slow, tmp_path, FACT_EXTRACTION_CONCURRENCY="7") as second:
        job = second.ended(job_id)
    assert (job["status"], job["coverage"]) == ("complete", 1)
    assert 0 <= calls(slow) - paid - job["cost"]["llm_call_count"] <= 2


@pytest.mark.parametrize("step", ["chunk", "embed"])
def test_a_kill_before_the_switch_leaves_the_old_chunks_until_the_new_ones_are_whole(
    slow: RunningSandbox, service: RunningService, step: str
) -> None:
    user = slow.create_user()
    service.imported(user, export(2), "first.json")
    old = chunk_ids(slow, user)
    job_id = begun(service, user)
    until(lambda: service.job(job_id)["step"] in (step, "embed"))
    service.kill()
    assert chunk_ids(slow, user) == old
    service.start()
    job = service.ended(job_id)
    assert job["status"] == "complete"
    new = chunk_ids(slow, user)
    assert len(new) == job["counts"]["chunks"]
    assert set(new).isdisjoint(old)


def test_sigterm_parks_a_run_and_the_next_start_completes_it(slow: RunningSandbox, service: RunningService) -> None:
    user = slow.create_user()
    job_id = begun(service, user)
    until(lambda: service.job(job_id)["step"] == "extract")
    assert service.stop() == 0
    [row] = slow.rows("pipeline_runs", {"id": f"eq.{job_id}", "select": "status,progress"})
    assert row["status"] == "running"
    service.start()
    job = service.ended(job_id)
    assert (job["status"], job["progress"]) == ("complete", 100)


def test_a_cancelled_run_stops_and_can_write_nothing_more(slow: RunningSandbox, service: RunningService) -> None:
    user = slow.create_user()
    service.imported(user, export(2), "first.json")
    profile, old = service.profile(user), chunk_ids(slow, user)
    job_id = begun(service, user)
    until(lambda: service.job(job_id)["step"] == "embed")
    assert service.http.post(f"/jobs/{job_id}/cancel").json()["status"] == "cancelled"
    until(lambda: "v2_runs_running 0.0" in service.http.get("/metrics").text)
    assert chunk_ids(slow, user) == old
    after = service.profile(user)
    statuses = ("import_status", "embedding_status", "memory_status", "embedding_progress")
    assert [after[name] for name in statuses[1:]] == [profile[name] for name in statuses[1:]]
    assert after["import_status"] in ("complete", "quick_ready")
    assert service.job(job_id)["status"] == "cancelled"
    assert service.http.post(f"/jobs/{job_id}/cancel").json()["status"] == "cancelled"
    assert service.imported(user, export(1), "third.json")["status"] == "complete"
    assert [call["body"].get("run_id") for call in slow.callbacks()].count(job_id) == 0


def test_progress_never_goes_back(slow: RunningSandbox, service: RunningService) -> None:
    job_id = begun(service, slow.create_user())
    seen = [0]

    def over() -> bool:
        job = service.job(job_id)
        seen.append(job["progress"])
        return job["status"] == "complete"

    until(over)
    assert seen == sorted(seen)
    assert len(set(seen)) > 5


def test_a_run_that_was_accepted_but_never_handed_over_is_taken_up(
    slow: RunningSandbox, service: RunningService
) -> None:
    service.kill()
    user = slow.create_user()
    path = f"user-imports/{user}/raw-1.json"
    slow.upload(path, export(2))
    claim = {
        "p_user": user,
        "p_kind": "import",
        "p_storage_path": path,
        "p_idempotency_key": None,
        "p_version": "2.0",
        "p_build": "",
        "p_cohort": None,
        "p_conversation_count": None,
        "p_message_count": None,
    }
    [claimed] = slow.http.post("/rest/v1/rpc/v2_claim_run", json=claim).json()
    service.start()
    assert service.ended(claimed["run_id"])["status"] == "complete"


def test_another_worker_takes_up_what_a_dead_one_left(slow: RunningSandbox, tmp_path: Path) -> None:
    lease = {"V2_LEASE_SECONDS": "5"}
    dead = RunningService(slow, tmp_path, V2_EXECUTOR_ID="first", **lease)
    dead.start()
    job_id = begun(dead, slow.create_user())
    until(lambda: dead.job(job_id)["step"] == "extract")
    dead.kill()
    with RunningService(slow, tmp_path, V2_EXECUTOR_ID="second", **lease) as alive:
        job = alive.ended(job_id)
    assert (job["status"], job["coverage"]) == ("complete", 1)
    [row] = slow.rows("pipeline_runs", {"id": f"eq.{job_id}", "select": "lease_owner,fence"})
    assert row == {"lease_owner": "second", "fence": 2}
