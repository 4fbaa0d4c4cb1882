"""What became of copies and how answers differ, as Prometheus metrics; counterparts: proxy.shadows, observe.exposition.

Labels are the route table's names and closed lists. Paths are no labels: there are too many, and they come from data.
"""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from gateway.core.noise import Standing
from gateway.observe.totals import Json, Totals


def shadow_metrics(totals: Totals, alive: list[Json]) -> Iterator[Metric]:
    """All of them; `alive` are the snapshots of running workers."""
    copies = CounterMetricFamily(
        "gateway_shadow_requests",
        "Copies of answered requests for the other backend, by what became of them.",
        labels=["route", "outcome"],
    )
    for labels, count in sorted(totals.shadows.items()):
        copies.add_metric(list(labels), count)
    states = [one.get("shadows", {}) for one in alive]
    compared = CounterMetricFamily(
        "gateway_shadow_comparisons",
        "Answers set against the control: the candidate's, or the control's own second one.",
        labels=["route", "against"],
    )
    differences = CounterMetricFamily(
        "gateway_shadow_differences",
        "Differences found in these, by kind; each path counts once in a comparison.",
        labels=["route", "against", "kind"],
    )
    paths = GaugeMetricFamily(
        "gateway_shadow_paths",
        "Paths at which answers have differed: by the candidate's doing, by noise, or it is not known yet.",
        labels=["route", "standing"],
    )
    for labels, count in sorted(totals.differences.items()):
        differences.add_metric(list(labels), count)
    for route, found in sorted(totals.comparisons.items()):
        compared.add_metric([route, "candidate"], found.compared)
        compared.add_metric([route, "control"], found.repeated)
        standings = Counter(one.standing for one in found.findings())
        for standing in Standing:
            paths.add_metric([route, standing], standings[standing])
    yield copies
    yield GaugeMetricFamily("gateway_shadow_in_flight", "Copies under way.", _sum(states, "running"))
    yield GaugeMetricFamily("gateway_shadow_waiting", "Copies that wait for their turn.", _sum(states, "waiting"))
    yield GaugeMetricFamily("gateway_shadow_held_bytes", "Bytes that copies hold.", _sum(states, "bytes"))
    yield GaugeMetricFamily(
        "gateway_shadow_stopped",
        "Workers that send no dry runs until a reload, because v2 took one for a request.",
        _sum(states, "stopped"),
    )
    yield from (compared, differences, paths)


def _sum(states: list[Json], name: str) -> int:
    return sum(int(one.get(name, 0)) for one in states)
