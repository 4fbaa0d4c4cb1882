"""Rows as either pipeline leaves them, written straight into a sandbox's database."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from sandbox.running import RunningSandbox

DOCUMENTS = ("soulprint_text", "soul_md", "identity_md", "agents_md", "user_md")


def now() -> datetime:
    return datetime.now(UTC)


def send(sandbox: RunningSandbox, method: str, table: str, body: object, query: dict[str, str] | None = None) -> None:
    sandbox.http.request(method, f"/rest/v1/{table}", json=body, params=query or {}).raise_for_status()


def legacy_job(sandbox: RunningSandbox, user: str, status: str = "processing", **columns: object) -> str:
    """A row of processing_jobs; returns its id."""
    job = str(uuid.uuid4())
    row = {"id": job, "user_id": user, "status": status, "current_step": "chunking", "attempts": 1, **columns}
    send(sandbox, "POST", "processing_jobs", row)
    return job


def change_job(sandbox: RunningSandbox, job: str, **columns: object) -> None:
    send(sandbox, "PATCH", "processing_jobs", columns, {"id": f"eq.{job}"})


def chunks(sandbox: RunningSandbox, user: str, count: int, embedded: int) -> None:
    """So many chunks, of which the first `embedded` have vectors."""
    rows = [
        {
            "user_id": user,
            "conversation_id": "c",
            "content": f"text {number}",
            "created_at": now().isoformat(),
            "embedding": [0.5] * 1024 if number < embedded else None,
        }
        for number in range(count)
    ]
    send(sandbox, "POST", "conversation_chunks", rows)


def profile(sandbox: RunningSandbox, user: str, **columns: object) -> None:
    """A profile as a good import leaves it, with these differences."""
    whole = dict.fromkeys(DOCUMENTS, "text") | {"import_status": "complete", "soulprint": {"archetype": "A"}}
    send(sandbox, "PATCH", "user_profiles", whole | columns, {"user_id": f"eq.{user}"})


def imported(sandbox: RunningSandbox, *, count: int = 3, embedded: int = 3, **columns: object) -> tuple[str, str]:
    """A user whom legacy has imported, well unless told otherwise; returns user and job."""
    user = sandbox.create_user()
    job = legacy_job(sandbox, user)
    if count:
        chunks(sandbox, user, count, embedded)
    profile(sandbox, user, total_chunks=count, **columns)
    change_job(sandbox, job, status="complete", completed_at=now().isoformat())
    return user, job


def later(seconds: float) -> float:
    """Unix time in so many seconds."""
    return (now() + timedelta(seconds=seconds)).timestamp()
