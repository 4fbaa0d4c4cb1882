"""Features become thresholds and sets exactly where Unleash's engine would answer the same; the rest goes to it."""

import pytest

from flags.compile import compile_document, parse_percentage
from flags.document import Document, read_document
from flags.engine import YggdrasilEngine
from flags.errors import EngineUnavailableError
from flags.evaluate import evaluate
from flags.model import Kind
from tests.flags.documents import (
    GROUP,
    compiled,
    compiled_feature,
    constraint,
    document,
    feature,
    rollout,
    strategy,
    users,
)


def share(percentage: str) -> int:
    item = compiled_feature(rollout(percentage))
    return sum(evaluate(item, user).enabled for user in users(1000))


@pytest.mark.parametrize(
    "raw", ["10.5", "10.0", " 10", "10 ", "101", "-1", "", "abc", "1e1", "1_0", "١٠", "256", "9" * 5000]
)
def test_a_percentage_that_is_not_a_whole_number_is_off_for_everybody(raw: str) -> None:
    assert parse_percentage(raw) is None
    snapshot = compiled(feature(rollout(raw)))
    assert not any(evaluate(snapshot.features[GROUP], user).enabled for user in users(300))
    assert "is not a whole number from 0 to 100: off for everybody" in snapshot.warnings[0]


@pytest.mark.parametrize(
    ("raw", "value"), [("0", 0), ("10", 10), ("+10", 10), ("010", 10), ("0" * 5000 + "10", 10), ("100", 100)]
)
def test_a_whole_number_is_read_as_unleash_reads_it(raw: str, value: int) -> None:
    assert parse_percentage(raw) == value


def test_a_broken_percentage_does_not_silence_another_strategy() -> None:
    item = compiled_feature(rollout("10.5"), strategy("userWithId", {"userIds": "user-1"}))
    assert evaluate(item, "user-1").enabled
    assert not evaluate(item, "user-2").enabled


@pytest.mark.parametrize("raw", ["101", "+256", "0101", "18446744073709551615", "18446744073709551616", "-1", "abc"])
@pytest.mark.parametrize("name", ["flexibleRollout", "gradualRolloutUserId"])
def test_a_percentage_beyond_all_does_to_other_strategies_what_unleash_does(raw: str, name: str) -> None:
    parameters = {"rollout": raw, "percentage": raw, "groupId": GROUP, "stickiness": "userId"}
    text = document(feature(strategy(name, parameters), rollout("100")))
    snapshot = compile_document(text, source="test", engine=YggdrasilEngine)
    engine = YggdrasilEngine(read_document(text))
    assert evaluate(snapshot.features[GROUP], "user-1").enabled is engine.is_enabled(GROUP, "user-1")
    assert "is not a whole number from 0 to 100" in snapshot.warnings[0]


def test_0_is_nobody_and_100_is_everybody() -> None:
    assert share("0") == 0
    assert share("100") == 1000


def test_no_strategies_means_on_for_everybody_with_a_warning() -> None:
    snapshot = compiled(feature())
    assert evaluate(snapshot.features[GROUP], "anybody").enabled
    assert snapshot.warnings == (f"{GROUP}: has no strategies, which in Unleash means on for everybody",)


def test_user_lists_are_split_at_commas_and_trimmed() -> None:
    item = compiled_feature(strategy("userWithId", {"userIds": "user-1, user-2 ,USER-3"}))
    assert [user for user in ("user-1", "user-2", "user-3", "user-1, user-2") if evaluate(item, user).enabled] == [
        "user-1",
        "user-2",
    ]


def test_lists_are_asked_before_percentages() -> None:
    item = compiled_feature(rollout("100"), strategy("userWithId", {"userIds": "user-1"}))
    assert [found.kind for found in item.strategies] == [Kind.USERS, Kind.ROLLOUT]
    assert evaluate(item, "user-1").rule == "user-list"
    assert evaluate(item, "user-2").rule == "rollout-in"


def test_without_a_group_the_flags_name_salts_the_hash() -> None:
    item = compiled_feature(strategy("flexibleRollout", {"rollout": "50", "stickiness": "userId"}))
    assert item.lead is not None
    assert item.lead.group_id == GROUP


def test_an_empty_group_is_hashed_as_it_is_with_a_warning() -> None:
    snapshot = compiled(feature(rollout(group="")))
    lead = snapshot.features[GROUP].lead
    assert lead is not None
    assert lead.group_id == ""
    assert "SDKs disagree" in snapshot.warnings[0]


def test_a_gradual_rollout_without_a_group_is_off() -> None:
    snapshot = compiled(feature(strategy("gradualRolloutUserId", {"percentage": "100"})))
    assert not evaluate(snapshot.features[GROUP], "user-1").enabled
    assert "has no groupId" in snapshot.warnings[0]


def test_plain_user_constraints_become_allow_and_deny_sets() -> None:
    item = compiled_feature(
        rollout("100", constraints=[constraint("NOT_IN", "user-1"), constraint("IN", "user-1", "user-2")])
    )
    assert item.uncompiled == ()
    assert [evaluate(item, user).rule for user in ("user-1", "user-2", "user-3")] == [
        "denied",
        "rollout-in",
        "rollout-out",
    ]


def test_two_allow_sets_are_both_asked() -> None:
    item = compiled_feature(
        rollout("100", constraints=[constraint("IN", "a", "b"), constraint("NOT_IN", "b", "c", inverted=True)])
    )
    assert [user for user in "abcd" if evaluate(item, user).enabled] == ["b"]


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (feature(rollout(constraints=[constraint("STR_CONTAINS", "x")])), "has a constraint"),
        (feature(rollout(constraints=[constraint("IN", "acme", name="tenant")])), "has a constraint"),
        (feature(rollout(constraints=[constraint("IN")])), "has a constraint"),
        (feature(rollout(segments=[1])), "uses segments"),
        (feature(rollout(), dependencies=[{"feature": "parent"}]), "depends on another feature"),
        (feature(rollout(stickiness="sessionId")), "stickiness 'sessionId'"),
        (feature(rollout(stickiness="random")), "stickiness 'random'"),
        (feature(rollout(stickiness="")), "stickiness ''"),
        (feature(rollout(group='a"b')), "groupId 'a\"b'"),
        (feature(strategy("userWithId", {"userIds": 'us"er'})), "userIds hold"),
        (feature(strategy("remoteAddress", {"IPs": "127.0.0.1"})), "strategy remoteAddress"),
        (feature(strategy("gradualRolloutRandom", {"percentage": "50"})), "strategy gradualRolloutRandom"),
        (feature(strategy("ours", {})), "strategy ours"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_compile_says_why_and_is_asked_of_the_engine(item: dict[str, object], reason: str) -> None:
    found = compiled(item).features[GROUP]
    assert found.uncompiled
    assert found.uncompiled[0].startswith(reason)
    assert evaluate(found, "user-1").rule in ("engine-on", "engine-off")


def test_a_groups_quotation_mark_turns_the_feature_off_as_in_unleash() -> None:
    item = compiled_feature(rollout("100", group='a"b'))
    assert not any(evaluate(item, user).enabled for user in users(20))


def test_variants_leave_the_question_of_on_or_off_alone() -> None:
    found = compiled_feature(rollout("100"), variants=[{"name": "blue", "weight": 1000}])
    assert found.uncompiled == ()


def test_a_strategy_that_says_disabled_is_warned_about_because_clients_ignore_it() -> None:
    snapshot = compiled(feature(rollout("100", disabled=True)))
    assert evaluate(snapshot.features[GROUP], "user-1").enabled
    assert "which Unleash's clients ignore" in snapshot.warnings[0]


def test_the_engine_is_loaded_only_if_something_needs_it() -> None:
    def refuse(_: Document) -> None:
        raise AssertionError("not needed")

    compile_document(document(feature(rollout())), source="test", engine=refuse)  # type: ignore[arg-type]  # never returns


def test_without_an_engine_what_needs_one_is_off_and_says_so() -> None:
    def missing(_: Document) -> None:
        raise EngineUnavailableError("no engine")

    data = document(feature(strategy("ours", {})))
    snapshot = compile_document(data, source="test", engine=missing)  # type: ignore[arg-type]  # never returns
    assert snapshot.warnings == ("no engine; features that need it are off",)
    assert evaluate(snapshot.features[GROUP], "user-1").rule == "no-engine"


def test_a_snapshot_cannot_be_changed() -> None:
    snapshot = compiled(feature(rollout()))
    with pytest.raises(TypeError):
        snapshot.features["x"] = snapshot.features[GROUP]  # type: ignore[index]  # that is the point
    with pytest.raises(AttributeError):
        snapshot.generation = 2  # type: ignore[misc]  # that is the point
