"""Which measurements a run makes, and in which order."""

from __future__ import annotations

import json

import mmh3
import pytest

from bench.errors import BenchError
from bench.lineup import PEERS, Peer
from bench.places import CONFIGURATIONS, fill
from bench.scenarios import SCENARIOS
from bench.session import make_plan, rotated
from bench.traffic import backend_of, process_full_bodies, user_ids


def test_everything_is_measured_unless_told_otherwise() -> None:
    plan = make_plan((), rounds=5, seconds=2.0, long=False)
    assert plan.peers == PEERS
    assert plan.scenarios == tuple(scenario for scenario in SCENARIOS if not scenario.long)
    assert plan.complete


@pytest.mark.parametrize(("only", "rounds"), [((), 4), (("get",), 5), (("gateway",), 5)])
def test_only_a_whole_run_may_be_published(only: tuple[str, ...], rounds: int) -> None:
    assert not make_plan(only, rounds, 2.0, long=True).complete


def test_a_chosen_proxy_brings_the_yardstick_along() -> None:
    plan = make_plan(("gateway", "get"), 1, 1.0, long=False)
    assert [peer.name for peer in plan.peers] == ["nginx", "gateway"]
    assert [scenario.name for scenario in plan.scenarios] == ["get"]


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BenchError, match=r"unknown: nginz; known are .*nginx"):
        make_plan(("nginz",), 1, 1.0, long=False)


def test_each_round_begins_with_another_proxy() -> None:
    peers = list(PEERS[:3])
    assert [rotated(peers, number)[0] for number in range(4)] == [peers[0], peers[1], peers[2], peers[0]]
    assert rotated([], 3) == []


def test_long_scenarios_run_once() -> None:
    plan = make_plan(("million", "gateway"), 3, 1.0, long=True)
    assert [len(plan.visits(number, plan.scenarios[0])) for number in range(3)] == [2, 0, 0]
    assert plan.steps() == 2


def test_variants_that_route_take_part_only_where_the_body_decides() -> None:
    variants = [peer for peer in PEERS if peer.only_routing]
    for scenario in SCENARIOS:
        takes_part = {scenario.includes(peer) for peer in variants}
        assert takes_part == {scenario.name in ("routing", "process-full")}, scenario.name


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_configuration_can_be_filled_in(peer: Peer) -> None:
    values = {"port": 1, "legacy": 2, "v2": 3, "run": "/r", "peers": "/p", "user": ""}
    texts = [(CONFIGURATIONS / name).read_text() for name in peer.templates]
    for text in [*texts, *peer.arguments, *peer.environment.values()]:
        assert "@{" not in fill(text, values)


def test_bodies_are_the_same_in_every_run_and_go_to_both_backends() -> None:
    assert process_full_bodies(4) == process_full_bodies(4)
    assert [json.loads(body)["user_id"] for body in process_full_bodies(4)] == user_ids(4)
    assert {backend_of(user_id) for user_id in user_ids(20)} == {"legacy", "v2"}


def test_the_expected_backend_follows_the_flag_file_of_the_bench() -> None:
    feature = json.loads((CONFIGURATIONS / "features.json").read_text())["features"][0]
    parameters = feature["strategies"][0]["parameters"]
    for user_id in user_ids(50):
        bucket = mmh3.hash(f"{parameters['groupId']}:{user_id}", signed=False) % 100 + 1
        assert backend_of(user_id) == ("v2" if bucket <= int(parameters["rollout"]) else "legacy")
