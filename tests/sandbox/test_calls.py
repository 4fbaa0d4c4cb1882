"""The call log: exact counters, a bounded list of the latest calls."""

from __future__ import annotations

from sandbox.calls import Call, CallLog


def test_counters_go_on_when_the_list_is_full() -> None:
    log = CallLog(keep=2)
    for number in range(5):
        log.record("rest", Call("GET", f"/{number}", 200 if number else 404))
    report = log.report()["rest"]
    assert (report.requests, report.by_status) == (5, {"200": 4, "404": 1})
    assert [call.path for call in report.latest] == ["/3", "/4"]


def test_clearing_starts_from_zero() -> None:
    log = CallLog()
    log.record("storage", Call("GET", "/", 200))
    log.clear()
    assert log.report()["storage"].requests == 0
