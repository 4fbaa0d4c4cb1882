"""Whole imports of large exports through a running service: memory, time, and whether /health still answers."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench.quality.export import Plan, write_export
from bench.v2.sampling import Sampler
from bench.v2.worker import Worker
from sandbox.running import RunningSandbox

MB = 1_000_000
CONCURRENCY = 3
CONVERSATION_BYTES = 1_000_000
"""As in the largest real export known: 1.8 GB, 925 conversations, 2,111 chunks. The rest is what tools wrote."""
POLL_SECONDS = 0.25
RUN_SECONDS = 5400.0
ENDED = ("complete", "degraded", "failed", "cancelled", "handed_back")
Row = dict[str, object]


def large_export(megabytes: int, folder: Path) -> Path:
    """An export of about that size, every conversation with facts, decoys and much tool output."""
    path = folder / f"{megabytes}.json"
    if not path.exists():
        conversations = max(1, megabytes * MB // CONVERSATION_BYTES)
        # What is talked comes to about 9 kB of JSON.
        write_export(Plan(conversations, hidden_bytes=CONVERSATION_BYTES - 9_000, long_every=0), path)
    return path


def uploaded(sandbox: RunningSandbox, file: Path) -> tuple[str, str]:
    """A new user, and where their export lies in Storage."""
    user = sandbox.create_user()
    path = f"user-imports/{user}/conversations.json"
    with file.open("rb") as content:
        headers = {"content-type": "application/json", "content-length": str(file.stat().st_size)}
        sandbox.http.post(f"/storage/v1/object/{path}", content=content, headers=headers).raise_for_status()
    return user, path


def import_at_once(sandbox: RunningSandbox, folder: Path, file: Path, imports: int) -> Row:
    """Import the file for so many users at once in a new service; what was seen."""
    state = folder / f"state-{file.stem}-{imports}"
    worker = Worker(sandbox, state, CONCURRENCY, V2_RUNNING_IMPORTS=str(imports))
    worker.start()
    try:
        places = [uploaded(sandbox, file) for _ in range(imports)]
        with Sampler(worker.pid, str(worker.http.base_url)) as sampler:
            began = time.monotonic()
            jobs = [_begun(worker, user, path) for user, path in places]
            runs = [_ended(sandbox, job) for job in jobs]
            seconds = time.monotonic() - began
    finally:
        worker.stop()
    megabytes = file.stat().st_size / MB
    return {
        "megabytes": round(megabytes),
        "imports": imports,
        "status": sorted({str(run["status"]) for run in runs}),
        "coverage": min(float(run["coverage"] or 0) for run in runs),
        "counts": runs[0]["counts"],
        "seconds": round(seconds, 1),
        "cpu_ms_per_mb": round(1000 * sampler.seen.cpu_seconds / (megabytes * imports), 1),
        "load": round(os.getloadavg()[0], 1),
        **sampler.seen.summary(),
    }


def _begun(worker: Worker, user: str, path: str) -> str:
    answer = worker.http.post("/process-full", json={"user_id": user, "storage_path": path})
    answer.raise_for_status()
    job: str = answer.json()["job_id"]
    return job


def _ended(sandbox: RunningSandbox, job: str) -> dict[str, float]:
    deadline = time.monotonic() + RUN_SECONDS
    columns = "status,coverage,counts,error_message,progress"
    while True:
        [run] = sandbox.rows("pipeline_runs", {"id": f"eq.{job}", "select": columns})
        if run["status"] in ENDED:
            return run
        if time.monotonic() > deadline:
            raise RuntimeError(f"the import does not end: {run}")
        time.sleep(POLL_SECONDS)


def measure(sizes: Sequence[int], at_once: Sequence[tuple[int, int]], folder: Path, console: Console) -> list[Row]:
    """One import of each size, then `at_once` pairs of megabytes and imports; a new service for each."""
    rows: list[Row] = []
    with RunningSandbox() as sandbox:
        for megabytes, imports in [*((size, 1) for size in sizes), *at_once]:
            row = import_at_once(sandbox, folder, large_export(megabytes, folder), imports)
            console.print(f"{imports} of {megabytes} MB: {row}")
            rows.append(row)
            sandbox.reset()
    return rows
