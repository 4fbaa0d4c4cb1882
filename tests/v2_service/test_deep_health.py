"""The deep health check asks everybody, names who fails, and pays for nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.stubs import sandbox_settings
from v2_service.deep_health import OK, REACHABLE, UNSET, examine, look_round
from v2_service.jobs.services import Services, open_services


@pytest.fixture(scope="module")
def faulty() -> Iterator[RunningSandbox]:
    """A sandbox of its own, because faults are for everybody."""
    with RunningSandbox() as sandbox:
        yield sandbox


@pytest.fixture
async def services(faulty: RunningSandbox, tmp_path: Path) -> AsyncIterator[Services]:
    async with open_services(sandbox_settings(faulty, tmp_path)) as opened:
        yield opened


async def test_all_is_well_and_no_model_call_is_paid_for(faulty: RunningSandbox, services: Services) -> None:
    healthy, parts = await examine(services)
    assert parts == {
        "database": OK,
        "schema": OK,
        "storage": OK,
        "model": OK,
        "embeddings": REACHABLE,
        "web_app": REACHABLE,
        "monolith": UNSET,
    }
    assert healthy
    assert faulty.model_use() == {}


async def test_each_part_that_fails_is_named(faulty: RunningSandbox, services: Services) -> None:
    faulty.set_faults(anthropic={"error_rate": 1}, storage={"error_rate": 1})
    healthy, parts = await examine(services)
    faulty.set_faults()
    assert not healthy
    assert (parts["database"], parts["schema"]) == (OK, OK)
    assert "500" in str(parts["model"])
    assert "500" in str(parts["storage"])


async def test_targets_that_are_not_there_are_told_at_the_start(
    faulty: RunningSandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nobody = "http://127.0.0.1:9"
    unreachable = {"web_app_url": nobody, "bedrock_endpoint": nobody, "hand_back_url": nobody}
    chosen = sandbox_settings(faulty, tmp_path).model_copy(update=unreachable)
    async with open_services(chosen) as services:
        await look_round(services)
    told = {record.__dict__["fields"]["dependency"] for record in caplog.records if record.levelname == "WARNING"}
    assert told == {"embeddings", "web_app", "monolith"}
    values = {name: services.process.dependency_up.labels(name)._value.get() for name in ("database", "web_app")}
    assert values == {"database": 1, "web_app": 0}


async def test_a_bucket_that_is_missing_is_named(faulty: RunningSandbox, tmp_path: Path) -> None:
    async with open_services(sandbox_settings(faulty, tmp_path, buckets=("nowhere",))) as services:
        healthy, parts = await examine(services)
    assert (healthy, parts["storage"]) == (False, "the bucket nowhere is missing")
