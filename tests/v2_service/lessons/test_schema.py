"""What v2 writes and what the database takes: one vector size, no missing column, no finished user made unfinished."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from sandbox.running import RunningSandbox
from tests.house.sources import REPOSITORY
from v2_service.adapters.embeddings import DIMENSIONS
from v2_service.jobs import profile
from v2_service.processors import Facts, empty_memory, legacy_profile, read_sections

MIGRATIONS = sorted((REPOSITORY / "v2_service" / "migrations").glob("*.sql"))
NOW = datetime(2026, 11, 22, tzinfo=UTC)
# Older than v2, by the contract of the monolith.
STANDING = {"import_status"}


def sizes_in(paths: list[Path]) -> set[int]:
    return {int(size) for path in paths for size in re.findall(r"\bvector\((\d+)\)", path.read_text())}


def test_l_04_vectors_have_one_size_wherever_they_are_made_stored_and_searched() -> None:
    monolith = re.search(r"^EMBEDDING_SIZE = (\d+)$", (REPOSITORY / "legacy" / "main.py").read_text(), re.MULTILINE)
    assert monolith is not None
    assert int(monolith[1]) == DIMENSIONS
    assert sizes_in(MIGRATIONS) == {DIMENSIONS}
    assert sizes_in(sorted((REPOSITORY / "sandbox" / "schema").glob("*.sql"))) == {DIMENSIONS}


def written_columns() -> set[str]:
    sections = read_sections({}, "somebody").sections
    patches = [
        profile.started(NOW, "bucket/user/export.zip"),
        profile.quick(legacy_profile(sections), NOW),
        profile.embedding(),
        profile.embedded(1, 2),
        profile.switched(NOW, full=True, messages=1, conversations=1),
        profile.memory("# MEMORY", "# Memory log", NOW),
        profile.final(legacy_profile(sections, empty_memory(), Facts()), NOW),
        profile.finished(NOW, "{}"),
        *(profile.failed(phase, "why", {}, refresh=False) for phase in profile.Phase),
    ]
    # The last two are written by the switch itself.
    return {column for patch in patches for column in patch} | {"total_chunks", "processed_chunks"}


def test_l_44_every_column_that_v2_writes_has_its_migration() -> None:
    sql = MIGRATIONS[0].read_text()
    made = set(re.findall(r"add column (?:if not exists )?(\w+)", sql))
    assert written_columns() - made - STANDING == set()


def test_l_05_a_status_column_that_is_new_finds_finished_users_finished(sandbox: RunningSandbox) -> None:
    finished, fresh = sandbox.create_user(), sandbox.create_user()
    with psycopg.connect(sandbox.sql_uri) as connection:
        connection.execute("set local lock_timeout = '20s'")
        connection.execute("update public.user_profiles set import_status = 'complete' where user_id = %s", [finished])
        connection.execute("alter table public.user_profiles drop column full_pass_status")
        connection.execute(MIGRATIONS[0].read_text().encode())
        rows = connection.execute(
            "select user_id::text, full_pass_status from public.user_profiles where user_id = any(%s)",
            [[finished, fresh]],
        ).fetchall()
        connection.rollback()
    assert dict(rows) == {finished: "complete", fresh: None}
