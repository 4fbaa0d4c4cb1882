"""What the copies found: outcomes, and the paths at which the backends' answers differ. Counterpart: `rollout shadow`.

A path that has come up a few times only is counted and not shown: a key that names a person comes up for that person.
"""

from collections import defaultdict
from typing import Final

from gateway.core.noise import Comparisons
from gateway.core.shadowing import Shadowing
from gateway.observe.totals import Json
from gateway.ops.fleet_port import FleetPort
from gateway.ops.reports import PathReport, ShadowReport, ShadowRouteReport

MIN_SEEN: Final = 3
"""Comparisons in which a path has to come up before it is shown."""


async def shadow_report(fleet: FleetPort) -> ShadowReport:
    """All workers together, those that ended too."""
    snapshots = await fleet.snapshots()
    totals, table = fleet.totals(snapshots), fleet.shadowings()
    outcomes: dict[str, dict[str, int]] = defaultdict(dict)
    for (route, outcome), count in totals.shadows.items():
        outcomes[route][outcome] = count
    states: list[Json] = [state for one in snapshots if isinstance(state := one.get("shadows"), dict)]
    routes = sorted({*table, *outcomes, *totals.comparisons})
    return ShadowReport(
        running=sum(state["running"] for state in states),
        waiting=sum(state["waiting"] for state in states),
        stopped=sum(state["stopped"] for state in states),
        routes=[_route(name, table.get(name), outcomes.get(name, {}), totals.comparisons.get(name)) for name in routes],
    )


def _route(
    name: str, shadow: Shadowing | None, outcomes: dict[str, int], found: Comparisons | None
) -> ShadowRouteReport:
    findings = found.findings() if found else []
    shown = [one for one in findings if one.raw + one.noise >= MIN_SEEN]
    return ShadowRouteReport(
        route=name,
        percent=shadow.percent if shadow else None,
        per_day=shadow.per_day if shadow else None,
        outcomes=outcomes,
        compared=found.compared if found else 0,
        repeated=found.repeated if found else 0,
        paths=[PathReport(**one._asdict()) for one in shown],
        rare=len(findings) - len(shown),
    )
