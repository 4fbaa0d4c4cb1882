"""Times to apply are counted once each, in the bucket whose bound they do not exceed."""

import pytest

from flags.apply_times import BOUNDS, ApplyTimes


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0, 0), (-3.0, 0), (0.05, 0), (0.051, 1), (0.5, 3), (2.5, 7), (300.0, 12), (301.0, 13)]
)
def test_a_time_falls_into_one_bucket(seconds: float, bucket: int) -> None:
    times = ApplyTimes()
    times.record(seconds)
    assert [number for number, count in enumerate(times.counts) if count] == [bucket]
    assert times.last == times.seconds == max(0.0, seconds)


def test_the_promises_are_bounds() -> None:
    assert {0.5, 2.5} <= set(BOUNDS)
