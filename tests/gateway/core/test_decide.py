"""A decision is legacy unless everything says v2, and it always says why."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags.bucketing import bucket
from flags.compile import compile_document
from flags.model import Rule, Snapshot
from gateway.core.decide import (
    LEGACY_BY_ROUTE,
    MAX_ID_BYTES,
    V2_BY_ROUTE,
    Backend,
    Decision,
    Identity,
    IdProblem,
    Reason,
    decide,
)

FLAG = "process-full-v2"
IN, OUT = "user-1", "user-42"  # buckets 7 and 83


def snapshot(
    percentage: int = 50,
    *,
    enabled: bool = True,
    listed: str = "",
    denied: str = "",
    stage: str | None = None,
    pins: str = "",
) -> Snapshot:
    constraints = [{"contextName": "userId", "operator": "NOT_IN", "values": [denied]}] if denied else []
    parameters = {"rollout": str(percentage), "stickiness": "userId", "groupId": FLAG, "pins": pins}
    strategies: list[dict[str, object]] = [
        {"name": "flexibleRollout", "parameters": parameters, "constraints": constraints}
    ]
    if listed:
        strategies.append({"name": "userWithId", "parameters": {"userIds": listed}})
    if stage is not None:
        payload = {"type": "string", "value": stage}
        strategies[0]["variants"] = [{"name": "stage", "weight": 1000, "payload": payload}]
    feature = {"name": FLAG, "enabled": enabled, "strategies": strategies}
    return compile_document(json.dumps({"generation": 3, "features": [feature]}).encode(), source="test")


def test_a_user_below_the_percentage_goes_to_v2() -> None:
    found = decide(FLAG, Identity.of(IN), snapshot(), killed=False)
    assert found == Decision(Backend.V2, Reason.PERCENTAGE_IN, IN, 7, 50, 3, FLAG)


def test_a_user_above_the_percentage_goes_to_legacy() -> None:
    found = decide(FLAG, Identity.of(OUT), snapshot(), killed=False)
    assert found == Decision(Backend.LEGACY, Reason.PERCENTAGE_OUT, OUT, 83, 50, 3, FLAG)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (decide(FLAG, Identity.of(IN), snapshot(100), killed=True, force=Backend.V2), Reason.LOCAL_KILL),
        (decide(FLAG, Identity.of(IN), None, killed=False, force=Backend.V2), Reason.NO_FLAGS),
        (decide("nope", Identity.of(IN), snapshot(100), killed=False, force=Backend.V2), Reason.FLAG_UNKNOWN),
        (decide(FLAG, Identity.of(IN), snapshot(enabled=False), killed=False), Reason.FLAG_DISABLED),
        (decide(FLAG, Identity.of(OUT), snapshot(denied=OUT), killed=False), Reason.DENY_LIST),
        (decide(FLAG, Identity.of(IN), snapshot(100), killed=False, breaker_open=True), Reason.BREAKER_OPEN),
        (decide(FLAG, Identity.of("\ud800"), snapshot(100), killed=False), Reason.ID_INVALID),
        (decide(FLAG, Identity("\ud800"), snapshot(100), killed=False), Reason.ID_INVALID),
        (decide(FLAG, Identity(None), snapshot(100), killed=False), Reason.ID_MISSING),
    ],
    ids=lambda value: value.value if isinstance(value, Reason) else "",
)
def test_everything_that_is_not_a_clear_v2_is_legacy(found: Decision, reason: Reason) -> None:
    assert (found.backend, found.reason) == (Backend.LEGACY, reason)


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (IdProblem.MISSING, Reason.ID_MISSING),
        (IdProblem.NOT_A_STRING, Reason.ID_INVALID),
        (IdProblem.EMPTY, Reason.ID_INVALID),
        (IdProblem.TOO_LONG, Reason.ID_INVALID),
        (IdProblem.UNREADABLE, Reason.ID_INVALID),
        (IdProblem.BEYOND_PREFIX, Reason.ID_BEYOND_PREFIX),
    ],
)
def test_a_bad_id_is_legacy_even_at_100_per_cent(problem: IdProblem, reason: Reason) -> None:
    found = decide(FLAG, Identity(None, problem), snapshot(100), killed=False, force=Backend.V2)
    assert found == Decision(Backend.LEGACY, reason, None, None, None, 3, FLAG)


def test_every_id_problem_has_a_reason() -> None:
    for problem in IdProblem:
        assert decide(FLAG, Identity(None, problem), snapshot(), killed=False).reason.startswith("id-")


def test_every_rule_of_the_flags_has_a_reason() -> None:
    from gateway.core import decide as module

    assert set(module._BY_RULE) == set(Rule)


@pytest.mark.parametrize("value", [None, 12, 12.0, 1e20, True, False, [], ["user-1"], {}, {"id": 1}], ids=repr)
def test_only_strings_are_ids(value: object) -> None:
    assert Identity.of(value) == Identity(None, IdProblem.NOT_A_STRING)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", IdProblem.EMPTY),
        ("\ud800", IdProblem.UNREADABLE),
        ("a\udfffb", IdProblem.UNREADABLE),
        ("x" * (MAX_ID_BYTES + 1), IdProblem.TOO_LONG),
        ("é" * MAX_ID_BYTES, IdProblem.TOO_LONG),
    ],
)
def test_strings_that_are_no_ids(value: str, problem: IdProblem) -> None:
    assert Identity.of(value) == Identity(None, problem)


@pytest.mark.parametrize(
    "value", ["x" * MAX_ID_BYTES, " user-1", "user-1 ", "USER-1", "None", "é", "🚀", "a\x00b", " "]
)
def test_strings_are_used_exactly_as_they_are(value: str) -> None:
    found = decide(FLAG, Identity.of(value), snapshot(), killed=False)
    assert (found.key, found.bucket) == (value, bucket(FLAG, value))


def test_an_allow_list_beats_the_percentage() -> None:
    found = decide(FLAG, Identity.of(OUT), snapshot(0, listed=OUT), killed=False)
    assert (found.backend, found.reason, found.bucket) == (Backend.V2, Reason.ALLOW_LIST, 83)


@pytest.mark.parametrize("user", [IN, OUT])
@pytest.mark.parametrize("backend", list(Backend))
def test_force_beats_lists_and_percentage(user: str, backend: Backend) -> None:
    found = decide(FLAG, Identity.of(user), snapshot(denied=IN, listed=OUT), killed=False, force=backend)
    assert (found.backend, found.reason) == (backend, Reason.FORCED)


@pytest.mark.parametrize("stage", ["off", "shadow", "", "nonsense"])
def test_a_stage_in_which_v2_does_not_serve_keeps_everybody_on_legacy(stage: str) -> None:
    found = decide(FLAG, Identity.of(IN), snapshot(100, listed=IN, stage=stage), killed=False)
    assert found == Decision(Backend.LEGACY, Reason.STAGE, IN, 7, 100, 3, FLAG)


@pytest.mark.parametrize("stage", ["ramp", "reverse-shadow", "complete"])
@pytest.mark.parametrize("percentage", [0, 50])
def test_in_the_other_stages_the_percentage_decides(stage: str, percentage: int) -> None:
    with_stage, without = snapshot(percentage, stage=stage), snapshot(percentage)
    for user in (IN, OUT):
        assert decide(FLAG, Identity.of(user), with_stage, killed=False) == decide(
            FLAG, Identity.of(user), without, killed=False
        )


def test_force_beats_the_stage_but_a_disabled_flag_beats_both() -> None:
    forced = decide(FLAG, Identity.of(OUT), snapshot(stage="shadow"), killed=False, force=Backend.V2)
    assert (forced.backend, forced.reason) == (Backend.V2, Reason.FORCED)
    disabled = decide(FLAG, Identity.of(OUT), snapshot(enabled=False, stage="off"), killed=False, force=Backend.V2)
    assert disabled.reason == Reason.FLAG_DISABLED


def test_force_does_not_beat_a_disabled_flag() -> None:
    found = decide(FLAG, Identity.of(IN), snapshot(enabled=False), killed=False, force=Backend.V2)
    assert (found.backend, found.reason) == (Backend.LEGACY, Reason.FLAG_DISABLED)


def test_the_breaker_leaves_legacy_users_their_own_reason() -> None:
    found = decide(FLAG, Identity.of(OUT), snapshot(), killed=False, breaker_open=True)
    assert found.reason == Reason.PERCENTAGE_OUT


def test_order_of_the_rules_first_match_wins() -> None:
    """Every combination of trouble: the reason is that of the first rule that applies."""
    for killed, flags, disabled, bad_id, force, breaker, pinned in itertools.product((True, False), repeat=7):
        found = decide(
            FLAG,
            Identity(None, IdProblem.EMPTY) if bad_id else Identity.of(IN),
            snapshot(enabled=not disabled) if flags else None,
            killed=killed,
            breaker_open=breaker,
            force=Backend.V2 if force else None,
            pinned=pinned,
        )
        expected = next(
            reason
            for applies, reason in (
                (killed, Reason.LOCAL_KILL),
                (not flags, Reason.NO_FLAGS),
                (disabled, Reason.FLAG_DISABLED),
                (bad_id, Reason.ID_INVALID),
                (breaker, Reason.BREAKER_OPEN),
                (force, Reason.FORCED),
                (pinned, Reason.PINNED),
                (True, Reason.PERCENTAGE_IN),
            )
            if applies
        )
        assert found.reason == expected
        assert (found.backend is Backend.V2) == (expected in (Reason.FORCED, Reason.PINNED, Reason.PERCENTAGE_IN))


@given(st.text(), st.integers(0, 100))
def test_any_text_at_all_is_decided_and_legacy_at_0(value: str, percentage: int) -> None:
    found = decide(FLAG, Identity.of(value), snapshot(percentage), killed=False)
    assert (found.backend is Backend.V2) == (found.bucket is not None and found.bucket <= percentage)


def test_a_pinned_user_stays_on_v2_at_0_per_cent_and_against_a_deny_list() -> None:
    found = decide(FLAG, Identity.of(OUT), snapshot(0, denied=OUT), killed=False, pinned=True)
    assert found == Decision(Backend.V2, Reason.PINNED, OUT, 83, 0, 3, FLAG)


@pytest.mark.parametrize(
    ("flags", "more", "reason"),
    [
        (snapshot(), {"killed": True}, Reason.LOCAL_KILL),
        (None, {}, Reason.NO_FLAGS),
        (snapshot(enabled=False), {}, Reason.FLAG_DISABLED),
        (snapshot(), {"force": Backend.LEGACY}, Reason.FORCED),
        (snapshot(stage="off"), {}, Reason.STAGE),
        (snapshot(stage="shadow"), {}, Reason.STAGE),
        (snapshot(0, pins="suspended"), {}, Reason.PERCENTAGE_OUT),
        (snapshot(), {"breaker_open": True}, Reason.BREAKER_OPEN),
    ],
    ids=lambda value: value.value if isinstance(value, Reason) else "",
)
def test_what_a_pin_does_not_outrank(flags: Snapshot | None, more: dict[str, bool], reason: Reason) -> None:
    found = decide(FLAG, Identity.of(OUT), flags, **({"killed": False} | more), pinned=True)  # type: ignore[arg-type]  # force is no bool
    assert (found.backend, found.reason) == (Backend.LEGACY, reason)


def test_pins_that_are_suspended_take_nobody_away_from_v2() -> None:
    found = decide(FLAG, Identity.of(IN), snapshot(50, pins="suspended"), killed=False, pinned=True)
    assert (found.backend, found.reason) == (Backend.V2, Reason.PERCENTAGE_IN)


def test_routes_without_a_flag_have_ready_made_decisions() -> None:
    assert (LEGACY_BY_ROUTE.backend, LEGACY_BY_ROUTE.reason) == (Backend.LEGACY, Reason.ROUTE)
    assert (V2_BY_ROUTE.backend, V2_BY_ROUTE.reason) == (Backend.V2, Reason.ROUTE)


def test_a_decision_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        LEGACY_BY_ROUTE.backend = Backend.V2  # type: ignore[misc]  # that is the point
