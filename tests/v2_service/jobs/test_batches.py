"""A run's questions in batches: the answers of single calls at half the price, each paid for and charged once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any  # rows

import pytest

from sandbox.running import RunningSandbox
from tests.v2_service.stubs import chunk, sandbox_settings
from v2_service.adapters.chunk_rows import rows_of
from v2_service.adapters.models_batches import Accepted, InDoubt, MessageBatches, Refused
from v2_service.adapters.runs import Lease, Request
from v2_service.contract import ModelRequest, Outcome
from v2_service.errors import StaleRun
from v2_service.jobs.batch_reading import settle_abandoned
from v2_service.jobs.batches import also_in_batches, answer_in_batches
from v2_service.jobs.services import Services, open_services
from v2_service.jobs.session import Session
from v2_service.processors import Step, extraction_request
from v2_service.processors.batching import SMALLEST_ROUND

CHUNKS = 30


class Open:
    """The place between two steps of a process that goes on."""

    async def between_steps(self) -> None:
        return


@dataclass
class Batched:
    """A running run with staged chunks."""

    sandbox: RunningSandbox
    services: Services
    lease: Lease

    async def ask(self, **changed: Any) -> int:
        """One execution of the batches; fields of the services may be replaced. Returns the rounds."""
        services = replace(self.services, **changed)
        session = Session(services, Open(), self.lease)
        await session.replies.recall()
        rounds = (await answer_in_batches(session, 8, CHUNKS, self.lease.accepted_at))["rounds"]
        assert isinstance(rounds, int)
        return rounds

    def rows(self) -> list[dict[str, Any]]:
        return self.sandbox.rows("pipeline_batches", {"run_id": f"eq.{self.lease.run_id}", "order": "begun_at"})

    def kept(self) -> int:
        return len(self.sandbox.rows("pipeline_replies", {"run_id": f"eq.{self.lease.run_id}", "select": "step"}))

    async def bill(self) -> dict[str, Any]:
        found: Any = (await self.services.costs.bill(self.lease.run_id)).get("extract", {"calls": 0})
        assert isinstance(found, dict)
        return found

    def batches_made(self) -> int:
        made: int = self.sandbox.http.get("/_sandbox/models").json()["batches"]
        return made

    def patch(self, row: str, **values: object) -> None:
        answer = self.sandbox.http.patch("/rest/v1/pipeline_batches", params={"id": f"eq.{row}"}, json=values)
        assert answer.is_success, answer.text


@pytest.fixture
def models(sandbox: RunningSandbox) -> Iterator[Callable[..., None]]:
    """Sets how the sandbox's batches behave, for one test."""

    def put(**given: object) -> None:
        assert sandbox.http.put("/_sandbox/models/settings", json=given).is_success

    put()
    yield put
    put()


@asynccontextmanager
async def batched(sandbox: RunningSandbox, folder: Path, **given: object) -> AsyncIterator[Batched]:
    """A new user's run over real adapters; batches are looked at often."""
    quick = {
        "model_batches": "always",
        "model_batch_poll_seconds": 0.02,
        "model_batch_doubt_seconds": 0.0,
        "model_batch_requests": 12,
    }
    async with open_services(sandbox_settings(sandbox, folder, **{**quick, **given})) as services:
        user = sandbox.create_user()
        claim = await services.runs.claim(Request(user, f"user-imports/{user}/raw.json"))
        lease = await services.runs.take(claim.run_id)
        assert lease is not None
        await services.chunks.stage(lease, rows_of([chunk(position) for position in range(CHUNKS)], lease.accepted_at))
        yield Batched(sandbox, services, lease)


async def test_batches_answer_every_question_once_at_half_the_price(
    sandbox: RunningSandbox, tmp_path: Path, models: Callable[..., None]
) -> None:
    async with batched(sandbox, tmp_path) as run:
        assert await run.ask() == 1
        rows, bill = run.rows(), await run.bill()
        assert [row["requests"] for row in rows] == [12, 12, 6]
        assert {(row["state"], row["lines_read"] == row["requests"]) for row in rows} == {("settled", True)}
        assert (run.kept(), bill["calls"]) == (CHUNKS, CHUNKS)
        whole = bill["input_tokens"] * 1.0 + bill["output_tokens"] * 5.0
        assert bill["dollars"] == pytest.approx(whole / 1e6 / 2)
        assert await run.ask() == 0
        assert (len(run.rows()), (await run.bill())["calls"]) == (3, CHUNKS)


@pytest.mark.parametrize("mode", [{"model_batches": "never"}, {"model_batches": "auto", "model_batch_from": 31}])
async def test_without_the_setting_or_the_size_nothing_is_submitted(
    sandbox: RunningSandbox, tmp_path: Path, mode: Mapping[str, object]
) -> None:
    async with batched(sandbox, tmp_path, **mode) as run:
        assert (await run.ask(), run.rows()) == (0, [])
        assert await run.ask(batches=None) == 0


async def test_equal_chunks_are_one_question_of_a_batch(sandbox: RunningSandbox, tmp_path: Path) -> None:
    async with batched(sandbox, tmp_path) as run:
        twins = [replace(chunk(0), position=position) for position in range(CHUNKS, CHUNKS + 5)]
        await run.services.chunks.stage(run.lease, rows_of(twins, run.lease.accepted_at))
        await run.ask()
        assert sum(row["requests"] for row in run.rows()) == CHUNKS == (await run.bill())["calls"]


async def test_what_ends_without_an_answer_is_asked_again_in_smaller_batches_and_never_charged(
    sandbox: RunningSandbox, tmp_path: Path, models: Callable[..., None]
) -> None:
    models(batch_errored_share=0.45, batch_expired_share=0.4)
    async with batched(sandbox, tmp_path) as run:
        rounds = await run.ask()
        rows = run.rows()
        asked = {number: sum(r["requests"] for r in rows if r["round"] == number) for number in range(1, rounds + 1)}
        # Which questions fail is drawn anew in each batch: what is left over is known only afterwards.
        left = CHUNKS - sum(row["results"].get("succeeded", 0) for row in rows if row["round"] == 1)
        assert (asked[1], asked.get(2, 0)) == (CHUNKS, left if left >= SMALLEST_ROUND else 0)
        assert sum(row["results"].get("succeeded", 0) for row in rows) == run.kept() == (await run.bill())["calls"]


class LosesAnswers(MessageBatches):
    """Batches whose submission succeeds, or does not, and nobody hears of it."""

    def __init__(self, inner: MessageBatches, arrives: bool) -> None:
        self._inner, self._arrives = inner, arrives
        super().__init__(inner._client, inner._model)

    async def submit(self, questions: Mapping[str, ModelRequest]) -> Accepted | Refused | InDoubt:
        if self._arrives:
            assert isinstance(await self._inner.submit(questions), Accepted)
        return InDoubt()


async def test_a_submission_whose_answer_was_lost_is_found_again_and_not_paid_twice(
    sandbox: RunningSandbox, tmp_path: Path, models: Callable[..., None]
) -> None:
    models(batch_seconds=0.3)
    async with batched(sandbox, tmp_path) as run:
        before = run.batches_made()
        await run.ask(batches=LosesAnswers(inner_of(run), arrives=True))
        assert {(row["state"], row["batch_id"] is None) for row in run.rows()} == {("settled", False)}
        assert (run.batches_made() - before, (await run.bill())["calls"]) == (3, CHUNKS)


async def test_a_submission_that_never_arrived_is_forgotten_and_its_questions_stay_open(
    sandbox: RunningSandbox, tmp_path: Path, models: Callable[..., None]
) -> None:
    async with batched(sandbox, tmp_path) as run:
        before = run.batches_made()
        assert await run.ask(batches=LosesAnswers(inner_of(run), arrives=False)) == 3
        assert (run.rows(), run.kept(), run.batches_made()) == ([], 0, before)
        assert await run.ask() == 1
        assert run.kept() == CHUNKS


async def test_somebody_elses_batch_of_the_same_size_is_never_taken(
    sandbox: RunningSandbox, tmp_path: Path, models: Callable[..., None]
) -> None:
    async with batched(sandbox, tmp_path) as run:
        foreign = {f"someone-else-{number}": question for number, question in enumerate([chunk_request()] * 12)}
        assert isinstance(await inner_of(run).submit(foreign), Accepted)
        await run.ask(batches=LosesAnswers(inner_of(run), arrives=False))
        assert (run.rows(), await run.bill()) == ([], {"calls": 0})


async def test_a_batch_that_was_noted_by_a_dead_worker_is_waited_for_and_not_submitted_again(
    sandbox: RunningSandbox, tmp_path: Path, models: Callable[..., None]
) -> None:
    async with batched(sandbox, tmp_path) as run:
        await run.ask()
        first, second, third = (row["id"] for row in run.rows())
        # As it is when a worker dies: two batches unread, one not even noted as submitted.
        sandbox.http.delete("/rest/v1/pipeline_replies", params={"run_id": f"eq.{run.lease.run_id}"})
        run.patch(first, state="submitted", lines_read=0)
        run.patch(second, state="submitted", lines_read=0)
        run.patch(third, state="submitting", batch_id=None, lines_read=0)
        before, made = await run.bill(), run.batches_made()
        assert await run.ask() == 0
        assert run.batches_made() == made
        assert (await run.bill())["calls"] - before["calls"] == CHUNKS == run.kept()
        assert {row["state"] for row in run.rows()} == {"settled"}


async def test_reading_goes_on_at_the_line_where_a_dead_worker_stopped(
    sandbox: RunningSandbox, tmp_path: Path, models: Callable[..., None]
) -> None:
    async with batched(sandbox, tmp_path) as run:
        await run.ask()
        [row, *_] = run.rows()
        run.patch(row["id"], state="submitted", lines_read=7)
        before = await run.bill()
        await run.ask()
        [row, *_] = run.rows()
        assert (row["state"], row["lines_read"], row["results"]) == ("settled", 12, {"succeeded": 12})
        assert (await run.bill())["calls"] - before["calls"] == 12 - 7


async def test_later_steps_are_asked_in_batches_too_once_the_chunks_were(
    sandbox: RunningSandbox, tmp_path: Path, models: Callable[..., None]
) -> None:
    async with batched(sandbox, tmp_path, model_batches="auto", model_batch_from=1) as run:
        session = Session(run.services, Open(), run.lease)
        request = replace(chunk_request(), step="memory")
        await also_in_batches(session, Step.MEMORY, [request])
        assert run.rows() == []
        await run.ask()
        await also_in_batches(session, Step.MEMORY, [request])
        assert [(row["step"], row["requests"]) for row in run.rows()][3:] == [("memory", 1)]
        reply = await session.models.complete(request)
        bill = (await run.services.costs.bill(run.lease.run_id))["memory"]
        assert isinstance(bill, dict)
        assert (reply.outcome, bill["calls"], bill["input_tokens"]) == (Outcome.OK, 1, reply.usage.input_tokens)


async def test_results_that_two_workers_read_are_charged_once(
    sandbox: RunningSandbox, tmp_path: Path, models: Callable[..., None]
) -> None:
    async with batched(sandbox, tmp_path) as run:
        await run.ask()
        [row, *_] = run.rows()
        bill = await run.bill()
        run.patch(row["id"], state="submitted")
        await run.ask()
        assert await run.bill() == bill


async def test_after_the_longest_wait_batches_are_cancelled_and_the_rest_is_left_to_single_calls(
    sandbox: RunningSandbox, tmp_path: Path, models: Callable[..., None]
) -> None:
    models(batch_seconds=600)
    async with batched(sandbox, tmp_path, model_batch_wait_seconds=60.0) as run:
        later = run.services.now() + timedelta(seconds=61)
        times = iter([run.services.now()] * 8)
        # The batches are submitted now; all further looks at the clock are after the wait and the time to cancel.
        end = later + timedelta(seconds=300)
        assert await run.ask(now=lambda: next(times, end)) == 1
        rows = run.rows()
        assert {row["state"] for row in rows} == {"submitted"}
        assert run.kept() == 0
        seen = [await inner_of(run).look(row["batch_id"]) for row in rows]
        assert all(batch.canceling for batch in seen)


async def test_a_budget_without_room_for_a_batch_is_not_exceeded_by_one(
    sandbox: RunningSandbox, tmp_path: Path, models: Callable[..., None]
) -> None:
    async with batched(sandbox, tmp_path, budget_per_job=0.02) as run:
        await run.ask()
        reserved = [row["reserved"] for row in run.rows()]
        assert 1 <= len(reserved) < 3
        assert (await run.services.costs.spent(run.lease.run_id)).run < 0.02
        assert (await run.bill())["calls"] == 12 * len(reserved)


async def test_a_batch_that_is_not_read_yet_counts_in_the_budget(
    sandbox: RunningSandbox, tmp_path: Path, models: Callable[..., None]
) -> None:
    async with batched(sandbox, tmp_path) as run:
        await run.ask()
        before = (await run.services.costs.spent(run.lease.run_id)).run
        [row, *_] = run.rows()
        run.patch(row["id"], state="submitted")
        after = (await run.services.costs.spent(run.lease.run_id)).run
        assert after == pytest.approx(before + row["reserved"])


async def test_a_stopped_runs_batches_are_cancelled_and_what_was_answered_is_charged(
    sandbox: RunningSandbox, tmp_path: Path, models: Callable[..., None]
) -> None:
    async with batched(sandbox, tmp_path) as run:
        await run.ask()
        first, second, _ = run.rows()
        bill = await run.bill()
        run.patch(first["id"], state="submitted", lines_read=0)
        run.patch(second["id"], state="submitted", lines_read=second["requests"])
        assert await settle_abandoned(run.services) == 0
        assert await run.services.runs.stop(run.lease.run_id, "cancelled", "x") == "cancelled"
        models(batch_seconds=600)
        waiting = await inner_of(run).submit({"q": chunk_request()})
        assert isinstance(waiting, Accepted)
        run.patch(second["id"], batch_id=waiting.batch_id, lines_read=0, requests=1)
        assert await settle_abandoned(run.services) == 1
        assert (await inner_of(run).look(waiting.batch_id)).canceling
        assert (await run.bill())["calls"] == bill["calls"] + 12
        assert run.kept() == 0
        run.patch(second["id"], state="settled")


async def test_a_run_that_was_stopped_is_noticed_while_it_waits(
    sandbox: RunningSandbox, tmp_path: Path, models: Callable[..., None]
) -> None:
    models(batch_seconds=600)
    async with batched(sandbox, tmp_path) as run:
        stopping = Stopping(run)
        session = Session(run.services, stopping, run.lease)
        with pytest.raises(StaleRun):
            await answer_in_batches(session, 8, CHUNKS, run.lease.accepted_at)
        await settle_abandoned(run.services)
        seen = [await inner_of(run).look(row["batch_id"]) for row in run.rows()]
        assert all(batch.canceling for batch in seen)


class Stopping:
    """Stops the run from outside once all its batches are submitted."""

    def __init__(self, run: Batched) -> None:
        self._run = run

    async def between_steps(self) -> None:
        if len(self._run.rows()) == 3:
            await self._run.services.runs.stop(self._run.lease.run_id, "cancelled", "x")


def inner_of(run: Batched) -> MessageBatches:
    assert run.services.batches is not None
    return run.services.batches


def chunk_request() -> ModelRequest:
    return extraction_request(chunk(999))
