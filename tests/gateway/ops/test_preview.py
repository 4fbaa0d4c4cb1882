"""A preview says exactly who moves, because only the buckets between two percentages do."""

import pytest

from flags.bucketing import bucket
from flags.errors import InvalidPercentageError, NoPercentageError, UnknownFlagError
from gateway.ops.preview import preview_move
from gateway.ops.reports import FlagReport

FLAGS = [
    FlagReport(name="f", enabled=True, percentage=10, group="g", users=0, uncompiled=[]),
    FlagReport(name="list", enabled=True, percentage=None, group=None, users=3, uncompiled=[]),
]
IDS = [f"user-{number}" for number in range(1000)]


@pytest.mark.parametrize(("before", "after", "backend"), [(10, 50, "v2"), (50, 10, "legacy"), (0, 100, "v2")])
def test_those_between_the_percentages_move(before: int, after: int, backend: str) -> None:
    report = preview_move(FLAGS, "f", before, after, IDS)
    low, high = sorted((before, after))
    moving = [user for user in IDS if low < bucket("g", user) <= high]
    assert (report.backend, report.share, report.buckets) == (backend, high - low, [low + 1, high])
    assert (report.counted, report.moved, report.examples) == (1000, len(moving), moving[:10])


def test_nobody_moves_if_nothing_changes() -> None:
    report = preview_move(FLAGS, "f", 10, 10)
    assert (report.share, report.buckets, report.examples) == (0, [], [])


def test_without_a_list_examples_are_made_up() -> None:
    report = preview_move(FLAGS, "f", 10, 11)
    assert len(report.examples) == 10
    assert {bucket("g", user) for user in report.examples} == {11}
    assert report.counted is None


def test_ids_without_a_hash_are_skipped() -> None:
    assert preview_move(FLAGS, "f", 0, 100, ["\ud800", "a"]).moved == 1


@pytest.mark.parametrize(
    ("flag", "after", "error"),
    [("nope", 1, UnknownFlagError), ("list", 1, NoPercentageError), ("f", 101, InvalidPercentageError)],
)
def test_what_cannot_be_previewed_is_refused(flag: str, after: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        preview_move(FLAGS, flag, 0, after)


@pytest.mark.parametrize(("stage", "share"), [("off", 0), ("shadow", 0), ("ramp", 40), (None, 40)])
def test_nobody_moves_in_a_stage_in_which_v2_serves_nobody(stage: str | None, share: int) -> None:
    flag = FlagReport(name="f", enabled=True, percentage=10, group="f", users=0, uncompiled=[], stage=stage)
    assert preview_move([flag], "f", 10, 50).share == share
