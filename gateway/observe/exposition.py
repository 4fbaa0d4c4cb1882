"""The workers' snapshots as one set of Prometheus metrics; the counterpart is gateway.observe.meters.

Counters of a worker that ended are added to those of the living, so that no counter ever falls.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar

from flags.apply_times import BOUNDS as APPLY_BOUNDS
from gateway.core.stages import SERVING, Stage, stage_of
from gateway.observe.meters import BOUNDS, LAG_BOUNDS, SERIES_BUDGET
from gateway.observe.open_metrics import open_metrics
from gateway.observe.shadow_metrics import shadow_metrics
from gateway.observe.totals import Json, Totals, lags, total

Labels = TypeVar("Labels", bound=tuple[str, ...])
MAX_RETIRED: Final = 64
MAX_FLAGS: Final = 20


class Exposition(Collector):
    """A collector over the snapshots given to `render`; `build` says which build of the gateway this is."""

    def __init__(self, build: str = "dev") -> None:
        self._build = build
        self._retired: list[Json] = []
        self._snapshots: list[Json] = []
        self._supervisor = ProcessCollector(registry=None)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def retire(self, snapshot: Json) -> None:
        """Keep the counters of a worker that ended."""
        self._retired.append(snapshot["counters"])
        if len(self._retired) > MAX_RETIRED:
            self._retired = [total(self._retired).counters()]

    def render(self, snapshots: list[Json], *, openly: bool = False) -> bytes:
        """Prometheus text format 0.0.4, or OpenMetrics with exemplars."""
        self._snapshots = snapshots
        return open_metrics(self.collect()) if openly else generate_latest(self._registry)

    def totals(self, snapshots: list[Json]) -> Totals:
        """The sums over these workers and those that ended."""
        return total([*self._retired, *(one["counters"] for one in snapshots if "counters" in one)])

    def collect(self) -> Iterator[Metric]:
        """Called by the registry."""
        alive = [one for one in self._snapshots if "counters" in one]
        totals = self.totals(alive)
        series = 0
        supervisor = self._supervisor.collect()
        for metric in (
            *_traffic(totals),
            *_state(alive),
            *shadow_metrics(totals, alive),
            *_rollouts(alive),
            *_processes(self._snapshots, alive),
            _build_info(self._build),
            *supervisor,
        ):
            series += len(metric.samples)
            yield metric
        yield GaugeMetricFamily("gateway_series", "Series of this page, without those of jobs and ops.", series)
        yield GaugeMetricFamily("gateway_series_budget", "Series that it may have at most.", SERIES_BUDGET)
        yield CounterMetricFamily(
            "gateway_series_dropped", "Events whose labels had no room among the series.", totals.series_dropped
        )


def _counter(name: str, text: str, labels: list[str], counts: dict[Labels, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in sorted(counts.items()):
        family.add_metric(list(values), count)
    return family


def _cumulative(bounds: Iterable[float], counts: Iterable[int]) -> list[tuple[str, int]]:
    return list(zip([*map(str, bounds), "+Inf"], accumulate(counts), strict=True))


Bucket = tuple[str, float] | tuple[str, float, Exemplar]


def _exemplified(counts: list[tuple[str, int]], exemplars: dict[int, tuple[str, float, float]]) -> list[Bucket]:
    found = {bucket: Exemplar({"trace_id": one[0]}, one[1], one[2]) for bucket, one in exemplars.items()}
    return [(*count, found[bucket]) if bucket in found else count for bucket, count in enumerate(counts)]


def _traffic(totals: Totals) -> Iterator[Metric]:
    yield _counter(
        "gateway_requests",
        "Requests answered, by route of the table, backend and class of the status.",
        ["route", "backend", "status_class"],
        totals.requests,
    )
    latency = HistogramMetricFamily(
        "gateway_request_seconds",
        "From the end of the request's head to the end of the answer.",
        labels=["route", "backend"],
    )
    for (route, backend), buckets in sorted(totals.buckets.items()):
        counts = _exemplified(_cumulative(BOUNDS, buckets), totals.exemplars.get((route, backend), {}))
        latency.add_metric([route, backend], counts, totals.seconds[route, backend])
    yield latency
    applied = HistogramMetricFamily(
        "gateway_flag_apply_seconds",
        "From a change of the flags (with Unleash: from the last time that it said otherwise) to its being in force.",
        labels=[],
    )
    applied.add_metric([], _cumulative(APPLY_BOUNDS, totals.applies), totals.apply_seconds)
    yield applied
    yield _counter(
        "gateway_upstream_errors",
        "Failed exchanges: with which backend, where in the exchange, whose fault, which problem.",
        ["backend", "where", "fault", "problem"],
        totals.errors,
    )
    yield _counter(
        "gateway_decisions",
        "Decisions by flag, chosen backend and reason.",
        ["flag", "backend", "reason"],
        totals.decisions,
    )
    fallbacks: dict[tuple[str, ...], int] = {
        (labels[1],): count for labels, count in totals.events.items() if labels[0] == "fallback"
    }
    yield _counter("gateway_fallbacks", "Requests that went to another backend than decided.", ["backend"], fallbacks)
    others = {labels: count for labels, count in totals.events.items() if labels[0] != "fallback"}
    yield _counter("gateway_events", "Retries, ejections, refusals by guards and limits.", ["event", "backend"], others)
    sides = ["route", "backend"]
    yield _counter("gateway_received_bytes", "Bytes of request bodies.", sides, totals.received)
    yield _counter("gateway_sent_bytes", "Bytes of response bodies.", sides, totals.sent)
    yield CounterMetricFamily("gateway_access_log_dropped_lines", "Access log lines nobody wrote.", totals.log_dropped)


def _state(alive: list[Json]) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "gateway_in_flight", "Requests being served.", sum(one["counters"]["in_flight"] for one in alive)
    )
    running = GaugeMetricFamily(
        "gateway_exchanges_in_flight", "Requests being served, by route and backend.", labels=["route", "backend"]
    )
    served: dict[tuple[str, str], int] = defaultdict(int)
    for one in alive:
        for route, backend, count in one["counters"].get("running", ()):
            served[route, backend] += count
    for labels, count in sorted(served.items()):
        running.add_metric(list(labels), count)
    yield running
    yield GaugeMetricFamily(
        "gateway_connections", "Client connections.", sum(one["counters"]["connections"] for one in alive)
    )
    pools = GaugeMetricFamily("gateway_upstream_connections", "Connections to a backend.", labels=["backend", "state"])
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for one in alive:
        for backend, counts in one["pools"].items():
            for state, count in counts.items():
                sums[backend, state] += count
    for labels, count in sorted(sums.items()):
        pools.add_metric(list(labels), count)
    yield pools
    generation = GaugeMetricFamily(
        "gateway_flag_generation", "Generation of the flags in force in a worker.", labels=["worker"]
    )
    age = GaugeMetricFamily(
        "gateway_flag_age_seconds", "Seconds since the flags' source last agreed with a worker.", labels=["worker"]
    )
    failing = GaugeMetricFamily(
        "gateway_flag_error", "1 while a worker cannot use the newest flags.", labels=["worker"]
    )
    killed = GaugeMetricFamily("gateway_killed", "1 while the local kill is engaged in a worker.", labels=["worker"])
    ejected = GaugeMetricFamily("gateway_v2_ejected", "1 while a worker's breaker keeps v2 out.", labels=["worker"])
    openings = CounterMetricFamily("gateway_v2_ejections", "How often a worker's breaker opened.", labels=["worker"])
    pins = GaugeMetricFamily(
        "gateway_pins", "Users whom a worker keeps on v2: a job of theirs runs.", labels=["worker"]
    )
    for one in alive:
        worker = [str(one["worker"])]
        ejected.add_metric(worker, 0 if one["breaker"]["state"] == "closed" else 1)
        openings.add_metric(worker, one["breaker"]["opened"])
        pins.add_metric(worker, one["pins"]["users"])
        flags = one["flags"]
        if flags["generation"] is not None:
            generation.add_metric(worker, flags["generation"])
        if flags["age"] is not None:
            age.add_metric(worker, flags["age"])
        failing.add_metric(worker, 1 if flags["error"] else 0)
        killed.add_metric(worker, 1 if one["killed"] else 0)
    yield from (generation, age, failing, killed, ejected, openings, pins)


def _rollouts(alive: list[Json]) -> Iterator[Metric]:
    """What the flags say in each worker; MAX_FLAGS of them, since a flag server may hold everybody's."""
    percentage = GaugeMetricFamily(
        "gateway_flag_percentage",
        "Percentage of a flag that a worker acts on: 0 if the flag is off or its stage serves nobody.",
        labels=["flag", "worker"],
    )
    stages = GaugeMetricFamily("gateway_flag_stage", "1 for the stage of a flag.", labels=["flag", "stage"])
    found: dict[str, Stage] = {}
    for one in alive:
        for flag, enabled, stored, value in one["flags"].get("rollouts", ())[:MAX_FLAGS]:
            stage = found[flag] = stage_of(stored)
            percentage.add_metric([flag, str(one["worker"])], value if enabled and stage in SERVING else 0)
    for flag, now in sorted(found.items()):
        for stage in Stage:
            stages.add_metric([flag, stage], stage is now)
    yield from (percentage, stages)


def _processes(snapshots: list[Json], alive: list[Json]) -> Iterator[Metric]:
    cpu = CounterMetricFamily("gateway_worker_cpu_seconds", "CPU time of a worker's process.", labels=["worker"])
    resident = GaugeMetricFamily("gateway_worker_resident_bytes", "Resident memory of a worker.", labels=["worker"])
    lag = GaugeMetricFamily(
        "gateway_worker_loop_lag_seconds",
        "How late a worker's event loop was within the last second.",
        labels=["worker"],
    )
    lateness = HistogramMetricFamily(
        "gateway_loop_lag_seconds", "How late a worker's event loop was, five times a second.", labels=["worker"]
    )
    for one in alive:
        worker, process = [str(one["worker"])], one["process"]
        cpu.add_metric(worker, process["cpu_seconds"])
        resident.add_metric(worker, process["rss_bytes"])
        lag.add_metric(worker, process["loop_lag_seconds"])
        counts, seconds = lags(one)
        lateness.add_metric(worker, _cumulative(LAG_BOUNDS, counts), seconds)
    restarts = CounterMetricFamily("gateway_worker_restarts", "Workers that died and were replaced.", labels=["worker"])
    ready = GaugeMetricFamily("gateway_worker_ready", "1 while a worker serves.", labels=["worker"])
    late = CounterMetricFamily(
        "gateway_worker_late_starts", "Starts of a worker given up because it did not become ready.", labels=["worker"]
    )
    for one in snapshots:
        worker = [str(one["worker"])]
        restarts.add_metric(worker, one["restarts"])
        ready.add_metric(worker, 1 if one["ready"] else 0)
        late.add_metric(worker, one["late"])
    yield from (cpu, resident, lag, lateness, restarts, ready, late)
    yield GaugeMetricFamily("gateway_exposition_time_seconds", "When this page was made, Unix time.", time.time())


def _build_info(build: str) -> Metric:
    info = GaugeMetricFamily(
        "gateway_build_info", "Always 1; version and build are the labels.", labels=["version", "build"]
    )
    info.add_metric([_version(), build], 1)
    return info


def _version() -> str:
    try:
        return version("banyan-gateway")
    except PackageNotFoundError:
        return "unknown"
