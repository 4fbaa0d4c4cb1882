"""Erasure leaves nothing that an import derived, stops the import that is running, and may be repeated (L-47)."""

from __future__ import annotations

import sqlite3
import time

from sandbox.running import RunningSandbox
from tests.v2_service.exports import export
from tests.v2_service.running import POLL_SECONDS, RUN_SECONDS, RunningService

TABLES = ("conversation_chunks", "pipeline_runs", "raw_conversations", "processing_jobs")
OTHERS = 0o077
KEPT = ("id", "user_id", "created_at", "updated_at", "referral_code", "referred_by", "referral_count")


def objects(sandbox: RunningSandbox, user: str) -> list[str]:
    answer = sandbox.http.post("/storage/v1/object/list/user-imports", json={"prefix": user})
    return [entry["name"] for entry in answer.json()]


def rows(sandbox: RunningSandbox, user: str) -> dict[str, int]:
    return {table: len(sandbox.rows(table, {"user_id": f"eq.{user}", "select": "id"})) for table in TABLES}


def checkpoints(service: RunningService, job_id: str) -> int:
    with sqlite3.connect(f"file:{service.state / 'jobs.sqlite'}?mode=ro", uri=True) as store:
        found = store.execute("select count(*) from workflow_status where workflow_uuid like ?", (f"{job_id}%",))
        count: int = found.fetchone()[0]
        return count


def test_everything_goes_and_the_account_is_as_new(service: RunningService, user: str) -> None:
    sandbox = service.sandbox
    other = sandbox.create_user()
    untouched = service.profile(other)
    job = service.imported(user, export(3))
    kept = service.imported(other, export(1))
    sandbox.upload(f"user-imports/{user}/deeper/and-deeper.json", b"[]")
    job_row = {"user_id": user, "status": "processing"}
    made = sandbox.http.post("/rest/v1/processing_jobs", json=job_row, headers={"prefer": "return=representation"})
    assert checkpoints(service, job["job_id"]) == 1
    erased = service.http.delete(f"/users/{user}")
    assert erased.status_code == 200
    assert erased.json() == {
        "user_id": user,
        "runs": 1,
        "chunks": job["counts"]["chunks"],
        "checkpoints": 1,
        "objects": 2,
        "monolith_job": made.json()[0]["id"],
    }
    assert rows(sandbox, user) == dict.fromkeys(TABLES, 0)
    assert objects(sandbox, user) == []
    assert checkpoints(service, job["job_id"]) == 0
    profile = service.profile(user)
    fresh = {name: value for name, value in untouched.items() if name not in KEPT}
    assert {name: profile[name] for name in fresh} == fresh
    assert service.http.get(f"/jobs/{job['job_id']}").status_code == 404
    assert len(sandbox.rows("pipeline_costs", {"run_id": f"eq.{job['job_id']}"})) > 0
    again = service.http.delete(f"/users/{user}").json()
    assert {name: again[name] for name in ("runs", "chunks", "checkpoints", "objects")} == {
        "runs": 0,
        "chunks": 0,
        "checkpoints": 0,
        "objects": 0,
    }
    assert rows(sandbox, other)["conversation_chunks"] == kept["counts"]["chunks"]
    assert service.imported(user, export(1))["status"] == "complete"


def test_an_import_that_is_running_is_stopped_and_writes_nothing_afterwards(service: RunningService, user: str) -> None:
    sandbox = service.sandbox
    path = f"user-imports/{user}/raw.json"
    sandbox.upload(path, export(150))
    job_id = service.http.post("/process-full", json={"user_id": user, "storage_path": path}).json()["job_id"]
    deadline = time.monotonic() + RUN_SECONDS
    while service.job(job_id)["step"] in ("queued", "download", "quick_pass"):
        assert time.monotonic() < deadline
        time.sleep(POLL_SECONDS)
    assert service.http.delete(f"/users/{user}").json()["runs"] == 1
    while "v2_runs_running 0.0" not in service.http.get("/metrics").text:
        assert time.monotonic() < deadline
        time.sleep(POLL_SECONDS)
    assert rows(sandbox, user) == dict.fromkeys(TABLES, 0)
    assert service.profile(user)["soulprint_text"] is None
    assert checkpoints(service, job_id) == 0
    assert not (service.state / "spool" / job_id).exists()
    for table in ("pipeline_staged_chunks", "pipeline_replies"):
        assert sandbox.rows(table, {"run_id": f"eq.{job_id}", "select": "run_id"}) == []


def test_what_lies_on_disk_is_for_the_services_own_account_alone(service: RunningService, user: str) -> None:
    service.imported(user, export(1))
    assert service.state.stat().st_mode & OTHERS == 0
    made = [path for path in service.state.rglob("*") if path != service.log]
    assert any(path.name == "jobs.sqlite" for path in made)
    assert [path for path in made if path.stat().st_mode & OTHERS] == []
