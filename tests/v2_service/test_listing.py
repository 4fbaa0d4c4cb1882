"""Cursors and statuses of the list of jobs."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from v2_service.adapters.runs import ACTIVE
from v2_service.errors import CursorInvalid
from v2_service.listing import ENDED_STATUSES, Place, Wanted, place, stage_of, statuses

JOB = "6f1f6f0e-8d0c-4a3c-9f4e-0d5f1f7c2b11"


def test_a_cursor_gives_its_place_back_to_the_microsecond() -> None:
    there = Place(datetime(2026, 11, 22, 8, 30, 1, 123456, tzinfo=UTC), JOB)
    assert place(there.cursor()) == there
    assert there.cursor().replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "....",
        base64.urlsafe_b64encode(f"2026-11-22T08:30:01|{JOB}".encode()).decode(),
        base64.urlsafe_b64encode(b"2026-11-22T08:30:01+00:00|nobody").decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(CursorInvalid):
        place(cursor)


def test_running_means_every_job_that_is_not_over_and_all_means_all() -> None:
    assert statuses(Wanted.RUNNING) == ACTIVE
    assert {statuses(one) for one in Wanted if one not in (Wanted.ALL, Wanted.RUNNING)} == {
        (s,) for s in ENDED_STATUSES
    }
    assert set(statuses(Wanted.ALL)) == {*ACTIVE, *ENDED_STATUSES}


def test_a_stage_is_a_label_that_a_person_can_read() -> None:
    assert stage_of("accepted", "queued") == "Waiting"
    assert stage_of("running", "embed") == "Making them searchable"
    assert stage_of("handing_back", "embed") == "Going back to the former service"
