"""The state machine: one way up, a way back from everywhere, and a person always wins."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rollout.evidence import LegacyLoad
from gateway.rollout.plan import RampDown
from gateway.rollout.steps import (
    MAX_GAP,
    SPREADING,
    STANDING,
    Action,
    Look,
    Phase,
    Progress,
    Situation,
    turn,
    written,
)
from gateway.rollout.verdict import Severity, Verdict
from tests.gateway.rollout.records import PLAN

ROOM = LegacyLoad(healthy=True, in_flight=10, limit=1000)
NOW = datetime(2027, 1, 11, 12, tzinfo=UTC).timestamp()


def at_tenth(**changes: object) -> Progress:
    """At 10 %, watched to the end of the step."""
    watched = PLAN.steps[0].watch
    start = Progress(Phase.WATCHING, 0, NOW - watched, watched, NOW - 1, expected=10, plan_digest=PLAN.digest)
    return replace(start, **changes)  # type: ignore[arg-type]  # names are checked by replace


def look(**changes: object) -> Look:
    """All is well at 10 %."""
    start = Look(NOW, 10, verdict=Verdict.GOOD, legacy=ROOM)
    return replace(start, **changes)  # type: ignore[arg-type]  # names are checked by replace


def test_good_evidence_goes_one_step_up() -> None:
    following = turn(PLAN, at_tenth(), look())
    assert (following.action, following.percentage) == (Action.RAISE, 50)
    entered = written(PLAN, following.progress, 50, NOW)
    assert (entered.step, entered.expected, entered.watched, entered.phase) == (1, 50, 0.0, Phase.WATCHING)


@pytest.mark.parametrize("verdict", [Verdict.NO_DATA, Verdict.RUNNING, Verdict.INCONCLUSIVE, Verdict.BAD])
def test_nothing_but_good_passes(verdict: Verdict) -> None:
    following = turn(PLAN, at_tenth(), look(verdict=verdict))
    assert (following.action, following.situation) == (Action.NONE, Situation.UNCLEAR)
    assert following.progress.phase is Phase.HELD


@pytest.mark.parametrize(
    ("progress", "seen", "situation", "phase"),
    [
        (at_tenth(), look(percentage=20), Situation.EDITED, Phase.ASIDE),
        (at_tenth(), look(percentage=0), Situation.EDITED, Phase.ASIDE),
        (at_tenth(), look(percentage=None), Situation.UNREADABLE, Phase.HELD),
        (at_tenth(), look(killed=True), Situation.KILLED, Phase.HELD),
        (at_tenth(plan_digest="old"), look(), Situation.REPLANNED, Phase.HELD),
        (at_tenth(held_by="ann"), look(), Situation.PAUSED, Phase.HELD),
        (at_tenth(), look(bad=Severity.SIGNAL), Situation.SIGNAL, Phase.HELD),
        (at_tenth(), look(blind="the gateway cannot be asked"), Situation.BLIND, Phase.HELD),
        (at_tenth(watched=10.0), look(), Situation.EARLY, Phase.WATCHING),
        (at_tenth(), look(legacy=None), Situation.NO_ROOM, Phase.HELD),
        (at_tenth(), look(legacy=LegacyLoad(False, 1, 1000)), Situation.NO_ROOM, Phase.HELD),
        (at_tenth(), look(legacy=LegacyLoad(True, 725, 1000)), Situation.NO_ROOM, Phase.HELD),
    ],
)
def test_what_holds_names_itself(progress: Progress, seen: Look, situation: Situation, phase: Phase) -> None:
    assert (
        turn(PLAN if not progress.plan_digest else replace(PLAN, digest="new"), progress, seen).situation is situation
    )
    following = turn(PLAN if not progress.plan_digest else replace(PLAN, digest="new"), progress, seen)
    assert (following.progress.phase, following.percentage) == (phase, None)
    assert following.progress.why.startswith((str(situation), "the flag is at"))


def test_steps_wait_for_their_date_and_hours() -> None:
    later = replace(PLAN.steps[1], not_before=datetime(2027, 1, 12, tzinfo=UTC))
    plan = replace(PLAN, steps=(PLAN.steps[0], later, PLAN.steps[2]))
    assert turn(plan, at_tenth(), look()).situation is Situation.CLOSED


def test_an_approval_is_asked_for_and_used_once() -> None:
    watched = PLAN.steps[1].watch
    half = at_tenth(step=1, expected=50, watched=watched)
    asked = turn(PLAN, half, look(percentage=50))
    assert (asked.progress.phase, asked.action) == (Phase.ASKING, Action.NONE)
    assert "to go to 100 %" in asked.progress.why
    granted = turn(PLAN, replace(asked.progress, approved=frozenset({2})), look(percentage=50))
    assert (granted.action, granted.percentage) == (Action.RAISE, 100)


def test_the_last_step_ends_with_an_approval_to_retire_legacy() -> None:
    last = at_tenth(step=2, expected=100, watched=PLAN.steps[2].watch)
    assert turn(PLAN, last, look(percentage=100)).situation is Situation.UNAPPROVED
    done = turn(PLAN, replace(last, approved=frozenset({3})), look(percentage=100))
    assert (done.action, done.progress.phase) == (Action.FINISH, Phase.DONE)


@pytest.mark.parametrize("phase", sorted(STANDING))
def test_a_bad_guardrail_rolls_back_from_every_phase_and_whatever_else_is_wrong(phase: Phase) -> None:
    seen = look(bad=Severity.GUARDRAIL, because="failed requests: 9 on v2", killed=True, blind="nothing", legacy=None)
    following = turn(PLAN, at_tenth(phase=phase, held_by="ann"), seen)
    assert (following.action, following.percentage) == (Action.LOWER, 0)
    assert "9 on v2" in following.progress.why
    back = written(PLAN, following.progress, 0, NOW)
    assert (back.phase, back.step, back.approved) == (Phase.ROLLED_BACK, -1, frozenset())


def test_a_smooth_ramp_down_halves_and_ends_at_zero() -> None:
    plan = replace(PLAN, ramp_down=RampDown(5.0))
    progress, percentage, path = at_tenth(step=1, expected=50), 50, []
    for second in range(7):
        seen = look(now=NOW + second, percentage=percentage, bad=Severity.GUARDRAIL)
        following = turn(plan, progress, seen)
        progress = following.progress
        if following.percentage is not None:
            percentage = following.percentage
            progress = written(plan, progress, percentage, NOW + second)
        path.append(percentage)
        if progress.phase is Phase.ROLLED_BACK:
            break
    assert path == [25, 12, 6, 3, 1, 0]


@pytest.mark.parametrize("phase", [Phase.ASIDE, Phase.ROLLED_BACK, Phase.DONE])
def test_only_a_person_leads_out_of_rest(phase: Phase) -> None:
    for seen in (look(), look(percentage=33), look(bad=Severity.GUARDRAIL), look(killed=True)):
        following = turn(PLAN, at_tenth(phase=phase, why="before"), seen)
        assert (following.progress.phase, following.action, following.percentage) == (phase, Action.NONE, None)
        assert following.progress.why == "before"


def test_a_human_who_edits_during_the_ramp_down_wins() -> None:
    down = at_tenth(phase=Phase.RAMPING_DOWN, down_since=NOW - 1, down_from=50, expected=25)
    assert turn(PLAN, down, look(percentage=80)).progress.phase is Phase.ASIDE


def test_a_pause_of_the_guard_does_not_count_as_watching() -> None:
    """Two days asleep are no two days watched, so nothing is skipped on waking up."""
    early = at_tenth(watched=100.0, seen_at=NOW - PLAN.steps[0].watch)
    following = turn(PLAN, early, look())
    assert (following.progress.watched, following.situation) == (100.0, Situation.EARLY)
    assert turn(PLAN, at_tenth(watched=100.0, seen_at=NOW - MAX_GAP), look()).progress.watched == 100.0 + MAX_GAP


def test_a_guard_that_wakes_up_late_goes_one_step_and_asks_for_the_next_ones_approval() -> None:
    """However long it slept: an approval is needed at its step, and one for another step is none."""
    asleep = NOW - 90 * 86_400.0
    half = at_tenth(step=1, expected=50, watched=PLAN.steps[1].watch, seen_at=asleep)
    for approved in (frozenset[int](), frozenset({1}), frozenset({3})):
        late = turn(PLAN, replace(half, approved=approved), look(percentage=50))
        assert (late.situation, late.action) == (Situation.UNAPPROVED, Action.NONE)
    up = turn(PLAN, at_tenth(seen_at=asleep), look())
    assert (up.action, up.percentage) == (Action.RAISE, 50)
    entered = written(PLAN, up.progress, 50, NOW)
    assert turn(PLAN, entered, look(now=NOW + 1, percentage=50)).situation is Situation.EARLY


def test_blind_and_killed_time_does_not_count() -> None:
    for seen in (look(blind="nothing"), look(killed=True), look(percentage=None)):
        assert turn(PLAN, at_tenth(watched=100.0), seen).progress.watched == 100.0


def test_what_was_intended_before_a_crash_is_no_edit_of_a_person() -> None:
    crashed = at_tenth(intended=50)
    assert turn(PLAN, crashed, look(percentage=50)).situation is not Situation.EDITED


def test_an_old_percentage_may_be_read_for_a_moment_after_a_change() -> None:
    fresh = at_tenth(step=1, expected=50, replaced=10, written_at=NOW - 1)
    assert turn(PLAN, fresh, look()).situation is not Situation.EDITED
    assert turn(PLAN, replace(fresh, written_at=NOW - SPREADING), look()).situation is Situation.EDITED


looks = st.builds(
    Look,
    now=st.just(NOW),
    percentage=st.sampled_from([None, 0, 10, 33, 50, 100]),
    killed=st.booleans(),
    verdict=st.sampled_from(list(Verdict)),
    bad=st.sampled_from([None, *Severity]),
    blind=st.sampled_from(["", "nothing"]),
    legacy=st.sampled_from([None, ROOM]),
)
places = st.builds(
    at_tenth,
    phase=st.sampled_from(list(Phase)),
    step=st.integers(0, 2),
    expected=st.sampled_from([10, 50, 100]),
    watched=st.sampled_from([0.0, 1e9]),
    held_by=st.sampled_from(["", "ann"]),
    approved=st.sampled_from([frozenset(), frozenset({1, 2, 3})]),
)


@given(places, looks)
def test_going_up_needs_everything_to_be_well(progress: Progress, seen: Look) -> None:
    following = turn(PLAN, progress, seen)
    if following.action in (Action.RAISE, Action.FINISH):
        assert progress.phase in STANDING
        assert (seen.verdict, seen.bad, seen.killed, seen.blind) == (Verdict.GOOD, None, False, "")
        assert seen.percentage == progress.expected
        assert not progress.held_by
        assert progress.watched >= PLAN.steps[progress.step].watch
        following_step = progress.step + 1
        assert following_step == 1 or following_step in progress.approved
