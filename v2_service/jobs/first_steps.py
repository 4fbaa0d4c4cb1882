"""The steps of every run: fetch, first profile, chunks, embeddings, switch. Each is safe to repeat."""

from __future__ import annotations

from datetime import datetime

from v2_service.contract import JsonObject
from v2_service.errors import ImportFailed
from v2_service.jobs import generation, profile
from v2_service.jobs.session import Session
from v2_service.processors import (
    QUICK_SAMPLING,
    FullPassSettings,
    Step,
    legacy_profile,
    quick_pass_request,
    sections_from_reply,
    wants_full_pass,
)
from v2_service.settings import Settings

# Medium chunks per checkpoint of the extraction, whose names count in it.
CHUNKS_PER_STEP = 24


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
        await session.export()
    return {"at": lease.accepted_at.isoformat(), "staged": staged, "batch": CHUNKS_PER_STEP}


async def quick_pass(session: Session) -> JsonObject:
    """The first profile, saved at once. Returns what the whole export holds and what was dropped."""
    sample, drops = await (await session.source()).sampled(QUICK_SAMPLING)
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


async def chunk(session: Session, at: datetime) -> JsonObject:
    """All chunks of the export into the run's generation; a refresh has its chunks already.

    Returns counts by tier, estimated tokens and characters of the conversations' own text.
    """
    services, lease = session.services, session.lease
    if not session.refresh:
        await generation.stage(services, lease, await session.export(), at)
    return dict(await services.chunks.staged(lease))


async def embed(session: Session, total: int) -> JsonObject:
    """Vectors for every staged chunk that has none, written in bulk."""
    services, lease = session.services, session.lease
    await services.runs.write_profile(lease, profile.embedding())

    async def told(done: int) -> None:
        await services.runs.write_profile(lease, profile.embedded(done, total))
        await session.report_within(Step.EMBED, done, total)

    return {"embedded": await generation.embed(services, lease, session.budget, told)}


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
