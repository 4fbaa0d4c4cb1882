"""How much of a model's rate limit an import uses: the time of its questions beside the least that the limit allows."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.quality.export import Plan, write_export
from bench.v2.meter import Answer, Meter
from bench.v2.worker import Worker
from sandbox.running import RunningSandbox

PER_MINUTE = 90
CONVERSATIONS = 60
CONCURRENCY = 3
LATENCY_MS = 200
THROTTLED = (429, 529)
POLL_SECONDS = 0.25
ENDED = ("complete", "degraded", "failed", "cancelled", "handed_back")


@dataclass(frozen=True, slots=True)
class Rate:
    """Times in seconds, from the first question to the last answer. `ratio` is 1 when nothing was left unused."""

    per_minute: int
    answered: int
    throttled: int
    least_seconds: float
    seconds: float
    ratio: float


def rate_of(answers: Sequence[Answer], per_minute: int) -> Rate:
    """What the model's answers say. The limit is a bucket that holds a minute's calls, is full, and refills evenly."""
    asked = [answer for answer in answers if answer.area == "model"]
    good = [answer for answer in asked if answer.status == 200]
    seconds = max(answer.answered for answer in good) - min(answer.asked for answer in asked)
    least = max(0.0, (len(good) - per_minute) * 60 / per_minute)
    throttled = sum(answer.status in THROTTLED for answer in asked)
    ratio = seconds / least if least else float("inf")
    return Rate(per_minute, len(good), throttled, round(least, 1), round(seconds, 1), round(ratio, 3))


def measure(folder: Path) -> dict[str, object]:
    """One import under a limit that it would exceed; only the questions about chunks are counted."""
    file = folder / "rate.json"
    write_export(Plan(CONVERSATIONS), file)
    with RunningSandbox() as sandbox, Meter(sandbox.url) as meter:
        sandbox.set_faults(anthropic={"rate_limit_per_minute": PER_MINUTE, "latency_ms": LATENCY_MS})
        worker = Worker(sandbox, folder / "state", CONCURRENCY, **meter.environment)
        worker.start()
        try:
            user = sandbox.create_user()
            path = f"user-imports/{user}/conversations.json"
            sandbox.upload(path, file.read_bytes())
            job = worker.http.post("/process-full", json={"user_id": user, "storage_path": path}).json()["job_id"]
            # The bucket is filled anew when the questions about chunks begin.
            _until(sandbox, job, {"extract"})
            first = len(meter.answers)
            sandbox.set_faults(anthropic={"rate_limit_per_minute": PER_MINUTE, "latency_ms": LATENCY_MS})
            _until(sandbox, job, {"consolidate", "reduce", "memory", "save_memory", "sections", "prove", "callback"})
            counted = rate_of(meter.answers[first:], PER_MINUTE)
            status = _ended(sandbox, job)
        finally:
            worker.stop()
    return {"status": status, "concurrency": CONCURRENCY, "load": round(os.getloadavg()[0], 1), **asdict(counted)}


def _until(sandbox: RunningSandbox, job: str, steps: set[str]) -> None:
    while True:
        [run] = sandbox.rows("pipeline_runs", {"id": f"eq.{job}", "select": "step,status,error_message"})
        if run["step"] in steps or run["status"] in ("complete", "degraded"):
            return
        if run["status"] in ENDED:
            raise RuntimeError(f"the import has failed: {run['error_message']}")
        time.sleep(POLL_SECONDS)


def _ended(sandbox: RunningSandbox, job: str) -> str:
    while True:
        [run] = sandbox.rows("pipeline_runs", {"id": f"eq.{job}", "select": "status"})
        if run["status"] in ENDED:
            return str(run["status"])
        time.sleep(POLL_SECONDS)
