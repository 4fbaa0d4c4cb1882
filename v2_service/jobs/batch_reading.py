"""One submitted batch, brought forward: found again if its submission was lost, cancelled if unwanted, read when ended.

Counterparts: `batches.py` waits for the batches of a run; here is also what becomes of those that a run left behind.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta

from v2_service.adapters.models_batches import MessageBatches, Result, Seen
from v2_service.adapters.submissions import HASH_CHARACTERS, Lines, Submission
from v2_service.contract import JsonObject, ModelReply, Usage
from v2_service.errors import ModelUnavailable
from v2_service.jobs.services import Services
from v2_service.observe import say
from v2_service.prices import prices

KEPT_AT_ONCE = 100
# How far the provider's clock may be from the database's.
SKEW = timedelta(minutes=5)
ABANDONED_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Question:
    """What is known of a question without its text."""

    hash: str
    schema: JsonObject


class BatchReader:
    """`questions` are those that the run has now, hash and schema by the part of the hash that a custom id carries."""

    def __init__(self, services: Services, batches: MessageBatches, questions: Mapping[str, Question]) -> None:
        self._services = services
        self._batches = batches
        self._questions = questions
        self._prices = prices(services.settings)

    async def advance(self, submission: Submission, *, cancel: bool) -> bool:
        """One look. True once the batch needs no other: read and charged, or known not to be there.

        Raises ModelUnavailable, StoreUnavailable, StoreRefused.
        """
        if submission.batch_id is None:
            batch_id, patient = await self._found(submission)
            if batch_id is None:
                return not patient and await self._forgotten(submission)
            await self._services.submissions.submitted(submission.id, batch_id)
            submission = replace(submission, batch_id=batch_id)
        assert submission.batch_id is not None
        seen = await self._batches.look(submission.batch_id)
        if seen.ended:
            await self._read(submission, submission.batch_id)
            return True
        if cancel and not seen.canceling:
            await self._batches.cancel(submission.batch_id)
        return False

    async def _found(self, submission: Submission) -> tuple[str | None, bool]:
        """The batch of a submission whose answer was lost, once its results say so; else whether it may yet appear."""
        settings = self._services.settings
        listed = await self._batches.since(submission.begun_at - SKEW)
        latest = submission.begun_at + SKEW + timedelta(seconds=settings.model_timeout_seconds)
        alike = [seen for seen in listed if seen.requests == submission.requests and seen.created_at <= latest]
        taken = await self._services.submissions.taken([seen.batch_id for seen in alike])
        candidates = [seen for seen in alike if seen.batch_id not in taken]
        for seen in candidates:
            if seen.ended and (await self._first(seen)).startswith(submission.prefix):
                return seen.batch_id, False
        young = self._services.now() - submission.begun_at < timedelta(seconds=settings.model_batch_doubt_seconds)
        return None, young or any(not seen.ended for seen in candidates)

    async def _forgotten(self, submission: Submission) -> bool:
        await self._services.submissions.forget(submission.id)
        say("batch never arrived", {"run_id": submission.run_id, "requests": submission.requests})
        return True

    async def _first(self, seen: Seen) -> str:
        async with aclosing(self._batches.results(seen.batch_id)) as results:
            async for result in results:
                return result.custom_id
        return ""

    async def _read(self, submission: Submission, batch_id: str) -> None:
        """Keep and charge every line once, some at a time; lines that were read before are passed over."""
        endings: Counter[str] = Counter()
        page: list[Result] = []
        number = start = submission.lines_read
        seen = 0
        async with aclosing(self._batches.results(batch_id)) as results:
            async for result in results:
                seen += 1
                endings[str(result.ending)] += 1
                if seen <= submission.lines_read:
                    continue
                if len(page) == KEPT_AT_ONCE:
                    if not await self._keep(submission, start, page, endings, last=False):
                        return
                    start, page = number, []
                number += 1
                page.append(result)
        if seen < submission.requests:
            raise ModelUnavailable("The results of a batch were cut off.")
        await self._keep(submission, start, page, endings, last=True)
        say("batch read", {"run_id": submission.run_id, "requests": submission.requests, **endings})

    async def _keep(
        self, submission: Submission, start: int, page: Sequence[Result], endings: Mapping[str, int], *, last: bool
    ) -> bool:
        usage = sum((result.usage for result in page), Usage())
        share = self._services.settings.price_batch_share
        replies = self._replies(page)
        lines = Lines(len(page), replies, usage, self._prices.of(usage) * share, last)
        kept = await self._services.submissions.keep(submission, start, lines, endings)
        if kept:
            for reply in replies.values():
                self._services.metrics.model_reply(submission.step, reply)
        return kept

    def _replies(self, page: Sequence[Result]) -> dict[str, ModelReply]:
        found: dict[str, ModelReply] = {}
        for result in page:
            # A question that the run no longer has was asked by an older version: paid for, and of no use.
            question = self._questions.get(result.custom_id[-HASH_CHARACTERS:])
            reply = result.reply(question.schema) if question else None
            if question and reply:
                found[question.hash] = reply
        return found


async def settle_abandoned(services: Services) -> int:
    """Cancel, and once they have ended charge, batches whose runs are over; returns how many are done with.

    Raises StoreUnavailable, StoreRefused; a provider that does not answer is asked again next time.
    """
    if services.batches is None:
        return 0
    done = 0
    for submission in await services.submissions.abandoned(ABANDONED_AT_ONCE):
        try:
            done += await BatchReader(services, services.batches, {}).advance(submission, cancel=True)
        except ModelUnavailable:
            say("batch not settled", {"run_id": submission.run_id}, logging.WARNING)
    return done
