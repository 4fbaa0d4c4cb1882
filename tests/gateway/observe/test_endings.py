"""Exchanges that end alike: counted and logged together, each of them once, and nothing grows without bound."""

import json
from pathlib import Path

import pytest

from gateway.core.decide import Backend, Reason
from gateway.observe.access_log import AccessLog
from gateway.observe.endings import MAX_ENDINGS, Endings, Key
from gateway.observe.meters import Meters

KEY = b"GET", "query", Backend.LEGACY, Reason.ROUTE, 200


class Ended:
    """Endings with their counters and what they have logged."""

    def __init__(self, file: Path, *, logged: bool = True) -> None:
        self._file = file
        self._open = file.open("wb")
        self.log = AccessLog(self._open.fileno(), enabled=logged)
        self.meters = Meters()
        self.endings = Endings(self.meters, self.log)

    def lines(self) -> list[dict[str, object]]:
        """All that was logged, in its order. The log is closed."""
        self.log.close()
        self._open.close()
        return [json.loads(line) for line in self._file.read_bytes().splitlines()]


def test_exchanges_that_ended_alike_share_series_and_line(tmp_path: Path) -> None:
    ended = Ended(tmp_path / "log")
    found = ended.endings[KEY]
    assert ended.endings[KEY] is found
    assert ended.endings[*KEY[:4], 404].series is found.series
    assert ended.endings[b"GET", "query", Backend.V2, Reason.ROUTE, 200].series is not found.series
    assert found.series is ended.meters.of("query", "legacy")
    assert ended.lines() == []


def test_those_that_wait_are_counted_and_logged_once_and_in_their_order(tmp_path: Path) -> None:
    ended = Ended(tmp_path / "log")
    for number, seconds in enumerate((0.0004, 0.002, 0.002, 700.0)):
        ended.endings[KEY].waiting.append((b"id%d" % number, seconds, number, 10 * number))
    ended.endings[*KEY[:4], 503].waiting.append((b"other", 0.03, 5, 7))
    ended.endings.settle()
    ended.endings.settle()
    series = ended.meters.of("query", "legacy")
    assert (series.statuses, series.received, series.sent) == ([0, 0, 4, 0, 0, 1], 11, 67)
    assert series.seconds == pytest.approx(700.0344)
    assert {index: count for index, count in enumerate(series.buckets) if count} == {0: 1, 1: 2, 5: 1, 18: 1}
    lines = ended.lines()
    assert [line["id"] for line in lines] == ["id0", "id1", "id2", "id3", "other"]
    assert [(line["us"], line["in"], line["out"], line["status"]) for line in lines] == [
        (400, 0, 0, 200), (2000, 1, 10, 200), (2000, 2, 20, 200), (700_000_000, 3, 30, 200), (30_000, 5, 7, 503),
    ]  # fmt: skip


def test_a_log_that_is_off_gets_no_lines_and_the_counters_all(tmp_path: Path) -> None:
    ended = Ended(tmp_path / "log", logged=False)
    ended.endings[KEY].waiting.append((b"id", 0.1, 1, 2))
    ended.endings.settle()
    assert ended.meters.of("query", "legacy").statuses[2] == 1
    assert ended.lines() == []


@pytest.mark.parametrize("reason", list(Reason))
def test_decisions_that_say_nothing_of_the_flag_count_bytes_and_no_requests(tmp_path: Path, reason: Reason) -> None:
    ended = Ended(tmp_path / "log")
    ended.endings[b"GET", "query", Backend.V2, reason, 200].waiting.append((b"id", 0.1, 1, 2))
    ended.endings.settle()
    series = ended.meters.of("query", "v2")
    counted = reason not in (Reason.FORCED, Reason.PINNED)
    assert (series.statuses[2], sum(series.buckets), series.seconds > 0) == (counted, counted, counted)
    assert (series.received, series.sent) == (1, 2)
    assert len(ended.lines()) == 1


def test_a_method_with_the_sign_of_a_format_is_only_text(tmp_path: Path) -> None:
    ended = Ended(tmp_path / "log")
    key: Key = b"%d%b", "query", Backend.LEGACY, Reason.ROUTE, 200
    ended.endings[key].waiting += [(b"one", 5.9e-6, 1, 2), (b"two", 0.0, 0, 0)]
    ended.endings.settle()
    first, second = ended.lines()
    assert {name: value for name, value in first.items() if name != "time"} == {
        "id": "one", "method": "%d%b", "route": "query", "backend": "legacy", "reason": "route",
        "status": 200, "us": 5, "in": 1, "out": 2,
    }  # fmt: skip
    assert (second["id"], second["us"]) == ("two", 0)


def test_clients_cannot_make_the_table_grow_with_methods_of_their_own_and_none_is_lost(tmp_path: Path) -> None:
    ended = Ended(tmp_path / "log")
    for number in range(3 * MAX_ENDINGS):
        ended.endings[b"M%d" % number, "query", Backend.LEGACY, Reason.ROUTE, 200].waiting.append((b"id", 0.1, 1, 0))
        assert len(ended.endings) <= MAX_ENDINGS
    ended.endings.settle()
    assert ended.meters.of("query", "legacy").received == 3 * MAX_ENDINGS
    assert len(ended.lines()) == 3 * MAX_ENDINGS
