"""Several workers on one PostgreSQL: they share the work, and what one leaves another ends."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.exports import export
from tests.v2_service.running import RunningService, until

CONVERSATIONS = 40
NAMES = ("first", "second")


@pytest.fixture(scope="module")
def checkpoints(slow: RunningSandbox) -> str:
    """The address of an empty database beside the application's."""
    with psycopg.connect(slow.sql_uri, autocommit=True) as connection:
        connection.execute("create database v2_jobs")
    return urlunsplit(urlsplit(slow.sql_uri)._replace(path="/v2_jobs"))


def begun(service: RunningService) -> str:
    """An import of a new user: its job id."""
    user = service.sandbox.create_user()
    path = f"user-imports/{user}/raw-1.json"
    service.sandbox.upload(path, export(CONVERSATIONS))
    job_id: str = service.http.post("/process-full", json={"user_id": user, "storage_path": path}).json()["job_id"]
    return job_id


def test_workers_on_one_database_share_the_work_and_the_living_end_what_a_dead_one_left(
    slow: RunningSandbox, checkpoints: str, tmp_path: Path
) -> None:
    given = {"DBOS_SYSTEM_DATABASE_URL": checkpoints, "V2_LEASE_SECONDS": "5", "V2_RUNNING_IMPORTS": "1"}
    dead, alive = (RunningService(slow, tmp_path / name, V2_EXECUTOR_ID=name, **given) for name in NAMES)

    def owners(jobs: list[str]) -> dict[str, tuple[str, int]]:
        rows = slow.rows("pipeline_runs", {"id": f"in.({','.join(jobs)})", "select": "id,lease_owner,fence"})
        return {row["id"]: (row["lease_owner"], row["fence"]) for row in rows}

    dead.start()
    with alive:
        # Both are accepted by one worker. Each works on one import at a time, so each takes one.
        jobs = [begun(dead) for _ in NAMES]
        until(lambda: {name for name, _ in owners(jobs).values()} == set(NAMES))
        left = next(job for job, (name, _) in owners(jobs).items() if name == NAMES[0])
        until(lambda: alive.job(left)["step"] == "extract")
        dead.kill()
        ended = [alive.ended(job) for job in jobs]
    assert [(job["status"], job["coverage"]) for job in ended] == [("complete", 1)] * len(jobs)
    assert owners(jobs)[left] == (NAMES[1], 2)
    assert [call["body"].get("run_id") for call in slow.callbacks()].count(left) == 1
