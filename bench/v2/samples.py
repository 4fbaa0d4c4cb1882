"""Every real export that ships with the tests, imported, with what its report says."""

from __future__ import annotations

import time
from pathlib import Path

from bench.places import REPOSITORY
from bench.v2.worker import Worker
from sandbox.running import RunningSandbox

EXPORTS = REPOSITORY / "tests" / "data" / "exports"
CONCURRENCY = 3
POLL_SECONDS = 0.1
ENDED = ("complete", "degraded", "failed", "cancelled", "handed_back")
COLUMNS = "status,counts,drops,coverage,cost,error_message"


def imported(sandbox: RunningSandbox, worker: Worker, file: Path) -> dict[str, object]:
    """One file for a new user: its name and the run's report."""
    user = sandbox.create_user()
    path = f"user-imports/{user}/{file.name}"
    sandbox.upload(path, file.read_bytes())
    answer = worker.http.post("/process-full", json={"user_id": user, "storage_path": path})
    answer.raise_for_status()
    while True:
        [run] = sandbox.rows("pipeline_runs", {"id": f"eq.{answer.json()['job_id']}", "select": COLUMNS})
        if run["status"] in ENDED:
            return {"file": file.name, "bytes": file.stat().st_size, **run}
        time.sleep(POLL_SECONDS)


def measure(folder: Path) -> list[dict[str, object]]:
    """All files, by name."""
    with RunningSandbox() as sandbox:
        worker = Worker(sandbox, folder / "state", CONCURRENCY)
        worker.start()
        try:
            return [imported(sandbox, worker, file) for file in sorted(EXPORTS.iterdir())]
        finally:
            worker.stop()
