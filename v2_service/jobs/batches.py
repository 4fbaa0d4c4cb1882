"""A run's questions in batches, at half the price: what they answer is kept as if each question had been asked alone.

Theory of operation. Rounds: every question without a kept answer goes into a batch of bounded size; a row in the
database is there before the batch is, and gets its id after. Then the batches are waited for and read. What ended
without an answer (errored, expired, canceled) is asked again in a smaller round. Whatever is left after the rounds,
after the longest wait, or for lack of budget is not asked here: the step that needs the answer asks by a single call,
as without batches. So this is safe to repeat, and to leave at any point: a later execution reads what is on its way,
then asks what is left.

What remains: if the provider lists a batch only after `model_batch_doubt_seconds`, and the answer to its submission was
lost, its questions are paid for twice. Counterpart: `batch_reading.py` looks at one batch.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from v2_service.adapters.models_batches import Accepted, MessageBatches, Refused
from v2_service.adapters.replies import request_hash
from v2_service.adapters.submissions import BEGUN, HASH_CHARACTERS, SETTLED, Submission, custom_id, new_id
from v2_service.contract import JsonObject, ModelRequest, Usage
from v2_service.errors import ModelUnavailable
from v2_service.jobs.batch_reading import BatchReader, Question
from v2_service.jobs.session import Session
from v2_service.observe import say
from v2_service.processors import Step, extraction_request, extraction_units
from v2_service.processors.batching import (
    BatchLimits,
    expected_tokens,
    request_bytes,
    wait_before,
    wants_batches,
    wants_round,
)

# Encoding a body holds up the event loop, about 10 ms a megabyte.
BATCH_BYTES = 4 * 1024 * 1024
# After the longest wait a batch is cancelled; this long it may take to end, so that what it has answered is used.
CANCEL_SECONDS = 300.0


Questions = Callable[[], AsyncIterator[ModelRequest]]


async def answer_in_batches(session: Session, size: int, total: int, at: datetime) -> JsonObject:
    """Ask the facts of `total` medium chunks in batches, if the settings want that. Returns how many rounds were asked.

    `size` chunks at a time make units, as in the extraction itself, so that these are its questions. `at` is the moment
    with which undated chunks were stored. Raises StaleRun, StoreUnavailable, StoreRefused.
    """
    batches, settings = session.services.batches, session.services.settings
    if batches is None or not wants_batches(settings.model_batches, total, settings.model_batch_from):
        return {"rounds": 0}

    async def questions() -> AsyncIterator[ModelRequest]:
        for start in range(0, total, size):
            rows = await session.services.chunks.medium(session.lease, start - 1, size)
            for unit in extraction_units(row.chunk for row in rows):
                yield extraction_request(unit.chunk, at)

    return {"rounds": await Rounds(session, batches, Step.EXTRACT, questions, total).all()}


async def also_in_batches(session: Session, step: Step, requests: Sequence[ModelRequest]) -> None:
    """Ask the few questions of a later step in a batch too, if the chunks were asked in batches and time is left.

    Raises StaleRun, StoreUnavailable, StoreRefused.
    """
    batches, settings = session.services.batches, session.services.settings
    if batches is None or settings.model_batches == "never":
        return
    if not await session.services.submissions.of_run(session.lease.run_id):
        return

    async def questions() -> AsyncIterator[ModelRequest]:
        for request in requests:
            yield request

    await Rounds(session, batches, step, questions, len(requests)).all()


@dataclass(slots=True)
class Pack:
    """A batch that is being filled."""

    limits: BatchLimits
    questions: dict[str, ModelRequest] = field(default_factory=dict)
    bytes: int = 0

    def takes(self, request: ModelRequest) -> bool:
        """Whether there is room for one more."""
        room = self.bytes + request_bytes(request) <= self.limits.bytes
        return not self.questions or (room and len(self.questions) < self.limits.requests)

    def add(self, key: str, request: ModelRequest) -> None:
        """Take a question by its hash."""
        self.questions[key] = request
        self.bytes += request_bytes(request)


class Rounds:
    """The batches of one step's questions, in one execution."""

    def __init__(self, session: Session, batches: MessageBatches, step: Step, questions: Questions, total: int) -> None:
        self._session = session
        self._services = session.services
        self._batches = batches
        self._step = step
        self._requests = questions
        self._total = total
        self._questions: dict[str, Question] = {}

    async def all(self) -> int:
        """Round after round; returns the last that was asked now, 0 if none was."""
        rows = await self._services.submissions.of_run(self._session.lease.run_id)
        wait = timedelta(seconds=self._services.settings.model_batch_wait_seconds)
        # The longest wait is for all batches of the run together.
        self._deadline = min((row.begun_at for row in rows), default=self._services.now()) + wait
        number = max((row.round for row in rows if row.step == self._step), default=1)
        asked, left = 0, await self._open()
        if any(row.step == self._step and row.state != SETTLED for row in rows):
            # What an earlier execution submitted comes first: its answers need not be asked for again.
            if not await self._settle():
                return asked
            left = await self._open()
        while wants_round(number, left) and not self._late():
            submitted, asked = await self._submit(number), number
            if not (await self._settle() and submitted):
                break
            left = await self._open()
            if left:
                say("batches leave questions", {"run_id": self._session.lease.run_id, "round": number, "left": left})
            number += 1
        return asked

    def _late(self, grace: float = 0.0) -> bool:
        return self._services.now() > self._deadline + timedelta(seconds=grace)

    async def _submit(self, number: int) -> bool:
        """Submit what has no answer yet. False when no more batches are to be had."""
        limits = BatchLimits(self._services.settings.model_batch_requests, BATCH_BYTES)
        pack, asked = Pack(limits), set[str]()
        async for request in self._requests():
            key = request_hash(request)
            if key in asked or self._session.replies.knows(key):
                continue
            # Equal chunks give equal questions, which a batch takes once.
            asked.add(key)
            if not pack.takes(request):
                if not await self._send(number, pack):
                    return False
                pack = Pack(limits)
            pack.add(key, request)
        return not pack.questions or await self._send(number, pack)

    async def _open(self) -> int:
        """How many questions have no answer yet."""
        found = set[str]()
        async for request in self._requests():
            key = request_hash(request)
            self._questions[key[:HASH_CHARACTERS]] = Question(key, request.schema)
            if not self._session.replies.knows(key):
                found.add(key)
        return len(found)

    async def _send(self, number: int, pack: Pack) -> bool:
        """One batch: noted, submitted, noted again."""
        lease, settings = self._session.lease, self._services.settings
        await self._session.pause()
        if self._late():
            return False
        submission = Submission(
            new_id(), lease.run_id, self._step, number, len(pack.questions), "", None, 0, self._services.now()
        )
        begun = await self._services.submissions.begin(
            lease, submission, self._dollars(pack), settings.budget_per_job, settings.budget_per_day
        )
        if begun != BEGUN:
            say("no budget for a batch", {"run_id": lease.run_id, "budget": begun})
            return False
        questions = {custom_id(submission.id, key): request for key, request in pack.questions.items()}
        answer = await self._batches.submit(questions)
        if isinstance(answer, Refused):
            await self._services.submissions.forget(submission.id)
            say("batch refused", {"run_id": lease.run_id, "reason": answer.reason}, logging.WARNING)
            return False
        if isinstance(answer, Accepted):
            await self._services.submissions.submitted(submission.id, answer.batch_id)
        fields = {"run_id": lease.run_id, "step": str(self._step), "round": number, "requests": len(questions)}
        say("batch submitted", {**fields, "sure": isinstance(answer, Accepted)})
        return True

    def _dollars(self, pack: Pack) -> float:
        """What the batch is reckoned at."""
        tokens = [expected_tokens(request) for request in pack.questions.values()]
        usage = Usage(sum(given for given, _ in tokens), sum(said for _, said in tokens), len(tokens))
        return self._session.prices.of(usage) * self._services.settings.price_batch_share

    async def _settle(self) -> bool:
        """Wait for the step's open batches and read them. False when some are given up."""
        run_id, look = self._session.lease.run_id, 0
        while waiting := [
            row
            for row in await self._services.submissions.of_run(run_id)
            if row.state != SETTLED and row.step == self._step
        ]:
            # Between two looks a stopping process leaves the run here, and a run that was stopped is noticed.
            await self._session.pause()
            await self._report(waiting)
            try:
                done = [await self._reader().advance(row, cancel=self._late()) for row in waiting]
            except ModelUnavailable as error:
                say("batches not seen", {"run_id": run_id, "transient": error.transient}, logging.WARNING)
                if not error.transient:
                    return False
                done = []
            if not all(done) or not done:
                if self._late(CANCEL_SECONDS):
                    return False
                await asyncio.sleep(wait_before(look, self._services.settings.model_batch_poll_seconds))
                look += 1
        await self._session.replies.recall()
        return True

    def _reader(self) -> BatchReader:
        return BatchReader(self._services, self._batches, self._questions)

    async def _report(self, waiting: list[Submission]) -> None:
        """Tell that the run is alive, and what it waits for. Raises StaleRun."""
        questions = sum(row.requests for row in waiting)
        answered = max(0, self._total - questions)
        counts = {"open": len(waiting), "questions": questions}
        await self._session.report_within(self._step, answered, self._total, batches=dict(counts))
