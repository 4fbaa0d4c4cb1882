"""Profile writes keep the readers' rules: legal statuses, both completions together, failures that take nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from v2_service.contract import JsonObject
from v2_service.jobs import profile
from v2_service.jobs.profile import Phase

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
FINISHED: JsonObject = {
    "import_status": "complete",
    "embedding_status": "complete",
    "embedding_progress": 100,
    "memory_status": "ready",
    "full_pass_status": "complete",
}
NEW: JsonObject = {
    "import_status": "none",
    "embedding_status": "pending",
    "embedding_progress": 0,
    "memory_status": "none",
    "full_pass_status": "pending",
}


def life(*, full: bool) -> list[JsonObject]:
    """The row after each write of a whole run."""
    patches = [
        profile.started(NOW, "user-imports/u/raw.zip"),
        profile.quick({"soul_md": "s"}, NOW),
        profile.embedding(),
        profile.embedded(5, 10),
        profile.embedded(10, 10),
        profile.switched(NOW, full=full, messages=7, conversations=3),
        profile.finished(NOW, "{}"),
    ]
    row = dict(NEW)
    return [dict(row := {**row, **patch}) for patch in patches]


@pytest.mark.parametrize("full", [True, False])
def test_statuses_come_in_their_legal_order(full: bool) -> None:
    rows = life(full=full)
    assert list(dict.fromkeys(row["import_status"] for row in rows)) == ["processing", "quick_ready", "complete"]
    assert list(dict.fromkeys(row["embedding_status"] for row in rows)) == ["pending", "processing", "complete"]
    assert list(dict.fromkeys(row["memory_status"] for row in rows)) == ["none", "building", "ready"]
    expected = ["pending", "processing", "complete"] if full else ["pending", "complete"]
    assert list(dict.fromkeys(row["full_pass_status"] for row in rows)) == expected


def test_the_monolith_never_sees_a_complete_import_with_embeddings_missing() -> None:
    assert [row for row in life(full=True) if row["import_status"] == "complete" != row["embedding_status"]] == []


def test_progress_of_embeddings_reaches_100_only_with_the_switch() -> None:
    progress = [row["embedding_progress"] for row in life(full=True)]
    assert progress == [0, 0, 0, 50, 99, 100, 100]
    assert profile.embedded(0, 0) == {"embedding_progress": 0}


def test_a_zip_is_named_as_one() -> None:
    assert profile.started(NOW, "b/u/x.zip")["file_type"] == "zip"
    assert profile.started(NOW, "b/u/x.json")["file_type"] == "json"
    assert "storage_path" not in profile.started(NOW, None)


def test_before_the_first_profile_a_failure_is_the_imports() -> None:
    patch = profile.failed(Phase.NOTHING, "why", NEW, refresh=False)
    assert patch == {"import_status": "failed", "import_error": "why", "import_stage": None}


def test_l_06_an_import_that_fails_beside_a_whole_one_leaves_its_status_and_says_why() -> None:
    patch = profile.failed(Phase.NOTHING, "why", FINISHED, refresh=False)
    assert patch == {"import_status": "complete", "import_error": "why", "import_stage": None}


@pytest.mark.parametrize(("chunks", "embedded", "writes"), [(3, 3, True), (3, 2, False), (0, 0, False)])
def test_a_run_that_was_overtaken_writes_no_status_while_the_other_import_is_at_work(
    chunks: int, embedded: int, writes: bool
) -> None:
    patch = profile.overtaken(chunks, embedded)
    assert (set(patch) == {"import_stage"}) is not writes
    assert patch.get("import_status", "complete") == "complete"


@pytest.mark.parametrize(("previous", "status"), [(FINISHED, "complete"), (NEW, "none"), ({}, "none")])
def test_a_refresh_that_fails_leaves_the_import_as_it_was(previous: JsonObject, status: str) -> None:
    assert profile.failed(Phase.NOTHING, "why", previous, refresh=True)["import_status"] == status


def test_after_the_first_profile_a_failure_is_the_full_passs_and_old_chunks_stay_searchable() -> None:
    patch = profile.failed(Phase.QUICK, "why", FINISHED, refresh=False)
    assert not {"import_status", "import_error"} & set(patch)
    assert (patch["full_pass_status"], patch["full_pass_error"]) == ("failed", "why")
    assert (patch["embedding_status"], patch["embedding_progress"], patch["memory_status"]) == (
        "complete",
        100,
        "ready",
    )
    first = profile.failed(Phase.QUICK, "why", NEW, refresh=False)
    assert (first["embedding_status"], first["memory_status"]) == ("failed", "none")


def test_after_the_switch_a_failure_touches_only_the_full_pass() -> None:
    patch = profile.failed(Phase.SWITCHED, "x" * 900, NEW, refresh=False)
    assert set(patch) == {"full_pass_status", "full_pass_error", "import_stage"}
    assert patch["full_pass_error"] == "x" * profile.ERROR_LENGTH
