"""Snapshots of workers as Prometheus text."""

from prometheus_client.parser import text_string_to_metric_families

from gateway.observe.exposition import Exposition
from gateway.observe.meters import BOUNDS, MAX_SERIES, Meters, Tally


def snapshot(meters: Meters, worker: int = 0) -> dict[str, object]:
    flags = {"generation": 3, "digest": "d", "error": None, "loaded_at": 1.0, "age": 0.5}
    pools = {"legacy": {"open": 2, "idle": 1, "waiting": 0}, "v2": {"open": 0, "idle": 0, "waiting": 0}}
    process = {"cpu_seconds": 1.5, "rss_bytes": 1000, "loop_lag_seconds": 0.0}
    breaker = {"state": "closed", "opened": 0}
    state = {"worker": worker, "restarts": 0, "late": 0, "ready": True, "killed": False, "breaker": breaker}
    return state | {"flags": flags, "pools": pools, "process": process, "counters": meters.snapshot()}


def samples(page: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(page.decode())
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


def busy(times: int) -> Meters:
    meters = Meters()
    for _ in range(times):
        meters.of("query", "legacy").record(200, 0.2)
        meters.of("query", "legacy").record(502, 400.0)
        meters.decisions.add("f", "v2", "percentage-in")
        meters.errors.add("v2", "connect", "upstream", "upstream-unreachable")
        meters.events.add("fallback", "legacy")
        meters.events.add("retry", "legacy")
    meters.in_flight = 1
    return meters


QUERY = (("backend", "legacy"), ("route", "query"))


def test_workers_are_summed() -> None:
    found = samples(Exposition().render([snapshot(busy(2), 0), snapshot(busy(3), 1)]))
    assert found["gateway_requests_total", (*QUERY, ("status_class", "2xx"))] == 5
    assert found["gateway_requests_total", (*QUERY, ("status_class", "5xx"))] == 5
    assert found["gateway_request_seconds_count", QUERY] == 10
    assert found["gateway_request_seconds_bucket", (QUERY[0], ("le", "0.25"), QUERY[1])] == 5
    assert found["gateway_request_seconds_bucket", (QUERY[0], ("le", "300.0"), QUERY[1])] == 5
    assert found["gateway_request_seconds_bucket", (QUERY[0], ("le", "+Inf"), QUERY[1])] == 10
    assert found["gateway_in_flight", ()] == 2
    assert found["gateway_fallbacks_total", (("backend", "legacy"),)] == 5
    assert found["gateway_events_total", (("backend", "legacy"), ("event", "retry"))] == 5
    assert found["gateway_decisions_total", (("backend", "v2"), ("flag", "f"), ("reason", "percentage-in"))] == 5
    assert found["gateway_flag_generation", (("worker", "1"),)] == 3


def test_what_a_dead_worker_counted_stays() -> None:
    exposition = Exposition()
    key = ("gateway_requests_total", (*QUERY, ("status_class", "2xx")))
    for _ in range(100):
        exposition.retire(snapshot(busy(1)))
    assert samples(exposition.render([snapshot(busy(1))]))[key] == 101
    assert samples(exposition.render([]))[key] == 100


def test_a_worker_that_never_answered_is_left_out() -> None:
    found = samples(Exposition().render([{"worker": 0, "restarts": 2, "late": 1, "ready": False}]))
    assert found["gateway_worker_restarts_total", (("worker", "0"),)] == 2


def test_every_latency_falls_into_one_bucket() -> None:
    series = Meters().of("r", "b")
    for seconds in (0.0, *BOUNDS, 1e9):
        series.record(200, seconds)
    assert series.buckets == [2] + [1] * (len(BOUNDS) - 1) + [1]


def test_labels_are_bounded() -> None:
    tally = Tally()
    for number in range(MAX_SERIES + 10):
        tally.add(str(number))
    assert len(tally.counts) == MAX_SERIES
