"""Imports through the gateway, as the web app starts them, and what the database says of them until they end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any  # JSON rows of other people's tables

import httpx

from sandbox.stack.seeds import Seed

POLL_SECONDS = 0.3
AT_ONCE = 8
ENDED = {"complete": "complete", "degraded": "degraded", "failed": "failed", "cancelled": "failed"}


@dataclass(slots=True)
class Import:
    """One user's import: the decision the gateway took, and how far the chosen pipeline is."""

    seed: Seed
    bucket: int | None = None
    backend: str = "?"
    job_id: str | None = None
    status: str = "waiting"
    step: str = ""
    progress: int = 0
    chunks: int = 0
    facts: int | None = None
    reason: str = ""
    started: float = field(default_factory=time.monotonic)
    seconds: float | None = None

    @property
    def ended(self) -> bool:
        return self.seconds is not None

    def end(self, status: str, reason: str = "") -> None:
        self.status, self.reason = status, reason
        self.seconds = time.monotonic() - self.started


@dataclass(frozen=True, slots=True)
class Addresses:
    """What the importer talks to: the one public URL, the ops URL (to explain) and the database (to follow)."""

    gateway: str
    ops: str
    supabase: str
    service_key: str

    @property
    def database_headers(self) -> dict[str, str]:
        return {"apikey": self.service_key, "Authorization": f"Bearer {self.service_key}"}


async def seed_users(addresses: Addresses, seeds: Sequence[Seed]) -> None:
    """Create the accounts (existing ones stay) and upload each user's export."""
    async with httpx.AsyncClient(base_url=addresses.supabase, trust_env=False, timeout=60) as client:
        for seed in seeds:
            body = {"id": seed.user_id, "email": f"{seed.user_id}@example.test"}
            headers = addresses.database_headers
            created = await client.post("/auth/v1/admin/users", json=body, headers=headers)
            if created.status_code not in (200, 201, 409, 422):
                raise RuntimeError(f"cannot create a demo user: {created.status_code} {created.text[:200]}")
            uploaded = await client.post(
                f"/storage/v1/object/{seed.storage_path}",
                content=seed.body,
                headers={**headers, "x-upsert": "true", "Content-Type": "application/json"},
            )
            uploaded.raise_for_status()


async def run_imports(
    addresses: Addresses, seeds: Sequence[Seed], timeout_seconds: float, changed: Callable[[Sequence[Import]], None]
) -> list[Import]:
    """Send every seed's import through the gateway and follow them all; `changed` is called after each look."""
    imports = [Import(seed) for seed in seeds]
    deadline = time.monotonic() + timeout_seconds
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        starting = asyncio.create_task(_start_all(client, addresses, imports))
        try:
            while not all(item.ended for item in imports):
                await asyncio.sleep(POLL_SECONDS)
                await _look(client, addresses, [item for item in imports if item.job_id and not item.ended])
                changed(imports)
                if time.monotonic() > deadline:
                    for item in imports:
                        if not item.ended:
                            item.end(
                                "failed", f"not finished after {timeout_seconds:.0f} s (at {item.step or 'start'})"
                            )
        finally:
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
        await asyncio.gather(*(_count(client, addresses, item) for item in imports))
    return imports


async def _start_all(client: httpx.AsyncClient, addresses: Addresses, imports: Sequence[Import]) -> None:
    places = asyncio.Semaphore(AT_ONCE)

    async def start(item: Import) -> None:
        async with places:
            try:
                await _start(client, addresses, item)
            except (httpx.HTTPError, KeyError, ValueError) as error:
                item.end("failed", f"{type(error).__name__}: {error}")

    await asyncio.gather(*(start(item) for item in imports))


async def _start(client: httpx.AsyncClient, addresses: Addresses, item: Import) -> None:
    explained = await client.get(f"{addresses.ops}/ops/explain/{item.seed.user_id}")
    explained.raise_for_status()
    item.bucket = explained.json()["bucket"]
    item.started = time.monotonic()
    answer = await client.post(
        f"{addresses.gateway}/process-full",
        json={
            "user_id": item.seed.user_id,
            "storage_path": item.seed.storage_path,
            "conversation_count": item.seed.conversations,
            "message_count": item.seed.messages,
        },
    )
    item.backend = answer.headers.get("x-gateway-backend", "?")
    if answer.status_code != httpx.codes.OK:
        item.end("failed", f"HTTP {answer.status_code}: {answer.text[:120]}")
        return
    item.job_id = answer.json()["job_id"]
    item.status = "accepted"
    if item.job_id is None:
        item.end("failed", "accepted without a job row: nothing to follow")


async def _look(client: httpx.AsyncClient, addresses: Addresses, running: Sequence[Import]) -> None:
    for table, backend, columns in (
        ("processing_jobs", "legacy", "id,status,current_step,progress,error_message"),
        ("pipeline_runs", "v2", "id,status,current_step:step,progress,error_message"),
    ):
        wanted = {item.job_id: item for item in running if item.backend == backend}
        if not wanted:
            continue
        rows = await _rows(client, addresses, table, {"select": columns, "id": f"in.({','.join(map(str, wanted))})"})
        for row in rows:
            _update(wanted[row["id"]], row)


def _update(item: Import, row: Mapping[str, Any]) -> None:
    item.status, item.step = row["status"], row["current_step"] or ""
    item.progress = row["progress"] or item.progress
    if row["status"] in ENDED:
        item.end(ENDED[row["status"]], row["error_message"] or "")


async def _count(client: httpx.AsyncClient, addresses: Addresses, item: Import) -> None:
    counted = await client.head(
        f"{addresses.supabase}/rest/v1/conversation_chunks",
        params={"select": "id", "user_id": f"eq.{item.seed.user_id}"},
        headers={**addresses.database_headers, "Prefer": "count=exact"},
    )
    item.chunks = int(counted.headers.get("content-range", "*/0").rpartition("/")[2])
    if item.backend == "v2" and item.job_id:
        runs = await _rows(client, addresses, "pipeline_runs", {"select": "*", "id": f"eq.{item.job_id}"})
        item.facts = facts_of(runs[0]) if runs else None


def facts_of(run: Mapping[str, Any]) -> int | None:
    """Facts that v2's run row reports, wherever in its counts they stand."""
    counts = run.get("counts")
    found = counts.get("facts") if isinstance(counts, dict) else None
    return found if isinstance(found, int) else None


async def _rows(
    client: httpx.AsyncClient, addresses: Addresses, table: str, params: Mapping[str, str]
) -> list[dict[str, Any]]:
    answer = await client.get(
        f"{addresses.supabase}/rest/v1/{table}", params=params, headers=addresses.database_headers
    )
    answer.raise_for_status()
    rows: list[dict[str, Any]] = answer.json()
    return rows
