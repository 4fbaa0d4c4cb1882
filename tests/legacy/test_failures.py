"""How an import fails: what the job and the profile say, and what is left alone."""

from __future__ import annotations

import json

import httpx
import pytest

from legacy import main
from tests.fakes.recorder import Answer, Recorded, Recorder
from tests.legacy.emulator import Emulator, Row, label
from tests.legacy.exports import export

USER = "8d7b6a8e-3b53-4f3a-9a56-2c8d3f2b1e10"
PATH = f"user-imports/{USER}/raw-1.json"
OLD_CHUNK: Row = {
    "id": "old",
    "user_id": USER,
    "content": "an old chunk",
    "embedding": [1.0],
    "created_at": "2024-01-01",
}


@pytest.fixture
def profile(emulator: Emulator) -> Row:
    """The user's profile row; the user has one chunk from before."""
    emulator.tables["user_profiles"].append({"user_id": USER})
    emulator.tables["conversation_chunks"].append(dict(OLD_CHUNK))
    return emulator.tables["user_profiles"][0]


async def run(monolith: httpx.AsyncClient, emulator: Emulator, stored: object) -> Row:
    """Import `stored` (JSON, or bytes as they are) and return the job row."""
    emulator.objects[PATH] = stored if isinstance(stored, bytes) else json.dumps(stored).encode()
    answer = await monolith.post("/process-full", json={"user_id": USER, "storage_path": PATH})
    assert answer.status_code == 200
    return emulator.tables["processing_jobs"][-1]


def failed_with(job: Row, profile: Row, reason: str) -> bool:
    """Both rows tell the same, and the job's progress is gone."""
    assert job["status"] == "failed"
    assert job["progress"] is None
    assert job["completed_at"]
    assert job["error_message"] == profile["import_error"]
    assert profile["import_status"] == "failed"
    assert reason in job["error_message"]
    return True


async def test_a_missing_object_fails_the_import_with_the_status_of_storage(
    monolith: httpx.AsyncClient, emulator: Emulator, profile: Row
) -> None:
    answer = await monolith.post("/process-full", json={"user_id": USER, "storage_path": "user-imports/nothing.json"})
    assert answer.json()["status"] == "processing"
    job = emulator.tables["processing_jobs"][0]
    assert failed_with(job, profile, "Failed to download from storage: 400")
    assert job["current_step"] == "downloading"
    assert emulator.tables["conversation_chunks"] == [OLD_CHUNK]


async def test_a_path_with_dot_segments_fails_as_a_missing_object_and_nothing_is_asked_for(
    monolith: httpx.AsyncClient, emulator: Emulator, profile: Row, wire: Recorder
) -> None:
    path = "x/../../../../rest/v1/user_profiles?select=*"
    await monolith.post("/process-full", json={"user_id": USER, "storage_path": path})
    assert failed_with(emulator.tables["processing_jobs"][0], profile, "Failed to download from storage: 400")
    assert not [request for request in wire.requests if request.method == "GET"]


@pytest.mark.parametrize(
    "stored", [b"not json", b"PK\x03\x04 a zip", {"one": "object"}, ["a string"], [{"mapping": None}]]
)
async def test_an_export_that_cannot_be_read_leaves_the_chunks_alone(
    monolith: httpx.AsyncClient, emulator: Emulator, profile: Row, stored: object
) -> None:
    assert failed_with(await run(monolith, emulator, stored), profile, "")
    assert emulator.tables["conversation_chunks"] == [OLD_CHUNK]


async def test_an_empty_export_leaves_the_job_processing_and_goes_over_the_old_chunks(
    monolith: httpx.AsyncClient, emulator: Emulator, profile: Row, wire: Recorder
) -> None:
    job = await run(monolith, emulator, [])
    assert (job["status"], job["current_step"], job["progress"]) == ("processing", "downloading", 5)
    assert profile["archetype"] == "Quiet Builder"
    assert profile["embedding_status"] == "processing"
    assert emulator.tables["conversation_chunks"] == [OLD_CHUNK]
    assert "POST callback" not in map(label, wire.requests)


async def test_neither_path_nor_conversations_goes_over_the_old_chunks_without_a_job(
    monolith: httpx.AsyncClient, emulator: Emulator, profile: Row
) -> None:
    answer = await monolith.post("/process-full", json={"user_id": USER})
    assert answer.json()["job_id"] is None
    assert profile["archetype"] == "Quiet Builder"
    assert emulator.tables["processing_jobs"] == []


async def test_inline_conversations_are_imported_without_a_job(
    monolith: httpx.AsyncClient, emulator: Emulator, profile: Row, wire: Recorder
) -> None:
    answer = await monolith.post("/process-full", json={"user_id": USER, "conversations": export(1, 6)})
    assert answer.json()["job_id"] is None
    assert profile["memory_status"] == "ready"
    assert len(emulator.tables["conversation_chunks"]) == 10
    assert "GET object" not in map(label, wire.requests)


async def test_a_storage_path_wins_over_inline_conversations(
    monolith: httpx.AsyncClient, emulator: Emulator, profile: Row
) -> None:
    emulator.objects[PATH] = json.dumps(export(1, 6)).encode()
    body = {"user_id": USER, "storage_path": PATH, "conversations": export(5, 6)}
    await monolith.post("/process-full", json=body)
    assert len(emulator.tables["conversation_chunks"]) == 10


async def test_a_refused_job_row_lets_the_import_go_on_untracked(
    monolith: httpx.AsyncClient, emulator: Emulator, profile: Row, wire: Recorder
) -> None:
    emulator.on("POST processing_jobs", Answer(409, {"code": "23503"}))
    emulator.objects[PATH] = json.dumps(export(1, 6)).encode()
    answer = await monolith.post("/process-full", json={"user_id": USER, "storage_path": PATH})
    assert (answer.status_code, answer.json()["job_id"]) == (200, None)
    assert profile["memory_status"] == "ready"
    assert "PATCH processing_jobs" not in map(label, wire.requests)


async def test_a_soulprint_that_fails_three_times_fails_the_import_before_the_callback(
    monolith: httpx.AsyncClient, emulator: Emulator, profile: Row, wire: Recorder
) -> None:
    emulator.on("converse sonnet", Answer(400, {"message": "bad"}, {"x-amzn-errortype": "ValidationException"}))
    job = await run(monolith, emulator, export(1, 6))
    assert failed_with(job, profile, "SoulPrint generation failed after 3 attempts")
    labels = [label(request) for request in wire.requests]
    assert labels.count("converse pro") == 3
    assert "POST callback" not in labels


async def test_a_failing_profile_model_gives_a_generic_profile_and_a_complete_import(
    monolith: httpx.AsyncClient, emulator: Emulator, profile: Row
) -> None:
    emulator.reply = "no JSON at all"
    job = await run(monolith, emulator, export(1, 6))
    assert job["status"] == "complete"
    assert profile["archetype"] == profile["soulprint_text"] == "Unique Individual"
    assert set(profile["soulprint"]) == {"archetype", "error"}


async def test_a_profile_that_cannot_be_marked_complete_fails_the_import(
    monolith: httpx.AsyncClient, emulator: Emulator, profile: Row, wire: Recorder
) -> None:
    def refuse(request: Recorded) -> Answer | None:
        complete = label(request) == "PATCH user_profiles" and request.json.get("import_status") == "complete"
        return Answer(400, {"code": "23514"}) if complete else None

    emulator.rules.append(refuse)
    assert failed_with(await run(monolith, emulator, export(1, 6)), profile, "Failed to mark import complete: 400")
    assert "POST callback" not in map(label, wire.requests)


async def test_a_failing_callback_does_not_fail_the_import_and_is_not_retried(
    monolith: httpx.AsyncClient, emulator: Emulator, profile: Row, wire: Recorder
) -> None:
    emulator.on("POST callback", Answer(500, {"error": "no mail today"}))
    assert (await run(monolith, emulator, export(1, 6)))["status"] == "complete"
    assert [label(request) for request in wire.requests].count("POST callback") == 1


async def test_ten_failed_embeddings_in_a_row_fail_the_import_after_the_mail_went_out(
    monolith: httpx.AsyncClient, emulator: Emulator, profile: Row, wire: Recorder
) -> None:
    emulator.on("invoke", Answer(400, {"message": "no"}, {"x-amzn-errortype": "ValidationException"}))
    job = await run(monolith, emulator, export(3, 6))
    assert failed_with(job, profile, "10 chunks in a row")
    labels = [label(request) for request in wire.requests]
    assert labels.count("invoke") == 10
    assert "POST callback" in labels


async def test_an_embedding_that_no_row_took_counts_as_failed_and_is_completed_later(
    monolith: httpx.AsyncClient, emulator: Emulator, profile: Row, wire: Recorder
) -> None:
    emulator.on("PATCH conversation_chunks", Answer(200, []), after=9, times=1)
    assert (await run(monolith, emulator, export(1, 6)))["status"] == "complete"
    while main._tasks:
        await next(iter(main._tasks))
    assert all(chunk["embedding"] for chunk in emulator.tables["conversation_chunks"])
    patches = [request.json for request in wire.requests if label(request) == "PATCH user_profiles"]
    counted = [patch["processed_chunks"] for patch in patches if "processed_chunks" in patch]
    assert counted[counted.index(9) :] == [9, 1]
    assert profile["processed_chunks"] == 1


async def test_refused_chunk_batches_are_skipped_and_none_inserted_fails_after_the_mail(
    monolith: httpx.AsyncClient, emulator: Emulator, profile: Row, wire: Recorder
) -> None:
    emulator.on("POST conversation_chunks", Answer(400, {"code": "22P05"}))
    job = await run(monolith, emulator, export(1, 6))
    assert failed_with(job, profile, "Embeddings not saved to database - verification failed")
    assert profile["total_chunks"] == 0
    assert "POST callback" in map(label, wire.requests)


@pytest.mark.parametrize(
    ("error", "reason"), [(main.ImportFailure("x" * 2000), "x" * 500), (httpx.ReadTimeout(""), "ReadTimeout")]
)
async def test_a_reason_is_500_characters_and_never_empty(
    monolith: httpx.AsyncClient,
    emulator: Emulator,
    profile: Row,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    reason: str,
) -> None:
    async def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(main, "download", fail)
    assert (await run(monolith, emulator, []))["error_message"] == profile["import_error"] == reason


@pytest.mark.parametrize(
    ("stored", "step"),
    [
        (b"not json", "downloading"),
        (b'[{"mapping": {}}, {"mapping"', "downloading"),
        (b"PK\x03\x04\xff", "downloading"),
        ({"one": "object"}, "chunking"),
        ([{"mapping": {}}, {"mapping": None}], "chunking"),
    ],
)
async def test_what_is_no_json_fails_while_downloading_and_what_is_no_conversation_while_chunking(
    monolith: httpx.AsyncClient, emulator: Emulator, profile: Row, stored: object, step: str
) -> None:
    assert (await run(monolith, emulator, stored))["current_step"] == step


async def test_the_profile_is_marked_failed_even_when_the_job_cannot_be(
    monolith: httpx.AsyncClient, emulator: Emulator, profile: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = main.update_job

    async def no_failure(job_id: str | None, **columns: object) -> None:
        if columns.get("status") == "failed":
            raise httpx.ConnectError("gone")
        await whole(job_id, **columns)

    monkeypatch.setattr(main, "update_job", no_failure)
    await run(monolith, emulator, b"not json")
    assert profile["import_status"] == "failed"
