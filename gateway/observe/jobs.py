"""A job of either pipeline in one shape: what a row says, in the same words for both. Pure.

Theory of operation. A row is read as a SeenJob. Its state is open (accepted, running) or an end. An open job that shows
no sign of life for long enough is stuck; that is not a state of any row, so it is concluded. What a row calls complete
or degraded is a claim that gateway.observe.proof checks. Counterpart: gateway.observe.follower, which reads the rows.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

Row = Mapping[str, object]


class Pipeline(StrEnum):
    """Who does the work. The values are those of the backends."""

    LEGACY = "legacy"
    V2 = "v2"


class JobState(StrEnum):
    """How far a job is, or how it ended. The values appear in metrics and evidence."""

    ACCEPTED = "accepted"
    RUNNING = "running"
    STUCK = "stuck"
    COMPLETE = "complete"
    DEGRADED = "degraded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    HANDED_BACK = "handed_back"
    UNPROVEN = "unproven"  # it claims success, and the user's data is somebody else's by now
    GONE = "gone"  # its row was deleted before it ended


OPEN: Final = frozenset({JobState.ACCEPTED, JobState.RUNNING})
CLAIMS: Final = frozenset({JobState.COMPLETE, JobState.DEGRADED})
"""What a row says and the proof has to confirm."""
BAD: Final = frozenset({JobState.FAILED, JobState.STUCK})
JUDGED: Final = frozenset({JobState.COMPLETE, JobState.DEGRADED}) | BAD
"""Ends that say something about the pipeline; the others were somebody's wish, or nobody knows."""

# A status that is not listed counts as running: if it never changes, the job is stuck.
STATES: Final[Mapping[Pipeline, Mapping[str, JobState]]] = {
    Pipeline.LEGACY: {
        "pending": JobState.ACCEPTED,
        "processing": JobState.RUNNING,
        "complete": JobState.COMPLETE,
        "failed": JobState.FAILED,
    },
    Pipeline.V2: {
        "accepted": JobState.ACCEPTED,
        "running": JobState.RUNNING,
        "complete": JobState.COMPLETE,
        "degraded": JobState.DEGRADED,
        "failed": JobState.FAILED,
        "cancelled": JobState.CANCELLED,
        "handed_back": JobState.HANDED_BACK,
    },
}
TABLES: Final = {Pipeline.LEGACY: "processing_jobs", Pipeline.V2: "pipeline_runs"}
COLUMNS: Final = {
    Pipeline.LEGACY: "id,user_id,status,current_step,error_message,attempts,created_at,updated_at,completed_at",
    Pipeline.V2: "id,user_id,status,step,error_code,kind,counts,coverage,cost,callback_outcome,"
    "created_at,updated_at,heartbeat_at,completed_at",
}
# Steps that begin after the first profile is stored.
_AFTER_PROFILE: Final = {
    Pipeline.LEGACY: frozenset({"embedding"}),
    Pipeline.V2: frozenset(
        {"chunk", "embed", "switch", "extract", "consolidate", "reduce", "memory", "save_memory"}
        | {"sections", "save_sections", "prove", "callback"}
    ),
}
# How the monolith begins its messages of failure; they go on with what may be anybody's text.
_LEGACY_FAILURES: Final = (
    ("Failed to download", "download-failed"),
    ("The export is not", "export-not-a-list"),
    ("Conversation ", "export-unreadable"),
    ("Item ", "export-unreadable"),
    ("SoulPrint generation failed", "profile-failed"),
    ("Failed to mark import complete", "profile-not-saved"),
    ("Failed to fetch chunks", "chunks-unreadable"),
    ("Embedding stopped", "embedding-stopped"),
    ("Embeddings not saved", "nothing-embedded"),
)
_LAST_ATTEMPT: Final = 3
_CODE: Final = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")


@dataclass(frozen=True, slots=True)
class Figures:
    """What a job made and cost; None where nobody knows, as with nearly all of legacy's."""

    chunks: int | None = None
    facts: int | None = None
    coverage: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    dollars: float | None = None


@dataclass(frozen=True, slots=True)
class SeenJob:
    """A row, once. Times are Unix seconds of the database's clock; `rule` says why it failed or is degraded.

    `profile_at` is when the first profile was there at the latest; `callback` what became of telling the web app.
    """

    pipeline: Pipeline
    id: str
    user_id: str
    state: JobState
    rule: str
    accepted_at: float
    changed_at: float
    alive_at: float
    ended_at: float | None
    profile_at: float | None
    is_import: bool = True
    last_attempt: bool = False
    callback: str | None = None
    figures: Figures = Figures()

    def stuck(self, now: float, patience: float) -> bool:
        """Whether an open job has been silent for `patience` seconds."""
        return self.state in OPEN and now - self.alive_at > patience


def read_job(pipeline: Pipeline, row: Row) -> SeenJob:
    """The row as a SeenJob. Raises ValueError for one that is no job."""
    accepted, changed = moment_of(row.get("created_at")), moment_of(row.get("updated_at"))
    if not isinstance(row.get("id"), str) or not isinstance(row.get("user_id"), str) or accepted is None:
        raise ValueError("a job without id, user or time")
    changed = changed or accepted
    state = STATES[pipeline].get(str(row.get("status")), JobState.RUNNING)
    ended = None if state in OPEN else moment_of(row.get("completed_at")) or changed
    step = str(row.get("current_step" if pipeline is Pipeline.LEGACY else "step"))
    common = (pipeline, str(row["id"]), str(row["user_id"]), state)
    profile_at = changed if step in _AFTER_PROFILE[pipeline] and state in OPEN else None
    if pipeline is Pipeline.LEGACY:
        rule = _legacy_rule(row.get("error_message")) if state is JobState.FAILED else ""
        attempts = row.get("attempts")
        last = isinstance(attempts, int) and attempts >= _LAST_ATTEMPT
        return SeenJob(*common, rule, accepted, changed, changed, ended, profile_at, last_attempt=last)
    code = str(row.get("error_code") or "")
    rule = code.replace("_", "-") if _CODE.match(code) else ("other" if code else "")
    alive = max(changed, moment_of(row.get("heartbeat_at")) or changed)
    return SeenJob(
        *(*common, rule, accepted, changed, alive, ended, profile_at),
        is_import=row.get("kind") == "import",
        callback=_callback(row.get("callback_outcome")),
        figures=_figures(row),
    )


def _legacy_rule(message: object) -> str:
    text = str(message or "")
    return next((rule for beginning, rule in _LEGACY_FAILURES if text.startswith(beginning)), "other")


def _callback(outcome: object) -> str | None:
    """None until it is settled; what stands behind the colon is a sentence, and no label."""
    word = str(outcome or "").partition(":")[0]
    return word if word in ("delivered", "failed", "unknown") else None


def _figures(row: Row) -> Figures:
    counts, cost = _object(row.get("counts")), _object(row.get("cost"))
    tokens = {
        way: _sum(cost.get(f"llm_{way}_tokens"), cost.get(f"embedding_{way}_tokens")) for way in ("input", "output")
    }
    return Figures(
        chunks=_whole(counts.get("chunks")),
        facts=_whole(counts.get("facts")),
        coverage=_real(row.get("coverage")),
        input_tokens=tokens["input"],
        output_tokens=tokens["output"],
        dollars=_real(cost.get("total_cost_usd")),
    )


def _object(value: object) -> Row:
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _real(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def _sum(*values: object) -> int | None:
    known = [number for number in map(_whole, values) if number is not None]
    return sum(known) if known else None


def moment_of(value: object) -> float | None:
    """Unix time of what PostgREST writes for a timestamptz; a time without a zone is UTC, as the monolith means it."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = datetime.fromisoformat(f"{value}+00:00")
    return moment.timestamp()
