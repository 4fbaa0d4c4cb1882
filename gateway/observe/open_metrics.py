"""Metrics in the OpenMetrics format, for who asks for it: the only one that carries exemplars."""

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_NAME: Final = "application/openmetrics-text"


def wants_open_metrics(accept: str) -> bool:
    """Whether an Accept header asks for it; Prometheus does."""
    return any(one.partition(";")[0].strip().lower() == _NAME for one in accept.split(","))


class _Families(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def open_metrics(families: Iterable[Metric]) -> bytes:
    """A whole page of these families."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(list(families)))
    page: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]  # the library types only the other format
    return page


def families_of(text: bytes) -> Iterator[Metric]:
    """The families of a page in Prometheus' text format; when a counter was made is of no use to anybody."""
    for family in text_string_to_metric_families(text.decode()):
        if not family.name.endswith("_created"):
            yield family
