"""What exchanges that end alike have in common: made once, counted where it belongs, bounded."""

import json

from gateway.core.decide import Backend, Reason
from gateway.observe.endings import MAX_ENDINGS, Endings
from gateway.observe.meters import Meters


def test_exchanges_that_ended_alike_share_series_and_line() -> None:
    meters = Meters()
    endings = Endings(meters)
    found = endings[b"GET", "query", Backend.LEGACY, Reason.ROUTE, 200]
    assert endings[b"GET", "query", Backend.LEGACY, Reason.ROUTE, 200] is found
    assert endings[b"GET", "query", Backend.LEGACY, Reason.ROUTE, 404].series is found.series
    assert endings[b"GET", "query", Backend.V2, Reason.ROUTE, 200].series is not found.series
    assert found.series is meters.of("query", "legacy")


def test_decisions_that_say_nothing_of_the_flag_are_not_counted() -> None:
    endings = Endings(Meters())
    counted = {reason for reason in Reason if endings[b"GET", "query", Backend.V2, reason, 200].counted}
    assert set(Reason) - counted == {Reason.FORCED, Reason.PINNED}


def test_a_method_with_the_sign_of_a_format_is_only_text() -> None:
    line = Endings(Meters())[b"%d%b", "query", Backend.LEGACY, Reason.ROUTE, 200].line
    assert json.loads(line % (b"1.0", b"id", 5.9, 1, 2)) == {
        "time": 1.0, "id": "id", "method": "%d%b", "route": "query", "backend": "legacy", "reason": "route",
        "status": 200, "us": 5, "in": 1, "out": 2,
    }  # fmt: skip


def test_clients_cannot_make_the_table_grow_with_methods_of_their_own() -> None:
    meters = Meters()
    endings = Endings(meters)
    for number in range(3 * MAX_ENDINGS):
        endings[b"M%d" % number, "query", Backend.LEGACY, Reason.ROUTE, 200].series.received += 1
        assert len(endings) <= MAX_ENDINGS
    assert meters.of("query", "legacy").received == 3 * MAX_ENDINGS
