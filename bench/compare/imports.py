"""Every export imported by legacy for several users, and tried by v2 in a dry run for the first of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import httpx

from sandbox.stack.ports import Ports, choose
from sandbox.stack.processes import Processes, Service
from sandbox.stack.seeds import NOT_EXPORTS, read_export
from sandbox.stack.services import Layout, backends, sandbox_environment, sandbox_service

POLL_SECONDS = 0.2
IMPORT_SECONDS = 300.0
OVER = frozenset({"complete", "degraded", "failed", "cancelled"})
WIDE = {"V2_SHADOW_RUNS_PER_DAY": "1000", "V2_SHADOW_BUDGET_PER_DAY": "1000"}


@dataclass(frozen=True, slots=True)
class Imported:
    """One export: legacy's imports (user and its job's row), of which the first has a dry run beside it."""

    name: str
    controls: tuple[tuple[str, dict[str, object]], ...]
    run_id: str


@dataclass(frozen=True, slots=True)
class House:
    """The running services, and the key of their database."""

    legacy: httpx.Client
    v2: httpx.Client
    database: httpx.Client
    url: str
    key: str


@contextmanager
def running(state: Path) -> Iterator[House]:
    """The sandbox, legacy and v2 as processes on free ports."""
    layout = Layout(choose(Ports(0, 0, 0, 0, 0), lambda _: None), state)
    with Processes(state / "logs") as processes:
        processes.start(sandbox_service(layout))
        processes.wait_ready()
        legacy, v2 = backends(layout)
        for service in (legacy, _wide(v2)):
            processes.start(service)
        processes.wait_ready()
        environment = sandbox_environment(layout)
        key = environment["SUPABASE_SERVICE_KEY"]
        headers = {"apikey": key, "authorization": f"Bearer {key}"}
        with (
            _client(layout.legacy_url) as to_legacy,
            _client(layout.v2_url) as to_v2,
            _client(environment["SUPABASE_URL"], headers) as database,
        ):
            yield House(to_legacy, to_v2, database, environment["SUPABASE_URL"], key)


def _wide(v2: Service) -> Service:
    return replace(v2, environment={**v2.environment, **WIDE})


def _client(url: str, headers: dict[str, str] | None = None) -> httpx.Client:
    return httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False)


def import_export(house: House, path: Path, users: int) -> Imported:
    """Import one file for so many new users on legacy, one after another, then try it on v2."""
    body = path.read_bytes() if path.name in NOT_EXPORTS else json.dumps(read_export(path)).encode()
    controls = []
    for _ in range(users):
        user, place = _uploaded(house, body)
        answer = house.legacy.post("/process-full", json={"user_id": user, "storage_path": place})
        answer.raise_for_status()
        controls.append((user, place, str(answer.json()["job_id"])))
    rows = [(user, _ended(partial(_job, house, job))) for user, _, job in controls]
    user, place, job = controls[0]
    headers = {"x-shadow": "1", "idempotency-key": f"shadow-{sha256(job.encode()).hexdigest()}"}
    tried = house.v2.post("/process-full", json={"user_id": user, "storage_path": place}, headers=headers)
    tried.raise_for_status()
    run_id = str(tried.json()["job_id"])
    _ended(lambda: house.v2.get(f"/jobs/{run_id}").json())
    return Imported(path.name, tuple(rows), run_id)


def _uploaded(house: House, body: bytes) -> tuple[str, str]:
    made = house.database.post("/auth/v1/admin/users", json={"email": f"compare-{time.monotonic_ns()}@example.test"})
    made.raise_for_status()
    user = str(made.json()["id"])
    place = f"user-imports/{user}/conversations.json"
    headers = {"content-type": "application/json"}
    house.database.post(f"/storage/v1/object/{place}", content=body, headers=headers).raise_for_status()
    return user, place


def _job(house: House, job: str) -> dict[str, object]:
    query = {"id": f"eq.{job}", "select": "status,created_at,completed_at"}
    [row] = house.database.get("/rest/v1/processing_jobs", params=query).raise_for_status().json()
    found: dict[str, object] = row
    return found


def _ended(look: Callable[[], dict[str, object]]) -> dict[str, object]:
    deadline = time.monotonic() + IMPORT_SECONDS
    while (job := look())["status"] not in OVER:
        if time.monotonic() > deadline:
            raise TimeoutError(f"an import was still {job['status']} after {IMPORT_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
    return job
