"""The steps of every run: fetch, first profile, chunks, embeddings, switch. Each is safe to repeat."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from v2_service.contract import Chunk, JsonObject
from v2_service.errors import ImportFailed
from v2_service.jobs import profile
from v2_service.jobs.session import Session
from v2_service.jobs.sources import Source
from v2_service.processors import (
    QUICK_SAMPLING,
    DropReport,
    FullPassSettings,
    Sample,
    Step,
    chunk_conversations,
    legacy_profile,
    quick_pass_request,
    sample_conversations,
    sections_from_reply,
    wants_full_pass,
)
from v2_service.processors.sampling import SamplingSettings
from v2_service.settings import Settings

STAGED_AT_ONCE = 200
EMBEDDED_AT_ONCE = 50
# Medium chunks per checkpoint of the extraction, whose names count in it.
CHUNKS_PER_STEP = 24
STAGE_SECONDS = 300.0
DIGITS = 8


def thresholds(settings: Settings) -> FullPassSettings:
    """The pipeline's thresholds, from the environment."""
    return FullPassSettings(min_conversations=settings.full_pass_min_conversations)


async def download(session: Session) -> JsonObject:
    """The export onto disk, or for a refresh the user's chunks into a generation of their own.

    Returns what must stay the same for the whole run, whatever a later version or setting says. `at` dates undated
    chunks, and is the run's own, because another worker may go on with chunks that are staged already.
    """
    services, lease = session.services, session.lease
    await services.runs.write_profile(lease, profile.started(services.now(), lease.storage_path))
    staged = 0
    if session.refresh:
        staged = await services.chunks.stage_existing(lease)
        if staged == 0:
            raise ImportFailed(
                "nothing_to_refresh",
                "There is nothing to refresh yet: no export was named and none was imported before.",
            )
    else:
        await session.source()
    return {"at": lease.accepted_at.isoformat(), "staged": staged, "batch": CHUNKS_PER_STEP}


async def quick_pass(session: Session) -> JsonObject:
    """The first profile, saved at once. Returns what the whole export holds and what was dropped."""
    drops = DropReport()
    sample = await sampled(await session.source(), drops, QUICK_SAMPLING)
    reply = await session.models.complete(quick_pass_request(sample))
    answer = sections_from_reply(reply, session.lease.user_id)
    if answer is None:
        raise ImportFailed(
            "quick_pass_failed", f"The language model gave no usable profile ({reply.outcome}). Please try again."
        )
    columns = legacy_profile(answer.sections)
    services = session.services
    await services.runs.write_profile(session.lease, profile.quick(columns, services.now()))
    return {
        "full_pass": wants_full_pass(drops.conversations, thresholds(services.settings)),
        "sections": answer.sections.to_json(),
        "soulprint_text": columns["soulprint_text"],
        "drops": drops.to_json(),
        "conversations": drops.conversations,
        "messages": drops.messages,
        "characters": drops.characters,
    }


async def sampled(source: Source, drops: DropReport, settings: SamplingSettings) -> Sample:
    """One pass over all conversations, in a thread."""
    return await asyncio.to_thread(lambda: sample_conversations(source.iterate(drops), settings))


async def chunk(session: Session, at: datetime) -> JsonObject:
    """All chunks of the export into the run's generation; a refresh has its chunks already.

    Returns counts by tier, estimated tokens and characters of the conversations' own text.
    """
    services, lease, loop = session.services, session.lease, asyncio.get_running_loop()

    def stage(batch: tuple[Chunk, ...]) -> None:
        """From the worker thread: the next batch is parsed only when this one is stored."""
        writing = services.chunks.stage(lease, batch, at)
        asyncio.run_coroutine_threadsafe(writing, loop).result(STAGE_SECONDS)

    def work(source: Source) -> None:
        for batch in batches(chunk_conversations(source.iterate(DropReport()), at)):
            stage(batch)

    if not session.refresh:
        source = await session.source()
        await asyncio.to_thread(work, source)
    return dict(await services.chunks.staged(lease))


def batches(chunks: Iterator[Chunk]) -> Iterator[tuple[Chunk, ...]]:
    """Chunks, some at a time."""
    while batch := tuple(islice(chunks, STAGED_AT_ONCE)):
        yield batch


async def embed(session: Session, total: int) -> JsonObject:
    """Vectors for every staged chunk that has none, written in bulk."""
    services, lease = session.services, session.lease
    await services.runs.write_profile(lease, profile.embedding())
    done, after = 0, None
    while page := await services.chunks.unembedded(lease, after, EMBEDDED_AT_ONCE):
        await session.budget.check()
        tokens = sum(row.chunk.token_count for row in page)
        vectors = await services.embeddings.embed([row.chunk.content for row in page])
        rounded = {
            row.id: [round(number, DIGITS) for number in vector] for row, vector in zip(page, vectors, strict=True)
        }
        await services.chunks.write_embeddings(lease, rounded, tokens, session.prices.of_embedding(tokens))
        done, after = done + len(page), page[-1].id
        await services.runs.write_profile(lease, profile.embedded(done, total))
        await session.report_within(Step.EMBED, done, total)
    return {"embedded": done}


async def switch(session: Session, found: JsonObject, *, full: bool) -> JsonObject:
    """The new generation goes live, with the profile's counters, in one transaction."""
    messages = found["messages"]
    conversations = found["conversations"]
    patch = profile.switched(
        session.services.now(),
        full=full,
        messages=messages if isinstance(messages, int) and not session.refresh else None,
        conversations=conversations if isinstance(conversations, int) else 0,
    )
    return {"chunks": await session.services.chunks.switch(session.lease, patch)}
