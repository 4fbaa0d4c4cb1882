"""A dry run over HTTP: who may ask for one, what keeps it out, and that real exports end in it as in an import."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any  # rows

import pytest

from gateway.observe.jobs import TABLES
from sandbox.running import RunningSandbox
from tests.v2_service.conftest import EXPORTS
from tests.v2_service.dry_runs import (
    WIDE,
    asked,
    begun,
    dry_run_key,
    ended,
    fingerprints,
    shadow_rows,
)
from tests.v2_service.exports import export, large_numbers
from tests.v2_service.running import RunningService
from tests.v2_service.stubs import sandbox_settings
from v2_service.accept import Wanted
from v2_service.errors import ShadowRefused
from v2_service.jobs.services import open_services
from v2_service.jobs.shadow import shadow_of
from v2_service.leaving import Leaving
from v2_service.shadow import ShadowDesk


@pytest.fixture(scope="module")
def sandbox(own_sandbox: RunningSandbox) -> RunningSandbox:
    """A database where nobody else imports: whose import waits keeps dry runs out, and a digest is over all rows."""
    return own_sandbox


@pytest.fixture(scope="module")
def service(sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service whose bounds no test reaches by accident."""
    with RunningService(sandbox, tmp_path_factory.mktemp("v2"), **WIDE) as running:
        yield running


@pytest.mark.parametrize("path", sorted(EXPORTS.glob("*.*")), ids=lambda path: path.name)
def test_a_dry_run_of_a_real_export_changes_no_table_tells_nobody_and_ends_as_an_import_does(
    sandbox: RunningSandbox, service: RunningService, path: Path
) -> None:
    user = sandbox.create_user()
    told, before = len(sandbox.callbacks()), fingerprints(sandbox)
    assert {f"public.{table}" for table in TABLES.values()} <= before.keys()
    dry = ended(service, begun(service, user, path.read_bytes()))
    assert fingerprints(sandbox) == before
    assert len(sandbox.callbacks()) == told
    assert dry["shadow"] is True

    other = sandbox.create_user()
    real = service.imported(other, path.read_bytes())
    same = ("status", "step", "progress", "error_code", "error_message", "counts", "coverage", "drops", "cost")
    assert {name: dry[name] for name in same} == {name: real[name] for name in same}
    stored = sandbox.rows("conversation_chunks", {"user_id": f"eq.{other}"})
    shadows = shadow_rows(sandbox, "chunks", dry["job_id"])
    assert sorted(map(text_of, shadows)) == sorted(map(text_of, stored))
    assert all(chunk["embedding"] for chunk in shadows)
    profiles = shadow_rows(sandbox, "profiles", dry["job_id"])
    if dry["status"] != "failed":
        [shadow], profile = profiles, service.profile(other)
        texts = ("import_status", "total_chunks", "soulprint_text", "soul_md", "memory_md", "full_pass_status")
        assert {name: shadow["profile"].get(name) for name in texts} == {name: profile[name] for name in texts}
    else:
        assert profiles == []


def text_of(chunk: dict[str, Any]) -> tuple[str, str]:
    return chunk["chunk_tier"], chunk["content"]


def test_numbers_beyond_a_machine_word_hinder_no_dry_run(service: RunningService, user: str) -> None:
    dry = ended(service, begun(service, user, large_numbers(3)))
    assert (dry["status"], dry["counts"]["conversations"]) == ("complete", 3)


def test_the_answer_is_that_of_an_import_and_says_that_it_is_a_dry_run(service: RunningService, user: str) -> None:
    answer = asked(service, user, export(1)).json()
    assert ended(service, answer["job_id"])["status"] == "complete"
    real = service.http.post(
        "/process-full", json={"user_id": user, "storage_path": f"user-imports/{user}/raw-dry.json"}
    )
    assert answer.pop("shadow") is True
    assert {**answer, "job_id": ""} == {**real.json(), "job_id": ""}
    service.ended(real.json()["job_id"])


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-shadow": "true", "idempotency-key": dry_run_key("1")}, 400),
        ({"x-shadow": "0", "idempotency-key": dry_run_key("1")}, 400),
        ({"x-shadow": "1", "idempotency-key": "1"}, 400),
        ({"x-shadow": "1"}, 400),
        ({"x-shadow": "1", "idempotency-key": "shadow-1"}, 400),
        ({"idempotency-key": dry_run_key("1")}, 400),
    ],
)
def test_half_a_dry_run_is_neither_a_dry_run_nor_an_import(
    service: RunningService, user: str, headers: dict[str, str], code: int
) -> None:
    path = f"user-imports/{user}/raw.json"
    answer = service.http.post("/process-full", json={"user_id": user, "storage_path": path}, headers=headers)
    assert answer.status_code == code
    for table in ("pipeline_runs", "pipeline_shadow_runs"):
        assert service.sandbox.rows(table, {"user_id": f"eq.{user}"}) == []


def test_a_clients_own_key_may_begin_as_that_of_a_dry_run_does(service: RunningService, user: str) -> None:
    key, path = f"shadow-{user}", f"user-imports/{user}/raw.json"
    service.sandbox.upload(path, export(1))
    body = {"user_id": user, "storage_path": path}
    answer = service.http.post("/process-full", json=body, headers={"idempotency-key": key})
    assert (answer.status_code, answer.json().get("shadow")) == (200, None)
    assert service.ended(answer.json()["job_id"])["idempotency_key"] == key
    assert service.sandbox.rows("pipeline_shadow_runs", {"user_id": f"eq.{user}"}) == []


@pytest.mark.parametrize("given", [{}, {"conversations": [{"title": "x", "mapping": {}}]}])
def test_without_an_export_in_storage_there_is_no_dry_run(
    service: RunningService, user: str, given: dict[str, Any]
) -> None:
    refused = 'v2_shadow_runs_refused_total{bound="no_export"}'
    before = service.counted(refused)
    headers = {"x-shadow": "1", "idempotency-key": dry_run_key(user)}
    answer = service.http.post("/process-full", json={"user_id": user, **given}, headers=headers)
    assert (answer.status_code, answer.json()["bound"]) == (503, "no_export")
    assert service.counted(refused) == before + 1


def test_somebody_elses_export_and_an_unknown_user_are_refused_as_for_an_import(
    service: RunningService, user: str
) -> None:
    headers = {"x-shadow": "1", "idempotency-key": dry_run_key(user)}
    other = {"user_id": user, "storage_path": "user-imports/6f2b1c1e-0000-4000-8000-000000000000/raw.json"}
    assert service.http.post("/process-full", json=other, headers=headers).status_code == 400
    unknown = "6f2b1c1e-0000-4000-8000-000000000000"
    body = {"user_id": unknown, "storage_path": f"user-imports/{unknown}/raw.json"}
    assert service.http.post("/process-full", json=body, headers=headers).status_code == 404


def test_a_key_of_another_users_dry_run_is_refused(service: RunningService, user: str) -> None:
    job_id = begun(service, user, export(1), key="taken")
    assert asked(service, service.sandbox.create_user(), export(1), key="taken").status_code == 409
    ended(service, job_id)


def test_where_service_keys_are_set_a_dry_run_needs_one(sandbox: RunningSandbox, tmp_path: Path) -> None:
    with RunningService(sandbox, tmp_path, V2_SERVICE_KEYS='{"gateway": "a-key-of-the-gateway"}', **WIDE) as closed:
        assert asked(closed, sandbox.create_user(), export(1)).status_code == 401
        closed.http.headers["authorization"] = "Bearer a-key-of-the-gateway"
        answer = asked(closed, sandbox.create_user(), export(1))
        assert (answer.status_code, answer.json().get("shadow")) == (200, True), answer.text
        ended(closed, answer.json()["job_id"])


def test_a_model_that_throttles_keeps_dry_runs_out(sandbox: RunningSandbox, tmp_path: Path) -> None:
    with RunningService(sandbox, tmp_path, V2_MODEL_RETRIES="0", V2_STEP_ATTEMPTS="1") as throttled:
        sandbox.set_faults(anthropic={"throttle_rate": 1})
        try:
            assert throttled.imported(sandbox.create_user(), export(1))["status"] == "failed"
        finally:
            sandbox.set_faults(anthropic={"throttle_rate": 0})
        answer = asked(throttled, sandbox.create_user(), export(1))
        assert (answer.status_code, answer.json()["bound"]) == (503, "model_throttled")


def test_short_memory_keeps_dry_runs_out(sandbox: RunningSandbox, tmp_path: Path) -> None:
    with RunningService(sandbox, tmp_path, MEMORY_LIMIT_MB="64") as narrow:
        answer = asked(narrow, sandbox.create_user(), export(1))
        assert (answer.status_code, answer.json()["bound"]) == (503, "memory")


class Stopping:
    """Jobs of a process that is leaving."""

    def __init__(self) -> None:
        self.leaving = Leaving(1.0)
        self.leaving.begin()

    async def submit_shadow(self, run_id: str) -> None:
        raise AssertionError(f"{run_id} must not be begun")


async def test_a_service_that_is_stopping_takes_none(sandbox: RunningSandbox, user: str, tmp_path: Path) -> None:
    wanted = Wanted(user, f"user-imports/{user}/raw.json", idempotency_key=dry_run_key(user))
    async with open_services(sandbox_settings(sandbox, tmp_path)) as services:
        shadow, runs = shadow_of(services)
        with pytest.raises(ShadowRefused) as refused:
            await ShadowDesk(runs, shadow.costs, services, Stopping()).accept(wanted, "1")
    assert refused.value.bound == "stopping"
    assert sandbox.rows("pipeline_shadow_runs", {"user_id": f"eq.{user}"}) == []
