"""Times as exports write them."""

from __future__ import annotations

import time

import pytest

from v2_service.contract import JsonValue
from v2_service.processors.export.times import parse_time

UNDERSTOOD: list[tuple[JsonValue, str]] = [
    (1_700_000_000, "2023-11-14T22:13:20+00:00"),
    (1_700_000_000.5, "2023-11-14T22:13:20.500000+00:00"),
    (1_700_000_000_000, "2023-11-14T22:13:20+00:00"),
    ("1700000000", "2023-11-14T22:13:20+00:00"),
    ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20+00:00"),
    ("2023-11-14T23:13:20+01:00", "2023-11-14T22:13:20+00:00"),
    ("2023-11-14 22:13:20", "2023-11-14T22:13:20+00:00"),
]


@pytest.mark.parametrize(("value", "expected"), UNDERSTOOD)
def test_l_52_and_l_60_a_time_comes_out_as_aware_utc(value: JsonValue, expected: str) -> None:
    moment = parse_time(value)
    assert moment is not None
    assert moment.isoformat() == expected


def test_l_60_a_naive_time_is_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        moment = parse_time("2023-11-14T22:13:20")
    time.tzset()
    assert moment is not None
    assert moment.isoformat() == "2023-11-14T22:13:20+00:00"


NO_TIMES: list[JsonValue] = [
    *(None, True, "", "yesterday", 0, -5, [], {}, "0001-01-01"),
    *(1e300, float("nan"), float("inf"), float("-inf"), 2**63, 2**64, 10**400, -(10**400), "1e400", "1" + "0" * 400),
]


@pytest.mark.parametrize("value", NO_TIMES, ids=lambda value: str(value)[:20])
def test_a_time_that_nobody_recorded_stays_unknown(value: JsonValue) -> None:
    assert parse_time(value) is None
