"""Start-up: recovery of jobs and embeddings before the port opens, and how it fails without a database."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from legacy import main
from tests.fakes.recorder import Answer, Recorder
from tests.legacy.emulator import Emulator, label
from tests.legacy.exports import export
from tests.legacy.running import environment, exit_code, listening

USER = "8d7b6a8e-3b53-4f3a-9a56-2c8d3f2b1e10"


def job(number: int, **columns: object) -> dict[str, object]:
    return {
        "id": f"job-{number}",
        "user_id": USER,
        "status": "processing",
        "storage_path": "user-imports/x.json",
        "attempts": 1,
        **columns,
    }


async def start_and_finish_recovery() -> None:
    """Run the start-up steps and whatever they started."""
    async with main.lifespan(main.app):
        await asyncio.gather(*main._tasks)


@pytest.fixture
async def recovered(configured: main.Settings, emulator: Emulator) -> None:
    emulator.objects["user-imports/x.json"] = json.dumps(export(1, 6)).encode()
    emulator.tables["user_profiles"].append({"user_id": USER})
    emulator.tables["processing_jobs"] += [
        job(1, status="pending"),
        job(2, attempts=3),
        job(3, status="complete"),
    ]
    await start_and_finish_recovery()


@pytest.mark.usefixtures("recovered")
async def test_an_unfinished_job_is_run_again_and_counts_the_attempt(emulator: Emulator, wire: Recorder) -> None:
    asked = wire.requests[0]
    assert (asked.method, asked.path) == ("GET", "/rest/v1/processing_jobs")
    assert asked.query == {"status": "in.(pending,processing)", "attempts": "lt.3", "select": "*"}
    assert "content-type" not in asked.headers
    updates = [request for request in wire.requests if label(request) == "PATCH processing_jobs"]
    assert updates[0].query == {"id": "eq.job-1"}
    assert updates[0].json == {"status": "processing", "current_step": "resuming", "attempts": 2}
    assert emulator.tables["processing_jobs"][0]["status"] == "complete"


@pytest.mark.usefixtures("recovered")
async def test_a_job_at_its_third_attempt_stays_processing_for_ever(emulator: Emulator, wire: Recorder) -> None:
    assert emulator.tables["processing_jobs"][1]["status"] == "processing"
    assert not [request for request in wire.requests if request.query.get("id") == "eq.job-2"]


async def test_a_failing_job_gets_three_runs_in_all(configured: main.Settings, emulator: Emulator) -> None:
    emulator.tables["processing_jobs"].append(job(1, status="processing"))
    for expected in (2, 3):
        await start_and_finish_recovery()
        [row] = emulator.tables["processing_jobs"]
        assert (row["attempts"], row["status"]) == (expected, "failed")
        row["status"] = "processing"  # as a killed process leaves it
    await start_and_finish_recovery()
    assert emulator.tables["processing_jobs"][0]["attempts"] == 3


async def test_users_with_unfinished_embeddings_are_taken_up_again(
    configured: main.Settings, emulator: Emulator, wire: Recorder
) -> None:
    emulator.tables["user_profiles"] += [
        {"user_id": "a", "import_status": "complete", "embedding_status": "processing"},
        {"user_id": "b", "import_status": "complete", "embedding_status": None},
        {"user_id": "c", "import_status": "failed", "embedding_status": "failed"},
    ]
    emulator.tables["conversation_chunks"].append({"id": "1", "user_id": "a", "content": "a text", "embedding": None})
    await start_and_finish_recovery()
    [asked] = [request for request in wire.requests if label(request) == "GET user_profiles"]
    assert asked.query == {
        "import_status": "eq.complete",
        "embedding_status": "neq.complete",
        "select": "user_id",
        "limit": "10",
    }
    assert [row["embedding_status"] for row in emulator.tables["user_profiles"]] == ["complete", None, "failed"]
    assert emulator.tables["conversation_chunks"][0]["embedding"]


@pytest.mark.parametrize("status", [404, 401, 500])
async def test_any_http_status_lets_it_start(
    configured: main.Settings, emulator: Emulator, wire: Recorder, status: int
) -> None:
    emulator.rules.append(lambda request: Answer(status, {"message": "no"}))
    await start_and_finish_recovery()
    assert [label(request) for request in wire.requests] == ["GET processing_jobs", "GET user_profiles"]


async def test_the_second_recovery_is_guarded(configured: main.Settings, emulator: Emulator, wire: Recorder) -> None:
    emulator.on("GET user_profiles", Answer(200, b"not json"))
    await start_and_finish_recovery()
    assert label(wire.requests[-1]) == "GET user_profiles"


async def test_work_that_was_started_apart_is_dropped_at_shutdown(
    configured: main.Settings, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = asyncio.Event()
    ended = []

    async def stuck_import(*_: object) -> None:
        held.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("dropped")

    monkeypatch.setattr(main, "run_import", stuck_import)
    emulator.tables["processing_jobs"].append(job(1))
    async with main.lifespan(main.app):
        await held.wait()
    assert ended == ["dropped"]
    assert emulator.tables["processing_jobs"][0]["status"] == "processing"


def test_without_an_answering_database_the_process_exits_with_3() -> None:
    with Recorder(Emulator()) as gone:
        gone.stop()
    assert exit_code(environment(gone.url)) == 3


def test_without_a_configured_database_the_process_exits_with_3() -> None:
    variables = environment("http://127.0.0.1:1")
    del variables["SUPABASE_URL"]
    assert exit_code(variables) == 3


def test_the_port_variable_is_not_read(wire: Recorder) -> None:
    with listening(environment(wire.url, PORT="1")) as url:
        assert httpx.get(f"{url}/health", trust_env=False).status_code == 200
