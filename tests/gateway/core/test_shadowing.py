"""Whose requests are copied: by stage, by the highest buckets, and never against a deny list."""

from dataclasses import replace

import pytest

from flags.bucketing import bucket
from flags.compile import compile_document
from flags.model import CompiledFeature, Snapshot
from gateway.core.decide import Backend, Identity, decide
from gateway.core.shadowing import Shadowing, has_copies, is_comparable, wants_dry_run
from gateway.core.stages import COPIED, Stage
from tests.gateway.proxy.wire import flags_document

HIGH, LOW = (next(f"u{n}" for n in range(9999) if bucket("f", f"u{n}") == wanted) for wanted in (96, 95))
SHADOW = Shadowing(percent=5)


def feature(percentage: int = 0, stage: str | None = "shadow", **strategy: object) -> CompiledFeature:
    text = flags_document(percentage, stage, **strategy)
    return compile_document(text.encode(), source="test").features["f"]


def is_copied(user: str, of: CompiledFeature, **how: object) -> bool:
    snapshot = Snapshot(1, {"f": of}, "test", "")
    decision = decide("f", Identity.of(user), snapshot, killed=bool(how.pop("killed", False)), **how)  # type: ignore[arg-type]  # a test's shorthand
    return decision.backend is Backend.LEGACY and wants_dry_run(SHADOW, decision, of)


@pytest.mark.parametrize(
    ("stage", "of_legacy", "of_v2"),
    [
        ("off", False, False),
        ("shadow", True, False),
        ("ramp", True, False),
        (None, True, False),
        ("reverse-shadow", True, True),
        ("complete", False, False),
        ("nonsense", False, False),
    ],
)
def test_the_stage_says_whose_answers_are_followed_by_a_copy(stage: str | None, of_legacy: bool, of_v2: bool) -> None:
    found = feature(stage=stage)
    assert (has_copies(found, Backend.LEGACY), has_copies(found, Backend.V2)) == (of_legacy, of_v2)


def test_every_stage_says_so() -> None:
    assert set(COPIED) == set(Stage)


def test_a_flag_that_is_off_or_unknown_has_no_copies() -> None:
    assert not has_copies(None, Backend.LEGACY)
    assert not has_copies(replace(feature(), enabled=False), Backend.LEGACY)


def test_the_users_of_the_highest_buckets_are_copied() -> None:
    assert (is_copied(HIGH, feature()), is_copied(LOW, feature())) == (True, False)
    assert (is_copied(HIGH, feature(50, "ramp")), is_copied(LOW, feature(50, "ramp"))) == (True, False)


def test_they_are_the_last_to_move_so_v2_knows_none_of_its_cohort() -> None:
    """At every percentage up to 95 nobody is on v2 who has had a dry run."""
    users = [f"u{n}" for n in range(2000)]
    copied = {user for user in users if is_copied(user, feature(stage="shadow"))}
    assert {bucket("f", user) for user in copied} == set(range(96, 101))
    for percentage in (1, 10, 50, 95):
        ramp = feature(percentage, "ramp")
        assert {user for user in users if is_copied(user, ramp)} == copied


def test_whoever_has_moved_is_copied_no_more() -> None:
    assert not is_copied(HIGH, feature(96, "ramp"))
    assert not is_copied(HIGH, feature(100, "ramp"))


def test_a_user_whom_the_flag_denies_v2_is_not_copied_in_any_stage() -> None:
    denied = {"constraints": [{"contextName": "userId", "operator": "NOT_IN", "values": [HIGH]}]}
    for stage in ("shadow", "ramp"):
        assert is_copied(HIGH, feature(stage=stage))
        assert not is_copied(HIGH, feature(stage=stage, **denied))


@pytest.mark.parametrize("how", [{"killed": True}, {"force": Backend.LEGACY}])
def test_a_kill_or_a_testers_wish_is_no_reason_for_a_copy(how: dict[str, object]) -> None:
    assert not is_copied(HIGH, feature(), **how)


def test_an_ejected_v2_gets_no_copies_of_the_users_it_lost() -> None:
    assert not is_copied(HIGH, feature(100, "ramp"), breaker_open=True)


def test_without_an_id_there_is_no_copy() -> None:
    assert not is_copied("", feature())


def test_a_flag_that_only_the_engine_understands_has_no_dry_runs() -> None:
    assert not is_copied(HIGH, replace(feature(), uncompiled=("segments",), engine=lambda _: False))


@pytest.mark.parametrize(("status", "comparable"), [(200, True), (404, True), (301, True), (304, False), (206, False)])
def test_an_answer_is_compared_if_it_stands_by_itself(status: int, comparable: bool) -> None:
    assert is_comparable(status) is comparable
    assert not is_comparable(500)
