"""How a run ends: the proof, the bill, the final statuses, and the one call that tells the web app."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import datetime

from v2_service.adapters.costs import dollars
from v2_service.contract import JsonObject, JsonValue
from v2_service.errors import CallbackFailed, ImportFailed, Overtaken, ServiceFailed, StaleRun
from v2_service.jobs import full_steps, profile
from v2_service.jobs.first_steps import thresholds
from v2_service.jobs.services import Services
from v2_service.jobs.session import Session
from v2_service.observe import say
from v2_service.processors import Evidence, RunOutcome, Step, prove
from v2_service.text import storable

SENDING = "sending"
# A failure that cannot be written is tried for about ten minutes; then another execution takes the run up.
FAIL_ATTEMPTS = 14
FAIL_WAIT_SECONDS = 1.0
FAIL_WAIT_MAX_SECONDS = 60.0
STATUSES = ("import_status", "embedding_status", "memory_status")
PROVEN = {"import_status": "complete", "embedding_status": "complete", "memory_status": "ready"}


async def evidence(session: Session, *, full: bool, results: dict[str, JsonObject]) -> Evidence:
    """What the stores hold now, beside what the steps say they made."""
    services, lease = session.services, session.lease
    stored = await services.chunks.proof(lease.run_id)
    row = await services.runs.written(lease, f"soulprint_text,{','.join(STATUSES)}")
    written = results["save_sections" if full else "quick_pass"]["soulprint_text"]
    saved = row.get("soulprint_text") == storable(str(written)) and all(row[name] == PROVEN[name] for name in STATUSES)
    memory = results.get("memory", {})
    return Evidence(
        full=full,
        chunks_made=_number(results["chunk"]["chunks"]),
        chunks_stored=stored["chunks"],
        chunks_embedded=stored["embedded"],
        profile_saved=saved,
        characters_total=_number(results["chunk"]["characters"]),
        characters_read=_number(results.get("extract", {}).get("characters", 0)),
        memory_fallback=memory.get("fallback") is True,
        sections_regenerated=results.get("sections", {}).get("sections") is not None,
    )


async def bill(session: Session) -> JsonObject:
    """Tokens and dollars of all executions of the run, by step. Embedded tokens are estimated."""
    steps = await session.services.costs.bill(session.lease.run_id)
    asked = [step for name, step in steps.items() if isinstance(step, dict) and name != Step.EMBED]
    embedded = steps.get(Step.EMBED)
    vectors = embedded if isinstance(embedded, dict) else {"calls": 0, "input_tokens": 0, "dollars": 0}
    llm = sum(dollars(step["dollars"]) for step in asked)
    embedding = dollars(vectors["dollars"])
    return {
        "llm_input_tokens": sum(_number(step["input_tokens"]) for step in asked),
        "llm_output_tokens": sum(_number(step["output_tokens"]) for step in asked),
        "llm_call_count": sum(_number(step["calls"]) for step in asked),
        "embedding_input_tokens": vectors["input_tokens"],
        "embedding_call_count": vectors["calls"],
        "llm_cost_usd": round(llm, 6),
        "embedding_cost_usd": round(embedding, 6),
        "total_cost_usd": round(llm + embedding, 6),
        "model": session.services.settings.model_name,
        "prices_as_of": session.services.settings.prices_as_of,
        "steps": steps,
    }


async def finish(session: Session, *, full: bool, results: dict[str, JsonObject]) -> JsonObject:
    """Judge by the evidence and close the run with its profile. Raises ImportFailed when the verdict is failed."""
    services = session.services
    found = await evidence(session, full=full, results=results)
    verdict = prove(found, thresholds(services.settings))
    if verdict.outcome is RunOutcome.FAILED:
        raise ImportFailed(verdict.rule, f"The import could not be proven: {verdict.reason}.")
    cost = await bill(session)
    outcome = {
        "status": str(verdict.outcome),
        "error_code": verdict.rule if verdict.reasons else None,
        "error_message": verdict.reason or None,
        "coverage": round(found.coverage, 6) if full else None,
        "counts": counts(found, full=full, results=results),
        "drops": results["quick_pass"]["drops"],
        "facts": results["consolidate"]["facts"] if full else None,
        "usage": cost["steps"],
        "cost": {name: value for name, value in cost.items() if name != "steps"},
    }
    text = json.dumps({name: value for name, value in cost.items() if name.endswith(("tokens", "count", "usd"))})
    await services.runs.finish(session.lease, outcome, profile.finished(services.now(), text))
    return {"status": str(verdict.outcome), "reason": verdict.reason}


def counts(found: Evidence, *, full: bool, results: dict[str, JsonObject]) -> JsonObject:
    """The numbers that a run's report shows, losses included (L-13).

    `facts_misread` were no facts in the model's answers, `facts_cut` did not fit the memory's budget.
    """
    chunk, quick = results["chunk"], results["quick_pass"]
    shown: JsonObject = {
        "conversations": quick["conversations"],
        "messages": quick["messages"],
        "characters": chunk["characters"],
        "chunks": found.chunks_stored,
        "embedded": found.chunks_embedded,
        "full_pass": full,
        **{tier: chunk[tier] for tier in ("medium", "macro", "micro")},
    }
    if full:
        merged, reduced = (full_steps.as_object(results[step]["facts"]) for step in ("consolidate", "reduce"))
        shown |= {
            "facts": merged["total_count"],
            "facts_misread": results["extract"]["dropped"],
            "facts_cut": _number(reduced["dropped"]) - _number(merged["dropped"]),
            "memory_lines": results["memory"]["lines"],
            "memory_lines_refused": results["memory"]["refused"],
            "unread_chunks": results["extract"]["unread"],
        }
    return shown


async def fail(session: Session, code: str, sentence: str) -> None:
    """Close the run as failed, with a reason that a person understands. Raises when even that cannot be written."""
    services, lease = session.services, session.lease
    wait = min(FAIL_WAIT_SECONDS, services.settings.step_retry_seconds)
    for attempt in range(1, FAIL_ATTEMPTS + 1):
        try:
            patch = await _failure(session, code, sentence)
            cost = await bill(session)
            outcome: dict[str, JsonValue] = {
                "status": "failed",
                "error_code": code,
                "error_message": sentence[: profile.ERROR_LENGTH],
                "usage": cost["steps"],
                "cost": {name: value for name, value in cost.items() if name != "steps"},
            }
            await services.runs.finish(lease, outcome, patch)
        except StaleRun:
            return
        except ServiceFailed as error:
            if attempt == FAIL_ATTEMPTS or not error.transient:
                raise
            await asyncio.sleep(wait)
            wait = min(wait * 2, FAIL_WAIT_MAX_SECONDS)
        else:
            return


async def _failure(session: Session, code: str, sentence: str) -> JsonObject:
    """What a failure writes on the profile."""
    if code == Overtaken.code:
        stored = await session.services.chunks.proof(session.lease.run_id)
        return profile.overtaken(stored["chunks"], stored["embedded"])
    return profile.failed(session.phase, sentence, session.lease.previous, refresh=session.refresh)


async def notify(services: Services, run_id: str) -> None:
    """Tell the web app of a run that is complete, at most once: each call sends the person an e-mail.

    If a worker died while calling, nobody knows whether it arrived; the outcome is then "unknown" and stays so.
    """
    run = await services.runs.get(run_id)
    if run is None or run["status"] not in ("complete", "degraded") or services.settings.web_app_url is None:
        return
    if run["callback_outcome"] == SENDING:
        await services.runs.mark_callback(run_id, SENDING, "unknown")
        services.metrics.callbacks.labels("unknown").inc()
        return
    if not await services.runs.mark_callback(run_id, None, SENDING):
        return
    began = datetime.fromisoformat(str(run["created_at"]))
    seconds = (services.now() - began).total_seconds()
    try:
        await services.notifier.import_complete(str(run["user_id"]), run_id, seconds)
        outcome = "delivered"
    except CallbackFailed as error:
        outcome = f"failed: {error.sentence}"
        say("callback failed", {"run_id": run_id}, logging.WARNING)
    await services.runs.mark_callback(run_id, SENDING, outcome)
    services.metrics.callbacks.labels(outcome.partition(":")[0]).inc()


def _number(value: JsonValue) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
