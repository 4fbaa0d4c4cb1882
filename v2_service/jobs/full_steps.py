"""The steps of the full pass: facts, MEMORY, final sections. Model answers are kept: repeating a step is free."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from v2_service.contract import Chunk, JsonObject, JsonValue, ModelReply, ModelRequest, Outcome
from v2_service.jobs import profile
from v2_service.jobs.batches import also_in_batches
from v2_service.jobs.session import Session
from v2_service.processors import (
    REGENERATION_SAMPLING,
    Batch,
    Facts,
    Memory,
    Reduction,
    ReductionSettings,
    Sections,
    SectionsAnswer,
    Step,
    accept_reduction,
    better_answer,
    combine_round,
    consolidate,
    cut_to_budget,
    empty_memory,
    extraction_request,
    extraction_units,
    facts_from_reply,
    legacy_profile,
    memory_from_reply,
    memory_request,
    plan_round,
    reduction_request,
    regeneration_request,
    repair_request,
    sections_from_reply,
    smaller_chunks,
    worth_replacing,
)
from v2_service.processors.facts import join_facts
from v2_service.processors.soulprint import memory_log

# A chunk whose answer is cut off is asked about in halves, and halves of halves.
HALVINGS = 3
ASK_IN_HALVES = (Outcome.TRUNCATED, Outcome.TOO_LONG)
REDUCTION = ReductionSettings()
Result = TypeVar("Result")


async def extract(session: Session, start: int, batch: int, total: int, at: datetime) -> JsonObject:
    """Facts of `batch` medium chunks from position `start` on. Returns facts and how much text was read.

    `at` is the moment with which undated chunks were stored: their facts have no date (L-52).
    """
    rows = await session.services.chunks.medium(session.lease, start - 1, batch)
    places = asyncio.Semaphore(session.services.settings.extraction_concurrency)
    outcomes: Counter[str] = Counter()

    async def ask(chunk: Chunk, halvings: int = HALVINGS) -> tuple[list[Facts], int]:
        async with places:
            reply = await session.models.complete(extraction_request(chunk, at))
        outcomes[str(reply.outcome)] += 1
        facts = facts_from_reply(reply, chunk, at)
        if facts is not None:
            return [facts], chunk.new_characters
        halves = smaller_chunks(chunk) if halvings and reply.outcome in ASK_IN_HALVES else None
        parts = [await ask(half, halvings - 1) for half in halves or ()]
        return [record for records, _ in parts for record in records], sum(read for _, read in parts)

    units = extraction_units(row.chunk for row in rows)
    answers = await all_of(ask(unit.chunk) for unit in units)
    found = join_facts(record for records, _ in answers for record in records)
    await session.report_within(Step.EXTRACT, start + len(rows), total)
    return {
        "facts": found.to_json(),
        "characters": sum(read for _, read in answers),
        "unread": sum(unit.chunks for unit, (records, _) in zip(units, answers, strict=True) if not records),
        "outcomes": dict(outcomes),
    }


async def merge(session: Session, batches: Sequence[JsonObject]) -> JsonObject:
    """All facts of this import, merged with those of the last one (S-31)."""
    earlier = await session.services.runs.latest_facts(session.lease.user_id)

    def merged() -> JsonObject:
        before = Facts.from_json(earlier) if earlier else None
        return consolidate([facts_in(batch) for batch in batches], before).to_json()

    return {"facts": await asyncio.to_thread(merged), "merged_with_earlier": bool(earlier)}


async def reduce_facts(session: Session, merged: JsonObject) -> JsonObject:
    """The facts, shortened round by round until they fit, then cut. Tens of thousands are worked on in threads."""
    reduction = await asyncio.to_thread(lambda: Reduction(facts_in(merged)))
    places = asyncio.Semaphore(session.services.settings.extraction_concurrency)

    async def ask(request: ModelRequest) -> ModelReply:
        async with places:
            return await session.models.complete(request)

    while batches := await asyncio.to_thread(plan_round, reduction, REDUCTION):
        requests = [reduction_request(batch, REDUCTION) for batch in batches]
        await also_in_batches(session, Step.REDUCE, requests)
        replies = await all_of(ask(request) for request in requests)
        reduction = await asyncio.to_thread(_after_round, reduction, batches, replies)
    facts = await asyncio.to_thread(lambda: cut_to_budget(reduction.facts, REDUCTION).to_json())
    return {"facts": facts, "rounds": reduction.rounds}


def _after_round(reduction: Reduction, batches: Sequence[Batch], replies: Sequence[ModelReply]) -> Reduction:
    reduced = [accept_reduction(batch, reply) for batch, reply in zip(batches, replies, strict=True)]
    return combine_round(reduction, reduced, REDUCTION)


async def make_memory(session: Session, reduced: JsonObject) -> JsonObject:
    """MEMORY from the facts that fit."""
    memory = await written_memory(session, facts_in(reduced))
    return {
        "markdown": memory.markdown,
        "lines": memory.lines,
        "refused": memory.refused,
        "fallback": memory.fallback,
        "problem": memory.problem,
    }


async def written_memory(session: Session, facts: Facts) -> Memory:
    """By the model, unless there is nothing to write."""
    if facts.total_count == 0:
        return empty_memory()
    request = memory_request(facts)
    await also_in_batches(session, Step.MEMORY, [request])
    return memory_from_reply(await session.models.complete(request), facts)


async def save_memory(session: Session, memory: JsonObject, merged: JsonObject) -> JsonObject:
    """MEMORY on the profile, before the sections."""
    services = session.services
    log = await asyncio.to_thread(lambda: memory_log(facts_in(merged)))
    patch = profile.memory(str(memory["markdown"]), log, services.now())
    await services.runs.write_profile(session.lease, patch)
    return {}


async def make_sections(session: Session, memory: JsonObject, quick: JsonObject) -> JsonObject:
    """The final sections, with one repair turn. `sections` is None when the quick profile is the better one."""
    sample, _ = await (await session.source()).sampled(REGENERATION_SAMPLING)
    seed = session.lease.user_id
    request = regeneration_request(sample, str(memory["markdown"]))
    await also_in_batches(session, Step.SECTIONS, [request])
    reply = await session.models.complete(request)
    first = sections_from_reply(reply, seed)
    if first is None or reply.data is None:
        return {"sections": None, "problem": f"no usable answer ({reply.outcome})"}
    answer = first
    if first.problems:
        again = await session.models.complete(repair_request(reply.data, first.problems))
        repaired: SectionsAnswer | None = sections_from_reply(again, seed)
        answer = better_answer(first, repaired)
    if not worth_replacing(answer.sections, Sections.from_json(as_object(quick["sections"]))):
        return {"sections": None, "problem": "the answer knew less than the first impression"}
    return {"sections": answer.sections.to_json(), "problem": "; ".join(answer.problems)}


async def save_sections(
    session: Session, made: JsonObject, memory: JsonObject, merged: JsonObject, quick: JsonObject
) -> JsonObject:
    """The final profile in one write; with the quick sections when there are no better ones."""
    sections = Sections.from_json(as_object(made["sections"] or quick["sections"]))
    lines = memory["lines"]
    written = Memory(str(memory["markdown"]), lines if isinstance(lines, int) else 0)
    columns = await asyncio.to_thread(lambda: legacy_profile(sections, written, facts_in(merged)))
    await session.services.runs.write_profile(session.lease, profile.final(columns, session.services.now()))
    return {"soulprint_text": columns["soulprint_text"]}


async def all_of(calls: Iterable[Coroutine[object, object, Result]]) -> list[Result]:
    """All results; an error is raised only after every call has ended, so that no paid answer is thrown away."""
    ended = await asyncio.gather(*calls, return_exceptions=True)
    results: list[Result] = []
    for end in ended:
        if isinstance(end, BaseException):
            raise end
        results.append(end)
    return results


def facts_in(result: JsonObject) -> Facts:
    """The facts that a step returned."""
    return Facts.from_json(as_object(result["facts"]))


def as_object(value: JsonValue) -> JsonObject:
    """A JSON object, or an empty one."""
    return value if isinstance(value, dict) else {}
