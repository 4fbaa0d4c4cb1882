"""Sums of what workers count; the counterpart is gateway.observe.meters, whose snapshots are added up here."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

from flags.apply_times import BOUNDS as APPLY_BOUNDS
from gateway.core.noise import Comparisons, comparisons
from gateway.observe.meters import LAG_BOUNDS

Json = dict[str, Any]  # a worker's counters, whose shape is that of gateway.observe.meters.Meters.snapshot
TALLIES = ("errors", "decisions", "events", "shadows", "differences")
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")


class Totals:
    """Sums of counters over any number of snapshots."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, str], int] = defaultdict(int)
        self.buckets: dict[tuple[str, str], list[int]] = {}
        self.seconds: dict[tuple[str, str], float] = defaultdict(float)
        self.received: dict[tuple[str, str], int] = defaultdict(int)
        self.sent: dict[tuple[str, str], int] = defaultdict(int)
        self.errors: dict[tuple[str, ...], int] = defaultdict(int)
        self.decisions: dict[tuple[str, ...], int] = defaultdict(int)
        self.events: dict[tuple[str, ...], int] = defaultdict(int)
        self.shadows: dict[tuple[str, ...], int] = defaultdict(int)
        self.differences: dict[tuple[str, ...], int] = defaultdict(int)
        self.comparisons: dict[str, Comparisons] = defaultdict(Comparisons)
        self.exemplars: dict[tuple[str, str], dict[int, tuple[str, float, float]]] = defaultdict(dict)
        self.applies = [0] * (len(APPLY_BOUNDS) + 1)
        self.apply_seconds = 0.0
        self.log_dropped = self.series_dropped = 0

    def add(self, counters: Json) -> None:
        """Add one worker's counters."""
        for route, backend, statuses, buckets, seconds, received, sent in counters.get("series", ()):
            for status_class, count in zip(CLASSES, statuses[1:], strict=True):
                if count:
                    self.requests[route, backend, status_class] += count
            self.buckets[route, backend] = _added(self.buckets.get((route, backend), ()), buckets)
            self.seconds[route, backend] += seconds
            self.received[route, backend] += received
            self.sent[route, backend] += sent
        for name in TALLIES:
            sums: dict[tuple[str, ...], int] = getattr(self, name)
            for *labels, count in counters.get(name, ()):
                sums[tuple(labels)] += count
        for route, plain in counters.get("comparisons", {}).items():
            self.comparisons[route].add(comparisons(plain))
        for route, backend, bucket, *one in counters.get("exemplars", ()):
            trace_id, took, at = one
            known = self.exemplars[route, backend].get(bucket)
            if known is None or known[2] < at:
                self.exemplars[route, backend][bucket] = (trace_id, took, at)
        applies, seconds = counters.get("flag_applies", ((), 0.0))
        self.applies = _added(self.applies, applies)
        self.apply_seconds += seconds
        self.log_dropped += counters.get("log_dropped", 0)
        self.series_dropped += counters.get("series_dropped", 0)

    def counters(self) -> Json:
        """The sums in the shape of one worker's counters."""
        series = []
        for route, backend in self.buckets:
            key = (route, backend)
            statuses = [0, *(self.requests.get((*key, status), 0) for status in CLASSES)]
            series.append([*key, statuses, self.buckets[key], self.seconds[key], self.received[key], self.sent[key]])
        return {
            "series": series,
            "flag_applies": [self.applies, self.apply_seconds],
            "log_dropped": self.log_dropped,
            "series_dropped": self.series_dropped,
            "comparisons": {route: one.plain() for route, one in self.comparisons.items()},
            **{name: [[*labels, count] for labels, count in getattr(self, name).items()] for name in TALLIES},
        }


def total(parts: Iterable[Json]) -> Totals:
    """The sum of several workers' counters."""
    totals = Totals()
    for part in parts:
        totals.add(part)
    return totals


def lags(snapshot: Json) -> tuple[list[int], float]:
    """How late a worker's event loop was: counts by bucket, and seconds in all."""
    counts, seconds = snapshot["process"].get("loop_lags", ([0] * (len(LAG_BOUNDS) + 1), 0.0))
    return list(counts), float(seconds)


def _added(one: Iterable[int], other: Iterable[int]) -> list[int]:
    return [a + b for a, b in zip_longest(one, other, fillvalue=0)]
