"""Snapshots of workers as Prometheus text."""

from prometheus_client.parser import text_string_to_metric_families

from gateway.observe.exposition import Exposition
from gateway.observe.meters import BOUNDS, LAG_BOUNDS, MAX_PAIRS, MAX_SERIES, OTHER, SERIES_BUDGET, Meters, Tally


def snapshot(meters: Meters, worker: int = 0) -> dict[str, object]:
    flags = {"generation": 3, "digest": "d", "error": None, "loaded_at": 1.0, "age": 0.5}
    pools = {"legacy": {"open": 2, "idle": 1, "waiting": 0}, "v2": {"open": 0, "idle": 0, "waiting": 0}}
    process = {"cpu_seconds": 1.5, "rss_bytes": 1000, "loop_lag_seconds": 0.0}
    breaker = {"state": "closed", "opened": 0}
    state = {"worker": worker, "restarts": 0, "late": 0, "ready": True, "killed": False, "breaker": breaker}
    state |= {"pins": {"users": 0}, "late": 0}
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
    assert found["gateway_request_seconds_bucket", (QUERY[0], ("le", "600.0"), QUERY[1])] == 10
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


def test_labels_are_bounded_and_what_has_no_room_is_counted() -> None:
    tally = Tally()
    for number in range(MAX_SERIES + 10):
        tally.add(str(number))
    assert (len(tally.counts), tally.dropped) == (MAX_SERIES, 10)
    tally.add("0")
    assert tally.dropped == 10


def test_routes_beyond_the_budget_share_their_series() -> None:
    meters = Meters()
    for number in range(MAX_PAIRS + 10):
        meters.of(f"route-{number}", "legacy").record(200, 0.1)
    assert len(meters.series) == MAX_PAIRS + 1
    assert meters.of(OTHER, "legacy").statuses[2] == 10
    found = samples(Exposition().render([snapshot(meters)]))
    assert found["gateway_series", ()] <= found["gateway_series_budget", ()] == SERIES_BUDGET


def test_bytes_and_running_exchanges_are_told_apart_by_route_and_backend() -> None:
    meters = busy(1)
    series = meters.of("query", "legacy")
    series.received, series.sent = 10, 20
    seen = snapshot(meters)
    seen["counters"]["running"] = [["query", "legacy", 3]]  # type: ignore[index]  # JSON
    found = samples(Exposition().render([seen, seen]))
    assert found["gateway_received_bytes_total", QUERY] == 20
    assert found["gateway_sent_bytes_total", QUERY] == 40
    assert found["gateway_exchanges_in_flight", QUERY] == 6


def test_the_lateness_of_the_event_loop_is_a_histogram() -> None:
    seen = snapshot(busy(1))
    seen["process"]["loop_lags"] = [[5] + [0] * (len(LAG_BOUNDS) - 1) + [2], 3.5]  # type: ignore[index]  # JSON
    found = samples(Exposition().render([seen]))
    assert found["gateway_loop_lag_seconds_bucket", (("le", "0.001"), ("worker", "0"))] == 5
    assert found["gateway_loop_lag_seconds_count", (("worker", "0"),)] == 7
    assert found["gateway_loop_lag_seconds_sum", (("worker", "0"),)] == 3.5


def test_the_supervisors_own_process_is_measured() -> None:
    found = samples(Exposition().render([]))
    assert found["process_resident_memory_bytes", ()] > 0
    assert found["process_cpu_seconds_total", ()] >= 0


def test_the_build_that_answers_is_seen() -> None:
    found = samples(Exposition("2027-01-01.abc").render([]))
    [labels] = [dict(labels) for (name, labels) in found if name == "gateway_build_info"]
    assert labels["build"] == "2027-01-01.abc"
    assert labels["version"]


def test_a_flags_percentage_is_the_one_that_is_acted_on() -> None:
    one = snapshot(busy(1))
    stored = {"on": (True, None), "off": (False, "ramp"), "shadowed": (True, "shadow")}
    rollouts = [(flag, enabled, stage, 50) for flag, (enabled, stage) in stored.items()]
    one["flags"] = {"generation": 3, "error": None, "age": 0.5, "rollouts": rollouts}

    found = samples(Exposition().render([one]))

    shown = {flag: found["gateway_flag_percentage", (("flag", flag), ("worker", "0"))] for flag in stored}
    assert shown == {"on": 50, "off": 0, "shadowed": 0}
    assert found["gateway_flag_stage", (("flag", "shadowed"), ("stage", "shadow"))] == 1
    assert found["gateway_flag_stage", (("flag", "shadowed"), ("stage", "ramp"))] == 0
