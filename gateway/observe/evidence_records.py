"""The records of the evidence, as their readers see them. Pure; the shapes are in gateway/README.md.

`counted` says whether a record belongs into a comparison of both sides: only what the percentage alone decided does.
Whoever was forced, listed, pinned or kept away was not drawn at random.
"""

from collections.abc import Mapping
from typing import Final

from gateway.core.decide import Backend, Reason
from gateway.core.errors import Fault
from gateway.observe.decided import Decided
from gateway.observe.evidence_store import Record
from gateway.observe.jobs import BAD, JUDGED, Figures, JobState, Pipeline, SeenJob

Json = Mapping[str, object]
_DRAWN: Final = frozenset({Reason.PERCENTAGE_IN, Reason.PERCENTAGE_OUT})
_BLAMELESS: Final = frozenset({"", str(Fault.CLIENT)})
_OF_DECISION: Final = ("flag", "bucket", "percentage", "generation", "reason")


def request_record(one: Decided, user: str | None) -> Record:
    """A finished exchange. `failed`: the decided side did not do its part, also if another one then answered."""
    fallback = one.went_to not in ("", one.backend)
    failed = fallback or one.status >= 500 or one.fault not in _BLAMELESS
    body: dict[str, object] = {
        "kind": "request",
        "at": round(one.at, 6),
        "flag": one.flag,
        "user": user,
        "bucket": one.bucket,
        "percentage": one.percentage,
        "generation": one.generation,
        "backend": one.backend,
        "went_to": one.went_to,
        "reason": one.reason,
        "counted": one.reason in _DRAWN and user is not None,
        "failed": failed,
        "status": one.status,
        "seconds": round(one.seconds, 6),
        "fallback": fallback,
        "fault": one.fault,
    }
    return Record(one.at, "request", user, body)


def start_record(pipeline: Pipeline, job_id: str, user: str, accepted_at: float, decision: Json, now: float) -> Record:
    """A job that counts was seen for the first time."""
    body = {"kind": "start", "at": now, **_job(pipeline, job_id, user, accepted_at, decision), "counted": True}
    return Record(now, "start", user, body)


def end_record(
    job: SeenJob, user: str, decision: Json | None, state: JobState, rule: str, figures: Figures, now: float
) -> Record:
    """The first end of a job, as it was judged. A stuck job ends when it is found to be stuck."""
    ended = job.ended_at if job.ended_at is not None and state is not JobState.STUCK else now
    body: dict[str, object] = {
        "kind": "job",
        "at": ended,
        **_job(job.pipeline, job.id, user, job.accepted_at, decision),
        "counted": counts(job.pipeline, decision) and job.is_import and state in JUDGED,
        "failed": state in BAD,
        "outcome": str(state),
        "rule": rule,
        "seconds": round(max(0.0, ended - job.accepted_at), 3),
    }
    known = {name: getattr(figures, name) for name in Figures.__slots__}
    return Record(ended, "job", user, body | {name: value for name, value in known.items() if value is not None})


def counts(pipeline: Pipeline, decision: Json | None) -> bool:
    """Whether a job may be put down to the side that the percentage drew: it ran where it was decided to."""
    return decision is not None and decision.get("counted") is True and decision.get("backend") == str(pipeline)


def _job(pipeline: Pipeline, job_id: str, user: str, accepted_at: float, decision: Json | None) -> dict[str, object]:
    drawn = {name: None if decision is None else decision.get(name) for name in _OF_DECISION}
    return {**drawn, "user": user, "backend": str(Backend(pipeline)), "accepted_at": accepted_at, "job": job_id}
