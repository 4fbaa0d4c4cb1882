"""Distinct users by cohort as gauges, counted from the evidence, for a guard that reads Prometheus.

Requests cannot be counted in a metric without losing who made them, and a user who retries is one event. So the
counting by user is done here, where the pseudonyms are, and starts anew with each percentage. It follows the evidence
by number, from its beginning, so a gateway that restarts counts to where it was. Counterpart:
`gateway.rollout.prometheus_evidence`.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.core.decide import Backend
from gateway.observe.evidence_store import EvidenceStore
from gateway.rollout.evidence import RequestOutcome, read_record
from gateway.rollout.judge import SETTLING
from gateway.rollout.users import DistinctUsers

PAGE: Final = 2000
MAX_FLAGS: Final = 20

COHORTS: Final = ("v2", "v2_rest", "control", "control_rest")
"""The equal control compares "v2" with "control"; the other control compares all of v2's with all of legacy's."""


def cohort_of(bucket: int, percentage: int) -> str:
    """A bucket's cohort, as gateway.rollout.cohorts means it; v2's higher buckets are a rest only beyond 50 %."""
    equal = min(percentage, 100 - percentage) or percentage
    if bucket <= percentage:
        return "v2" if bucket <= equal else "v2_rest"
    return "control" if bucket <= percentage + equal else "control_rest"


class Stretch:
    """One flag at one percentage, since `began`; decisions of the first seconds are left out, as the guard does."""

    def __init__(self, percentage: int, generation: int, began: float) -> None:
        self.percentage, self.generation, self.began = percentage, generation, began
        self.heard = began
        self.users: Counter[str] = Counter(dict.fromkeys(COHORTS, 0))
        self.failed: Counter[str] = Counter(dict.fromkeys(COHORTS, 0))
        self.first_failures: Counter[str] = Counter(dict.fromkeys(COHORTS, 0))
        self.sides: Counter[str] = Counter(dict.fromkeys(Backend, 0))
        self._seen, self._failing = DistinctUsers(), DistinctUsers()

    def hear(self, record: RequestOutcome) -> None:
        """Count a request's user."""
        if record.at < self.began + SETTLING:
            return
        self.heard = max(self.heard, record.at)
        first = self._seen.first(record.user)
        if first:
            self.sides[record.backend] += 1
        if record.percentage != self.percentage:
            return
        cohort = cohort_of(record.bucket, self.percentage)
        if first:
            self.users[cohort] += 1
            self.first_failures[cohort] += record.failed
        if record.failed and self._failing.first(record.user):
            self.failed[cohort] += 1


class CohortCounts(Collector):
    """All flags of one gateway's evidence, each at the percentage that is in force."""

    def __init__(self) -> None:
        self._after = 0
        self._stretches: dict[str, Stretch] = {}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def advance(self, store: EvidenceStore) -> bool:
        """Count what is new, a page at most; whether there is more. Blocks; may raise EvidenceUnusable."""
        page = store.page(self._after, PAGE)
        for text in page.records:
            self._hear(json.loads(text))
        self._after = page.next
        return page.next < page.newest

    def _hear(self, item: dict[str, object]) -> None:
        record, flag, generation = read_record(item), str(item.get("flag")), item.get("generation")
        if not isinstance(record, RequestOutcome) or not isinstance(generation, int):
            return
        stretch = self._stretches.get(flag)
        if stretch is None and len(self._stretches) >= MAX_FLAGS:
            return
        # A worker that is late still has the old percentage, and an older generation.
        if stretch is None or (generation > stretch.generation and record.percentage != stretch.percentage):
            stretch = self._stretches[flag] = Stretch(record.percentage, generation, record.at)
        stretch.generation = max(stretch.generation, generation)
        stretch.hear(record)

    def exposition(self) -> bytes:
        """In Prometheus' text format 0.0.4."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Called by the registry."""
        place = ["flag", "percentage"]

        def gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
            return GaugeMetricFamily(f"gateway_cohort_{name}", text, labels=[*place, *labels])

        began = gauge("began_seconds", "Since when users are counted at this percentage, Unix time.")
        heard = gauge("heard_seconds", "When the newest request that was counted began, Unix time.")
        users = gauge("users", "Distinct users by cohort, at the percentage in force.", "cohort")
        failed = gauge("failed_users", "Distinct users with a failed request.", "cohort")
        first = gauge("first_failures", "Distinct users whose first request failed.", "cohort")
        sides = gauge("side_users", "Distinct users by the side that the flag chose.", "backend")
        for flag, one in sorted(self._stretches.items()):
            at = [flag, str(one.percentage)]
            began.add_metric(at, one.began)
            heard.add_metric(at, one.heard)
            for family, counts in ((users, one.users), (failed, one.failed), (first, one.first_failures)):
                for cohort in COHORTS:
                    family.add_metric([*at, cohort], counts[cohort])
            for side in Backend:
                sides.add_metric([*at, side], one.sides[side])
        yield from (began, heard, users, failed, first, sides)
