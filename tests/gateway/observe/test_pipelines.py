"""Both pipelines followed while a gateway runs: pace, trouble, metrics."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.observe import observation as observing
from gateway.observe.errors import SourceFailed, SourceRefused, SourceUnavailable
from gateway.observe.evidence import Evidence
from gateway.observe.follower import Pass
from gateway.observe.jobs import Row
from gateway.observe.observation import Observation, ObservationConfig
from gateway.observe.pipelines import MAX_WAIT, Pipelines

JOB = {
    "id": "11111111-1111-4111-8111-111111111111", "user_id": "22222222-2222-4222-8222-222222222222",
    "status": "accepted", "step": "queued", "kind": "import",
}  # fmt: skip


class Nobody:
    """Workers that have nothing to hand over."""

    async def fetch_decided(self) -> list[dict[str, object]]:
        return []


class Tables:
    """A source that fails on demand, and has one run of v2."""

    def __init__(self) -> None:
        self.trouble: SourceFailed | None = None
        self.run: dict[str, object] = {}

    async def rows(self, table: str, query: Mapping[str, str]) -> list[Row]:
        if self.trouble is not None:
            raise self.trouble
        wanted = table == "pipeline_runs" and self.run and "or" not in query
        return [self.run] if wanted else []

    async def count(self, table: str, query: Mapping[str, str]) -> int:
        raise AssertionError("nothing here claims to be complete")


@asynccontextmanager
async def followed(folder: Path, tables: Tables) -> AsyncIterator[Pipelines]:
    evidence = Evidence(Nobody(), folder)
    await evidence.open()
    yield Pipelines(tables, evidence)
    await evidence.close()


async def look(pipelines: Pipelines) -> None:
    for follower in pipelines._followers:
        while await pipelines.advance(follower):
            pass


async def test_trouble_is_told_once_waited_out_longer_and_longer_and_ends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = Tables()
    async with followed(tmp_path, tables) as pipelines:
        tables.trouble = SourceUnavailable("pipeline_runs: answered 503")
        waits = []
        for _ in range(8):
            await look(pipelines)
            waits.append(pipelines._wait(pipelines.following[pipelines._followers[0].pipeline]))
        assert waits == sorted(waits)
        assert waits[0] < waits[-1] == MAX_WAIT
        assert capsys.readouterr().err.count("v2's jobs cannot be followed: pipeline_runs: answered 503") == 1
        assert b'gateway_jobs_followed{pipeline="v2"} 0.0' in pipelines.exposition()
        assert b'gateway_jobs_follow_errors_total{pipeline="v2"} 8.0' in pipelines.exposition()
        assert pipelines.running() == {}
        tables.trouble = None
        await look(pipelines)
        assert b'gateway_jobs_followed{pipeline="v2"} 1.0' in pipelines.exposition()
        assert "followed again" in capsys.readouterr().err
        assert pipelines.running() == {"legacy": 0, "v2": 0}


async def test_it_is_said_up_to_when_both_sides_ends_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with followed(tmp_path, Tables()) as pipelines:
        first, second = pipelines._followers
        await pipelines.advance(first)
        assert pipelines.settled_at() is None  # nobody has looked at the other side
        await pipelines.advance(second)
        settled = pipelines.settled_at()
        assert settled == min(one.settled_at or 0.0 for one in pipelines.following.values())

        async def behind(now: float, collect: object) -> Pass:
            return Pass(behind=True)

        monkeypatch.setattr(first, "advance", behind)
        await pipelines.advance(first)
        await pipelines.advance(second)
        assert pipelines.settled_at() == settled  # what one side could not do yet holds for both


async def test_a_refusal_is_not_asked_again_soon(tmp_path: Path) -> None:
    tables = Tables()
    async with followed(tmp_path, tables) as pipelines:
        tables.trouble = SourceRefused("processing_jobs: answered 404")
        await look(pipelines)
        assert {pipelines._wait(state) for state in pipelines.following.values()} == {MAX_WAIT}


async def test_a_run_is_counted_from_its_acceptance_to_its_end(tmp_path: Path) -> None:
    tables = Tables()
    async with followed(tmp_path, tables) as pipelines:
        await look(pipelines)

        async def seen(**columns: object) -> str:
            at = f"2099-01-01T00:0{len(seen_at)}:00+00:00"
            seen_at.append(at)
            tables.run = {**JOB, "created_at": "2099-01-01T00:00:00+00:00", "updated_at": at, **columns}
            await look(pipelines)
            return pipelines.exposition().decode()

        seen_at: list[str] = []
        page = await seen()
        assert 'gateway_jobs_accepted_total{pipeline="v2"} 1.0' in page
        assert 'gateway_jobs_running{pipeline="v2"} 1.0' in page
        page = await seen(status="running", step="embed")
        assert 'gateway_job_first_profile_seconds_sum{pipeline="v2"} 60.0' in page
        cost = {"llm_input_tokens": 1000, "llm_output_tokens": 50, "total_cost_usd": 0.5}
        page = await seen(
            status="failed", error_code="model_unavailable", counts={"facts": 4}, cost=cost, coverage=0.97,
            completed_at="2099-01-01T00:10:00+00:00",
        )  # fmt: skip
        assert 'gateway_jobs_ended_total{outcome="failed",pipeline="v2"} 1.0' in page
        assert 'gateway_jobs_findings_total{pipeline="v2",rule="model-unavailable"} 1.0' in page
        assert 'gateway_job_duration_seconds_sum{outcome="failed",pipeline="v2"} 600.0' in page
        assert 'gateway_job_tokens_total{direction="input",pipeline="v2"} 1000.0' in page
        assert 'gateway_job_dollars_total{pipeline="v2"} 0.5' in page
        assert 'gateway_job_facts_sum{pipeline="v2"} 4.0' in page
        assert 'gateway_jobs_unattributed_total{pipeline="v2"} 1.0' in page
        page = await seen(status="failed", callback_outcome="failed: refused")
        assert 'gateway_job_callbacks_total{outcome="failed",pipeline="v2"} 1.0' in page
        assert 'gateway_jobs_ended_total{outcome="failed",pipeline="v2"} 1.0' in page
        assert 'pipeline="legacy"' in page
        assert not any(line.startswith("gateway_job_") and "legacy" in line for line in page.splitlines())


async def test_a_defect_is_said_and_ends_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(observing, "AFTER_DEFECT", 0.0)
    observation = Observation(Nobody(), ObservationConfig(tmp_path))
    await observation.open()
    broken = asyncio.Event()
    calls = 0

    async def collect() -> None:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise ZeroDivisionError("a defect of ours")
        broken.set()

    monkeypatch.setattr(observation.evidence, "collect", collect)
    running = asyncio.create_task(observation.run())
    async with asyncio.timeout(10):
        await broken.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert "a defect of ours" in capsys.readouterr().err
    assert b"gateway_evidence_defects_total 2.0" in observation.exposition()
    monkeypatch.undo()
    await observation.close()
