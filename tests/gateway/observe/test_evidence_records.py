"""What the records say, and that the guard reads them so."""

import json

import pytest

from gateway.core.decide import Backend
from gateway.observe.decided import Decided
from gateway.observe.evidence_records import counts, end_record, request_record, start_record
from gateway.observe.evidence_store import Record
from gateway.observe.jobs import Figures, JobState, Pipeline, SeenJob
from gateway.rollout.evidence import JobOutcome, JobStart, RequestOutcome, read_record

USER = "d6f3f67ff48c1c5f8b94"
EXCHANGE = Decided(100.0, "f", "ada", "v2", "v2", "percentage-in", 7, 10, 3, 200, 0.25, "")
JOB = SeenJob(
    *(Pipeline.V2, "job-1", "ada", JobState.COMPLETE, ""),
    accepted_at=101.0,
    changed_at=160.0,
    alive_at=160.0,
    ended_at=161.0,
    profile_at=None,
)


def decision(**changes: object) -> dict[str, object]:
    return request_record(EXCHANGE, USER).body | changes


def read(record: Record, seq: int = 5) -> object:
    """As the guard gets it: over JSON, with a number."""
    return read_record({"seq": seq, **json.loads(json.dumps(record.body))})


@pytest.mark.parametrize(
    ("change", "failed", "counted"),
    [
        ({}, False, True),
        ({"status": 404}, False, True),
        ({"status": 503}, True, True),
        ({"fault": "upstream"}, True, True),
        ({"status": 499, "fault": "client"}, False, True),
        ({"went_to": "legacy", "fault": "upstream"}, True, True),
        ({"reason": "forced"}, False, False),
        ({"reason": "pinned"}, False, False),
        ({"reason": "allow-list"}, False, False),
    ],
)
def test_a_side_fails_by_its_own_doing_and_counts_when_the_percentage_drew_it(
    change: dict[str, object], failed: bool, counted: bool
) -> None:
    body = request_record(EXCHANGE._replace(**change), USER).body  # type: ignore[arg-type]  # by name
    assert (body["failed"], body["counted"]) == (failed, counted)


def test_the_guard_reads_requests() -> None:
    found = read(request_record(EXCHANGE, USER))
    assert found == RequestOutcome(5, 100.0, USER, 7, 10, Backend.V2, failed=False, seconds=0.25)
    assert read(request_record(EXCHANGE._replace(reason="forced"), USER)) is None


def test_the_guard_takes_a_request_that_the_breaker_turned_away_for_a_failure_of_v2() -> None:
    turned_away = EXCHANGE._replace(reason="breaker-open", backend="legacy", went_to="legacy")
    found = read(request_record(turned_away, USER))
    assert isinstance(found, RequestOutcome)
    assert (found.backend, found.failed) == (Backend.V2, True)


def test_the_guard_reads_beginnings_and_ends_of_jobs() -> None:
    begun = read(start_record(Pipeline.V2, "job-1", USER, 101.0, decision(), 110.0))
    assert begun == JobStart(5, 110.0, USER, 7, 10, Backend.V2, job="job-1", accepted_at=101.0)
    ended = read(end_record(JOB, USER, decision(), JobState.DEGRADED, "embeddings-missing", Figures(chunks=3), 170.0))
    assert isinstance(ended, JobOutcome)
    assert (ended.at, ended.seconds, ended.failed, ended.degraded, ended.void) == (161.0, 60.0, False, True, False)


@pytest.mark.parametrize(
    ("known", "state"),
    [
        (None, JobState.COMPLETE),
        (decision(reason="forced", counted=False), JobState.COMPLETE),
        (decision(backend="legacy"), JobState.COMPLETE),
        (decision(), JobState.CANCELLED),
        (decision(), JobState.HANDED_BACK),
        (decision(), JobState.UNPROVEN),
    ],
)
def test_an_end_that_says_nothing_about_the_side_is_void_to_the_guard(
    known: dict[str, object] | None, state: JobState
) -> None:
    found = read(end_record(JOB, USER, known, state, "", Figures(), 170.0))
    assert isinstance(found, JobOutcome)
    assert (found.void, found.job) == (True, "job-1")


def test_a_stuck_job_ends_when_it_is_found() -> None:
    body = end_record(JOB, USER, decision(), JobState.STUCK, "silent", Figures(), 5000.0).body
    assert (body["at"], body["seconds"], body["failed"]) == (5000.0, 4899.0, True)


def test_a_job_counts_where_it_was_decided_to_run() -> None:
    assert counts(Pipeline.V2, decision())
    assert not counts(Pipeline.LEGACY, decision())
    assert not counts(Pipeline.V2, None)
