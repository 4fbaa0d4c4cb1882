"""What one worker counts, as plain integers: 0.3 µs a request, no locks, no labels to hash twice.

A snapshot of it is plain JSON; the counterpart is gateway.observe.exposition, which sums snapshots over workers.
"""

from bisect import bisect_left
from collections.abc import Collection
from typing import Final

from gateway.core.differences import Difference
from gateway.core.noise import Comparisons

_SHORT: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
BOUNDS: Final = (*_SHORT, 120.0, 300.0, 600.0)
"""Upper bounds of the latency buckets, in seconds; one more bucket holds what is slower."""

LAG_BOUNDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Upper bounds of the buckets for how late the event loop was, in seconds."""

EXEMPLARS_FROM: Final = 0.1
"""Seconds from which on a request is kept as an exemplar: the slow ones are worth a look, and keeping costs time."""
SERIES_BUDGET: Final = 6000
"""Series of one page of metrics at most; the limits below keep to it."""
OTHER: Final = "other"
MAX_PAIRS: Final = 120
"""Pairs of route and backend with series of their own, some 30 each; later ones are counted as route "other"."""
# Every label value comes from the route table or an enum, so this is a guard against a defect, not a working limit.
MAX_SERIES: Final = 500


class Series:
    """Requests of one route and backend: count per status class (index 1 to 5), latency histogram, bytes of bodies."""

    __slots__ = ("buckets", "exemplars", "received", "seconds", "sent", "statuses")

    def __init__(self) -> None:
        self.statuses = [0] * 6
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0
        self.received = 0
        self.sent = 0
        self.exemplars: dict[int, tuple[str, float, float]] = {}  # by bucket: trace id, seconds, Unix time

    def record(self, status: int, seconds: float) -> None:
        """Count one finished request."""
        self.statuses[status // 100] += 1
        self.buckets[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    def exemplify(self, seconds: float, trace_id: str, at: float) -> None:
        """Let a finished request stand for those of its bucket."""
        self.exemplars[bisect_left(BOUNDS, seconds)] = (trace_id, seconds, at)


class Tally:
    """Counts per label tuple, bounded: `dropped` counts what had no room."""

    __slots__ = ("counts", "dropped")

    def __init__(self) -> None:
        self.counts: dict[tuple[str, ...], int] = {}
        self.dropped = 0

    def add(self, *labels: str, count: int = 1) -> None:
        """Count one event under `labels`."""
        self.count(labels, count)

    def count(self, labels: tuple[str, ...], count: int = 1) -> None:
        """The same for a tuple of labels, which is cheaper to pass."""
        found = self.counts.get(labels)
        if found is not None:
            self.counts[labels] = found + count
        elif len(self.counts) < MAX_SERIES:
            self.counts[labels] = count
        else:
            self.dropped += count


class Meters:
    """All counters of one worker."""

    __slots__ = (
        "comparisons",
        "connections",
        "decisions",
        "differences",
        "errors",
        "events",
        "in_flight",
        "log_dropped",
        "series",
        "shadows",
    )

    def __init__(self) -> None:
        self.series: dict[tuple[str, str], Series] = {}
        self.errors = Tally()  # backend, where, fault, problem
        self.decisions = Tally()  # flag, backend, reason
        self.events = Tally()  # fallback, retry, ejected, ...: name, backend
        self.shadows = Tally()  # route, outcome of a copy
        self.differences = Tally()  # route, candidate or control, kind
        self.comparisons: dict[str, Comparisons] = {}  # by route, as many as have a shadow
        self.in_flight = 0
        self.connections = 0
        self.log_dropped = 0

    def of(self, route: str, backend: str) -> Series:
        """The series of a route and backend, made on first use."""
        found = self.series.get((route, backend))
        if found is None:
            kept = route if len(self.series) < MAX_PAIRS else OTHER
            found = self.series.setdefault((kept, backend), Series())
        return found

    def compared(self, route: str, found: Collection[Difference]) -> None:
        """The candidate's answer was set against the control's."""
        self._comparisons(route).compare(found)
        for _, kind in found:
            self.differences.add(route, "candidate", kind)

    def repeated(self, route: str, found: Collection[Difference]) -> None:
        """The control's second answer was set against its first."""
        self._comparisons(route).repeat(found)
        for _, kind in found:
            self.differences.add(route, "control", kind)

    def _comparisons(self, route: str) -> Comparisons:
        return self.comparisons.setdefault(route, Comparisons())

    def snapshot(self) -> dict[str, object]:
        """Everything as JSON values; label tuples become the first items of a list."""
        return {
            "series": [
                [route, backend, one.statuses, one.buckets, one.seconds, one.received, one.sent]
                for (route, backend), one in self.series.items()
            ],
            "exemplars": [
                [route, backend, bucket, *one]
                for (route, backend), series in self.series.items()
                for bucket, one in series.exemplars.items()
            ],
            "errors": [[*labels, count] for labels, count in self.errors.counts.items()],
            "decisions": [[*labels, count] for labels, count in self.decisions.counts.items()],
            "events": [[*labels, count] for labels, count in self.events.counts.items()],
            "shadows": [[*labels, count] for labels, count in self.shadows.counts.items()],
            "differences": [[*labels, count] for labels, count in self.differences.counts.items()],
            "comparisons": {route: one.plain() for route, one in self.comparisons.items()},
            "in_flight": self.in_flight,
            "connections": self.connections,
            "series_dropped": sum(
                tally.dropped for tally in (self.errors, self.decisions, self.events, self.shadows, self.differences)
            ),
            "log_dropped": self.log_dropped,
        }
