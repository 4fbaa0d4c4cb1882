"""All scenarios, their runs and what came out. Counterpart: `page`, which writes it down.

A study is cut into chunks of runs, each run with a seed of its own (scenario and number), so that the result does not
depend on how many processes share the work.
"""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from random import Random

from bench.guard import each_second, harmful, healthy, jobs
from bench.guard.peers import PEERS

RATES = (0.01, 0.025, 0.20)
LATE = 20 * 60
"""Minutes of good behaviour before v2 breaks, in the late scenario."""

NOT_FOUND = float("inf")
CHUNK = 100

FEWER_RUNS = 1000
"""Runs of what no target asks for: signals, a late break, other spreads."""

FINE_RUNS, FINE_HOURS, FINE_PER_MINUTE = 100, 8.0, 100

JOB_SCENARIOS = {
    "failures 2 % -> 10 %": jobs.Jobs(failing=0.10),
    "duration doubled, spread 0.4": jobs.Jobs(times_as_slow=2.0, spread=0.4),
    "duration doubled, spread 0.6": jobs.Jobs(times_as_slow=2.0),
    "duration doubled, spread 0.8": jobs.Jobs(times_as_slow=2.0, spread=0.8),
}
TARGETED = ("failures 2 % -> 10 %", "duration doubled, spread 0.6")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing to simulate: a kind (a key of `RUNS`), and its parameters."""

    kind: str
    name: str = ""
    rate: float = 0.0
    after: int = 0

    def run(self, number: int) -> object:
        """One run."""
        return RUNS[self.kind](self, Random(f"{self.kind} {self.name} {self.rate} {self.after} {number}"))


RUNS: dict[str, Callable[[Scenario, Random], object]] = {
    "healthy": lambda _, rng: healthy.Run(rng).fires(),
    "signals": lambda _, rng: healthy.signals(rng),
    "harmful": lambda scenario, rng: harmful.detection(rng, scenario.rate, scenario.after),
    "jobs": lambda scenario, rng: jobs.detection(rng, JOB_SCENARIOS[scenario.name]),
    "fine": lambda _, rng: each_second.rolls_back(rng, FINE_HOURS, FINE_PER_MINUTE),
    "fine jobs": lambda _, rng: jobs.detection(rng, jobs.Jobs(hours=48.0)),
}


def scenarios(runs: int) -> dict[Scenario, int]:
    """Every scenario and how often it is run."""
    fewer, fine = min(FEWER_RUNS, runs), min(FINE_RUNS, runs)
    found = {Scenario("harmful", rate=rate): runs for rate in RATES}
    found |= {Scenario("jobs", name): runs if name in TARGETED else fewer for name in JOB_SCENARIOS}
    found |= {Scenario("healthy"): runs, Scenario("signals"): fewer}
    found |= {Scenario("harmful", rate=rate, after=LATE): fewer for rate in RATES}
    return found | {Scenario("fine"): fine, Scenario("fine jobs"): fine}


def _chunk(scenario: Scenario, first: int, last: int) -> tuple[Scenario, list[object]]:
    return scenario, [scenario.run(number) for number in range(first, last)]


@dataclass(frozen=True, slots=True)
class Times:
    """How long it took: median, nine tenths, and the share of runs in which it was not found."""

    median: float
    most: float
    missed: float

    @classmethod
    def of(cls, found: list[float], runs: int) -> "Times":
        """From the times of the runs that found it."""
        ordered = sorted(found) + [NOT_FOUND] * (runs - len(found))
        return cls(ordered[runs // 2], ordered[runs * 9 // 10], 1.0 - len(found) / runs)


@dataclass(slots=True)
class Outcome:
    """What the study found, by scenario, in any order of runs."""

    runs: int
    results: dict[Scenario, list[object]] = field(default_factory=dict)

    def of(self, scenario: Scenario) -> list[object]:
        """The results of one scenario's runs."""
        return self.results[scenario]

    def fired(self) -> list[tuple[set[str], dict[str, int]]]:
        """Per healthy run: guardrails that fired, and the minute in which other systems' rules did."""
        found = []
        for result in self.of(Scenario("healthy")):
            assert isinstance(result, tuple)
            found.append(result)
        return found

    def held(self) -> dict[str, float]:
        """Share of healthy runs that a signal held."""
        counts: Counter[str] = Counter()
        runs = self.of(Scenario("signals"))
        for result in runs:
            assert isinstance(result, set)
            counts.update(result)
        return {kind.value: counts[kind] / len(runs) for kind in healthy.SIGNALS}

    def minutes(self, rate: float, after: int) -> dict[str, Times]:
        """Minutes until each rule found a v2 that fails more often."""
        runs = self.of(Scenario("harmful", rate=rate, after=after))
        times: dict[str, list[float]] = {}
        for result in runs:
            assert isinstance(result, dict)
            for name, minutes in result.items():
                times.setdefault(name, []).append(minutes)
        names = [harmful.GUARD, harmful.EQUAL, *(peer.name for peer in PEERS if not after)]
        return {name: Times.of(times.get(name, []), len(runs)) for name in names}

    def jobs(self, name: str) -> tuple[Times, Times]:
        """Hours, and v2's jobs accepted, until bad jobs were found."""
        runs = self.of(Scenario("jobs", name))
        found = [one for one in runs if isinstance(one, jobs.Found)]
        hours, accepted = [one.hours for one in found], [float(one.v2_jobs) for one in found]
        return Times.of(hours, len(runs)), Times.of(accepted, len(runs))

    def fine(self) -> tuple[float, float, float]:
        """Shares of harmless runs rolled back when asked at every record: by user, by request, and by jobs."""
        runs = self.of(Scenario("fine"))
        pairs = [one for one in runs if isinstance(one, tuple)]
        failing = sum(one is not None for one in self.of(Scenario("fine jobs")))
        by_user, by_request = (sum(pair[place] for pair in pairs) / len(runs) for place in (0, 1))
        return by_user, by_request, failing / len(self.of(Scenario("fine jobs")))


def study(runs: int, processes: int, tell: Callable[[str], None]) -> Outcome:
    """Run everything."""
    outcome, plan = Outcome(runs), scenarios(runs)
    with ProcessPoolExecutor(processes) as pool:
        chunks = [
            (scenario, first, min(first + CHUNK, count))
            for scenario, count in plan.items()
            for first in range(0, count, CHUNK)
        ]
        # All scenarios advance together, so that a study which is stopped has the same share of each.
        chunks.sort(key=lambda chunk: chunk[1] / plan[chunk[0]])
        waiting = [pool.submit(_chunk, *chunk) for chunk in chunks]
        for done, one in enumerate(as_completed(waiting), 1):
            scenario, results = one.result()
            outcome.results.setdefault(scenario, []).extend(results)
            tell(f"{done} of {len(waiting)}: {scenario}")
    return outcome
