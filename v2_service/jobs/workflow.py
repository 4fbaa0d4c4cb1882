"""What a run does, in order; `processors/full_pass.py` has the same order as data, with labels and percentages.

Theory of operation. Each step's result is checkpointed under its name, so a resumed run replays finished steps from
there and goes on with the first unfinished one. Steps are idempotent, because the unfinished one may have been half
done: writes are fenced and keyed by position, model answers are kept by the hash of their question. The lease is taken
anew by every execution and is never checkpointed. Counterpart: `runtime.py` decides when this is executed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from v2_service.contract import JsonObject
from v2_service.errors import ServiceFailed, StaleRun
from v2_service.jobs import ending, first_steps, full_steps
from v2_service.jobs.batch_reading import settle_abandoned
from v2_service.jobs.batches import answer_in_batches
from v2_service.jobs.profile import Phase
from v2_service.jobs.services import Services
from v2_service.jobs.session import Gate, Session
from v2_service.observe import say
from v2_service.processors import ProcessingError, Step

BUG_SENTENCE = "The import stopped at a fault of ours. It has been recorded."
OVER = "over"
STOPPED = "stopped"

Results = dict[str, JsonObject]


async def execute(services: Services, gate: Gate, run_id: str) -> str:
    """One execution of a run, new or resumed. Returns how it ended; raises when not even a failure could be written."""
    lease = await services.runs.take(run_id)
    if lease is None:
        # Over: complete (then the web app may not know yet), failed, cancelled or erased, perhaps while no process ran.
        await asyncio.to_thread(services.forget_on_disk, run_id)
        await ending.notify(services, run_id)
        return OVER
    session = Session(services, gate, lease)
    began = services.now()
    say("run taken", {"run_id": run_id, "fence": lease.fence})
    async with session.heartbeat():
        await session.replies.recall()
        status = await carried_through(session)
    await asyncio.to_thread(services.forget_on_disk, run_id)
    services.metrics.finished.labels(status).inc()
    services.metrics.run_seconds.labels(status).observe((services.now() - began).total_seconds())
    say("run ended", {"run_id": run_id, "status": status})
    # Also when this worker was stopped: the answer to its last write may have been lost.
    await ending.notify(services, run_id)
    return status


async def carried_through(session: Session) -> str:
    """All steps, or the failure written where the user and the run's readers find it."""
    run_id = session.lease.run_id
    try:
        return await steps(session)
    except StaleRun:
        await settled_quietly(session.services)
        return STOPPED
    except ProcessingError as error:
        await ending.fail(session, error.code, str(error))
    except ServiceFailed as error:
        say("run failed", {"run_id": run_id, "code": error.code, "phase": session.phase.name}, logging.WARNING)
        await ending.fail(session, error.code, error.sentence)
    except Exception:  # a bug must end as a failed run, not as one that is processing for ever (L-17)
        fields = {"run_id": run_id, "phase": session.phase.name}
        logging.getLogger("v2").exception("run stopped at a bug", extra={"fields": fields})
        await ending.fail(session, "internal_error", BUG_SENTENCE)
    return "failed"


async def settled_quietly(services: Services) -> None:
    """Cancel batches that nobody waits for any more; what cannot be done now is done by whoever clears away."""
    try:
        await settle_abandoned(services)
    except ServiceFailed as error:
        say("batches not settled", {"code": error.code}, logging.WARNING)


async def steps(session: Session) -> str:
    """The order of the steps."""
    done: Results = {}

    async def do(step: Step, work: Callable[[], Awaitable[JsonObject]]) -> JsonObject:
        result = done[str(step)] = await session.step(step, work)
        return result

    start = await do(Step.DOWNLOAD, lambda: first_steps.download(session))
    at = datetime.fromisoformat(str(start["at"]))
    quick = await do(Step.QUICK_PROFILE, lambda: first_steps.quick_pass(session))
    session.phase = max(session.phase, Phase.QUICK)
    chunks = await do(Step.CHUNK, lambda: first_steps.chunk(session, at))
    total = count(chunks, "chunks")
    await do(Step.EMBED, lambda: first_steps.embed(session, total))
    full = quick["full_pass"] is True
    await do(Step.SWITCH, lambda: first_steps.switch(session, quick, full=full))
    session.phase = Phase.SWITCHED
    if full:
        await full_pass(session, done, count(start, "batch"), count(chunks, "medium"), at)
    proven = await do(Step.PROVE, lambda: ending.finish(session, full=full, results=done))
    return str(proven["status"])


async def full_pass(session: Session, done: Results, size: int, medium: int, at: datetime) -> None:
    """Facts, MEMORY and final sections."""
    settings = session.services.settings
    fields = {"run_id": session.lease.run_id, "chunks": medium, "concurrency": settings.extraction_concurrency}
    say("extraction begins", fields)
    # Not for its result: what batches answer is kept, so the extraction below asks only what is left.
    await session.step(Step.EXTRACT, lambda: answer_in_batches(session, size, medium, at), part=":batches")
    batches: list[JsonObject] = []
    for start in range(0, medium, size):

        async def batch(start: int = start) -> JsonObject:
            return await full_steps.extract(session, start, size, medium, at)

        batches.append(await session.step(Step.EXTRACT, batch, part=f":{start}"))
    done["extract"] = {
        "characters": sum(count(batch, "characters") for batch in batches),
        "unread": sum(count(batch, "unread") for batch in batches),
        "dropped": sum(count(full_steps.as_object(batch["facts"]), "dropped") for batch in batches),
    }

    async def do(step: Step, work: Callable[[], Awaitable[JsonObject]]) -> JsonObject:
        result = done[str(step)] = await session.step(step, work)
        return result

    quick = done[str(Step.QUICK_PROFILE)]
    merged = await do(Step.CONSOLIDATE, lambda: full_steps.merge(session, batches))
    reduced = await do(Step.REDUCE, lambda: full_steps.reduce_facts(session, merged))
    memory = await do(Step.MEMORY, lambda: full_steps.make_memory(session, reduced))
    await do(Step.SAVE_MEMORY, lambda: full_steps.save_memory(session, memory, merged))
    made = await do(Step.SECTIONS, lambda: full_steps.make_sections(session, memory, quick))
    await do(Step.SAVE_SECTIONS, lambda: full_steps.save_sections(session, made, memory, merged, quick))


def count(result: JsonObject, name: str) -> int:
    """A number that a step returned."""
    value = result[name]
    assert isinstance(value, int)
    return value
