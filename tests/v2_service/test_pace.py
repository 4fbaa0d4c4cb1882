"""The limit of model calls: wider by answers, narrower by refusals, never beyond memory, never below one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from v2_service.pace import MAX_PAUSE_SECONDS, MIB, MemoryRule, Pace


def test_it_begins_at_its_ceiling_and_answers_do_not_lift_it_beyond() -> None:
    pace = Pace(3)
    for _ in range(20):
        pace.answered(3)
    assert pace.places(None) == 3


def test_a_throttled_call_halves_it_and_a_window_of_answers_adds_one_place() -> None:
    pace = Pace(8)
    pace.throttled(started_at=0, now=1, retry_after=2)
    assert (pace.places(None), pace.resume_at) == (4, 3)
    for _ in range(5):
        pace.answered(4)
    assert pace.places(None) == 5


def test_calls_that_left_before_a_cut_do_not_cut_again() -> None:
    pace = Pace(8)
    for _ in range(4):
        pace.throttled(started_at=0, now=1, retry_after=1)
    assert pace.places(None) == 4
    pace.throttled(started_at=2, now=3, retry_after=1)
    assert pace.places(None) == 2


def test_an_answer_while_places_were_free_proves_nothing() -> None:
    pace = Pace(8)
    pace.throttled(started_at=0, now=1, retry_after=0)
    for _ in range(50):
        pace.answered(2)
    assert pace.places(None) == 4


def test_a_pause_is_believed_up_to_a_bound_and_never_shortened() -> None:
    pace = Pace(2)
    pace.throttled(0, 10, retry_after=1e9)
    assert pace.resume_at == 10 + MAX_PAUSE_SECONDS
    pace.throttled(0, 11, retry_after=None)
    assert pace.resume_at == 10 + MAX_PAUSE_SECONDS


def test_memory_keeps_its_headroom_but_never_the_last_call() -> None:
    rule = MemoryRule(headroom=256 * MIB, per_call=200 * MIB)
    pace = Pace(10)
    assert pace.places(rule.room(512 * MIB, 0)) == 1
    assert pace.places(rule.room(1256 * MIB, 0)) == 5
    assert pace.places(rule.room(656 * MIB, 3)) == 5
    assert pace.places(rule.room(10 * MIB, 0)) == 1
    assert pace.places(rule.room(None, 0)) == 10


@given(st.integers(1, 50), st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=60))
def test_it_stays_between_one_and_its_ceiling(ceiling: int, events: list[tuple[bool, int]]) -> None:
    pace = Pace(ceiling)
    for number, (throttled, running) in enumerate(events):
        if throttled:
            pace.throttled(number, number + 0.5, None)
        else:
            pace.answered(running)
        assert 1 <= pace.places(None) <= ceiling
