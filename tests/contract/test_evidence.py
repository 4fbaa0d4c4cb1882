"""The evidence of a whole system: imports on both pipelines, a success that is none, and restarts in between."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any  # records of the evidence are JSON

import httpx
import psycopg

from flags.bucketing import bucket
from gateway.rollout.evidence import JobOutcome, JobStart, RequestOutcome
from gateway.rollout.gateway_evidence import GatewayEvidence
from sandbox.running import RunningSandbox
from sandbox.stack.ports import Ports, choose
from sandbox.stack.processes import Processes
from sandbox.stack.services import FLAG, Layout, gateway_service, rollout
from tests.contract.conftest import upload
from tests.fakes.house import REPOSITORY, House

PATIENCE = 60.0
LOSES_ITS_CHUNKS = """
create or replace function public.lose_chunks() returns trigger language plpgsql as $$
begin
    if new.status = 'complete' and new.user_id = '{user}' then
        delete from public.conversation_chunks where user_id = new.user_id;
    end if;
    return new;
end $$;
create or replace trigger lose_chunks before update on public.processing_jobs
    for each row execute function public.lose_chunks();
"""


@contextmanager
def losing_chunks(sandbox: RunningSandbox, user: str) -> Iterator[None]:
    """While inside, the user's chunks are gone in the moment in which the monolith calls the import complete."""
    with psycopg.connect(sandbox.sql_uri, autocommit=True) as database:
        database.execute(LOSES_ITS_CHUNKS.format(user=uuid.UUID(user)))
        try:
            yield
        finally:
            database.execute("drop trigger lose_chunks on public.processing_jobs; drop function public.lose_chunks")


def layout_of(house: House, folder: Path) -> Layout:
    """A gateway of the test's own before the house's backends, at 50 %."""
    behind = house.gateways[50].ports
    ports = replace(choose(Ports(0, 0, 0, 0, 0), print), legacy=behind.legacy, v2=behind.v2, sandbox=behind.sandbox)
    layout = Layout(ports, folder, workers=2)
    layout.flags.write_bytes((REPOSITORY / "flags" / "features.json").read_bytes())
    rollout(layout, "set", FLAG, "50", "--why", "test")
    return layout


@contextmanager
def gateway(layout: Layout, sandbox: RunningSandbox, log: str) -> Iterator[httpx.Client]:
    """The gateway with its evidence on, as long as inside; the client speaks to its ops port."""
    environment = {
        "GATEWAY_STATE_DIR": str(layout.state / "evidence"),
        "GATEWAY_SUPABASE_URL": sandbox.url,
        "GATEWAY_SUPABASE_SERVICE_KEY": sandbox.keys.service,
        "GATEWAY_ACCESS_LOG": "false",
    }
    with Processes(layout.state / log) as processes:
        processes.start(replace(gateway_service(layout), environment=environment))
        processes.wait_ready()
        with httpx.Client(base_url=layout.ops_url, trust_env=False, timeout=30) as ops:
            yield ops


def user_in(sandbox: RunningSandbox, wanted: Callable[[int], bool]) -> str:
    """A new account whose bucket is one of the wanted ones."""
    return sandbox.create_user(next(one for one in iter(lambda: str(uuid.uuid4()), "") if wanted(bucket(FLAG, one))))


def start(layout: Layout, sandbox: RunningSandbox, user: str) -> tuple[str, str]:
    """Ask for an import; returns who answered and the job's id."""
    path = upload(sandbox, user, "minimal_nodes_20.json")
    with httpx.Client(base_url=layout.gateway_url, trust_env=False, timeout=30) as frontend:
        answer = frontend.post("/process-full", json={"user_id": user, "storage_path": path})
    assert answer.status_code == 200, answer.text
    return answer.headers["x-gateway-backend"], answer.json()["job_id"]


def records(ops: httpx.Client) -> list[dict[str, Any]]:
    """All of the evidence, read in small pages."""
    found: list[dict[str, Any]] = []
    after = 0
    while True:
        page = ops.get("/evidence", params={"after": after, "limit": 4}).json()
        found += page["records"]
        if not page["records"]:
            return found
        after = page["next"]


def ends(ops: httpx.Client, jobs: set[str]) -> dict[str, dict[str, Any]]:
    """The ends of these jobs, once all are there."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = {one["job"]: one for one in records(ops) if one["kind"] == "job" and one["job"] in jobs}
        if set(found) == jobs:
            return found
        assert time.monotonic() < deadline, (found, ops.get("/ops/pipelines").json())
        time.sleep(0.2)


def looked_again(ops: httpx.Client) -> None:
    """Wait until both pipelines were read once more, to the end."""

    def read_at() -> list[float]:
        return [state["read_at"] or 0.0 for state in ops.get("/ops/pipelines").json()["following"].values()]

    before, deadline = read_at(), time.monotonic() + PATIENCE
    while any(new <= old for new, old in zip(read_at(), before, strict=True)):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_both_pipelines_are_judged_alike_and_a_restart_loses_and_doubles_nothing(
    house: House, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    layout = layout_of(house, tmp_path)
    on_v2, on_legacy, betrayed = (
        user_in(sandbox, lambda one: one <= 50),
        user_in(sandbox, lambda one: one > 50),
        user_in(sandbox, lambda one: one > 50),
    )
    with losing_chunks(sandbox, betrayed):
        with gateway(layout, sandbox, "first"):
            started = {user: start(layout, sandbox, user) for user in (on_v2, on_legacy, betrayed)}
        assert [started[user][0] for user in (on_v2, on_legacy, betrayed)] == ["v2", "legacy", "legacy"]
        jobs = {user: job for user, (_, job) in started.items()}
        with gateway(layout, sandbox, "second") as ops:
            found = ends(ops, set(jobs.values()))
            looked_again(ops)
            whole, metrics = records(ops), ops.get("/metrics").text
            with GatewayEvidence(layout.ops_url) as evidence:
                batch = evidence.read(0)
    good_v2, good_legacy, bad = (found[jobs[user]] for user in (on_v2, on_legacy, betrayed))
    assert (good_v2["outcome"], good_v2["rule"], good_v2["failed"]) == ("complete", "all-proven", False)
    assert (good_legacy["outcome"], good_legacy["rule"], good_legacy["failed"]) == ("complete", "all-proven", False)
    assert (bad["outcome"], bad["rule"], bad["failed"]) == ("failed", "no-chunks", True)
    for end, backend, reason in (
        (good_v2, "v2", "percentage-in"),
        (good_legacy, "legacy", "percentage-out"),
        (bad, "legacy", "percentage-out"),
    ):
        assert (end["counted"], end["backend"], end["reason"], end["percentage"]) == (True, backend, reason, 50)
    assert good_v2["coverage"] > 0.9
    assert good_v2["dollars"] > 0
    assert "dollars" not in good_legacy
    assert good_v2["chunks"] > 0 < good_legacy["chunks"]
    assert 'gateway_jobs_ended_total{outcome="failed",pipeline="legacy"} 1.0' in metrics
    assert 'gateway_job_dollars_total{pipeline="legacy"}' not in metrics
    assert 'gateway_cohort_began_seconds{flag="process-full-v2",percentage="50"}' in metrics
    assert [one["seq"] for one in whole] == list(range(1, len(whole) + 1))
    kinds = sorted((one["kind"], one.get("job")) for one in whole if one.get("job") in (None, *jobs.values()))
    expected = [(kind, job) for kind in ("job", "start") for job in jobs.values()]
    assert [one for one in kinds if one[0] != "request"] == sorted(expected)
    assert (batch.missed, batch.more, batch.follows_jobs) == (False, False, True)
    assert batch.settled_at is not None
    read = [type(one) for one in batch.records if not (isinstance(one, JobOutcome) and one.void)]
    assert [read.count(kind) for kind in (RequestOutcome, JobStart, JobOutcome)] == [3, 3, 3]
    assert [one["status"] for one in whole if one["kind"] == "request"] == [200, 200, 200]
    assert not any(user in str(whole) for user in jobs)
