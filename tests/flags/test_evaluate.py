"""One answer for one user: it agrees with Unleash's SDK, always, and raising a percentage moves nobody out."""

import json
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from UnleashClient import UnleashClient
from UnleashClient.cache import FileCache
from yggdrasil_engine.engine import UnleashEngine

from flags.compile import compile_document
from flags.evaluate import evaluate
from flags.model import Snapshot
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

STEPS = (0, 1, 10, 25, 50, 75, 99, 100)

AWKWARD = [
    "",
    " ",
    " user-1",
    "User-1",
    "é",
    "ユーザー",
    "🚀",
    "None",
    "null",
    "True",
    "12",
    "12.0",
    "a:b",
    'a"b',
    "a\\b",
    "a\x00b",
]


def asked_of_the_engine(data: bytes, user_ids: list[str]) -> list[bool]:
    engine = UnleashEngine()
    engine.take_state(data.decode())
    return [bool(engine.check_enabled(GROUP, {"userId": user}).is_enabled) for user in user_ids]


def answered(snapshot: Snapshot, user_ids: list[str]) -> list[bool]:
    return [evaluate(snapshot.features[GROUP], user).enabled for user in user_ids]


@pytest.mark.parametrize("percentage", STEPS)
def test_agrees_with_the_engine_on_thousands_of_ids(percentage: int) -> None:
    ids = [*users(1500), *users(500, "5f1e7f0e-3c7a-4b51-9a5c-"), *users(200, "ю-"), *AWKWARD]
    data = document(feature(rollout(str(percentage))))
    assert answered(compile_document(data, source="test"), ids) == asked_of_the_engine(data, ids)


def test_raising_the_percentage_moves_nobody_out() -> None:
    ids = users(100_000)
    on: set[str] = set()
    for lower, higher in pairwise(STEPS):
        item = compiled_feature(rollout(str(higher)))
        now = {user for user in ids if evaluate(item, user).enabled}
        assert on <= now
        assert abs(len(now) / 1000 - higher) < 0.3
        assert lower < higher
        on = now


def test_says_which_rule_bucket_and_percentage() -> None:
    item = compiled_feature(rollout("50"))
    assert tuple(evaluate(item, "user-1")) == (True, "rollout-in", 7, 50)
    assert tuple(evaluate(item, "user-42")) == (False, "rollout-out", 83, 50)


def test_a_disabled_feature_still_tells_the_bucket() -> None:
    item = compiled_feature(rollout("50"), enabled=False)
    assert tuple(evaluate(item, "user-1")) == (False, "disabled", 7, 50)


def test_of_two_rollouts_the_one_that_lets_in_is_named() -> None:
    item = compiled_feature(rollout("1"), rollout("100", group="second"))
    found = evaluate(item, "user-42")
    assert (found.enabled, found.percentage) == (True, 100)


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnleashClient]:
    """The Python SDK, offline, with the flag at 50 %."""
    cache = FileCache("test", directory=str(tmp_path_factory.mktemp("unleash")))
    cache.bootstrap_from_dict(json.loads(document(feature(rollout("50")))))
    client = UnleashClient("http://127.0.0.1:9", "test", disable_metrics=True, disable_registration=True, cache=cache)
    client.initialize_client(fetch_toggles=False)
    yield client
    client.destroy()


def test_agrees_with_the_python_sdk(sdk: UnleashClient) -> None:
    ids = [*users(2000), *AWKWARD]
    mine = answered(compiled(feature(rollout("50"))), ids)
    assert mine == [sdk.is_enabled(GROUP, {"userId": user}) for user in ids]


def test_the_sdk_hashes_none_as_a_user_of_that_name_which_is_why_ids_are_checked_first(sdk: UnleashClient) -> None:
    for bucketed in (None, "None"):
        assert sdk.is_enabled(GROUP, {"userId": bucketed}) is evaluate(compiled_feature(rollout("50")), "None").enabled


IDS = st.one_of(
    st.sampled_from([*users(30), *AWKWARD]),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=20),
)
PLAIN = st.text(st.characters(exclude_categories=("Cs",), exclude_characters='"\\'), min_size=1, max_size=8)
PERCENTAGES = st.one_of(
    st.integers(-1, 102).map(str), st.sampled_from(["", " 10", "10.5", "+7", "007", "ten", "１０", "100.0"])
)
CONSTRAINTS = st.lists(
    st.builds(
        lambda operator, values, inverted: constraint(operator, *values, inverted=inverted),
        st.sampled_from(["IN", "NOT_IN"]),
        st.lists(st.sampled_from(users(12)), min_size=0, max_size=5),
        st.booleans(),
    ),
    max_size=2,
)
STRATEGIES = st.one_of(
    st.builds(
        lambda percentage, group, stickiness, constraints: rollout(
            percentage, group=group, stickiness=stickiness, constraints=constraints
        ),
        PERCENTAGES,
        st.one_of(PLAIN, st.sampled_from(["", 'a"b', "a\\b"])),
        st.sampled_from(["userId", "default", "sessionId", "tenant"]),
        CONSTRAINTS,
    ),
    st.builds(
        lambda percentage, group: strategy("gradualRolloutUserId", {"percentage": percentage, "groupId": group}),
        PERCENTAGES,
        PLAIN,
    ),
    st.builds(
        lambda listed, constraints: strategy("userWithId", {"userIds": ",".join(listed)}, constraints=constraints),
        st.lists(st.one_of(PLAIN, st.sampled_from([" user-1", "user-2 ", "", "\u00a0user-3"])), max_size=5),
        CONSTRAINTS,
    ),
    st.builds(lambda constraints: strategy("default", constraints=constraints), CONSTRAINTS),
    st.just(strategy("ours")),
)
FEATURES = st.builds(
    lambda strategies, enabled: feature(*strategies, enabled=enabled), st.lists(STRATEGIES, max_size=3), st.booleans()
)


@settings(max_examples=400, deadline=None)
@given(item=FEATURES, ids=st.lists(IDS, min_size=1, max_size=20))
def test_agrees_with_the_engine_on_made_up_features(item: dict[str, object], ids: list[str]) -> None:
    data = document(item)
    assert answered(compiled(item), ids) == asked_of_the_engine(data, ids)
