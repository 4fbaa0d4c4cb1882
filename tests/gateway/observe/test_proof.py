"""What deserves the word complete, on both sides."""

from dataclasses import replace

import pytest

from gateway.observe.jobs import JobState
from gateway.observe.proof import Stored, prove

WHOLE = Stored(
    chunks=120,
    embedded=120,
    claimed_chunks=120,
    import_status="complete",
    profile=True,
    documents=True,
    generic=False,
    newer=False,
)


def test_all_is_there() -> None:
    assert prove(JobState.COMPLETE, "", WHOLE) == (JobState.COMPLETE, "all-proven")


@pytest.mark.parametrize(
    ("change", "state", "rule"),
    [
        ({"chunks": 0, "embedded": 0}, JobState.FAILED, "no-chunks"),
        ({"embedded": 0}, JobState.FAILED, "nothing-embedded"),
        ({"profile": False}, JobState.FAILED, "profile-empty"),
        ({"import_status": None}, JobState.FAILED, "no-profile-row"),
        ({"embedded": 119}, JobState.DEGRADED, "embeddings-missing"),
        ({"claimed_chunks": 121}, JobState.DEGRADED, "chunks-missing"),
        ({"documents": False}, JobState.DEGRADED, "documents-missing"),
        ({"generic": True}, JobState.DEGRADED, "generic-profile"),
        ({"import_status": "processing"}, JobState.DEGRADED, "status-disagrees"),
        ({"newer": True, "chunks": 0}, JobState.UNPROVEN, "newer-import"),
    ],
)
def test_a_claim_that_the_database_does_not_bear_out(change: dict[str, object], state: JobState, rule: str) -> None:
    assert prove(JobState.COMPLETE, "", replace(WHOLE, **change)) == (state, rule)  # type: ignore[arg-type]  # by name


def test_a_locked_profile_and_unclaimed_chunks_are_no_fault() -> None:
    assert prove(JobState.COMPLETE, "", replace(WHOLE, import_status="locked", claimed_chunks=None))[0] is (
        JobState.COMPLETE
    )


def test_what_calls_itself_degraded_stays_so_and_may_be_worse() -> None:
    assert prove(JobState.DEGRADED, "coverage-low", WHOLE) == (JobState.DEGRADED, "coverage-low")
    assert prove(JobState.DEGRADED, "coverage-low", replace(WHOLE, chunks=0))[0] is JobState.FAILED
