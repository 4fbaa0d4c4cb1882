"""Copies and differences as Prometheus metrics: fixed labels, summed over workers, living and dead."""

from gateway.core.differences import Difference, Kind
from gateway.observe.exposition import Exposition
from gateway.observe.meters import Meters
from tests.gateway.observe.test_exposition import samples, snapshot

STATE = {"running": 1, "waiting": 2, "bytes": 300, "stopped": False}


def seen(worker: int = 0, **state: object) -> dict[str, object]:
    meters = Meters()
    meters.shadows.add("safe", "sent", count=2)
    meters.shadows.add("process-full", "day-over")
    meters.compared("safe", [Difference("/a", Kind.VALUE), Difference("/b", Kind.TYPE)])
    meters.compared("safe", [])
    for _ in range(10):
        meters.repeated("safe", [Difference("/a", Kind.VALUE)])
    return snapshot(meters, worker) | {"shadows": STATE | state}


def test_workers_are_summed() -> None:
    found = samples(Exposition().render([seen(0), seen(1, stopped=True)]))
    assert found["gateway_shadow_requests_total", (("outcome", "sent"), ("route", "safe"))] == 4
    assert found["gateway_shadow_requests_total", (("outcome", "day-over"), ("route", "process-full"))] == 2
    assert found["gateway_shadow_in_flight", ()] == 2
    assert found["gateway_shadow_waiting", ()] == 4
    assert found["gateway_shadow_held_bytes", ()] == 600
    assert found["gateway_shadow_stopped", ()] == 1
    assert found["gateway_shadow_comparisons_total", (("against", "candidate"), ("route", "safe"))] == 4
    assert found["gateway_shadow_comparisons_total", (("against", "control"), ("route", "safe"))] == 20
    value = (("against", "candidate"), ("kind", "value"), ("route", "safe"))
    assert found["gateway_shadow_differences_total", value] == 2
    assert found["gateway_shadow_differences_total", (("against", "control"), *value[1:])] == 20


def test_paths_are_counted_by_standing_and_are_no_labels() -> None:
    page = Exposition().render([seen(0), seen(1)])
    found = samples(page)
    standings = {name: found["gateway_shadow_paths", (("route", "safe"), ("standing", name))] for name in
                 ("different", "noise", "unknown")}  # fmt: skip
    assert standings == {"different": 1, "noise": 1, "unknown": 0}
    assert b"/b" not in page


def test_what_a_dead_worker_counted_stays() -> None:
    exposition = Exposition()
    for _ in range(100):
        exposition.retire(seen())
    found = samples(exposition.render([seen()]))
    assert found["gateway_shadow_requests_total", (("outcome", "sent"), ("route", "safe"))] == 202
    assert found["gateway_shadow_comparisons_total", (("against", "candidate"), ("route", "safe"))] == 202


def test_a_worker_of_an_older_kind_has_none() -> None:
    found = samples(Exposition().render([snapshot(Meters())]))
    assert found["gateway_shadow_in_flight", ()] == 0
