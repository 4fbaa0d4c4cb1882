"""Records of the stream as they come over the wire."""

from typing import Any  # items of a JSON object

import pytest

from gateway.core.decide import Backend
from gateway.rollout.evidence import JobOutcome, JobStart, RequestOutcome, read_record


def wire(kind: str = "request", **changes: Any) -> dict[str, Any]:
    item: dict[str, Any] = {
        "seq": 7, "kind": kind, "at": 1700000000.5, "user": "ab" * 10, "bucket": 5, "percentage": 10,
        "backend": "v2", "reason": "percentage-in", "counted": True, "failed": False, "seconds": 0.25,
        "job": "j1", "accepted_at": 1700000000.0, "outcome": "complete", "unknown": 1,
    }  # fmt: skip
    return item | changes


def test_each_kind_is_read() -> None:
    assert isinstance(read_record(wire()), RequestOutcome)
    assert isinstance(read_record(wire("start")), JobStart)
    job = read_record(wire("job", outcome="degraded"))
    assert isinstance(job, JobOutcome)
    assert (job.degraded, job.failed, job.void) == (True, False, False)


@pytest.mark.parametrize("reason", ["forced", "pinned", "allow-list", "deny-list", "local-kill"])
def test_users_who_were_chosen_are_left_out(reason: str) -> None:
    assert read_record(wire(reason=reason)) is None
    assert read_record(wire("start", reason=reason)) is None


def test_uncounted_and_unknown_records_are_left_out() -> None:
    assert read_record(wire(counted=False)) is None
    assert read_record(wire("start", counted=False)) is None
    assert read_record(wire("usage")) is None


def test_a_user_turned_away_by_the_breaker_is_a_failure_of_v2() -> None:
    record = read_record(wire(reason="breaker-open", backend="legacy", counted=False))
    assert isinstance(record, RequestOutcome)
    assert (record.backend, record.failed) == (Backend.V2, True)
    assert read_record(wire("start", reason="breaker-open", backend="legacy")) is None


def test_a_job_without_a_verdict_is_void_even_without_a_decision() -> None:
    job = read_record(wire("job", counted=False, bucket=None, percentage=None, reason=None, seconds=None))
    assert isinstance(job, JobOutcome)
    assert (job.void, job.job) == (True, "j1")


@pytest.mark.parametrize(
    "broken", [{"bucket": 0}, {"bucket": 101}, {"percentage": 120}, {"seconds": "1"}, {"at": True}]
)
def test_broken_records_are_refused(broken: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        read_record(wire(**broken))
