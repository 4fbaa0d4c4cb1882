"""The keys that check tokens as Prometheus metrics, of gateways that follow a key set. Counterpart: its `key_source`.

The supervisor alone looks at the source, so nothing here adds up over workers.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.key_source import KeySource


class KeyGauges(Collector):
    """How the keys of `source` stand whenever somebody asks for the metrics."""

    def __init__(self, source: KeySource) -> None:
        self._source = source
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def exposition(self) -> bytes:
        """In Prometheus' text format 0.0.4."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Called by the registry."""
        standing = self._source.standing
        yield GaugeMetricFamily("gateway_token_keys", "Public keys in force that check tokens.", standing.keys)
        yield GaugeMetricFamily(
            "gateway_token_keys_age_seconds",
            "Seconds since the key set was last read and all workers had it; since the start if that never was.",
            standing.age(),
        )
        yield GaugeMetricFamily(
            "gateway_token_keys_interval_seconds", "Seconds between two looks at the key set.", self._source.seconds
        )
        yield CounterMetricFamily(
            "gateway_token_keys_failures", "Looks that did not bring the key set to all workers.", standing.failures
        )
