"""What goes wrong leaves a failed run with a sentence, and never takes away what worked (L-06, L-17)."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any  # rows

import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.conftest import EXPORTS
from tests.v2_service.exports import export
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
    assert (after["import_status"], after["import_error"]) == ("failed", job["error_message"])
    kept = ("soulprint_text", "soulprint", "memory_md", "total_chunks", *STATUSES[1:])
    assert {column: after[column] for column in kept} == {column: before[column] for column in kept}


def test_a_storage_path_that_holds_nothing_is_accepted_and_then_fails(service: RunningService, user: str) -> None:
    path = f"user-imports/{user}/never-uploaded.json"
    answer = service.http.post("/process-full", json={"user_id": user, "storage_path": path})
    assert answer.status_code == 200
    job = service.ended(answer.json()["job_id"])
    assert (job["status"], job["error_code"]) == ("failed", "export_missing")
    assert "upload" in job["error_message"]


@pytest.fixture
def own_sandbox() -> Any:
    """Faults are for everybody, so these tests have a sandbox of their own."""
    with RunningSandbox() as sandbox:
        yield sandbox


def test_failures_of_the_model_end_the_import_before_or_after_the_first_profile(
    own_sandbox: RunningSandbox, tmp_path: Path
) -> None:
    with RunningService(own_sandbox, tmp_path, V2_STEP_ATTEMPTS="2", V2_MODEL_RETRIES="0") as service:
        user = own_sandbox.create_user()
        own_sandbox.set_faults(anthropic={"error_rate": 1, "error_status": 529})
        job = service.imported(user, export(2))
        assert (job["status"], job["error_code"], job["step"]) == ("failed", "model_unavailable", "quick_pass")
        assert service.profile(user)["import_status"] == "failed"

        own_sandbox.set_faults(bedrock={"error_rate": 1})
        job = service.imported(user, export(2))
        assert (job["status"], job["error_code"], job["step"]) == ("failed", "embeddings_unavailable", "embed")
        profile = service.profile(user)
        assert (profile["import_status"], profile["full_pass_status"]) == ("quick_ready", "failed")
        assert profile["soulprint_text"]
        assert profile["import_error"] is None
        assert own_sandbox.rows("conversation_chunks", {"user_id": f"eq.{user}"}) == []

        own_sandbox.set_faults(callback={"error_rate": 1, "error_status": 500})
        job = service.imported(user, export(2))
        assert (job["status"], job["callback_outcome"]) == ("complete", "failed: The web app answered 500.")


def test_passing_trouble_is_ridden_out(own_sandbox: RunningSandbox, tmp_path: Path) -> None:
    with RunningService(own_sandbox, tmp_path, V2_STEP_ATTEMPTS="8", V2_MODEL_RETRIES="3") as service:
        trouble = {"error_rate": 0.08, "error_status": 503}
        own_sandbox.set_faults(anthropic=trouble, bedrock=trouble, storage=trouble)
        job = service.imported(own_sandbox.create_user(), export(6))
        assert (job["status"], job["coverage"]) == ("complete", 1)
