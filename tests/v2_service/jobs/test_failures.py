"""What goes wrong leaves a failed run with a sentence, and never takes away what worked (L-06, L-17)."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Iterator

import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.conftest import EXPORTS
from tests.v2_service.exports import conversation, export
from tests.v2_service.jobs.test_imports import SETTLED
from tests.v2_service.running import RunningService

STATUSES = ("import_status", "embedding_status", "embedding_progress", "memory_status", "full_pass_status")


def zipped(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


BAD_EXPORTS = {
    "not JSON": ((EXPORTS / "not_valid_json_2023.json").read_bytes(), "raw.json"),
    "a sibling file": ((EXPORTS / "sibling_model_comparisons.json").read_bytes(), "model_comparisons.json"),
    "another sibling": (json.dumps({"id": "user-1", "email": "a@example.test"}).encode(), "user.json"),
    "an empty list": (b"[]", "raw.json"),
    "an empty file": (b"", "raw.json"),
    "cut off": (export(2)[:-40], "raw.json"),
    "a zip without conversations": (zipped("chat.html", b"<html>"), "export.zip"),
    "a broken zip": (zipped("conversations.json", export(1))[:60], "export.zip"),
}


@pytest.mark.parametrize("name", BAD_EXPORTS)
def test_what_is_no_export_fails_with_a_reason_and_leaves_the_users_data(
    service: RunningService, user: str, name: str
) -> None:
    assert service.imported(user, export(2), "good.json")["status"] == "complete"
    before = service.profile(user)
    stored = {"user_id": f"eq.{user}", "select": "id,content", "order": "id"}
    rows = service.sandbox.rows("conversation_chunks", stored)
    content, file = BAD_EXPORTS[name]
    job = service.imported(user, content, file)
    assert job["status"] == "failed"
    assert len(job["error_message"]) > 20
    assert service.sandbox.rows("conversation_chunks", stored) == rows
    after = service.profile(user)
    assert (after["import_status"], after["import_error"]) == ("complete", job["error_message"])
    kept = ("soulprint_text", "soulprint", "memory_md", "total_chunks", *STATUSES[1:])
    assert {column: after[column] for column in kept} == {column: before[column] for column in kept}


def test_a_storage_path_that_holds_nothing_is_accepted_and_then_fails(service: RunningService, user: str) -> None:
    path = f"user-imports/{user}/never-uploaded.json"
    answer = service.http.post("/process-full", json={"user_id": user, "storage_path": path})
    assert answer.status_code == 200
    job = service.ended(answer.json()["job_id"])
    assert (job["status"], job["error_code"]) == ("failed", "export_missing")
    assert "upload" in job["error_message"]


@pytest.fixture(scope="module")
def faulty() -> Iterator[RunningSandbox]:
    """A sandbox of its own, because faults are for everybody."""
    with RunningSandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def strict(faulty: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service over it, with a full pass from three conversations on."""
    with RunningService(faulty, tmp_path_factory.mktemp("v2"), V2_FULL_PASS_MIN_CONVERSATIONS="3") as running:
        yield running


@pytest.fixture(autouse=True)
def healthy_again(request: pytest.FixtureRequest) -> Iterator[None]:
    """No fault outlives its test."""
    yield
    if "faulty" in request.fixturenames:
        request.getfixturevalue("faulty").set_faults()


def test_without_a_database_nothing_is_accepted_and_the_service_is_not_ready(
    faulty: RunningSandbox, strict: RunningService
) -> None:
    user = faulty.create_user()
    faulty.set_faults(rest={"error_rate": 1, "error_status": 503})
    answer = strict.http.post("/process-full", json={"user_id": user})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "database" in answer.json()["detail"]
    assert strict.http.get("/ready").status_code == 503
    assert strict.http.get("/health").status_code == 200
    faulty.set_faults()
    assert faulty.rows("pipeline_runs", {"user_id": f"eq.{user}"}) == []
    assert strict.http.get("/ready").status_code == 200


def test_inline_conversations_that_cannot_be_stored_are_not_accepted(
    faulty: RunningSandbox, strict: RunningService
) -> None:
    user = faulty.create_user()
    faulty.set_faults(storage={"error_rate": 1, "error_status": 503})
    body, key = {"user_id": user, "conversations": [conversation(1)]}, {"Idempotency-Key": uuid.uuid4().hex}
    assert strict.http.post("/process-full", json=body, headers=key).status_code == 503
    faulty.set_faults()
    never = strict.http.get("/jobs", params={"idempotency_key": key["Idempotency-Key"]})
    assert never.status_code == 404
    accepted = strict.http.post("/process-full", json=body, headers=key)
    assert strict.ended(accepted.json()["job_id"])["status"] == "complete"


def test_a_model_that_fails_before_the_first_profile_fails_the_import(
    faulty: RunningSandbox, strict: RunningService
) -> None:
    user = faulty.create_user()
    faulty.set_faults(anthropic={"error_rate": 1, "error_status": 401})
    job = strict.imported(user, export(2))
    assert (job["status"], job["error_code"], job["step"]) == ("failed", "model_unavailable", "quick_pass")
    assert strict.profile(user)["import_status"] == "failed"


def test_embeddings_that_fail_leave_the_first_profile_working(faulty: RunningSandbox, strict: RunningService) -> None:
    user = faulty.create_user()
    faulty.set_faults(bedrock={"error_rate": 1, "error_status": 400})
    job = strict.imported(user, export(2))
    assert (job["status"], job["error_code"], job["step"]) == ("failed", "embeddings_unavailable", "embed")
    profile = strict.profile(user)
    assert (profile["import_status"], profile["full_pass_status"]) == ("quick_ready", "failed")
    assert profile["soulprint_text"]
    assert profile["import_error"] is None
    assert faulty.rows("conversation_chunks", {"user_id": f"eq.{user}"}) == []
    assert job["cost"]["llm_call_count"] == 1


def test_a_callback_that_fails_does_not_fail_the_import(faulty: RunningSandbox, strict: RunningService) -> None:
    faulty.set_faults(callback={"error_rate": 1, "error_status": 500})
    job = strict.imported(faulty.create_user(), export(1))
    assert (job["status"], job["callback_outcome"]) == ("complete", "failed: The web app answered 500.")


def test_passing_trouble_is_ridden_out(faulty: RunningSandbox, strict: RunningService) -> None:
    trouble = {"error_rate": 0.08, "error_status": 503}
    faulty.set_faults(anthropic=trouble, bedrock=trouble, storage=trouble)
    job = strict.imported(faulty.create_user(), export(5))
    assert (job["status"], job["coverage"]) == ("complete", 1)


def test_below_the_threshold_there_is_no_full_pass_but_all_else(faulty: RunningSandbox, strict: RunningService) -> None:
    user = faulty.create_user()
    job = strict.imported(user, export(2))
    assert (job["status"], job["counts"]["full_pass"], set(job["usage"])) == (
        "complete",
        False,
        {"quick_pass", "embed"},
    )
    profile = strict.profile(user)
    assert {column: profile[column] for column in SETTLED} == SETTLED
    assert (profile["memory_md"], profile["full_pass_started_at"]) == (None, None)
    assert strict.imported(user, export(3))["counts"]["full_pass"] is True
