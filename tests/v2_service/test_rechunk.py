"""`v2 rechunk`: new chunks from stored exports, in one moment, resumable, and never against an import."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any  # rows

import pytest
from typer.testing import CliRunner

from sandbox.running import RunningSandbox
from tests.v2_service.exports import conversation, export, large_numbers
from tests.v2_service.running import environment
from tests.v2_service.stubs import sandbox_settings
from v2_service.__main__ import app
from v2_service.adapters.runs import Request
from v2_service.contract import Arrived
from v2_service.errors import EmbeddingsUnavailable
from v2_service.jobs.services import Services, open_services
from v2_service.processors import ChunkingSettings
from v2_service.rechunk import EXIT_AGAIN, EXIT_DONE, EXIT_FAILED, Options, Rechunked, Tally, rechunk

VERSION = ChunkingSettings().version
CONVERSATIONS = 3
OLD = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
async def services(sandbox: RunningSandbox, tmp_path: Path) -> AsyncIterator[Services]:
    """The real adapters over the session's sandbox."""
    async with open_services(sandbox_settings(sandbox, tmp_path)) as opened:
        yield opened


def imported(sandbox: RunningSandbox, content: bytes | None = None, chunks: int = 2) -> str:
    """A user whom the monolith imported: an export in Storage, and chunks without a version."""
    user = sandbox.create_user()
    path = f"user-imports/{user}/raw-1.json"
    if content is not None:
        sandbox.upload(path, content)
    patch = {"storage_path": path, "import_status": "complete", "total_chunks": chunks}
    assert sandbox.http.patch("/rest/v1/user_profiles", params={"user_id": f"eq.{user}"}, json=patch).is_success
    rows = [
        {"user_id": user, "conversation_id": f"old-{number}", "content": "old", "created_at": OLD.isoformat()}
        for number in range(chunks)
    ]
    assert sandbox.http.post("/rest/v1/conversation_chunks", json=rows).is_success
    return user


def live(sandbox: RunningSandbox, user: str) -> list[dict[str, Any]]:
    columns = "id,conversation_id,content,chunking_version,embedding,created_at,chunk_tier"
    return sandbox.rows("conversation_chunks", {"user_id": f"eq.{user}", "select": columns, "order": "id"})


def rows_of_work(sandbox: RunningSandbox, user: str) -> list[dict[str, Any]]:
    return sandbox.rows("pipeline_runs", {"user_id": f"eq.{user}", "kind": "eq.rechunk"})


async def done(services: Services, user: str, **options: Any) -> Tally:
    return await rechunk(services, Options(user, **options), lambda _: None, lambda _: None)


def asked(sandbox: RunningSandbox, area: str) -> int:
    requests: int = sandbox.calls()[area]["requests"]
    return requests


async def test_the_monoliths_chunks_become_ours_without_asking_the_language_model(
    sandbox: RunningSandbox, services: Services
) -> None:
    user = imported(sandbox, export(CONVERSATIONS))
    before = asked(sandbox, "anthropic")
    tally = await done(services, user)
    rows = live(sandbox, user)
    assert (tally.exit_code, tally.done, tally.before, tally.after) == (EXIT_DONE, 1, 2, len(rows))
    assert {row["conversation_id"] for row in rows} == {f"conversation-{number}" for number in range(CONVERSATIONS)}
    assert {(row["chunking_version"], row["embedding"] is not None) for row in rows} == {(VERSION, True)}
    assert {row["chunk_tier"] for row in rows} >= {"medium", "micro"}
    assert asked(sandbox, "anthropic") == before
    [profile] = sandbox.rows("user_profiles", {"user_id": f"eq.{user}", "select": "total_chunks,import_status"})
    assert profile == {"total_chunks": len(rows), "import_status": "complete"}
    assert rows_of_work(sandbox, user) == []


async def test_only_texts_that_changed_are_embedded_again(sandbox: RunningSandbox, services: Services) -> None:
    user = imported(sandbox, export(CONVERSATIONS))
    await done(services, user)
    first = {row["content"]: row["embedding"] for row in live(sandbox, user)}
    before = asked(sandbox, "bedrock")
    assert (await done(services, user)).embedded == 0
    assert asked(sandbox, "bedrock") == before
    assert {row["content"]: row["embedding"] for row in live(sandbox, user)} == first
    changed = [*json.loads(export(CONVERSATIONS)), conversation(99)]
    sandbox.upload(f"user-imports/{user}/raw-1.json", json.dumps(changed).encode())
    again = await done(services, user)
    assert again.embedded == again.after - again.before > 0


async def test_numbers_beyond_a_machine_word_hinder_no_new_chunks(sandbox: RunningSandbox, services: Services) -> None:
    user = imported(sandbox, large_numbers(CONVERSATIONS))
    assert (await done(services, user)).done == 1
    found = {row["conversation_id"] for row in live(sandbox, user)}
    assert found == {f"conversation-{number}" for number in range(CONVERSATIONS)}


async def test_users_with_new_chunks_are_no_candidates(sandbox: RunningSandbox, services: Services) -> None:
    user = imported(sandbox, export(1))
    assert (await done(services, user, older_than=VERSION)).done == 1
    assert (await done(services, user, older_than=VERSION)).users == 0
    assert (await done(services, user, older_than=VERSION + 1)).done == 1


async def test_all_goes_through_every_older_user_within_the_limit(sandbox: RunningSandbox, services: Services) -> None:
    users = [imported(sandbox, export(1)) for _ in range(4)]
    begun: list[int] = []
    told: list[Rechunked] = []
    assert (await rechunk(services, Options(limit=3), begun.append, told.append)).users == 3
    assert (begun, len(told)) == ([3], 3)
    await rechunk(services, Options(), begun.append, told.append)
    assert {row["chunking_version"] for user in users for row in live(sandbox, user)} == {VERSION}


async def test_a_dry_run_counts_and_writes_nothing(sandbox: RunningSandbox, services: Services) -> None:
    user = imported(sandbox, export(CONVERSATIONS))
    before = live(sandbox, user)
    tally = await done(services, user, dry_run=True)
    assert (live(sandbox, user), rows_of_work(sandbox, user)) == (before, [])
    assert (await done(services, user)).after == tally.after > 0


class Dies(Exception):
    """The process is gone."""


class Failing:
    """Embeddings that give some vectors, then end."""

    def __init__(self, services: Services, texts: int, end: Exception) -> None:
        self._inner, self._left, self._end = services.embeddings, texts, end

    async def embed(self, texts: Sequence[str], arrived: Arrived) -> None:
        await self._inner.embed(texts[: self._left], arrived)
        raise self._end


class Counting:
    """Embeddings that count their texts."""

    def __init__(self, services: Services) -> None:
        self._inner, self.texts = services.embeddings, 0

    async def embed(self, texts: Sequence[str], arrived: Arrived) -> None:
        self.texts += len(texts)
        await self._inner.embed(texts, arrived)


def leave_to_anybody(sandbox: RunningSandbox, row: dict[str, Any]) -> None:
    """The lease of whoever worked on this run is over."""
    expired = {"lease_expires_at": OLD.isoformat()}
    sandbox.http.patch("/rest/v1/pipeline_runs", params={"id": f"eq.{row['id']}"}, json=expired)


async def killed(services: Services, user: str, came: int = 0) -> None:
    """A run of the command that dies before its first page of vectors, some of which have come, is written."""
    with pytest.raises(ExceptionGroup):
        await done(replace(services, embeddings=Failing(services, came, Dies())), user)


async def test_after_a_kill_the_old_chunks_are_there_and_the_next_run_goes_on(
    sandbox: RunningSandbox, services: Services
) -> None:
    user = imported(sandbox, export(CONVERSATIONS))
    old = live(sandbox, user)
    await killed(services, user)
    assert live(sandbox, user) == old
    [row] = rows_of_work(sandbox, user)
    staged = sandbox.rows("pipeline_staged_chunks", {"run_id": f"eq.{row['id']}", "select": "id"})
    assert len(staged) > CONVERSATIONS
    busy = await done(services, user)
    assert (busy.skipped, busy.exit_code) == ({"busy": 1}, EXIT_AGAIN)
    leave_to_anybody(sandbox, row)
    assert (await done(services, user)).done == 1
    assert {chunk["id"] for chunk in live(sandbox, user)} == {chunk["id"] for chunk in staged}


async def test_vectors_that_came_before_a_failure_are_kept_and_charged_once(
    sandbox: RunningSandbox, services: Services
) -> None:
    user = imported(sandbox, export(CONVERSATIONS))
    failing = Failing(services, 4, EmbeddingsUnavailable("throttled"))
    tally = await done(replace(services, embeddings=failing), user)
    assert (tally.failed, tally.exit_code) == ({"embeddings_unavailable": 1}, EXIT_FAILED)
    [row] = rows_of_work(sandbox, user)
    [cost] = sandbox.rows("pipeline_costs", {"run_id": f"eq.{row['id']}"})
    assert (cost["step"], cost["calls"]) == ("embed", 4)
    assert list(services.arrivals_folder.iterdir()) == []
    leave_to_anybody(sandbox, row)
    again = await done(services, user)
    assert (again.done, again.embedded) == (1, again.after - 4)
    [cost] = sandbox.rows("pipeline_costs", {"run_id": f"eq.{row['id']}"})
    assert cost["calls"] == again.after


async def test_vectors_that_had_come_before_a_kill_are_not_made_again_and_are_charged_once(
    sandbox: RunningSandbox, services: Services
) -> None:
    user = imported(sandbox, export(CONVERSATIONS))
    await killed(services, user, came=4)
    [row] = rows_of_work(sandbox, user)
    assert sandbox.rows("pipeline_costs", {"run_id": f"eq.{row['id']}"}) == []
    leave_to_anybody(sandbox, row)
    counting = Counting(services)
    again = await done(replace(services, embeddings=counting), user)
    assert (again.done, again.embedded, counting.texts) == (1, again.after, again.after - 4)
    [cost] = sandbox.rows("pipeline_costs", {"run_id": f"eq.{row['id']}"})
    assert cost["calls"] == again.after
    assert list(services.arrivals_folder.iterdir()) == []


async def test_vectors_of_a_user_who_is_given_up_after_a_kill_do_not_stay_on_disk(
    sandbox: RunningSandbox, services: Services
) -> None:
    user = imported(sandbox, export(CONVERSATIONS))
    await killed(services, user, came=4)
    [row] = rows_of_work(sandbox, user)
    leave_to_anybody(sandbox, row)
    sandbox.upload(f"user-imports/{user}/raw-1.json", b"no json")
    assert (await done(services, user)).exit_code == EXIT_FAILED
    assert list(services.arrivals_folder.iterdir()) == []


async def test_an_export_that_changed_since_the_kill_is_begun_anew(sandbox: RunningSandbox, services: Services) -> None:
    user = imported(sandbox, export(CONVERSATIONS))
    await killed(services, user)
    [row] = rows_of_work(sandbox, user)
    leave_to_anybody(sandbox, row)
    sandbox.upload(f"user-imports/{user}/raw-1.json", json.dumps([conversation(7)]).encode())
    assert (await done(services, user)).done == 1
    assert {chunk["conversation_id"] for chunk in live(sandbox, user)} == {"conversation-7"}


async def test_a_user_with_a_running_import_is_left_alone(sandbox: RunningSandbox, services: Services) -> None:
    user = imported(sandbox, export(1))
    old = live(sandbox, user)
    await services.runs.claim(Request(user, f"user-imports/{user}/raw-1.json"))
    ours = await done(services, user)
    other = imported(sandbox, export(1))
    job = {"user_id": other, "status": "processing"}
    assert sandbox.http.post("/rest/v1/processing_jobs", json=job).is_success
    theirs = await done(services, other)
    sandbox.http.patch("/rest/v1/processing_jobs", params={"user_id": f"eq.{other}"}, json={"status": "complete"})
    for tally in (ours, theirs):
        assert (tally.skipped, tally.exit_code) == ({"importing": 1}, EXIT_AGAIN)
    assert live(sandbox, user) == old


class Interrupting:
    """Embeddings during which an import of the user is accepted."""

    def __init__(self, services: Services, user: str) -> None:
        self._services, self._user = services, user

    async def embed(self, texts: Sequence[str], arrived: Arrived) -> None:
        claim = await self._services.runs.claim(Request(self._user, f"user-imports/{self._user}/raw-1.json"))
        assert claim.accepted
        await self._services.embeddings.embed(texts, arrived)


async def test_an_import_that_begins_meanwhile_has_precedence(sandbox: RunningSandbox, services: Services) -> None:
    user = imported(sandbox, export(1))
    old = live(sandbox, user)
    tally = await done(replace(services, embeddings=Interrupting(services, user)), user)
    assert (tally.skipped, tally.exit_code) == ({"stale_run": 1}, EXIT_AGAIN)
    assert (live(sandbox, user), rows_of_work(sandbox, user)) == (old, [])
    [run] = sandbox.rows("pipeline_runs", {"user_id": f"eq.{user}"})
    assert (run["kind"], run["status"]) == ("import", "accepted")


@pytest.mark.parametrize(
    ("content", "problem", "code"),
    [
        (None, "export_missing", EXIT_DONE),
        (b"no json", "export_not_json", EXIT_FAILED),
        (b"[]", "export_empty", EXIT_FAILED),
    ],
)
async def test_an_export_that_gives_no_chunks_leaves_the_old_ones(
    sandbox: RunningSandbox, services: Services, content: bytes | None, problem: str, code: int
) -> None:
    user = imported(sandbox, content)
    old = live(sandbox, user)
    for dry_run in (True, False):
        tally = await done(services, user, dry_run=dry_run)
        assert (list(tally.skipped | tally.failed), tally.exit_code) == ([problem], code)
    assert (live(sandbox, user), rows_of_work(sandbox, user)) == (old, [])


@pytest.mark.parametrize(("known", "problem"), [(True, "no_chunks"), (False, "unknown")])
async def test_a_user_who_has_nothing_or_is_none_is_named(
    sandbox: RunningSandbox, services: Services, known: bool, problem: str
) -> None:
    tally = await done(services, sandbox.create_user() if known else str(uuid.uuid4()))
    assert list(tally.skipped | tally.failed) == [problem]


def v2(*arguments: str, **variables: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["rechunk", *arguments], env={"COLUMNS": "200", **variables})
    return result.exit_code, result.output


def test_the_command_prints_what_became_of_whom(sandbox: RunningSandbox, tmp_path: Path) -> None:
    user = imported(sandbox, export(1))
    variables: Mapping[str, str] = environment(sandbox, tmp_path)
    code, shown = v2("--user", user, "--dry-run", **variables)
    assert (code, "would be chunked anew" in shown) == (0, True)
    code, shown = v2("--user", user, **variables)
    assert (code, "chunked anew" in shown) == (0, True)
    gone = imported(sandbox)
    code, shown = v2("--user", gone, **variables)
    assert (code, gone in shown, "skipped: export missing" in shown) == (0, True, True)


@pytest.mark.parametrize("arguments", [[], ["--all", "--user", "u"], ["--all", "--limit", "0"]])
def test_the_command_asks_for_one_user_or_all(arguments: list[str]) -> None:
    code, shown = v2(*arguments)
    assert (code, "Usage" in shown or "Invalid" in shown) == (2, True)
