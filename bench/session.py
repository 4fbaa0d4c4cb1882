"""One run: all rounds, interleaved. In each round every scenario visits every proxy, in an order that rotates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.errors import BenchError, PeerUnavailable
from bench.lineup import DIRECT, PEERS, Peer, Subject, started
from bench.measures import warm_up
from bench.results import Failure, Results, Sample
from bench.scenarios import REQUESTS, SCENARIOS, STREAMS, Scenario
from bench.upstreams import Upstream, request_upstream, streaming_upstream

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, and how often. The long scenarios run in the first round only."""

    peers: tuple[Peer, ...]
    scenarios: tuple[Scenario, ...]
    rounds: int
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether the result may be published: every proxy, every ordinary scenario, five rounds or more."""
        wanted = {scenario.name for scenario in SCENARIOS if not scenario.long}
        everything = self.peers == PEERS and wanted <= {scenario.name for scenario in self.scenarios}
        return everything and self.rounds >= 5

    def steps(self) -> int:
        """Measurements in all."""
        return sum(
            1 for number in range(self.rounds) for scenario in self.scenarios for _ in self.visits(number, scenario)
        )

    def visits(self, number: int, scenario: Scenario) -> list[Peer | None]:
        """Whom the scenario visits in a round, in order; None is the upstream itself."""
        if scenario.long and number:
            return []
        peers: list[Peer | None] = [peer for peer in self.peers if scenario.includes(peer)]
        if scenario.direct:
            peers.append(None)
        return rotated(peers, number)


def rotated(items: Sequence[Peer | None], by: int) -> list[Peer | None]:
    """The items, starting with another one each time."""
    at = by % len(items) if items else 0
    return [*items[at:], *items[:at]]


def make_plan(only: Sequence[str], rounds: int, seconds: float, long: bool) -> Plan:
    """The plan for a choice of proxies and scenarios; none chosen means all. Raises BenchError on an unknown name.

    Choosing proxies keeps nginx, which every ratio needs; choosing a long scenario is as good as `long`.
    """
    peer_names = {peer.name for peer in PEERS}
    scenario_names = {scenario.name for scenario in SCENARIOS}
    if unknown := set(only) - peer_names - scenario_names:
        known = ", ".join([*sorted(peer_names), *sorted(scenario_names)])
        raise BenchError(f"unknown: {', '.join(sorted(unknown))}; known are {known}")
    peers = set(only) & peer_names
    chosen = set(only) & scenario_names
    return Plan(
        tuple(peer for peer in PEERS if not peers or peer.name in peers | {"nginx"}),
        tuple(one for one in SCENARIOS if (one.name in chosen if chosen else long or not one.long)),
        rounds,
        seconds,
    )


@dataclass(slots=True)
class Session:
    """The running proxies of one run. Use `run`."""

    plan: Plan
    report: Report
    results: Results = field(default_factory=Results)
    absent: dict[str, str] = field(default_factory=dict)
    """Proxies that were left out, with the reason."""
    _stack: ExitStack = field(default_factory=ExitStack)
    _upstreams: dict[str, Upstream] = field(default_factory=dict)
    _running: dict[tuple[str, str], Subject] = field(default_factory=dict)

    def run(self) -> Results:
        """Measure everything; proxies that fail are reported and left out. Raises BenchError if upstreams fail."""
        with self._stack:
            self._upstreams[REQUESTS] = self._stack.enter_context(request_upstream())
            self._upstreams[STREAMS] = self._stack.enter_context(streaming_upstream())
            for number in range(self.plan.rounds):
                for scenario in self.plan.scenarios:
                    for peer in self.plan.visits(number, scenario):
                        self._visit(number, scenario, peer)
        return self.results

    def _visit(self, number: int, scenario: Scenario, peer: Peer | None) -> None:
        name = peer.name if peer else DIRECT
        self.report(f"round {number + 1}: {scenario.name}, {name}")
        if name in self.absent:
            return
        try:
            figures = self._measure(scenario, peer)
        except PeerUnavailable as missing:
            self.absent[name] = str(missing)
        except BenchError as failure:
            self.results.failures.append(Failure(number, scenario.name, name, str(failure)))
        else:
            self.results.samples.append(Sample(number, scenario.name, name, figures))

    def _measure(self, scenario: Scenario, peer: Peer | None) -> dict[str, float]:
        upstream = self._upstreams[scenario.upstream]
        if peer is None:
            return scenario.measure(Subject(DIRECT, upstream.port, None, upstream.port), self.plan.seconds)
        if scenario.fresh:
            with started(peer, upstream, "fresh") as subject:
                return scenario.measure(subject, self.plan.seconds)
        key = (peer.name, scenario.upstream)
        if key not in self._running:
            self._running[key] = self._stack.enter_context(started(peer, upstream, scenario.upstream))
            warm_up(self._running[key])
        return scenario.measure(self._running[key], self.plan.seconds)
