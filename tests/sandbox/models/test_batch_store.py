"""The batch store on a given clock."""

from __future__ import annotations

import pytest

from sandbox.models.batches import BatchRequest, BatchStore
from sandbox.models.errors import InvalidRequest, RateLimited
from sandbox.models.settings import ModelSettings

ONE = [BatchRequest("a", {}, "succeeded")]


class Clock:
    """A clock that stands still until told otherwise."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_batch_ends_when_its_time_is_over() -> None:
    clock = Clock()
    store = BatchStore(clock)
    batch = store.create(ONE, 10, ModelSettings(batch_seconds=60))
    assert batch.row(clock.now, "http://x")["processing_status"] == "in_progress"
    clock.now += 60
    row = batch.row(clock.now, "http://x")
    assert (row["processing_status"], row["ended_at"]) == ("ended", "1970-01-01T00:17:40Z")
    assert row["results_url"] == f"http://x/v1/messages/batches/{batch.id}/results"


def test_a_cancelled_batch_ends_sooner_with_its_requests_cancelled() -> None:
    clock = Clock()
    store = BatchStore(clock)
    batch = store.create(ONE, 10, ModelSettings(batch_seconds=60))
    store.cancel(batch.id)
    clock.now += 30
    assert batch.status(clock.now) == "ended"
    assert batch.fate_of(batch.requests[0]) == "canceled"
    with pytest.raises(InvalidRequest):
        store.cancel(batch.id)


def test_bytes_are_bounded_and_ended_batches_make_room() -> None:
    clock = Clock()
    store = BatchStore(clock, most_bytes=100)
    store.create(ONE, 80, ModelSettings())
    running = store.create(ONE, 80, ModelSettings(batch_seconds=60))
    assert len(store) == 1
    with pytest.raises(RateLimited):
        store.create(ONE, 80, ModelSettings())
    assert store.get(running.id) is running
