"""The kill campaign's material, and when it takes a job for over."""

from __future__ import annotations

import json

import pytest

from bench.v2.exports import REPEATING, export
from bench.v2.kill_campaign import is_over


def test_exports_are_the_same_for_the_same_arguments() -> None:
    assert export(1, 6) == export(1, 6)
    assert export(1, 6) != export(2, 6)


def test_no_two_conversations_share_a_long_text_and_one_repeats_itself() -> None:
    texts = [
        node["message"]["content"]["parts"][0]
        for talk in json.loads(export(1, REPEATING))
        for node in talk["mapping"].values()
        if node["message"]
    ]
    long = [text for text in texts if len(text) > 1000]
    assert len(set(long)) == len(long) == 2
    repeated = [text for text in long if len(set(text.split(". "))) < 5]
    assert len(repeated) == 1


@pytest.mark.parametrize(
    ("status", "told", "over"),
    [
        ("running", None, False),
        ("complete", None, False),
        ("complete", "sending", False),
        ("complete", "delivered", True),
        ("degraded", "unknown", True),
        ("failed", None, True),
    ],
)
def test_a_job_is_over_when_nothing_more_will_happen(status: str, told: str | None, over: bool) -> None:
    assert is_over({"status": status, "callback_outcome": told}) is over
