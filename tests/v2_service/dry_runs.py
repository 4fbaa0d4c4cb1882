"""Dry runs asked for over HTTP, and what the database holds beside them."""

from __future__ import annotations

import hashlib
from typing import Any  # answers

import httpx
import psycopg

from sandbox.running import RunningSandbox
from tests.v2_service.running import RunningService, until

OVER = {"complete", "degraded", "failed", "cancelled"}
WIDE = {"V2_SHADOW_AT_ONCE": "2", "V2_SHADOW_RUNS_PER_DAY": "1000", "V2_SHADOW_BUDGET_PER_DAY": "1000"}


def dry_run_key(seed: str) -> str:
    """A key that a dry run may have."""
    return f"shadow-{hashlib.sha256(seed.encode()).hexdigest()}"


def asked(service: RunningService, user: str, content: bytes, key: str = "") -> httpx.Response:
    """The answer to a request for a dry run."""
    path = f"user-imports/{user}/raw-dry.json"
    service.sandbox.upload(path, content)
    headers = {"x-shadow": "1", "idempotency-key": dry_run_key(key or user)}
    return service.http.post("/process-full", json={"user_id": user, "storage_path": path}, headers=headers)


def begun(service: RunningService, user: str, content: bytes, key: str = "") -> str:
    """A dry run that was let in: its job id."""
    answer = asked(service, user, content, key)
    assert answer.status_code == 200, answer.text
    job_id: str = answer.json()["job_id"]
    return job_id


def ended(service: RunningService, job_id: str) -> dict[str, Any]:
    until(lambda: service.job(job_id)["status"] in OVER)
    return service.job(job_id)


def fingerprints(sandbox: RunningSandbox) -> dict[str, str]:
    """Table -> a digest over all its rows, of every table but the shadow area's."""
    tables = """select format('%%I.%%I', schemaname, tablename) from pg_tables
                where schemaname in ('public', 'auth') and not starts_with(tablename, 'pipeline_shadow_')"""
    with psycopg.connect(sandbox.sql_uri) as connection:
        found = {}
        for (table,) in connection.execute(tables.replace("%%", "%").encode()).fetchall():
            rows = connection.execute(f"select t::text from {table} t order by 1".encode()).fetchall()
            found[table] = hashlib.sha256(repr(rows).encode()).hexdigest()
        return found


def shadow_rows(sandbox: RunningSandbox, table: str, job_id: str) -> list[dict[str, Any]]:
    return sandbox.rows(f"pipeline_shadow_{table}", {"run_id": f"eq.{job_id}"})
