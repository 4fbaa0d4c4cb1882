"""What a run writes on the user's profile at each of its moments: pure, and in an order that readers understand.

    started     import_status processing
    quick       import_status quick_ready     the first profile; chat works
    embedding   embedding_status processing, memory_status building
    switched    import_status complete, embedding_status complete, memory_status ready, full_pass_status processing
    finished    full_pass_status complete     also when an import was too small for a full pass: nothing is outstanding

The monolith completes embeddings of profiles that say import complete and embedding not complete, so both change
together. A failure never takes away what works (L-06): before the quick profile the import has failed, afterwards only
the full pass has. Where an earlier import is whole, its status stays, and the reason stands in import_error alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum

from v2_service.contract import JsonObject, JsonValue

ERROR_LENGTH = 500
# An import with which the person can chat.
WHOLE = ("complete", "quick_ready", "locked")


class Phase(IntEnum):
    """How far the user's data has come."""

    NOTHING = 0
    QUICK = 1
    SWITCHED = 2


def started(now: datetime, storage_path: str | None) -> JsonObject:
    """The run begins."""
    patch: JsonObject = {
        "import_status": "processing",
        "import_error": None,
        "processing_started_at": now.isoformat(),
    }
    if storage_path is not None:
        patch |= {"storage_path": storage_path, "file_type": "zip" if storage_path.endswith(".zip") else "json"}
    return patch


def quick(columns: JsonObject, now: datetime) -> JsonObject:
    """The first profile is there."""
    return {
        **columns,
        "import_status": "quick_ready",
        "soulprint_generated_at": now.isoformat(),
        "soulprint_updated_at": now.isoformat(),
    }


def embedding() -> JsonObject:
    """Chunks are staged; embeddings begin."""
    return {"embedding_status": "processing", "embedding_progress": 0, "memory_status": "building"}


def embedded(done: int, total: int) -> JsonObject:
    """Embeddings go on; 100 is kept for the switch."""
    return {"embedding_progress": min(99, 100 * done // total if total else 0)}


def switched(now: datetime, *, full: bool, messages: int | None, conversations: int) -> JsonObject:
    """The new chunks are live. total_chunks and processed_chunks are written by the switch itself."""
    patch: JsonObject = {
        "import_status": "complete",
        "embedding_status": "complete",
        "embedding_progress": 100,
        "embeddings_completed_at": now.isoformat(),
        "memory_status": "ready",
        "total_conversations": conversations,
    }
    if messages is not None:
        patch["total_messages"] = messages
    if full:
        patch |= {
            "full_pass_status": "processing",
            "full_pass_error": None,
            "full_pass_started_at": now.isoformat(),
        }
    return patch


def memory(markdown: str, log: str, now: datetime) -> JsonObject:
    """MEMORY is there, before the sections that are made from it."""
    return {"memory_md": markdown, "memory_log": log, "memory_log_date": now.date().isoformat()}


def final(columns: JsonObject, now: datetime) -> JsonObject:
    """The final profile."""
    return {**columns, "soulprint_generated_at": now.isoformat(), "soulprint_updated_at": now.isoformat()}


def finished(now: datetime, cost: str) -> JsonObject:
    """All is proven, or good enough to keep."""
    return {
        "full_pass_status": "complete",
        "full_pass_error": None,
        "full_pass_completed_at": now.isoformat(),
        "import_error": None,
        "progress_percent": 100,
        "import_stage": "Complete",
        "import_cost_json": cost,
    }


def overtaken(chunks: int, embedded: int) -> JsonObject:
    """Somebody else's chunks of the user stay: statuses say what they are, or are left to whoever is still writing."""
    if not 0 < chunks == embedded:
        return {"import_stage": None}
    return {
        "import_status": "complete",
        "import_error": None,
        "import_stage": None,
        "embedding_status": "complete",
        "embedding_progress": 100,
        "memory_status": "ready",
    }


def failed(phase: Phase, sentence: str, previous: Mapping[str, JsonValue], *, refresh: bool) -> JsonObject:
    """The run failed; `previous` are the settled statuses before it."""
    error = sentence[:ERROR_LENGTH]
    if phase is Phase.NOTHING:
        # Neither a refresh nor a second import takes anything from a user whose import once succeeded.
        keeps = refresh or previous.get("import_status") in WHOLE
        status = previous.get("import_status") if keeps else "failed"
        return {"import_status": status or "none", "import_error": error, "import_stage": None}
    patch: JsonObject = {"full_pass_status": "failed", "full_pass_error": error, "import_stage": None}
    if phase is Phase.QUICK:
        # The old chunks, if there were any, are still live and still searchable.
        searchable = previous.get("embedding_status") == "complete"
        patch |= {
            "embedding_status": "complete" if searchable else "failed",
            "embedding_progress": previous.get("embedding_progress") if searchable else 0,
            "memory_status": previous.get("memory_status") or "none",
        }
    return patch
