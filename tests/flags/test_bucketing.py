"""The hash is Unleash's, bit for bit: published vectors, the spread, and what raising a percentage does."""

import json
from collections import Counter
from pathlib import Path

import pytest

from flags.bucketing import VARIANT_SEED, bucket, rollout_hash, variant_target

GROUP = "process-full-v2"

# id, hash with seed 0, bucket, variant target of 1000
VECTORS = [
    ("user-1", 0xE1D7449E, 7, 735),
    ("user-42", 0xCA4C1A3A, 83, 168),
    ("123", 0xE8E84B3A, 23, 6),
    ("", 0x31952F04, 85, 285),
    ("é", 0xA7313DCD, 58, 666),
    ("ユーザー", 0xACE08E78, 89, 370),
    ("🚀", 0x205E5664, 13, 216),
    ("None", 0x36C11D32, 87, 468),
]


@pytest.mark.parametrize(("user_id", "hashed", "in_bucket", "target"), VECTORS)
def test_published_vectors(user_id: str, hashed: int, in_bucket: int, target: int) -> None:
    assert rollout_hash(GROUP, user_id) == hashed
    assert bucket(GROUP, user_id) == in_bucket
    assert variant_target(GROUP, user_id) == target


def test_text_beyond_ascii_is_hashed_as_utf_8_and_not_as_the_node_client_does() -> None:
    group = "Feature.flexibleRollout.userId.55"
    assert {text: bucket(group, text) for text in ("é", "ユーザー", "user-🚀")} == {
        "é": 72,
        "ユーザー": 96,
        "user-🚀": 94,
    }


def test_composed_and_decomposed_accents_are_two_users() -> None:
    assert bucket(GROUP, "\u00e9") != bucket(GROUP, "e\u0301")


def test_the_group_salts_the_hash() -> None:
    one = [bucket("one", f"user-{number}") for number in range(1000)]
    two = [bucket("two", f"user-{number}") for number in range(1000)]
    assert 0 < sum(a == b for a, b in zip(one, two, strict=True)) < 40


def test_a_lone_surrogate_has_no_hash() -> None:
    with pytest.raises(UnicodeEncodeError):
        bucket(GROUP, "\ud800")


def test_buckets_are_1_to_100_and_evenly_filled() -> None:
    found = Counter(bucket(GROUP, f"user-{number}") for number in range(100_000))
    assert set(found) == set(range(1, 101))
    assert min(found.values()) > 850
    assert max(found.values()) < 1150


@pytest.mark.parametrize("percentage", [0, 1, 10, 25, 50, 75, 99, 100])
def test_of_100_000_users_the_share_is_within_0_3_points(percentage: int) -> None:
    share = sum(bucket(GROUP, f"user-{number}") <= percentage for number in range(100_000)) / 1000
    assert abs(share - percentage) < 0.3


def test_variant_targets_are_1_to_the_total_weight() -> None:
    found = {variant_target(GROUP, f"user-{number}", 7) for number in range(500)}
    assert found == set(range(1, 8))
    assert VARIANT_SEED == 86_028_157


def test_variant_picks_agree_with_unleashs_specification() -> None:
    specification = json.loads((Path(__file__).parent / "specification" / "08-variants.json").read_text())
    features = {item["name"]: item for item in specification["state"]["features"]}
    checked = 0
    for test in specification["variantTests"]:
        variants = features.get(test["toggleName"], {}).get("variants") or []
        user_id = test["context"].get("userId")
        sticky = {variant.get("stickiness", "default") for variant in variants}
        if not user_id or not test["expectedResult"]["enabled"] or not sticky <= {"default", "userId"}:
            continue
        if any(variant.get("overrides") for variant in variants):
            continue
        target = variant_target(test["toggleName"], user_id, sum(variant["weight"] for variant in variants))
        running, picked = 0, ""
        for variant in variants:
            running += variant["weight"]
            if running >= target:
                picked = variant["name"]
                break
        assert picked == test["expectedResult"]["name"], test["description"]
        checked += 1
    assert checked >= 5
