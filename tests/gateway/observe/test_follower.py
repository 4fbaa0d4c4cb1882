"""Jobs are followed in a real database, over HTTP: what is read, what is believed, and what a restart changes."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any  # records are JSON

import pytest

from gateway.observe import follower as following
from gateway.observe import supabase
from gateway.observe.decided import Decided
from gateway.observe.errors import SourceFailed, SourceRefused, SourceUnavailable
from gateway.observe.evidence import Evidence
from gateway.observe.follower import Follower, Pass
from gateway.observe.job_ledger import JobLedger
from gateway.observe.jobs import JobState, Pipeline
from gateway.observe.supabase import SupabaseReader
from sandbox.running import RunningSandbox
from tests.gateway.observe.imports import change_job, chunks, imported, later, legacy_job, now, profile, send

PATIENCE = 1800.0


class Hands:
    """The workers, as far as the evidence knows them: what is put in is handed over once."""

    def __init__(self) -> None:
        self.waiting: list[Decided] = []

    async def fetch_decided(self) -> list[dict[str, object]]:
        handed, self.waiting = self.waiting, []
        return [{"decided": handed, "more": False, "dropped": 0}]

    def decide(
        self, user: str, backend: str = "legacy", reason: str = "percentage-out", at: float | None = None
    ) -> None:
        self.waiting.append(Decided(at or time.time(), "f", user, backend, backend, reason, 50, 10, 3, 200, 0.01, ""))


class Watched:
    """One pipeline under observation."""

    def __init__(
        self, evidence: Evidence, hands: Hands, reader: SupabaseReader, pipeline: Pipeline, grace: float
    ) -> None:
        self.evidence, self.hands = evidence, hands
        self.ledger = JobLedger(evidence.database, evidence.pseudonyms.of)
        self.follower = Follower(
            *(pipeline, reader, self.ledger, evidence.store, evidence.thread), patience=PATIENCE, grace=grace
        )

    async def look(self, at: float | None = None) -> Pass:
        """Passes until there is nothing more to do at once."""
        whole = Pass(behind=True)
        while whole.behind:
            done = await self.follower.advance(at or time.time(), self.evidence.collect)
            whole.accepted += done.accepted
            whole.profiles += done.profiles
            whole.callbacks += done.callbacks
            whole.settled += done.settled
            whole.behind = done.behind
        return whole

    async def records(self, job: str) -> list[dict[str, Any]]:
        page = await self.evidence.page(0, 10_000)
        return [one for one in map(json.loads, page.records) if one.get("job") == job]

    async def end(self, job: str) -> dict[str, Any]:
        """The only end of a job in the evidence."""
        [found] = [one for one in await self.records(job) if one["kind"] == "job"]
        return found


@asynccontextmanager
async def watching(
    folder: Path, sandbox: RunningSandbox, pipeline: Pipeline = Pipeline.LEGACY, grace: float = 0.0
) -> AsyncIterator[Watched]:
    hands = Hands()
    evidence = Evidence(hands, folder)
    await evidence.open()
    reader = SupabaseReader(sandbox.url, sandbox.keys.service, per_second=1000.0)
    watched = Watched(evidence, hands, reader, pipeline, grace)
    await evidence.thread.run(lambda: watched.ledger.begin(pipeline, time.time(), 0.0))
    try:
        yield watched
    finally:
        await reader.close()
        await evidence.close()


async def test_a_whole_import_is_complete_and_joined_to_its_decision(tmp_path: Path, sandbox: RunningSandbox) -> None:
    async with watching(tmp_path, sandbox) as watched:
        user = sandbox.create_user()
        watched.hands.decide(user.upper())
        job = legacy_job(sandbox, user)
        first = await watched.look()
        assert (first.accepted >= 1, first.settled) == (True, [])
        [start] = await watched.records(job)
        assert (start["kind"], start["counted"], start["backend"], start["bucket"]) == ("start", True, "legacy", 50)
    # and in another process, with nothing but the folder
    async with watching(tmp_path, sandbox) as watched:
        chunks(sandbox, user, 3, 3)
        profile(sandbox, user, total_chunks=3)
        change_job(sandbox, job, status="complete", completed_at=now().isoformat())
        await watched.look()
        start, end = await watched.records(job)
        assert (start["kind"], end["kind"]) == ("start", "job")
        assert (end["outcome"], end["rule"], end["counted"], end["failed"]) == ("complete", "all-proven", True, False)
        assert (end["flag"], end["percentage"], end["chunks"], end["user"]) == ("f", 10, 3, start["user"])
        assert end["seconds"] >= 0
        assert "dollars" not in end
        assert user not in json.dumps([start, end])


@pytest.mark.parametrize(
    ("left", "outcome", "rule"),
    [
        ({"count": 0, "embedded": 0}, "failed", "no-chunks"),
        ({"embedded": 0}, "failed", "nothing-embedded"),
        ({"soulprint_text": ""}, "failed", "profile-empty"),
        ({"embedded": 2}, "degraded", "embeddings-missing"),
        ({"soul_md": None}, "degraded", "documents-missing"),
        ({"soulprint": {"archetype": "Unique Individual", "error": "throttled"}}, "degraded", "generic-profile"),
    ],
)
async def test_what_legacy_calls_complete_is_looked_at(
    tmp_path: Path, sandbox: RunningSandbox, left: dict[str, Any], outcome: str, rule: str
) -> None:
    async with watching(tmp_path, sandbox) as watched:
        _, job = imported(sandbox, **left)
        await watched.look()
        end = await watched.end(job)
        assert (end["outcome"], end["rule"], end["failed"]) == (outcome, rule, outcome == "failed")
        assert (end["counted"], end["reason"]) == (False, None)  # nobody decided this one


async def test_chunks_of_a_newer_import_prove_nothing_about_an_older_one(
    tmp_path: Path, sandbox: RunningSandbox
) -> None:
    async with watching(tmp_path, sandbox) as watched:
        user, job = imported(sandbox)
        legacy_job(sandbox, user)
        await watched.look()
        assert ((await watched.end(job))["outcome"], (await watched.end(job))["counted"]) == ("unproven", False)


async def test_silence_is_told_once_and_so_is_what_was_deleted(tmp_path: Path, sandbox: RunningSandbox) -> None:
    async with watching(tmp_path, sandbox) as watched:
        silent, lost = (legacy_job(sandbox, sandbox.create_user(), attempts=tries) for tries in (3, 1))
        await watched.look()
        assert await watched.records(silent) == []
        send(sandbox, "DELETE", "processing_jobs", None, {"id": f"eq.{lost}"})
        await watched.look(later(PATIENCE + 60))
        await watched.look(later(PATIENCE + 600))
        end = await watched.end(silent)
        assert (end["outcome"], end["rule"], end["failed"]) == ("stuck", "attempts-used-up", True)
        assert end["seconds"] > PATIENCE
        assert (await watched.end(lost))["outcome"] == "gone"
        standing = await watched.evidence.thread.run(lambda: watched.ledger.open_jobs(later(60)))
        assert standing.get((Pipeline.LEGACY, JobState.STUCK), 0) >= 1
        # It lives after all: it is open again, and its end stays the one that was told.
        change_job(sandbox, silent, status="failed", error_message="Embedding stopped: 10 chunks in a row failed")
        await watched.look()
        assert (await watched.end(silent))["outcome"] == "stuck"


@pytest.mark.parametrize(
    ("decided", "reason", "counted"),
    [("legacy", "percentage-out", True), ("legacy", "forced", False), ("legacy", "breaker-open", False)],
)
async def test_only_what_the_percentage_drew_counts(
    tmp_path: Path, sandbox: RunningSandbox, decided: str, reason: str, counted: bool
) -> None:
    async with watching(tmp_path, sandbox) as watched:
        user = sandbox.create_user()
        watched.hands.decide(user, decided, reason)
        job = legacy_job(sandbox, user, "failed", error_message="Failed to download from storage: 404")
        await watched.look()
        end = await watched.end(job)
        assert (end["counted"], end["reason"], end["rule"]) == (counted, reason, "download-failed")
        assert [one["kind"] for one in await watched.records(job)] == (["start", "job"] if counted else ["job"])


async def test_the_latest_decision_before_the_job_is_the_one_behind_it(tmp_path: Path, sandbox: RunningSandbox) -> None:
    async with watching(tmp_path, sandbox) as watched:
        user = sandbox.create_user()
        watched.hands.decide(user, reason="forced", at=later(-300))
        watched.hands.decide(user, at=later(-60))
        watched.hands.decide(user, "v2", "percentage-in", at=later(-1))  # v2 answered that one: another job
        watched.hands.decide(user, reason="forced", at=later(60))
        job = legacy_job(sandbox, user, "failed")
        await watched.look()
        assert (await watched.end(job))["reason"] == "percentage-out"


async def test_more_rows_than_fit_on_a_page_are_all_read_once(
    tmp_path: Path, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(tmp_path, sandbox) as watched:
        user = sandbox.create_user()
        jobs = [{"id": str(uuid.uuid4()), "user_id": user, "status": "failed"} for _ in range(8)]
        send(sandbox, "POST", "processing_jobs", jobs)  # one statement: all changed in the same moment
        monkeypatch.setattr(supabase, "MAX_ROWS", 3)
        monkeypatch.setattr(following, "MAX_SETTLED", 3)
        await watched.look()
        assert (await watched.look()).accepted == 0
        assert [len(await watched.records(job["id"])) for job in jobs] == [1] * 8


async def test_what_was_over_before_anybody_looked_is_history(tmp_path: Path, sandbox: RunningSandbox) -> None:
    old = legacy_job(sandbox, sandbox.create_user(), "failed", completed_at=(now() - timedelta(seconds=20)).isoformat())
    running = legacy_job(sandbox, sandbox.create_user())
    async with watching(tmp_path, sandbox) as watched:
        await watched.look()
        change_job(sandbox, running, status="failed")
        await watched.look()
        assert await watched.records(old) == []
        assert (await watched.end(running))["outcome"] == "failed"


async def test_a_row_that_becomes_visible_after_a_younger_one_is_not_missed(
    tmp_path: Path, sandbox: RunningSandbox
) -> None:
    async with watching(tmp_path, sandbox) as watched:
        legacy_job(sandbox, sandbox.create_user())
        await watched.look()
        older = legacy_job(sandbox, sandbox.create_user(), updated_at=(now() - timedelta(seconds=20)).isoformat())
        await watched.look()
        assert await watched.evidence.thread.run(lambda: watched.ledger.facts(Pipeline.LEGACY, older)) is not None


async def test_a_database_that_fails_or_refuses_says_so_without_the_key(
    tmp_path: Path, sandbox: RunningSandbox
) -> None:
    cases: list[tuple[str, str, type[SourceFailed]]] = [
        ("http://127.0.0.1:9", "secret-of-a-test", SourceUnavailable),
        (sandbox.url, "secret-of-a-test", SourceRefused),
    ]
    for url, key, kind in cases:
        reader = SupabaseReader(url, key)
        with pytest.raises(kind) as caught:
            await reader.rows("processing_jobs", {})
        assert "secret-of-a-test" not in str(caught.value)
        await reader.close()


async def test_a_pass_that_breaks_in_the_middle_is_finished_by_the_next_one(
    tmp_path: Path, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(tmp_path, sandbox) as watched:
        jobs = [imported(sandbox)[1] for _ in range(2)]
        asked = 0
        count = SupabaseReader.count

        async def failing(reader: SupabaseReader, table: str, query: dict[str, str]) -> int:
            nonlocal asked
            asked += 1
            if asked == 9:  # in the second job's questions
                raise SourceUnavailable("conversation_chunks: answered 503")
            return await count(reader, table, query)

        monkeypatch.setattr(SupabaseReader, "count", failing)
        with pytest.raises(SourceUnavailable):
            await watched.look()
        assert sum([len(await watched.records(job)) for job in jobs]) == 1
        await watched.look()
        assert [(await watched.end(job))["outcome"] for job in jobs] == ["complete", "complete"]


async def test_a_job_that_cannot_be_looked_at_holds_up_no_other(
    tmp_path: Path, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(tmp_path, sandbox) as watched:
        (poor, first), (_, second) = imported(sandbox), imported(sandbox)
        count = SupabaseReader.count

        async def refusing(reader: SupabaseReader, table: str, query: dict[str, str]) -> int:
            if query["user_id"] == f"eq.{poor}":
                raise SourceRefused("user_profiles: answered 400")
            return await count(reader, table, query)

        with monkeypatch.context() as patch:
            patch.setattr(SupabaseReader, "count", refusing)
            done = await watched.follower.advance(time.time(), watched.evidence.collect)
            assert done.refused == "user_profiles: answered 400"
            assert (await watched.end(second))["outcome"] == "complete"
            again = await watched.follower.advance(time.time(), watched.evidence.collect)
            assert again.refused is None  # it is left alone for a while
        await watched.look(later(following.CHECK_AGAIN + 1))
        assert (await watched.end(first))["outcome"] == "complete"


async def test_two_gateways_that_share_a_folder_tell_an_end_once_and_find_its_decision(
    tmp_path: Path, sandbox: RunningSandbox
) -> None:
    async with watching(tmp_path, sandbox, grace=3600) as leaving, watching(tmp_path, sandbox, grace=3600) as coming:
        user = sandbox.create_user()
        job = legacy_job(sandbox, user, "failed")
        await coming.look()
        assert await coming.records(job) == []  # the other one may still bring the decision
        leaving.hands.decide(user, at=later(-2))
        await asyncio.gather(leaving.look(), coming.look())
        await coming.look()
        assert [one["kind"] for one in await leaving.records(job)] == ["start", "job"]
        assert (await coming.end(job))["counted"] is True
