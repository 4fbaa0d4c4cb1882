"""The judge: met, not met, not measured; at most and at least; and targets that name figures which exist."""

from __future__ import annotations

import pytest

from bench.lineup import PEERS
from bench.results import Results, Sample
from bench.scenarios import SCENARIOS
from bench.targets import TARGETS, How, Target, judge


def measured(**figures: tuple[float, float]) -> Results:
    """One round; each metric of `get` as (ours, nginx's)."""
    return Results(
        [
            Sample(0, "get", "gateway", {name: pair[0] for name, pair in figures.items()}),
            Sample(0, "get", "nginx", {name: pair[1] for name, pair in figures.items()}),
        ]
    )


@pytest.mark.parametrize(("ours", "met"), [(17.9, True), (18.0, True), (18.1, False)])
def test_at_most_includes_the_limit(ours: float, met: bool) -> None:
    target = Target("", "get", "cpu_us", 1.8, How.RATIO)
    assert judge(measured(cpu_us=(ours, 10.0)), target).met is met


@pytest.mark.parametrize(("ours", "met"), [(5900.0, False), (6000.0, True), (9000.0, True)])
def test_at_least_is_the_other_way_round(ours: float, met: bool) -> None:
    target = Target("", "get", "rps", 0.6, How.RATIO, at_least=True)
    assert judge(measured(rps=(ours, 10_000.0)), target).met is met


def test_a_difference_is_in_the_unit_of_the_figure() -> None:
    verdict = judge(measured(p50_us=(30.0, 10.0)), Target("", "get", "p50_us", 15.0, How.DIFFERENCE))
    assert (verdict.value, verdict.met) == (20.0, False)


def test_a_plain_value_needs_no_peer() -> None:
    only_ours = Results([Sample(0, "idle", "gateway", {"rss_mb": 39.0})])
    assert judge(only_ours, Target("", "idle", "rss_mb", 40.0)).met is True


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert all(judge(Results(), target).met is None for target in TARGETS)


def test_every_target_names_a_scenario_and_a_peer_that_exist() -> None:
    scenarios = {scenario.name for scenario in SCENARIOS}
    peers = {peer.name for peer in PEERS} | {"direct"}
    for target in TARGETS:
        assert {target.figure.scenario, target.against.scenario} <= scenarios, target.text
        assert target.against.peer in peers, target.text
