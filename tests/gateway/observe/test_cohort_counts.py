"""Distinct users by cohort, from the evidence: each once, at the percentage in force, the same after a restart."""

from pathlib import Path

import pytest

from gateway.observe.cohort_counts import CohortCounts, cohort_of
from gateway.observe.database import Database
from gateway.observe.evidence_store import EvidenceStore, Record
from gateway.rollout.cohorts import Cohorts, Control
from gateway.rollout.tallies import pair


def request(
    at: float, user: str, bucket: int, *, percentage: int = 10, generation: int = 2, failed: bool = False
) -> Record:
    side = "v2" if bucket <= percentage else "legacy"
    reason = "percentage-in" if side == "v2" else "percentage-out"
    body: dict[str, object] = {
        "kind": "request", "at": at, "flag": "f", "user": user, "bucket": bucket, "percentage": percentage,
        "generation": generation, "backend": side, "went_to": side, "reason": reason, "counted": True,
        "failed": failed, "seconds": 0.1,
    }  # fmt: skip
    return Record(at, "request", user, body)


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(Database(tmp_path))


def read(store: EvidenceStore) -> str:
    counts = CohortCounts()
    while counts.advance(store):
        pass
    return counts.exposition().decode()


def test_a_user_counts_once_and_the_first_seconds_not_at_all(store: EvidenceStore) -> None:
    store.append([request(0.0, "early", 1), request(20.0, "a", 5, failed=True), request(21.0, "a", 5, failed=True)])
    store.append([request(22.0, "b", 50), request(23.0, "c", 15), request(24.0, "c", 15, failed=True)])
    text = read(store)
    assert 'gateway_cohort_users{cohort="v2",flag="f",percentage="10"} 1.0' in text
    assert 'gateway_cohort_failed_users{cohort="v2",flag="f",percentage="10"} 1.0' in text
    assert 'gateway_cohort_users{cohort="control",flag="f",percentage="10"} 1.0' in text
    assert 'gateway_cohort_failed_users{cohort="control",flag="f",percentage="10"} 1.0' in text
    assert 'gateway_cohort_first_failures{cohort="control",flag="f",percentage="10"} 0.0' in text
    assert 'gateway_cohort_users{cohort="control_rest",flag="f",percentage="10"} 1.0' in text
    assert 'gateway_cohort_side_users{backend="legacy",flag="f",percentage="10"} 2.0' in text
    assert 'gateway_cohort_heard_seconds{flag="f",percentage="10"} 24.0' in text


def test_another_percentage_begins_anew_and_a_late_worker_changes_nothing(store: EvidenceStore) -> None:
    store.append([request(0.0, "x", 1), request(20.0, "a", 5)])
    store.append([request(30.0, "y", 1, percentage=50, generation=3)])
    store.append([request(31.0, "late", 90, percentage=10, generation=2)])
    store.append([request(45.0, "a", 5, percentage=50, generation=3)])
    text = read(store)
    assert 'percentage="10"' not in text
    assert 'gateway_cohort_began_seconds{flag="f",percentage="50"} 30.0' in text
    assert 'gateway_cohort_users{cohort="v2",flag="f",percentage="50"} 1.0' in text


def test_the_same_percentage_written_again_goes_on(store: EvidenceStore) -> None:
    store.append([request(0.0, "x", 1), request(20.0, "a", 5), request(21.0, "b", 5, generation=9)])
    assert 'gateway_cohort_users{cohort="v2",flag="f",percentage="10"} 2.0' in read(store)


def test_a_restart_counts_to_where_it_was(store: EvidenceStore) -> None:
    store.append([request(float(at), f"u{at % 700}", at % 100 + 1, failed=at % 7 == 0) for at in range(3000)])
    assert read(store) == read(store)


@pytest.mark.parametrize("percentage", [1, 10, 50, 70, 100])
@pytest.mark.parametrize("control", list(Control))
def test_cohorts_are_the_guard_s(percentage: int, control: Control) -> None:
    cohorts = Cohorts.at(percentage, control)
    counts: dict[str, int] = {}
    for bucket in range(1, 101):
        counts[cohort_of(bucket, percentage)] = counts.get(cohort_of(bucket, percentage), 0) + 1
    assert pair(counts, cohorts) == (cohorts.v2, cohorts.control)
