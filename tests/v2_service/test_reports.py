"""Costs and consistency, as operators see them."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from sandbox.running import RunningSandbox
from tests.v2_service.exports import export
from tests.v2_service.running import RunningService
from tests.v2_service.stubs import sandbox_settings
from v2_service.reports import show_audit, show_costs


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service over a sandbox of its own, because the audit looks at everybody."""
    with RunningSandbox() as sandbox, RunningService(sandbox, tmp_path_factory.mktemp("v2")) as running:
        yield running


async def audited(own: RunningService, tmp_path: Path) -> tuple[bool, str]:
    console = Console(file=io.StringIO(), width=160)
    sound = await show_audit(sandbox_settings(own.sandbox, tmp_path), console)
    assert isinstance(console.file, io.StringIO)
    return sound, console.file.getvalue()


def line(text: str, words: str) -> list[str]:
    [found] = [row for row in text.splitlines() if words in row]
    return found.replace("│", " ").split()


async def test_what_an_import_leaves_is_sound_and_its_costs_are_shown(own: RunningService, tmp_path: Path) -> None:
    user = own.sandbox.create_user()
    job = own.imported(user, export(2))
    sound, text = await audited(own, tmp_path)
    assert (sound, line(text, "more than once")[-1]) == (True, "0")
    console = Console(file=io.StringIO(), width=160)
    await show_costs(sandbox_settings(own.sandbox, tmp_path), console, 5)
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert user[:8] in shown
    assert f"{job['cost']['total_cost_usd']:.4f}" in shown


@pytest.mark.parametrize(
    ("table", "patch", "words"),
    [
        ("user_profiles", {"total_chunks": 999}, "count other chunks"),
        ("conversation_chunks", {"embedding": None}, "chunks that have none"),
        ("conversation_chunks", {"chunk_tier": "small"}, "search does not know"),
        ("conversation_chunks", {"content": "same", "conversation_id": "c", "created_at": "2024-01-01"}, "than once"),
    ],
)
async def test_what_does_not_agree_is_found_with_its_user(
    own: RunningService, tmp_path: Path, table: str, patch: dict[str, object], words: str
) -> None:
    user = own.sandbox.create_user()
    own.imported(user, export(2))
    assert own.sandbox.http.patch(f"/rest/v1/{table}", params={"user_id": f"eq.{user}"}, json=patch).is_success
    sound, text = await audited(own, tmp_path)
    own.http.delete(f"/users/{user}")
    assert not sound
    assert user[:8] in line(text, words)


async def test_s_131_odd_data_is_found_mixed_versions_too_many_chunks_and_calls_never_charged(
    own: RunningService, tmp_path: Path
) -> None:
    user = own.sandbox.create_user()
    job = own.imported(user, export(2))
    rest = own.sandbox.http
    one_tier = {"user_id": f"eq.{user}", "chunk_tier": "eq.medium"}
    assert rest.patch("/rest/v1/conversation_chunks", params=one_tier, json={"chunking_version": 1}).is_success
    counts = {"counts": {"chunks": job["counts"]["chunks"] // 2}}
    assert rest.patch("/rest/v1/pipeline_runs", params={"id": f"eq.{job['id']}"}, json=counts).is_success
    batch = {"id": str(uuid.uuid4()), "run_id": job["id"], "step": "extract", "round": 1, "requests": 1}
    old = {**batch, "reserved": 1, "begun_at": "2024-01-01T00:00:00Z"}
    assert rest.post("/rest/v1/pipeline_batches", json=old).is_success
    sound, text = await audited(own, tmp_path)
    rest.delete("/rest/v1/pipeline_batches", params={"id": f"eq.{batch['id']}"})
    own.http.delete(f"/users/{user}")
    assert not sound
    for words in ("several chunking versions", "twice the chunks that", "were never charged"):
        assert user[:8] in line(text, words)


async def test_s_131_chunks_per_user_that_double_within_a_week_are_shown_and_are_no_fault(
    own: RunningService, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    users = [own.sandbox.create_user() for _ in range(20)]
    rows = [
        {
            "user_id": user,
            "version": "2.1",
            "status": "complete",
            "counts": {"chunks": 100 if number < 10 else 250},
            "completed_at": (now - timedelta(days=20 if number < 10 else 1)).isoformat(),
        }
        for number, user in enumerate(users)
    ]
    assert own.sandbox.http.post("/rest/v1/pipeline_runs", json=rows).is_success
    sound, text = await audited(own, tmp_path)
    for user in users:
        own.sandbox.http.delete("/rest/v1/pipeline_runs", params={"user_id": f"eq.{user}"})
    shown = line(text, "twice the chunks per user")
    assert (sound, any(user[:8] in " ".join(shown) for user in users[10:])) == (True, True)


async def test_a_complete_import_without_chunks_is_found(own: RunningService, tmp_path: Path) -> None:
    user = own.sandbox.create_user()
    own.imported(user, export(1))
    assert own.sandbox.http.delete("/rest/v1/conversation_chunks", params={"user_id": f"eq.{user}"}).is_success
    sound, text = await audited(own, tmp_path)
    own.http.delete(f"/users/{user}")
    assert (sound, user[:8] in line(text, "have no chunks")) == (False, True)
