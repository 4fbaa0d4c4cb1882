"""The guard's bulletin as Prometheus metrics; no series while no guard has ever acted. Counterpart: its `bulletin`."""

from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.rollout.bulletin import Bulletin, BulletinBoard
from gateway.rollout.steps import Phase
from gateway.rollout.verdict import Verdict


class GuardGauges(Collector):
    """Reads the bulletin whenever somebody asks for the metrics."""

    def __init__(self, flags_path: Path) -> None:
        self._board = BulletinBoard(flags_path)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def exposition(self) -> bytes:
        """In Prometheus' text format 0.0.4."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Called by the registry."""
        bulletin = self._board.read()
        if bulletin is not None:
            yield from _families(bulletin)


def _families(bulletin: Bulletin) -> Iterator[Metric]:
    place = bulletin.progress
    yield GaugeMetricFamily("gateway_guard_seen_seconds", "When the guard last said something, Unix time.", bulletin.at)
    yield GaugeMetricFamily("gateway_guard_step", "Step of the plan, from 0; -1 before the first.", place.step)
    yield GaugeMetricFamily("gateway_guard_percentage", "Percentage that the guard has set.", place.expected)
    yield GaugeMetricFamily("gateway_guard_watched_seconds", "Seconds of the step that were watched.", place.watched)
    phases = GaugeMetricFamily("gateway_guard_phase", "1 for the phase of the rollout.", labels=["phase"])
    for phase in Phase:
        phases.add_metric([phase], place.phase is phase)
    yield phases
    evidence = GaugeMetricFamily(
        "gateway_guard_evidence", "How far a rule is from firing: at 1 it fires.", labels=["rule", "severity"]
    )
    verdicts = GaugeMetricFamily("gateway_guard_verdict", "1 for what a rule says.", labels=["rule", "verdict"])
    for finding in bulletin.findings:
        evidence.add_metric([finding.rule, finding.severity], finding.evidence)
        for verdict in Verdict:
            verdicts.add_metric([finding.rule, verdict], finding.verdict is verdict)
    yield from (evidence, verdicts)
