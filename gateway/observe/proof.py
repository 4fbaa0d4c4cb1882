"""What a finished import has left behind, and whether that deserves the word complete. Pure; the same for both sides.

The monolith says complete when its last line was reached: refused batches are skipped, a profile is saved although the
model failed, and of more chunks than the database gives in one page the rest is never embedded. v2 proves its runs by
itself; it is asked all the same, so that the word means one thing. Counterpart: gateway.observe.follower.
"""

from dataclasses import dataclass
from typing import Final

from gateway.observe.jobs import JobState

WHOLE_IMPORT: Final = frozenset({"complete", "quick_ready", "locked"})


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database holds for the job's user now.

    `profile` and `documents` say that the text that chat reads first, and the four documents, are there and not empty;
    `generic` that the profile is the one which the monolith saves when the model failed; `newer` that another import of
    the user has begun since, so that none of this can be put down to the job.
    """

    chunks: int
    embedded: int
    claimed_chunks: int | None
    import_status: str | None
    profile: bool
    documents: bool
    generic: bool
    newer: bool


def prove(claim: JobState, rule: str, stored: Stored) -> tuple[JobState, str]:
    """The end that the job deserves, and the rule that decided: the gravest finding first."""
    findings = (
        (stored.newer, JobState.UNPROVEN, "newer-import"),
        (stored.import_status is None, JobState.FAILED, "no-profile-row"),
        (stored.chunks == 0, JobState.FAILED, "no-chunks"),
        (stored.embedded == 0, JobState.FAILED, "nothing-embedded"),
        (not stored.profile, JobState.FAILED, "profile-empty"),
        (claim is JobState.DEGRADED, JobState.DEGRADED, rule or "degraded"),
        (stored.embedded < stored.chunks, JobState.DEGRADED, "embeddings-missing"),
        (stored.chunks < (stored.claimed_chunks or 0), JobState.DEGRADED, "chunks-missing"),
        (not stored.documents, JobState.DEGRADED, "documents-missing"),
        (stored.generic, JobState.DEGRADED, "generic-profile"),
        (stored.import_status not in WHOLE_IMPORT, JobState.DEGRADED, "status-disagrees"),
    )
    for found, state, found_rule in findings:
        if found:
            return state, found_rule
    return JobState.COMPLETE, "all-proven"
