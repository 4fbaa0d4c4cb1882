"""Stages follow each other one at a time, and from everywhere there is a way back to off."""

import pytest

from gateway.core.stages import MOVES, NEEDS_EVERYBODY, SERVING, Stage, objection, stage_of

ORDER = list(Stage)
LEGAL = {(ORDER[a], ORDER[b]) for a in range(5) for b in range(5) if abs(a - b) == 1 or (b == 0 and a)}


@pytest.mark.parametrize("now", ORDER)
@pytest.mark.parametrize("to", ORDER)
def test_a_move_is_one_step_or_to_off(now: Stage, to: Stage) -> None:
    assert (objection(now, to, 100) is None) == ((now, to) in LEGAL)


def test_every_stage_has_its_moves() -> None:
    assert set(MOVES) == set(Stage)


@pytest.mark.parametrize("stage", sorted(NEEDS_EVERYBODY))
@pytest.mark.parametrize("percentage", [0, 99, None])
def test_the_last_stages_begin_at_100_per_cent(stage: Stage, percentage: int | None) -> None:
    before = ORDER[ORDER.index(stage) - 1]
    assert objection(before, stage, percentage) is not None


def test_leaving_the_last_stages_asks_for_no_percentage() -> None:
    assert objection("complete", Stage.OFF, 0) is None
    assert objection("reverse-shadow", Stage.RAMP, 0) is None


def test_a_flag_without_a_stage_is_in_ramp_and_may_say_so() -> None:
    assert stage_of(None) is Stage.RAMP
    assert objection(None, Stage.RAMP, 10) is None
    assert objection(None, Stage.OFF, 10) is None
    assert objection(None, Stage.COMPLETE, 100) is not None


@pytest.mark.parametrize("text", ["", "Ramp", "ramp ", "everything"])
def test_a_stage_that_is_none_serves_nobody(text: str) -> None:
    assert stage_of(text) is Stage.OFF
    assert stage_of(text) not in SERVING


def test_a_refusal_names_the_legal_moves() -> None:
    told = objection("off", Stage.COMPLETE, 100)
    assert told == "from stage off the flag can move to shadow, not to complete"
